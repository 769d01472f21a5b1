import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { SignInSettings } from '../../src/clients/client.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { OwnTokens } from '../../src/tokens/own-tokens.js';
import type { TextBrowser } from '../support/browser.js';
import { encode, type Answer } from '../support/protocol.js';
import { CALLBACK, claimsIn, ISSUER, Provider, textClaim } from '../support/provider.js';
import { expectNotAtUserInfo } from '../support/refusals.js';

const PATH = '/connect/userinfo';
const USERINFO = ISSUER + PATH;
const FORM = 'application/x-www-form-urlencoded';
const ALL = 'openid profile email address:read';

let provider: Provider;
let browser: TextBrowser;

beforeAll(async () => {
  provider = await Provider.start();
  await application('known_well', {}, ['profile', 'email']);
  await application('known_little', {}, ['profile']);
  await application('pairwise_one', { subjectType: 'pairwise' });
  await application('pairwise_same', { subjectType: 'pairwise', sectorHost: 'app.example' });
  await application('pairwise_other', {
    subjectType: 'pairwise',
    redirectUris: ['https://other.example/callback'],
  });
  await provider.changeAccount('alice', {
    locale: 'de-CH',
    groups: ['staff', 'böard'],
    claims: { department: 'Forschung', badge: { level: 3 }, sub: 'somebody-else' },
    updatedAt: 1_700_000_000_999,
  });
  browser = provider.browser();
  await provider.code({ scope: ALL }, browser);
});

afterAll(() => provider.stop());

/** An application of the company's own, at which nobody is asked. */
async function application(
  clientId: string,
  signIn: Partial<SignInSettings>,
  claimScopes: readonly string[] = [],
): Promise<void> {
  await provider.client({
    clientId,
    grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
    scopes: ['openid', 'offline_access', 'address:read', ...claimScopes],
    targets: ['my_gateway'],
    defaultTarget: 'my_gateway',
    signIn: { redirectUris: [CALLBACK], consentRequired: false, ...signIn },
  });
}

/** What alice gives to `web_app`, or to an application with a secret. */
async function given(
  parameters: Parameters<Provider['code']>[0] = {},
  clientId: string | null = null,
): Promise<Answer> {
  const { redirectUris } = (await provider.clients.find(clientId ?? 'web_app'))?.signIn ?? {};
  const redirect = { redirect_uri: redirectUris?.[0] };
  const client = clientId === null ? {} : { client_id: clientId };
  const code = await provider.code({ ...redirect, ...client, ...parameters }, browser);
  const answer = await provider.redeem(code, redirect, clientId);
  expect(answer.status).toBe(200);
  return answer;
}

async function accessToken(parameters: Parameters<Provider['code']>[0] = {}): Promise<string> {
  return String((await given(parameters)).body['access_token']);
}

/** The same token with another first character of its signature. */
function forged(token: string): string {
  const dot = token.lastIndexOf('.') + 1;
  return `${token.slice(0, dot)}${token[dot] === 'A' ? 'B' : 'A'}${token.slice(dot + 1)}`;
}

/** A token signed with our own key, which would be good but for what is changed. */
function signed(claims: Readonly<Record<string, unknown>>, type = 'at+jwt'): Promise<string> {
  const now = Math.floor(provider.clock.now() / 1000);
  const all = { iss: ISSUER, iat: now, exp: now + 600, ...claims };
  return provider.app.get(OwnTokens, { strict: false }).sign(type, all);
}

/** What an application hears: subject of the ID token, of UserInfo, and of the access token. */
async function names(clientId: string) {
  const answer = await given({ scope: 'openid' }, clientId);
  const { body } = await provider.userInfo(answer.body['access_token']);
  const [idToken, token] = [claimsIn(answer, 'id_token'), claimsIn(answer, 'access_token')];
  return { idToken: idToken['sub'], userInfo: body['sub'], accessToken: token['sub'] };
}

