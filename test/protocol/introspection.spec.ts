import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';

import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  CompactSign,
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  jwtVerify,
  type JSONWebKeySet,
} from 'jose';

import type { AuditRecord } from '../../src/audit/audit-record.js';
import { ClientDirectory } from '../../src/clients/client-directory.js';
import { DEFAULT_EXCHANGE_SETTINGS } from '../../src/delegation/exchange-request.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { OPENID_SCOPES } from '../../src/oauth/openid.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { InMemoryRevocationStore } from '../../src/testing/index.js';
import { LogoutTokenIssuer } from '../../src/tokens/logout-token-issuer.js';
import { Revocations } from '../../src/tokens/revocations.js';
import { newTrustedIssuer } from '../../src/tokens/trusted-issuer.js';
import { basic, claimsOf, encode, ISSUER, Protocol, type Answer } from '../support/protocol.js';
import type { TextBrowser } from '../support/browser.js';
import { CALLBACK, claimsIn, Provider, textClaim } from '../support/provider.js';

const PATH = '/connect/introspect';
const JWT_TYPE = 'application/token-introspection+jwt';
const FORM = 'application/x-www-form-urlencoded';
const FOREIGN = 'https://login.example';

let server: Protocol;

beforeAll(async () => {
  server = await Protocol.start();
  await server.storyClients();
  const accessTokens = {
    takes: 'jwt',
    gets: 'jwt',
    statusList: false,
    introspectsAll: true,
  } as const;
  await server.client({ clientId: 'auditor', accessTokens });
  await server.client({
    clientId: 'batch',
    grantTypes: [GrantType.TokenExchange],
    scopes: ['address:read'],
    targets: ['address_service'],
    exchange: { ...DEFAULT_EXCHANGE_SETTINGS, mode: 'impersonation' },
  });
});

afterEach(() => {
  jest.restoreAllMocks();
});

afterAll(() => server.stop());

function introspect(
  token: unknown,
  clientId: string | null = 'address_service',
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return server.post(PATH, { token: String(token) }, clientId, headers);
}

/** What alice's sign-in gave the application, for the gateway. */
const fromSignIn = (claims: Readonly<Record<string, unknown>> = {}): Promise<string> =>
  server.ownToken({
    acr: 'urn:acr',
    amr: ['pwd'],
    auth_time: server.now - 60,
    sid: 's-1',
    ...claims,
  });

/** The token that the gateway got for the address service. */
async function delegated(subjectToken?: string): Promise<string> {
  const answer = await server.exchange({ subject_token: subjectToken ?? (await fromSignIn()) });
  expect(answer.status).toBe(200);
  return String(answer.body['access_token']);
}

/** The token that the address service got for the postal service, in the name of the gateway and alice. */
async function delegatedTwice(subjectToken: string): Promise<string> {
  const form = { subject_token: subjectToken, audience: 'postal_service', scope: 'address:read' };
  const answer = await server.exchange(form, 'address_service');
  expect(answer.status).toBe(200);
  return String(answer.body['access_token']);
}

interface Kept {
  readonly parent: string;
  readonly token: string;
  readonly chainId: string;
}

/** Nothing but that, and nothing kept: of one who may know it, and about garbage. */
async function expectInactive(token: unknown, clientId = 'address_service'): Promise<void> {
  const before = server.records.length;
  expectInactiveAnswer(await introspect(token, clientId));
  expect(server.records).toHaveLength(before);
}

function expectInactiveAnswer(answer: Answer): void {
  expect({ status: answer.status, text: answer.text }).toEqual({
    status: 200,
    text: '{"active":false}',
  });
  expect(answer.headers['content-type']).toBe('application/json');
  expect(answer.headers['cache-control']).toBe('no-store');
}

