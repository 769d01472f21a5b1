import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { broughtScope } from '../../src/delegation/issuer-settings.js';
import { Lineage } from '../../src/delegation/lineage.js';
import type { JsonObject } from '../../src/oauth/claims.js';
import { IssuerSettings } from '../../src/oauth/issuer-settings.js';
import { InvalidRequestError } from '../../src/oauth/oauth-error.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { InMemoryTrustedIssuerStore } from '../../src/testing/in-memory-trusted-issuer-store.js';
import { FetchSettings, GuardedFetch } from '../../src/tokens/guarded-fetch.js';
import { IssuerKeys } from '../../src/tokens/issuer-keys.js';
import type { SecurityToken } from '../../src/tokens/security-token.js';
import { newTrustedIssuer, type TrustedIssuer } from '../../src/tokens/trusted-issuer.js';
import { TrustedIssuerValidator } from '../../src/tokens/trusted-issuer-validator.js';
import { FakeClock } from '../support/fake-clock.js';

const OURS = 'https://idp.example';
const ISSUER = 'https://login.example';
const TRUSTED = newTrustedIssuer({
  issuer: ISSUER,
  jwksUri: `${ISSUER}/keys`,
  accepts: [
    { tokenType: TokenType.Jwt, types: ['at+jwt', 'none'], audiences: ['my_gateway', OURS] },
    { tokenType: TokenType.IdToken, types: ['jwt'], audiences: ['web_app'] },
  ],
  scopes: ['address:read', 'address:write'],
  impliedScopes: ['address:read'],
});

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const attacker = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const EC_JWK = { ...ec.publicKey.export({ format: 'jwk' }), kid: 'e1' };
const RSA_JWK = { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'r1' };

class PublishedKeys extends GuardedFetch {
  override getJson(): Promise<JsonObject> {
    return Promise.resolve({ keys: [EC_JWK, RSA_JWK] } as unknown as JsonObject);
  }
}

const clock = new FakeClock();
const NOW = Math.floor(clock.now() / 1000);
const HEADER = { alg: 'ES256', kid: 'e1', typ: 'at+jwt' };
const CLAIMS = {
  iss: ISSUER,
  sub: 'alice',
  aud: 'my_gateway',
  exp: NOW + 300,
  iat: NOW,
  client_id: 'web_app',
  scope: 'address:read other',
  jti: 'j1',
};

let store: InMemoryTrustedIssuerStore;
let validator: TrustedIssuerValidator;

beforeEach(async () => {
  clock.time = NOW * 1000;
  await trust({});
});

/** Trusts the issuer as it is, but for these settings. */
async function trust(changes: Partial<TrustedIssuer>): Promise<void> {
  store = new InMemoryTrustedIssuerStore();
  await store.create({ ...TRUSTED, ...changes });
  const keys = new IssuerKeys(new PublishedKeys(new FetchSettings()), clock);
  validator = new TrustedIssuerValidator(store, keys, new IssuerSettings({ issuer: OURS }), clock);
}

function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString(
    'base64url',
  );
}

/** A token that the issuer really signed, whatever it says. Text is taken as it is. */
function token(claims: object | string = {}, header: object | string = {}): string {
  const input = inputOf(claims, header);
  return `${input}.${signature(input)}`;
}

function inputOf(claims: object | string, header: object | string = {}): string {
  const all = typeof claims === 'string' ? claims : { ...CLAIMS, ...claims };
  return `${encode(typeof header === 'string' ? header : { ...HEADER, ...header })}.${encode(all)}`;
}

function signature(input: string, key: KeyObject = ec.privateKey): string {
  const dsaEncoding = 'ieee-p1363';
  return sign('sha256', Buffer.from(input), { key, dsaEncoding }).toString('base64url');
}

function check(presented: string, tokenType: string = TokenType.Jwt): Promise<SecurityToken> {
  return validator.validate({ token: presented, tokenType, hash: 'h' });
}

async function scopeOf(claims: object): Promise<readonly string[]> {
  return [...broughtScope(await check(token(claims)))];
}

async function mayActOf(claim: unknown): Promise<SecurityToken['mayAct']> {
  return (await check(token({ may_act: claim }))).mayAct;
}

