import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';

import { TokenType } from '../../src/oauth/token-type.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { foreignKey, signedBy } from '../support/foreign-key.js';
import { json, LoopbackServer } from '../support/loopback-server.js';
import { RunningService, tokenOf, type ServiceAnswer } from '../support/running-service.js';
import { ServiceChain } from '../support/service-chain.js';

/** Milliseconds in which a kill switch has to reach every instance. */
const EVERYWHERE = 1_000;
const ADMIN_SECRET = randomBytes(32).toString('base64url');
const ENVIRONMENT = {
  NODE_ENV: 'test',
  KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
  FIRST_ADMIN_SECRET: ADMIN_SECRET,
};
const key = foreignKey('partner-1');

let database: TestDatabase;
let one: RunningService;
let other: RunningService;
let chain: ServiceChain;
let partner: LoopbackServer;

/** Tokens that somebody has when a switch is turned: for the gateway, and for the address service. */
interface Held {
  readonly root: string;
  readonly rootType?: string;
  readonly hop: string;
}

beforeAll(async () => {
  database = await createTestDatabase();
  partner = await LoopbackServer.start();
  partner.answer = json({ keys: [key.jwk] });
  one = await RunningService.start({ ...ENVIRONMENT, DATABASE_URL: database.url });
  other = await RunningService.start({ ...ENVIRONMENT, DATABASE_URL: database.url });
  chain = await ServiceChain.register(one, ADMIN_SECRET);
  await sleep(EVERYWHERE);
}, 60_000);

afterAll(async () => {
  await Promise.all([one, other].map((service) => service.remove()));
  await partner.stop();
  await database.drop();
}, 60_000);

function good(answer: ServiceAnswer): string {
  expect({ status: answer.status, text: answer.status === 200 ? '' : answer.text }).toEqual({
    status: 200,
    text: '',
  });
  return tokenOf(answer);
}

async function administer(method: string, path: string, body?: unknown): Promise<ServiceAnswer> {
  const answer = await one.admin(chain.administrator, method, path, body);
  expect({ status: answer.status, text: answer.status < 300 ? '' : answer.text }).toEqual({
    status: answer.status,
    text: '',
  });
  return answer;
}

/** Tokens of the chain web -> gateway -> address_service, made at both instances. */
async function held(): Promise<Held> {
  const root = good(await chain.root(one));
  return { root, hop: good(await chain.exchange(other, 'gateway', root)) };
}

/** The same for a subject of the partner. */
async function heldOfPartner(): Promise<Held> {
  const issuer = `${partner.url}/${randomUUID()}`;
  await administer('POST', '/trusted-issuers', {
    issuer,
    jwksUri: partner.url,
    accepts: [{ tokenType: TokenType.Jwt, types: ['at+jwt'], audiences: ['gateway'] }],
    scopes: ['address:read'],
    // Its tokens count as older by as much as its clock may be off.
    clockSkew: 0,
  });
  const { body } = await administer('GET', '/clients/gateway');
  const { subjectIssuers } = body['exchange'] as unknown as { subjectIssuers: string[] };
  await administer('PATCH', '/clients/gateway', {
    exchange: { subjectIssuers: [...subjectIssuers, issuer] },
  });
  await sleep(EVERYWHERE);
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: issuer,
    sub: 'mallory',
    aud: 'gateway',
    iat: now,
    exp: now + 600,
    scope: 'address:read',
  };
  const root = await signedBy(key, JSON.stringify(claims));
  const hop = good(await chain.exchange(other, 'gateway', root, TokenType.Jwt));
  return { root, rootType: TokenType.Jwt, hop };
}

/** Everything that is refused at an instance that was not told. */
async function expectDead({ root, rootType, hop }: Held, isRootDead = true): Promise<void> {
  await sleep(EVERYWHERE);
  const refusals = [chain.exchange(other, 'address_service', hop)];
  if (isRootDead) refusals.push(chain.exchange(other, 'gateway', root, rootType));
  for (const refused of await Promise.all(refusals)) {
    expect([400, 401]).toContain(refused.status);
    expect(['invalid_request', 'invalid_client']).toContain(refused.body['error']);
  }
  for (const service of [one, other])
    expect((await chain.introspect(service, 'address_service', hop)).text).toBe('{"active":false}');
}