/** An answer about a good token, which leaves no record. */
async function active(token: unknown, clientId = 'address_service'): Promise<Answer['body']> {
  const before = server.records.length;
  const answer = await introspect(token, clientId);
  expect({ status: answer.status, active: answer.body['active'] }).toEqual({
    status: 200,
    active: true,
  });
  expect(answer.headers['content-type']).toBe('application/json');
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(server.records).toHaveLength(before);
  return answer.body;
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

/** The record that a stranger leaves, and the answer that tells them nothing. */
async function expectStranger(token: string, clientId: string): Promise<AuditRecord> {
  const { answer, record } = await server.recorded(() => introspect(token, clientId));
  expectInactiveAnswer(answer);
  expect(record).toMatchObject({
    event: 'introspection',
    outcome: 'refused',
    reason: 'introspection_not_allowed',
    client: { clientId, method: 'client_secret_basic', secretId: 's1' },
    subjectToken: { hash: hashOf(token), jti: decodeJwt(token).jti },
  });
  expect(record).not.toHaveProperty('error');
  return record;
}

/** A signed answer, checked with the keys that are published. */
async function verified(text: string) {
  const keys = await server.send({ method: 'GET', path: '/.well-known/jwks.json' });
  return jwtVerify(text, createLocalJWKSet(keys.body as unknown as JSONWebKeySet), {
    issuer: ISSUER,
    currentDate: new Date(server.clock.now()),
  });
}

/** The store of what is revoked, out of reach for longer than what is known of it is good. */
function loseRevocations(): void {
  const store = server.app.get(InMemoryRevocationStore, { strict: false });
  jest.spyOn(store, 'since').mockRejectedValue(new Error('out of reach'));
  server.clock.advance(1_000);
}

describe('Who cannot keep a secret learns nothing', () => {
  const UNAUTHENTICATED = [
    ['no client at all', null, {}, 'client_not_authenticated'],
    ['a public client by its id', null, { client_id: 'web_app' }, 'client_public'],
    ['a client id that nobody has', null, { client_id: 'nobody' }, 'client_unknown'],
    [
      'a client id without its secret',
      null,
      { client_id: 'my_gateway' },
      'client_method_not_allowed',
    ],
    ['a wrong secret', basic('my_gateway', 'wrong'), {}, 'client_secret_wrong'],
    ['a bearer token', 'Bearer some-token', {}, 'client_not_authenticated'],
  ] as const;

  it.each(UNAUTHENTICATED)('%s', async (_, authorization, form, reason) => {
    const token = await delegated();
    const { answer, record } = await server.recorded(() =>
      server.send({
        path: PATH,
        headers: {
          'content-type': FORM,
          ...(authorization === null ? {} : { authorization }),
        },
        body: encode({ token, ...form }),
      }),
    );
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Basic realm="token", charset="UTF-8"');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body).toEqual({
      error: 'invalid_client',
      error_description: 'Client authentication failed.',
    });
    expect(record).toMatchObject({
      event: 'introspection',
      outcome: 'refused',
      reason,
      error: 'invalid_client',
    });
    expect(record).not.toHaveProperty('subjectToken');
  });

  it('a client that is disabled, within a second', async () => {
    const token = await delegated();
    await server.client({ clientId: 'sleeper', identifiers: ['https://api.example/sleeper'] });
    expectInactiveAnswer(await introspect(token, 'sleeper'));
    await server.change('sleeper', { disabled: true });
    const { answer, record } = await server.recorded(() => introspect(token, 'sleeper'));
    expect(answer.status).toBe(401);
    expect(record).toMatchObject({ reason: 'client_disabled', client: { clientId: 'sleeper' } });
  });
});

