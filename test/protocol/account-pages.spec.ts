import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';

import { GrantType } from '../../src/oauth/grant-type.js';
import { hashOpaqueSecret } from '../../src/oauth/opaque-secret.js';
import { OPENID_SCOPES } from '../../src/oauth/openid.js';
import type { TextBrowser, Visit } from '../support/browser.js';
import type { Answer } from '../support/protocol.js';
import {
  CALLBACK,
  eventsOf,
  ISSUER,
  PASSWORDS,
  Provider,
  type PersonName,
} from '../support/provider.js';
import { expectAllDead } from '../support/refusals.js';

type Fields = Readonly<Record<string, string>>;

const SESSION = '__Host-nte_session';
const MINUTE = 60_000;
/** Every form of the account pages, with what it takes. */
const FORMS: readonly (readonly [string, Fields])[] = [
  ['/account/sessions/end', { sid: 'x' }],
  ['/account/sign-out-everywhere', {}],
  ['/account/sign-out', {}],
  ['/account/applications/withdraw', { client_id: 'web_app' }],
  [
    '/account/password',
    {
      'current-password': PASSWORDS.alice,
      'new-password': 'twelve-small-horses-run-far',
      'repeat-password': 'twelve-small-horses-run-far',
    },
  ],
];

let provider: Provider;

beforeAll(async () => {
  provider = await Provider.start();
  await provider.client({
    clientId: 'letters',
    name: 'Letters',
    kind: 'public',
    grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
    scopes: [...OPENID_SCOPES, 'address:read'],
    targets: ['my_gateway'],
    defaultTarget: 'my_gateway',
    signIn: { redirectUris: [CALLBACK], consentRequired: false },
  });
});

afterAll(() => provider.stop());

/** Nobody is signed in, and nobody has agreed to anything. */
beforeEach(async () => {
  for (const name of ['alice', 'bob'] as const) {
    const accountId = await idOf(name);
    await provider.sessions.endAll(accountId);
    await provider.consents.deleteAll(accountId);
    await provider.authorizations.revokeAll({ accountId }, provider.clock.now());
  }
  provider.clock.advance(2 * MINUTE);
});

async function idOf(name: PersonName): Promise<string> {
  return (await provider.account(name)).accountId;
}

/** A browser that shows somebody their account. */
async function signedIn(name: PersonName = 'alice', password?: string): Promise<TextBrowser> {
  const browser = provider.browser();
  await browser.open('/sign-in');
  const page = await browser.submit({ username: name, password: password ?? PASSWORDS[name] });
  expect({ status: page.status, path: page.url.pathname }).toEqual({
    status: 200,
    path: '/account',
  });
  return browser;
}

/** The same, in which `web_app` or another application got tokens. */
async function withTokens(
  name: PersonName = 'alice',
  asked: Fields = {},
): Promise<{ readonly browser: TextBrowser; readonly tokens: Answer }> {
  const browser = await signedIn(name);
  const code = await provider.code(asked, browser, name);
  const { client_id } = asked;
  const tokens = await provider.redeem(code, client_id === undefined ? {} : { client_id });
  if (tokens.status !== 200) throw new Error(tokens.text);
  await browser.open('/account');
  return { browser, tokens };
}

async function isIn(browser: TextBrowser): Promise<boolean> {
  return (await browser.open('/account')).url.pathname === '/account';
}

async function sidIn(browser: TextBrowser): Promise<string> {
  const secret = browser.cookies.get(SESSION) ?? '';
  const session = await provider.sessions.findBySecretHash(hashOpaqueSecret(secret));
  if (!session) throw new Error('no session');
  return session.sid;
}

/** Sends the form of the page that goes to this path and holds this. */
async function submit(browser: TextBrowser, action: string, holds: Fields = {}): Promise<Visit> {
  for (let index = 0; ; index += 1) {
    const form = browser.form(index);
    if (
      form.action === action &&
      Object.entries(holds).every(([name, value]) => form.fields[name] === value)
    )
      return browser.submit({}, index);
  }
}

