import { createHmac } from 'node:crypto';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { exportSPKI, importJWK } from 'jose';

import type { AuditRecord } from '../../src/audit/audit-record.js';
import {
  DEFAULT_EXCHANGE_SETTINGS,
  type ExchangeSettings,
} from '../../src/delegation/exchange-request.js';
import type { JsonObject } from '../../src/oauth/claims.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { newTrustedIssuer, type TrustedIssuer } from '../../src/tokens/trusted-issuer.js';
import { foreignKey, signedBy } from '../support/foreign-key.js';
import { json, LoopbackServer } from '../support/loopback-server.js';
import { claimsOf, ISSUER, Protocol, type Answer } from '../support/protocol.js';

const LOGIN = 'https://login.example/tenant';
const CHAINS = 'https://chains.example';
const SILENT = 'https://silent.example';
const ID = TokenType.IdToken;
const JWT = TokenType.Jwt;

const key = foreignKey('login-1');
const rsa = foreignKey('login-2', 'RS256');
const chainsKey = foreignKey('chains-1');
const stranger = foreignKey('login-1');

let server: Protocol;
let keySets: LoopbackServer;

beforeAll(async () => {
  keySets = await LoopbackServer.start();
  keySets.answer = (request, response) => {
    if (request.url === '/login') json({ keys: [key.jwk, rsa.jwk] })(request, response);
    else if (request.url === '/chains') json({ keys: [chainsKey.jwk] })(request, response);
    else json({}, 503)(request, response);
  };
  server = await Protocol.start();
  await server.storyClients();
  await trust(LOGIN, 'login');
  await trust(CHAINS, 'chains', { trustsChains: true });
  await trust(SILENT, 'silent');
  await setGateway({});
});

afterAll(async () => {
  await server.stop();
  await keySets.stop();
});

function trust(issuer: string, path: string, changes: Partial<TrustedIssuer> = {}): Promise<void> {
  return server.trustedIssuers.create(
    newTrustedIssuer({
      issuer,
      jwksUri: `${keySets.url}/${path}`,
      accepts: [
        { tokenType: JWT, types: ['at+jwt'], audiences: ['my_gateway'] },
        { tokenType: ID, types: ['jwt', 'none'], audiences: ['login_app', 'my_gateway'] },
      ],
      scopes: ['address:read', 'address:write'],
      impliedScopes: ['address:read'],
      ...changes,
    }),
  );
}

/** Changes a trusted issuer and lets every memory of it age. */
async function changeIssuer(issuer: string, changes: Partial<TrustedIssuer>): Promise<void> {
  const stored = (await server.trustedIssuers.find(issuer))!;
  await server.trustedIssuers.update({ ...stored, ...changes, version: stored.version + 1 });
  server.clock.advance(1_000);
}

function exchangeSettings(changes: Partial<ExchangeSettings> = {}): ExchangeSettings {
  return {
    ...DEFAULT_EXCHANGE_SETTINGS,
    subjectIssuers: [LOGIN, CHAINS, SILENT],
    ...changes,
  };
}

/** What my_gateway may do besides presenting the tokens of the trusted issuers. */
function setGateway(changes: Partial<ExchangeSettings>): Promise<void> {
  return server.change('my_gateway', { exchange: exchangeSettings(changes) });
}

function claims(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    iss: LOGIN,
    sub: '12345',
    aud: 'my_gateway',
    exp: server.now + 300,
    iat: server.now,
    jti: 'j-1',
    client_id: 'login_app',
    scope: 'address:read address:write',
    ...changes,
  };
}

/** A token of the first trusted issuer, with what is changed; undefined leaves a claim out. */
function login(
  changes: Readonly<Record<string, unknown>> = {},
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  return signedBy(key, claims(changes), header);
}

/** A token of the issuer whose chains are believed. */
function chains(act: unknown): Promise<string> {
  return signedBy(chainsKey, claims({ iss: CHAINS, act }));
}

function idToken(changes: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const own = { aud: 'login_app', scope: undefined, client_id: undefined, azp: 'login_app' };
  return login({ ...own, ...changes }, { typ: 'JWT' });
}

type Form = Readonly<Record<string, string>>;

function exchange(token: string, form: Form = {}, clientId?: string): Promise<Answer> {
  return server.exchange({ subject_token: token, subject_token_type: JWT, ...form }, clientId);
}