async function expectAlive({ hop }: Held): Promise<void> {
  good(await chain.exchange(other, 'address_service', hop));
  for (const service of [one, other])
    expect((await chain.introspect(service, 'address_service', hop)).body['active']).toBe(true);
}

/** What is turned, and what of it goes back, so that the next one finds everything as it was. */
interface Switch {
  readonly hold?: () => Promise<Held>;
  readonly turn: (tokens: Held) => Promise<void>;
  readonly back?: () => Promise<void>;
  /** Whether the token that the chain began with lives on. */
  readonly sparesRoot?: boolean;
}

const SWITCHES: Readonly<Record<string, Switch>> = {
  'the application': {
    turn: async () => void (await administer('POST', '/clients/web/disable')),
    back: async () => void (await administer('POST', '/clients/web/enable')),
  },
  'an actor in the chain': {
    turn: async () => void (await administer('POST', '/clients/gateway/disable')),
    back: async () => void (await administer('POST', '/clients/gateway/enable')),
  },
  'the issuer of the subject': {
    hold: heldOfPartner,
    turn: async ({ root }) => {
      const issuer = Buffer.from(decodeJwt(root).iss ?? '').toString('base64url');
      await administer('POST', `/trusted-issuers/${issuer}/disable`);
    },
  },
  'the key that signed': {
    turn: async ({ root }) => {
      const { kid } = decodeProtectedHeader(root);
      await administer('POST', `/keys/${kid ?? ''}/revoke`);
    },
    back: () => chain.renew(one, ADMIN_SECRET),
  },
  'the policy that allowed it': {
    hold: async () => {
      await administer('POST', '/policies', {
        policyId: 'for-addresses',
        description: 'The gateway may call the address service.',
        actor: { clients: ['gateway'] },
        targets: ['address_service'],
      });
      await sleep(EVERYWHERE);
      return held();
    },
    turn: async () => {
      const { body } = await administer('GET', '/policies/for-addresses');
      const { policyId: _id, version: _version, writtenAt: _at, writtenBy: _by, ...policy } = body;
      await administer('PUT', '/policies/for-addresses', { ...policy, disabled: true });
    },
    back: async () => void (await administer('DELETE', '/policies/for-addresses')),
    sparesRoot: true,
  },
  'the chain': {
    turn: async ({ hop }) => {
      const chainId = String(decodeJwt(hop).jti).split('.')[1];
      await administer('POST', '/revocations', { kind: 'chain', chainId, reason: 'A test.' });
    },
    sparesRoot: true,
  },
  'the token': {
    turn: async ({ root }) => {
      expect((await chain.revoke(one, 'web', root)).status).toBe(200);
    },
  },
  'the subject, by an administrator': {
    turn: async () => {
      await administer('POST', '/revocations', { kind: 'subject', sub: 'web', reason: 'A test.' });
    },
  },
  everything: {
    turn: async () => {
      const body = { kind: 'all', confirm: 'all', reason: 'A test.' };
      await administer('POST', '/revocations', body);
    },
    back: async () => {
      await sleep(EVERYWHERE);
      await chain.renew(one, ADMIN_SECRET);
    },
  },
};

describe('A second instance, within a second, refuses what came of', () => {
  it.each(Object.entries(SWITCHES))(
    '%s, which was killed at the first',
    async (_what, { hold = held, turn, back, sparesRoot = false }) => {
      const tokens = await hold();
      await expectAlive(tokens);
      await turn(tokens);
      await expectDead(tokens, !sparesRoot);
      await back?.();
      // Nothing of the past comes back, and what is new is good.
      await sleep(2 * EVERYWHERE);
      await expectDead(tokens, false);
      await expectAlive(await held());
    },
    30_000,
  );
});
