import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeProtectedHeader } from 'jose';

import { ADMIN_SCOPES, adminAudience } from '../../src/admin/admin-scopes.js';
import { AdminModule } from '../../src/admin/admin.module.js';
import { DEFAULT_EXCHANGE_SETTINGS } from '../../src/delegation/exchange-request.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import {
  InMemoryAccountStore,
  InMemoryAuthorizationStore,
  InMemoryClientStore,
  InMemoryRevocationStore,
  InMemoryTrustedIssuerStore,
} from '../../src/testing/index.js';
import { foreignKey, signedBy } from '../support/foreign-key.js';
import { json, LoopbackServer } from '../support/loopback-server.js';
import type { Answer } from '../support/protocol.js';
import { CALLBACK, ISSUER, Provider, textClaim } from '../support/provider.js';

const LOGIN = 'https://login.example';
const ADMIN = adminAudience(ISSUER);
const SCOPES = ['address:read'];
const key = foreignKey('login-1');

/** Everything that somebody can hold when a switch is thrown. */
interface Held {
  readonly code: string;
  readonly given: Answer;
  /** What the person allowed the console: an access token of the admin API. */
  readonly console: Answer;
  /** What the gateway, the address service and the postal service behind it made of the access token. */
  readonly hop: Answer;
  readonly second: Answer;
  /** Allowed by a policy alone. */
  readonly third: Answer;
  /** A token of an actor that it does not name. */
  readonly masked: Answer;
  /** The gateway’s own token. */
  readonly own: Answer;
  readonly foreign: string;
  readonly foreignHop: Answer;
  readonly foreignActor: string;
  /** A token of a client for the admin API. */
  readonly operator: Answer;
}

let provider: Provider;
let keySets: LoopbackServer;
/** The token that the switches are thrown with. */
let adminToken: string;

/**
 * What a holder can try. Each is good, or says why it is refused: a column of the matrix. To add one, add
 * its line here and what each switch does to it.
 */
const WAYS = {
  'a code': ({ code }) => outcome(() => provider.redeem(code, {}, 'portal')),
  'a refresh token': ({ given }) =>
    outcome(() => provider.refresh(given.body['refresh_token'], {}, 'portal')),
  'client credentials of the application': () => outcome(() => credentials('portal', 'my_gateway')),
  'client credentials of the gateway': () =>
    outcome(() => credentials('my_gateway', 'address_service')),
  'an exchange of the access token': ({ given }) => presented('my_gateway', tokenIn(given)),
  'an exchange of the ID token': ({ given }) =>
    presented('portal', String(given.body['id_token']), { subject_token_type: TokenType.IdToken }),
  'an exchange of what came of it': ({ hop }) => presented('address_service', tokenIn(hop)),
  'an exchange far down the chain': ({ second }) => presented('postal_service', tokenIn(second)),
  'an exchange of what a policy allowed': ({ third }) => presented('depot', tokenIn(third)),
  'an exchange of what hides its actor': ({ masked }) =>
    presented('address_service', tokenIn(masked)),
  'an exchange with an actor token': ({ given, own }) =>
    presented('my_gateway', tokenIn(given), actorToken(tokenIn(own))),
  'an exchange with a person’s token as actor token': ({ foreign, given }) =>
    presented('my_gateway', foreign, { ...AS_JWT, ...actorToken(tokenIn(given)) }),
  'an exchange of a token of the issuer': ({ foreign }) => presented('my_gateway', foreign, AS_JWT),
  'an exchange of what came of the issuer': ({ foreignHop }) =>
    presented('address_service', tokenIn(foreignHop)),
  'an exchange with an actor token of the issuer': ({ given, foreignActor }) =>
    presented('my_gateway', tokenIn(given), actorToken(foreignActor, TokenType.Jwt)),
  UserInfo: ({ given }) => bearer('/connect/userinfo', tokenIn(given)),
  'the admin API as a person': ({ console }) => bearer('/admin/clients', tokenIn(console)),
  'the admin API as a client': ({ operator }) => bearer('/admin/clients', tokenIn(operator)),
} as const satisfies Readonly<Record<string, (held: Held) => Promise<string>>>;

type Way = keyof typeof WAYS;