/** Why the token is refused, or `accepted`. Nothing but the constant refusal may come out. */
async function outcomeOf(presented: string, tokenType?: string): Promise<string> {
  try {
    await check(presented, tokenType);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error;
    expect(error).toMatchObject({
      error: 'invalid_request',
      status: 400,
      description: 'A presented token is not acceptable.',
    });
    return error.reason;
  }
}

describe('a forged token is refused', () => {
  it.each(['none', 'None', 'NoNe', 'nOnE', 'NONE', '', ' none', 'none ', 'es256', 'ES256 '])(
    'when its alg is %j, signed or not',
    async (alg) => {
      const input = inputOf({}, { alg });
      expect(await outcomeOf(`${input}.`)).toBe('token_malformed');
      expect(await outcomeOf(`${input}.AAAA`)).toBe('token_algorithm_not_allowed');
      expect(await outcomeOf(token({}, { alg }))).toBe('token_algorithm_not_allowed');
    },
  );

  it('when a public key was used as a shared secret', async () => {
    for (const [{ publicKey }, jwk] of [
      [ec, EC_JWK],
      [rsa, RSA_JWK],
    ] as const) {
      const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
      const der = publicKey.export({ type: 'spki', format: 'der' });
      const secrets = [pem, pem.trim(), `\n${pem}`, ` ${pem}`, der, JSON.stringify(jwk), ''];
      for (const secret of secrets) {
        for (const alg of ['HS256', 'ES256', 'RS256']) {
          const input = inputOf({}, { alg, kid: jwk.kid });
          const mac = createHmac('sha256', secret).update(input).digest('base64url');
          expect(await outcomeOf(`${input}.${mac}`)).toMatch(
            /^token_(?:algorithm_not_allowed|signature_invalid|key_unknown)$/,
          );
        }
      }
    }
  });

  it('when it was signed with another key, which its header may bring along', async () => {
    const jwk = attacker.publicKey.export({ format: 'jwk' });
    const extras = [
      {},
      { jwk },
      { jku: 'https://evil.example/keys' },
      { x5u: 'https://evil.example/chain' },
      { x5c: [Buffer.from('chain').toString('base64')] },
      { jwk, kid: undefined },
    ];
    for (const extra of extras) {
      const input = inputOf({}, extra);
      const forged = `${input}.${signature(input, attacker.privateKey)}`;
      expect(await outcomeOf(forged)).toBe('token_signature_invalid');
    }
  });

  it('when its kid is a path, a query or the key of another algorithm', async () => {
    for (const kid of ['../../../dev/null', "e1' OR '1'='1", '__proto__', 'r1', 'E1', ''])
      expect(await outcomeOf(token({}, { kid }))).toBe('token_key_unknown');
  });

  it('when its algorithm is one that the issuer may not use', async () => {
    await trust({ algorithms: ['RS256'] });
    expect(await outcomeOf(token())).toBe('token_algorithm_not_allowed');
    const input = inputOf({}, { alg: 'PS256', kid: 'r1' });
    expect(await outcomeOf(`${input}.${signature(input, rsa.privateKey)}`)).toBe(
      'token_algorithm_not_allowed',
    );
  });

  it('when its signature is no signature', async () => {
    const input = inputOf({});
    const right = Buffer.from(signature(input), 'base64url');
    const der = sign('sha256', Buffer.from(input), ec.privateKey);
    const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
    const forged = [
      Buffer.alloc(64),
      Buffer.concat([Buffer.alloc(32), right.subarray(32)]),
      Buffer.concat([right.subarray(0, 32), Buffer.alloc(32)]),
      Buffer.from(order + order, 'hex'),
      Buffer.alloc(64, 0xff),
      Buffer.alloc(1),
      right.subarray(0, 63),
      right.subarray(0, 32),
      Buffer.concat([right, Buffer.alloc(1)]),
      Buffer.concat([right.subarray(32), right.subarray(0, 32)]),
      der,
    ];
    for (const bytes of forged) {
      expect(await outcomeOf(`${input}.${bytes.toString('base64url')}`)).toBe(
        'token_signature_invalid',
      );
    }
  });

  it('when any character was changed or cut off', async () => {
    const genuine = token();
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.'.split('');
    await fc.assert(
      fc.asyncProperty(
        fc.nat(genuine.length - 1),
        fc.constantFrom(...alphabet),
        async (place, other) => {
          fc.pre(genuine[place] !== other);
          const changed = genuine.slice(0, place) + other + genuine.slice(place + 1);
          expect(await outcomeOf(changed)).not.toBe('accepted');
          expect(await outcomeOf(genuine.slice(0, place))).not.toBe('accepted');
        },
      ),
    );
  });
});