describe('A request that is malformed', () => {
  it.each([
    ['without a token', 'token_type_hint=access_token', 400, 'missing_parameter'],
    ['with an empty token', 'token=', 400, 'missing_parameter'],
    ['with two tokens', 'token=a&token=b', 400, 'repeated_parameter'],
    ['with two hints', 'token=a&token_type_hint=x&token_type_hint=y', 400, 'repeated_parameter'],
    ['with a percent sign that means nothing', 'token=%zz', 400, 'malformed_request'],
    ['of more than 64 kB', `token=${'a'.repeat(70_000)}`, 413, 'body_too_large'],
  ])('is refused %s', async (_, body, status, reason) => {
    const { answer, record } = await server.recorded(() => server.post(PATH, body));
    expect({ status: answer.status, error: answer.body['error'] }).toEqual({
      status,
      error: 'invalid_request',
    });
    expect(record).toMatchObject({ event: 'introspection', outcome: 'refused', reason });
  });

  it('is refused with JSON', async () => {
    const { answer, record } = await server.recorded(() =>
      server.post(PATH, '{"token":"a"}', 'my_gateway', { 'content-type': 'application/json' }),
    );
    expect(answer.status).toBe(400);
    expect(record.reason).toBe('content_type_not_supported');
  });

  it('is refused with the token in the URL', async () => {
    const { answer, record } = await server.recorded(() =>
      server.post(`${PATH}?token=abc`, { token: 'abc' }),
    );
    expect(answer.status).toBe(400);
    expect(record.reason).toBe('credentials_in_query');
  });

  it.each(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('is refused by %s', async (method) => {
    const path = `${PATH}?token=abc`;
    const { answer, record } = await server.recorded(() => server.send({ method, path }));
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('POST');
    expect(answer.body['error']).toBe('invalid_request');
    expect(record).toMatchObject({ event: 'introspection', reason: 'method_not_allowed' });
  });
});

describe('CVE-2026-37979, introspection ignored the audience: a stranger', () => {
  it('that is not the audience learns nothing, and that it asked is recorded', async () => {
    const token = await delegated();
    const record = await expectStranger(token, 'postal_service');
    expect(record).toMatchObject({
      subject: { iss: ISSUER, sub: 'alice' },
      inboundActors: [{ iss: ISSUER, sub: 'my_gateway', clientId: 'my_gateway' }],
      chainId: decodeJwt(token).jti?.split('.')[1],
      parentId: decodeJwt(token).jti?.split('.')[0],
    });
    expect(JSON.stringify(record)).not.toContain(token.split('.')[2]);
  });

  it('is whoever acted before, but acts no more', async () => {
    const token = await delegatedTwice(await delegated());
    await expectStranger(token, 'my_gateway');
  });

  it('is told the same about a token that is revoked, and is recorded as well', async () => {
    const token = await delegated();
    await revoke(token);
    await expectStranger(token, 'postal_service');
  });

  it('is not let in by a name that only sounds like its own', async () => {
    await server.client({ clientId: 'address' });
    await server.client({ clientId: 'sounds_alike', identifiers: ['https://api.example/address'] });
    const token = await delegated();
    await expectStranger(token, 'address');
    await expectStranger(token, 'sounds_alike');
  });

  it('is a client of ours that has the name of an application of another issuer', async () => {
    const token = await foreignToken({ client_id: 'auto_shop' });
    await server.client({ clientId: 'auto_shop' });
    await expectStranger(token, 'auto_shop');
  });

  it('is not answered when that cannot be recorded', async () => {
    const token = await delegated();
    jest.spyOn(server.log, 'append').mockRejectedValue(new Error('no room left'));
    const before = server.records.length;
    expectUnavailable(await introspect(token, 'postal_service'));
    expect(server.records).toHaveLength(before);
  });
});

describe('A token that is not good is not active, and nothing else is said', () => {
  it.each([
    ['x'],
    ['a.b.c'],
    ['eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.'],
    ['-'.repeat(43)],
    ['ä€😀'],
    ['a'.repeat(20_000)],
  ])('garbage: %.40s', async (token) => {
    await expectInactive(token, 'auditor');
  });

  it('with another signature', async () => {
    const token = await delegated();
    const [header = '', payload = '', signature = ''] = token.split('.');
    const other = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
    await expectInactive([header, payload, other].join('.'));
    const more = Buffer.from(
      JSON.stringify({ ...decodeJwt(token), scope: 'address:write' }),
    ).toString('base64url');
    await expectInactive([header, more, signature].join('.'));
    await expectInactive([header, payload, ''].join('.'));
  });

  it('signed by somebody else under the id of our key', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { kid } = await server.ring.active();
    const payload = new TextEncoder().encode(JSON.stringify(decodeJwt(await delegated())));
    const forged = await new CompactSign(payload)
      .setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt' })
      .sign(privateKey);
    await expectInactive(forged);
  });

  it('that has expired, and one whose time has not come', async () => {
    await expectInactive(await fromSignIn({ aud: 'address_service', exp: server.now }));
    await expectInactive(await fromSignIn({ aud: 'address_service', nbf: server.now + 1 }));
  });

  it('of another kind, for whoever may ask about all', async () => {
    for (const kind of ['JWT', 'logout+jwt', 'token-introspection+jwt', 'secevent+jwt']) {
      await expectInactive(await server.ownToken({ aud: 'address_service' }, kind), 'auditor');
      await expectInactive(await server.ownToken({ aud: 'address_service' }, kind));
    }
    const logout = await server.app.get(LogoutTokenIssuer, { strict: false }).issue({
      clientId: 'address_service',
      subject: 'alice',
      sid: 's-1',
      algorithm: 'ES256',
    });
    await expectInactive(logout);
  });

  it('of an issuer that is trusted here', async () => {
    await expectInactive(await trustedToken(), 'auditor');
  });

  it.each([
    ['itself', ({ token }: Kept) => ({ kind: 'token' as const, hash: hashOf(token) })],
    ['its parent', ({ parent }: Kept) => ({ kind: 'token' as const, hash: hashOf(parent) })],
    ['its chain', ({ chainId }: Kept) => ({ kind: 'chain' as const, chainId })],
    ['its subject', () => ({ kind: 'subject' as const, iss: ISSUER, sub: 'alice' })],
    ['an actor', () => ({ kind: 'actor' as const, iss: ISSUER, sub: 'my_gateway' })],
    ['its application', () => ({ kind: 'client' as const, clientId: 'web_app' })],
    ['a client that acts', () => ({ kind: 'client' as const, clientId: 'my_gateway' })],
    ['its issuer', () => ({ kind: 'issuer' as const, issuer: ISSUER })],
    ['everything', () => ({ kind: 'all' as const })],
  ])('that was revoked with %s', async (_, targetOf) => {
    const own = await Protocol.start();
    try {
      await own.storyClients();
      const parent = await own.ownToken();
      const exchanged = await own.exchange({ subject_token: parent });
      const token = String(exchanged.body['access_token']);
      const [, chainId = ''] = (decodeJwt(token).jti ?? '').split('.');
      const ask = () => own.post(PATH, { token }, 'address_service');
      expect((await ask()).body['active']).toBe(true);
      const target = targetOf({ parent, token, chainId });
      await own.app.get(Revocations, { strict: false }).revoke(target);
      expectInactiveAnswer(await ask());
    } finally {
      await own.stop();
    }
  });

  it('that names a client which is disabled, as its client or anywhere in its chain', async () => {
    const token = await delegatedTwice(await delegated());
    for (const clientId of ['web_app', 'my_gateway', 'address_service']) {
      await server.change(clientId, { disabled: true });
      await expectInactive(token, 'postal_service');
      await server.change(clientId, { disabled: false });
      await active(token, 'postal_service');
    }
  });

  it('whose key was revoked, and what came of it', async () => {
    const own = await Protocol.start();
    try {
      await own.storyClients();
      const exchanged = await own.exchange();
      const { kid } = await own.ring.active();
      await own.ring.revoke(kid);
      own.clock.advance(1_000);
      const token = String(exchanged.body['access_token']);
      expectInactiveAnswer(await own.post(PATH, { token }, 'address_service'));
    } finally {
      await own.stop();
    }
  });
});

