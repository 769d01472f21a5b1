import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';

import type { SignInSettings } from '../../src/clients/client.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { OPENID_SCOPES } from '../../src/oauth/openid.js';
import type { Visit } from '../support/browser.js';
import { startLiveProvider, TravellingBrowser } from '../support/live-provider.js';
import { LoopbackServer } from '../support/loopback-server.js';
import { eventsOf, PASSWORDS, type PersonName, type Provider } from '../support/provider.js';
import { RelyingParty } from '../support/relying-party.js';

/** Where the applications of this file take codes; nobody listens there but where a test says so. */
const CALLBACK = 'http://127.0.0.1:49152/callback';
const BYE = 'http://127.0.0.1:49152/bye';
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';

let provider: Provider;
let listener: LoopbackServer;
/** The forms that were posted to the back channel of `portal`. */
const heard: string[] = [];

beforeAll(async () => {
  provider = await startLiveProvider();
  listener = await LoopbackServer.start((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      heard.push(body);
      response.writeHead(204).end();
    });
  });
  const signIn = { redirectUris: [CALLBACK], postLogoutRedirectUris: [BYE] };
  await application('portal', {
    ...signIn,
    pushedRequestsRequired: true,
    backchannelLogoutUri: `${listener.url}/backchannel`,
  });
  await provider.client({
    clientId: 'phone',
    name: 'Application on a phone',
    kind: 'public',
    grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
    scopes: OPENID_SCOPES,
    signIn,
  });
});

afterAll(async () => {
  await provider.stop();
  await listener.stop();
});

/** Registers a confidential application, for OpenID scopes alone. */
async function application(clientId: string, signIn: Partial<SignInSettings>): Promise<void> {
  await provider.client({
    clientId,
    name: `Application ${clientId}`,
    grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
    scopes: OPENID_SCOPES,
    signIn,
  });
}

/** What a person does at our pages: signs in and agrees, where they are asked. */
async function goThrough(
  browser: Pick<TravellingBrowser, 'open' | 'submit'>,
  address: string | URL,
  name: PersonName = 'alice',
): Promise<Visit> {
  let visit = await browser.open(address);
  if (visit.text.includes('id="password"'))
    visit = await browser.submit({ username: name, password: PASSWORDS[name] });
  if (visit.text.includes('id="allow"')) visit = await browser.submit({ decision: 'allow' });
  return visit;
}

/** Where our answer to an authorization request goes. */
async function answerTo(
  address: string | URL,
  browser = provider.browser(),
  name: PersonName = 'alice',
): Promise<URL> {
  const { location, text } = await goThrough(browser, address, name);
  if (location === undefined) throw new Error(`no answer: ${text}`);
  return location;
}

/** The claims of a token that is signed as relying parties expect it. */
async function expectSigned(
  token: unknown,
  audience: string,
  type = 'JWT',
): Promise<Awaited<ReturnType<typeof jwtVerify>>['payload']> {
  const keys = createRemoteJWKSet(new URL(`${provider.issuer}/.well-known/jwks.json`));
  const { payload, protectedHeader } = await jwtVerify(String(token), keys, {
    issuer: provider.issuer,
    audience,
    algorithms: ['RS256'],
    typ: type,
    currentDate: new Date(provider.clock.now()),
  });
  expect(protectedHeader).toMatchObject({ alg: 'RS256', kid: expect.any(String) });
  return payload;
}

