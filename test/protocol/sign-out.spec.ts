import { generateKeyPairSync } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { decodeProtectedHeader, SignJWT } from 'jose';

import { LogoutNotices } from '../../src/authorization/logout-notices.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { LogoutTokenIssuer } from '../../src/tokens/logout-token-issuer.js';
import { OwnTokens } from '../../src/tokens/own-tokens.js';
import type { TextBrowser, Visit } from '../support/browser.js';
import { encode, type Answer } from '../support/protocol.js';
import { CALLBACK, claimsIn, eventsOf, ISSUER, Provider, textClaim } from '../support/provider.js';
import { expectAllDead } from '../support/refusals.js';

const PATH = '/connect/endsession';
const BYE = 'https://app.example/bye';
const SESSION = '__Host-nte_session';

let provider: Provider;
/** Where alice is signed in, and what `web_app` got of it. */
let browser: TextBrowser;
let given: Answer;

beforeAll(async () => {
  provider = await Provider.start();
  const company = {
    grantTypes: [GrantType.AuthorizationCode],
    scopes: ['openid', 'address:read'],
    targets: ['my_gateway'],
    defaultTarget: 'my_gateway',
  };
  const signIn = { redirectUris: [CALLBACK], consentRequired: false };
  await provider.client({
    ...company,
    clientId: 'portal',
    signIn: { ...signIn, postLogoutRedirectUris: ['https://portal.example/bye?from=idp'] },
  });
  await provider.client({
    ...company,
    clientId: 'pairwise_app',
    signIn: { ...signIn, subjectType: 'pairwise', postLogoutRedirectUris: [BYE] },
  });
});

afterAll(() => provider.stop());

beforeEach(async () => {
  browser = provider.browser();
  given = await provider.redeem(await provider.code({}, browser));
});

function hint(answer = given): string {
  return String(answer.body['id_token']);
}

function signOutUrl(parameters: Readonly<Record<string, string | readonly string[]>> = {}): string {
  return `${ISSUER}${PATH}?${encode(parameters)}`;
}

function ask(parameters: Readonly<Record<string, string | readonly string[]>>): Promise<Visit> {
  return browser.send(signOutUrl(parameters));
}

/** What `portal` or another application with a secret gets in the browser of the test. */
async function redeemed(clientId: string, at = browser): Promise<Answer> {
  return provider.redeem(await provider.code({ client_id: clientId }, at), {}, clientId);
}

async function expectSignedIn(at = browser): Promise<void> {
  const visit = await at.send(`${ISSUER}/account`);
  expect(visit.status).toBe(200);
}

async function expectSignedOut(at = browser): Promise<void> {
  const visit = await at.send(`${ISSUER}/account`);
  expect(visit.status).toBe(303);
  expect(visit.location?.pathname).toBe('/sign-in');
}

/** What alice has, signed by somebody else. */
function foreign(keyId: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return new SignJWT(claimsIn(given, 'id_token'))
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: keyId })
    .sign(privateKey);
}