/** Expects the constant answer, and one record with the reason and without the token. */
async function expectRefused(
  token: string,
  reason: string,
  form: Form = {},
  clientId?: string,
): Promise<AuditRecord> {
  const { answer, record } = await server.recorded(() => exchange(token, form, clientId));
  expect([record.reason, answer.status, answer.body]).toEqual([
    reason,
    400,
    { error: 'invalid_request', error_description: 'A presented token is not acceptable.' },
  ]);
  expect(record).toMatchObject({ outcome: 'refused', error: 'invalid_request' });
  expect(record.issuedToken).toBeUndefined();
  expectNoTokenIn(record, token);
  return record;
}

async function expectGranted(
  token: string,
  form: Form = {},
  clientId?: string,
): Promise<{ issued: JsonObject; answer: Answer; record: AuditRecord }> {
  const { answer, record } = await server.recorded(() => exchange(token, form, clientId));
  expect([record.reason, answer.status]).toEqual([undefined, 200]);
  expect(record.outcome).toBe('granted');
  expectNoTokenIn(record, token);
  expectNoTokenIn(record, tokenOf(answer));
  return { issued: claimsOf(answer), answer, record };
}

function tokenOf({ body }: Answer): string {
  return body['access_token'] as string;
}

function expectNoTokenIn(record: AuditRecord, token: string): void {
  const text = JSON.stringify(record);
  for (const part of token.split('.').filter((piece) => piece.length > 20))
    expect(text).not.toContain(part.slice(0, 20));
}

/** A header that a forger writes. */
function headerPart(fields: object): string {
  const header = { typ: 'at+jwt', kid: 'login-1', ...fields };
  return Buffer.from(JSON.stringify(header)).toString('base64url');
}

function payloadPart(): string {
  return Buffer.from(JSON.stringify(claims())).toString('base64url');
}

/** An `act` with so many actors inside each other. */
function nested(depth: number): object {
  let act: object = { sub: 'a0' };
  for (let index = 1; index < depth; index += 1) act = { sub: `a${index}`, act };
  return act;
}

/** One of our subject tokens, with this actor token. */
function actingWith(token: string, type: string = JWT): Form {
  return {
    actor_token: token,
    actor_token_type: type,
    subject_token_type: TokenType.AccessToken,
  };
}

