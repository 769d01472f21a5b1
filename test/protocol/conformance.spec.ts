import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';

import type { SignInSettings } from '../../src/clients/client.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { OPENID_SCOPES } from '../../src/oauth/openid.js';
import type { TextBrowser, Visit } from '../support/browser.js';
import type { Answer } from '../support/protocol.js';
import { CALLBACK, claimsIn, ISSUER, PASSWORDS, Provider, textClaim } from '../support/provider.js';
import { expectInvalidGrant, expectNotAtUserInfo } from '../support/refusals.js';

// What docs/conformance.md says of the modules that no other file tests as the suite asks it:
// an application with a secret, without PKCE and without a service of the company to call.

type Asked = NonNullable<Parameters<Provider['authorizeUrl']>[0]>;

const FIRST = 'conformance_first';
const SECOND = 'conformance_second';
/** An address with a query of its own. */
const SECOND_CALLBACK = `${CALLBACK}?dummy1=lorem&dummy2=ipsum`;
const DISCOVERY = '/.well-known/openid-configuration';
/** An unsigned request object, as the suite makes one. */
const REQUEST_OBJECT = [{ alg: 'none' }, { client_id: FIRST, redirect_uri: CALLBACK, state: 'x' }]
  .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  .concat('')
  .join('.');
/** Every claim that the standard scope `profile` stands for, but for those that each account has. */
const PROFILE = {
  given_name: 'Alice',
  family_name: 'Example',
  middle_name: 'Ada',
  nickname: 'al',
  profile: 'https://people.example/alice',
  picture: 'https://people.example/alice.png',
  website: 'https://alice.example',
  gender: 'female',
  birthdate: '1990-01-31',
  zoneinfo: 'Europe/Zurich',
};

let provider: Provider;

beforeAll(async () => {
  provider = await Provider.start();
  await application(FIRST, { redirectUris: [CALLBACK] });
  await application(SECOND, { redirectUris: [SECOND_CALLBACK] });
  await provider.changeAccount('alice', { locale: 'en-GB', claims: PROFILE });
});

afterAll(() => provider.stop());

async function application(clientId: string, signIn: Partial<SignInSettings>): Promise<void> {
  await provider.client({
    clientId,
    grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
    scopes: [...OPENID_SCOPES],
    signIn: { pkceRequired: false, ...signIn },
  });
}

/** A request as the suite sends it. */
function request(asked: Asked = {}): Asked {
  return {
    client_id: FIRST,
    scope: 'openid',
    code_challenge: undefined,
    code_challenge_method: undefined,
    ...asked,
  };
}

/** Asks, signs in and agrees where that is asked, and redeems what came of it. */
async function expectTokens(asked: Asked = {}, browser = provider.browser()): Promise<Answer> {
  const code = await provider.code(request(asked), browser);
  return expectRedeemed(code, asked);
}

/** Redeems a code with HTTP Basic. */
async function expectRedeemed(code: string | null | undefined, asked: Asked = {}): Promise<Answer> {
  const answer = await redeem(String(code), asked);
  expect({ status: answer.status, error: answer.body['error'] }).toEqual({ status: 200 });
  return answer;
}

function redeem(code: string, asked: Asked = {}): Promise<Answer> {
  const { client_id: clientId = FIRST, redirect_uri: redirectUri = CALLBACK } = asked;
  const form = { redirect_uri: redirectUri, code_verifier: undefined };
  return provider.redeem(code, form, String(clientId));
}

/** Asks in a browser in which alice is signed in and has agreed. */
function again(browser: TextBrowser, asked: Asked = {}): Promise<Visit> {
  return browser.open(provider.authorizeUrl(request(asked)));
}

/** Expects that nobody is asked anything. */
async function expectSilent(browser: TextBrowser, asked: Asked): Promise<Answer> {
  const visit = await again(browser, asked);
  expect({ status: visit.status, error: visit.location?.searchParams.get('error') }).toEqual({
    status: 303,
    error: null,
  });
  return expectRedeemed(visit.location?.searchParams.get('code'));
}

/** Expects that the person must sign in, and does. */
async function expectAnotherSignIn(browser: TextBrowser, asked: Asked): Promise<Answer> {
  const page = await again(browser, asked);
  expect({ status: page.status, path: page.url.pathname }).toEqual({
    status: 200,
    path: '/sign-in',
  });
  const visit = await browser.submit({ username: 'alice', password: PASSWORDS.alice });
  return expectRedeemed(visit.location?.searchParams.get('code'));
}

/** What the suite compares of two ID tokens of one sign-in. */
function whoAndWhen(answer: Answer): object {
  const { sub, auth_time: authTime } = claimsIn(answer, 'id_token');
  return { sub, authTime };
}