/** Expects a page that refuses, leads nowhere, and signs nobody out. */
async function expectRefusedPage(send: () => Promise<Visit>, status = 400): Promise<Visit> {
  const { result: visit, records } = await provider.recorded(send);
  expect(visit.status).toBe(status);
  expect(visit.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(visit.headers['cache-control']).toBe('no-store');
  expect(visit.location).toBeUndefined();
  expect(records).toEqual([]);
  await expectSignedIn();
  return visit;
}

/** Expects the page that asks whether to sign out. */
function expectAsked(visit: Visit): void {
  expect(visit.status).toBe(200);
  expect(visit.text).toContain('id="sign-out"');
  expect(visit.text).toContain('id="stay"');
  expect(visit.text).toContain('Alice Example');
}

/** Expects that an ID token hint says nothing: the person is asked, and nobody is led anywhere. */
async function expectNoHint(token: string): Promise<void> {
  for (const address of [BYE, 'https://evil.example']) {
    const parameters = { id_token_hint: token, post_logout_redirect_uri: address, state: 's' };
    const { result: visit, records } = await provider.recorded(() => ask(parameters));
    expectAsked(visit);
    expect(visit.text).not.toContain('Web application');
    expect(visit.text).not.toContain('evil');
    expect(visit.headers['content-security-policy']).toContain("form-action 'self';");
    expect(records).toEqual([]);
    await expectSignedIn();
    const { status, location } = await provider.browser().send(signOutUrl(parameters));
    expect({ status, location }).toEqual({ status: 200 });
  }
}

/** Expects that the browser goes there, without its session. */
async function expectLeft(send: () => Promise<Visit>, location: string): Promise<void> {
  const { result: visit, records } = await provider.recorded(send);
  expect({ status: visit.status, location: visit.location?.href }).toEqual({
    status: 303,
    location,
  });
  expect(visit.headers['cache-control']).toBe('no-store');
  expect(visit.headers['set-cookie']).toContain(
    `${SESSION}=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0`,
  );
  expect(eventsOf(records)).toEqual(['session_end granted']);
  expect(browser.cookies.has(SESSION)).toBe(false);
  await expectSignedOut();
}

describe('An ID token hint says nothing', () => {
  it.each(['x', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.', 'null', 'x'.repeat(5_000)])(
    'when it is garbage, as %.30s',
    async (garbage) => {
      await expectNoHint(garbage);
    },
  );

  it('when its key is gone, and whoever wants to sign out can', async () => {
    await expectNoHint(await foreign('gone'));
    await ask({ id_token_hint: await foreign('gone'), post_logout_redirect_uri: BYE });
    const visit = await browser.post({ choice: 'sign-out' });
    expect({ status: visit.status, location: visit.location }).toEqual({ status: 200 });
    await expectSignedOut();
  });

  it('but the client that is named beside it does', async () => {
    const named = { id_token_hint: 'x', client_id: 'web_app' };
    await expectRefusedPage(() =>
      ask({ ...named, post_logout_redirect_uri: 'https://evil.example' }),
    );
    expectAsked(await ask({ ...named, post_logout_redirect_uri: BYE }));
    await expectLeft(() => browser.post({ choice: 'sign-out' }), BYE);
  });

  it('when nobody signed it, or somebody else did', async () => {
    const [header = '', payload = '', signature = ''] = hint().split('.');
    const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
    const first = signature.startsWith('A') ? 'B' : 'A';
    const { kid = '' } = decodeProtectedHeader(hint());
    const wrong = [
      `${none}.${payload}.`,
      `${none}.${payload}.${signature}`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}.${payload}.${first}${signature.slice(1)}`,
      await foreign(kid),
      await foreign('unknown'),
    ];
    for (const each of wrong) await expectNoHint(each);
  });

  it('when it is another token of ours', async () => {
    const { sub, sid, exp, iat } = claimsIn(given, 'id_token');
    const logoutToken = await provider.app.get(LogoutTokenIssuer, { strict: false }).issue({
      clientId: 'web_app',
      subject: textClaim(given, 'id_token', 'sub'),
      sid: textClaim(given, 'id_token', 'sid'),
      algorithm: 'RS256',
    });
    const own = provider.app.get(OwnTokens, { strict: false });
    const claims = { iss: ISSUER, sub, sid, exp, iat, aud: 'web_app' };
    const wrong = [
      String(given.body['access_token']),
      String(given.body['refresh_token']),
      logoutToken,
      await own.sign('JWT', { ...claims, iss: 'https://other.example' }),
      await own.sign('JWT', { ...claims, aud: ['web_app', 'portal'] }),
      await own.sign('JWT', { ...claims, aud: undefined }),
      await own.sign('JWT', { ...claims, sub: undefined }),
    ];
    for (const each of wrong) await expectNoHint(each);
  });
});

describe('An ID token hint is refused', () => {
  it('when the request names another client than it is of', async () => {
    await expectRefusedPage(() => ask({ id_token_hint: hint(), client_id: 'portal' }));
    await expectRefusedPage(() => ask({ id_token_hint: hint(), client_id: 'nobody' }));
  });

  it('when its client was disabled, also with an address that was registered', async () => {
    await provider.change('web_app', { disabled: true });
    try {
      await expectRefusedPage(() => ask({ id_token_hint: hint(), post_logout_redirect_uri: BYE }));
      await expectRefusedPage(() => ask({ client_id: 'web_app' }));
    } finally {
      await provider.change('web_app', { disabled: false });
    }
  });

  it('when it is sent twice, as anything is', async () => {
    await expectRefusedPage(() => ask({ id_token_hint: [hint(), hint()] }));
    const twice = [BYE, 'https://evil.example'];
    await expectRefusedPage(() => ask({ id_token_hint: hint(), post_logout_redirect_uri: twice }));
  });
});

describe('The address to return to is refused', () => {
  it.each([
    'https://evil.example/bye',
    'https://app.example/bye/',
    'https://app.example/bye?x=1',
    'https://app.example/bye#x',
    'https://app.example/Bye',
    'https://APP.example/bye',
    'https://app.example:443/bye',
    'https://app.example/bye/../bye',
    'https://app.example/./bye',
    'https://app.example/%62ye',
    'https://app.example.evil.example/bye',
    'https://app.example@evil.example/bye',
    'https://user@app.example/bye',
    'http://app.example/bye',
    '//app.example/bye',
    '/bye',
    'javascript:alert(1)',
    'JavaScript:alert(1)//https://app.example/bye',
    'data:text/html,x',
    ' https://app.example/bye',
    'https://app.example/bye ',
    'https://app.example/bye\r\nSet-Cookie: a=b',
    'https://app.example/bye\u0000',
    'https:\\\\app.example\\bye',
    CALLBACK,
    'https://portal.example/bye?from=idp',
  ])('when it is %j, and nobody is signed out', async (address) => {
    const about = { post_logout_redirect_uri: address, state: 's' };
    for (const who of [{ id_token_hint: hint() }, { client_id: 'web_app' }]) {
      const visit = await expectRefusedPage(() => ask({ ...about, ...who }));
      expect(visit.text).not.toContain('evil');
      expect(visit.text).not.toContain('alert');
      expect(visit.headers['set-cookie'] ?? []).toEqual([]);
    }
  });

  it('when nobody says of which application it is', async () => {
    await expectRefusedPage(() => ask({ post_logout_redirect_uri: BYE }));
  });

  it('when its application is unknown', async () => {
    await expectRefusedPage(() => ask({ client_id: 'nobody', post_logout_redirect_uri: BYE }));
  });

  it('when nobody is signed in, too: there is no way through here to a strange place', async () => {
    const stranger = provider.browser();
    const evil = { client_id: 'web_app', post_logout_redirect_uri: 'https://evil.example' };
    const visit = await stranger.send(signOutUrl(evil));
    expect({ status: visit.status, location: visit.location }).toEqual({ status: 400 });
  });

  it('with a state that is too long to come back', async () => {
    for (const state of ['x'.repeat(2049), '\u{1F600}'.repeat(513)]) {
      const about = { post_logout_redirect_uri: BYE, state };
      for (const who of [{ id_token_hint: hint() }, { client_id: 'web_app' }])
        await expectRefusedPage(() => ask({ ...about, ...who }));
    }
  });

  it('and not with the longest one that can', async () => {
    const state = '\u{1F600}'.repeat(512);
    expectAsked(await ask({ client_id: 'web_app', post_logout_redirect_uri: BYE, state }));
    const query = new URLSearchParams({ state }).toString();
    await expectLeft(() => browser.post({ choice: 'sign-out' }), `${BYE}?${query}`);
  });
});

describe('Nobody is signed out without being asked', () => {
  it('when there is no hint', async () => {
    for (const parameters of [
      {},
      { client_id: 'web_app' },
      { client_id: 'web_app', post_logout_redirect_uri: BYE },
      { logout_hint: 'alice' },
    ]) {
      expectAsked(await ask(parameters));
      await expectSignedIn();
    }
  });

  it('when the hint is of another person', async () => {
    const bobs = provider.browser();
    const other = await provider.redeem(await provider.code({}, bobs, 'bob'));
    expectAsked(await ask({ id_token_hint: hint(other), post_logout_redirect_uri: BYE }));
    await expectSignedIn();
    await expectSignedIn(bobs);
  });

  it('when the hint is of another session of the same person', async () => {
    const elsewhere = provider.browser();
    const other = await provider.redeem(await provider.code({}, elsewhere));
    expectAsked(await ask({ id_token_hint: hint(other), post_logout_redirect_uri: BYE }));
    await expectSignedIn();
    await expectSignedIn(elsewhere);
  });

  it('when the hint names no session', async () => {
    const { sub, exp, iat } = claimsIn(given, 'id_token');
    const own = provider.app.get(OwnTokens, { strict: false });
    const old = await own.sign('JWT', { iss: ISSUER, sub, exp, iat, aud: 'web_app' }, 'RS256');
    expectAsked(await ask({ id_token_hint: old }));
    await expectSignedIn();
  });

  it('when the public name of a person comes from an application that knows another one', async () => {
    const { sub, sid, exp, iat } = claimsIn(given, 'id_token');
    const own = provider.app.get(OwnTokens, { strict: false });
    const claims = { iss: ISSUER, sub, sid, exp, iat, aud: 'pairwise_app' };
    expectAsked(await ask({ id_token_hint: await own.sign('JWT', claims, 'RS256') }));
    await expectSignedIn();
  });

  it('by a form that another site made up', async () => {
    await ask({});
    const { fields } = browser.form();
    const stolen = { ...fields, choice: 'sign-out' };
    // Without the token it is a request like any other, which asks.
    const visit = await browser.send(`${ISSUER}${PATH}`, { choice: 'sign-out' });
    expect(visit.status).toBe(303);
    expectAsked(await browser.open(visit.location ?? ''));
    for (const token of ['', 'x', String(fields['form_token']).slice(1)]) {
      const made = await browser.send(`${ISSUER}${PATH}`, { ...stolen, form_token: token });
      expect(made.status).toBe(token === '' ? 303 : 400);
      await expectSignedIn();
    }
    // What was shown at one browser is nothing at another.
    const victim = provider.browser();
    await provider.code({}, victim, 'bob');
    expect((await victim.send(`${ISSUER}${PATH}`, stolen)).status).toBe(400);
    await expectSignedIn(victim);
  });

  it('by a form that was made for something else, or an hour ago', async () => {
    await browser.open(`${ISSUER}/account`);
    const { fields } = browser.form();
    const other = await browser.send(`${ISSUER}${PATH}`, { ...fields, choice: 'sign-out' });
    expect(other.status).toBe(400);
    await expectSignedIn();
    await ask({});
    const old = { ...browser.form().fields, choice: 'sign-out' };
    provider.clock.advance(60 * 60_000);
    expect((await browser.send(`${ISSUER}${PATH}`, old)).status).toBe(400);
    await expectSignedIn();
  });

  it.each(['PUT', 'DELETE', 'PATCH'])('by %s', async (method) => {
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await provider.send(`${PATH}?${encode({ id_token_hint: hint() })}`, {
      method,
      headers: { cookie },
    });
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('GET, HEAD, POST');
    await expectSignedIn();
  });
});

describe('Who is asked', () => {
  it('may stay', async () => {
    await ask({ client_id: 'web_app', post_logout_redirect_uri: BYE });
    const { result: visit, records } = await provider.recorded(() =>
      browser.post({ choice: 'stay' }),
    );
    expect({ status: visit.status, location: visit.location?.href }).toEqual({
      status: 303,
      location: `${ISSUER}/account`,
    });
    expect(records).toEqual([]);
    await expectSignedIn();
  });

  it('may sign out, and goes where the application said', async () => {
    const page = await ask({ client_id: 'web_app', post_logout_redirect_uri: BYE, state: 'a b&c' });
    expect(page.text).toContain('Web application');
    expect(page.headers['content-security-policy']).toContain(
      "form-action 'self' https://app.example;",
    );
    await expectLeft(() => browser.post({ choice: 'sign-out' }), `${BYE}?state=a+b%26c`);
  });

  it('stays here after signing out when there is nowhere to go', async () => {
    await ask({});
    const { result: visit, records } = await provider.recorded(() =>
      browser.post({ choice: 'sign-out' }),
    );
    expect({ status: visit.status, location: visit.location }).toEqual({ status: 200 });
    expect(visit.text).toContain('id="sign-in"');
    expect(eventsOf(records)).toEqual(['session_end granted']);
    await expectSignedOut();
  });

  it('goes nowhere else when the way back was changed in the form', async () => {
    for (const back of ['https://evil.example', '', 'x']) {
      await ask({ client_id: 'web_app', post_logout_redirect_uri: BYE });
      const visit = await browser.post({ choice: 'sign-out', back });
      expect({ status: visit.status, location: visit.location }).toEqual({ status: 200 });
      expect(visit.text).not.toContain('evil');
      await provider.code({}, browser);
    }
  });

  it('is asked in their own language', async () => {
    const visit = await ask({ ui_locales: 'xx de' });
    expect(visit.headers['content-language']).toBe('de');
  });
});

describe('With an ID token of the session that is open, it ends at once', () => {
  it('and the browser goes back, with the state', async () => {
    const parameters = { id_token_hint: hint(), post_logout_redirect_uri: BYE, state: 'st-1' };
    await expectLeft(() => ask(parameters), `${BYE}?state=st-1`);
  });

  it('and the browser goes back without a state that nobody sent, to exactly what is registered', async () => {
    await expectLeft(
      () => ask({ id_token_hint: hint(), client_id: 'web_app', post_logout_redirect_uri: BYE }),
      BYE,
    );
  });

  it('and a query of the registered address is kept', async () => {
    const address = 'https://portal.example/bye?from=idp';
    const parameters = {
      id_token_hint: hint(await redeemed('portal')),
      post_logout_redirect_uri: address,
      state: 's/1',
    };
    await expectLeft(() => ask(parameters), `${address}&state=s%2F1`);
  });

  it('when the application posts, too: it comes again with GET', async () => {
    const parameters = { id_token_hint: hint(), post_logout_redirect_uri: BYE, state: 'st-2' };
    const visit = await browser.send(`${ISSUER}${PATH}`, parameters);
    expect(visit.status).toBe(303);
    expect(visit.location?.pathname).toBe(PATH);
    expect(visit.headers['set-cookie'] ?? []).toEqual([]);
    await expectSignedIn();
    await expectLeft(() => browser.send(visit.location ?? ''), `${BYE}?state=st-2`);
  });

  it('also when the ID token has expired long ago', async () => {
    provider.clock.advance(90 * 60_000);
    const parameters = { id_token_hint: hint(), post_logout_redirect_uri: BYE };
    await expectLeft(() => ask(parameters), BYE);
  });

  it('also when the application knows the person by a name of its own', async () => {
    const answer = await redeemed('pairwise_app');
    const parameters = { id_token_hint: hint(answer), post_logout_redirect_uri: BYE };
    await expectLeft(() => ask(parameters), BYE);
  });

  it('and a page says so when there is nowhere to go', async () => {
    const visit = await ask({ id_token_hint: hint() });
    expect({ status: visit.status, location: visit.location }).toEqual({ status: 200 });
    expect(visit.text).toContain('id="sign-in"');
    await expectSignedOut();
  });

  it('and the record tells whose session it was, and why it ended', async () => {
    const { sub, sid } = claimsIn(given, 'id_token');
    const { records } = await provider.recorded(() => ask({ id_token_hint: hint() }));
    expect(records).toEqual([
      expect.objectContaining({
        event: 'session_end',
        outcome: 'granted',
        subject: { iss: ISSUER, sub },
        sid,
        operation: { name: 'sign-out' },
      }),
    ]);
    expect(JSON.stringify(records)).not.toMatch(/eyJ/);
  });
});

/** Lets one call of the store that revokes fail. */
function failing(call: 'first' | 'second'): { readonly mockRestore: () => void } {
  const store = provider.authorizations;
  const revokeAll = store.revokeAll.bind(store);
  const spied = jest.spyOn(store, 'revokeAll');
  if (call === 'second') spied.mockImplementationOnce(revokeAll);
  return spied.mockRejectedValueOnce(new Error('no connection'));
}

describe('What fails on the way leaves nothing half done', () => {
  it('when what was allowed cannot be revoked: the session goes on until it can', async () => {
    await ask({});
    const spied = failing('first');
    const { result: visit, records } = await provider.recorded(() =>
      browser.post({ choice: 'sign-out' }),
    );
    spied.mockRestore();
    expect(visit.status).toBe(503);
    expect(records).toEqual([]);
    await expectSignedIn();
    await ask({});
    await browser.post({ choice: 'sign-out' });
    await expectSignedOut();
    provider.clock.advance(1_000);
    await expectAllDead(provider, given);
  });

  it('when it cannot be revoked a second time: the session has ended, on record', async () => {
    await ask({});
    const spied = failing('second');
    const { result: visit, records } = await provider.recorded(() =>
      browser.post({ choice: 'sign-out' }),
    );
    spied.mockRestore();
    expect(visit.status).toBe(503);
    expect(eventsOf(records)).toEqual(['session_end granted']);
    await expectSignedOut();
    provider.clock.advance(1_000);
    await expectAllDead(provider, given);
  });

  it('when the record cannot be written: all has ended, and the applications are told', async () => {
    const send = jest.spyOn(provider.app.get(LogoutNotices, { strict: false }), 'send');
    await ask({});
    const visit = await provider.withoutRecord('session_end', () =>
      browser.post({ choice: 'sign-out' }),
    );
    expect(visit.status).toBe(503);
    expect(send.mock.calls.map(([{ sid }]) => sid)).toEqual([textClaim(given, 'id_token', 'sid')]);
    send.mockRestore();
    await expectSignedOut();
    provider.clock.advance(1_000);
    await expectAllDead(provider, given);
  });
});

describe('Once a session has ended', () => {
  it('its cookie is dead on the server, whoever kept a copy', async () => {
    const copy = provider.browser();
    for (const [name, value] of browser.cookies) copy.cookies.set(name, value);
    await expectSignedIn(copy);
    await ask({ id_token_hint: hint() });
    await expectSignedOut(copy);
    const silent = await copy.send(provider.authorizeUrl({ prompt: 'none' }));
    expect(silent.location?.searchParams.get('error')).toBe('login_required');
  });

  it('what it gave is dead, and what other sessions gave is not', async () => {
    const elsewhere = provider.browser();
    const other = await provider.redeem(await provider.code({}, elsewhere));
    await ask({ id_token_hint: hint() });
    provider.clock.advance(1_000);
    await expectAllDead(provider, given);
    expect((await provider.refresh(other.body['refresh_token'])).status).toBe(200);
    await expectSignedIn(elsewhere);
  });

  it('signing out again leads straight on, and leaves no record', async () => {
    await ask({ id_token_hint: hint() });
    const { result: visits, records } = await provider.recorded(async () => [
      await ask({ id_token_hint: hint(), post_logout_redirect_uri: BYE, state: 'again' }),
      await ask({ client_id: 'web_app', post_logout_redirect_uri: BYE }),
      await ask({}),
    ]);
    expect(visits.map(({ status, location }) => [status, location?.href])).toEqual([
      [303, `${BYE}?state=again`],
      [303, BYE],
      [200, undefined],
    ]);
    expect(records).toEqual([]);
  });
});