/** The chains that a page tells, newest first, each with how it ended. */
function chainsIn({ text }: Visit): readonly string[] {
  return [
    ...text.matchAll(
      /<li class="row activity activity-(\w+)">[\s\S]*?<ol class="chain">([\s\S]*?)<\/ol>/g,
    ),
  ].map(([, outcome, chain = '']) => {
    const names = [...chain.matchAll(/<bdi>(.*?)<\/bdi>/g)].map(([, name]) => name);
    return `${outcome}: ${names.join(' → ')}`;
  });
}

/** Everything of alice that a form could change. */
async function state(): Promise<unknown> {
  const accountId = await idOf('alice');
  return {
    account: await provider.account('alice'),
    sessions: await provider.sessions.list(accountId, 100),
    consents: await provider.consents.list(accountId),
    authorizations: await provider.authorizations.list(accountId, 100),
  };
}

function expectRefused(visit: Visit, words: string): void {
  expect({ status: visit.status, location: visit.location }).toEqual({ status: 400 });
  expect(visit.text).toContain(words);
  expect(visit.headers['set-cookie']).toBeUndefined();
}

describe('An account is for whoever is signed in to it', () => {
  it.each(['/account', '/account?before=1', '/account/password'])(
    'so that %s leads everybody else to the sign-in page',
    async (path) => {
      const browser = provider.browser();
      for (const secret of [undefined, 'x', 'A'.repeat(43)]) {
        if (secret !== undefined) browser.cookies.set(SESSION, secret);
        const visit = await browser.send(path);
        expect({ status: visit.status, text: visit.text }).toEqual({ status: 303, text: '' });
        expect(visit.headers.location).toBe('/sign-in');
        expect(visit.headers['cache-control']).toBe('no-store');
      }
    },
  );

  it.each(FORMS)('and %s changes nothing for them', async (path, fields) => {
    const { browser } = await withTokens();
    const { form_token = '' } = browser.form().fields;
    const before = await state();
    const stranger = provider.browser();
    const { result: visit, records } = await provider.recorded(() =>
      stranger.send(path, { form_token, ...fields }),
    );
    expect({ status: visit.status, location: visit.headers.location }).toEqual({
      status: 303,
      location: '/sign-in',
    });
    expect(records).toEqual([]);
    expect(await state()).toEqual(before);
  });

  it('and nothing of it is kept by a cache, framed, or run', async () => {
    const browser = await signedIn();
    for (const path of ['/account', '/account/password']) {
      const { headers } = await browser.open(path);
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
        'content-security-policy':
          "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
      });
    }
  });
});

describe('A form that was not shown to this person at this browser changes nothing', () => {
  it.each(FORMS)('at %s', async (path, fields) => {
    const { browser } = await withTokens();
    const same = await signedIn();
    const bobs = await signedIn('bob');
    await browser.open('/account');
    const account = browser.form().fields['form_token'] ?? '';
    await browser.open('/account/password');
    const password = browser.form().fields['form_token'] ?? '';
    const own = path === '/account/password' ? password : account;
    const form = path === '/account/password' ? path : '/account';
    await same.open(form);
    await bobs.open(form);
    const before = await state();
    for (const token of [
      '',
      'x',
      path === '/account/password' ? account : password,
      same.form().fields['form_token'] ?? '',
      bobs.form().fields['form_token'] ?? '',
      own.slice(1),
      `${own.slice(0, 40)}${own[40] === 'A' ? 'B' : 'A'}${own.slice(41)}`,
    ]) {
      const { result: visit, records } = await provider.recorded(() =>
        browser.send(path, { ...fields, form_token: token }),
      );
      expectRefused(visit, 'This page has expired');
      expect(records).toEqual([]);
    }
    expect(await state()).toEqual(before);
    provider.clock.advance(60 * MINUTE);
    expectRefused(
      await browser.send(path, { ...fields, form_token: own }),
      'This page has expired',
    );
    expect(await isIn(browser)).toBe(true);
  });

  it('nor one of the session before, of whoever was signed in at this browser', async () => {
    const browser = await signedIn('bob');
    const old = browser.form().fields['form_token'] ?? '';
    await browser.open(provider.authorizeUrl({ prompt: 'login' }));
    await browser.submit({ username: 'alice', password: PASSWORDS.alice });
    const visit = await browser.send('/account/sign-out-everywhere', { form_token: old });
    expectRefused(visit, 'This page has expired');
    expect(await isIn(browser)).toBe(true);
  });

  it.each(['/account/sessions/end', '/account/applications/withdraw'])(
    'nor does one at %s that does not say what',
    async (path) => {
      const browser = await signedIn();
      const { form_token = '' } = browser.form().fields;
      const { result: visit, records } = await provider.recorded(() =>
        browser.send(path, { form_token }),
      );
      expectRefused(visit, 'This request cannot be used');
      expect(records).toEqual([]);
    },
  );
});