/** The one logout token that work leads to. */
async function expectToldOfLogout(work: () => Promise<unknown>): Promise<string> {
  const before = heard.length;
  await work();
  const deadline = Date.now() + 5_000;
  while (heard.length === before && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(heard).toHaveLength(before + 1);
  const form = new URLSearchParams(heard.at(-1));
  expect([...form.keys()]).toEqual(['logout_token']);
  return String(form.get('logout_token'));
}

const CASES = [
  ['a public client', 'phone'],
  ['a confidential client that pushes its requests', 'portal'],
] as const;

type Application = (typeof CASES)[number][1];

/** What openid-client knows of us and of its application. */
async function configure(clientId: Application): Promise<openid.Configuration> {
  const authentication =
    clientId === 'phone' ? openid.None() : openid.ClientSecretBasic(`${clientId}-secret`);
  const config = await openid.discovery(
    new URL(provider.issuer),
    clientId,
    undefined,
    authentication,
    // Their marking for "not in production": plain HTTP on loopback is what is tested here.
    { execute: [openid.allowInsecureRequests] },
  );
  // Signatures are checked besides, although the tokens come over a channel of its own.
  openid.enableNonRepudiationChecks(config);
  return config;
}

/** A sign-in under way, as the application remembers it. */
interface Begun {
  readonly config: openid.Configuration;
  readonly url: URL;
  readonly checks: openid.AuthorizationCodeGrantChecks;
}

/** An authorization request of openid-client, pushed where that is required. */
async function begin(
  clientId: Application,
  parameters: Readonly<Record<string, string>> = {},
): Promise<Begun> {
  const config = await configure(clientId);
  const pkceCodeVerifier = openid.randomPKCECodeVerifier();
  const expectedState = openid.randomState();
  const expectedNonce = openid.randomNonce();
  const request = {
    redirect_uri: CALLBACK,
    scope: 'openid profile email',
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    ...parameters,
  };
  const url =
    clientId === 'phone'
      ? openid.buildAuthorizationUrl(config, request)
      : await openid.buildAuthorizationUrlWithPAR(config, request);
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  return { config, url, checks };
}

describe('openid-client', () => {
  it.each([
    ['of another issuer', (answer: URL) => answer.searchParams.set('iss', 'https://evil.example')],
    ['without an issuer', (answer: URL) => answer.searchParams.delete('iss')],
  ])('refuses an answer %s, and redeems nothing', async (_, tamper) => {
    const { config, url, checks } = await begin('phone');
    const answer = await answerTo(url);
    tamper(answer);
    const { result, records } = await provider.recorded(() =>
      openid.authorizationCodeGrant(config, answer, checks).catch((error: unknown) => error),
    );
    expect(result).toMatchObject({ code: 'OAUTH_INVALID_RESPONSE' });
    expect(String((result as Error).cause)).toMatch(/"iss" \(issuer\)/);
    expect(records).toEqual([]);
  });

  it('is told that nobody is signed in', async () => {
    const { config, url, checks } = await begin('phone', { prompt: 'none' });
    const answer = await answerTo(url);
    await expect(openid.authorizationCodeGrant(config, answer, checks)).rejects.toMatchObject({
      name: 'AuthorizationResponseError',
      error: 'login_required',
    });
  });

  it('is told that the person does not agree', async () => {
    const { config, url, checks } = await begin('portal');
    const browser = provider.browser();
    await browser.open(url);
    await browser.submit({ username: 'bob', password: PASSWORDS.bob });
    const { location } = await browser.submit({ decision: 'deny' });
    await expect(
      openid.authorizationCodeGrant(config, location ?? url, checks),
    ).rejects.toMatchObject({ name: 'AuthorizationResponseError', error: 'access_denied' });
  });

  it('refuses an answer that belongs to another sign-in', async () => {
    const { config, url } = await begin('phone');
    const { checks } = await begin('phone');
    const answer = await answerTo(url);
    await expect(openid.authorizationCodeGrant(config, answer, checks)).rejects.toMatchObject({
      code: 'OAUTH_INVALID_RESPONSE',
    });
  });

  it.each(CASES)('does everything as %s', async (_, clientId) => {
    const browser = provider.browser();
    const { config, url, checks } = await begin(clientId, {
      scope: 'openid profile email offline_access',
      max_age: '300',
    });
    const names = [...url.searchParams.keys()].toSorted();
    if (clientId === 'portal') expect(names).toEqual(['client_id', 'request_uri']);
    const tokens = await openid.authorizationCodeGrant(config, await answerTo(url, browser), {
      ...checks,
      maxAge: 300,
    });
    const { accountId } = await provider.account('alice');
    const claims = tokens.claims();
    expect(claims).toMatchObject({ iss: provider.issuer, sub: accountId, aud: clientId });
    expect(decodeProtectedHeader(String(tokens.id_token)).alg).toBe('RS256');
    expect(tokens.scope).toBe('openid profile email offline_access');

    const userInfo = await openid.fetchUserInfo(config, tokens.access_token, accountId);
    expect(userInfo).toMatchObject({
      sub: accountId,
      name: 'Alice Example',
      email: 'alice@example.com',
      email_verified: true,
    });

    const refreshed = await openid.refreshTokenGrant(config, String(tokens.refresh_token));
    expect(refreshed.access_token).not.toBe(tokens.access_token);
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token);
    expect(refreshed.claims()).toMatchObject({ sub: accountId, sid: claims?.['sid'] });

    const out = openid.buildEndSessionUrl(config, {
      id_token_hint: String(refreshed.id_token),
      post_logout_redirect_uri: BYE,
      state: 'out',
    });
    const { result: visit, records } = await provider.recorded(() => browser.open(out));
    expect(visit.location?.href).toBe(`${BYE}?state=out`);
    expect(eventsOf(records)).toContain('session_end granted');
    const again = await begin(clientId, { prompt: 'none' });
    await expect(
      openid.authorizationCodeGrant(again.config, await answerTo(again.url, browser), again.checks),
    ).rejects.toMatchObject({ error: 'login_required' });
  });

  it('asks about its refresh token and takes it back, and nothing of it is good any more', async () => {
    const { config, url, checks } = await begin('portal');
    const tokens = await openid.authorizationCodeGrant(config, await answerTo(url), checks);
    const refreshToken = String(tokens.refresh_token);
    expect(await openid.tokenIntrospection(config, refreshToken)).toMatchObject({
      active: true,
      client_id: 'portal',
      sub: tokens.claims()?.sub,
    });
    const { records } = await provider.recorded(() => openid.tokenRevocation(config, refreshToken));
    expect(eventsOf(records)).toEqual(['revocation granted']);
    for (const token of [refreshToken, tokens.access_token])
      expect(await openid.tokenIntrospection(config, token)).toEqual({ active: false });
    await expect(openid.refreshTokenGrant(config, refreshToken)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });

  it('hears that the session ended, in a token that jose accepts', async () => {
    const browser = provider.browser();
    const { config, url, checks } = await begin('portal');
    const tokens = await openid.authorizationCodeGrant(
      config,
      await answerTo(url, browser),
      checks,
    );
    const out = openid.buildEndSessionUrl(config, { id_token_hint: String(tokens.id_token) });
    const token = await expectToldOfLogout(() => browser.open(out));
    const claims = await expectSigned(token, 'portal', 'logout+jwt');
    expect(claims).toEqual({
      iss: provider.issuer,
      sub: tokens.claims()?.sub,
      aud: 'portal',
      iat: expect.any(Number),
      exp: expect.any(Number),
      jti: expect.any(String),
      sid: tokens.claims()?.['sid'],
      events: { [LOGOUT_EVENT]: {} },
    });
    await expect(
      openid.refreshTokenGrant(config, String(tokens.refresh_token)),
    ).rejects.toMatchObject({ error: 'invalid_grant' });
  });
});

describe('oauth4webapi', () => {
  const insecure = { [oauth.allowInsecureRequests]: true };

  const discover = async (): Promise<oauth.AuthorizationServer> => {
    const issuer = new URL(provider.issuer);
    return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
  };

  it.each([
    ['client_secret_basic', oauth.ClientSecretBasic],
    ['client_secret_post', oauth.ClientSecretPost],
  ] as const)('does everything as a client that pushes, with %s', async (_, authenticate) => {
    const as = await discover();
    const client: oauth.Client = { client_id: 'portal', require_auth_time: true };
    const credentials = authenticate('portal-secret');
    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    const nonce = oauth.generateRandomNonce();
    const pushed = await oauth.processPushedAuthorizationResponse(
      as,
      client,
      await oauth.pushedAuthorizationRequest(
        as,
        client,
        credentials,
        {
          response_type: 'code',
          redirect_uri: CALLBACK,
          scope: 'openid email offline_access',
          code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
          state,
          nonce,
        },
        insecure,
      ),
    );
    expect(pushed.expires_in).toBeGreaterThan(5);
    const url = new URL(String(as.authorization_endpoint));
    url.searchParams.set('client_id', 'portal');
    url.searchParams.set('request_uri', pushed.request_uri);
    const browser = provider.browser();
    const answer = await answerTo(url, browser);

    const parameters = oauth.validateAuthResponse(as, client, answer, state);
    const response = await oauth.authorizationCodeGrantRequest(
      as,
      client,
      credentials,
      parameters,
      CALLBACK,
      verifier,
      insecure,
    );
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
      expectedNonce: nonce,
      requireIdToken: true,
    });
    await oauth.validateApplicationLevelSignature(as, response, insecure);
    const claims = oauth.getValidatedIdTokenClaims(tokens);
    const { accountId } = await provider.account('alice');
    expect(claims).toMatchObject({ iss: provider.issuer, sub: accountId, aud: 'portal' });

    const userInfo = await oauth.processUserInfoResponse(
      as,
      client,
      accountId,
      await oauth.userInfoRequest(as, client, tokens.access_token, insecure),
    );
    expect(userInfo).toEqual({ sub: accountId, email: 'alice@example.com', email_verified: true });

    const refreshed = await oauth.processRefreshTokenResponse(
      as,
      client,
      await oauth.refreshTokenGrantRequest(
        as,
        client,
        credentials,
        String(tokens.refresh_token),
        insecure,
      ),
    );
    expect(oauth.getValidatedIdTokenClaims(refreshed)).toMatchObject({ sub: accountId });

    const out = new URL(String(as.end_session_endpoint));
    out.searchParams.set('id_token_hint', String(refreshed.id_token));
    out.searchParams.set('post_logout_redirect_uri', BYE);
    const token = await expectToldOfLogout(async () => {
      expect((await browser.open(out)).location?.href).toBe(BYE);
    });
    expect(await expectSigned(token, 'portal', 'logout+jwt')).toMatchObject({ sub: accountId });
  });

  it('refuses an answer of another issuer', async () => {
    const as = await discover();
    const client: oauth.Client = { client_id: 'phone' };
    const answer = new URL(CALLBACK);
    answer.search = new URLSearchParams({ code: 'c', iss: 'https://evil.example' }).toString();
    expect(() => oauth.validateAuthResponse(as, client, answer, oauth.expectNoState)).toThrow(
      /unexpected "iss"/,
    );
  });
});

