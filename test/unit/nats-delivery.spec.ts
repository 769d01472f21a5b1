import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, nkeys, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';

import { KeySettings } from '../../src/keys/key-store.js';
import { IssuerSettings } from '../../src/oauth/issuer-settings.js';
import { Deliveries } from '../../src/streams/deliveries.js';
import { DeliveryError } from '../../src/streams/delivery.js';
import { NatsDelivery } from '../../src/streams/nats-delivery.js';
import { SinkSecrets, type NatsCredentials } from '../../src/streams/sink-secrets.js';
import { SinkWorker } from '../../src/streams/sink-worker.js';
import type { Sink } from '../../src/streams/sink.js';
import { WebhookDelivery } from '../../src/streams/webhook-delivery.js';
import { InMemorySinkStore } from '../../src/testing/index.js';
import { sampleSink } from '../../src/testing/samples.js';
import { FetchSettings, GuardedFetch } from '../../src/tokens/guarded-fetch.js';
import { FakeClock } from '../support/fake-clock.js';
import { FakeNats } from '../support/fake-nats.js';
import { MemoryLedger } from '../support/memory-ledger.js';
import { freePort } from '../support/service-process.js';

/** A real server, where there is one: the path of the program `nats-server`. */
const PROGRAM = process.env['NATS_SERVER'];
const KEYS = new KeySettings({ encryptionKey: randomBytes(32) });
const secrets = new SinkSecrets(KEYS);
const SUBJECT = 'audit.records';

const open: NatsDelivery[] = [];

beforeAll(() => Logger.overrideLogger(false));
afterAll(() => Logger.overrideLogger(true));
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

function deliveryOf(settings: Partial<FetchSettings> = { allowLoopbackHttp: true }): NatsDelivery {
  const delivery = new NatsDelivery(new GuardedFetch(new FetchSettings(settings)), secrets);
  open.push(delivery);
  return delivery;
}

function sinkAt(url: string, credentials?: NatsCredentials): Sink {
  const sink = sampleSink({ kind: 'nats', url, subject: SUBJECT, filter: {}, maxAttempts: 50 });
  const sealedSecret = credentials ? secrets.seal(sink.id, credentials) : null;
  return { ...sink, sealedSecret };
}

/** A worker for one sink, driven until the sink has got everything. */
async function deliverAll(sink: Sink, ledger: MemoryLedger): Promise<void> {
  const store = new InMemorySinkStore();
  await store.create(sink);
  const clock = new FakeClock();
  const webhooks = new WebhookDelivery(new FetchSettings(), secrets, clock);
  const deliveries = new Deliveries(webhooks, deliveryOf());
  const issuer = new IssuerSettings({ issuer: ledger.issuer });
  const worker = new SinkWorker(store, deliveries, clock, issuer, ledger);
  while ((await store.find(sink.id))!.cursor < (await ledger.size())) {
    await worker.look();
    await worker.idle();
    clock.advance(3_600_000);
    await sleep(10);
  }
}

const emptyBatch = { format: 'cloudevents', messages: [], head: '' } as const;

describe('Delivery to NATS refuses', () => {
  it.each([
    ['10.1.2.3', 'The address leads to a private network'],
    ['127.0.0.1', 'The address leads to a loopback network'],
  ])('an address that is not public: %s', async (address, message) => {
    const resolve = async () => [{ address, family: 4 }];
    const sent = deliveryOf({ resolve }).deliver(sinkAt('tls://nats.example:4222'), emptyBatch);
    await expect(sent).rejects.toThrow(DeliveryError);
    await expect(sent).rejects.toThrow(message);
  });

  it('a server without TLS where it is due, before it says who it is', async () => {
    const fake = await FakeNats.start();
    const sink = sinkAt(fake.url.replace('nats:', 'tls:'), { kind: 'token', token: 'secret' });
    await expect(deliveryOf().deliver(sink, emptyBatch)).rejects.toThrow('NATS cannot be reached');
    expect(fake.connects).toEqual([]);
    await fake.stop();
  });

  it('a server that is not there', async () => {
    const sink = sinkAt(`nats://127.0.0.1:${await freePort()}`);
    await expect(deliveryOf().deliver(sink, emptyBatch)).rejects.toThrow('NATS cannot be reached');
  });
});