describe('UserInfo does not tell', () => {
  it('anything without a token, and challenges without an error', async () => {
    const bare: readonly Parameters<Provider['send']>[1][] = [
      {},
      { method: 'POST' },
      { method: 'POST', headers: { 'content-type': FORM }, body: 'other=1' },
      { method: 'POST', headers: { 'content-type': FORM }, body: 'access_token=' },
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"access_token":"x"}',
      },
      { headers: { authorization: 'Basic d2ViX2FwcDpzZWNyZXQ=' } },
    ];
    for (const request of bare) {
      const answer = await provider.send(PATH, request);
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="userinfo"');
      expect(answer.headers['cache-control']).toBe('no-store');
      expect(answer.body).not.toHaveProperty('sub');
    }
  });

  it('anything to a token in the query, wherever else it comes from', async () => {
    const query = `${PATH}?${encode({ access_token: await accessToken() })}`;
    for (const request of [{}, { method: 'POST' }]) {
      const answer = await provider.send(query, request);
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="userinfo"');
    }
  });

  it('anything to who sends two tokens', async () => {
    const token = await accessToken();
    const inHeader = { authorization: `Bearer ${token}` };
    const twice = [
      { headers: { ...inHeader, 'content-type': FORM }, body: encode({ access_token: token }) },
      { headers: { 'content-type': FORM }, body: encode({ access_token: [token, token] }) },
    ];
    for (const request of twice) {
      const answer = await provider.send(PATH, { method: 'POST', ...request });
      expect({ status: answer.status, error: answer.body['error'] }).toEqual({
        status: 400,
        error: 'invalid_request',
      });
    }
    const malformed = await provider.send(PATH, {
      method: 'POST',
      headers: { ...inHeader, 'content-type': FORM },
      body: 'access_token=',
    });
    expect(malformed.status).toBe(200);
  });

  it.each(['x', 'a.b.c', 'null', 'eyJhbGciOiJub25lIn0.e30.', 'a b', '"', '{}', '%00'])(
    'anything to the garbage %j',
    async (garbage) => {
      await expectNotAtUserInfo(provider, garbage);
    },
  );

  it('anything to more garbage than a header can hold', async () => {
    const answer = await provider.send(PATH, {
      method: 'POST',
      headers: { 'content-type': FORM },
      body: encode({ access_token: 'x'.repeat(30_000) }),
    });
    expect({ status: answer.status, error: answer.body['error'] }).toEqual({
      status: 401,
      error: 'invalid_token',
    });
  });

  it('anything to a header that says Bearer and nothing else', async () => {
    await expectNotAtUserInfo(provider, '');
  });

  it('anything to a token whose signature was changed, or that nobody signed', async () => {
    const token = await accessToken();
    const [, payload = ''] = token.split('.');
    const none = Buffer.from('{"alg":"none","typ":"at+jwt","kid":"x"}').toString('base64url');
    await expectNotAtUserInfo(provider, forged(token));
    await expectNotAtUserInfo(provider, `${none}.${payload}.`);
    await expectNotAtUserInfo(provider, `${none}.${payload}.x`);
    expect((await provider.userInfo(token)).status).toBe(200);
  });

  it('anything to a token of another kind or for another service', async () => {
    const answer = await given({ scope: ALL });
    await expectNotAtUserInfo(provider, answer.body['id_token']);
    await expectNotAtUserInfo(provider, answer.body['refresh_token']);
    const exchanged = await provider.exchange(answer.body['access_token']);
    expect(exchanged.status).toBe(200);
    await expectNotAtUserInfo(provider, exchanged.body['access_token']);
    const own = await provider.token(
      { grant_type: GrantType.ClientCredentials, audience: 'address_service' },
      'my_gateway',
    );
    expect(own.status).toBe(200);
    await expectNotAtUserInfo(provider, own.body['access_token']);
    const plain = await given({ scope: 'address:read', nonce: undefined });
    await expectNotAtUserInfo(provider, plain.body['access_token']);
  });

  it('anything to a token that we signed as something else', async () => {
    const claims = claimsIn(await given(), 'access_token');
    for (const type of ['JWT', 'logout+jwt', 'secevent+jwt', 'at+jwt+x', ''])
      await expectNotAtUserInfo(provider, await signed(claims, type));
    const changes: readonly Readonly<Record<string, unknown>>[] = [
      { iss: 'https://other.example' },
      { aud: 'my_gateway' },
      { aud: `${USERINFO}/` },
      { sub: 'my_gateway' },
      { sub: '99999999-0000-4000-8000-000000000000' },
      { client_id: 'nobody' },
      { grant_id: undefined },
      { grant_id: '99999999-0000-4000-8000-000000000000' },
      { grant_id: null },
      { exp: Math.floor(provider.clock.now() / 1000) },
    ];
    for (const change of changes)
      await expectNotAtUserInfo(provider, await signed({ ...claims, ...change }));
    expect((await provider.userInfo(await signed(claims))).status).toBe(200);
  });

  it('of anybody else than the one who allowed it', async () => {
    const claims = claimsIn(await given(), 'access_token');
    const { accountId } = await provider.account('bob');
    await expectNotAtUserInfo(provider, await signed({ ...claims, sub: accountId }));
    await expectNotAtUserInfo(provider, await signed({ ...claims, client_id: 'known_well' }));
  });

  it('anything once the token has expired', async () => {
    const token = await accessToken();
    provider.clock.advance(599_000);
    expect((await provider.userInfo(token)).status).toBe(200);
    provider.clock.advance(1_000);
    await expectNotAtUserInfo(provider, token);
  });

  it('anything once the authorization was revoked, at once', async () => {
    const answer = await given();
    const grantId = textClaim(answer, 'access_token', 'grant_id');
    expect((await provider.userInfo(answer.body['access_token'])).status).toBe(200);
    await provider.authorizations.revoke(grantId, provider.clock.now());
    await expectNotAtUserInfo(provider, answer.body['access_token']);
  });

  it('anything of a disabled account, or to a disabled client', async () => {
    const token = await accessToken();
    await provider.changeAccount('alice', { disabled: true });
    await expectNotAtUserInfo(provider, token);
    await provider.changeAccount('alice', { disabled: false });
    await provider.change('web_app', { disabled: true });
    await expectNotAtUserInfo(provider, token);
    await provider.change('web_app', { disabled: false });
    expect((await provider.userInfo(token)).status).toBe(200);
  });

  it('anything without scope openid: the token is good, and not enough', async () => {
    const answer = await given({ scope: ALL });
    const narrow = await provider.refresh(answer.body['refresh_token'], { scope: 'profile' });
    expect(narrow.status).toBe(200);
    const refused = await provider.userInfo(narrow.body['access_token']);
    expect(refused.status).toBe(403);
    expect(refused.headers['www-authenticate']).toBe(
      'Bearer realm="userinfo", error="insufficient_scope", scope="openid"',
    );
    expect(refused.body).toEqual({
      error: 'insufficient_scope',
      error_description: 'The access token has no scope openid.',
    });
  });

  it.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS'])('anything to %s', async (method) => {
    const headers = { authorization: `Bearer ${await accessToken()}` };
    const answer = await provider.send(PATH, { method, headers });
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('GET, HEAD, POST');
  });

  it('a form that is too large or of another encoding what is in it', async () => {
    const token = await accessToken();
    const body = encode({ access_token: token });
    const huge = await provider.send(PATH, {
      method: 'POST',
      headers: { 'content-type': FORM },
      body: `${body}&x=${'x'.repeat(70_000)}`,
    });
    expect(huge.status).toBe(413);
    const latin = await provider.send(PATH, {
      method: 'POST',
      headers: { 'content-type': `${FORM}; charset=iso-8859-1` },
      body,
    });
    expect({ status: latin.status, error: latin.body['error'] }).toEqual({
      status: 400,
      error: 'invalid_request',
    });
  });
});