const AS_JWT = { subject_token_type: TokenType.Jwt };
const EXCHANGES_OF_PERSON: readonly Way[] = [
  'an exchange of the access token',
  'an exchange of what came of it',
  'an exchange far down the chain',
  'an exchange of what a policy allowed',
  'an exchange with an actor token',
  'an exchange with an actor token of the issuer',
];
const GOOD = 'good';

/** A switch: how it is thrown, what each way says then, and how it is taken back. */
interface Switch {
  readonly off: (held: Held) => Promise<void>;
  /** Ways that are refused, and why; all others are good. */
  readonly dead: Readonly<Partial<Record<Way, string>>>;
  readonly on?: () => Promise<void>;
  /** Ways that are good again after that, for they need no token of before. */
  readonly revived?: readonly Way[];
}

const every = (ways: readonly Way[], reason: string): Readonly<Partial<Record<Way, string>>> =>
  Object.fromEntries(ways.map((way) => [way, reason]));

const PERSON = {
  ...every(['a code', 'a refresh token'], '400 authorization_revoked'),
  'an exchange of the ID token': '400 subject_revoked',
  ...every(EXCHANGES_OF_PERSON, '400 subject_revoked'),
  'an exchange with a person’s token as actor token': '400 subject_revoked',
  UserInfo: '401',
  'the admin API as a person': '401',
} as const;

/** @param caller what a client is told that is disabled or gone */
const applicationIs = (caller: string): Switch['dead'] => ({
  ...every(
    [
      'a code',
      'a refresh token',
      'client credentials of the application',
      'an exchange of the ID token',
    ],
    caller,
  ),
  ...every(EXCHANGES_OF_PERSON, '400 client_revoked'),
  'an exchange with a person’s token as actor token': '400 client_revoked',
  'an exchange of what hides its actor': '400 client_revoked',
  UserInfo: '401',
});

const gatewayIs = (caller: string): Switch['dead'] => ({
  ...every(
    [
      'client credentials of the gateway',
      'an exchange of the access token',
      'an exchange with an actor token',
      'an exchange with a person’s token as actor token',
      'an exchange of a token of the issuer',
      'an exchange with an actor token of the issuer',
    ],
    caller,
  ),
  ...every(
    [
      'an exchange of what came of it',
      'an exchange far down the chain',
      'an exchange of what a policy allowed',
      'an exchange of what came of the issuer',
    ],
    '400 client_revoked',
  ),
  // Nobody gets a token for it.
  ...every(
    [
      'a code',
      'a refresh token',
      'client credentials of the application',
      'an exchange of the ID token',
    ],
    '400 target_unknown',
  ),
});

/** @param told of a token of an issuer that is disabled or gone */
const issuerIs = (told: string): Switch['dead'] => ({
  ...every(
    [
      'an exchange of a token of the issuer',
      'an exchange with an actor token of the issuer',
      'an exchange with a person’s token as actor token',
    ],
    told,
  ),
  'an exchange of what came of the issuer': '400 issuer_revoked',
});

const HIDDEN = { 'an exchange of what hides its actor': '400 client_revoked' } as const;
const OF_POLICY = { 'an exchange of what a policy allowed': '400 policy_disabled' } as const;
const NO_POLICY = { ...OF_POLICY, 'an exchange far down the chain': '400 target_not_allowed' };
const OPERATOR = { 'the admin API as a client': '401' } as const;

const issuerPath = `/admin/trusted-issuers/${Buffer.from(LOGIN).toString('base64url')}`;
const ALLOWS = { actor: { clients: ['postal_service'] }, targets: ['depot'], scopes: SCOPES };

const enabled = (path: string) => async (): Promise<void> => {
  await admin('POST', `${path}/enable`);
};
const disabled = (path: string) => async (): Promise<void> => {
  await admin('POST', `${path}/disable`);
};
const deleted = (path: string) => async (): Promise<void> => {
  await admin('DELETE', path);
};
const revoked =
  (named: (held: Held) => object) =>
  async (held: Held): Promise<void> => {
    await admin('POST', '/admin/revocations', { ...named(held), reason: 'A drill.' });
  };

const personPath = async (): Promise<string> =>
  `/admin/accounts/${(await provider.account('admin')).accountId}`;

