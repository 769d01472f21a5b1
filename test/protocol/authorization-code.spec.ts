import { createHash, randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';

import { GrantType } from '../../src/oauth/grant-type.js';
import { OPENID_SCOPES } from '../../src/oauth/openid.js';
import type { TextBrowser } from '../support/browser.js';
import { basic, encode, type Answer } from '../support/protocol.js';
import { CALLBACK, claimsIn, ISSUER, Provider, VERIFIER } from '../support/provider.js';
import { expectAllDead, expectInvalidGrant, expectRefusal } from '../support/refusals.js';

const GATEWAY = 'https://api.example/gateway';
const ORDERS = 'https://api.example/orders';
const USERINFO = `${ISSUER}/connect/userinfo`;
const NO_CHALLENGE = { code_challenge: undefined, code_challenge_method: undefined };
/** An application with a secret, of the company's own: nobody is asked. */
const PORTAL = { client_id: 'portal', resource: GATEWAY };
const PKCE_LESS = { client_id: 'old_app', ...NO_CHALLENGE };

let provider: Provider;
/** Where alice is signed in, so that a code costs no password. */
let browser: TextBrowser;

beforeAll(async () => {
  provider = await Provider.start();
  const scopes = [...OPENID_SCOPES, 'address:read', 'address:write', 'orders:read'];
  const company = {
    grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
    scopes,
    targets: [GATEWAY, ORDERS],
    defaultTarget: GATEWAY,
    exchange: { maxTargets: 2 },
  };
  const signIn = { redirectUris: [CALLBACK, `${CALLBACK}2`], consentRequired: false };
  await provider.client({
    clientId: 'orders',
    identifiers: [ORDERS],
    offeredScopes: ['orders:read'],
  });
  await provider.client({ ...company, clientId: 'portal', signIn });
  await provider.client({
    ...company,
    clientId: 'old_app',
    signIn: { ...signIn, pkceRequired: false },
  });
  await provider.client({
    ...company,
    clientId: 'modern_app',
    signIn: { ...signIn, idTokenAlgorithm: 'ES256' },
  });
  await provider.client({
    ...company,
    clientId: 'short_visit',
    grantTypes: [GrantType.AuthorizationCode],
    signIn,
  });
  browser = provider.browser();
  await provider.code({}, browser);
});

afterAll(() => provider.stop());

/** A code for alice, from the browser where she is signed in. */
function code(parameters: Parameters<Provider['code']>[0] = {}): Promise<string> {
  return provider.code(parameters, browser);
}

/** Expects that a code is refused, with a record that knows whose it was and not the code. */
async function expectRefused(
  secret: string,
  reason: string,
  form: Parameters<Provider['redeem']>[1] = {},
  clientId: string | null = null,
): Promise<void> {
  const alice = (await provider.account('alice')).accountId;
  const record = await expectInvalidGrant(
    provider,
    () => provider.redeem(secret, form, clientId),
    reason,
  );
  expect(record).toMatchObject({
    grantType: GrantType.AuthorizationCode,
    client: { clientId: clientId ?? 'web_app' },
    authorizationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    sid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    subject: { iss: ISSUER, sub: alice },
  });
  expect(JSON.stringify(record)).not.toContain(secret);
  await expectRevoked(record.authorizationId);
}

async function expectRevoked(authorizationId: string | undefined): Promise<void> {
  const authorization = await provider.authorizations.find(authorizationId ?? '');
  expect(authorization?.revokedAt).toEqual(expect.any(Number));
}

/** Expects a code to be good. */
async function expectGood(
  secret: string,
  form: Parameters<Provider['redeem']>[1] = {},
  clientId: string | null = null,
): Promise<Answer> {
  const answer = await provider.redeem(secret, form, clientId);
  expect({ status: answer.status, error: answer.body['error'] }).toEqual({ status: 200 });
  return answer;
}

/** The verified claims, checked as an application does it. */
async function verified(answer: Answer, clientId: string, algorithm: string) {
  const jwks = (await provider.send('/.well-known/jwks.json')).body as unknown as JSONWebKeySet;
  return jwtVerify(String(answer.body['id_token']), createLocalJWKSet(jwks), {
    issuer: ISSUER,
    audience: clientId,
    algorithms: [algorithm],
    typ: 'JWT',
    currentDate: new Date(provider.clock.now()),
  });
}

describe('A code is refused', () => {
  it('when it was used before, and what it gave dies', async () => {
    const secret = await code();
    const given = await expectGood(secret);
    expect((await provider.exchange(given.body['access_token'])).status).toBe(200);
    await expectRefused(secret, 'code_used');
    // At once, although the instance has just taken the access token.
    await expectAllDead(provider, given);
    await expectRefused(secret, 'code_used');
  });

  it('at once to all but one of twenty who redeem it at the same moment, and nothing of it works', async () => {
    const secret = await code();
    const { result: answers, records } = await provider.recorded(() =>
      Promise.all(Array.from({ length: 20 }, () => provider.redeem(secret))),
    );
    const good = answers.filter(({ status }) => status === 200);
    expect(good).toHaveLength(1);
    expect(answers.filter(({ body }) => body['error'] === 'invalid_grant')).toHaveLength(19);
    expect(records).toHaveLength(20);
    expect(records.filter(({ reason }) => reason === 'code_used')).toHaveLength(19);
    provider.clock.advance(1_000);
    await expectAllDead(provider, good[0] as Answer);
  });

  it('of another client, and then to its own client, too', async () => {
    const secret = await code();
    await expectRefused(secret, 'code_not_of_client', {}, 'portal');
    await expectRefused(secret, 'code_used');
  });

  it('of another client when it was redeemed already, and what it gave dies', async () => {
    const secret = await code();
    const given = await expectGood(secret);
    await expectRefused(secret, 'code_used', {}, 'portal');
    provider.clock.advance(1_000);
    await expectAllDead(provider, given);
  });

  it('after a minute, and is good until then', async () => {
    const [late, inTime] = [await code(), await code()];
    provider.clock.advance(59_999);
    await expectGood(inTime);
    provider.clock.advance(1);
    await expectRefused(late, 'code_expired');
  });

  it.each([
    ['another registered one', `${CALLBACK}2`],
    ['one with a slash more', `${CALLBACK}/`],
    ['one with a query more', `${CALLBACK}?x=1`],
    ['one in another case', CALLBACK.replace('app.example', 'APP.example')],
    ['one that nobody registered', 'https://evil.example/callback'],
  ])('with another redirect_uri than it was sent to: %s', async (_name, redirectUri) => {
    const form = { redirect_uri: redirectUri };
    await expectRefused(await code(PORTAL), 'redirect_uri_mismatch', form, 'portal');
  });

  it('without redirect_uri when no challenge binds it', async () => {
    const form = { redirect_uri: undefined, code_verifier: undefined };
    await expectRefused(await code(PKCE_LESS), 'redirect_uri_mismatch', form, 'old_app');
  });

  it.each([
    ['missing', undefined, 'code_verifier_missing'],
    ['empty, which is missing', '', 'code_verifier_missing'],
    ['another', randomBytes(32).toString('base64url'), 'code_verifier_wrong'],
    [
      'the challenge itself',
      createHash('sha256').update(VERIFIER).digest('base64url'),
      'code_verifier_wrong',
    ],
    ['one character short', VERIFIER.slice(0, -1), 'code_verifier_wrong'],
    ['one character long', `${VERIFIER}A`, 'code_verifier_wrong'],
    ['in another case', VERIFIER.toUpperCase(), 'code_verifier_wrong'],
    ['with a space', ` ${VERIFIER}`, 'code_verifier_wrong'],
    ['far too long', VERIFIER.repeat(100), 'code_verifier_wrong'],
  ])('when its verifier is %s', async (_name, verifier, reason) => {
    await expectRefused(await code(), reason, { code_verifier: verifier });
  });

  it.each([
    ['too short', 'a'.repeat(42)],
    ['too long', 'a'.repeat(129)],
    ['of illegal characters', `${'a'.repeat(42)}+`],
    ['of characters beyond ASCII', `${'a'.repeat(42)}ä`],
  ])('when the verifier matches its challenge but is %s', async (_name, verifier) => {
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    const secret = await code({ code_challenge: challenge });
    await expectRefused(secret, 'code_verifier_wrong', { code_verifier: verifier });
  });

  it('with a verifier when there was no challenge: somebody took the challenge away', async () => {
    const secret = await code(PKCE_LESS);
    const record = await expectRefusal(provider, () => provider.redeem(secret, {}, 'old_app'), {
      error: 'invalid_request',
      reason: 'code_verifier_unexpected',
    });
    expect(JSON.stringify(record)).not.toContain(secret);
    await expectRevoked(record.authorizationId);
    await expectRefused(secret, 'code_used', { code_verifier: undefined }, 'old_app');
  });

  it('without verifier when there was a challenge, also of a client that needs none', async () => {
    const secret = await code({ client_id: 'old_app' });
    await expectRefused(secret, 'code_verifier_missing', { code_verifier: undefined }, 'old_app');
  });

  it('once the authorization was revoked', async () => {
    const secret = await code();
    const alice = (await provider.account('alice')).accountId;
    await provider.authorizations.revokeAll({ accountId: alice }, provider.clock.now());
    await expectRefused(secret, 'authorization_revoked');
  });

  it('once the session has ended that it was given in', async () => {
    const other = provider.browser();
    const secret = await provider.code({}, other);
    await other.open(`${ISSUER}/connect/endsession`);
    await other.submit({ choice: 'sign-out' });
    await expectRefused(secret, 'authorization_revoked');
  });

  it('when the account was disabled meanwhile', async () => {
    const secret = await provider.code({}, provider.browser(), 'bob');
    await provider.changeAccount('bob', { disabled: true });
    try {
      const record = await expectInvalidGrant(
        provider,
        () => provider.redeem(secret),
        'account_disabled',
      );
      expect(record.subject?.sub).toBe((await provider.account('bob')).accountId);
    } finally {
      await provider.changeAccount('bob', { disabled: false });
    }
    await expectInvalidGrant(provider, () => provider.redeem(secret), 'code_used');
  });

  it('once the session has ended, when the client may not outlive it any more', async () => {
    const other = provider.browser();
    const secret = await provider.code({ ...PORTAL, scope: 'openid offline_access' }, other);
    await other.open(`${ISSUER}/connect/endsession`);
    await other.submit({ choice: 'sign-out' });
    const { grantTypes } = (await provider.clients.find('portal')) ?? { grantTypes: [] };
    await provider.change('portal', { grantTypes: [GrantType.AuthorizationCode] });
    await expectInvalidGrant(provider, () => provider.redeem(secret, {}, 'portal'), 'session_over');
    await provider.change('portal', { grantTypes });
  });

  it('when the client was disabled meanwhile, and when its grant was taken away', async () => {
    const disabled = await code(PORTAL);
    await provider.change('portal', { disabled: true });
    await expectRefusal(provider, () => provider.redeem(disabled, {}, 'portal'), {
      status: 401,
      error: 'invalid_client',
      reason: 'client_disabled',
    });
    await provider.change('portal', { disabled: false });
    const unauthorized = await code(PORTAL);
    const { grantTypes } = (await provider.clients.find('portal')) ?? { grantTypes: [] };
    await provider.change('portal', { grantTypes: [GrantType.RefreshToken] });
    await expectRefusal(provider, () => provider.redeem(unauthorized, {}, 'portal'), {
      error: 'unauthorized_client',
      reason: 'grant_not_allowed',
    });
    await provider.change('portal', { grantTypes });
  });

  it('when it is unknown, malformed or changed in any character', async () => {
    const secret = await code();
    const flipped = [0, 1, 20, 41, 42].map((index) => {
      const other = secret[index] === 'A' ? 'B' : 'A';
      return `${secret.slice(0, index)}${other}${secret.slice(index + 1)}`;
    });
    const wrong = [
      randomBytes(32).toString('base64url'),
      ...flipped,
      secret.slice(0, -1),
      `${secret}A`,
      `${secret}=`,
      ` ${secret}`,
      secret.toUpperCase(),
      secret.split('').toReversed().join(''),
      'x',
      'x'.repeat(10_000),
      '%00',
      "' OR 1=1 --",
    ];
    for (const each of wrong) {
      const record = await expectInvalidGrant(
        provider,
        () => provider.redeem(each),
        'code_unknown',
      );
      expect(record.authorizationId).toBeUndefined();
      expect(JSON.stringify(record)).not.toContain(each.slice(0, 43));
    }
    await expectGood(secret);
  });

  it('when it is a refresh token, and a refresh token when it is a code', async () => {
    const secret = await code();
    await expectInvalidGrant(provider, () => provider.refresh(secret), 'refresh_token_unknown');
    const given = await expectGood(secret);
    const refreshToken = String(given.body['refresh_token']);
    await expectInvalidGrant(provider, () => provider.redeem(refreshToken), 'code_unknown');
    expect((await provider.refresh(refreshToken)).status).toBe(200);
  });

  it('without the parameter, with two of it, and in the query', async () => {
    const secret = await code();
    for (const none of [undefined, ''])
      await expectRefusal(provider, () => provider.redeem(secret, { code: none }), {
        error: 'invalid_request',
        reason: 'missing_parameter',
      });
    for (const name of ['code', 'redirect_uri', 'code_verifier'])
      await expectRefusal(provider, () => provider.redeem(secret, { [name]: [secret, secret] }), {
        error: 'invalid_request',
        reason: 'repeated_parameter',
      });
    const form = { grant_type: GrantType.AuthorizationCode, client_id: 'web_app' };
    for (const name of ['code', 'code_verifier'])
      await expectRefusal(
        provider,
        () =>
          provider.post(`/connect/token?${encode({ [name]: secret })}`, { ...form, code: secret }),
        { error: 'invalid_request', reason: 'credentials_in_query' },
      );
    await expectGood(secret);
  });

  it('from a client that does not prove itself as it should', async () => {
    const secret = await code(PORTAL);
    const invalid = { status: 401, error: 'invalid_client' };
    await expectRefusal(provider, () => provider.redeem(secret, { client_id: 'portal' }), {
      ...invalid,
      reason: 'client_method_not_allowed',
    });
    await expectRefusal(
      provider,
      () => provider.redeem(secret, { client_id: 'portal', client_secret: 'wrong' }),
      { ...invalid, reason: 'client_secret_wrong' },
    );
    await expectRefusal(provider, () => provider.redeem(secret, { client_id: undefined }), {
      ...invalid,
      reason: 'client_not_authenticated',
    });
    await expectRefusal(
      provider,
      () => provider.redeem(secret, { client_id: 'web_app' }, 'portal'),
      { error: 'invalid_request', reason: 'client_id_mismatch' },
    );
    await expectGood(secret, {}, 'portal');
  });

  it('to a client that may not use codes', async () => {
    await expectRefusal(provider, () => provider.redeem('x', {}, 'my_gateway'), {
      error: 'unauthorized_client',
      reason: 'grant_not_allowed',
    });
  });
});

describe('The resource of a token request', () => {
  const both = {
    client_id: 'portal',
    resource: [GATEWAY, ORDERS],
    scope: 'openid address:read orders:read',
  };

  it.each([
    ['was not allowed, though the client may have it', ORDERS, 'target_not_allowed'],
    ['is unknown', 'https://api.example/unknown', 'target_not_allowed'],
    ['is this server itself', ISSUER, 'target_not_allowed'],
    ['is relative', '/gateway', 'target_malformed'],
    ['has a fragment', `${GATEWAY}#x`, 'target_malformed'],
    ['differs in a slash', `${GATEWAY}/`, 'target_not_allowed'],
    ['is one of two that was not allowed', [GATEWAY, ORDERS], 'target_not_allowed'],
  ])('is refused when it %s', async (_name, resource, reason) => {
    const secret = await code(PORTAL);
    await expectRefusal(provider, () => provider.redeem(secret, { resource }, 'portal'), {
      error: 'invalid_target',
      reason,
    });
  });

  it('narrows the access token, and the refresh token stays good for everything', async () => {
    const narrow = await expectGood(await code(both), { resource: ORDERS }, 'portal');
    expect(claimsIn(narrow, 'access_token')).toMatchObject({
      aud: [ORDERS, USERINFO],
      scope: 'openid orders:read',
    });
    expect(narrow.body['scope']).toBe('openid orders:read');
    const whole = await provider.refresh(narrow.body['refresh_token'], {}, 'portal');
    expect(claimsIn(whole, 'access_token')).toMatchObject({
      aud: [GATEWAY, ORDERS, USERINFO],
      scope: 'openid address:read orders:read',
    });
  });

  it('may be named with every one that was allowed', async () => {
    const answer = await expectGood(await code(both), { resource: [ORDERS, GATEWAY] }, 'portal');
    expect(claimsIn(answer, 'access_token')['aud']).toEqual([GATEWAY, ORDERS, USERINFO]);
  });
});

describe('A code gives', () => {
  it('exactly what the standards name, and no cache keeps it', async () => {
    const answer = await expectGood(await code());
    expect(answer.body).toEqual({
      access_token: expect.any(String),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'openid address:read',
      id_token: expect.any(String),
      refresh_token: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      pragma: 'no-cache',
    });
    expect(answer.headers).not.toHaveProperty('set-cookie');
  });

  it('one record that tells whose it is and what was given, and no secret', async () => {
    const secret = await code();
    const { result: answer, records } = await provider.recorded(() => expectGood(secret));
    const { jti, grant_id, sid } = claimsIn(answer, 'access_token');
    const alice = (await provider.account('alice')).accountId;
    expect(records).toEqual([
      expect.objectContaining({
        event: 'grant',
        outcome: 'granted',
        grantType: GrantType.AuthorizationCode,
        client: { clientId: 'web_app', method: 'none' },
        subject: { iss: ISSUER, sub: alice, clientId: 'web_app' },
        authorizationId: grant_id,
        sid,
        mode: 'own',
        basis: { policy: 'client-settings', version: '1', rule: 'person-allowed' },
        issuedToken: expect.objectContaining({
          jti,
          issuer: ISSUER,
          clientId: 'web_app',
          audience: ['my_gateway', USERINFO],
          scope: ['openid', 'address:read'],
        }),
      }),
    ]);
    const text = JSON.stringify(records);
    for (const member of ['access_token', 'id_token', 'refresh_token'])
      expect(text).not.toContain(String(answer.body[member]));
    expect(text).not.toContain(secret);
    expect(text).not.toContain(VERIFIER);
    expect(text).not.toMatch(/eyJ/);
  });

  it('an access token as RFC 9068 says', async () => {
    const answer = await expectGood(await code());
    const header = decodeProtectedHeader(String(answer.body['access_token']));
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) });
    const alice = (await provider.account('alice')).accountId;
    const now = Math.floor(provider.clock.now() / 1000);
    expect(claimsIn(answer, 'access_token')).toEqual({
      iss: ISSUER,
      sub: alice,
      aud: ['my_gateway', USERINFO],
      exp: now + 600,
      iat: now,
      jti: expect.stringMatching(/^[0-9a-f-]{36}/),
      client_id: 'web_app',
      scope: 'openid address:read',
      auth_time: expect.any(Number),
      acr: '1',
      amr: ['pwd'],
      sid: expect.any(String),
      grant_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  it('no ID token and no way to UserInfo without scope openid', async () => {
    const secret = await code({ scope: 'address:read', nonce: undefined });
    const answer = await expectGood(secret);
    expect(answer.body).not.toHaveProperty('id_token');
    expect(answer.body['scope']).toBe('address:read');
    expect(claimsIn(answer, 'access_token')['aud']).toBe('my_gateway');
  });

  it('no refresh token to a client that may not refresh', async () => {
    const secret = await code({ client_id: 'short_visit' });
    const answer = await expectGood(secret, {}, 'short_visit');
    expect(answer.body).not.toHaveProperty('refresh_token');
    expect(answer.body).toHaveProperty('id_token');
  });

  it('what it does to a confidential client with either method, and PKCE or without', async () => {
    await expectGood(await code(PORTAL), {}, 'portal');
    const inBody = { client_id: 'portal', client_secret: 'portal-secret' };
    const { result: answer, records } = await provider.recorded(async () => {
      const secret = await code(PORTAL);
      return expectGood(secret, inBody);
    });
    expect(claimsIn(answer, 'id_token')['aud']).toBe('portal');
    expect(records.at(-1)?.client).toEqual({
      clientId: 'portal',
      method: 'client_secret_post',
      secretId: 's1',
    });
    await expectGood(await code(PKCE_LESS), { code_verifier: undefined }, 'old_app');
  });

  it('what it does without redirect_uri, too, when the challenge binds it', async () => {
    await expectGood(await code(), { redirect_uri: undefined });
  });

  it('the same when the client names itself in header and form alike', async () => {
    const secret = await code(PORTAL);
    const answer = await provider.send('/connect/token', {
      method: 'POST',
      headers: {
        authorization: basic('portal', 'portal-secret'),
        'content-type': 'application/x-www-form-urlencoded;charset=UTF-8',
      },
      body: encode({
        grant_type: GrantType.AuthorizationCode,
        client_id: 'portal',
        code: secret,
        redirect_uri: CALLBACK,
        code_verifier: VERIFIER,
      }),
    });
    expect(answer.status).toBe(200);
  });
});

describe('The ID token', () => {
  it('says who signed in, and when and how, and nothing of the person', async () => {
    const before = Math.floor(provider.clock.now() / 1000);
    const fresh = provider.browser();
    const secret = await provider.code({ nonce: 'n-0S6_WzA2Mj' }, fresh);
    provider.clock.advance(10_000);
    const answer = await expectGood(secret);
    const { payload } = await verified(answer, 'web_app', 'RS256');
    const now = Math.floor(provider.clock.now() / 1000);
    const { sid } = claimsIn(answer, 'access_token');
    expect(payload).toEqual({
      iss: ISSUER,
      sub: (await provider.account('alice')).accountId,
      aud: 'web_app',
      exp: now + 600,
      iat: now,
      auth_time: before,
      nonce: 'n-0S6_WzA2Mj',
      acr: '1',
      amr: ['pwd'],
      sid,
      at_hash: createHash('sha256')
        .update(String(answer.body['access_token']))
        .digest()
        .subarray(0, 16)
        .toString('base64url'),
    });
  });

  it('has no profile claims for the scopes profile and email', async () => {
    const answer = await expectGood(await code({ scope: 'openid profile email' }));
    const names = Object.keys(claimsIn(answer, 'id_token'));
    for (const name of ['name', 'email', 'email_verified', 'preferred_username', 'updated_at'])
      expect(names).not.toContain(name);
  });

  it('has exactly those claims that are asked for by name in it', async () => {
    const claims = JSON.stringify({
      id_token: { email: { essential: true }, name: null, unknown: null },
      userinfo: { preferred_username: null },
    });
    const answer = await expectGood(await code({ claims }));
    const payload = claimsIn(answer, 'id_token');
    expect(payload).toMatchObject({ email: 'alice@example.com', name: 'Alice Example' });
    for (const name of ['email_verified', 'preferred_username', 'unknown'])
      expect(payload).not.toHaveProperty(name);
  });

  it('has no nonce when none was sent', async () => {
    const answer = await expectGood(await code({ nonce: undefined }));
    expect(claimsIn(answer, 'id_token')).not.toHaveProperty('nonce');
  });

  it.each([
    ['RS256', 'portal'],
    ['ES256', 'modern_app'],
  ])('is signed with %s for %s, whatever signs access tokens', async (algorithm, clientId) => {
    const answer = await expectGood(await code({ client_id: clientId }), {}, clientId);
    const { payload, protectedHeader } = await verified(answer, clientId, algorithm);
    expect(protectedHeader.alg).toBe(algorithm);
    expect(payload['aud']).toBe(clientId);
    const accessToken = decodeProtectedHeader(String(answer.body['access_token']));
    expect(accessToken.alg).toBe('ES256');
  });
});