describe('A token of a trusted issuer', () => {
  it('becomes one of ours that names its subject and application in their own name space', async () => {
    const { issued, answer, record } = await expectGranted(
      await login({ acr: 'gold', amr: ['pwd', 'otp'], auth_time: 17, sid: 's-1', email: 'a@b.c' }),
    );
    expect(issued).toEqual({
      iss: ISSUER,
      sub: '12345',
      sub_id: { format: 'iss_sub', iss: LOGIN, sub: '12345' },
      aud: 'address_service',
      exp: server.now + 300,
      iat: server.now,
      jti: expect.stringContaining(record.id),
      client_id: 'login_app',
      scope: 'address:read address:write',
      acr: 'gold',
      amr: ['pwd', 'otp'],
      auth_time: 17,
      sid: 's-1',
      act: { iss: ISSUER, sub: 'my_gateway', client_id: 'my_gateway' },
      lineage: expect.stringContaining('.t'),
    });
    expect(answer.body).toMatchObject({
      issued_token_type: TokenType.AccessToken,
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'address:read address:write',
    });
    expect(record).toMatchObject({
      subject: { iss: LOGIN, sub: '12345' },
      actor: { iss: ISSUER, sub: 'my_gateway' },
      inboundActors: [],
      mode: 'delegation',
      subjectToken: {
        type: JWT,
        issuer: LOGIN,
        jti: 'j-1',
        clientId: 'login_app',
        audience: ['my_gateway'],
        expiresAt: server.now + 300,
      },
    });
    expect(record.parentId).toBeUndefined();
  });

  it('is kept through the next hop, with everything it said', async () => {
    const first = await expectGranted(await login({ acr: 'gold', auth_time: 17 }));
    const next = await expectGranted(
      tokenOf(first.answer),
      { audience: 'postal_service' },
      'address_service',
    );
    expect(next.issued).toMatchObject({
      sub: '12345',
      sub_id: { format: 'iss_sub', iss: LOGIN, sub: '12345' },
      client_id: 'login_app',
      acr: 'gold',
      auth_time: 17,
      scope: 'address:read',
      aud: 'postal_service',
      exp: first.issued['exp'],
      act: {
        iss: ISSUER,
        sub: 'address_service',
        client_id: 'address_service',
        act: { iss: ISSUER, sub: 'my_gateway', client_id: 'my_gateway' },
      },
    });
    expect(next.record).toMatchObject({
      subject: { iss: LOGIN, sub: '12345' },
      chainId: first.record.chainId,
      parentId: first.record.id,
    });
  });

  it('gives no more time than it has, whatever the client may have', async () => {
    for (const left of [1, 2.9, 599, 601, 86_000]) {
      const { issued } = await expectGranted(await login({ exp: server.now + left }));
      expect(issued['exp']).toBe(server.now + Math.min(Math.floor(left), 600));
    }
  });

  it('brings only the scope that the issuer is trusted with', async () => {
    const scope = 'address:read admin:write openid';
    expect((await expectGranted(await login({ scope }))).issued['scope']).toBe('address:read');
    const list = await login({ scope: ['address:write', 'admin:write'] });
    expect((await expectGranted(list)).issued['scope']).toBe('address:write');
    for (const wanted of ['admin:write', 'address:read admin:write', 'openid']) {
      const { answer, record } = await server.recorded(() =>
        login({ scope }).then((token) => exchange(token, { scope: wanted })),
      );
      expect(answer.body['error']).toBe('invalid_scope');
      expect(record.reason).toBe('scope_not_allowed');
    }
    for (const empty of ['', ' ', 'openid', []]) {
      const { record } = await server.recorded(() =>
        login({ scope: empty }).then((t) => exchange(t)),
      );
      expect(record).toMatchObject({ reason: 'scope_empty', error: 'invalid_scope' });
    }
  });

  it('may be signed with any algorithm that is allowed, and by a key of that algorithm only', async () => {
    await expectGranted(await signedBy(rsa, claims()));
    await expectRefused(
      await signedBy({ ...rsa, algorithm: 'PS256' }, claims()),
      'token_algorithm_not_allowed',
    );
    await expectRefused(await login({}, { kid: 'login-2' }), 'token_key_unknown');
    await expectRefused(await signedBy(rsa, claims(), { kid: 'login-1' }), 'token_key_unknown');
  });

  it('names its application by azp when it has no client_id, and by us when it has neither', async () => {
    const azp = await login({ client_id: undefined, azp: 'other_app' });
    expect((await expectGranted(azp)).issued['client_id']).toBe('other_app');
    const none = await login({ client_id: undefined });
    expect((await expectGranted(none)).issued['client_id']).toBe('my_gateway');
  });

  it('is not widened by anything that it claims', async () => {
    const { issued } = await expectGranted(
      await login({
        sub_id: { format: 'iss_sub', iss: ISSUER, sub: 'admin' },
        scp: 'admin:write',
        roles: ['admin'],
        groups: ['admin'],
        constructor: 'x',
        toString: 'x',
      }),
    );
    expect(issued['sub_id']).toEqual({ format: 'iss_sub', iss: LOGIN, sub: '12345' });
    expect(Object.keys(issued).toSorted()).toEqual(
      [
        'act',
        'aud',
        'client_id',
        'exp',
        'iat',
        'iss',
        'jti',
        'lineage',
        'scope',
        'sub',
        'sub_id',
      ].toSorted(),
    );
  });
});

