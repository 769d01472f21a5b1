import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { newClient } from '../../src/clients/client.js';
import { DEFAULT_EXCHANGE_SETTINGS } from '../../src/delegation/exchange-request.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { InMemoryTrustedIssuerStore } from '../../src/testing/index.js';
import { newTrustedIssuer } from '../../src/tokens/trusted-issuer.js';
import { AdminApp, textOf } from '../support/admin-app.js';
import { foreignKey, signedBy } from '../support/foreign-key.js';
import { json, LoopbackServer } from '../support/loopback-server.js';
import { ISSUER } from '../support/protocol.js';

/** Requests of each kind; `AGREEMENTS=10000 npm test -- test/protocol/explain-agrees.spec.ts` for more. */
const RUNS = Number(process.env['AGREEMENTS'] ?? 200);
/** Milliseconds: far more than a request takes. */
const TIMEOUT = 120_000 + RUNS * 100;
const LOGIN = 'https://login.example';
const CHAINS = 'https://chains.example';
const DISABLED = 'https://disabled.example';
const STRANGER = 'https://stranger.example';
const SCOPES = ['read', 'write', 'erase'];
const ACTORS = ['gateway', 'backend'];
const TARGETS = ['backend', 'postal', 'bank'];
const PEOPLE = ['alice', 'bob'] as const;

const key = foreignKey('login-1');

let admin: AdminApp;
let keySet: LoopbackServer;
const ids: Record<string, string> = {};

beforeAll(async () => {
  admin = await AdminApp.start();
  await admin.store.create(newClient({ clientId: 'web_app', kind: 'public' }));
  await admin.store.create(newClient({ clientId: 'shop', kind: 'public' }));
  const client = { scopes: SCOPES, offeredScopes: SCOPES };
  await admin.client({
    clientId: 'gateway',
    ...client,
    targets: ['backend'],
    groups: ['edge'],
    exchange: { ...DEFAULT_EXCHANGE_SETTINGS, subjectIssuers: [LOGIN, CHAINS, DISABLED, STRANGER] },
  });
  await admin.client({ clientId: 'backend', ...client, targets: ['postal', 'bank'] });
  for (const clientId of ['postal', 'bank'])
    await admin.store.create(newClient({ clientId, offeredScopes: ['read', 'write'] }));
  for (const username of PEOPLE) {
    const groups = username === 'alice' ? ['staff'] : [];
    const made = await admin.post('/admin/accounts', { username, groups });
    ids[username] = textOf(made, 'accountId');
  }
  keySet = await LoopbackServer.start(json({ keys: [key.jwk] }));
  const issuers = admin.app.get(InMemoryTrustedIssuerStore, { strict: false });
  const jwt = { tokenType: TokenType.Jwt, types: ['at+jwt'], audiences: ['gateway', 'backend'] };
  const idToken = { tokenType: TokenType.IdToken, types: ['jwt'], audiences: ['gateway'] };
  const trusted = { jwksUri: keySet.url, accepts: [jwt, idToken], scopes: ['read', 'write'] };
  await issuers.create(
    newTrustedIssuer({ issuer: LOGIN, ...trusted, impliedScopes: ['read'], version: 3 }),
  );
  await issuers.create(
    newTrustedIssuer({
      issuer: CHAINS,
      ...trusted,
      accepts: [jwt],
      scopes: ['read'],
      trustsChains: true,
    }),
  );
  await issuers.create(newTrustedIssuer({ issuer: DISABLED, ...trusted, disabled: true }));
  const policies = [
    {
      policyId: 'foreign-words',
      actor: { clients: ['backend'] },
      subject: { issuers: [LOGIN, CHAINS] },
      targets: ['postal'],
      scopeMapping: { erase: ['write'], read: ['read', 'write'] },
    },
    {
      policyId: 'not-for-mallory',
      effect: 'deny',
      actor: {},
      subject: { issuers: [LOGIN], subjects: ['mallory'] },
    },
    {
      policyId: 'staff-to-postal',
      actor: { clients: ['backend'] },
      subject: { groups: ['staff'], clients: ['web_app'] },
      targets: ['postal'],
      scopes: ['read'],
      stepUp: { acr: ['2'], fromDepth: 2 },
    },
    {
      policyId: 'edge-to-bank',
      actor: { groups: ['edge'] },
      targets: ['bank'],
      limits: { depth: 1 },
    },
    { policyId: 'no-erasing', effect: 'deny', actor: {}, scopes: ['erase'] },
    {
      policyId: 'not-for-the-shop',
      effect: 'deny',
      actor: { clients: ['gateway'] },
      subject: { clients: ['shop'] },
      targets: ['bank'],
    },
    {
      policyId: 'with-a-purpose',
      actor: { clients: ['backend'] },
      targets: ['bank'],
      purposeRequired: true,
      acting: { actorToken: 'optional', mode: 'impersonation', proofRequired: false },
    },
  ];
  const applied = await admin.post('/admin/policies/apply', { policies });
  expect([applied.status, applied.text]).toEqual([200, applied.text]);
}, 60_000);