describe('What cannot be known is not answered', () => {
  it('for a good token: neither yes nor no', async () => {
    const token = await delegated();
    loseRevocations();
    const { answer, record } = await server.recorded(() => introspect(token));
    expectUnavailable(answer);
    expect(record).toMatchObject({
      event: 'introspection',
      outcome: 'refused',
      reason: 'internal_error',
    });
    jest.restoreAllMocks();
    await active(token);
  });

  it('nor when that cannot be recorded either', async () => {
    const token = await delegated();
    loseRevocations();
    jest.spyOn(server.log, 'append').mockRejectedValue(new Error('no room left'));
    expectUnavailable(await introspect(token));
  });

  it('nor when the parties of a token cannot be looked up', async () => {
    const token = await delegated();
    await introspect(token);
    server.app.get(ClientDirectory, { strict: false }).forget();
    const find = server.clients.find.bind(server.clients);
    jest
      .spyOn(server.clients, 'find')
      .mockImplementation((clientId) =>
        clientId === 'web_app' ? Promise.reject(new Error('out of reach')) : find(clientId),
      );
    const { answer, record } = await server.recorded(() => introspect(token));
    expectUnavailable(answer);
    expect(record.reason).toBe('internal_error');
  });
});

describe('Whoever may know a token learns what it says', () => {
  it('all of it, with the whole chain as the token tells it', async () => {
    const first = await delegated();
    const token = await delegatedTwice(first);
    const claims = decodeJwt(token);
    const [, chainId] = (claims.jti ?? '').split('.');
    const client = { iss: ISSUER };
    expect(await active(token, 'postal_service')).toEqual({
      active: true,
      token_type: 'Bearer',
      iss: ISSUER,
      sub: 'alice',
      aud: 'postal_service',
      client_id: 'web_app',
      scope: 'address:read',
      exp: claims.exp,
      iat: claims.iat,
      jti: claims.jti,
      acr: 'urn:acr',
      amr: ['pwd'],
      auth_time: server.now - 60,
      sid: 's-1',
      chain_id: chainId,
      act: {
        ...client,
        sub: 'address_service',
        client_id: 'address_service',
        act: { ...client, sub: 'my_gateway', client_id: 'my_gateway' },
      },
    });
    expect(claims['act']).toEqual((await active(token, 'postal_service'))['act']);
    expect(claims).toHaveProperty('lineage');
    expect((await active(first))['chain_id']).toBe(chainId);
  });

  it('without a chain before the first exchange, and without what it does not say', async () => {
    const token = await server.ownToken({ scope: 'address:read' });
    const claims = decodeJwt(token);
    expect(await active(token, 'my_gateway')).toEqual({
      active: true,
      token_type: 'Bearer',
      iss: ISSUER,
      sub: 'alice',
      aud: 'my_gateway',
      client_id: 'web_app',
      scope: 'address:read',
      exp: claims.exp,
      iat: claims.iat,
      jti: claims.jti,
    });
  });

  it('with may_act and nbf where it has them, and never with what else is in it', async () => {
    const mayAct = { iss: ISSUER, sub: 'my_gateway' };
    const token = await server.ownToken({
      may_act: mayAct,
      nbf: server.now,
      grant_id: undefined,
      email: 'alice@example.com',
      username: 'alice',
      internal: true,
    });
    const answer = await active(token, 'my_gateway');
    expect(answer).toMatchObject({ may_act: mayAct, nbf: server.now });
    for (const name of ['email', 'username', 'internal', 'lineage', 'grant_id'])
      expect(answer).not.toHaveProperty(name);
  });

  it('with the issuer whose name the subject is, when it is not ours', async () => {
    const answer = await active(await foreignToken({ client_id: 'their_app' }));
    expect(answer).toMatchObject({
      iss: ISSUER,
      sub: 'carol',
      client_id: 'their_app',
      sub_id: { format: 'iss_sub', iss: FOREIGN, sub: 'carol' },
    });
  });

  it('by any identifier that is registered to it', async () => {
    const own = await server.token({
      grant_type: GrantType.ClientCredentials,
      audience: 'address_service',
    });
    expect(claimsOf(own)['aud']).toBe('address_service');
    await active(own.body['access_token']);
    const token = await server.ownToken({
      aud: ['somewhere', 'https://api.example/addresses'],
    });
    await active(token);
    await expectStranger(token, 'my_gateway');
  });

  it('as its client, as its current actor, or because its settings say so', async () => {
    const own = await server.token({
      grant_type: GrantType.ClientCredentials,
      audience: 'address_service',
    });
    const first = await delegated();
    const second = await delegatedTwice(first);
    expect(await active(own.body['access_token'], 'my_gateway')).toMatchObject({
      sub: 'my_gateway',
    });
    expect((await active(first, 'my_gateway'))['jti']).toBe(decodeJwt(first).jti);
    expect((await active(first, 'auditor'))['jti']).toBe(decodeJwt(first).jti);
    expect((await active(second, 'address_service'))['jti']).toBe(decodeJwt(second).jti);
  });

  it('as the client that was given a token in which only the subject shows', async () => {
    const subject = await fromSignIn({ aud: 'batch' });
    const answer = await server.exchange({ subject_token: subject }, 'batch');
    expect(claimsOf(answer)).not.toHaveProperty('act');
    await active(answer.body['access_token'], 'batch');
    await expectStranger(String(answer.body['access_token']), 'my_gateway');
  });

  it('no longer when the setting is taken away, within a second', async () => {
    const token = await delegated();
    const accessTokens = {
      takes: 'jwt',
      gets: 'jwt',
      statusList: false,
      introspectsAll: false,
    } as const;
    await server.change('auditor', { accessTokens });
    await expectStranger(token, 'auditor');
    await server.change('auditor', { accessTokens: { ...accessTokens, introspectsAll: true } });
    await active(token, 'auditor');
  });

  it('whatever the hint says', async () => {
    const token = await delegated();
    const plain = await introspect(token);
    for (const token_type_hint of ['access_token', 'refresh_token', 'id_token', 'nonsense', 'ä']) {
      const answer = await server.post(PATH, { token, token_type_hint }, 'address_service');
      expect(answer.text).toBe(plain.text);
    }
  });

  it('with the secret in the form as well', async () => {
    const token = await delegated();
    const form = { token, client_id: 'address_service', client_secret: 'address_service-secret' };
    expect((await server.post(PATH, form, null)).body['active']).toBe(true);
  });
});

