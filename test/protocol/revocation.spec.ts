import { createHash, randomBytes } from 'node:crypto';

import { Module } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { decodeJwt } from 'jose';

import type { AuditRecord } from '../../src/audit/audit-record.js';
import { AuditLog } from '../../src/audit/audit-log.js';
import { ClientStore } from '../../src/clients/client-store.js';
import { DEFAULT_EXCHANGE_SETTINGS } from '../../src/delegation/exchange-request.js';
import { KeyStore } from '../../src/keys/key-store.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { OPENID_SCOPES } from '../../src/oauth/openid.js';
import { TokenType } from '../../src/oauth/token-type.js';
import {
  InMemoryAuditLog,
  InMemoryAuditReader,
  InMemoryClientStore,
  InMemoryKeyStore,
  InMemoryRevocationStore,
  InMemoryTrustedIssuerStore,
} from '../../src/testing/index.js';
import { RevocationStore } from '../../src/tokens/revocation-store.js';
import { Revocations } from '../../src/tokens/revocations.js';
import { newTrustedIssuer } from '../../src/tokens/trusted-issuer.js';
import { TrustedIssuerStore } from '../../src/tokens/trusted-issuer-store.js';
import type { TextBrowser } from '../support/browser.js';
import { foreignKey, signedBy } from '../support/foreign-key.js';
import { basic, claimsOf, encode, ISSUER, Protocol, type Answer } from '../support/protocol.js';
import { CALLBACK, claimsIn, Provider } from '../support/provider.js';
import { expectAllDead } from '../support/refusals.js';

const PATH = '/connect/revocation';
const FORM = 'application/x-www-form-urlencoded';

let server: Protocol;

beforeAll(async () => {
  server = await Protocol.start();
  await server.storyClients();
  await server.client({
    clientId: 'batch',
    grantTypes: [GrantType.TokenExchange],
    scopes: ['address:read'],
    targets: ['address_service'],
    exchange: { ...DEFAULT_EXCHANGE_SETTINGS, mode: 'impersonation' },
  });
  await server.client({ clientId: 'web_service', targets: ['my_gateway'] });
});

afterEach(() => {
  jest.restoreAllMocks();
});

afterAll(() => server.stop());

function revoke(token: unknown, clientId: string | null = 'my_gateway'): Promise<Answer> {
  return server.post(PATH, { token: String(token) }, clientId);
}

/** A token that the gateway got in the name of alice. */
async function delegated(subjectToken?: string): Promise<string> {
  return tokenIn(
    await server.exchange(subjectToken === undefined ? {} : { subject_token: subjectToken }),
  );
}

/** What the address service got with it. */
async function delegatedOn(subjectToken: string): Promise<string> {
  const form = { subject_token: subjectToken, audience: 'postal_service' };
  return tokenIn(await server.exchange(form, 'address_service'));
}

function tokenIn(answer: Answer): string {
  expect({ status: answer.status, error: answer.body['error'] }).toEqual({ status: 200 });
  return String(answer.body['access_token']);
}

async function isActive(token: string, clientId: string): Promise<unknown> {
  return (await server.post('/connect/introspect', { token }, clientId)).body['active'];
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

function expectEmpty(answer: Answer): void {
  expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: '' });
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(answer.headers['content-length']).toBe('0');
}

/** A revocation, with the one record that it leaves. */
async function expectRevoked(token: string, clientId = 'my_gateway'): Promise<AuditRecord> {
  const { answer, record } = await server.recorded(() => revoke(token, clientId));
  expectEmpty(answer);
  expect(record).toMatchObject({
    event: 'revocation',
    outcome: 'granted',
    client: { clientId, method: 'client_secret_basic', secretId: 's1' },
    subjectToken: { hash: hashOf(token), jti: decodeJwt(token).jti },
    revocation: { kind: 'token', names: { hash: hashOf(token) } },
  });
  expect(record).not.toHaveProperty('reason');
  return record;
}

/** A no-op, about which nothing is kept. */
async function expectNothing(token: unknown, form = {}): Promise<void> {
  const before = server.records.length;
  expectEmpty(await server.post(PATH, { token: String(token), ...form }));
  expect(server.records).toHaveLength(before);
}

interface Refused {
  readonly error: string;
  readonly reason: string;
  readonly status?: number;
}