const SWITCHES: Readonly<Record<string, Switch>> = {
  'the person is disabled': {
    off: async () => disabled(await personPath())(),
    dead: PERSON,
    on: async () => enabled(await personPath())(),
  },
  'the person is deleted': {
    off: async () => deleted(await personPath())(),
    dead: PERSON,
  },
  'the tokens of the person are revoked': {
    off: async (held) => {
      const { accountId: sub } = await provider.account('admin');
      await revoked(() => ({ kind: 'subject', sub }))(held);
    },
    dead: {
      ...every(EXCHANGES_OF_PERSON, '400 subject_revoked'),
      'an exchange of the ID token': '400 subject_revoked',
      'an exchange with a person’s token as actor token': '400 subject_revoked',
      UserInfo: '401',
      'the admin API as a person': '401',
      // New ones in the next second.
      'a code': '503 subject_revoked',
      'a refresh token': '503 subject_revoked',
    },
  },
  'the application is disabled': {
    off: disabled('/admin/clients/portal'),
    dead: applicationIs('401 client_disabled'),
    on: enabled('/admin/clients/portal'),
    revived: ['a code', 'a refresh token', 'client credentials of the application'],
  },
  'the application is deleted': {
    off: deleted('/admin/clients/portal'),
    dead: applicationIs('401 client_unknown'),
  },
  'an actor is disabled': {
    off: disabled('/admin/clients/my_gateway'),
    dead: gatewayIs('401 client_disabled'),
    on: enabled('/admin/clients/my_gateway'),
    revived: ['client credentials of the gateway', 'client credentials of the application'],
  },
  'an actor is deleted': {
    off: deleted('/admin/clients/my_gateway'),
    dead: gatewayIs('401 client_unknown'),
  },
  'an actor is revoked': {
    off: revoked(() => ({ kind: 'actor', clientId: 'my_gateway' })),
    dead: {
      ...every(
        EXCHANGES_OF_PERSON.filter((way) => !way.endsWith('of the issuer')),
        '400 actor_revoked',
      ),
      // The tokens are good; nothing that names the actor comes of them.
      'an exchange of a token of the issuer': '400 actor_revoked',
      'an exchange of what came of the issuer': '400 actor_revoked',
    },
  },
  'an actor that no token names is disabled': {
    off: disabled('/admin/clients/mask'),
    dead: HIDDEN,
    on: enabled('/admin/clients/mask'),
  },
  'an actor that no token names is deleted': {
    off: deleted('/admin/clients/mask'),
    dead: HIDDEN,
  },
  'the issuer is disabled': {
    off: disabled(issuerPath),
    dead: issuerIs('400 token_issuer_disabled'),
    on: enabled(issuerPath),
  },
  'the issuer is deleted': { off: deleted(issuerPath), dead: issuerIs('400 token_issuer_unknown') },
  'the key is revoked that signed what others come of': {
    off: async ({ given }) => {
      const { kid } = decodeProtectedHeader(tokenIn(given));
      await admin('POST', `/admin/keys/${kid}/revoke`);
    },
    dead: {
      ...every(EXCHANGES_OF_PERSON, '400 token_key_revoked'),
      'an exchange of what hides its actor': '400 token_key_revoked',
      'an exchange with a person’s token as actor token': '400 token_key_revoked',
      UserInfo: '401',
      'the admin API as a person': '401',
      'the admin API as a client': '401',
    },
  },
  'a policy is disabled': {
    off: async () => {
      await admin('PUT', '/admin/policies/parcels', { ...ALLOWS, disabled: true });
    },
    dead: NO_POLICY,
  },
  'a policy is deleted': { off: deleted('/admin/policies/parcels'), dead: NO_POLICY },
  'a policy denies what it allowed': {
    off: async () => {
      const { actor, targets } = ALLOWS;
      await admin('PUT', '/admin/policies/parcels', { actor, targets, effect: 'deny' });
    },
    dead: { ...OF_POLICY, 'an exchange far down the chain': '400 policy_denied' },
  },
  'a version of a policy is revoked': {
    off: revoked(() => ({ kind: 'policy', policyId: 'parcels', version: 1 })),
    dead: every(
      ['an exchange of what a policy allowed', 'an exchange far down the chain'],
      '400 policy_revoked',
    ),
  },
  'a chain is revoked': {
    off: revoked(({ second }) => ({
      kind: 'chain',
      chainId: textClaim(second, 'access_token', 'jti').split('.')[1],
    })),
    dead: every(
      [
        'an exchange of what came of it',
        'an exchange far down the chain',
        'an exchange of what a policy allowed',
      ],
      '400 chain_revoked',
    ),
  },
  'the access token is revoked': {
    off: revoked(({ given }) => ({ kind: 'token', jti: textClaim(given, 'access_token', 'jti') })),
    dead: {
      ...every(EXCHANGES_OF_PERSON, '400 token_revoked'),
      'an exchange with a person’s token as actor token': '400 token_revoked',
      UserInfo: '401',
    },
  },
  'a token of the chain is revoked': {
    off: revoked(({ second }) => ({
      kind: 'token',
      jti: textClaim(second, 'access_token', 'jti'),
    })),
    dead: every(
      ['an exchange far down the chain', 'an exchange of what a policy allowed'],
      '400 token_revoked',
    ),
  },
  'an actor token is revoked': {
    off: revoked(({ own }) => ({ kind: 'token', jti: textClaim(own, 'access_token', 'jti') })),
    dead: { 'an exchange with an actor token': '400 token_revoked' },
  },
  'a token of an administrator is revoked': {
    off: revoked(({ console }) => ({
      kind: 'token',
      jti: textClaim(console, 'access_token', 'jti'),
    })),
    dead: { 'the admin API as a person': '401' },
  },
  'a client of administrators is disabled': {
    off: disabled('/admin/clients/operator'),
    dead: OPERATOR,
    on: enabled('/admin/clients/operator'),
  },
};