describe('The signed answer (RFC 9701)', () => {
  it.each([
    JWT_TYPE,
    `${JWT_TYPE}, application/json`,
    `application/json;q=0.9, ${JWT_TYPE}`,
    `*/*;q=0.1, ${JWT_TYPE};q=0.5`,
    `text/html, Application/Token-Introspection+JWT ; Q=1.0`,
  ])('is given for Accept: %s', async (accept) => {
    const token = await delegated();
    const plain = await introspect(token);
    const answer = await introspect(token, 'address_service', { accept });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe(JWT_TYPE);
    expect(answer.headers['cache-control']).toBe('no-store');
    const { protectedHeader, payload } = await verified(answer.text);
    const { kid } = await server.ring.active();
    expect(protectedHeader).toEqual({ alg: 'ES256', kid, typ: 'token-introspection+jwt' });
    expect(payload).toEqual({
      iss: ISSUER,
      aud: 'address_service',
      iat: server.now,
      token_introspection: plain.body,
    });
  });

  it.each([
    undefined,
    '*/*',
    'application/*',
    'application/json',
    'text/html',
    `application/json, ${JWT_TYPE};q=0.5`,
    `*/*, ${JWT_TYPE};q=0.9`,
    `${JWT_TYPE};q=0`,
    `${JWT_TYPE};q=0.000, text/html`,
    `${JWT_TYPE};q=2`,
    `${JWT_TYPE}x`,
  ])('is not given for Accept: %s', async (accept) => {
    const token = await delegated();
    const answer = await introspect(
      token,
      'address_service',
      accept === undefined ? {} : { accept },
    );
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.body['active']).toBe(true);
  });

  it('says no more than that about a token that is not for the caller, or not good', async () => {
    const accept = JWT_TYPE;
    const token = await delegated();
    const { answer, record } = await server.recorded(() =>
      introspect(token, 'postal_service', { accept }),
    );
    expect(record.reason).toBe('introspection_not_allowed');
    const inactive = { iss: ISSUER, aud: 'postal_service', iat: server.now };
    expect((await verified(answer.text)).payload).toEqual({
      ...inactive,
      token_introspection: { active: false },
    });
    const garbage = await introspect('garbage', 'postal_service', { accept });
    expect((await verified(garbage.text)).payload).toEqual({
      ...inactive,
      token_introspection: { active: false },
    });
  });

  it('is for an authenticated client only, whatever it accepts', async () => {
    const answer = await introspect('x', null, { accept: JWT_TYPE });
    expect(answer.status).toBe(401);
    expect(answer.headers['content-type']).toBe('application/json');
  });

  it('is itself no token of any kind, anywhere', async () => {
    const accept = JWT_TYPE;
    const { text } = await introspect(await delegated(), 'address_service', { accept });
    const subject = await fromSignIn();
    await expectInactive(text);
    await expectInactive(text, 'auditor');
    for (const type of [TokenType.AccessToken, TokenType.Jwt, TokenType.IdToken]) {
      for (const form of [
        { subject_token: text, subject_token_type: type },
        { actor_token: text, actor_token_type: type },
      ]) {
        const send = { subject_token: subject, ...form };
        const { answer, record } = await server.recorded(() => server.exchange(send));
        expect(answer.body['error']).toBe('invalid_request');
        expect(record.reason).toBe('token_kind_mismatch');
      }
    }
  });
});