describe('A name of a trusted issuer is not a name of ours', () => {
  afterEach(async () => {
    await server.change('address_service', { exchange: { ...DEFAULT_EXCHANGE_SETTINGS } });
  });

  it('so a client that is called like its application may not present its token', async () => {
    await server.change('address_service', { exchange: exchangeSettings() });
    const form = { audience: 'postal_service' };
    for (const client_id of ['address_service', 'login_app']) {
      await expectRefused(
        await login({ client_id }),
        'presenter_not_allowed',
        form,
        'address_service',
      );
    }
    const exchangeOf = exchangeSettings({ presentsTokensOf: ['login_app', 'address_service'] });
    await server.change('address_service', { exchange: exchangeOf });
    await expectRefused(await login(), 'presenter_not_allowed', form, 'address_service');
  });

  it('nor what became of it', async () => {
    await server.client({ clientId: 'elsewhere', offeredScopes: ['address:read'] });
    await server.change('my_gateway', { targets: ['address_service', 'elsewhere'] });
    const { answer } = await expectGranted(await login({ client_id: 'address_service' }), {
      audience: 'elsewhere',
    });
    await expectRefused(
      tokenOf(answer),
      'presenter_not_allowed',
      { audience: 'postal_service' },
      'address_service',
    );
  });

  it('so an audience that was not agreed on lets nobody of that name present it', async () => {
    await server.change('address_service', { exchange: exchangeSettings() });
    const token = await login({ aud: ['my_gateway', 'address_service'] });
    const form = { audience: 'postal_service' };
    await expectRefused(token, 'presenter_not_allowed', form, 'address_service');
    await expectGranted(token);
  });

  it('so a subject that is called like a client does not act as that client', async () => {
    const { issued, record } = await expectGranted(
      await login({ sub: 'my_gateway', client_id: 'my_gateway' }),
    );
    expect(record.mode).toBe('delegation');
    expect(issued).toMatchObject({
      sub: 'my_gateway',
      sub_id: { iss: LOGIN, sub: 'my_gateway' },
      act: { iss: ISSUER, sub: 'my_gateway' },
    });
    const next = await expectGranted(
      await server.ownToken({
        sub: 'address_service',
        sub_id: { format: 'iss_sub', iss: LOGIN, sub: 'address_service' },
        aud: 'address_service',
      }),
      { subject_token_type: TokenType.AccessToken, audience: 'postal_service' },
      'address_service',
    );
    expect(next.record.mode).toBe('delegation');
  });

  it('so may_act means a party there, unless it says that it is one of ours', async () => {
    for (const may_act of [
      { sub: 'my_gateway' },
      { client_id: 'my_gateway' },
      { iss: LOGIN, sub: 'my_gateway' },
      { iss: null, sub: 'my_gateway' },
      { iss: [ISSUER], sub: 'my_gateway' },
      { iss: ISSUER, sub: ['my_gateway'] },
      { iss: ISSUER },
      {},
      null,
      'my_gateway',
      [{ iss: ISSUER, sub: 'my_gateway' }],
    ]) {
      await expectRefused(await login({ may_act }), 'actor_not_allowed');
    }
    const { issued } = await expectGranted(
      await login({ may_act: { iss: ISSUER, sub: 'my_gateway' } }),
    );
    expect(issued).not.toHaveProperty('may_act');
  });
});

describe('A token of another issuer is refused', () => {
  it.each([
    'https://stranger.example',
    `${LOGIN}/`,
    LOGIN.toUpperCase(),
    'https://LOGIN.example/tenant',
    `${LOGIN}?`,
    ` ${LOGIN}`,
    'https://login.example',
    'https://lоgin.example/tenant',
  ])('when its issuer is %j', async (iss) => {
    await expectRefused(await login({ iss }), 'token_issuer_unknown');
  });

  it('when its issuer is trusted no more, or not now', async () => {
    await trust('https://gone.example', 'login');
    const token = await login({ iss: 'https://gone.example' });
    await setGateway({ subjectIssuers: ['https://gone.example'] });
    await expectGranted(token);
    await changeIssuer('https://gone.example', { disabled: true });
    await expectRefused(token, 'token_issuer_disabled');
    await server.trustedIssuers.delete('https://gone.example');
    server.clock.advance(1_000);
    await expectRefused(token, 'token_issuer_unknown');
    await setGateway({});
  });

  it('when this client may not present it', async () => {
    for (const subjectIssuers of [[], [CHAINS], [`${LOGIN}/`]]) {
      await setGateway({ subjectIssuers });
      const record = await expectRefused(await login(), 'subject_issuer_not_allowed');
      expect(record).toMatchObject({ subject: { iss: LOGIN, sub: '12345' } });
    }
    await setGateway({});
  });

  it('when its keys cannot be reached', async () => {
    await expectRefused(await login({ iss: SILENT }), 'token_issuer_unreachable');
  });

  it('when it is meant for somebody else', async () => {
    for (const aud of ['login_app', 'MY_GATEWAY', 'my_gateway/', ['a', 'b'], ISSUER])
      await expectRefused(await login({ aud }), 'token_audience_mismatch');
    const audiences = Array.from({ length: 500 }, (_, index) => `a${index}`);
    await expectRefused(await login({ aud: ['my_gateway', ...audiences] }), 'token_claims_invalid');
    await expectGranted(await login({ aud: ['a', 'my_gateway', 'b'] }));
  });
});