function authTime(answer: Answer): number {
  return Number(claimsIn(answer, 'id_token')['auth_time']);
}

async function userInfo(answer: Answer): Promise<Answer['body']> {
  const { status, body } = await provider.userInfo(answer.body['access_token']);
  expect({ status, sub: body['sub'] }).toEqual({
    status: 200,
    sub: textClaim(answer, 'id_token', 'sub'),
  });
  return body;
}

describe('An application without PKCE is signed in to', () => {
  it('with client_secret_basic, for an ID token that its keys verify', async () => {
    const answer = await expectTokens({ nonce: 'n-0S6_WzA2Mj' });
    const idToken = String(answer.body['id_token']);
    const jwks = (await provider.send('/.well-known/jwks.json')).body as unknown as JSONWebKeySet;
    const { payload } = await jwtVerify(idToken, createLocalJWKSet(jwks), {
      issuer: ISSUER,
      audience: FIRST,
      algorithms: ['RS256'],
      requiredClaims: ['sub', 'iat', 'exp'],
      currentDate: new Date(provider.clock.now()),
    });
    expect(payload['nonce']).toBe('n-0S6_WzA2Mj');
    expect(payload).not.toHaveProperty('name');
    const { kid } = decodeProtectedHeader(idToken);
    expect(jwks.keys.filter((key) => key.kid === kid)).toHaveLength(1);
  });

  it('with client_secret_post', async () => {
    const code = await provider.code(request());
    const form = { client_id: FIRST, client_secret: `${FIRST}-secret`, code_verifier: undefined };
    const answer = await provider.redeem(code, form);
    expect(answer.status).toBe(200);
    expect(claimsIn(answer, 'id_token')['aud']).toBe(FIRST);
  });

  it('with PKCE all the same when it wants that', async () => {
    const code = await provider.code({ client_id: FIRST, scope: 'openid' });
    const answer = await provider.redeem(code, {}, FIRST);
    expect(answer.status).toBe(200);
  });

  it('when its request comes by POST', async () => {
    const browser = provider.browser();
    const url = new URL(provider.authorizeUrl(request()));
    await browser.send('/connect/authorize', Object.fromEntries(url.searchParams));
    await browser.open(browser.last?.location ?? '');
    let visit = await browser.submit({ username: 'alice', password: PASSWORDS.alice });
    if (visit.text.includes('id="allow"')) visit = await browser.submit({ decision: 'allow' });
    await expectRedeemed(visit.location?.searchParams.get('code'));
  });

  it('at a registered address with a query, which stays', async () => {
    const asked = { client_id: SECOND, redirect_uri: SECOND_CALLBACK };
    const answer = await provider.authorize(provider.browser(), 'alice', request(asked));
    expect(Object.fromEntries(answer)).toEqual({
      dummy1: 'lorem',
      dummy2: 'ipsum',
      code: expect.any(String),
      state: 'state-1',
      iss: ISSUER,
    });
    await expectRedeemed(answer.get('code'), asked);
  });

  it.each([
    [FIRST, SECOND_CALLBACK],
    [FIRST, `${CALLBACK}/xTe7hKq2Lw`],
    [SECOND, CALLBACK],
    [SECOND, `${SECOND_CALLBACK}&extra=1`],
  ])('but not %s at %s, which is not registered for it', async (clientId, address) => {
    const visit = await again(provider.browser(), { client_id: clientId, redirect_uri: address });
    expect({ status: visit.status, location: visit.location }).toEqual({ status: 400 });
    expect(visit.text).toContain('The address to return to is not registered');
  });
});

describe('A request that asks for little or for something unknown is granted', () => {
  it('without a nonce, and the ID token has none', async () => {
    const answer = await expectTokens({ nonce: undefined });
    expect(claimsIn(answer, 'id_token')).not.toHaveProperty('nonce');
  });

  it.each<[string, Asked]>([
    ['a parameter that nobody knows', { extra: 'foobar' }],
    ['display=page', { display: 'page' }],
    ['display=popup', { display: 'popup' }],
    ['ui_locales', { ui_locales: 'se' }],
    ['claims_locales', { claims_locales: 'se' }],
    ['login_hint', { login_hint: 'bob@example.com' }],
  ])('with %s, which changes nothing', async (_, asked) => {
    const answer = await expectTokens(asked);
    expect(claimsIn(answer, 'id_token')['sub']).toBe((await provider.account('alice')).accountId);
  });

  it('with acr_values, and the ID token says which was reached', async () => {
    const { body } = await provider.send(DISCOVERY);
    const advertised = body['acr_values_supported'] as readonly string[];
    const answer = await expectTokens({ acr_values: advertised.join(' ') });
    expect(advertised).toContain(claimsIn(answer, 'id_token')['acr']);
  });
});