describe('Delivery to NATS', () => {
  let fake: FakeNats;
  let ledger: MemoryLedger;
  beforeEach(async () => {
    fake = await FakeNats.start();
    ledger = new MemoryLedger();
  });
  afterEach(() => fake.stop());

  it('publishes each record with its id, in order, and says who it is', async () => {
    const records = ledger.fill(120);
    const credentials = { kind: 'password', user: 'idp', password: 'secret' } as const;
    await deliverAll(sinkAt(fake.url, credentials), ledger);
    expect(fake.messages.map(({ id }) => id)).toEqual(records.map(({ id }) => id));
    expect(JSON.parse(fake.messages[0]!.text)).toMatchObject({ id: records[0]!.id });
    expect(fake.connects[0]).toMatchObject({ user: 'idp', pass: 'secret' });
  });

  it('loses nothing when the server dies before it acknowledges', async () => {
    const records = ledger.fill(60);
    let count = 0;
    fake.dies = () => (count += 1) % 25 === 0 && count < 100;
    await deliverAll(sinkAt(fake.url), ledger);
    const first = new Map(fake.messages.map(({ id, text }) => [id, text]));
    expect([...first.keys()]).toEqual(records.map(({ id }) => id));
    expect(fake.messages.length).toBeGreaterThan(first.size);
  });
});

(PROGRAM === undefined ? describe.skip : describe)('Delivery to a real NATS server', () => {
  const port = freePort();
  let folder: string;
  let server: ChildProcess;
  const nkey = nkeys.createUser();
  const seed = Buffer.from(nkey.getSeed()).toString();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nest-token-exchange-nats-'));
    const users = `{ nkey: ${nkey.getPublicKey()} }, { user: idp, password: secret }`;
    await writeFile(
      join(folder, 'nats.conf'),
      `listen: "127.0.0.1:${await port}"\njetstream { store_dir: "${folder}" }\nauthorization { timeout: 30, users: [ ${users} ] }\n`,
    );
    await start();
    const connection = await client();
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: 'AUDIT', subjects: [SUBJECT] });
    await connection.close();
  });

  afterAll(async () => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(): Promise<void> {
    server = spawn(PROGRAM ?? '', ['-c', join(folder, 'nats.conf')], { stdio: 'ignore' });
    for (;;) {
      const connection = await client().catch(() => undefined);
      if (connection) return connection.close();
      await sleep(50);
    }
  }

  async function kill(): Promise<void> {
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  }

  async function client(): Promise<NatsConnection> {
    const servers = `127.0.0.1:${await port}`;
    return connect({ servers, user: 'idp', pass: 'secret', reconnect: false });
  }

  /** The ids of everything that the stream has, in its order. */
  async function stored(): Promise<readonly string[]> {
    const connection = await client();
    const manager = await jetstreamManager(connection);
    const { state } = await manager.streams.info('AUDIT');
    const consumer = await jetstream(connection).consumers.get('AUDIT');
    const ids: string[] = [];
    for await (const message of await consumer.fetch({ max_messages: state.messages })) {
      ids.push(message.headers?.get('Nats-Msg-Id') ?? '');
      if (ids.length === state.messages) break;
    }
    await connection.close();
    return ids;
  }

  it('refuses wrong credentials and a subject that no stream takes, in words of ours', async () => {
    const url = `nats://127.0.0.1:${await port}`;
    const wrong = sinkAt(url, { kind: 'password', user: 'idp', password: 'wrong' });
    await expect(deliveryOf().test(wrong)).rejects.toThrow('NATS refuses the credentials');
    const right = sinkAt(url, { kind: 'nkey', seed });
    await deliveryOf().test(right);
    const other = deliveryOf().test({ ...right, subject: 'other' });
    await expect(other).rejects.toThrow('no stream of NATS takes the subject');
    const message = { id: 'x', index: 0, text: '{}' };
    const sent = deliveryOf().deliver(
      { ...right, subject: 'other' },
      { ...emptyBatch, messages: [message] },
    );
    await expect(sent).rejects.toThrow('no stream of NATS takes the subject');
  });

  it('has every record once, in order, though the server was killed in the middle', async () => {
    const ledger = new MemoryLedger();
    const records = ledger.fill(400);
    const sink = sinkAt(`nats://127.0.0.1:${await port}`, { kind: 'nkey', seed });
    const done = deliverAll(sink, ledger);
    for (const pause of [300, 300, 300]) {
      await sleep(pause);
      await kill();
      await start();
    }
    await done;
    expect(await stored()).toEqual(records.map(({ id }) => id));
  }, 60_000);
});