describe('UserInfo tells', () => {
  it('the same to GET, to POST and to a form, and no cache keeps it', async () => {
    const token = await accessToken({ scope: 'openid profile' });
    const headers = { authorization: `Bearer ${token}` };
    const answers = [
      await provider.send(PATH, { headers }),
      await provider.send(PATH, { headers: { authorization: `bearer ${token}` } }),
      await provider.send(PATH, { method: 'POST', headers }),
      await provider.send(PATH, {
        method: 'POST',
        headers: { 'content-type': FORM },
        body: encode({ access_token: token }),
      }),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual(answers[0]?.body);
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json',
        'cache-control': 'no-store',
      });
      expect(answer.headers).not.toHaveProperty('set-cookie');
    }
    const head = await provider.send(PATH, { method: 'HEAD', headers });
    expect({ status: head.status, text: head.text }).toEqual({ status: 200, text: '' });
  });

  it.each([
    ['openid', []],
    ['openid email', ['email', 'email_verified']],
    [
      'openid profile',
      ['badge', 'department', 'groups', 'locale', 'name', 'preferred_username', 'updated_at'],
    ],
  ])('what the scope %j stands for', async (scope, names) => {
    const answer = await provider.userInfo(await accessToken({ scope }));
    expect(Object.keys(answer.body).toSorted()).toEqual([...names, 'sub'].toSorted());
  });

  it('everything about the person as it is now, with the true subject', async () => {
    const token = await accessToken({ scope: ALL });
    expect((await provider.userInfo(token)).body).toEqual({
      sub: (await provider.account('alice')).accountId,
      name: 'Alice Example',
      preferred_username: 'alice',
      locale: 'de-CH',
      groups: ['staff', 'böard'],
      department: 'Forschung',
      badge: { level: 3 },
      updated_at: 1_700_000_000,
      email: 'alice@example.com',
      email_verified: true,
    });
    await provider.changeAccount('alice', { name: 'Alice Married', email: null });
    const after = await provider.userInfo(token);
    expect(after.body['name']).toBe('Alice Married');
    expect(after.body).not.toHaveProperty('email');
    expect(after.body).not.toHaveProperty('email_verified');
    await provider.changeAccount('alice', { name: 'Alice Example', email: 'alice@example.com' });
  });

  it('what is asked for by name, there and nowhere else', async () => {
    const claims = JSON.stringify({
      userinfo: { email: { essential: true }, department: null, unknown: null, sub: null },
      id_token: { locale: null },
    });
    const answer = await given({ scope: 'openid', claims }, 'known_well');
    const { body } = await provider.userInfo(answer.body['access_token']);
    expect(body).toEqual({
      sub: (await provider.account('alice')).accountId,
      email: 'alice@example.com',
      department: 'Forschung',
    });
    const idToken = claimsIn(answer, 'id_token');
    expect(idToken['locale']).toBe('de-CH');
    for (const name of ['email', 'department', 'unknown']) expect(idToken).not.toHaveProperty(name);
  });

  it('nothing by name that the application may not have by scope', async () => {
    const claims = JSON.stringify({
      userinfo: { email: { essential: true }, name: null },
      id_token: { email: null, email_verified: null },
    });
    const answer = await given({ scope: 'openid email', claims }, 'known_little');
    const { body } = await provider.userInfo(answer.body['access_token']);
    expect(body).toEqual({
      sub: (await provider.account('alice')).accountId,
      name: 'Alice Example',
    });
    expect(claimsIn(answer, 'id_token')).not.toHaveProperty('email');
    expect(claimsIn(answer, 'id_token')).not.toHaveProperty('email_verified');
  });

  it('nothing more by name once the application may have less', async () => {
    const claims = JSON.stringify({ userinfo: { email: null } });
    const answer = await given({ scope: 'openid profile', claims }, 'known_well');
    await provider.change('known_well', { scopes: ['openid', 'address:read'] });
    const { body } = await provider.userInfo(answer.body['access_token']);
    expect(body).not.toHaveProperty('email');
    await provider.change('known_well', {
      scopes: ['openid', 'offline_access', 'address:read', 'profile', 'email'],
    });
  });

  it.each(['constructor', 'toString', 'hasOwnProperty'])(
    'nothing for the name %s, which is nobody’s claim',
    async (name) => {
      const claims = `{"userinfo":{"${name}":null},"id_token":{"${name}":null}}`;
      const answer = await given({ scope: 'openid', claims }, 'known_well');
      const { body, text } = await provider.userInfo(answer.body['access_token']);
      expect(Object.keys(body)).toEqual(['sub']);
      expect(text).not.toContain(name);
      expect(Object.keys(claimsIn(answer, 'id_token'))).not.toContain(name);
    },
  );
});