describe('A scope value', () => {
  const always = ['locale', 'name', 'preferred_username', 'updated_at'];
  const profile = [...Object.keys(PROFILE), ...always];
  const email = ['email', 'email_verified'];

  it.each<[string, readonly string[]]>([
    ['openid profile', profile],
    ['openid email', email],
    ['email openid', email],
    ['openid address', []],
    ['openid phone', []],
    ['openid profile email address phone', [...email, ...profile]],
  ])('gives at UserInfo what %j stands for, as far as accounts have it', async (scope, names) => {
    const answer = await expectTokens({ scope });
    const claims = await userInfo(answer);
    expect(Object.keys(claims).toSorted()).toEqual([...names, 'sub'].toSorted());
    for (const name of names) expect(claimsIn(answer, 'id_token')).not.toHaveProperty(name);
  });

  it('that stands for nothing here is not in discovery, so that the suite skips its test', async () => {
    const { body } = await provider.send(DISCOVERY);
    expect(body['scopes_supported']).toEqual(expect.arrayContaining(['openid', ...OPENID_SCOPES]));
    for (const scope of ['address', 'phone']) expect(body['scopes_supported']).not.toContain(scope);
  });

  it('is not needed for a claim that is asked for by name as essential', async () => {
    const claims = JSON.stringify({ userinfo: { name: { essential: true } } });
    const answer = await expectTokens({ claims });
    expect(await userInfo(answer)).toEqual({ sub: expect.any(String), name: 'Alice Example' });
    expect(claimsIn(answer, 'id_token')).not.toHaveProperty('name');
  });
});

describe('Who has signed in and agreed before', () => {
  it('is asked nothing with prompt=none, and is the same since the same time', async () => {
    const browser = provider.browser();
    const before = await expectTokens({}, browser);
    provider.clock.advance(5_000);
    const after = await expectSilent(browser, { prompt: 'none' });
    expect(whoAndWhen(after)).toEqual(whoAndWhen(before));
  });

  it('is asked nothing with prompt=none and their ID token as hint', async () => {
    const browser = provider.browser();
    const before = await expectTokens({}, browser);
    provider.clock.advance(5_000);
    const hint = String(before.body['id_token']);
    const after = await expectSilent(browser, { prompt: 'none', id_token_hint: hint });
    expect(whoAndWhen(after)).toEqual(whoAndWhen(before));
  });

  it('is asked nothing with max_age=10000, and auth_time stays', async () => {
    const browser = provider.browser();
    const before = await expectTokens({}, browser);
    provider.clock.advance(5_000);
    const after = await expectSilent(browser, { max_age: '10000' });
    expect(whoAndWhen(after)).toEqual(whoAndWhen(before));
  });

  it('signs in again with max_age=1 after two seconds, and auth_time is later', async () => {
    const browser = provider.browser();
    const before = await expectTokens({}, browser);
    provider.clock.advance(2_000);
    const after = await expectAnotherSignIn(browser, { max_age: '1' });
    expect(authTime(after)).toBe(Math.floor(provider.clock.now() / 1000));
    expect(authTime(after)).toBe(authTime(before) + 2);
  });

  it('signs in again with prompt=login, and auth_time is later', async () => {
    const browser = provider.browser();
    const before = await expectTokens({}, browser);
    provider.clock.advance(2_000);
    const after = await expectAnotherSignIn(browser, { prompt: 'login' });
    expect(authTime(after)).toBe(authTime(before) + 2);
  });
});

describe('An unsigned request object', () => {
  it('is refused with request_not_supported, which discovery says before', async () => {
    const visit = await again(provider.browser(), { request: REQUEST_OBJECT });
    expect(visit.location?.href.startsWith(`${CALLBACK}?`)).toBe(true);
    expect(visit.location?.searchParams.get('error')).toBe('request_not_supported');
    const { body } = await provider.send(DISCOVERY);
    expect(body['request_parameter_supported']).toBe(false);
    expect(body).not.toHaveProperty('request_object_signing_alg_values_supported');
  });

  it('is refused with request_uri_not_supported when it is at an address', async () => {
    const visit = await again(provider.browser(), { request_uri: 'https://app.example/request' });
    expect(visit.location?.searchParams.get('error')).toBe('request_uri_not_supported');
    const { body } = await provider.send(DISCOVERY);
    expect(body['request_uri_parameter_supported']).toBe(false);
  });

  it('makes no address good that is not registered', async () => {
    const visit = await again(provider.browser(), {
      request: REQUEST_OBJECT,
      redirect_uri: `${CALLBACK}/bad`,
    });
    expect({ status: visit.status, location: visit.location }).toEqual({ status: 400 });
  });
});