beforeAll(async () => {
  keySets = await LoopbackServer.start();
  keySets.answer = json({ keys: [key.jwk] });
});

afterAll(() => keySets.stop());

async function start(): Promise<void> {
  provider = await Provider.start(
    { tokens: { ownTargets: [{ identifier: ADMIN, offeredScopes: ADMIN_SCOPES }] } },
    { rooms: [AdminModule] },
  );
  const grantTypes = [GrantType.ClientCredentials, GrantType.TokenExchange];
  for (const clientId of ['admin_cli', 'operator'])
    await provider.client({
      clientId,
      grantTypes,
      scopes: ADMIN_SCOPES,
      targets: [ADMIN],
      defaultTarget: ADMIN,
    });
  const signIn = { redirectUris: [CALLBACK], consentRequired: false };
  const ofPeople = [GrantType.AuthorizationCode, GrantType.RefreshToken];
  await provider.client({
    clientId: 'portal',
    grantTypes: [...ofPeople, ...grantTypes],
    scopes: ['openid', ...SCOPES],
    targets: ['my_gateway', 'mask'],
    defaultTarget: 'my_gateway',
    signIn,
  });
  await provider.client({
    clientId: 'console',
    grantTypes: ofPeople,
    scopes: ['clients:read'],
    targets: [ADMIN],
    defaultTarget: ADMIN,
    signIn,
  });
  const { accountId } = await provider.account('admin');
  await provider.change('my_gateway', {
    exchange: {
      ...DEFAULT_EXCHANGE_SETTINGS,
      subjectIssuers: [LOGIN],
      actorIdentities: [
        { iss: LOGIN, sub: 'robot' },
        { iss: ISSUER, sub: accountId },
      ],
    },
  });
  await provider.client({
    clientId: 'mask',
    grantTypes,
    scopes: SCOPES,
    offeredScopes: SCOPES,
    targets: ['address_service'],
    exchange: { ...DEFAULT_EXCHANGE_SETTINGS, mode: 'impersonation' },
  });
  await provider.change('postal_service', { grantTypes, scopes: SCOPES });
  await provider.client({
    clientId: 'depot',
    grantTypes,
    scopes: SCOPES,
    offeredScopes: SCOPES,
    targets: ['shelf'],
  });
  await provider.client({ clientId: 'shelf', offeredScopes: SCOPES });
  adminToken = tokenIn(await credentials('admin_cli', ADMIN));
  await admin('POST', '/admin/policies', { policyId: 'parcels', ...ALLOWS });
  await admin('POST', '/admin/trusted-issuers', {
    issuer: LOGIN,
    jwksUri: keySets.url,
    accepts: [{ tokenType: TokenType.Jwt, types: ['at+jwt'], audiences: ['my_gateway'] }],
    scopes: SCOPES,
  });
}