describe('A forged token is refused', () => {
  it('when a stranger signed it', async () => {
    await expectRefused(await signedBy(stranger, claims()), 'token_signature_invalid');
    await expectRefused(
      await signedBy(stranger, claims(), { kid: 'stranger', jwk: stranger.jwk }),
      'token_key_unknown',
    );
    await expectRefused(
      await signedBy(stranger, claims(), { jku: `${keySets.url}/chains`, x5c: ['AAAA'] }),
      'token_signature_invalid',
    );
  });

  it('when one trusted issuer signed what claims to be of another', async () => {
    await expectRefused(await signedBy(chainsKey, claims()), 'token_key_unknown');
    await expectRefused(
      await signedBy({ ...chainsKey, kid: 'login-1' }, claims()),
      'token_signature_invalid',
    );
    await expectRefused(await login({ iss: CHAINS }), 'token_key_unknown');
    await expectRefused(
      await signedBy({ ...key, kid: 'chains-1' }, claims({ iss: CHAINS })),
      'token_signature_invalid',
    );
  });

  it('when it claims to be ours', async () => {
    await expectRefused(await login({ iss: ISSUER }), 'token_key_unknown');
    const { kid } = await server.ring.active();
    await expectRefused(await login({ iss: ISSUER }, { kid }), 'token_signature_invalid');
    await expectRefused(await login({}, { kid }), 'token_signature_invalid');
  });

  it('when we signed what claims to be of a trusted issuer', async () => {
    await expectRefused(await server.ownToken(claims()), 'token_issuer_unknown');
  });

  it.each(['none', 'None', 'nOnE', '', 'HS256', 'RS512', 'es256', 'ES256 ', 'EdDSA'])(
    'with the algorithm %j',
    async (alg) => {
      const [, body, signature] = (await login()).split('.');
      await expectRefused(
        `${headerPart({ alg })}.${body}.${signature}`,
        'token_algorithm_not_allowed',
      );
      await expectRefused(`${headerPart({ alg })}.${body}.`, 'token_malformed');
    },
  );

  it('with a public key as HMAC secret, in any spelling', async () => {
    for (const { jwk, algorithm, kid } of [key, rsa]) {
      const pem = await exportSPKI(
        (await importJWK(jwk as object, algorithm)) as Parameters<typeof exportSPKI>[0],
      );
      for (const secret of [pem, pem.trim(), `\n${pem}`, JSON.stringify(jwk)]) {
        const signed = `${headerPart({ alg: 'HS256', kid })}.${payloadPart()}`;
        const signature = createHmac('sha256', secret).update(signed).digest('base64url');
        await expectRefused(`${signed}.${signature}`, 'token_algorithm_not_allowed');
      }
    }
  });

  it('with a signature that is zero, short, long or of another token', async () => {
    const [head = '', body = '', signature = ''] = (await login()).split('.');
    const raw = Buffer.from(signature, 'base64url');
    for (const other of [
      Buffer.alloc(64),
      Buffer.alloc(64, 0xff),
      raw.subarray(0, 63),
      Buffer.concat([raw, Buffer.from([0])]),
      Buffer.concat([Buffer.alloc(32), raw.subarray(32)]),
      Buffer.from((await login({ sub: 'other' })).split('.')[2]!, 'base64url'),
    ]) {
      const token = `${head}.${body}.${other.toString('base64url')}`;
      await expectRefused(token, 'token_signature_invalid');
    }
  });

  it.each(['[]', '[{"iss":"https://login.example/tenant"}]', '"x"', 'null', '17', '{'])(
    'with the payload %s',
    async (text) => {
      await expectRefused(await signedBy(key, text), 'token_malformed');
    },
  );

  it('with a name twice in its payload', async () => {
    const text = JSON.stringify(claims()).slice(1, -1);
    for (const more of ['"sub":"admin"', String.raw`"\u0073ub":"12345"`, '"__proto__":{}'])
      await expectRefused(await signedBy(key, `{${text},${more}}`), 'token_malformed');
    await expectRefused(
      await signedBy(chainsKey, `{${text},"act":{"sub":"a","sub":"b"}}`),
      'token_malformed',
    );
  });

  it('with what must be understood and is not', async () => {
    const [, body, signature] = (await login()).split('.');
    for (const more of [{ crit: ['exp'] }, { crit: [] }, { b64: false }, { kid: 17 }, { typ: 17 }])
      await expectRefused(
        `${headerPart({ alg: 'ES256', ...more })}.${body}.${signature}`,
        'token_malformed',
      );
  });
});

