import { createHash } from 'node:crypto';

import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';

import { ClientSettingsPolicy } from '../../src/delegation/client-settings-policy.js';
import { Decision } from '../../src/delegation/decision.js';
import { DelegationChain } from '../../src/delegation/delegation-chain.js';
import { UNKNOWN_ORIGIN } from '../../src/delegation/lineage.js';
import { DEFAULT_EXCHANGE_SETTINGS } from '../../src/delegation/exchange-request.js';
import { KeyRing } from '../../src/keys/key-ring.js';
import { KeySettings } from '../../src/keys/key-store.js';
import type { StoredSigningKey } from '../../src/keys/signing-key.js';
import type { Json, JsonObject } from '../../src/oauth/claims.js';
import { IssuerSettings } from '../../src/oauth/issuer-settings.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { InMemoryKeyStore } from '../../src/testing/index.js';
import { IdTokenIssuer, type IdTokenFacts } from '../../src/tokens/id-token-issuer.js';
import { IdTokenValidator } from '../../src/tokens/id-token-validator.js';
import { LogoutTokenIssuer } from '../../src/tokens/logout-token-issuer.js';
import { OwnTokens } from '../../src/tokens/own-tokens.js';
import { hashToken } from '../../src/tokens/security-tokens.js';
import { FakeClock } from '../support/fake-clock.js';
import { tokenIssuer } from '../support/token-issuer.js';

const ISSUER = 'https://idp.example';
const RECORD = '0199aaaa-0000-7000-8000-000000000001';
const GRANT = '0199aaaa-0000-7000-8000-000000000002';
const FOREIGN = 'https://login.example';
const PERSON = { iss: ISSUER, sub: '0199aaaa-0000-7000-8000-0000000000aa' };
const ACCESS_TOKEN = 'aaaa.bbbb.cccc';

const KEYS = new KeySettings({
  encryptionKey: Buffer.alloc(32),
  others: ['RS256'],
  retirement: 60_000,
});

/** Made once, for an RSA key takes its time. */
let firstKeys: readonly StoredSigningKey[];
let clock: FakeClock;
let store: InMemoryKeyStore;
let ring: KeyRing;
let tokens: OwnTokens;
let settings: IssuerSettings;
let validator: IdTokenValidator;

beforeAll(async () => {
  const first = new InMemoryKeyStore();
  await new KeyRing(first, KEYS, new FakeClock()).ensureKey();
  firstKeys = await first.list();
});

beforeEach(async () => {
  clock = new FakeClock();
  store = new InMemoryKeyStore();
  for (const key of firstKeys) await store.add(key);
  ring = new KeyRing(store, KEYS, clock);
  tokens = new OwnTokens(ring);
  settings = new IssuerSettings({ issuer: ISSUER });
  validator = new IdTokenValidator(tokens, settings, clock);
});

function now(): number {
  return Math.floor(clock.now() / 1000);
}

function personDecision(): Decision {
  return Decision.ofPerson({
    now: now(),
    tokenId: { recordId: RECORD, chainId: undefined },
    person: PERSON,
    requester: {
      clientId: 'web',
      isPublic: true,
      party: { iss: ISSUER, sub: 'web' },
      identifiers: ['web'],
      scope: new Set(['openid']),
      targets: [ISSUER],
      tokenLifetime: 600,
      exchange: DEFAULT_EXCHANGE_SETTINGS,
    },
    targets: [{ identifier: ISSUER, clientId: undefined, offeredScope: new Set(['openid']) }],
    authorizedScope: new Set(['openid']),
    requestedScope: undefined,
    signIn: { authTime: now() - 60, acr: 'one', amr: ['pwd'], sid: 'session', grantId: GRANT },
  });
}