/** What an application says, as JSON. */
function saidBy({ text }: Visit): Record<string, unknown> {
  return JSON.parse(text) as Record<string, unknown>;
}

async function signInOf(clientId: string): Promise<SignInSettings> {
  const client = await provider.clients.find(clientId);
  if (client === null) throw new Error(`no client ${clientId}`);
  return client.signIn;
}

describe('passport-openidconnect', () => {
  let party: RelyingParty;

  beforeAll(async () => {
    const origin = await RelyingParty.origin();
    // It speaks no PKCE: that is what the setting is for, and only for confidential clients.
    await application('intranet', {
      redirectUris: [`${origin}/callback`],
      postLogoutRedirectUris: [`${origin}/signed-out`],
      pkceRequired: false,
    });
    party = await RelyingParty.start('passport-openidconnect', origin, {
      issuer: provider.issuer,
      clientId: 'intranet',
      clientSecret: 'intranet-secret',
      more: { nonce: 'yes', maxAge: '300' },
    });
  });

  afterAll(async () => party.stop());

  it('is told that PKCE is required, unless the client is set otherwise', async () => {
    await provider.change('intranet', {
      signIn: { ...(await signInOf('intranet')), pkceRequired: true },
    });
    const visit = await new TravellingBrowser().open(`${party.origin}/login`);
    expect(visit).toMatchObject({ status: 500 });
    expect(saidBy(visit)).toMatchObject({ message: 'code_challenge is missing.' });
    await provider.change('intranet', {
      signIn: { ...(await signInOf('intranet')), pkceRequired: false },
    });
  });

  it('is told that the person does not agree', async () => {
    const browser = new TravellingBrowser();
    await browser.open(`${party.origin}/login`);
    await browser.submit({ username: 'alice', password: PASSWORDS.alice });
    expect(await browser.submit({ decision: 'deny' })).toMatchObject({ status: 401 });
  });

  it('signs a person in, knows who they are, and signs them out', async () => {
    const browser = new TravellingBrowser();
    const visit = await goThrough(browser, `${party.origin}/login`);
    const { accountId } = await provider.account('alice');
    expect(visit.url.href).toBe(`${party.origin}/`);
    expect(saidBy(visit)).toMatchObject({
      profile: {
        id: accountId,
        displayName: 'Alice Example',
        username: 'alice',
        emails: [{ value: 'alice@example.com' }],
      },
      context: { timestamp: expect.any(String), class: '1', methods: ['pwd'] },
      hasRefreshToken: true,
    });
    const claims = await expectSigned(saidBy(visit)['idToken'], 'intranet');
    expect(claims).toMatchObject({ sub: accountId, nonce: expect.any(String) });

    const out = await browser.open(`${party.origin}/logout`);
    expect(out.url.href).toBe(`${party.origin}/signed-out?state=out`);
    const again = await browser.open(`${party.origin}/login`);
    expect(again.text).toContain('id="password"');
  });
});