async function expectRefused(
  work: () => Promise<Answer>,
  { error, reason, status = 400 }: Refused,
): Promise<AuditRecord> {
  const { answer, record } = await server.recorded(work);
  expect({ status: answer.status, error: answer.body['error'] }).toEqual({ status, error });
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(record).toMatchObject({ event: 'revocation', outcome: 'refused', reason, error });
  expect(record).not.toHaveProperty('revocation');
  return record;
}

describe('Nothing is revoked', () => {
  it.each([
    ['no client at all', null, {}, 'client_not_authenticated'],
    ['a client id that nobody has', null, { client_id: 'nobody' }, 'client_unknown'],
    [
      'a confidential client without its secret',
      null,
      { client_id: 'my_gateway' },
      'client_method_not_allowed',
    ],
    ['a wrong secret', basic('my_gateway', 'wrong'), {}, 'client_secret_wrong'],
  ])('by %s', async (_, authorization, form, reason) => {
    const token = await delegated();
    const headers = { 'content-type': FORM, ...(authorization === null ? {} : { authorization }) };
    await expectRefused(
      () => server.send({ path: PATH, headers, body: encode({ token, ...form }) }),
      { status: 401, error: 'invalid_client', reason },
    );
    expect(await isActive(token, 'address_service')).toBe(true);
  });

  it.each([
    ['without a token', 'token_type_hint=access_token', 400, 'missing_parameter'],
    ['with two tokens', 'token=a&token=b', 400, 'repeated_parameter'],
    ['of more than 64 kB', `token=${'a'.repeat(70_000)}`, 413, 'body_too_large'],
  ])('by a request %s', async (_, body, status, reason) => {
    await expectRefused(() => server.post(PATH, body), {
      status,
      error: 'invalid_request',
      reason,
    });
  });

  it('by a request with the token in the URL', async () => {
    await expectRefused(() => server.post(`${PATH}?token=a`, { token: 'a' }), {
      error: 'invalid_request',
      reason: 'credentials_in_query',
    });
  });

  it.each(['GET', 'PUT', 'DELETE', 'OPTIONS'])('by %s', async (method) => {
    let allow: string | undefined;
    await expectRefused(
      async () => {
        const answer = await server.send({ method, path: PATH });
        ({ allow } = answer.headers);
        return answer;
      },
      { status: 405, error: 'invalid_request', reason: 'method_not_allowed' },
    );
    expect(allow).toBe('POST');
  });

  it.each([
    ['the audience of the token', 'address_service'],
    ['a client that has nothing to do with it', 'postal_service'],
    ['another client that the chain does not name', 'web_service'],
  ])('by %s', async (_, clientId) => {
    const token = await delegated();
    const record = await expectRefused(() => revoke(token, clientId), {
      error: 'unauthorized_client',
      reason: 'token_not_of_client',
    });
    expect(record).toMatchObject({
      client: { clientId },
      subjectToken: { hash: hashOf(token), jti: decodeJwt(token).jti },
    });
    expect(JSON.stringify(record)).not.toContain(token.split('.')[2]);
    expect(await isActive(token, 'address_service')).toBe(true);
  });

  it('by the application, or by who acted before, of a token that another one got', async () => {
    const subject = await server.ownToken({ client_id: 'web_service' });
    const token = await delegatedOn(await delegated(subject));
    for (const clientId of ['web_service', 'my_gateway', 'postal_service']) {
      await expectRefused(() => revoke(token, clientId), {
        error: 'unauthorized_client',
        reason: 'token_not_of_client',
      });
    }
    expect(await isActive(token, 'postal_service')).toBe(true);
  });

  it('by a stranger who would learn whether a token is revoked already', async () => {
    const token = await delegated();
    const asked = await revoke(token, 'postal_service');
    await expectRevoked(token);
    const askedAgain = await revoke(token, 'postal_service');
    expect(askedAgain.text).toBe(asked.text);
    expect(askedAgain.status).toBe(400);
  });

  it.each(['JWT', 'logout+jwt', 'token-introspection+jwt'])(
    'of what we signed as %s: it ends by itself',
    async (kind) => {
      const token = await server.ownToken({ aud: 'my_gateway', client_id: 'my_gateway' }, kind);
      await expectRefused(() => revoke(token), {
        error: 'unsupported_token_type',
        reason: 'token_kind_mismatch',
      });
    },
  );
});