describe('A token of another kind is refused', () => {
  it.each([
    'JWT',
    'none',
    undefined,
    'logout+jwt',
    'secevent+jwt',
    'dpop+jwt',
    'id_token+jwt',
    'wit+jwt',
    '',
  ])('when its typ is %j where access tokens are accepted', async (typ) => {
    const reason = typ === 'none' ? 'token_malformed' : 'token_kind_mismatch';
    await expectRefused(await login({}, { typ }), reason);
  });

  it('when it is presented as an access token, or as another kind than it is', async () => {
    await expectRefused(await login(), 'token_kind_mismatch', {
      subject_token_type: TokenType.AccessToken,
    });
    await expectRefused(await login(), 'token_kind_mismatch', { subject_token_type: ID });
    await expectRefused(await idToken(), 'token_kind_mismatch');
  });

  it('when its issuer is not trusted with that kind', async () => {
    await changeIssuer(CHAINS, {
      accepts: [{ tokenType: ID, types: ['at+jwt'], audiences: ['my_gateway'] }],
    });
    await expectRefused(await chains(undefined), 'token_kind_mismatch');
    await changeIssuer(CHAINS, {
      accepts: [{ tokenType: JWT, types: ['at+jwt'], audiences: ['my_gateway'] }],
    });
    await expectGranted(await chains(undefined));
  });

  it('when it tells an event or belongs to a key', async () => {
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
    await expectRefused(await login({ events }), 'token_kind_mismatch');
    await expectRefused(await idToken({ events }), 'token_kind_mismatch', {
      subject_token_type: ID,
    });
    for (const cnf of [{ jkt: 'x' }, {}, null])
      await expectRefused(await login({ cnf }), 'token_kind_mismatch');
  });

  it.each([TokenType.Saml1, TokenType.Saml2, TokenType.RefreshToken])(
    'when it is presented as %s',
    async (type) => {
      const { answer, record } = await server.recorded(() =>
        login().then((token) => exchange(token, { subject_token_type: type })),
      );
      expect(answer.body).toEqual({
        error: 'invalid_request',
        error_description: `${type} is not supported as subject_token_type.`,
      });
      expect(record.reason).toBe('token_type_not_supported');
    },
  );
});

describe('A token is refused outside of its time', () => {
  it.each<[string, object, string | null]>([
    ['it ends now', { exp: 0 }, 'token_expired'],
    ['it ended', { exp: -1 }, 'token_expired'],
    ['it ended within the skew', { exp: -29 }, 'token_expired'],
    ['it ends within this second', { exp: 0.9 }, 'token_expired'],
    ['it ends in a second', { exp: 1 }, null],
    ['it ends in a day', { exp: 86_400 }, null],
    ['it ends later', { exp: 86_401 }, 'token_claims_invalid'],
    ['it begins within the skew', { nbf: 30 }, null],
    ['it begins later', { nbf: 31 }, 'token_not_yet_valid'],
    ['it is from within the skew', { iat: 30 }, null],
    ['it is from later', { iat: 31 }, 'token_not_yet_valid'],
    ['it is from long ago', { iat: -1e9, nbf: -1e9 }, null],
  ])('when %s', async (_when, offsets, reason) => {
    const times = Object.entries(offsets).map(([name, offset]) => [
      name,
      server.now + Number(offset),
    ]);
    const token = await login(Object.fromEntries(times));
    if (reason === null) await expectGranted(token);
    else await expectRefused(token, reason);
  });

  it('whatever it writes as a number', async () => {
    for (const exp of ['1e309', '1e400']) {
      const text = JSON.stringify(claims({ exp: undefined })).replace('}', `,"exp":${exp}}`);
      await expectRefused(await signedBy(key, text), 'token_malformed');
    }
    for (const exp of [2 ** 63, 1e308])
      await expectRefused(await login({ exp }), 'token_claims_invalid');
    for (const exp of [-1, 0, 17]) await expectRefused(await login({ exp }), 'token_expired');
  });

  it('a moment after it was accepted', async () => {
    const token = await login({ exp: server.now + 10 });
    server.clock.advance(9_000);
    await expectGranted(token);
    server.clock.advance(1_000);
    await expectRefused(token, 'token_expired');
  });
});

