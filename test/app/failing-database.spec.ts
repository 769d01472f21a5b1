import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';

import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { RunningService, tokenOf, type ServiceAnswer } from '../support/running-service.js';
import { ServiceChain } from '../support/service-chain.js';

/** Milliseconds after which nothing is answered from memory alone. */
const FORGOTTEN = 1_000;
const ADMIN_SECRET = randomBytes(32).toString('base64url');

type Query = (...parts: unknown[]) => unknown;

/** Node's channel on which a server says that a request has come. */
const REQUESTS = 'http.server.request.start';

/** Lets one of the statements fail that are sent to the database on behalf of a request. */
class FailingDatabase {
  static readonly #whole = pg.Client.prototype as unknown as { query: Query };
  readonly #query = FailingDatabase.#whole.query;
  /** Tells the statements of a request from those of the work in the background. */
  readonly #request = new AsyncLocalStorage<boolean>();
  readonly #begin = (): void => this.#request.enterWith(true);
  #sent = 0;
  #failing = 0;

  constructor() {
    subscribe(REQUESTS, this.#begin);
    const failing = (): boolean =>
      this.#request.getStore() === true && (this.#sent += 1) === this.#failing;
    const query = this.#query;
    FailingDatabase.#whole.query = function sent(this: unknown, ...parts: unknown[]): unknown {
      if (!failing()) return query.apply(this, parts);
      const error = new Error('The connection was lost');
      const callback = parts.at(-1);
      if (typeof callback !== 'function') return Promise.reject(error);
      process.nextTick(() => (callback as (error: Error) => void)(error));
      return undefined;
    };
  }

  /**
   * Sends a request whose statement of this number fails.
   * @returns whether there was one
   */
  async during(number: number, work: () => Promise<void>): Promise<boolean> {
    this.#sent = 0;
    this.#failing = number;
    try {
      await work();
      return this.#sent >= number;
    } finally {
      this.#failing = 0;
    }
  }

  mend(): void {
    unsubscribe(REQUESTS, this.#begin);
    FailingDatabase.#whole.query = this.#query;
  }
}

let database: TestDatabase;
let service: RunningService;
let failing: FailingDatabase;
let chain: ServiceChain;

beforeAll(async () => {
  database = await createTestDatabase();
  service = await RunningService.start({
    NODE_ENV: 'test',
    DATABASE_URL: database.url,
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    FIRST_ADMIN_SECRET: ADMIN_SECRET,
  });
  chain = await ServiceChain.register(service, ADMIN_SECRET);
  failing = new FailingDatabase();
}, 60_000);

afterAll(async () => {
  failing.mend();
  await service.remove();
  await database.drop();
}, 60_000);

function good(answer: ServiceAnswer): string {
  expect({ status: answer.status, error: answer.body['error'] }).toEqual({ status: 200 });
  return tokenOf(answer);
}

function expectUnavailable({ status, body, headers }: ServiceAnswer): void {
  expect({ status, body }).toEqual({
    status: 503,
    body: {
      error: 'temporarily_unavailable',
      error_description: 'The server cannot answer this request now. Try again later.',
    },
  });
  expect(headers['retry-after']).toBe('1');
}

/** How many statements failed in turn, until some work needs no more of them. */
async function failEach(
  work: () => Promise<ServiceAnswer>,
  after: (answer: ServiceAnswer) => Promise<void>,
): Promise<number> {
  for (let number = 1; ; number += 1) {
    await sleep(FORGOTTEN);
    let answer: ServiceAnswer | undefined;
    const hasFailed = await failing.during(number, async () => {
      answer = await work();
    });
    if (answer === undefined) throw new Error('There was no answer');
    if (!hasFailed) return number - 1;
    await after(answer);
  }
}

describe('CVE-2020-15223, an error of the store was swallowed: whichever statement fails', () => {
  it('an exchange gives no token, and the same one is good afterwards', async () => {
    const root = good(await chain.root(service));
    const exchange = (): Promise<ServiceAnswer> => chain.exchange(service, 'gateway', root);
    const count = await failEach(exchange, async (answer) => {
      expectUnavailable(answer);
      good(await exchange());
    });
    // The client, its target, the policies, the keys, what is revoked, the record.
    expect(count).toBeGreaterThanOrEqual(6);
  }, 120_000);

  it('a sign-in of a client gives no token', async () => {
    const count = await failEach(
      () => chain.root(service),
      async (answer) => expectUnavailable(answer),
    );
    expect(count).toBeGreaterThanOrEqual(4);
  }, 120_000);

  it('nothing is said to be revoked that is not', async () => {
    let root = good(await chain.root(service));
    let child = good(await chain.exchange(service, 'gateway', root));
    const revoke = async (): Promise<ServiceAnswer> => chain.revoke(service, 'web', root);
    const count = await failEach(revoke, async (answer) => {
      if (answer.status === 200) {
        // What failed was only looked at afterwards: then it is true.
        expect((await chain.exchange(service, 'gateway', root)).status).toBe(400);
      } else {
        expectUnavailable(answer);
        // It may be revoked or not, but it is one of both: again says it for certain.
        expect((await revoke()).status).toBe(200);
      }
      for (const [actor, token] of [
        ['gateway', root],
        ['address_service', child],
      ] as const) {
        const refused = await chain.exchange(service, actor, token);
        expect([refused.status, refused.body['error']]).toEqual([400, 'invalid_request']);
      }
      root = good(await chain.root(service));
      child = good(await chain.exchange(service, 'gateway', root));
    });
    expect(count).toBeGreaterThanOrEqual(4);
  }, 180_000);

  it('introspection neither says that a token is active nor that it is not', async () => {
    const root = good(await chain.root(service));
    const introspect = (): Promise<ServiceAnswer> => chain.introspect(service, 'gateway', root);
    const count = await failEach(introspect, async (answer) => {
      expectUnavailable(answer);
      expect((await introspect()).body['active']).toBe(true);
    });
    expect(count).toBeGreaterThanOrEqual(3);
  }, 120_000);
});