describe('An application that knows people by names of its own', () => {
  it('hears the same name in the ID token and at UserInfo, which says nothing to others', async () => {
    const { accountId } = await provider.account('alice');
    const [one, again, other] = [
      await names('pairwise_one'),
      await names('pairwise_one'),
      await names('pairwise_other'),
    ];
    expect(one.idToken).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(one.userInfo).toBe(one.idToken);
    expect(again).toEqual(one);
    expect(other.userInfo).toBe(other.idToken);
    expect(other.idToken).not.toBe(one.idToken);
    // The services behind know the person: nothing else would make a chain that can be audited.
    expect([one.accessToken, other.accessToken]).toEqual([accountId, accountId]);
  });

  it('hears the name that the other applications of its sector hear', async () => {
    const [one, same] = [await names('pairwise_one'), await names('pairwise_same')];
    expect(same.idToken).toBe(one.idToken);
  });

  it('hears another name of another person, and an old one never changes', async () => {
    const alice = await names('pairwise_one');
    const elsewhere = provider.browser();
    const code = await provider.code(
      { client_id: 'pairwise_one', scope: 'openid' },
      elsewhere,
      'bob',
    );
    const bob = await provider.redeem(code, {}, 'pairwise_one');
    expect(claimsIn(bob, 'id_token')['sub']).not.toBe(alice.idToken);
    const { refresh_token: refreshToken } = (await given({ scope: 'openid' }, 'pairwise_one')).body;
    const refreshed = await provider.refresh(refreshToken, {}, 'pairwise_one');
    expect(claimsIn(refreshed, 'id_token')['sub']).toBe(alice.idToken);
  });
});