describe('A claim of a wrong shape is refused', () => {
  const LONG = 'x'.repeat(7_000);
  const SHAPES = {
    missing: undefined,
    null: null,
    number: 17,
    text: 'x\u0000',
    empty: '',
    list: [17],
    'list of a list': [['my_gateway']],
    object: { a: 'my_gateway' },
    long: LONG,
  };
  const INVALID = 'token_claims_invalid';
  /** The reason of each claim, and the shapes that it may have. */
  const CLAIMS: readonly (readonly [string, string, readonly (keyof typeof SHAPES)[]])[] = [
    ['iss', 'token_issuer_unknown', []],
    ['sub', INVALID, []],
    ['aud', INVALID, []],
    ['exp', INVALID, ['number']],
    ['nbf', INVALID, ['missing', 'number']],
    ['iat', INVALID, ['missing', 'number']],
    ['auth_time', INVALID, ['missing', 'number']],
    ['jti', INVALID, ['missing']],
    ['client_id', INVALID, ['missing']],
    ['acr', INVALID, ['missing']],
    ['sid', INVALID, ['missing']],
    ['amr', INVALID, ['missing']],
    ['scope', INVALID, ['missing', 'empty']],
    ['act', 'token_chain_malformed', ['missing']],
    ['may_act', 'actor_not_allowed', ['missing']],
  ];
  const CASES = CLAIMS.flatMap(([name, reason, fine]) =>
    Object.entries(SHAPES)
      .filter(([shape]) => !fine.includes(shape as keyof typeof SHAPES))
      .map(([shape, value]) => [name, shape, value, reason] as const),
  );

  it.each(CASES)('%s: %s', async (name, shape, value, reason) => {
    const isNoText = shape === 'text';
    await expectRefused(await login({ [name]: value }), isNoText ? 'token_malformed' : reason);
  });

  it('azp, when it is what names the application', async () => {
    for (const azp of [null, 17, [], {}, '', LONG])
      await expectRefused(await login({ client_id: undefined, azp }), INVALID);
    await expectRefused(await login({ client_id: null, azp: 'login_app' }), INVALID);
  });

  it.each(['a\nb', 'a\u001B[2Jb', '\u007F'])(
    'a name with the control character in %j',
    async (sub) => {
      await expectRefused(await login({ sub }), INVALID);
    },
  );

  it.each(['a\\b', 'a"b', 'ä', 'x'.repeat(257)])('the scope %.20j', async (scope) => {
    await expectRefused(await login({ scope }), INVALID);
    await expectRefused(await login({ scope: [scope] }), INVALID);
  });

  it('half a character', async () => {
    const text = JSON.stringify(claims({ sub: '@' })).replace('@', String.raw`\ud800`);
    await expectRefused(await signedBy(key, text), 'token_malformed');
  });

  it('a token that is too large', async () => {
    await expectRefused(await login({ sub: 'x'.repeat(12_500) }), 'token_malformed');
    const { answer, record } = await server.recorded(() =>
      login({ sub: 'x'.repeat(1_000_000) }).then((token) => exchange(token)),
    );
    expect(answer.status).toBe(413);
    expect(record.reason).toBe('body_too_large');
  });
});

describe('A chain of a trusted issuer', () => {
  const AGENT = { iss: CHAINS, sub: 'agent' };

  it('is refused when that issuer is not trusted to tell one', async () => {
    for (const act of [{ sub: 'agent' }, { iss: CHAINS, sub: 'agent' }])
      expect(await expectRefused(await login({ act }), 'token_chain_not_trusted')).toMatchObject({
        subject: { iss: LOGIN, sub: '12345' },
        inboundActors: [{ iss: act.iss ?? LOGIN, sub: 'agent' }],
        basis: { policy: 'issuer-settings', version: '1', rule: 'chain' },
      });
    await expectRefused(await login({ act: {} }), 'token_chain_malformed');
  });

  it('is kept link by link, and never interpreted', async () => {
    const act = {
      sub: 'agent',
      iss: CHAINS,
      client_id: 'agent_app',
      admin: true,
      cnf: { jkt: 'x' },
      scope: 'admin:write',
      act: { sub: 'older', email: 'a@b.c' },
    };
    const { issued, record } = await expectGranted(await chains(act));
    expect(issued['act']).toEqual({
      iss: ISSUER,
      sub: 'my_gateway',
      client_id: 'my_gateway',
      act,
    });
    expect(issued).not.toHaveProperty('cnf');
    expect(record).toMatchObject({
      inboundActors: [
        { ...AGENT, clientId: 'agent_app' },
        { iss: CHAINS, sub: 'older' },
      ],
      act: issued['act'],
    });
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['text', 'agent'],
    ['a number', 17],
    ['a list', [AGENT]],
    ['nobody', {}],
    ['a number as sub', { sub: 17 }],
    ['a list as sub', { sub: ['agent'] }],
    ['an empty sub', { sub: '' }],
    ['a long sub', { sub: 'x'.repeat(5_000) }],
    ['null as iss', { iss: null, sub: 'agent' }],
    ['a list as client_id', { sub: 'agent', client_id: ['a'] }],
    ['a link that is text', { ...AGENT, act: 'older' }],
    ['a link that is nobody', { ...AGENT, act: { iss: CHAINS } }],
    ['a link that is null', { ...AGENT, act: null }],
  ])('is refused when it is malformed: %s', async (_how, act) => {
    await expectRefused(await chains(act), 'token_chain_malformed');
  });

  it.each<[string, object]>([
    ['now', { iss: ISSUER, sub: 'address_service' }],
    ['now, as us', { iss: ISSUER, sub: 'my_gateway', client_id: 'my_gateway' }],
    ['before', { ...AGENT, act: { iss: ISSUER, sub: 'address_service' } }],
  ])('is refused when somebody of ours acts in it %s', async (_when, act) => {
    await expectRefused(await chains(act), 'token_chain_not_trusted');
  });

  it('is refused when it is too deep for us, or for anybody', async () => {
    await expectGranted(await chains(nested(4)));
    await expectRefused(await chains(nested(5)), 'chain_too_deep');
    await expectRefused(await chains(nested(31)), 'chain_too_deep');
    await expectRefused(await chains(nested(32)), 'token_malformed');
    await expectRefused(await chains(nested(400)), 'token_malformed');
    const text = `{"iss":"${CHAINS}","act":${'{"act":'.repeat(10_000)}1${'}'.repeat(10_001)}`;
    const huge = await signedBy(chainsKey, text);
    const { answer, record } = await server.recorded(() => exchange(huge));
    expect([answer.status, record.reason]).toEqual([413, 'body_too_large']);
    await expectRefused(
      await signedBy(chainsKey, `{"iss":"${CHAINS}","act":${'['.repeat(5_000)}`),
      'token_malformed',
    );
  });
});

