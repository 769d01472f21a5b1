import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { GrantType } from '../../src/oauth/grant-type.js';
import { OPENID_SCOPES } from '../../src/oauth/openid.js';
import {
  InMemoryAccountStore,
  InMemoryAuditLog,
  InMemoryAuditReader,
  InMemoryAuthorizationStore,
  InMemoryClientStore,
  InMemoryKeyStore,
  InMemoryRevocationStore,
  InMemorySessionStore,
  InMemoryTrustedIssuerStore,
} from '../../src/testing/index.js';
import type { Answer } from '../support/protocol.js';
import { CALLBACK, Provider } from '../support/provider.js';

/** Everything that a request here may call. */
const STORES = [
  InMemoryAccountStore,
  InMemoryAuditLog,
  InMemoryAuditReader,
  InMemoryAuthorizationStore,
  InMemoryClientStore,
  InMemoryKeyStore,
  InMemoryRevocationStore,
  InMemorySessionStore,
  InMemoryTrustedIssuerStore,
];

const INACTIVE = '{"active":false}';

type Call = (...parameters: readonly unknown[]) => Promise<unknown>;

let provider: Provider;

beforeAll(async () => {
  provider = await Provider.start();
  await provider.client({
    clientId: 'portal',
    grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
    scopes: [...OPENID_SCOPES, 'address:read'],
    targets: ['my_gateway'],
    defaultTarget: 'my_gateway',
    signIn: { redirectUris: [CALLBACK], consentRequired: false },
  });
});

afterEach(() => {
  jest.restoreAllMocks();
});

afterAll(() => provider.stop());

/** Lets one call of a store fail, counted from now on. @returns how many calls were made */
function failCall(failing: number): () => number {
  let calls = 0;
  for (const store of STORES) {
    const kept = provider.app.get<Record<string, Call>>(store, { strict: false });
    for (const name of Object.getOwnPropertyNames(store.prototype)) {
      const property = Object.getOwnPropertyDescriptor(store.prototype, name);
      if (name === 'constructor' || typeof property?.value !== 'function') continue;
      const call = (property.value as Call).bind(kept);
      jest.spyOn(kept, name).mockImplementation((...parameters) => {
        calls += 1;
        return calls === failing ? Promise.reject(new Error('out of reach')) : call(...parameters);
      });
    }
  }
  return () => calls;
}

/** Does something as often as it makes calls, each time with another one that fails, and at last with none. */
async function withEveryFault(
  work: () => Promise<{ readonly send: () => Promise<Answer> }>,
  judge: (answer: Answer) => Promise<void> | void,
): Promise<readonly number[]> {
  const statuses: number[] = [];
  for (let failing = 1; ; failing += 1) {
    const { send } = await work();
    // What is remembered is too old by then, so that everything is asked.
    provider.clock.advance(1_000);
    const calls = failCall(failing);
    const answer = await send();
    const isFaulty = calls() >= failing;
    jest.restoreAllMocks();
    statuses.push(answer.status);
    await judge(answer);
    if (!isFaulty) return statuses;
  }
}

const ask = (token: unknown, clientId: string): Promise<Answer> =>
  provider.post('/connect/introspect', { token: String(token) }, clientId);

const takeBack = (token: unknown, clientId: string): Promise<Answer> =>
  provider.post('/connect/revocation', { token: String(token) }, clientId);

/** What a sign-in gave, and what the gateway made of it. */
async function given(): Promise<{ readonly answer: Answer; readonly exchanged: string }> {
  const code = await provider.code({ client_id: 'portal' });
  const answer = await provider.redeem(code, {}, 'portal');
  const exchanged = await provider.exchange(answer.body['access_token']);
  expect([answer.status, exchanged.status]).toEqual([200, 200]);
  return { answer, exchanged: String(exchanged.body['access_token']) };
}

/** Refused or done, and never anything else: at last it is done. */
function expectFaults(statuses: readonly number[], atLeast: number): void {
  expect(statuses.length).toBeGreaterThan(atLeast);
  expect(new Set(statuses)).toEqual(new Set([503, 200]));
  expect(statuses.at(-1)).toBe(200);
}

describe('Whichever call of a store fails', () => {
  it('an access token is not said to be revoked unless it is, with what came of it', async () => {
    let held = await given();
    const statuses = await withEveryFault(
      async () => {
        held = await given();
        return { send: () => takeBack(held.answer.body['access_token'], 'portal') };
      },
      async ({ status }) => {
        const own = await ask(held.answer.body['access_token'], 'my_gateway');
        const exchanged = await ask(held.exchanged, 'address_service');
        expect(own.text === INACTIVE).toBe(exchanged.text === INACTIVE);
        if (status === 200) expect(own.text).toBe(INACTIVE);
      },
    );
    expectFaults(statuses, 4);
  });

  it('a refresh token is not said to be revoked unless all of it is', async () => {
    let held = await given();
    const statuses = await withEveryFault(
      async () => {
        held = await given();
        return { send: () => takeBack(held.answer.body['refresh_token'], 'portal') };
      },
      async ({ status }) => {
        const texts = [
          (await ask(held.answer.body['refresh_token'], 'portal')).text,
          (await ask(held.exchanged, 'address_service')).text,
        ];
        expect(new Set(texts.map((text) => text === INACTIVE)).size).toBe(1);
        if (status === 200) expect(texts).toEqual([INACTIVE, INACTIVE]);
      },
    );
    expectFaults(statuses, 3);
  });

  it.each([
    ['a good access token', false],
    ['a good refresh token', true],
  ])('%s is not said to be bad', async (_, isRefresh) => {
    const held = await given();
    const token = isRefresh ? held.answer.body['refresh_token'] : held.exchanged;
    const clientId = isRefresh ? 'portal' : 'address_service';
    const send = () => ask(token, clientId);
    const statuses = await withEveryFault(
      () => Promise.resolve({ send }),
      ({ status, body }) => {
        expect([status, body['active']]).toEqual(status === 200 ? [200, true] : [503, undefined]);
      },
    );
    expectFaults(statuses, 3);
  });

  it('a revoked token is not said to be good, whatever it is', async () => {
    const held = await given();
    expect((await takeBack(held.answer.body['access_token'], 'portal')).status).toBe(200);
    const statuses = await withEveryFault(
      () => Promise.resolve({ send: () => ask(held.exchanged, 'address_service') }),
      ({ status, text }) => {
        if (status === 200) expect(text).toBe(INACTIVE);
      },
    );
    expectFaults(statuses, 1);
  });
});