afterAll(async () => {
  await admin.stop();
  await keySet.stop();
});

const some = (values: readonly string[]) => fc.subarray([...values], { minLength: 1 });

/** Mostly this, so that most requests come far. */
const mostly = <T>(value: fc.Arbitrary<T>, other: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary: value }, { weight: 1, arbitrary: other });

const WANTED = fc.option(mostly(some(['read', 'write']), some(SCOPES)), { nil: undefined });

const REQUEST = fc.record(
  {
    actor: fc.constantFrom(...ACTORS),
    person: fc.constantFrom(...PEOPLE),
    clientId: mostly(fc.constant('web_app'), fc.constantFrom('shop', 'gateway')),
    audience: mostly(
      fc.constant<string[]>(['gateway', 'backend']),
      some(['gateway', 'backend', 'postal']),
    ),
    held: mostly(fc.constant(SCOPES), some(SCOPES)),
    scope: WANTED,
    target: fc.constantFrom(...TARGETS),
    acr: fc.constantFrom('1', '2'),
    before: mostly(fc.constant<string[]>([]), fc.subarray([...ACTORS])),
    purpose: fc.constantFrom('parcel-7', 'audit'),
  },
  {
    requiredKeys: ['actor', 'person', 'clientId', 'audience', 'held', 'scope', 'target', 'before'],
  },
);

/** What is asked of both, and with which token of which kind. */
interface Case {
  readonly actor: string;
  readonly subject: Readonly<Record<string, unknown>>;
  readonly asked: {
    readonly target: string;
    readonly scope: readonly string[] | undefined;
    readonly purpose: string | undefined;
  };
  readonly token: string;
  readonly tokenType: string;
}

/** Expects the same verdict, reason, rule and scope of the explanation and of the exchange. */
async function expectAgreement({ actor, subject, asked, token, tokenType }: Case): Promise<string> {
  const { target, scope, purpose } = asked;
  const { status, body, text } = await admin.post('/admin/policies/explain', {
    actor,
    subject,
    targets: [target],
    ...(scope === undefined ? {} : { scope }),
    ...(purpose === undefined ? {} : { purpose }),
  });
  expect([status, text]).toEqual([200, text]);
  await admin.ask(actor, `${actor}-secret`, {
    grant_type: GrantType.TokenExchange,
    subject_token: token,
    subject_token_type: tokenType,
    audience: target,
    ...(scope === undefined ? {} : { scope: scope.join(' ') }),
    ...(purpose === undefined ? {} : { purpose }),
  });
  const record = admin.log.entries.at(-1)?.record;
  expect([body['verdict'], body['reason'], body['basis'], body['scope'], body['mode']]).toEqual([
    record?.outcome,
    record?.reason ?? null,
    record?.basis ?? null,
    record?.issuedToken?.scope ?? null,
    record?.mode ?? null,
  ]);
  return `${record?.basis?.policy ?? 'unread'}: ${record?.reason ?? 'granted'}`;
}

/** The `act` claim of these, newest first. */
function actClaim(actors: readonly Acting[]): object {
  const act = actors.reduceRight<object | undefined>(
    (nested, { clientId, ...party }) => ({
      ...party,
      client_id: clientId,
      ...(nested === undefined ? {} : { act: nested }),
    }),
    undefined,
  );
  return act === undefined ? {} : { act };
}

test(
  'an explanation and an exchange always agree: same verdict, same reason, same rule',
  async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(REQUEST, async (request) => {
        const { actor, person, clientId, audience, held, scope, target, acr, before, purpose } =
          request;
        const sub = ids[person];
        const actors = before.map((each) => ({ iss: ISSUER, sub: each, clientId: each }));
        const facts = acr === undefined ? {} : { acr };
        const token = await admin.ownToken({
          sub,
          aud: audience,
          client_id: clientId,
          scope: held.join(' '),
          ...facts,
          ...actClaim(actors),
        });
        const subject = { sub, clientId, audience, scope: held, actors, ...facts };
        const asked = { target, scope, purpose };
        const tokenType = TokenType.AccessToken;
        seen.add(await expectAgreement({ actor, subject, asked, token, tokenType }));
      }),
      { numRuns: RUNS },
    );
    expect(seen.size).toBeGreaterThan(5);
  },
  TIMEOUT,
);