describe('An ID token of a trusted issuer', () => {
  const asId = { subject_token_type: ID };

  it('brings the scope that is implied, to the one it is meant for', async () => {
    await server.change('my_gateway', { identifiers: ['login_app'] });
    const { issued } = await expectGranted(await idToken({ nonce: 'n', at_hash: 'h' }), asId);
    expect(issued).toMatchObject({ client_id: 'login_app', scope: 'address:read' });
    const untyped = await login({ aud: 'login_app', scope: undefined }, { typ: undefined });
    await expectGranted(untyped, asId);
    await server.change('my_gateway', { identifiers: ['https://api.example/gateway'] });
    await expectRefused(await idToken(), 'presenter_not_allowed', asId);
    await expectRefused(await idToken({ aud: 'other' }), 'token_audience_mismatch', asId);
  });
});

describe('An actor token of a trusted issuer', () => {
  const WORKLOAD = { iss: LOGIN, sub: 'gateway-workload' };
  const actorToken = (changes: object = {}): Promise<string> =>
    login({ sub: WORKLOAD.sub, ...changes });

  it('is refused when its party is not known to be the client', async () => {
    const subject = await server.ownToken();
    for (const sub of ['gateway-workload', 'my_gateway'])
      await expectRefused(
        subject,
        'actor_token_not_of_client',
        actingWith(await actorToken({ sub, client_id: 'my_gateway' })),
      );
    for (const actorIdentities of [
      [{ iss: CHAINS, sub: WORKLOAD.sub }],
      [{ iss: LOGIN, sub: 'other' }],
      [{ iss: ISSUER, sub: WORKLOAD.sub }],
    ]) {
      await setGateway({ actorIdentities });
      const form = actingWith(await actorToken());
      await expectRefused(subject, 'actor_token_not_of_client', form);
    }
    await setGateway({});
  });

  it('acts for the client that it belongs to, in its own name', async () => {
    await setGateway({ actorIdentities: [WORKLOAD] });
    const token = await actorToken({ exp: server.now + 60 });
    const { issued, record } = await expectGranted(await server.ownToken(), actingWith(token));
    expect(issued).toMatchObject({
      sub: 'alice',
      client_id: 'web_app',
      exp: server.now + 60,
      act: { ...WORKLOAD, client_id: 'my_gateway' },
    });
    expect(record).toMatchObject({
      actor: { ...WORKLOAD, clientId: 'my_gateway' },
      actorToken: { issuer: LOGIN, jti: 'j-1' },
    });
    expectNoTokenIn(record, token);
    await setGateway({});
  });

  it('is refused as a subject token would be', async () => {
    await setGateway({ actorIdentities: [WORKLOAD] });
    const subject = await server.ownToken();
    for (const [token, reason] of [
      [await actorToken({ exp: server.now }), 'token_expired'],
      [await actorToken({ aud: 'other' }), 'token_audience_mismatch'],
      [await actorToken({ act: { sub: 'agent' } }), 'actor_token_delegated'],
      [await signedBy(stranger, claims({ sub: WORKLOAD.sub })), 'token_signature_invalid'],
      [await actorToken({ iss: 'https://stranger.example' }), 'token_issuer_unknown'],
    ] as const) {
      const record = await expectRefused(subject, reason, actingWith(token));
      expectNoTokenIn(record, token);
    }
    const form = actingWith(await actorToken(), TokenType.AccessToken);
    await expectRefused(subject, 'token_kind_mismatch', form);
    await setGateway({});
  });
});