describe('A person sees where they are signed in, and ends it', () => {
  it('each browser once, with the one that they look at marked', async () => {
    const browser = await signedIn();
    await signedIn();
    const page = await browser.open('/account');
    expect(page.text.match(/Firefox · Linux/g)?.length).toBe(3);
    expect(page.text.match(/This device/g)?.length).toBe(1);
    expect(page.text).toContain('127.0.0.1');
    expect(page.text).not.toContain(await sidIn(browser));
  });

  it('one of them, with what was allowed in it, and with a record', async () => {
    const { browser: lost, tokens } = await withTokens();
    const sid = await sidIn(lost);
    const browser = await signedIn();
    const { result: page, records } = await provider.recorded(() =>
      submit(browser, '/account/sessions/end', { sid }),
    );
    expect(page.url.pathname).toBe('/account');
    expect(page.text).toContain('The device was signed out.');
    expect(eventsOf(records)).toEqual(['session_end granted']);
    expect(records[0]).toMatchObject({
      subject: { iss: ISSUER, sub: await idOf('alice') },
      sid,
      operation: { name: 'session-ended' },
    });
    expect(await isIn(lost)).toBe(false);
    expect(await isIn(browser)).toBe(true);
    await expectAllDead(provider, tokens);
  });

  it('but not what was to outlive it', async () => {
    const { browser: lost, tokens } = await withTokens('alice', {
      scope: 'openid address:read offline_access',
    });
    const sid = await sidIn(lost);
    await submit(await signedIn(), '/account/sessions/end', { sid });
    expect(await isIn(lost)).toBe(false);
    expect((await provider.refresh(tokens.body['refresh_token'])).status).toBe(200);
  });

  it('never one of somebody else, whose name they may know', async () => {
    const bobs = await signedIn('bob');
    const browser = await signedIn();
    const { form_token = '' } = browser.form().fields;
    for (const sid of [await sidIn(bobs), await idOf('bob'), 'x', '*', '__proto__']) {
      const { records } = await provider.recorded(() =>
        browser.send('/account/sessions/end', { form_token, sid }),
      );
      expect(records).toEqual([]);
    }
    expect(await isIn(bobs)).toBe(true);
    expect(await isIn(browser)).toBe(true);
  });

  it('the one that they look at, which takes the cookie with it', async () => {
    const browser = await signedIn();
    const { form_token = '' } = browser.form().fields;
    const sid = await sidIn(browser);
    const visit = await browser.send('/account/sessions/end', { form_token, sid });
    expect(visit.headers['set-cookie']).toEqual([
      '__Host-nte_session=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0',
    ]);
    expect(visit.headers.location).toBe('/connect/endsession');
    expect(await isIn(browser)).toBe(false);
  });

  it('this one, by signing out', async () => {
    const browser = await signedIn();
    const other = await signedIn();
    const sid = await sidIn(browser);
    const { result: page, records } = await provider.recorded(() =>
      submit(browser, '/account/sign-out'),
    );
    expect(page.text).toContain('You are signed out');
    expect(eventsOf(records)).toEqual(['session_end granted']);
    expect(records[0]).toMatchObject({ sid, operation: { name: 'sign-out' } });
    expect(browser.cookies.has(SESSION)).toBe(false);
    expect(await isIn(other)).toBe(true);
  });

  it('all of them at once, and nobody else’s', async () => {
    const bobs = await signedIn('bob');
    const { browser: lost, tokens } = await withTokens();
    const browser = await signedIn();
    const sids = [await sidIn(lost), await sidIn(browser)];
    const { result: page, records } = await provider.recorded(() =>
      submit(browser, '/account/sign-out-everywhere'),
    );
    expect(page.text).toContain('You are signed out');
    expect(eventsOf(records)).toEqual(['session_end granted', 'session_end granted']);
    expect(new Set(records.map(({ sid }) => sid))).toEqual(new Set(sids));
    for (const { operation } of records) expect(operation).toEqual({ name: 'sign-out-everywhere' });
    expect([await isIn(lost), await isIn(browser), await isIn(bobs)]).toEqual([false, false, true]);
    await expectAllDead(provider, tokens);
  });
});