/** Everybody gets what they can get, and uses it, so that everything is remembered as good. */
async function hold(): Promise<Held> {
  const browser = provider.browser();
  const code = (clientId: string, scope: string): Promise<string> =>
    provider.code({ client_id: clientId, scope }, browser, 'admin');
  const roots = {
    code: await code('portal', 'openid address:read'),
    given: await provider.redeem(await code('portal', 'openid address:read'), {}, 'portal'),
    console: await provider.redeem(await code('console', 'clients:read'), {}, 'console'),
    own: await credentials('my_gateway', 'address_service'),
    operator: await credentials('operator', ADMIN),
    foreign: await foreignToken('12345'),
    foreignActor: await foreignToken('robot'),
  };
  const maskRoot = await credentials('portal', 'mask');
  // What comes of them is signed by another key.
  await admin('POST', '/admin/keys/rotate', { immediately: true });
  const hop = await exchange('my_gateway', tokenIn(roots.given));
  const second = await exchange('address_service', tokenIn(hop));
  const held: Held = {
    ...roots,
    hop,
    second,
    third: await exchange('postal_service', tokenIn(second)),
    masked: await exchange('mask', tokenIn(maskRoot)),
    foreignHop: await exchange('my_gateway', roots.foreign, AS_JWT),
  };
  expect(decodeProtectedHeader(tokenIn(hop))['kid']).not.toBe(
    decodeProtectedHeader(tokenIn(roots.given))['kid'],
  );
  for (const [way, isGood] of Object.entries(WAYS) as [Way, (held: Held) => Promise<string>][])
    if (!ONCE.has(way)) expect([way, await isGood(held)]).toEqual([way, usually(way)]);
  return held;
}

/** Ways that can be gone once, so that they are not tried before. */
const ONCE: ReadonlySet<Way> = new Set(['a code', 'a refresh token']);

/** What a way says before a switch is thrown. An ID token is taken, but has no scope to hand on. */
function usually(way: Way): string {
  return way === 'an exchange of the ID token' ? '400 scope_empty' : GOOD;
}

function foreignToken(sub: string): Promise<string> {
  const now = Math.floor(provider.clock.now() / 1_000);
  const times = { exp: now + 300, iat: now, jti: `${sub}-${now}` };
  return signedBy(key, { iss: LOGIN, sub, aud: 'my_gateway', scope: 'address:read', ...times });
}

function tokenIn({ body, text }: Answer): string {
  if (typeof body['access_token'] !== 'string') throw new Error(`there is no token: ${text}`);
  return body['access_token'];
}

function credentials(clientId: string, audience: string): Promise<Answer> {
  return provider.token({ grant_type: GrantType.ClientCredentials, audience }, clientId);
}

function actorToken(token: string, type: string = TokenType.AccessToken): Record<string, string> {
  return { actor_token: token, actor_token_type: type };
}

const NEXT: Readonly<Record<string, string>> = {
  portal: 'my_gateway',
  my_gateway: 'address_service',
  mask: 'address_service',
  address_service: 'postal_service',
  postal_service: 'depot',
  depot: 'shelf',
};

function exchange(
  clientId: string,
  token: string,
  form: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return provider.token(
    {
      grant_type: GrantType.TokenExchange,
      subject_token: token,
      subject_token_type: TokenType.AccessToken,
      audience: NEXT[clientId] ?? '',
      ...form,
    },
    clientId,
  );
}

const presented = (...send: Parameters<typeof exchange>): Promise<string> =>
  outcome(() => exchange(...send));

/** What a token request says, with the reason in its one record. */
async function outcome(work: () => Promise<Answer>): Promise<string> {
  const { result: answer, records } = await provider.recorded(work);
  const attempts = records.filter(({ event }) => event === 'grant');
  expect(attempts).toHaveLength(1);
  const [record] = attempts;
  if (answer.status === 200) return GOOD;
  expect(answer.body['error']).toBe(record?.error);
  expect(record).not.toHaveProperty('issuedToken.hash');
  return `${answer.status} ${record?.reason}`;
}

async function bearer(path: string, token: string): Promise<string> {
  const { status } = await provider.send(path, { headers: { authorization: `Bearer ${token}` } });
  return status === 200 ? GOOD : String(status);
}

function send(method: string, path: string, body?: object): Promise<Answer> {
  return provider.send(path, {
    method,
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: body === undefined ? '' : JSON.stringify(body),
  });
}