describe('a token that its issuer signed is refused', () => {
  it('as an access token: that is what our own tokens are', async () => {
    for (const typ of ['at+jwt', 'JWT', undefined])
      expect(await outcomeOf(token({}, { typ }), TokenType.AccessToken)).toBe(
        'token_kind_mismatch',
      );
  });

  it.each([
    'dpop+jwt',
    'logout+jwt',
    'secevent+jwt',
    'statuslist+jwt',
    'txntoken+jwt',
    'wit+jwt',
    'actor-receipt+jwt',
    'at+jwt+x',
    'application/application/at+jwt',
    'jwt ',
    '',
  ])('as any kind when its typ is %j', async (typ) => {
    expect(await outcomeOf(token({}, { typ }))).toBe('token_kind_mismatch');
    expect(await outcomeOf(token({ aud: 'web_app' }, { typ }), TokenType.IdToken)).toBe(
      'token_kind_mismatch',
    );
  });

  it('as another kind than it is', async () => {
    expect(await outcomeOf(token({ aud: 'web_app' }, { typ: 'JWT' }))).toBe('token_kind_mismatch');
    expect(await outcomeOf(token(), TokenType.IdToken)).toBe('token_kind_mismatch');
    expect(await outcomeOf(token({}, { typ: 'JWT' }), TokenType.IdToken)).toBe(
      'token_audience_mismatch',
    );
    await trust({ accepts: [] });
    expect(await outcomeOf(token())).toBe('token_kind_mismatch');
  });

  it.each([
    'HTTPS://LOGIN.EXAMPLE',
    `${ISSUER}/`,
    `${ISSUER}/a/..`,
    `${ISSUER}:443`,
    'https://lоgin.example',
    `${ISSUER}\u200b`,
    'login.example',
    `${ISSUER}#`,
  ])('when its iss is %s', async (iss) => {
    expect(await outcomeOf(token({ iss }))).toBe('token_issuer_unknown');
  });

  it('when it speaks in our own name, even if we were trusted by mistake', async () => {
    await store.create({ ...TRUSTED, issuer: OURS });
    expect(await outcomeOf(token({ iss: OURS }))).not.toBe('accepted');
  });

  it('when the issuer was disabled or removed, within a second', async () => {
    expect(await outcomeOf(token())).toBe('accepted');
    await store.update({ ...TRUSTED, disabled: true, version: 2 });
    clock.advance(1_000);
    expect(await outcomeOf(token())).toBe('token_issuer_disabled');
    await store.delete(ISSUER);
    validator.forget();
    expect(await outcomeOf(token())).toBe('token_issuer_unknown');
  });

  it('when it is no bearer token but an event, or bound to a key that nobody proved', async () => {
    for (const claims of [{ events: {} }, { cnf: { jkt: 'x' } }, { cnf: null }])
      expect(await outcomeOf(token(claims))).toBe('token_kind_mismatch');
  });

  it('when its header says that something must be understood', async () => {
    for (const extra of [{ crit: ['exp'] }, { crit: [] }, { b64: false }, { b64: true }])
      expect(await outcomeOf(token({}, extra))).toBe('token_malformed');
  });

  it('when its claims are no plain JSON object', async () => {
    const text = JSON.stringify(CLAIMS);
    for (const claims of [
      `[${text}]`,
      'null',
      '"x"',
      '123',
      '[]',
      `{"sub":"bob",${text.slice(1)}`,
      `${text.slice(0, -1)},"su\\u0062":"bob"}`,
      text.replace(String(CLAIMS.exp), '1e309'),
      text.replace(String(CLAIMS.exp), 'NaN'),
      text.replace('"alice"', '"al\\u0000ice"'),
      text.replace('"alice"', '"\\ud800"'),
      `${text.slice(0, -1)},"__proto__":{"admin":true}}`,
      `${text.slice(0, -1)},"act":${'{"act":'.repeat(1_500)}{}${'}'.repeat(1_501)}`,
    ]) {
      expect(await outcomeOf(token(claims))).toBe('token_malformed');
    }
    const huge = `${text.slice(0, -1)},"act":${'{"act":'.repeat(10_000)}{}${'}'.repeat(10_001)}`;
    expect(await outcomeOf(token(huge))).toBe('token_malformed');
  });

  it.each([
    [NOW, 'token_expired'],
    [NOW - 1, 'token_expired'],
    [NOW + 0.5, 'token_expired'],
    [-1, 'token_expired'],
    [0, 'token_expired'],
    [NOW + 1, 'accepted'],
    [NOW + 1.5, 'accepted'],
    [NOW + 86_400, 'accepted'],
    [NOW + 86_401, 'token_claims_invalid'],
    [2 ** 63, 'token_claims_invalid'],
    [1e308, 'token_claims_invalid'],
    [(NOW + 300) * 1000, 'token_claims_invalid'],
    [String(NOW + 300), 'token_claims_invalid'],
  ])('by its time when its exp is %s: %s', async (exp, outcome) => {
    expect(await outcomeOf(token({ exp }))).toBe(outcome);
  });

  it('when it is from later than the clock may be off', async () => {
    for (const claim of ['nbf', 'iat']) {
      expect(await outcomeOf(token({ [claim]: NOW + 30 }))).toBe('accepted');
      expect(await outcomeOf(token({ [claim]: NOW + 31 }))).toBe('token_not_yet_valid');
    }
    await trust({ clockSkew: 0 });
    expect(await outcomeOf(token({ nbf: NOW + 1 }))).toBe('token_not_yet_valid');
  });

  it('when it is meant for somebody else, or for too many', async () => {
    const mismatch = ['MY_GATEWAY', 'my_gateway2', `${OURS}/`, 'web_app', ['a', 'b']];
    for (const aud of mismatch)
      expect(await outcomeOf(token({ aud }))).toBe('token_audience_mismatch');
    const many = Array.from({ length: 50 }, (_, index) => `a${index}`);
    expect(await outcomeOf(token({ aud: [...many, 'my_gateway'] }))).toBe('token_claims_invalid');
    expect(await outcomeOf(token({ aud: [...many.slice(1), 'my_gateway'] }))).toBe('accepted');
    for (const aud of [[], '', [''], ['my_gateway', 1], ['my_gateway', null], [['my_gateway']]])
      expect(await outcomeOf(token({ aud }))).toBe('token_claims_invalid');
  });

  it('when its subject is no name', async () => {
    for (const sub of ['', 'a\u0000', 'a\nb', '\u001b[31m', 'x'.repeat(513), 'x'.repeat(10_000)])
      expect(await outcomeOf(token({ sub }))).not.toBe('accepted');
    expect(await outcomeOf(token({ sub: 'x'.repeat(512) }))).toBe('accepted');
  });

  const WRONG: readonly (readonly [string, unknown])[] = [
    ['null', null],
    ['a number', 7],
    ['an array', ['alice']],
    ['an object', { a: 'alice' }],
    ['a boolean', true],
    ['an empty text', ''],
    ['a long text', 'x'.repeat(6_000)],
  ];
  const RIGHT: Readonly<Record<string, readonly string[]>> = {
    iss: [],
    sub: [],
    aud: [],
    exp: ['a number'],
    nbf: ['a number'],
    iat: ['a number'],
    jti: [],
    client_id: [],
    scope: ['an empty text', 'an array'],
    acr: [],
    amr: ['an array'],
    auth_time: ['a number'],
    sid: [],
    act: [],
  };

  it.each(Object.keys(RIGHT).flatMap((name) => WRONG.map((wrong) => [name, ...wrong] as const)))(
    'or accepted by the form of %s: %s',
    async (name, kind, value) => {
      await trust({ trustsChains: true });
      const outcome = await outcomeOf(token({ [name]: value }));
      if (!RIGHT[name]?.includes(kind)) expect(outcome).not.toBe('accepted');
      else expect(outcome).toBe(name === 'exp' ? 'token_expired' : 'accepted');
    },
  );

  it.each(['iss', 'sub', 'aud', 'exp'])('without %s', async (name) => {
    expect(await outcomeOf(token({ [name]: undefined }))).not.toBe('accepted');
  });

  it('when its scope is malformed', async () => {
    for (const scope of ['a"b', 'a\\b', 'a\tb', 'é', ['a b'], ['a', 1], [null]])
      expect(await outcomeOf(token({ scope }))).toBe('token_claims_invalid');
  });

  it('when the first claim that should name its client does not, although the next one does', async () => {
    expect(await outcomeOf(token({ client_id: ['web_app'], azp: 'other' }))).toBe(
      'token_claims_invalid',
    );
  });
});