describe('What an end before could not revoke', () => {
  it('is revoked when the person signs out everywhere', async () => {
    const { browser: lost, tokens } = await withTokens();
    await provider.sessions.end(await sidIn(lost));
    const browser = await signedIn();
    await submit(browser, '/account/sign-out-everywhere');
    provider.clock.advance(1_000);
    await expectAllDead(provider, tokens);
  });
});

describe('A person sees which applications have access, and takes it back', () => {
  it('those that they agreed to, and those of the company that are in use', async () => {
    const browser = await signedIn();
    expect((await browser.open('/account')).text).toContain(
      'No application has access to your account.',
    );
    await provider.code({}, browser);
    await provider.code({ client_id: 'letters', scope: 'openid offline_access' }, browser);
    const page = await browser.open('/account');
    expect(page.text).toContain('<bdi>Web application</bdi>');
    expect(page.text).toContain('<bdi>Letters</bdi>');
    expect(page.text.match(/Also while you are away/g)?.length).toBe(1);
    const bobs = await signedIn('bob');
    expect((await bobs.open('/account')).text).toContain('No application has access');
  });

  it('also those that were used long before a hundred other sign-ins', async () => {
    const { browser } = await withTokens('alice', {
      client_id: 'letters',
      scope: 'openid offline_access',
    });
    const asked = { client_id: 'web_app', scope: 'openid' };
    await provider.code(asked, browser);
    for (let count = 0; count < 100; count += 1) {
      provider.clock.advance(1);
      await browser.send(provider.authorizeUrl({ ...asked, prompt: 'none' }));
    }
    const { text } = await browser.open('/account');
    expect(text).toContain('<bdi>Letters</bdi>');
    expect(text.match(/Also while you are away/g)?.length).toBe(1);
  });

  it.each([
    ['the consent cannot be deleted', () => jest.spyOn(provider.consents, 'delete'), false],
    ['it cannot be recorded', () => undefined, true],
  ])('and its tokens are dead also when %s', async (_, failing, isWithdrawn) => {
    const { browser, tokens } = await withTokens();
    const spied = failing()?.mockRejectedValueOnce(new Error('no connection'));
    const withdraw = (): Promise<Visit> =>
      submit(browser, '/account/applications/withdraw', { client_id: 'web_app' });
    const visit = await (spied ? withdraw() : provider.withoutRecord('consent', withdraw));
    spied?.mockRestore();
    expect(visit.status).toBe(503);
    provider.clock.advance(1_000);
    await expectAllDead(provider, tokens);
    const consent = await provider.consents.find(await idOf('alice'), 'web_app');
    expect(consent === null).toBe(isWithdrawn);
  });

  it('with its refresh tokens, and its access tokens for whoever holds them, at once', async () => {
    const { tokens: bobs } = await withTokens('bob');
    const { browser, tokens } = await withTokens('alice', {
      scope: 'openid address:read offline_access',
    });
    const { tokens: others } = await withTokens('alice', { client_id: 'letters' });
    const { result: page, records } = await provider.recorded(() =>
      submit(browser, '/account/applications/withdraw', { client_id: 'web_app' }),
    );
    expect(page.text).toContain('The access was withdrawn.');
    expect(page.text).not.toContain('Withdraw access<span class="visually-hidden">: <bdi>Web');
    expect(eventsOf(records)).toEqual(['consent granted']);
    expect(records[0]).toMatchObject({
      client: { clientId: 'web_app' },
      subject: { iss: ISSUER, sub: await idOf('alice') },
      sid: await sidIn(browser),
      operation: { name: 'consent-withdrawn' },
    });
    await expectAllDead(provider, tokens);
    expect((await provider.exchange(bobs.body['access_token'])).status).toBe(200);
    expect((await provider.exchange(others.body['access_token'])).status).toBe(200);
    const asked = await browser.open(provider.authorizeUrl());
    expect(asked.url.pathname).toBe('/consent');
  });

  it('within a second where its access token was used a moment ago', async () => {
    const { browser, tokens } = await withTokens();
    const exchanged = await provider.exchange(tokens.body['access_token']);
    expect(exchanged.status).toBe(200);
    await submit(browser, '/account/applications/withdraw', { client_id: 'web_app' });
    provider.clock.advance(1_000);
    await expectAllDead(provider, tokens);
    const further = await provider.token(
      {
        grant_type: GrantType.TokenExchange,
        subject_token: String(exchanged.body['access_token']),
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        audience: 'postal_service',
      },
      'address_service',
    );
    expect(further.status).toBe(400);
    expect(provider.records.at(-1)?.reason).toBe('token_party_disabled');
  });

  it('and a code that was not redeemed yet is none any more', async () => {
    const browser = await signedIn();
    const code = await provider.code({}, browser);
    await browser.open('/account');
    await submit(browser, '/account/applications/withdraw', { client_id: 'web_app' });
    const { result: answer, records } = await provider.recorded(() => provider.redeem(code));
    expect(answer.body['error']).toBe('invalid_grant');
    expect(eventsOf(records)).toEqual(['grant authorization_revoked']);
  });

  it('and what they never agreed to is on no record by its name', async () => {
    const { browser, tokens } = await withTokens();
    const { form_token = '' } = browser.form().fields;
    for (const client_id of ['letters', 'nobody', 'canary-5d41402a', '*', '__proto__']) {
      const { records } = await provider.recorded(() =>
        browser.send('/account/applications/withdraw', { form_token, client_id }),
      );
      expect(eventsOf(records)).toEqual(['consent granted']);
      expect(records[0]).not.toHaveProperty('client');
      expect(JSON.stringify(records)).not.toContain('canary');
    }
    expect((await provider.exchange(tokens.body['access_token'])).status).toBe(200);
  });
});