/** An operation of an administrator, which must be answered as done. */
async function admin(method: string, path: string, body?: object): Promise<Answer> {
  const answer = await send(method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer;
}

describe.each(Object.entries(SWITCHES))(
  'CVE-2026-1486, CVE-2025-64521, a switch was forgotten on another way: when %s',
  (_name, { off, dead, on, revived = [] }) => {
    let held: Held;

    beforeAll(async () => {
      await start();
      held = await hold();
      await off(held);
    });

    afterAll(() => provider.stop());

    it.each(Object.keys(WAYS) as Way[])('%s', async (way) => {
      expect(await WAYS[way](held)).toBe(dead[way] ?? usually(way));
    });

    if (on !== undefined)
      it('and nothing of before is good again when it is taken back', async () => {
        await on();
        provider.clock.advance(1_001);
        const tried = (Object.keys(dead) as Way[]).filter((way) => !ONCE.has(way));
        const good: Way[] = [];
        for (const way of tried) if ((await WAYS[way](held)) === GOOD) good.push(way);
        expect(good).toEqual(tried.filter((way) => revived.includes(way)));
      });
  },
);

describe('A switch that failed on its way is not answered as done', () => {
  /** Which call of which store fails. */
  const STEPS = {
    'the application': { path: () => '/admin/clients/portal', store: InMemoryClientStore },
    'an actor that no token names': {
      path: () => '/admin/clients/mask',
      store: InMemoryClientStore,
    },
    'the issuer': { path: () => issuerPath, store: InMemoryTrustedIssuerStore },
    'the person': { path: personPath, store: InMemoryAccountStore },
  } as const;
  const DEAD: Readonly<Record<keyof typeof STEPS, Way>> = {
    'the application': 'an exchange of what came of it',
    'an actor that no token names': 'an exchange of what hides its actor',
    'the issuer': 'an exchange of what came of the issuer',
    'the person': 'an exchange of what came of it',
  };

  beforeEach(start);

  afterEach(() => provider.stop());

  it.each(
    Object.keys(STEPS).flatMap((who) =>
      ['disable', 'DELETE'].map((how) => [how, who as keyof typeof STEPS] as const),
    ),
  )('%s of %s, whichever write fails; the same again does it', async (how, who) => {
    const held = await hold();
    const { path, store } = STEPS[who];
    const base = await path();
    const stores = [store, InMemoryRevocationStore, InMemoryAuthorizationStore].map(
      (each): object => provider.app.get(each, { strict: false }),
    );
    const [method, whole] = how === 'DELETE' ? [how, base] : ['POST', `${base}/${how}`];
    let failed = 0;
    for (;;) {
      const restore = failAfter(stores, failed);
      const answer = await send(method, whole);
      const isDone = restore();
      if (isDone) expect(answer.status).toBe(how === 'DELETE' ? 204 : 200);
      else expect([failed, answer.status]).toEqual([failed, 503]);
      // Until it is done it is there, so that it can be done again; what is gone has nothing that lives.
      const { status } = await send('GET', base);
      if (isDone || status === 404) break;
      expect(status).toBe(200);
      failed += 1;
    }
    expect(failed).toBeGreaterThan(1);
    if (how === 'disable') {
      await admin('POST', `${base}/enable`);
      provider.clock.advance(1_001);
    }
    expect(await WAYS[DEAD[who]](held)).not.toBe(GOOD);
  });
});

/** The calls of the stores that change something. */
const WRITES = ['update', 'delete', 'add', 'revokeAll'] as const;

/**
 * Lets the k-th write of the stores fail before it is made.
 * @returns takes that back, and tells whether there were fewer writes
 */
function failAfter(stores: readonly object[], k: number): () => boolean {
  let left = k;
  let hasFailed = false;
  for (const store of stores)
    for (const name of WRITES) {
      const write: unknown = Reflect.get(store, name);
      if (typeof write !== 'function') continue;
      Reflect.set(store, name, (...given: unknown[]): unknown => {
        left -= 1;
        if (left >= 0) return Reflect.apply(write, store, given);
        if (hasFailed) return Reflect.apply(write, store, given);
        hasFailed = true;
        return Promise.reject(new Error('out of reach'));
      });
    }
  return () => {
    for (const store of stores) for (const name of WRITES) Reflect.deleteProperty(store, name);
    return !hasFailed;
  };
}