describe('a chain that another issuer tells is refused', () => {
  const act = { sub: 'gateway' };

  it('when it names an actor of ours, at any place', async () => {
    await trust({ trustsChains: true });
    for (const chain of [
      { iss: OURS, sub: 'my_gateway' },
      { ...act, act: { iss: OURS, sub: 'my_gateway' } },
      { ...act, act: { ...act, act: { iss: OURS, sub: 'my_gateway' } } },
    ]) {
      expect(await outcomeOf(token({ act: chain }))).toBe('token_chain_not_trusted');
    }
  });

  it('when a link of it names nobody', async () => {
    await trust({ trustsChains: true });
    for (const chain of [{}, [], 'x', null, { sub: 1 }, { sub: '' }, { ...act, act: null }])
      expect(await outcomeOf(token({ act: chain }))).toBe('token_chain_malformed');
    for (const chain of [
      { iss: 1, sub: 'a' },
      { sub: 'a', client_id: [] },
      { ...act, act: 'x' },
    ])
      expect(await outcomeOf(token({ act: chain }))).toBe('token_chain_malformed');
  });

  it('or kept as it is, and never interpreted', async () => {
    await trust({ trustsChains: true });
    const told = {
      sub: 'gateway',
      admin: true,
      cnf: { jkt: 'x' },
      act: { iss: 'https://other.example', sub: 'first', scope: 'all' },
    };
    const { chain } = await check(token({ act: told }));
    expect(chain.toAct()).toEqual(told);
    expect(chain.actors.map(({ iss, sub }) => ({ iss, sub }))).toEqual([
      { iss: ISSUER, sub: 'gateway' },
      { iss: 'https://other.example', sub: 'first' },
    ]);
  });
});