/** An application with express-openid-connect, registered and started. */
async function startShop(
  clientId: string,
  more: Readonly<Record<string, unknown>>,
): Promise<RelyingParty> {
  const origin = await RelyingParty.origin();
  await application(clientId, {
    redirectUris: [`${origin}/callback`],
    postLogoutRedirectUris: [`${origin}/signed-out`],
    backchannelLogoutUri: `${origin}/backchannel-logout`,
  });
  const settings = { issuer: provider.issuer, clientId, clientSecret: `${clientId}-secret` };
  return RelyingParty.start('express-openid-connect', origin, { ...settings, more });
}

/** Waits for a record since then. */
async function expectRecord(before: number, record: Record<string, unknown>): Promise<void> {
  const deadline = Date.now() + 5_000;
  const found = () => provider.records.slice(before);
  while (!found().some(({ event }) => event === record['event']) && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(found()).toContainEqual(expect.objectContaining(record));
}

describe('express-openid-connect', () => {
  it('is told that its default response type, id_token, is not spoken here', async () => {
    const party = await startShop('implicit', {});
    const visit = await new TravellingBrowser().open(party.origin);
    await party.stop();
    expect(visit.status).toBe(400);
    expect(visit.url.href).toMatch(`${party.origin}/callback?error=unsupported_response_type&`);
  });

  it.each([
    ['in the browser', false],
    ['ahead', true],
  ])(
    'with response_type code does everything, and sends its request %s',
    async (_, pushedAuthorizationRequests) => {
      const clientId = pushedAuthorizationRequests ? 'shop_par' : 'shop';
      const party = await startShop(clientId, {
        pushedAuthorizationRequests,
        authorizationParams: {
          response_type: 'code',
          scope: 'openid profile email offline_access',
        },
      });
      try {
        const browser = new TravellingBrowser();
        const visit = await goThrough(browser, party.origin, 'bob');
        const { accountId } = await provider.account('bob');
        expect(visit).toMatchObject({ status: 200 });
        expect(saidBy(visit)).toMatchObject({
          idTokenClaims: { iss: provider.issuer, sub: accountId, aud: clientId },
          userInfo: { sub: accountId, name: 'Bob Example', email: 'bob@example.com' },
        });
        const refreshed = await browser.open(`${party.origin}/refresh`);
        expect(saidBy(refreshed)).toMatchObject({ isNew: true, userInfo: { sub: accountId } });

        const out = await browser.open(`${party.origin}/logout`);
        expect(out.url.href).toBe(`${party.origin}/signed-out`);
        expect(saidBy(out)).toEqual({ isAuthenticated: false });
        const again = await browser.open(party.origin);
        expect(again.text).toContain('id="password"');
      } finally {
        await party.stop();
      }
    },
  );

  it('ends its session when it hears that ours ended', async () => {
    const party = await startShop('shop_told', {
      authorizationParams: { response_type: 'code', scope: 'openid' },
    });
    try {
      const browser = new TravellingBrowser();
      const visit = await goThrough(browser, party.origin, 'bob');
      expect(visit.status).toBe(200);
      const { sid } = decodeJwt(String(saidBy(visit)['idToken']));
      const before = provider.records.length;
      await browser.open(`${provider.issuer}/connect/endsession`);
      await browser.submit({ choice: 'sign-out' });
      await expectRecord(before, { event: 'logout_notice', outcome: 'granted', sid });
      const later = await browser.open(party.origin);
      expect(later.text).toContain('id="password"');
    } finally {
      await party.stop();
    }
  });
});