describe('A code that is used again', () => {
  it.each([0, 30])(
    'is refused %i seconds later, and its access token is dead at UserInfo',
    async (seconds) => {
      const code = await provider.code(request());
      const given = await expectRedeemed(code);
      await userInfo(given);
      provider.clock.advance(seconds * 1000);
      await expectInvalidGrant(provider, () => redeem(code), 'code_used');
      await expectNotAtUserInfo(provider, given.body['access_token']);
    },
  );
});

describe('A refresh token', () => {
  it('gives an access token that is good, and an ID token of the same sign-in', async () => {
    const given = await expectTokens({ scope: 'openid offline_access', prompt: 'consent' });
    provider.clock.advance(1_000);
    const form = { scope: 'openid offline_access' };
    const refreshed = await provider.refresh(given.body['refresh_token'], form, FIRST);
    expect(refreshed.status).toBe(200);
    expect(refreshed.body['access_token']).not.toBe(given.body['access_token']);
    expect(claimsIn(refreshed, 'id_token')).toMatchObject({ iss: ISSUER, aud: FIRST });
    expect(whoAndWhen(refreshed)).toEqual(whoAndWhen(given));
    // OpenID Connect Core section 12.2: it should have none.
    expect(claimsIn(refreshed, 'id_token')).not.toHaveProperty('nonce');
    await userInfo(refreshed);
    expect(String(given.body['refresh_token'])).toMatch(/^[\x20-\x7E]+$/);
    const { body } = await provider.send(DISCOVERY);
    expect(body['grant_types_supported']).toContain('refresh_token');
  });

  it('is of no use to the other application', async () => {
    const given = await expectTokens({ client_id: SECOND, redirect_uri: SECOND_CALLBACK });
    await expectInvalidGrant(
      provider,
      () => provider.refresh(given.body['refresh_token'], { scope: 'openid' }, FIRST),
      'refresh_token_not_of_client',
    );
  });
});

describe('Signing out', () => {
  it.each<[string, Readonly<Record<string, string>>]>([
    ['nothing', {}],
    ['a state alone', { state: 'state-1' }],
  ])('with %s asks, ends the session and stays here', async (_, parameters) => {
    const browser = provider.browser();
    await expectTokens({}, browser);
    const page = await browser.open(
      `${ISSUER}/connect/endsession?${new URLSearchParams(parameters).toString()}`,
    );
    expect(page.text).toContain('id="sign-out"');
    const visit = await browser.submit({ choice: 'sign-out' });
    expect({ status: visit.status, location: visit.location }).toEqual({ status: 200 });
    const after = await again(browser, { prompt: 'none' });
    expect(after.location?.searchParams.get('error')).toBe('login_required');
  });
});

describe('The discovery document', () => {
  it('is JSON and names the issuer under whose address it is', async () => {
    const answer = await provider.send(DISCOVERY);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.body['issuer']).toBe(ISSUER);
  });

  it('has every member that is required, with a value that is', async () => {
    const { body } = await provider.send(DISCOVERY);
    expect(body).toMatchObject({
      response_types_supported: expect.arrayContaining(['code']),
      subject_types_supported: expect.arrayContaining(['public']),
      id_token_signing_alg_values_supported: expect.arrayContaining(['RS256']),
      scopes_supported: expect.arrayContaining(['openid']),
      grant_types_supported: expect.arrayContaining(['authorization_code']),
      claims_supported: expect.arrayContaining(['sub']),
      claims_parameter_supported: true,
      end_session_endpoint: `${ISSUER}/connect/endsession`,
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
    });
    for (const subjectType of body['subject_types_supported'] as readonly string[])
      expect(['public', 'pairwise']).toContain(subjectType);
  });

  it('names https addresses only', async () => {
    const { body } = await provider.send(DISCOVERY);
    const addresses = Object.entries(body).filter(([name]) => /_(?:endpoint|uri)$/.test(name));
    expect(addresses.map(([name]) => name)).toEqual(
      expect.arrayContaining([
        'authorization_endpoint',
        'token_endpoint',
        'userinfo_endpoint',
        'jwks_uri',
      ]),
    );
    for (const [, address] of addresses) expect(String(address)).toMatch(/^https:\/\//);
  });

  it('leads to keys that are public, complete and each of another name', async () => {
    const { keys } = (await provider.send('/.well-known/jwks.json'))
      .body as unknown as JSONWebKeySet;
    expect(new Set(keys.map((key) => key.kid)).size).toBe(keys.length);
    for (const key of keys) {
      expect(key.kid).toEqual(expect.any(String));
      expect(['EC', 'RSA']).toContain(key.kty);
      for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'])
        expect(key).not.toHaveProperty(name);
    }
  });
});