describe('CVE-2026-55672, a refresh token was not bound to its client: what a person allowed', () => {
  let provider: Provider;
  let browser: TextBrowser;

  beforeAll(async () => {
    provider = await Provider.start();
    for (const clientId of ['portal', 'other_portal']) {
      await provider.client({
        clientId,
        grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
        scopes: [...OPENID_SCOPES, 'address:read'],
        targets: ['my_gateway'],
        defaultTarget: 'my_gateway',
        signIn: { redirectUris: [CALLBACK], consentRequired: false },
      });
    }
    browser = provider.browser();
  });

  afterAll(() => provider.stop());

  const ask = (token: unknown, clientId = 'portal'): Promise<Answer> =>
    provider.post(PATH, { token: String(token) }, clientId);

  async function given(scope = 'openid address:read'): Promise<Answer> {
    const code = await provider.code({ client_id: 'portal', scope }, browser);
    const answer = await provider.redeem(code, {}, 'portal');
    expect(answer.status).toBe(200);
    return answer;
  }

  async function expectRefreshTokenInactive(token: unknown): Promise<void> {
    const { result, records } = await provider.recorded(() => ask(token));
    expectInactiveAnswer(result);
    expect(records).toEqual([]);
  }

  it('is told of a refresh token to its own client, and it stays as it is', async () => {
    const answer = await given('openid offline_access address:read');
    const token = answer.body['refresh_token'];
    const account = await provider.account('alice');
    const { result, records } = await provider.recorded(() => ask(token));
    const authTime = claimsIn(answer, 'access_token')['auth_time'];
    const now = Math.floor(provider.clock.now() / 1000);
    expect(result.body).toEqual({
      active: true,
      iss: ISSUER,
      sub: account.accountId,
      client_id: 'portal',
      scope: 'openid offline_access address:read',
      exp: expect.any(Number),
      iat: now,
      acr: claimsIn(answer, 'access_token')['acr'],
      auth_time: authTime,
      amr: ['pwd'],
      sid: claimsIn(answer, 'access_token')['sid'],
    });
    expect(Number(result.body['exp'])).toBeGreaterThan(now);
    expect(records).toEqual([]);
    expect((await provider.refresh(token, {}, 'portal')).status).toBe(200);
  });

  it('is told of a refresh token to nobody else, who is recorded, and nothing is revoked', async () => {
    const answer = await given();
    const token = String(answer.body['refresh_token']);
    for (const clientId of ['other_portal', 'my_gateway']) {
      const { result, records } = await provider.recorded(() => ask(token, clientId));
      expectInactiveAnswer(result);
      expect(records).toMatchObject([
        {
          event: 'introspection',
          outcome: 'refused',
          reason: 'introspection_not_allowed',
          client: { clientId },
          subjectToken: { hash: hashOf(token) },
          authorizationId: claimsIn(answer, 'access_token')['grant_id'],
        },
      ]);
      expect(JSON.stringify(records)).not.toContain(token);
    }
    expect((await ask(token)).body['active']).toBe(true);
  });

  it('is not active any more once a refresh token was used', async () => {
    const answer = await given();
    const refreshed = await provider.refresh(answer.body['refresh_token'], {}, 'portal');
    await expectRefreshTokenInactive(answer.body['refresh_token']);
    expect((await ask(refreshed.body['refresh_token'])).body['active']).toBe(true);
  });

  it('is not active any more when the authorization was taken back', async () => {
    const answer = await given();
    const authorizationId = textClaim(answer, 'access_token', 'grant_id');
    await provider.authorizations.revoke(authorizationId, provider.clock.now());
    provider.clock.advance(1_000);
    await expectRefreshTokenInactive(answer.body['refresh_token']);
    expectInactiveAnswer(await ask(answer.body['access_token'], 'my_gateway'));
  });

  it('is not active while the account is disabled or the client may not refresh', async () => {
    const answer = await given();
    const isActive = async (): Promise<unknown> => [
      (await ask(answer.body['refresh_token'])).text === '{"active":false}',
      (await ask(answer.body['access_token'], 'my_gateway')).text === '{"active":false}',
    ];
    expect(await isActive()).toEqual([false, false]);
    await provider.changeAccount('alice', { disabled: true });
    expect(await isActive()).toEqual([true, true]);
    await provider.changeAccount('alice', { disabled: false });
    await provider.change('portal', { grantTypes: [GrantType.AuthorizationCode] });
    expect(await isActive()).toEqual([true, false]);
    const grantTypes = [GrantType.AuthorizationCode, GrantType.RefreshToken];
    await provider.change('portal', { grantTypes });
    expect(await isActive()).toEqual([false, false]);
  });

  it('is not active when the session is over that it needs, or the time', async () => {
    const answer = await given();
    const sid = textClaim(answer, 'access_token', 'sid');
    await provider.sessions.end(sid);
    provider.clock.advance(1_000);
    await expectRefreshTokenInactive(answer.body['refresh_token']);
    browser = provider.browser();
    const offline = await given('openid offline_access address:read');
    provider.clock.advance(400 * 24 * 60 * 60_000);
    await expectRefreshTokenInactive(offline.body['refresh_token']);
    browser = provider.browser();
  });

  it('is not told of an ID token, to its own client neither', async () => {
    const answer = await given();
    const { result, records } = await provider.recorded(() => ask(answer.body['id_token']));
    expectInactiveAnswer(result);
    expect(records).toEqual([]);
  });

  it('is told of an access token without the name of the person or of what was allowed', async () => {
    const answer = await given();
    const { body } = await ask(answer.body['access_token'], 'my_gateway');
    const claims = claimsIn(answer, 'access_token');
    expect(body).toEqual({
      active: true,
      token_type: 'Bearer',
      iss: ISSUER,
      sub: (await provider.account('alice')).accountId,
      aud: claims['aud'],
      client_id: 'portal',
      scope: claims['scope'],
      exp: claims['exp'],
      iat: claims['iat'],
      jti: claims['jti'],
      acr: claims['acr'],
      amr: claims['amr'],
      auth_time: claims['auth_time'],
      sid: claims['sid'],
    });
    expect(claims).toHaveProperty('grant_id');
  });

  it('is not answered when the authorization cannot be looked up', async () => {
    const answer = await given();
    jest
      .spyOn(provider.authorizations, 'findRefreshToken')
      .mockRejectedValue(new Error('out of reach'));
    const { result, records } = await provider.recorded(() => ask(answer.body['refresh_token']));
    expectUnavailable(result);
    expect(records).toMatchObject([{ event: 'introspection', reason: 'internal_error' }]);
  });

  it('is signed with RS256 where there is a key for it, as discovery says', async () => {
    const answer = await given();
    const signed = await provider.send(PATH, {
      method: 'POST',
      headers: {
        'content-type': FORM,
        authorization: basic('my_gateway', 'my_gateway-secret'),
        accept: JWT_TYPE,
      },
      body: encode({ token: String(answer.body['access_token']) }),
    });
    expect(decodeProtectedHeader(signed.text)).toMatchObject({ alg: 'RS256' });
    const discovery = await provider.send('/.well-known/openid-configuration');
    expect(discovery.body['introspection_signing_alg_values_supported']).toEqual(['RS256']);
  });
});