describe('A person sees who acted for them', () => {
  it('as chains, newest first, from the application on, and which were refused', async () => {
    const { browser, tokens } = await withTokens();
    const first = await provider.exchange(tokens.body['access_token']);
    await provider.token(
      {
        grant_type: GrantType.TokenExchange,
        subject_token: String(first.body['access_token']),
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        audience: 'postal_service',
      },
      'address_service',
    );
    const refused = await provider.exchange(tokens.body['access_token'], {
      audience: 'postal_service',
    });
    expect(refused.status).toBe(400);
    const page = await browser.open('/account');
    expect(chainsIn(page).slice(0, 3)).toEqual([
      'refused: Web application → API gateway',
      'granted: Web application → API gateway → Address service',
      'granted: Web application → API gateway',
    ]);
    expect(page.text).toContain('<bdi>Address service</bdi>');
  });

  it('a page at a time, each attempt once', async () => {
    const { browser, tokens } = await withTokens('bob');
    for (let count = 0; count < 22; count += 1)
      await provider.exchange(tokens.body['access_token'], {
        audience: count % 5 === 0 ? 'nobody' : 'address_service',
      });
    const first = await browser.open('/account');
    expect(chainsIn(first)).toHaveLength(20);
    const next = /id="next" href="([^"]+)"/.exec(first.text)?.[1] ?? '';
    expect(next).toMatch(/^\/account\?before=\d+$/);
    const second = await browser.open(next);
    expect(second.text).not.toContain('id="next"');
    const all = [...chainsIn(first), ...chainsIn(second)];
    expect(all).toHaveLength(
      provider.records.filter(
        ({ grantType, subject }) =>
          grantType === GrantType.TokenExchange && subject?.sub.startsWith('00000001'),
      ).length,
    );
    expect(all.slice(0, 22).filter((chain) => chain.startsWith('refused'))).toHaveLength(5);
  });

  it('and never what was done for somebody else, wherever a page begins', async () => {
    const alices = await signedIn();
    const own = chainsIn(await alices.open('/account'));
    const { tokens } = await withTokens('bob');
    for (let count = 0; count < 3; count += 1) await provider.exchange(tokens.body['access_token']);
    expect(chainsIn(await alices.open('/account'))).toEqual(own);
    const seen = new Set<string>();
    for (const before of ['1', '0', '10', '999999999999999999'])
      for (const chain of chainsIn(await alices.open(`/account?before=${before}`))) seen.add(chain);
    expect([...seen].every((chain) => own.includes(chain))).toBe(true);
  });

  it.each(['x', '-1', '1e3', '0x1', '9'.repeat(40), "1' OR '1'='1", '', ' 1', '١'])(
    'and a page that begins before %j is the first one',
    async (before) => {
      const browser = await signedIn();
      const first = chainsIn(await browser.open('/account'));
      const page = await browser.open(`/account?before=${encodeURIComponent(before)}`);
      expect(page.status).toBe(200);
      expect(chainsIn(page)).toEqual(first);
    },
  );

  it('and a page says only what has been done', async () => {
    const browser = await signedIn();
    for (const done of ['canary-5d41', '<b>', 'constructor']) {
      const page = await browser.open(`/account?done=${encodeURIComponent(done)}`);
      expect(page.status).toBe(200);
      expect(page.text).not.toContain('role="status"');
    }
    expect((await browser.open('/account?done=x&done=y')).status).toBe(400);
  });
});