/** An exchange by `gateway` of a token for it. */
function exchangeDecision(issuer: string, said: JsonObject): Promise<Decision> {
  const request = {
    now: now(),
    requester: {
      clientId: 'gateway',
      isPublic: false,
      party: { iss: ISSUER, sub: 'gateway' },
      identifiers: ['gateway'],
      scope: new Set(['read']),
      targets: ['api'],
      tokenLifetime: 600,
      exchange: { ...DEFAULT_EXCHANGE_SETTINGS, subjectIssuers: [FOREIGN] },
    },
    subjectToken: {
      issuer,
      isOwn: issuer === ISSUER,
      terms: { version: 1, trustsChains: false, scopes: ['read'], impliedScopes: [] },
      clientId: 'web',
      clientIssuer: issuer,
      audience: ['gateway'],
      scope: new Set(['read']),
      expiresAt: now() + 300,
      chain: DelegationChain.of({ iss: issuer, sub: 'alice' }),
      mayAct: undefined,
      acr: undefined,
      authTime: undefined,
      claims: said,
      tokenId: undefined,
      ...UNKNOWN_ORIGIN,
    },
    actorToken: undefined,
    actor: { iss: ISSUER, sub: 'gateway' },
    targets: [{ identifier: 'api', clientId: 'api', offeredScope: new Set(['read']) }],
    requestedScope: undefined,
    requestedTokenType: TokenType.AccessToken,
    chainLifetime: 3600,
  };
  const tokenId = { recordId: RECORD, chainId: GRANT };
  return Decision.ofExchange(new ClientSettingsPolicy(), request, { tokenId, clientId: 'web' });
}

function issue(about: Partial<IdTokenFacts> = {}): Promise<string> {
  return new IdTokenIssuer(tokens, settings).issue(personDecision(), {
    clientId: 'web',
    subject: 'alice',
    algorithm: 'RS256',
    accessToken: ACCESS_TOKEN,
    nonce: undefined,
    claims: {},
    ...about,
  });
}