describe('What is no token any more, or none of ours, is none already', () => {
  it.each([['x'], ['a.b.c'], ['-'.repeat(43)], ['ä€😀'], ['a'.repeat(20_000)]])(
    'garbage: %.20s',
    async (token) => {
      await expectNothing(token);
      for (const token_type_hint of ['access_token', 'refresh_token', 'nonsense'])
        await expectNothing(token, { token_type_hint });
    },
  );

  it('a token with another signature, and one that has expired', async () => {
    const token = await delegated();
    const [header = '', payload = '', signature = ''] = token.split('.');
    const other = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
    await expectNothing([header, payload, other].join('.'));
    await expectNothing(await server.ownToken({ client_id: 'my_gateway', exp: server.now }));
    expect(await isActive(token, 'address_service')).toBe(true);
  });

  it.each([{ isTrusted: false }, { isTrusted: true }])(
    'a token of another issuer, $isTrusted that it is trusted',
    async ({ isTrusted }) => {
      const issuer = `https://login-${isTrusted}.example`;
      const accepts = [
        { tokenType: TokenType.Jwt, types: ['at+jwt'], audiences: ['my_gateway'] },
      ] as const;
      if (isTrusted) await server.trustedIssuers.create(newTrustedIssuer({ issuer, accepts }));
      const claims = { iss: issuer, sub: 'carol', aud: 'my_gateway', exp: server.now + 60 };
      await expectNothing(await signedBy(foreignKey('theirs'), claims));
    },
  );
});