describe('A person changes their password', () => {
  const NEW = 'twelve-small-horses-run-far';

  it('not without the one they have, nor to one that is not fit', async () => {
    const browser = await signedIn();
    const other = await signedIn();
    const before = await provider.account('alice');
    await browser.open('/account/password');
    for (const [current, next, repeated, status, words, event] of [
      ['wrong', NEW, NEW, 403, 'current password is not', 'authentication password_wrong'],
      ['', NEW, NEW, 403, 'current password is not', 'authentication password_wrong'],
      [PASSWORDS.alice, 'short', 'short', 400, 'too short', undefined],
      [PASSWORDS.alice, '', '', 400, 'too short', undefined],
      [PASSWORDS.alice, 'password12345678', 'password12345678', 400, 'too easy', undefined],
      [PASSWORDS.alice, PASSWORDS.alice, PASSWORDS.alice, 400, 'the same as', undefined],
      [PASSWORDS.alice, NEW, `${NEW}!`, 400, 'are different', undefined],
    ] as const) {
      const { result: page, records } = await provider.recorded(() =>
        browser.submit({
          'current-password': current,
          'new-password': next,
          'repeat-password': repeated,
        }),
      );
      expect({ status: page.status, path: page.url.pathname }).toEqual({
        status,
        path: '/account/password',
      });
      expect(page.text).toContain(words);
      expect(page.text).not.toContain(`value="${NEW}"`);
      expect(eventsOf(records)).toEqual(
        event === undefined
          ? ['authentication granted', 'account_change password_not_acceptable']
          : [event],
      );
      expect(JSON.stringify(records)).not.toContain(NEW);
    }
    expect(await provider.account('alice')).toEqual(before);
    expect(await isIn(other)).toBe(true);
  });

  it('and guessing the one they have becomes slow, with Retry-After', async () => {
    const bobs = await signedIn('bob');
    await bobs.open('/account/password');
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 6; attempt += 1)
      statuses.push((await bobs.submit({ 'current-password': 'wrong' })).status);
    expect(statuses).toEqual([403, 403, 403, 403, 403, 429]);
    expect(bobs.last?.headers['retry-after']).toBe('1');
    provider.clock.advance(60 * MINUTE);
  });

  it('and whoever has the old one is out, also when the change cannot be recorded', async () => {
    const hash = (await provider.account('bob')).password;
    const { browser: lost, tokens } = await withTokens('bob');
    const browser = await signedIn('bob');
    await browser.open('/account/password');
    const page = await provider.withoutRecord('account_change', () =>
      browser.submit({
        'current-password': PASSWORDS.bob,
        'new-password': NEW,
        'repeat-password': NEW,
      }),
    );
    expect(page.status).toBe(503);
    expect(await isIn(lost)).toBe(false);
    expect(await isIn(browser)).toBe(true);
    provider.clock.advance(1_000);
    await expectAllDead(provider, tokens);
    await provider.changeAccount('bob', { password: hash });
  });

  it('and what was to outlive other sessions ends with them', async () => {
    const hash = (await provider.account('bob')).password;
    const asked = { scope: 'openid address:read offline_access' };
    const { tokens } = await withTokens('bob', asked);
    const { browser, tokens: kept } = await withTokens('bob', asked);
    await browser.open('/account/password');
    await browser.submit({
      'current-password': PASSWORDS.bob,
      'new-password': NEW,
      'repeat-password': NEW,
    });
    provider.clock.advance(1_000);
    await expectAllDead(provider, tokens);
    expect((await provider.refresh(kept.body['refresh_token'])).status).toBe(200);
    await provider.changeAccount('bob', { password: hash });
  });

  it('and is out everywhere else, and here under another secret', async () => {
    const { browser: lost, tokens } = await withTokens();
    const { browser, tokens: kept } = await withTokens();
    const [sid, lostSid] = [await sidIn(browser), await sidIn(lost)];
    const old = browser.cookies.get(SESSION) ?? '';
    await browser.open('/account/password');
    const { result: page, records } = await provider.recorded(() =>
      browser.submit({
        'current-password': PASSWORDS.alice,
        'new-password': NEW,
        'repeat-password': NEW,
      }),
    );
    expect(page.url.pathname).toBe('/account');
    expect(page.text).toContain('Your password was changed. All other devices were signed out.');
    expect(eventsOf(records)).toEqual([
      'authentication granted',
      'account_change granted',
      'session_end granted',
    ]);
    const subject = { iss: ISSUER, sub: await idOf('alice') };
    expect(records).toMatchObject([
      { subject },
      { subject, operation: { name: 'password-changed' } },
      { subject, sid: lostSid, operation: { name: 'password-changed' } },
    ]);
    expect(await isIn(lost)).toBe(false);
    expect(await sidIn(browser)).toBe(sid);
    const thief = provider.browser();
    thief.cookies.set(SESSION, old);
    expect(await isIn(thief)).toBe(false);
    expect(await isIn(browser)).toBe(true);
    await expectAllDead(provider, tokens);
    expect((await provider.refresh(kept.body['refresh_token'])).status).toBe(200);

    const stale = provider.browser();
    await stale.open('/sign-in');
    const refused = await stale.submit({ username: 'alice', password: PASSWORDS.alice });
    expect(refused.status).toBe(403);
    expect(await isIn(await signedIn('alice', NEW))).toBe(true);
  });
});