/** What an ID token says, with what is changed; undefined leaves a claim out. */
function claims(changed: Readonly<Record<string, unknown>> = {}): object {
  const all = { iss: ISSUER, sub: 'alice', aud: 'web', exp: now() + 600, iat: now(), ...changed };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

const check = (token: string, tokenType: string = TokenType.IdToken) =>
  validator.validate({ token, tokenType, hash: hashToken(token) });

describe('An ID token', () => {
  it.each(['RS256', 'ES256'] as const)(
    'says with %s who signed in, and how, to one client (OpenID Connect Core section 2)',
    async (algorithm) => {
      const token = await issue({ algorithm, nonce: 'n-1', claims: { email: 'a@example.com' } });
      const { kid } = await ring.active(algorithm);
      expect(decodeProtectedHeader(token)).toEqual({ alg: algorithm, typ: 'JWT', kid });
      expect(decodeJwt(token)).toEqual({
        iss: ISSUER,
        sub: 'alice',
        aud: 'web',
        exp: now() + 600,
        iat: now(),
        auth_time: now() - 60,
        acr: 'one',
        amr: ['pwd'],
        sid: 'session',
        nonce: 'n-1',
        at_hash: createHash('sha256')
          .update(ACCESS_TOKEN)
          .digest()
          .subarray(0, 16)
          .toString('base64url'),
        email: 'a@example.com',
      });
    },
  );

  it('has the at_hash that OpenID Connect Core gives as its example', async () => {
    // Section A.3, with the access token and the at_hash that are printed there.
    const accessToken = 'jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y';
    expect(decodeJwt(await issue({ accessToken }))['at_hash']).toBe('77QmUPtjPfzWtF2AnpK9RQ');
  });

  it('never takes a claim of the protocol from the description of a person', async () => {
    const plain = decodeJwt(await issue());
    const others =
      'nonce azp nbf jti c_hash act may_act cnf events sub_id scope client_id grant_id'.split(' ');
    const names = [...Object.keys(plain), ...others];
    for (const value of ['forged', 1, null, { sub: 'bob' }] satisfies Json[]) {
      const described = Object.fromEntries(names.map((name) => [name, value]));
      expect(decodeJwt(await issue({ claims: described }))).toEqual(plain);
    }
    expect(plain).not.toHaveProperty('nonce');
    expect(plain).not.toHaveProperty('grant_id');
  });

  it('is not issued when no key of its algorithm can sign', async () => {
    const { kid } = await ring.active('RS256');
    await store.revoke(kid, clock.now());
    clock.advance(1_000);
    await expect(issue()).rejects.toThrow('There is no active RS256 signing key');
    await expect(issue({ algorithm: 'ES256' })).resolves.toBeDefined();
  });
});

describe('An ID token that comes back is refused', () => {
  it.each(['at+jwt', 'logout+jwt', 'secevent+jwt', 'jws', 'id_token', ''])(
    'when its kind is %j',
    async (type) => {
      const token = await tokens.sign(type, claims());
      await expect(check(token)).rejects.toMatchObject({ reason: 'token_kind_mismatch' });
      expect(await validator.readHint(token)).toBeUndefined();
    },
  );

  it.each([TokenType.AccessToken, TokenType.Jwt])('as %s', async (tokenType) => {
    await expect(check(await issue(), tokenType)).rejects.toMatchObject({
      reason: 'token_kind_mismatch',
    });
  });

  it.each([
    [{ iss: 'https://other.example' }, 'token_issuer_unknown'],
    [{ iss: `${ISSUER}/` }, 'token_issuer_unknown'],
    [{ iss: undefined }, 'token_issuer_unknown'],
    [{ aud: undefined }, 'token_claims_invalid'],
    [{ aud: '' }, 'token_claims_invalid'],
    [{ aud: ['web'] }, 'token_claims_invalid'],
    [{ aud: ['web', 'other'] }, 'token_claims_invalid'],
    [{ sub: undefined }, 'token_claims_invalid'],
    [{ sub: '' }, 'token_claims_invalid'],
    [{ sub: 'a\u0000b' }, 'token_claims_invalid'],
  ])('when it says %j', async (changed, reason) => {
    const token = await tokens.sign('JWT', claims(changed));
    await expect(check(token)).rejects.toMatchObject({ reason });
    expect(await validator.readHint(token)).toBeUndefined();
  });

  it('when it has expired, though it is a hint still', async () => {
    const token = await issue();
    clock.advance(599_000);
    await expect(check(token)).resolves.toBeDefined();
    clock.advance(1_000);
    await expect(check(token)).rejects.toMatchObject({ reason: 'token_expired' });
    expect(await validator.readHint(token)).toBeDefined();
    const endless = await tokens.sign('JWT', claims({ exp: undefined }), 'RS256');
    await expect(check(endless)).rejects.toMatchObject({ reason: 'token_claims_invalid' });
  });

  it('when its key was revoked or has retired, and before that it is a hint', async () => {
    const token = await issue();
    const { kid } = await ring.active('RS256');
    await ring.rotate({ algorithm: 'RS256', immediately: true });
    clock.advance(2_000);
    expect((await ring.active('RS256')).kid).not.toBe(kid);
    expect(await validator.readHint(token)).toMatchObject({ subject: 'alice' });
    await expect(check(token)).resolves.toMatchObject({ keyId: kid });
    clock.advance(60_000);
    expect(await validator.readHint(token)).toBeUndefined();
    await expect(check(token)).rejects.toMatchObject({ reason: 'token_key_unknown' });
    await ring.revoke(kid);
    expect(await validator.readHint(token)).toBeUndefined();
    await expect(check(token)).rejects.toMatchObject({ reason: 'token_key_revoked' });
  });

  it('when it is anything else', async () => {
    const token = await issue();
    const [header = '', payload = '', signature = ''] = token.split('.');
    const unsigned = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
    for (const other of [
      '',
      '.',
      '..',
      'a.b.c',
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${unsigned}.${payload}.`,
      `${header}.${Buffer.from('[]').toString('base64url')}.${signature}`,
      `${token}.`,
      ` ${token}`,
      'a'.repeat(100_000),
    ]) {
      await expect(check(other)).rejects.toMatchObject({ error: 'invalid_request' });
      expect(await validator.readHint(other)).toBeUndefined();
    }
  });

  it('with an error of its own when the keys cannot be read', async () => {
    const token = await issue();
    store.list = () => Promise.reject(new Error('out of reach'));
    clock.advance(61_000);
    await expect(validator.readHint(token)).rejects.toThrow('The signing keys cannot be read');
    await expect(check(token)).rejects.toThrow('The signing keys cannot be read');
  });
});

describe('An ID token that comes back', () => {
  it.each(['RS256', 'ES256'] as const)('is good with %s, without any scope', async (algorithm) => {
    const token = await issue({ algorithm });
    const { kid } = await ring.active(algorithm);
    const checked = await check(token);
    expect(checked).toMatchObject({
      issuer: ISSUER,
      isOwn: true,
      hash: hashToken(token),
      jti: undefined,
      tokenId: undefined,
      keyId: kid,
      clientId: 'web',
      clientIssuer: ISSUER,
      audience: ['web'],
      expiresAt: now() + 600,
      mayAct: undefined,
      acr: 'one',
      authTime: now() - 60,
    });
    expect(checked.scope?.size).toBe(0);
    expect(checked.chain.subject).toEqual({ iss: ISSUER, sub: 'alice' });
    expect(checked.chain.depth).toBe(0);
  });

  it('hints whose session it was about, with or without its id', async () => {
    expect(await validator.readHint(await issue())).toEqual({
      subject: 'alice',
      clientId: 'web',
      sid: 'session',
    });
    const without = await tokens.sign('application/jwt', claims(), 'RS256');
    expect(await validator.readHint(without)).toEqual({
      subject: 'alice',
      clientId: 'web',
      sid: undefined,
    });
  });
});

describe('A logout token', () => {
  it.each(['RS256', 'ES256'] as const)(
    'says with %s that a session ended (OpenID Connect Back-Channel Logout section 2.4)',
    async (algorithm) => {
      const issuer = new LogoutTokenIssuer(tokens, settings, clock);
      const about = { clientId: 'web', subject: 'alice', sid: 'session', algorithm };
      const token = await issuer.issue(about);
      const { kid } = await ring.active(algorithm);
      expect(decodeProtectedHeader(token)).toEqual({ alg: algorithm, typ: 'logout+jwt', kid });
      const said = decodeJwt(token);
      expect(said).toEqual({
        iss: ISSUER,
        sub: 'alice',
        aud: 'web',
        iat: now(),
        exp: now() + 120,
        jti: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/),
        sid: 'session',
        events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
      });
      expect(said).not.toHaveProperty('nonce');
      expect(decodeJwt(await issuer.issue(about)).jti).not.toBe(said.jti);
      expect(await validator.readHint(token)).toBeUndefined();
    },
  );
});

async function issued(decision: Decision, by = settings): Promise<object> {
  const { claims } = await tokenIssuer(ring, KEYS, by).issue(decision);
  return claims;
}

describe('An access token for what a person allowed', () => {
  const signIn = { acr: 'one', amr: ['pwd'], sid: 'session', grant_id: GRANT };

  it('takes its name from no other issuer', async () => {
    const said = await issued(await exchangeDecision(FOREIGN, signIn));
    expect(said).toMatchObject({ sub: 'alice', acr: 'one', amr: ['pwd'], sid: 'session' });
    expect(said).not.toHaveProperty('grant_id');
  });

  it('names it, with the facts of the sign-in, and so does what is exchanged for it', async () => {
    const first = await issued(personDecision());
    expect(first).toEqual({
      iss: ISSUER,
      sub: PERSON.sub,
      aud: ISSUER,
      exp: now() + 600,
      iat: now(),
      jti: RECORD,
      client_id: 'web',
      scope: 'openid',
      auth_time: now() - 60,
      ...signIn,
    });
    expect(await issued(await exchangeDecision(ISSUER, signIn))).toMatchObject({
      act: { sub: 'gateway' },
      ...signIn,
    });
  });

  it('names it whatever else is not carried over', async () => {
    const careful = new IssuerSettings({
      issuer: ISSUER,
      excludedSubjectClaims: ['auth_time', 'acr', 'amr', 'sid', 'grant_id'],
    });
    const said = await issued(personDecision(), careful);
    expect(said).toMatchObject({ grant_id: GRANT });
    for (const name of ['auth_time', 'acr', 'amr', 'sid']) expect(said).not.toHaveProperty(name);
  });
});
