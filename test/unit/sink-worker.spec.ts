import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';

import { KeySettings } from '../../src/keys/key-store.js';
import { IssuerSettings } from '../../src/oauth/issuer-settings.js';
import { Deliveries } from '../../src/streams/deliveries.js';
import { DeliveryError, type Delivery } from '../../src/streams/delivery.js';
import { NatsDelivery } from '../../src/streams/nats-delivery.js';
import { pauseAfter } from '../../src/streams/retry-pause.js';
import { batchId, batchOf, bodyOf, type SinkBatch } from '../../src/streams/sink-batch.js';
import { makeWebhookSecret, SinkSecrets } from '../../src/streams/sink-secrets.js';
import { SinkWorker } from '../../src/streams/sink-worker.js';
import type { Sink } from '../../src/streams/sink.js';
import { WebhookDelivery } from '../../src/streams/webhook-delivery.js';
import { webhookHeaders } from '../../src/streams/webhook-signature.js';
import { InMemorySinkStore } from '../../src/testing/index.js';
import { sampleSink } from '../../src/testing/samples.js';
import { FetchSettings, GuardedFetch } from '../../src/tokens/guarded-fetch.js';
import { FakeClock } from '../support/fake-clock.js';
import { LoopbackServer } from '../support/loopback-server.js';
import { MemoryLedger } from '../support/memory-ledger.js';

const ISSUER = new IssuerSettings({ issuer: 'https://idp.example' });
const KEYS = new KeySettings({ encryptionKey: randomBytes(32) });

let clock: FakeClock;
let ledger: MemoryLedger;
let store: InMemorySinkStore;
let batches: SinkBatch[];
/** What becomes of the next deliveries: nothing, or a failure. */
let failures: DeliveryError[];

const fake: Delivery = {
  deliver: async (_sink, batch) => {
    batches.push(batch);
    const failure = failures.shift();
    if (failure) throw failure;
  },
  test: async () => undefined,
};

class FakeDeliveries extends Deliveries {
  override of(): Delivery {
    return fake;
  }
}

beforeAll(() => Logger.overrideLogger(false));
afterAll(() => Logger.overrideLogger(true));

beforeEach(() => {
  clock = new FakeClock();
  ledger = new MemoryLedger();
  store = new InMemorySinkStore();
  batches = [];
  failures = [];
});

function workerOf(): SinkWorker {
  const webhooks = new WebhookDelivery(new FetchSettings(), new SinkSecrets(KEYS), clock);
  const nats = new NatsDelivery(new GuardedFetch(new FetchSettings()), new SinkSecrets(KEYS));
  return new SinkWorker(store, new FakeDeliveries(webhooks, nats), clock, ISSUER, ledger);
}

async function sinkOf(fields: Partial<Sink> = {}): Promise<string> {
  const sink = sampleSink({ filter: {}, ...fields });
  await store.create(sink);
  return sink.id;
}

/** Everything that is due now, again and again until nothing is. */
async function deliver(worker = workerOf()): Promise<void> {
  for (let before = -1; before !== batches.length;) {
    before = batches.length;
    await worker.look();
    await worker.idle();
  }
}

const sequences = (): readonly number[] =>
  batches.flatMap(({ messages }) => messages.map(({ index }) => index));
const range = (first: number, end: number): readonly number[] =>
  Array.from({ length: end - first }, (_, at) => first + at);