/** Who acts already; without `iss`, whoever its issuer calls so. */
interface Acting {
  readonly iss?: string;
  readonly sub: string;
  readonly clientId: string;
}

const ACTING: fc.Arbitrary<Acting> = fc.record(
  {
    iss: fc.constantFrom(CHAINS, ISSUER, STRANGER),
    sub: fc.constantFrom('agent', 'gateway'),
    clientId: fc.constantFrom('agent', 'gateway'),
  },
  { requiredKeys: ['sub', 'clientId'] },
);

const FOREIGN = fc.record(
  {
    actor: fc.constantFrom(...ACTORS),
    issuer: mostly<string>(fc.constantFrom(LOGIN, CHAINS), fc.constantFrom(DISABLED, STRANGER)),
    type: mostly<string>(fc.constant(TokenType.Jwt), fc.constant(TokenType.IdToken)),
    sub: mostly<string>(fc.constant('alice'), fc.constantFrom('mallory', 'gateway')),
    clientId: fc.constantFrom('login_app', 'gateway'),
    audience: mostly(
      fc.constant<string[]>(['gateway', 'backend']),
      some(['gateway', 'backend', 'postal', 'nobody']),
    ),
    held: fc.option(fc.subarray(SCOPES), { nil: undefined }),
    scope: WANTED,
    target: fc.constantFrom('backend', 'postal', ...TARGETS),
    acr: fc.constantFrom('1', '2'),
    before: mostly(fc.constant<Acting[]>([]), fc.array(ACTING, { minLength: 1, maxLength: 2 })),
    purpose: fc.constantFrom('parcel-7', 'audit'),
  },
  {
    requiredKeys: [
      'actor',
      'issuer',
      'type',
      'sub',
      'audience',
      'held',
      'scope',
      'target',
      'before',
    ],
  },
);

/** What the settings of an issuer decide is always among the requests. */
const LIMITED = {
  actor: 'backend',
  issuer: CHAINS,
  type: TokenType.Jwt,
  sub: 'alice',
  audience: ['backend'],
  held: SCOPES,
  scope: undefined,
  target: 'postal',
  before: [],
};

test(
  'and so they do of the subjects of other issuers',
  async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(FOREIGN, async (request) => {
        const { actor, issuer, type, sub, clientId, audience, held, scope, target } = request;
        const { acr, before, purpose } = request;
        const now = Math.floor(admin.clock.now() / 1000);
        const facts = acr === undefined ? {} : { acr };
        const claims = {
          iss: issuer,
          sub,
          aud: audience,
          exp: now + 600,
          iat: now,
          ...(clientId === undefined ? {} : { client_id: clientId }),
          ...(held === undefined ? {} : { scope: held.join(' ') }),
          ...facts,
          ...actClaim(before),
        };
        const token = await signedBy(key, claims, {
          typ: type === TokenType.Jwt ? 'at+jwt' : 'JWT',
        });
        const subject = {
          issuer,
          type,
          sub,
          audience,
          actors: before,
          ...(clientId === undefined ? {} : { clientId }),
          ...(held === undefined ? {} : { scope: held }),
          ...facts,
        };
        const asked = { target, scope, purpose };
        seen.add(await expectAgreement({ actor, subject, asked, token, tokenType: type }));
      }),
      {
        numRuns: RUNS,
        examples: [
          [LIMITED],
          [{ ...LIMITED, held: ['write'] }],
          [{ ...LIMITED, issuer: LOGIN, scope: ['write'], held: ['erase'] }],
          [{ ...LIMITED, issuer: LOGIN, before: [{ sub: 'agent', clientId: 'agent' }] }],
          [{ ...LIMITED, issuer: STRANGER }],
        ],
      },
    );
    for (const what of [
      'foreign-words: granted',
      'issuer-settings: scope_empty',
      'issuer-settings: scope_not_allowed',
      'issuer-settings: token_chain_not_trusted',
      'unread: token_issuer_unknown',
    ])
      expect([...seen]).toContain(what);
  },
  TIMEOUT,
);