/** The signature that is as good as that of the token (ECDSA does not care about the sign of s), in a token of its own. */
function twinOf(token: string): string {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const [header = '', payload = '', signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  const half = Buffer.from(s.toString(16).padStart(64, '0'), 'hex');
  const twin = Buffer.concat([bytes.subarray(0, 32), half]).toString('base64url');
  return [header, payload, twin].join('.');
}

describe('A client takes back', () => {
  it('a token in both spellings that its signature has (ECDSA is malleable)', async () => {
    const token = await delegated();
    const twin = twinOf(token);
    const came = await delegatedOn(twin);
    await expectRevoked(token);
    expect(await isActive(twin, 'address_service')).toBe(false);
    expect(await isActive(came, 'postal_service')).toBe(false);
    const form = { subject_token: twin, audience: 'postal_service' };
    const { answer, record } = await server.recorded(() =>
      server.exchange(form, 'address_service'),
    );
    expect(answer.body['error']).toBe('invalid_request');
    expect(record).toMatchObject({
      reason: 'token_revoked',
      subjectToken: { hash: hashOf(token) },
    });
  });

  it('its own token, at once and everywhere, and it stays so', async () => {
    const token = await delegated();
    const record = await expectRevoked(token);
    expect(record.revocation?.died).toEqual({ tokens: 1, chains: 1, isComplete: true });
    expect(await isActive(token, 'address_service')).toBe(false);
    const form = { subject_token: token, audience: 'postal_service' };
    const { answer, record: refused } = await server.recorded(() =>
      server.exchange(form, 'address_service'),
    );
    expect(answer.body['error']).toBe('invalid_request');
    expect(refused.reason).toBe('token_revoked');
    server.clock.advance(60_000);
    expect(await isActive(token, 'address_service')).toBe(false);
  });

  it('with everything that was exchanged from it, however many hops later, and nothing else', async () => {
    const subject = await server.ownToken({ client_id: 'web_service' });
    const first = await delegated(subject);
    const second = await delegatedOn(first);
    const sibling = await delegated(subject);
    const stranger = await delegated();
    expect(await isActive(second, 'postal_service')).toBe(true);
    const record = await expectRevoked(subject, 'web_service');
    expect(record.revocation?.died).toEqual({ tokens: 3, chains: 2, isComplete: true });
    for (const [token, clientId] of [
      [subject, 'my_gateway'],
      [first, 'address_service'],
      [second, 'postal_service'],
      [sibling, 'address_service'],
    ] as const)
      expect(await isActive(token, clientId)).toBe(false);
    expect(await isActive(stranger, 'address_service')).toBe(true);
    const { record: refused } = await server.recorded(() =>
      server.exchange({ subject_token: first, audience: 'postal_service' }, 'address_service'),
    );
    expect(refused).toMatchObject({ outcome: 'refused', reason: 'token_revoked' });
  });

  it('for a subject alone what it got, and not what others made of it', async () => {
    const first = tokenIn(
      await server.exchange({ subject_token: await server.ownToken({ aud: 'batch' }) }, 'batch'),
    );
    const second = await delegatedOn(first);
    await expectRefused(() => revoke(second, 'batch'), {
      error: 'unauthorized_client',
      reason: 'token_not_of_client',
    });
    expect(await isActive(second, 'batch')).toBe(false);
    expect(await isActive(second, 'address_service')).toBe(true);
  });

  it('what it got, and not what that came of', async () => {
    const subject = await server.ownToken();
    const first = await delegated(subject);
    const second = await delegatedOn(first);
    const record = await expectRevoked(second, 'address_service');
    expect(record.revocation?.died).toEqual({ tokens: 1, chains: 1, isComplete: true });
    expect(await isActive(second, 'postal_service')).toBe(false);
    expect(await isActive(first, 'address_service')).toBe(true);
    await delegatedOn(first);
  });

  it('and only what was alive before counts as dead', async () => {
    const subject = await server.ownToken({ client_id: 'web_service' });
    const [one, other] = [await delegated(subject), await delegated(subject)];
    await delegatedOn(one);
    expect((await expectRevoked(one)).revocation?.died).toEqual({
      tokens: 2,
      chains: 1,
      isComplete: true,
    });
    // The subject token itself was not issued by a request, so that no record tells of it.
    expect((await expectRevoked(subject, 'web_service')).revocation?.died).toEqual({
      tokens: 1,
      chains: 1,
      isComplete: true,
    });
    expect(await isActive(other, 'address_service')).toBe(false);
  });

  it('again what it took back before, which is recorded, and nothing is counted again', async () => {
    const token = await delegated();
    await expectRevoked(token);
    const record = await expectRevoked(token);
    expect(record.revocation).not.toHaveProperty('died');
  });

  it('its own token before any exchange', async () => {
    const form = { grant_type: GrantType.ClientCredentials, audience: 'address_service' };
    const token = tokenIn(await server.token(form));
    const record = await expectRevoked(token);
    expect(record.revocation?.died).toEqual({ tokens: 1, chains: 0, isComplete: true });
    expect(await isActive(token, 'address_service')).toBe(false);
  });

  it('a token that it got for a subject alone, though nothing names the client', async () => {
    const subject = await server.ownToken({ aud: 'batch' });
    const answer = await server.exchange({ subject_token: subject }, 'batch');
    expect(claimsOf(answer)).not.toHaveProperty('act');
    const token = tokenIn(answer);
    await expectRefused(() => revoke(token, 'my_gateway'), {
      error: 'unauthorized_client',
      reason: 'token_not_of_client',
    });
    await expectRevoked(token, 'batch');
    expect(await isActive(token, 'address_service')).toBe(false);
  });

  it('a token that names somebody who is disabled, so that it stays dead afterwards', async () => {
    const token = await delegated();
    await server.change('web_app', { disabled: true });
    await expectRevoked(token);
    await server.change('web_app', { disabled: false });
    expect(await isActive(token, 'address_service')).toBe(false);
  });

  it('as a public client, by its id', async () => {
    const token = await server.ownToken();
    const { answer, record } = await server.recorded(() =>
      server.post(PATH, { token, client_id: 'web_app' }, null),
    );
    expectEmpty(answer);
    expect(record).toMatchObject({ outcome: 'granted', client: { clientId: 'web_app' } });
    expect(await isActive(token, 'my_gateway')).toBe(false);
  });

  it('whatever the hint says', async () => {
    for (const token_type_hint of ['refresh_token', 'id_token', 'nonsense']) {
      const token = await delegated();
      expectEmpty(await server.post(PATH, { token, token_type_hint }));
      expect(await isActive(token, 'address_service')).toBe(false);
    }
  });

  it('while nobody can count what died', async () => {
    const token = await delegated();
    const reader = server.app.get(InMemoryAuditReader, { strict: false });
    jest.spyOn(reader, 'search').mockRejectedValue(new Error('out of reach'));
    const record = await expectRevoked(token);
    expect(record.revocation).not.toHaveProperty('died');
    expect(await isActive(token, 'address_service')).toBe(false);
  });
});

describe('What is not certain is not claimed', () => {
  it('when the store takes nothing: the token stays, and the next try ends it', async () => {
    const token = await delegated();
    const store = server.app.get(InMemoryRevocationStore, { strict: false });
    jest.spyOn(store, 'add').mockRejectedValue(new Error('out of reach'));
    await expectRefused(() => revoke(token), {
      status: 503,
      error: 'temporarily_unavailable',
      reason: 'internal_error',
    });
    jest.restoreAllMocks();
    expect(await isActive(token, 'address_service')).toBe(true);
    await expectRevoked(token);
    expect(await isActive(token, 'address_service')).toBe(false);
  });

  it('when the record cannot be written: it is written when the client tries again', async () => {
    const token = await delegated();
    jest.spyOn(server.log, 'append').mockRejectedValue(new Error('no room left'));
    const before = server.records.length;
    const answer = await revoke(token);
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    expect(server.records).toHaveLength(before);
    jest.restoreAllMocks();
    await expectRevoked(token);
  });
});

describe('Where nothing is kept of what was revoked', () => {
  const stores = [
    { provide: KeyStore, useClass: InMemoryKeyStore },
    { provide: TrustedIssuerStore, useClass: InMemoryTrustedIssuerStore },
    InMemoryClientStore,
    { provide: ClientStore, useExisting: InMemoryClientStore },
    InMemoryAuditLog,
    { provide: AuditLog, useExisting: InMemoryAuditLog },
  ];

  @Module({ providers: stores, exports: stores })
  class FewStoresModule {}

  it('an access token cannot be revoked, and introspection works', async () => {
    const few = await Protocol.start({}, [FewStoresModule]);
    try {
      await few.storyClients();
      expect(few.app.get(Revocations, { strict: false }).isKept).toBe(false);
      const token = tokenIn(await few.exchange());
      const { answer, record } = await few.recorded(() => few.post(PATH, { token }));
      expect(answer.status).toBe(400);
      expect(answer.body).toEqual({
        error: 'unsupported_token_type',
        error_description: 'Tokens of this kind cannot be revoked here.',
      });
      expect(record).toMatchObject({ event: 'revocation', reason: 'revocation_not_kept' });
      const asked = await few.post('/connect/introspect', { token }, 'address_service');
      expect(asked.body['active']).toBe(true);
    } finally {
      await few.stop();
    }
  });

  it('with a store for it, but no reader of records, nothing is counted', async () => {
    const kept = [{ provide: RevocationStore, useClass: InMemoryRevocationStore }];
    @Module({ imports: [FewStoresModule], providers: kept, exports: [FewStoresModule, ...kept] })
    class WithRevocationsModule {}
    const few = await Protocol.start({}, [WithRevocationsModule]);
    try {
      await few.storyClients();
      const token = tokenIn(await few.exchange());
      const { answer, record } = await few.recorded(() => few.post(PATH, { token }));
      expectEmpty(answer);
      expect(record.revocation).toEqual({ kind: 'token', names: { hash: hashOf(token) } });
    } finally {
      await few.stop();
    }
  });
});

describe('CVE-2026-55672, a refresh token was not bound to its client: what a person allowed', () => {
  let provider: Provider;
  let browser: TextBrowser;

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
    browser = provider.browser();
  });

  afterAll(() => provider.stop());

  const takeBack = (token: unknown, clientId: string | null = 'portal', form = {}) =>
    provider.recorded(() => provider.post(PATH, { token: String(token), ...form }, clientId));

  async function given(): Promise<Answer> {
    const code = await provider.code({ client_id: 'portal' }, browser);
    return provider.redeem(code, {}, 'portal');
  }

  it('ends with its refresh token: every token of it, and what was exchanged from them', async () => {
    const answer = await given();
    const exchanged = await provider.exchange(answer.body['access_token']);
    const { result, records } = await takeBack(answer.body['refresh_token']);
    expectEmpty(result);
    const authorizationId = claimsIn(answer, 'access_token')['grant_id'];
    expect(records).toMatchObject([
      {
        event: 'revocation',
        outcome: 'granted',
        client: { clientId: 'portal' },
        authorizationId,
        subject: { iss: ISSUER, sub: (await provider.account('alice')).accountId },
        subjectToken: {
          hash: hashOf(String(answer.body['refresh_token'])),
          type: TokenType.RefreshToken,
        },
        revocation: { kind: 'authorization', names: { authorizationId } },
      },
    ]);
    expect(JSON.stringify(records)).not.toContain(answer.body['refresh_token']);
    await expectAllDead(provider, answer);
    const token = String(exchanged.body['access_token']);
    const asked = await provider.post('/connect/introspect', { token }, 'address_service');
    expect(asked.text).toBe('{"active":false}');
  });

  it('ends with an old refresh token as well, and again', async () => {
    const answer = await given();
    const refreshed = await provider.refresh(answer.body['refresh_token'], {}, 'portal');
    for (let times = 0; times < 2; times += 1) {
      const { result, records } = await takeBack(answer.body['refresh_token']);
      expectEmpty(result);
      expect(records).toHaveLength(1);
    }
    await expectAllDead(provider, refreshed);
  });

  it('does not end with the refresh token in the hands of another client', async () => {
    const answer = await given();
    for (const [clientId, form] of [
      ['my_gateway', {}],
      [null, { client_id: 'web_app' }],
    ] as const) {
      const { result, records } = await takeBack(answer.body['refresh_token'], clientId, form);
      expect(result.status).toBe(400);
      expect(result.body['error']).toBe('unauthorized_client');
      expect(records).toMatchObject([
        { event: 'revocation', outcome: 'refused', reason: 'refresh_token_not_of_client' },
      ]);
      expect(records[0]).not.toHaveProperty('revocation');
    }
    expect((await provider.refresh(answer.body['refresh_token'], {}, 'portal')).status).toBe(200);
  });

  it('does not end with one access token, which is dead alone', async () => {
    const answer = await given();
    const exchanged = await provider.exchange(answer.body['access_token']);
    const { result, records } = await takeBack(answer.body['access_token']);
    expectEmpty(result);
    expect(records).toMatchObject([
      { revocation: { kind: 'token', died: { tokens: 2, chains: 1, isComplete: true } } },
    ]);
    expect((await provider.exchange(answer.body['access_token'])).status).toBe(400);
    const token = String(exchanged.body['access_token']);
    const asked = await provider.post('/connect/introspect', { token }, 'address_service');
    expect(asked.text).toBe('{"active":false}');
    const refreshed = await provider.refresh(answer.body['refresh_token'], {}, 'portal');
    expect((await provider.exchange(refreshed.body['access_token'])).status).toBe(200);
  });

  it('ends for a public client by its id', async () => {
    const own = provider.browser();
    const answer = await provider.redeem(await provider.code({}, own));
    const { result, records } = await takeBack(answer.body['refresh_token'], null, {
      client_id: 'web_app',
    });
    expectEmpty(result);
    expect(records).toMatchObject([{ client: { clientId: 'web_app', method: 'none' } }]);
    await expectAllDead(provider, answer);
  });

  it('does not end with an ID token', async () => {
    const answer = await given();
    const { result, records } = await takeBack(answer.body['id_token']);
    expect(result.status).toBe(400);
    expect(result.body['error']).toBe('unsupported_token_type');
    expect(records).toMatchObject([{ event: 'revocation', reason: 'token_kind_mismatch' }]);
  });

  it('is not claimed to have ended when the store takes nothing', async () => {
    const answer = await given();
    jest.spyOn(provider.authorizations, 'revoke').mockRejectedValue(new Error('out of reach'));
    const { result, records } = await takeBack(answer.body['refresh_token']);
    expect(result.status).toBe(503);
    expect(records).toMatchObject([{ event: 'revocation', reason: 'internal_error' }]);
    expect(records[0]).not.toHaveProperty('revocation');
    jest.restoreAllMocks();
    expect((await provider.refresh(answer.body['refresh_token'], {}, 'portal')).status).toBe(200);
  });

  it('leaves a token that nobody has alone', async () => {
    const { result, records } = await takeBack(randomBytes(32).toString('base64url'));
    expectEmpty(result);
    expect(records).toEqual([]);
  });
});