describe('a token of a trusted issuer is accepted', () => {
  it('and says who its subject is, for whom it is, and what it brings here', async () => {
    const presented = token({ acr: '2', amr: ['pwd', 'otp'], auth_time: NOW - 60, sid: 's' });
    const checked = await check(presented);
    expect(checked).toMatchObject({
      issuer: ISSUER,
      isOwn: false,
      hash: 'h',
      jti: 'j1',
      keyId: 'e1',
      clientId: 'web_app',
      audience: ['my_gateway'],
      expiresAt: NOW + 300,
      acr: '2',
      authTime: NOW - 60,
      mayAct: undefined,
      chain: { subject: { iss: ISSUER, sub: 'alice' }, actors: [] },
    });
    expect([...(checked.scope ?? [])]).toEqual(['address:read', 'other']);
    expect(checked.terms).toEqual({
      version: 1,
      trustsChains: false,
      scopes: ['address:read', 'address:write'],
      impliedScopes: ['address:read'],
    });
    expect(checked.claims).toMatchObject({ sid: 's', amr: ['pwd', 'otp'] });
  });

  it('for the audiences that are known here, and for no other that it names', async () => {
    const { audience } = await check(token({ aud: ['address_service', OURS, 'my_gateway'] }));
    expect(audience).toEqual([OURS, 'my_gateway']);
  });

  it('in each spelling of its type, and without one where that is accepted', async () => {
    for (const typ of ['at+jwt', 'AT+JWT', 'at+JWT', 'application/at+jwt', undefined])
      expect(await outcomeOf(token({}, { typ }))).toBe('accepted');
    expect(await outcomeOf(token({}, { typ: 'none' }))).toBe('token_malformed');
  });

  it('as an ID token when it is one', async () => {
    const presented = token({ aud: ['web_app'], azp: 'web_app' }, { typ: 'JWT' });
    expect(await outcomeOf(presented, TokenType.IdToken)).toBe('accepted');
  });

  it('when an RSA key signed it', async () => {
    const input = inputOf({}, { alg: 'RS256', kid: 'r1' });
    expect(await outcomeOf(`${input}.${signature(input, rsa.privateKey)}`)).toBe('accepted');
  });

  it('with the scope that its issuer may bring, from the claim that its issuer uses', async () => {
    expect(await scopeOf({ scope: 'address:write admin address:read' })).toEqual([
      'address:write',
      'address:read',
    ]);
    expect(await scopeOf({ scope: ['address:write', 'admin'] })).toEqual(['address:write']);
    expect(await scopeOf({ scope: 'admin' })).toEqual([]);
    expect(await scopeOf({ scope: '' })).toEqual([]);
    expect(await scopeOf({ scope: undefined })).toEqual(['address:read']);
    await trust({ scopeClaim: 'scp', impliedScopes: [] });
    expect(await scopeOf({ scp: 'address:read' })).toEqual(['address:read']);
    expect(await scopeOf({})).toEqual([]);
  });

  it('with the subject and the client from the claims that its issuer uses', async () => {
    await trust({ subjectClaim: 'oid', clientIdClaims: ['appid', 'azp'] });
    const checked = await check(token({ oid: 'o-1', azp: 'app' }));
    expect(checked.chain.subject).toEqual({ iss: ISSUER, sub: 'o-1' });
    expect(checked.clientId).toBe('app');
    expect((await check(token({ oid: 'o-1' }))).clientId).toBeUndefined();
    expect(await outcomeOf(token())).toBe('token_claims_invalid');
  });

  it('with the whole millisecond of its issue, so that what comes of it can tell its lineage', async () => {
    await trust({ clockSkew: 0 });
    for (const [iat, issuedAt] of [
      [NOW - 0.1234567, NOW * 1000 - 124],
      [NOW, NOW * 1000],
      [-5, 0],
      [undefined, 0],
    ] as const) {
      const checked = await check(token({ iat }));
      expect(checked.issuedAt).toBe(issuedAt);
      const lineage = Lineage.of([{ ...checked, hash: 'h'.repeat(43) }], { clients: [] });
      expect(Lineage.read(lineage.toClaim())).toEqual(lineage);
    }
  });

  it('as one that may be older than it says by as much as its clock may be ahead', async () => {
    await trust({ clockSkew: 30 });
    const checked = await check(token({ iat: NOW + 30 }));
    // So that it dies with a subject who is revoked now.
    expect(checked.issuedAt).toBe(NOW * 1000);
  });

  it('with the only party that may act for its subject; a claim that cannot be read names nobody', async () => {
    expect((await mayActOf({ sub: 'g' }))?.party).toEqual({ iss: ISSUER, sub: 'g' });
    expect((await mayActOf({ iss: OURS, sub: 'g' }))?.party).toEqual({ iss: OURS, sub: 'g' });
    for (const claim of [null, 'g', [], {}, { sub: 1 }, { iss: 1, sub: 'g' }]) {
      const mayAct = await mayActOf(claim);
      expect(mayAct).toBeDefined();
      expect(mayAct?.party).toBeUndefined();
    }
  });

  it('or refused, whatever it says, and nothing but a refusal is ever thrown', async () => {
    await trust({ trustsChains: true });
    const names = [
      'sub',
      'aud',
      'exp',
      'nbf',
      'iat',
      'jti',
      'scope',
      'act',
      'may_act',
      'amr',
      'azp',
    ];
    const claims = fc.dictionary(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 3 }));
    const header = fc.dictionary(fc.constantFrom('typ', 'kid', 'alg', 'x'), fc.jsonValue());
    await fc.assert(
      fc.asyncProperty(claims, header, async (said, head) => {
        await outcomeOf(token(said));
        await outcomeOf(token(said, head));
        await outcomeOf(JSON.stringify(said));
      }),
      { numRuns: 300 },
    );
  });
});
