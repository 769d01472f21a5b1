import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';

import { runAuditCommand } from '../../src/app/audit-command.js';
import type { AuditRecord } from '../../src/audit/audit-record.js';
import { readLeaf } from '../../src/audit/ledger/leaf.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { DistantService, SERVICE_ISSUER, tokenOf } from '../support/running-service.js';
import { ServiceChain } from '../support/service-chain.js';
import { freePort, ServiceProcess } from '../support/service-process.js';

/** More of them for a closer look: `KILLS=8 CONNECTIONS=50 npm test -- test/app/ledger-kills`. */
const KILLS = Number(process.env.KILLS ?? 2);
/** At each of the two instances. */
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 8);
/** Milliseconds from one kill to the next, besides the time that a start takes. */
const PAUSE = { least: 200, most: 1_200 };
/** Milliseconds that a client waits at most before it asks again. */
const THINKING = 20;
const ADMIN_SECRET = randomBytes(32).toString('base64url');
const KEY = randomBytes(32).toString('base64');

/** An instance that is killed and started again at the same address. */
class Instance {
  readonly door: DistantService;
  #process: ServiceProcess | undefined;

  private constructor(private readonly port: number) {
    this.door = new DistantService(`http://127.0.0.1:${port}`);
  }

  static async start(): Promise<Instance> {
    const instance = new Instance(await freePort());
    await instance.start();
    return instance;
  }

  async start(): Promise<void> {
    this.#process = await ServiceProcess.start(folder, this.port, {
      NODE_ENV: 'test',
      LOG_LEVEL: 'warn',
      ISSUER: SERVICE_ISSUER,
      DATABASE_URL: database.url,
      KEY_ENCRYPTION_KEY: KEY,
      FIRST_ADMIN_SECRET: ADMIN_SECRET,
    });
  }

  /** `kill -9`: nothing that it was about to write or to answer gets any further. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  async end(): Promise<void> {
    await this.#process?.stop();
    this.door.close();
  }
}

/** What clients saw. */
class Clients {
  /** The `jti` of every token that one of them received. */
  readonly received: string[] = [];
  refused = 0;
  /** Answers that said that nothing was granted for now. */
  unavailable = 0;
  /** Requests that were never answered. */
  lost = 0;
  /** Statuses that nobody may be answered with. */
  readonly odd: number[] = [];
  isLeaving = false;

  /** Asks this instance again and again, for what is granted and for what is not. */
  async stayAt({ door }: Instance): Promise<void> {
    let root = '';
    for (let turn = 0; !this.isLeaving; turn += 1) {
      try {
        const isRoot = turn % 10 === 0 || root === '';
        // Whoever did not get the token says so with its name.
        const actor = turn % 4 === 3 ? 'address_service' : 'gateway';
        const { status, body } = isRoot
          ? await chain.root(door)
          : await chain.exchange(door, actor, root);
        const token = tokenOf({ body });
        if (status === 200) this.received.push(String(decodeJwt(token).jti));
        else if (status === 400) this.refused += 1;
        else if (status === 503) this.unavailable += 1;
        else this.odd.push(status);
        if (isRoot && status === 200) root = token;
      } catch {
        this.lost += 1;
        await sleep(100);
      }
      door.answers.length = 0;
      await sleep(randomInt(THINKING));
    }
  }
}

let folder: string;
let database: TestDatabase;
let instances: readonly [Instance, Instance];
let chain: ServiceChain;
let key: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nest-token-exchange-kills-'));
  database = await createTestDatabase();
  instances = await Promise.all([Instance.start(), Instance.start()]);
  const [first] = instances;
  chain = await ServiceChain.register(first.door, ADMIN_SECRET);
  while ((await first.door.send('/ledger/checkpoint')).status !== 200) await sleep(50);
  key = (await first.door.send('/ledger/keys')).text;
}, 60_000);

afterAll(async () => {
  await Promise.all(instances.map((instance) => instance.end()));
  await database.drop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** Kills one of them, or both, whenever chance has it. */
async function killAndRestart(): Promise<void> {
  for (let count = 1; count <= KILLS; count += 1) {
    await sleep(randomInt(PAUSE.least, PAUSE.most));
    const killed = count === KILLS ? instances : [instances[randomInt(2)]!];
    await Promise.all(killed.map((instance) => instance.kill()));
    await Promise.all(killed.map((instance) => instance.start()));
  }
  await sleep(PAUSE.least);
}

/** Waits until a checkpoint covers whatever was recorded until now. */
async function covered(): Promise<void> {
  const [{ door }] = instances;
  await chain.renew(door, ADMIN_SECRET);
  const { body } = await door.admin(chain.administrator, 'GET', '/audit/records?limit=1');
  const [last] = body['items'] as unknown as readonly { readonly sequence: string }[];
  for (;;) {
    const [, size] = (await door.send('/ledger/checkpoint')).text.split('\n');
    if (Number(size) > Number(last?.sequence)) return;
    await sleep(50);
  }
}

async function audit(words: readonly string[]): Promise<{ code: number; out: string }> {
  const parts: string[] = [];
  const take = (text: string): void => void parts.push(text);
  const code = await runAuditCommand(words, { out: take, error: take }, { ADMIN_SECRET });
  return { code, out: parts.join('') };
}

describe('Two instances that are killed at random moments', () => {
  it(
    'leave one contiguous log that verifies and holds the record of every token that anybody received',
    async () => {
      const clients = new Clients();
      const staying = instances.flatMap((instance) =>
        Array.from({ length: CONNECTIONS }, () => clients.stayAt(instance)),
      );
      await killAndRestart();
      clients.isLeaving = true;
      await Promise.all(staying);
      await covered();
      const exported = await audit(['export', '--server', instances[0].door.url]);
      const file = join(folder, 'export.jsonl');
      await writeFile(file, exported.out);

      const { out, code } = await audit(['verify', '--key', key, '--file', file]);
      expect({ code, out: out.split('\n')[0] }).toEqual({ code: 0, out: 'Proved:' });

      const lines = exported.out.split('\n').filter((line) => line.startsWith('{"type":"entry"'));
      const entries = lines.map((line) => JSON.parse(line) as { index: number; leaf: string });
      expect(entries.every(({ index }, place) => index === place)).toBe(true);
      const records = entries.map(({ leaf }) => readLeaf(leaf).record as unknown as AuditRecord);
      const kept = new Set(records.map(({ issuedToken }) => issuedToken?.jti));
      expect(clients.received.filter((jti) => !kept.has(jti))).toEqual([]);
      const refused = records.filter(({ outcome }) => outcome === 'refused').length;
      expect(refused).toBeGreaterThanOrEqual(clients.refused);

      expect(clients.odd).toEqual([]);
      expect(new Set(clients.received).size).toBe(clients.received.length);
      expect(clients.received.length).toBeGreaterThan(100);
      expect(clients.refused).toBeGreaterThan(20);
      // Somebody was asking whenever an instance died.
      expect(clients.lost).toBeGreaterThanOrEqual(KILLS);
      if (process.env.KILLS !== undefined) {
        const { received, refused: no, unavailable, lost } = clients;
        const seen = { received: received.length, refused: no, unavailable, lost };
        process.stdout.write(`${JSON.stringify({ ...seen, records: entries.length })}\n`);
      }
    },
    30 * 60_000,
  );
});