describe('A delivery that fails', () => {
  it('leaves the place where it was, and is tried again with the same ids, later and later', async () => {
    const id = await sinkOf();
    ledger.fill(3);
    failures = [new DeliveryError('status 500'), new DeliveryError('status 502')];
    await deliver();
    expect(await store.find(id)).toMatchObject({
      cursor: 0,
      failures: 1,
      lastError: 'status 500',
    });
    await deliver();
    expect(batches).toHaveLength(1);
    clock.advance(1_000);
    await deliver();
    clock.advance(999);
    await deliver();
    expect(batches).toHaveLength(2);
    clock.advance(1_001);
    await deliver();
    expect(await store.find(id)).toMatchObject({ cursor: 3, failures: 0, lastError: null });
    expect(new Set(batches.map(batchId)).size).toBe(1);
    expect(sequences()).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
  });

  it('waits as long as the receiver asks', async () => {
    await sinkOf();
    ledger.fill(1);
    failures = [new DeliveryError('status 429', false, 60_000)];
    await deliver();
    clock.advance(59_999);
    await deliver();
    expect(batches).toHaveLength(1);
    clock.advance(1);
    await deliver();
    expect(batches).toHaveLength(2);
  });

  it('for the last time becomes a dead letter, and what comes next is delivered', async () => {
    const id = await sinkOf({ maxAttempts: 2 });
    ledger.fill(150);
    failures = [new DeliveryError('status 500'), new DeliveryError('status 503')];
    await deliver();
    clock.advance(1_000);
    await deliver();
    expect(await store.deadLetters(id, { limit: 5 })).toMatchObject([
      { first: 0, last: 99, attempts: 2, error: 'status 503' },
    ]);
    expect(sequences()).toEqual([...range(0, 100), ...range(0, 100), ...range(100, 150)]);
    expect(await store.find(id)).toMatchObject({ cursor: 150, state: 'active', failures: 0 });
  });

  it('for the last time stops a sink that must lose nothing', async () => {
    const id = await sinkOf({ maxAttempts: 1, onExhausted: 'stop' });
    ledger.fill(1);
    failures = [new DeliveryError('status 500')];
    await deliver();
    clock.advance(3_600_000);
    await deliver();
    expect(batches).toHaveLength(1);
    expect(await store.find(id)).toMatchObject({ cursor: 0, state: 'stopped' });
    expect(await store.deadLetters(id, { limit: 5 })).toEqual([]);
    await store.move(id, { state: 'active' });
    await deliver();
    expect(await store.find(id)).toMatchObject({ cursor: 1, state: 'active' });
  });

  it('because the receiver is gone ends it', async () => {
    const id = await sinkOf();
    ledger.fill(1);
    failures = [new DeliveryError('status 410', true)];
    await deliver();
    clock.advance(3_600_000);
    await deliver();
    expect(batches).toHaveLength(1);
    expect(await store.find(id)).toMatchObject({ cursor: 0, state: 'gone' });
  });

  it('at one sink holds no other up', async () => {
    const first = await sinkOf();
    const second = await sinkOf();
    ledger.fill(1);
    failures = [new DeliveryError('status 500')];
    await deliver();
    const sinks = await Promise.all([first, second].map((id) => store.find(id)));
    expect(new Set(sinks.map((sink) => sink?.cursor))).toEqual(new Set([0, 1]));
  });
});

describe('A sink', () => {
  it('gets every record once, in order, in batches of a hundred', async () => {
    await sinkOf({ cursor: 5 });
    ledger.fill(512);
    await deliver();
    expect(sequences()).toEqual(range(5, 512));
    expect(Math.max(...batches.map(({ messages }) => messages.length))).toBe(100);
  });

  it('gets what its filter finds, and its place moves past the rest', async () => {
    const id = await sinkOf({ filter: { client: 'my_gateway' } });
    ledger.fill(300, { client: { clientId: 'other' } });
    ledger.fill(2);
    ledger.fill(300, { client: { clientId: 'other' } });
    for (let round = 0; round < 4; round += 1) await deliver();
    expect(sequences()).toEqual([300, 301]);
    expect((await store.find(id))?.cursor).toBe(602);
  });

  it('is delivered to by one of many workers at a time', async () => {
    await sinkOf();
    ledger.fill(450);
    const workers = range(0, 5).map(workerOf);
    await Promise.all(workers.map((worker) => deliver(worker)));
    expect(sequences()).toEqual(range(0, 450));
  });

  it('gets a batch that is no larger than a million characters, unless one record is', () => {
    const record = ledger.append(ledger.fill(1)[0]!);
    const proven = {
      index: 0,
      record,
      isErased: false,
      checkpoint: 'note',
      size: 1,
      root: Buffer.alloc(32),
      leaf: { index: 0, text: 'x'.repeat(600_000), parts: [] },
      path: [],
    };
    const { messages } = batchOf([proven, proven], 'jsonl', ISSUER.issuer);
    expect(messages).toHaveLength(1);
  });

  it.each([
    ['cloudevents', 'application/cloudevents-batch+json; charset=utf-8', '[]'],
    ['ocsf', 'application/json; charset=utf-8', '[]'],
    ['jsonl', 'application/x-ndjson', ''],
  ] as const)('gets %s as %s', (format, type, body) => {
    expect(bodyOf({ format, messages: [], head: '' })).toEqual({ type, body });
  });
});

describe('The pause before the next try', () => {
  it('doubles to an hour at most, is partly chance, and never shorter than asked for', () => {
    expect([1, 2, 3, 12, 13, 50].map((count) => pauseAfter(count, 0, 1))).toEqual([
      1_000, 2_000, 4_000, 2_048_000, 3_600_000, 3_600_000,
    ]);
    expect(pauseAfter(3, 0, 0)).toBe(2_000);
    expect(pauseAfter(1, 5_000, 0)).toBe(5_000);
  });
});

