import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { RunningService, tokenOf } from '../support/running-service.js';
import { ServiceChain, type ActorName } from '../support/service-chain.js';

/** More of them for a closer look: `EXCHANGES=100000 npm test -- test/app/revocation-under-load`. */
const EXCHANGES = Number(process.env.EXCHANGES ?? 1_500);
/** Milliseconds in which a revocation has to reach every instance. */
const EVERYWHERE = 1_000;
const CONNECTIONS = 16;
/** Milliseconds between two revocations. */
const PAUSE = 40;
const ADMIN_SECRET = randomBytes(32).toString('base64url');
const KEY = randomBytes(32).toString('base64');

/** A token that somebody was given, in the tree of what came of what. */
interface Node {
  readonly token: string;
  readonly parent: Node | undefined;
  /** Who got it, and may revoke it. */
  readonly holder: 'web' | ActorName;
  /** When its revocation was acknowledged. */
  revokedAt: number | undefined;
}

let database: TestDatabase;
let services: readonly RunningService[];
let chain: ServiceChain;

beforeAll(async () => {
  database = await createTestDatabase();
  services = [await start(), await start()];
  chain = await ServiceChain.register(anyService(), ADMIN_SECRET);
  await sleep(EVERYWHERE);
}, 60_000);

afterAll(async () => {
  await Promise.all(services.map((service) => service.remove()));
  await database.drop();
}, 60_000);

function start(): Promise<RunningService> {
  return RunningService.start({
    NODE_ENV: 'test',
    LOG_LEVEL: 'warn',
    DATABASE_URL: database.url,
    KEY_ENCRYPTION_KEY: KEY,
    FIRST_ADMIN_SECRET: ADMIN_SECRET,
  });
}

function anyOf<T>(list: readonly T[]): T {
  const one = list[randomInt(list.length)];
  if (one === undefined) throw new Error('There is nothing to choose from');
  return one;
}

function anyService(): RunningService {
  return anyOf(services);
}

/** When the first revocation was acknowledged that a token should have died of. */
function deadSince(node: Node | undefined): number {
  if (node === undefined) return Infinity;
  return Math.min(node.revokedAt ?? Infinity, deadSince(node.parent));
}

/** Trees that grow by exchanges at both instances while tokens in them are revoked. */
class Forest {
  readonly #nodes: Node[] = [];
  tried = 0;
  granted = 0;
  refused = 0;
  revoked = 0;
  /** Milliseconds after an acknowledgement at which something was granted none the less. */
  readonly late: number[] = [];
  /** Tokens that were refused although nothing of theirs was revoked. */
  wronged = 0;

  async plant(): Promise<void> {
    const token = tokenOf(await chain.root(anyService()));
    this.#nodes.push({ token, parent: undefined, holder: 'web', revokedAt: undefined });
  }

  /** One exchange of any token, dead ones too. */
  async grow(): Promise<void> {
    const node = anyOf(this.#nodes.slice(-400));
    const next = { web: 'gateway', gateway: 'address_service', address_service: 'address_service' };
    const actor = next[node.holder] as ActorName;
    const presenter = node.holder === 'address_service' ? undefined : actor;
    if (presenter === undefined) return;
    const began = performance.now();
    const deadBefore = deadSince(node);
    const answer = await chain.exchange(anyService(), presenter, node.token);
    const ended = performance.now();
    this.tried += 1;
    if (answer.status === 200) {
      this.granted += 1;
      this.#nodes.push({
        token: tokenOf(answer),
        parent: node,
        holder: presenter,
        revokedAt: undefined,
      });
      // An exchange that began in time may be answered late; one that began afterwards may not.
      if (began > deadBefore + EVERYWHERE) this.late.push(ended - deadBefore);
      return;
    }
    expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_request']);
    this.refused += 1;
    // A revocation takes effect before it is acknowledged, never before it is asked for.
    if (deadSince(node) === Infinity && !this.#isBeingRevoked(node)) this.wronged += 1;
  }

  readonly #underWay = new Set<Node>();

  #isBeingRevoked(node: Node | undefined): boolean {
    return node !== undefined && (this.#underWay.has(node) || this.#isBeingRevoked(node.parent));
  }

  /** Revokes any token, by whoever got it. */
  async prune(): Promise<void> {
    const node = anyOf(this.#nodes.slice(-200));
    if (deadSince(node) !== Infinity) return;
    this.#underWay.add(node);
    const answer = await chain.revoke(anyService(), node.holder, node.token);
    expect([answer.status, answer.text]).toEqual([200, '']);
    node.revokedAt = performance.now();
    this.#underWay.delete(node);
    this.revoked += 1;
  }

  /** Every token that should be dead, at both instances. */
  async alive(): Promise<number> {
    const dead = this.#nodes.filter((node) => deadSince(node) !== Infinity).slice(-200);
    let alive = 0;
    for (const { token, holder } of dead) {
      for (const service of services) {
        const answer = await chain.introspect(service, holder, token);
        if (answer.text !== '{"active":false}') alive += 1;
      }
    }
    return alive;
  }
}

describe('Two instances under load', () => {
  it(
    'grant nothing that comes of a revoked token, from a second after it was acknowledged',
    async () => {
      const forest = new Forest();
      for (let count = 0; count < 8; count += 1) await forest.plant();
      const revoking = (async () => {
        while (forest.tried < EXCHANGES) {
          await forest.prune();
          await forest.plant();
          await sleep(PAUSE);
        }
      })();
      await Promise.all(
        Array.from({ length: CONNECTIONS }, async () => {
          while (forest.tried < EXCHANGES) await forest.grow();
        }),
      );
      await revoking;
      await sleep(EVERYWHERE);
      expect({ late: forest.late, wronged: forest.wronged, alive: await forest.alive() }).toEqual({
        late: [],
        wronged: 0,
        alive: 0,
      });
      expect(forest.revoked).toBeGreaterThan(5);
      expect(forest.refused).toBeGreaterThan(10);
      expect(forest.granted).toBeGreaterThan(EXCHANGES / 10);
      if (process.env.EXCHANGES !== undefined) {
        const { tried, granted, refused, revoked } = forest;
        process.stdout.write(`${JSON.stringify({ tried, granted, refused, revoked })}\n`);
      }
    },
    30 * 60_000,
  );
});