/** Revokes a token as its own client would. */
async function revoke(token: string): Promise<void> {
  const revocations = server.app.get(Revocations, { strict: false });
  await revocations.revoke({ kind: 'token', hash: hashOf(token) });
}

function expectUnavailable(answer: Answer): void {
  expect(answer.status).toBe(503);
  expect(answer.headers['retry-after']).toBe('1');
  expect(answer.body).toEqual({
    error: 'temporarily_unavailable',
    error_description: 'The server cannot answer this request now. Try again later.',
  });
}

const THEIR_KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** A token of a trusted issuer, good as a subject token of the gateway. */
async function trustedToken(): Promise<string> {
  if ((await server.trustedIssuers.find(FOREIGN)) === null) {
    await server.trustedIssuers.create(
      newTrustedIssuer({
        issuer: FOREIGN,
        accepts: [{ tokenType: TokenType.Jwt, types: ['at+jwt'], audiences: ['my_gateway'] }],
        scopes: ['address:read'],
      }),
    );
  }
  const claims = { iss: FOREIGN, sub: 'carol', aud: 'my_gateway', exp: server.now + 600 };
  return new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
    .setProtectedHeader({ alg: 'ES256', kid: 'theirs', typ: 'at+jwt' })
    .sign(THEIR_KEY.privateKey);
}

/** What an exchange of such a token gives: ours, about somebody of another issuer. */
async function foreignToken(claims: Readonly<Record<string, unknown>>): Promise<string> {
  await trustedToken();
  return server.ownToken({
    sub: 'carol',
    sub_id: { format: 'iss_sub', iss: FOREIGN, sub: 'carol' },
    aud: 'address_service',
    jti: `0199aaaa-bbbb-7ccc-8ddd-${randomBytes(6).toString('hex')}.0199aaaa-bbbb-7ccc-8ddd-${randomBytes(6).toString('hex')}`,
    act: { iss: ISSUER, sub: 'my_gateway', client_id: 'my_gateway' },
    ...claims,
  });
}