describe('A webhook', () => {
  const secrets = new SinkSecrets(KEYS);
  const current = makeWebhookSecret();

  function delivery(settings: Partial<FetchSettings> = {}): WebhookDelivery {
    return new WebhookDelivery(new FetchSettings(settings), secrets, clock);
  }

  function webhook(url: string, previous?: { secret: string; until: number }): Sink {
    const sink = sampleSink({ url });
    const kept = { current, ...(previous ? { previous } : {}) };
    return { ...sink, sealedSecret: secrets.seal(sink.id, kept) };
  }

  it.each([
    ['a private network', '10.1.2.3', {}, 'The address leads to a private network'],
    ['this machine', '127.0.0.1', {}, 'The address leads to a loopback network'],
    ['the metadata of a cloud', '169.254.169.254', { allowPrivateNetworks: true }, 'reserved'],
  ])('is not sent to %s, whatever the name says', async (_name, address, settings, message) => {
    const resolve = async () => [{ address, family: 4 }];
    const sent = delivery({ ...settings, resolve }).test(webhook('https://siem.example/'));
    await expect(sent).rejects.toThrow(DeliveryError);
    await expect(sent).rejects.toThrow(message);
  });

  it('does not follow a redirect, and tells nothing of an answer but its status', async () => {
    const server = await LoopbackServer.start((_request, response) =>
      response.writeHead(307, { location: '/other' }).end('details'),
    );
    const sent = delivery({ allowLoopbackHttp: true }).test(webhook(`${server.url}/records`));
    await expect(sent).rejects.toThrow(/^status 307$/);
    expect(server.paths).toEqual(['/records']);
    await server.stop();
  });

  it.each([
    ['120', 120_000],
    ['99999999', 86_400_000],
    ['-5', 0],
    ['soon', 0],
    [undefined, 0],
  ])('says when to come back: %s', async (retryAfter, pause) => {
    const server = await LoopbackServer.start((_request, response) =>
      response.writeHead(503, retryAfter ? { 'retry-after': retryAfter } : {}).end(),
    );
    const sent = delivery({ allowLoopbackHttp: true }).test(webhook(server.url));
    await expect(sent).rejects.toMatchObject({ retryAfter: pause, isGone: false });
    server.answer = (_request, response) => response.writeHead(410).end();
    const gone = delivery({ allowLoopbackHttp: true }).test(webhook(server.url));
    await expect(gone).rejects.toMatchObject({ isGone: true });
    await server.stop();
  });

  it('is signed with the secret before, too, as long as that holds', async () => {
    const signatures: string[] = [];
    const server = await LoopbackServer.start((request, response) => {
      signatures.push(String(request.headers['webhook-signature']));
      response.writeHead(204).end();
    });
    const previous = { secret: makeWebhookSecret(), until: clock.now() + 1_000 };
    const sink = webhook(server.url, previous);
    await delivery({ allowLoopbackHttp: true }).test(sink);
    clock.advance(1_000);
    await delivery({ allowLoopbackHttp: true }).test(sink);
    expect(signatures.map((text) => text.split(' ').length)).toEqual([2, 1]);
    await server.stop();
  });

  it('verifies as the documentation says, and nothing else does', async () => {
    const docs = await readFile(new URL('../../docs/streams.md', import.meta.url), 'utf8');
    const [, code = ''] = /```js\n([^]*?)```/.exec(docs) ?? [];
    const { isGenuine } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
      isGenuine: (headers: object, body: string, secret: string) => boolean;
    };
    const body = '[{"id":"é"}]';
    const headers = webhookHeaders('msg_1', Date.now(), body, [makeWebhookSecret(), current]);
    expect(isGenuine(headers, body, current)).toBe(true);
    expect(isGenuine(headers, `${body} `, current)).toBe(false);
    expect(isGenuine(headers, body, makeWebhookSecret())).toBe(false);
    expect(isGenuine({ ...headers, 'webhook-id': 'msg_2' }, body, current)).toBe(false);
    const old = webhookHeaders('msg_1', Date.now() - 301_000, body, [current]);
    expect(isGenuine(old, body, current)).toBe(false);
  });

  it('is signed as the published example of Standard Webhooks is', () => {
    const { 'webhook-signature': signature } = webhookHeaders(
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      1_614_265_330_000,
      '{"test": 2432232314}',
      ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    );
    expect(signature).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });
});
