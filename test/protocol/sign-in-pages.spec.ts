import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { newAccount, type Account } from '../../src/accounts/account.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { hashOpaqueSecret } from '../../src/oauth/opaque-secret.js';
import { OPENID_SCOPES } from '../../src/oauth/openid.js';
import type { TextBrowser, Visit } from '../support/browser.js';
import {
  CALLBACK,
  claimsIn,
  eventsOf,
  ISSUER,
  PASSWORDS,
  Provider,
  type PersonName,
} from '../support/provider.js';

type Asked = NonNullable<Parameters<Provider['authorizeUrl']>[0]>;

const SESSION = '__Host-nte_session';
const BROWSER = '__Host-nte_browser';
const MINUTE = 60_000;
const ADMIN_API = `${ISSUER}/api/admin`;
/** What would run if a page did not escape it, in each place where a page could put it. */
const CANARY = `"><img src=x onerror=alert(1)>'<script>alert(1)</script>{{1}}<%= 1 %>`;

let provider: Provider;

beforeAll(async () => {
  provider = await Provider.start({
    tokens: {
      ownTargets: [
        {
          identifier: ADMIN_API,
          offeredScopes: ['admin:read', 'admin:write'],
          scopesOfRoles: {
            administrator: ['admin:read', 'admin:write'],
            auditor: ['admin:read'],
          },
        },
      ],
    },
  });
});

afterAll(() => provider.stop());

let accounts = 0;

/** A person besides those of the story, with the password of alice unless something else is said. */
async function person(username: string, account: Partial<Account> = {}): Promise<Account> {
  accounts += 1;
  const { password } = await provider.account('alice');
  const made = newAccount({
    accountId: `10000000-0000-4000-8000-${String(accounts).padStart(12, '0')}`,
    username,
    password,
    ...account,
  });
  await provider.accounts.create(made);
  return made;
}

let applications = 0;

/** An application besides those of the story. @returns its id */
async function application(
  client: Partial<Parameters<Provider['client']>[0]> = {},
): Promise<string> {
  applications += 1;
  const clientId = `app_${applications}`;
  await provider.client({
    clientId,
    kind: 'public',
    grantTypes: [GrantType.AuthorizationCode],
    scopes: [...OPENID_SCOPES, 'address:read', 'address:write'],
    targets: ['my_gateway'],
    defaultTarget: 'my_gateway',
    ...client,
    signIn: { redirectUris: [CALLBACK], ...client.signIn },
  });
  return clientId;
}

/** A browser in which somebody has signed in to their own account. */
async function signedIn(
  username = 'alice',
  password: string = PASSWORDS.alice,
): Promise<TextBrowser> {
  const browser = provider.browser();
  await browser.open('/sign-in');
  const visit = await browser.submit({ username, password });
  if (visit.url.pathname !== '/account') throw new Error(`not signed in: ${visit.text}`);
  return browser;
}

function enter(browser: TextBrowser, name: PersonName): Promise<Visit> {
  return browser.submit({ username: name, password: PASSWORDS[name] });
}

async function idOf(name: PersonName): Promise<string> {
  return (await provider.account(name)).accountId;
}

async function sidsOf(name: PersonName): Promise<readonly string[]> {
  return (await provider.sessions.list(await idOf(name), 100)).map(({ sid }) => sid);
}

/** The name of the session whose secret this browser has. */
async function sidIn(browser: TextBrowser): Promise<string | undefined> {
  const secret = browser.cookies.get(SESSION) ?? '';
  return (await provider.sessions.findBySecretHash(hashOpaqueSecret(secret)))?.sid;
}

/** Whose account this browser shows; undefined when nobody is signed in. */
async function whoIsIn(browser: TextBrowser): Promise<string | undefined> {
  const { text, url } = await browser.open('/account');
  return url.pathname === '/account' ? /<dd><bdi>([^<]*)<\/bdi><\/dd>/.exec(text)?.[1] : undefined;
}

function answerOf(visit: Visit): Readonly<Record<string, string>> {
  return Object.fromEntries(visit.location?.searchParams ?? []);
}

function expectSignInPage(visit: Visit, status = 200): void {
  expect({ status: visit.status, path: visit.url.pathname }).toEqual({ status, path: '/sign-in' });
  expect(visit.text).toContain('id="password"');
}

function expectConsentPage(visit: Visit): void {
  expect({ status: visit.status, path: visit.url.pathname }).toEqual({
    status: 200,
    path: '/consent',
  });
  expect(visit.text).toContain('id="allow"');
}

function expectCode(visit: Visit): void {
  expect(answerOf(visit)).toEqual({ code: expect.any(String), state: 'state-1', iss: ISSUER });
}

function expectTold(visit: Visit, error: string): void {
  expect(visit.location?.href.startsWith(`${CALLBACK}?`)).toBe(true);
  expect(answerOf(visit)).toEqual({
    error,
    error_description: expect.any(String),
    state: 'state-1',
    iss: ISSUER,
  });
}

/** A page that says that what was begun is over; it leads nowhere and signs nobody in. */
function expectExpired(visit: Visit): void {
  expect({ status: visit.status, location: visit.location }).toEqual({ status: 400 });
  expect(visit.text).toContain('This page has expired');
  expect(visit.headers['set-cookie'] ?? []).not.toContainEqual(expect.stringContaining(SESSION));
}

/** A page without what is sealed in it, which is another each time. */
function unsealed({ text }: Visit, username: string): string {
  return text
    .replaceAll(/(name="(?:form_token|request)" value=")[^"]*/g, '$1')
    .replaceAll(username, '');
}

/** The same text with its character at a place changed. */
function flipped(text: string, at: number): string {
  return `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
}

describe('A sign-in that is refused tells nobody why', () => {
  beforeAll(async () => {
    await person('disab', { disabled: true });
    await person('nopwd', { password: null });
  });

  it.each([
    ['nobdy', PASSWORDS.alice, 'account_unknown'],
    ['disab', PASSWORDS.alice, 'account_disabled'],
    ['disab', 'wrong-password-here', 'password_wrong'],
    ['nopwd', PASSWORDS.alice, 'account_without_password'],
    ['nopwd', '', 'account_without_password'],
    ['alice', PASSWORDS.bob, 'password_wrong'],
    ['alice', '', 'password_wrong'],
    ['alice', PASSWORDS.alice.toUpperCase(), 'password_wrong'],
    ['alice', `${PASSWORDS.alice} `, 'password_wrong'],
    ['alice', `${PASSWORDS.alice}\0`, 'password_wrong'],
    ['alice', 'x'.repeat(5_000), 'password_wrong'],
  ])('to %s with %j: the same page for %s', async (username, password, reason) => {
    const reference = provider.browser();
    await reference.open(provider.authorizeUrl());
    const expected = await reference.submit({ username: 'wrong', password: 'wrong' });
    const browser = provider.browser();
    await browser.open(provider.authorizeUrl());
    const { result: page, records } = await provider.recorded(() =>
      browser.submit({ username, password }),
    );
    expect({ status: page.status, text: unsealed(page, username) }).toEqual({
      status: 403,
      text: unsealed(expected, 'wrong'),
    });
    const { date: _, ...headers } = page.headers;
    expect(headers).toEqual({ ...expected.headers, date: undefined });
    const account = await provider.accounts.findByUsername(username);
    expect(records).toEqual([
      {
        id: expect.any(String),
        schema: 1,
        time: provider.clock.now(),
        event: 'authentication',
        outcome: 'refused',
        reason,
        error: 'access_denied',
        requestId: expect.any(String),
        address: '127.0.0.1',
        ...(account ? { subject: { iss: ISSUER, sub: account.accountId } } : {}),
      },
    ]);
    expect(browser.cookies.has(SESSION)).toBe(false);
    provider.clock.advance(60 * MINUTE);
  });

  it.each(['', ' ', 'alice\0', ' alice', 'alice ', '__proto__', '%', 'x'.repeat(5_000), CANARY])(
    'and the username %j is nobody’s, escaped where it is shown again, and on no record',
    async (username) => {
      const browser = provider.browser();
      await browser.open('/sign-in');
      const { result: page, records } = await provider.recorded(() =>
        browser.submit({ username, password: PASSWORDS.alice }),
      );
      expectSignInPage(page, 403);
      expect(page.text).not.toMatch(/<img src=x|<script/);
      expect(browser.form().fields['username']).toBe(username);
      expect(eventsOf(records)).toEqual(['authentication account_unknown']);
      expect(records[0]).not.toHaveProperty('subject');
      if (username.trim().length > 3) expect(JSON.stringify(records)).not.toContain(username);
    },
  );

  it('but a person may write the own name in another case or width', async () => {
    for (const username of ['ALICE', 'ａｌｉｃｅ']) {
      expect(await whoIsIn(await signedIn(username))).toBe('alice');
    }
  });

  it('and a password is in no page, no address and no record', async () => {
    const browser = provider.browser();
    await browser.open(provider.authorizeUrl());
    const page = await browser.submit({ username: 'alice', password: 'canary-password-5d41' });
    expect(page.text).not.toContain('canary-password');
    expect(page.url.href).not.toContain('canary-password');
    expect(JSON.stringify(provider.records)).not.toContain('canary-password');
  });

  it('and a password in the address is refused and goes nowhere', async () => {
    const browser = provider.browser();
    const page = await browser.open('/sign-in?username=alice&password=canary-password-5d41');
    expect(page.status).toBe(400);
    expect(page.text).not.toContain('canary-password');
  });
});

describe('Guessing passwords becomes slower and slower', () => {
  let guessed: Provider;

  beforeAll(async () => {
    guessed = await Provider.start();
  });

  afterAll(() => guessed.stop());

  it('by the same delays whether or not there is such an account, with 429 and Retry-After', async () => {
    const seen: Record<string, unknown> = {};
    for (const username of ['alice', 'nobdy']) {
      const browser = guessed.browser();
      await browser.open(guessed.authorizeUrl());
      const answers: string[] = [];
      for (let attempt = 0; attempt < 12; attempt += 1) {
        const { result: page, records } = await guessed.recorded(() =>
          browser.submit({ username, password: 'wrong' }),
        );
        const wait = page.headers['retry-after'];
        answers.push(
          `${page.status} ${wait ?? '-'} ${records.map(({ reason }) => reason === 'too_many_requests').join()}`,
        );
        if (wait !== undefined) guessed.clock.advance(Number(wait) * 1000);
      }
      seen[username] = answers;
    }
    const free = Array.from({ length: 5 }, () => '403 - false');
    const delays = ['429 1 true', '403 - false', '429 2 true', '403 - false', '429 4 true'];
    const expected = [...free, ...delays, '403 - false', '429 8 true'];
    expect(seen).toEqual({ alice: expected, nobdy: expected });
  });

  it('also for the right password, and not a moment longer', async () => {
    const browser = guessed.browser();
    await browser.open(guessed.authorizeUrl());
    for (let attempt = 0; attempt < 5; attempt += 1)
      await browser.submit({ username: 'bob', password: 'wrong' });
    const { result: early, records } = await guessed.recorded(() => enter(browser, 'bob'));
    expectSignInPage(early, 429);
    expect(early.headers['retry-after']).toBe('1');
    expect(early.text).toContain('Please wait <bdi>1 second</bdi>');
    expect(eventsOf(records)).toEqual(['authentication too_many_requests']);
    expect(records[0]).not.toHaveProperty('subject');
    guessed.clock.advance(999);
    expectSignInPage(await enter(browser, 'bob'), 429);
    guessed.clock.advance(1);
    expectConsentPage(await enter(browser, 'bob'));
    const again = guessed.browser();
    await again.open('/sign-in');
    expectSignInPage(await again.submit({ username: 'bob', password: 'wrong' }), 403);
  });
});

async function shown(): Promise<{ readonly browser: TextBrowser; readonly token: string }> {
  const browser = provider.browser();
  await browser.open('/sign-in');
  return { browser, token: browser.form().fields['form_token'] ?? '' };
}

async function expectStale(browser: TextBrowser, token: string): Promise<void> {
  const { result: page, records } = await provider.recorded(() =>
    browser.submit({ form_token: token, username: 'alice', password: PASSWORDS.alice }),
  );
  expectSignInPage(page, 400);
  expect(page.text).toContain('This page was open for too long');
  expect(eventsOf(records)).toEqual(['authentication form_stale']);
  expect(records[0]).not.toHaveProperty('subject');
  expect(browser.cookies.has(SESSION)).toBe(false);
}

describe('A form that was not shown to this browser signs nobody in', () => {
  it('when its token is missing, made up, or cut', async () => {
    const { browser, token } = await shown();
    for (const other of ['', 'x', 'null', token.slice(1), token.slice(0, -1), `${token}A`])
      await expectStale(browser, other);
    await expectStale(browser, token.repeat(100));
  });

  it('when any character of its token is another', async () => {
    const { browser, token } = await shown();
    for (let at = 0; at < token.length; at += 7) await expectStale(browser, flipped(token, at));
  });

  it('when its token is of another browser, which is how to sign somebody in as somebody else', async () => {
    const { token } = await shown();
    await expectStale((await shown()).browser, token);
  });

  it('when its browser has lost its name, or brings two', async () => {
    const { browser, token } = await shown();
    const name = browser.cookies.get(BROWSER) ?? '';
    browser.cookies.delete(BROWSER);
    await expectStale(browser, token);
    const again = await shown();
    again.browser.cookies.set(BROWSER, `${name}; ${BROWSER}=${name}`);
    await expectStale(again.browser, token);
  });

  it('when its token is of another form', async () => {
    const browser = await signedIn();
    const form = browser.form().fields['form_token'] ?? '';
    await browser.open('/account/password');
    const password = browser.form().fields['form_token'] ?? '';
    browser.cookies.delete(SESSION);
    await browser.open('/sign-in');
    await expectStale(browser, form);
    await expectStale(browser, password);
  });

  it('when it was looked at for an hour; and the one that is shown instead works', async () => {
    const { browser, token } = await shown();
    provider.clock.advance(60 * MINUTE);
    await expectStale(browser, token);
    expect((await enter(browser, 'alice')).url.pathname).toBe('/account');
  });

  it('when a field comes twice', async () => {
    const { browser, token } = await shown();
    const { result: answer, records } = await provider.recorded(() =>
      provider.send('/sign-in', {
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          cookie: `${BROWSER}=${browser.cookies.get(BROWSER)}`,
        },
        body: `form_token=${token}&username=bob&username=alice&password=${PASSWORDS.alice}`,
      }),
    );
    expect(answer.status).toBe(400);
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(records).toEqual([]);
  });
});

describe('A session is never one that somebody else put there', () => {
  it('because a secret that the browser brought is not taken over', async () => {
    const browser = provider.browser();
    const planted = randomBytes(32).toString('base64url');
    browser.cookies.set(SESSION, planted);
    await browser.open('/sign-in');
    await enter(browser, 'alice');
    expect(browser.cookies.get(SESSION)).toMatch(/^[\w-]{43}$/);
    expect(browser.cookies.get(SESSION)).not.toBe(planted);
    const thief = provider.browser();
    thief.cookies.set(SESSION, planted);
    expect(await whoIsIn(thief)).toBeUndefined();
  });

  it('because who signs in as somebody else ends the session that was open', async () => {
    const bobs = await signedIn('bob', PASSWORDS.bob);
    const bobsSecret = bobs.cookies.get(SESSION) ?? '';
    const bobsSid = await sidIn(bobs);
    const alices = provider.browser();
    alices.cookies.set(SESSION, bobsSecret);
    await alices.open(provider.authorizeUrl({ prompt: 'login' }));
    const { records } = await provider.recorded(() => enter(alices, 'alice'));
    expect(eventsOf(records)).toEqual([
      'authentication granted',
      'session_end granted',
      'session_start granted',
    ]);
    expect(records[1]).toMatchObject({
      subject: { iss: ISSUER, sub: await idOf('bob') },
      sid: bobsSid,
      operation: { name: 'replaced' },
    });
    expect(records[2]).toMatchObject({
      subject: { iss: ISSUER, sub: await idOf('alice') },
      authentication: { acr: '1', amr: ['pwd'] },
    });
    expect(records[2]?.sid).not.toBe(bobsSid);
    expect(alices.cookies.get(SESSION)).not.toBe(bobsSecret);
    expect(await whoIsIn(alices)).toBe('alice');
    expect(await whoIsIn(bobs)).toBeUndefined();
  });

  it('because who signs in again goes on under another secret, and the old one is dead', async () => {
    const browser = await signedIn();
    const before = await sidsOf('alice');
    const old = browser.cookies.get(SESSION) ?? '';
    await browser.open(provider.authorizeUrl({ prompt: 'login' }));
    const { records } = await provider.recorded(() => enter(browser, 'alice'));
    expect(eventsOf(records)).toEqual(['authentication granted']);
    expect(await sidsOf('alice')).toEqual(before);
    expect(browser.cookies.get(SESSION)).not.toBe(old);
    const thief = provider.browser();
    thief.cookies.set(SESSION, old);
    expect(await whoIsIn(thief)).toBeUndefined();
    expect(await whoIsIn(browser)).toBe('alice');
  });

  it.each(['changed', 'cut', 'doubled', 'quoted'])(
    'and a secret that is %s is none',
    async (how) => {
      const browser = await signedIn();
      const secret = browser.cookies.get(SESSION) ?? '';
      const other = {
        changed: flipped(secret, 20),
        cut: secret.slice(1),
        doubled: `${secret}; ${SESSION}=${secret}`,
        quoted: `"${secret}"`,
      }[how];
      browser.cookies.set(SESSION, other ?? '');
      expect(await whoIsIn(browser)).toBeUndefined();
    },
  );

  it('and its name alone, which tokens tell, opens nothing', async () => {
    const browser = await signedIn();
    const sid = (await sidIn(browser)) ?? '';
    for (const value of [sid, sid.padEnd(43, '-')]) {
      browser.cookies.set(SESSION, value);
      expect(await whoIsIn(browser)).toBeUndefined();
    }
  });

  it('and it is over after two hours without its person, or half a day', async () => {
    const browser = await signedIn();
    provider.clock.advance(2 * 60 * MINUTE - 1);
    expect(await whoIsIn(browser)).toBe('alice');
    for (let hours = 2; hours < 11; hours += 1) {
      provider.clock.advance(60 * MINUTE);
      expect(await whoIsIn(browser)).toBe('alice');
    }
    provider.clock.advance(60 * MINUTE);
    expect(await whoIsIn(browser)).toBe('alice');
    provider.clock.advance(1);
    expect(await whoIsIn(browser)).toBeUndefined();
    const idle = await signedIn();
    provider.clock.advance(2 * 60 * MINUTE);
    expect(await whoIsIn(idle)).toBeUndefined();
  });

  it('and it is over at once when its account is disabled', async () => {
    const browser = await signedIn('bob', PASSWORDS.bob);
    await provider.changeAccount('bob', { disabled: true });
    expect(await whoIsIn(browser)).toBeUndefined();
    await provider.changeAccount('bob', { disabled: false });
  });
});

function cookiesOf({ headers }: Visit): readonly string[] {
  return headers['set-cookie'] ?? [];
}

describe('Cookies are kept from scripts, other sites and other hosts', () => {
  it('with __Host-, Secure, HttpOnly, SameSite=Lax and no domain at an https issuer', async () => {
    const browser = provider.browser();
    expect(cookiesOf(await browser.send(provider.authorizeUrl()))).toEqual([
      expect.stringMatching(
        /^__Host-nte_browser=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
      ),
    ]);
    expect(cookiesOf(await browser.open(browser.last?.location ?? ''))).toEqual([]);
    const visit = await browser.post({ username: 'alice', password: PASSWORDS.alice });
    expect(cookiesOf(visit)).toEqual([
      expect.stringMatching(
        /^__Host-nte_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
      ),
    ]);
  });

  it('and without what plain http on loopback cannot have', async () => {
    const local = await Provider.start({ issuer: 'http://localhost:3000' });
    const browser = local.browser();
    expect(cookiesOf(await browser.send('/sign-in'))).toEqual([
      expect.stringMatching(/^nte_browser=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/),
    ]);
    const visit = await browser.post({ username: 'alice', password: PASSWORDS.alice });
    expect(cookiesOf(visit)).toEqual([
      expect.stringMatching(/^nte_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/),
    ]);
    await local.stop();
  });
});

async function waiting(asked: Asked = {}): Promise<{
  readonly browser: TextBrowser;
  readonly sealed: string;
}> {
  const browser = provider.browser();
  await browser.open(provider.authorizeUrl(asked));
  return { browser, sealed: browser.last?.url.searchParams.get('request') ?? '' };
}

describe('A request that waits for a person belongs to the browser that brought it', () => {
  it.each(['/sign-in', '/consent', '/select-account'])(
    'so that another browser can do nothing with it at %s',
    async (path) => {
      const { sealed } = await waiting();
      const { result: other, records } = await provider.recorded(async () => {
        const browser = await signedIn();
        expectExpired(await browser.open(`${path}?request=${sealed}`));
        return browser;
      });
      expect(eventsOf(records)).toEqual(['authentication granted', 'session_start granted']);
      await other.open('/account');
      const form = { form_token: other.form().fields['form_token'] ?? '', request: sealed };
      const sent = { ...form, decision: 'allow', username: 'alice', password: PASSWORDS.alice };
      const after = await provider.recorded(() => other.send(path, sent));
      expectExpired(after.result);
      expect(after.records).toEqual([]);
    },
  );

  it('and nothing of it can be changed or cut', async () => {
    const { browser, sealed } = await waiting();
    for (let at = 0; at < sealed.length; at += 41)
      expectExpired(await browser.open(`/sign-in?request=${flipped(sealed, at)}`));
    for (const other of [sealed.slice(1), sealed.slice(0, -1), `${sealed}A`, 'x', '%00'])
      expectExpired(await browser.open(`/sign-in?request=${other}`));
  });

  it('and what was sealed for something else is none', async () => {
    const { browser } = await waiting();
    const token = browser.form().fields['form_token'] ?? '';
    expectExpired(await browser.open(`/consent?request=${token}`));
    expect((await browser.open('/consent')).status).toBe(400);
    expect((await browser.open('/select-account')).status).toBe(400);
  });

  it('and after an hour it is over, wherever the person is', async () => {
    const { browser, sealed } = await waiting();
    await enter(browser, 'alice');
    provider.clock.advance(60 * MINUTE);
    expectExpired(await browser.submit({ decision: 'allow' }));
    expectExpired(await browser.open(`/sign-in?request=${sealed}`));
  });

  it('and everything is asked of it again at each step', async () => {
    const clientId = await application();
    const { browser } = await waiting({ client_id: clientId });
    await provider.change(clientId, { disabled: true });
    const { result: page, records } = await provider.recorded(() => enter(browser, 'alice'));
    expect({ status: page.status, location: page.location }).toEqual({ status: 400 });
    expect(page.text).toContain('We do not know this application');
    expect(eventsOf(records)).toEqual(['authorization client_disabled']);

    const another = await application();
    const second = await waiting({ client_id: another });
    expectConsentPage(await enter(second.browser, 'alice'));
    const { signIn } = (await provider.clients.find(another)) ?? {};
    if (!signIn) throw new Error('no client');
    await provider.change(another, {
      signIn: { ...signIn, redirectUris: ['https://elsewhere.example/'] },
    });
    const late = await provider.recorded(() => second.browser.submit({ decision: 'allow' }));
    expect({ status: late.result.status, location: late.result.location }).toEqual({ status: 400 });
    expect(eventsOf(late.records)).toEqual(['authorization redirect_uri_not_registered']);
  });

  it('and nobody gets past a page by asking for the next one', async () => {
    const { browser, sealed } = await waiting({ prompt: 'login' });
    for (const path of ['/consent', '/select-account'])
      expectSignInPage(await browser.open(`${path}?request=${sealed}`));
    const alices = await signedIn();
    const page = await alices.open(provider.authorizeUrl({ prompt: 'login' }));
    const request = page.url.searchParams.get('request') ?? '';
    for (const path of ['/consent', '/select-account'])
      expectSignInPage(await alices.open(`${path}?request=${request}`));
    const answer = await alices.send('/consent', { request, decision: 'allow' });
    expectSignInPage(await alices.open(answer.location ?? ''));
  });

  it('and two tabs do not get into each other’s way', async () => {
    const browser = provider.browser();
    const first = await browser.open(provider.authorizeUrl({ state: 'first' }));
    await browser.open(provider.authorizeUrl({ state: 'second' }));
    await enter(browser, 'alice');
    const second = await browser.submit({ decision: 'allow' });
    expect(answerOf(second)).toMatchObject({ state: 'second', code: expect.any(String) });
    browser.last = first;
    const sidsBefore = await sidsOf('alice');
    const late = await enter(browser, 'alice');
    expect(answerOf(late)).toMatchObject({ state: 'first', code: expect.any(String) });
    expect(await sidsOf('alice')).toEqual(sidsBefore);
    await provider.consents.delete(await idOf('alice'), 'web_app');
  });
});

async function idToken(visit: Visit): Promise<Readonly<Record<string, unknown>>> {
  const tokens = await provider.redeem(String(visit.location?.searchParams.get('code')));
  return claimsIn(tokens, 'id_token');
}

async function idTokenOf(name: PersonName): Promise<string> {
  const tokens = await provider.redeem(await provider.code({}, provider.browser(), name));
  return String(tokens.body['id_token']);
}

describe('Who is signed in is asked again when the application wants to be sure', () => {
  let alices: TextBrowser;

  beforeAll(async () => {
    alices = await signedIn();
    await provider.authorize(alices);
  });

  function open(asked: Asked): Promise<Visit> {
    return alices.open(provider.authorizeUrl(asked));
  }

  it('with prompt=login, and the ID token says when that was', async () => {
    const asked = await open({ prompt: 'login' });
    expectSignInPage(asked);
    expect(asked.text).toContain('Please sign in again to confirm that it is you.');
    expect(alices.form().fields['username']).toBe('alice');
    provider.clock.advance(MINUTE);
    const visit = await enter(alices, 'alice');
    expectCode(visit);
    expect((await idToken(visit))['auth_time']).toBe(Math.floor(provider.clock.now() / 1000));
  });

  it('with max_age when it is longer ago, and not when it is not', async () => {
    provider.clock.advance(10 * MINUTE);
    expectCode(await open({ max_age: '600' }));
    expectSignInPage(await open({ max_age: '599' }));
    expectSignInPage(await open({ max_age: '0' }));
    expectTold(await open({ max_age: '599', prompt: 'none' }), 'login_required');
    expectTold(await open({ max_age: '0', prompt: 'none' }), 'login_required');
    await open({ max_age: '599' });
    const visit = await enter(alices, 'alice');
    expectCode(visit);
    expect((await idToken(visit))['auth_time']).toBe(Math.floor(provider.clock.now() / 1000));
    expectCode(await open({ max_age: '1' }));
    expectSignInPage(await open({ max_age: '0' }));
    expectCode(await enter(alices, 'alice'));
  });

  it('and once more when that was too long ago by the time they agree', async () => {
    const browser = provider.browser();
    const client_id = await application();
    const asking = async (asked: Asked): Promise<void> => {
      expectSignInPage(await ask(browser, { client_id, prompt: 'login', ...asked }));
      expectConsentPage(await enter(browser, 'alice'));
    };
    const allow = (): Promise<Visit> => browser.submit({ decision: 'allow' });
    await ask(browser, { client_id: 'web_app' });
    await enter(browser, 'alice');
    for (const [asked, minutes] of [
      [{ max_age: '60' }, 2],
      [{}, 10],
      [{ max_age: '0' }, 10],
    ] as const) {
      await asking(asked);
      provider.clock.advance(minutes * MINUTE);
      expectSignInPage(await allow());
    }
    await asking({ max_age: '60' });
    provider.clock.advance(MINUTE);
    expectCode(await allow());
    await asking({ prompt: 'login consent' });
    provider.clock.advance(10 * MINUTE - 1);
    expectCode(await allow());
  });

  it('with an id_token_hint of somebody else, and nobody but them will do', async () => {
    const bobs = await idTokenOf('bob');
    expectTold(await open({ id_token_hint: bobs, prompt: 'none' }), 'login_required');
    const page = await open({ id_token_hint: bobs });
    expectSignInPage(page);
    expect(page.text).not.toContain('Please sign in again');
    const { result: visit, records } = await provider.recorded(() => enter(alices, 'alice'));
    expectTold(visit, 'login_required');
    expect(eventsOf(records)).toEqual(['authentication granted', 'authorization login_required']);
    expect(records[1]).toMatchObject({
      client: { clientId: 'web_app' },
      subject: { sub: await idOf('alice') },
    });
    await open({ id_token_hint: bobs });
    const right = await enter(alices, 'bob');
    expectCode(right);
    expect((await idToken(right))['sub']).toBe(await idOf('bob'));
    alices = await signedIn();
  });

  it('with claims that ask for the subject somebody else', async () => {
    const claims = JSON.stringify({ id_token: { sub: { value: await idOf('bob') } } });
    expectTold(await open({ claims, prompt: 'none' }), 'login_required');
    expectSignInPage(await open({ claims }));
    const own = JSON.stringify({ id_token: { sub: { value: await idOf('alice') } } });
    expectCode(await open({ claims: own, prompt: 'none' }));
  });

  it('and not with an id_token_hint of their own, however old', async () => {
    const own = await idTokenOf('alice');
    provider.clock.advance(90 * MINUTE);
    expectCode(await open({ id_token_hint: own, prompt: 'none' }));
  });
});

async function silent(
  browser: TextBrowser,
  asked: Asked = {},
): Promise<{
  readonly visit: Visit;
  readonly events: readonly string[];
}> {
  const { result: visit, records } = await provider.recorded(() =>
    browser.send(provider.authorizeUrl({ prompt: 'none', ...asked })),
  );
  expect({ status: visit.status, text: visit.text }).toEqual({ status: 303, text: '' });
  return { visit, events: eventsOf(records) };
}

describe('An application that asks for no page gets none', () => {
  it('but login_required when nobody is signed in', async () => {
    const { visit, events } = await silent(provider.browser());
    expectTold(visit, 'login_required');
    expect(events).toEqual(['authorization login_required']);
  });

  it('but consent_required when the person did not agree, or to less', async () => {
    const clientId = await application();
    const browser = await signedIn();
    const { visit, events } = await silent(browser, { client_id: clientId });
    expectTold(visit, 'consent_required');
    expect(events).toEqual(['authorization consent_required']);
    await provider.authorize(browser, 'alice', { client_id: clientId });
    const more = { client_id: clientId, scope: 'openid address:read address:write' };
    expectTold((await silent(browser, more)).visit, 'consent_required');
  });

  it('but a code when they are signed in and agreed', async () => {
    const browser = await signedIn();
    await provider.authorize(browser);
    const { visit, events } = await silent(browser);
    expectCode(visit);
    expect(events).toEqual(['authorization granted']);
  });

  it('and access_denied when the person may do nothing of it', async () => {
    const clientId = await application({ scopes: ['admin:read'], targets: [ADMIN_API] });
    const asked = { client_id: clientId, scope: 'admin:read', resource: ADMIN_API };
    const { visit, events } = await silent(await signedIn(), asked);
    expectTold(visit, 'access_denied');
    expect(events).toEqual(['authorization scope_empty']);
  });
});

describe('A person may choose as whom to go on', () => {
  it('and goes on as who they are', async () => {
    const browser = await signedIn();
    await provider.authorize(browser);
    const page = await browser.open(provider.authorizeUrl({ prompt: 'select_account' }));
    expect(page.url.pathname).toBe('/select-account');
    expect(page.text).toContain('Alice Example');
    const { result: visit, records } = await provider.recorded(() =>
      browser.submit({ choice: 'continue' }),
    );
    expectCode(visit);
    expect(eventsOf(records)).toEqual(['authorization granted']);
  });

  it.each(['other', 'anything', ''])('or, with %j, as somebody else', async (choice) => {
    const browser = await signedIn();
    await browser.open(provider.authorizeUrl({ prompt: 'select_account' }));
    const page = await browser.submit({ choice });
    expectSignInPage(page);
    expect(page.text).not.toContain('Please sign in again');
    await enter(browser, 'bob');
    const visit = browser.last?.location
      ? browser.last
      : await browser.submit({ decision: 'allow' });
    expectCode(visit);
    expect(await whoIsIn(browser)).toBe('bob');
  });

  it('but not with a form of another browser, or without one', async () => {
    const browser = await signedIn();
    const other = await signedIn();
    await other.open(provider.authorizeUrl({ prompt: 'select_account' }));
    const token = other.form().fields['form_token'] ?? '';
    await browser.open(provider.authorizeUrl({ prompt: 'select_account' }));
    const page = browser.last;
    for (const form_token of [token, '']) {
      browser.last = page;
      const { result: visit, records } = await provider.recorded(() =>
        browser.submit({ form_token, choice: 'continue' }),
      );
      expectExpired(visit);
      expect(records).toEqual([]);
    }
  });

  it('and is not asked when they have just signed in for it', async () => {
    const browser = provider.browser();
    await browser.open(provider.authorizeUrl({ prompt: 'select_account' }));
    expectCode(await enter(browser, 'alice'));
  });
});

describe('The sign-in page speaks to its reader', () => {
  it('with the name that the application hints at, which does nothing but fill the field', async () => {
    const browser = provider.browser();
    const page = await browser.open(provider.authorizeUrl({ login_hint: CANARY }));
    expectSignInPage(page);
    expect(browser.form().fields['username']).toBe(CANARY);
    expect(page.text).not.toMatch(/<img src=x|<script/);
    expect((await enter(browser, 'alice')).status).toBe(303);
  });

  it.each([
    ['ui_locales', { ui_locales: 'xx de en' }, 'en', 'de', 'ltr'],
    ['ui_locales with a region', { ui_locales: 'ar-EG de' }, 'en', 'ar', 'rtl'],
    ['the browser', {}, 'fr;q=0.9, de-AT;q=0.8, en;q=0.1', 'de', 'ltr'],
    ['the weights of the browser', {}, 'en;q=0.1, ar;q=0.8, de;q=0', 'ar', 'rtl'],
    ['nobody that we know', { ui_locales: '../../etc <b> __proto__' }, 'tlh, *', 'en', 'ltr'],
  ] as const)('in the language of %s', async (_, asked, languages, language, direction) => {
    const page = await provider.browser({ languages }).open(provider.authorizeUrl(asked));
    expect(page.text).toContain(`<html lang="${language}" dir="${direction}">`);
    expect(page.headers['content-language']).toBe(language);
  });

  it('and in their own once it is known who they are', async () => {
    await person('heidi', { locale: 'de' });
    const browser = provider.browser({ languages: 'ar' });
    await browser.open(provider.authorizeUrl());
    const page = await browser.submit({ username: 'heidi', password: PASSWORDS.alice });
    expect(page.headers['content-language']).toBe('de');
  });
});

describe('Nothing that somebody wrote runs on a page', () => {
  it('be it the name of an application, a person, a service, or what a request brings', async () => {
    const target = 'service-of-canary';
    await provider.client({
      clientId: 'canary_service',
      name: CANARY,
      identifiers: [target],
      offeredScopes: ['canary"><b>:x'.replaceAll('"', '')],
    });
    const clientId = await application({ name: CANARY, targets: [target], defaultTarget: target });
    await person('mallory<b>', { name: CANARY, email: 'a"><b>@example.com' });
    const browser = provider.browser();
    const asked = { client_id: clientId, state: CANARY, nonce: CANARY, ui_locales: CANARY };
    const pages = [
      await browser.open(provider.authorizeUrl({ ...asked, prompt: 'select_account' })),
      await browser.submit({ username: 'mallory<b>', password: PASSWORDS.alice }),
      await browser.open('/account'),
      await browser.open('/account/password'),
      await browser.open(provider.authorizeUrl({ ...asked, prompt: 'select_account' })),
      await browser.open(provider.authorizeUrl({ ...asked, prompt: 'login' })),
      await browser.open('/connect/endsession'),
    ];
    const paths = ['/sign-in', '/consent', '/account', '/account/password'];
    expect(pages.map(({ url }) => url.pathname)).toEqual([
      ...paths,
      '/select-account',
      '/sign-in',
      '/connect/endsession',
    ]);
    for (const { text, status } of pages) {
      expect(status).toBe(200);
      expect(text).not.toMatch(/<img src=x|<script|<b>|<%|\son\w+="/);
    }
    for (const index of [0, 1, 2, 4]) expect(pages[index]?.text).toContain('&lt;img src=x');
  });
});

function ask(browser: TextBrowser, asked: Asked): Promise<Visit> {
  return browser.open(provider.authorizeUrl(asked));
}

async function agreed(clientId: string): Promise<unknown> {
  const consent = await provider.consents.find(await idOf('alice'), clientId);
  return consent && { scope: consent.scope, targets: consent.targets };
}

describe('An application gets what the person agreed to', () => {
  it('and reads in words what that is, for whom, where, and where it leads', async () => {
    const clientId = await application({
      name: 'Letters',
      grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
    });
    const browser = await signedIn();
    const page = await ask(browser, {
      client_id: clientId,
      scope: 'openid email offline_access address:read unknown',
      claims: '{"userinfo":{"name":null}}',
    });
    expectConsentPage(page);
    for (const words of [
      '<bdi>Letters</bdi> asks for access to your account',
      'Alice Example',
      'Confirm who you are',
      'See your email address',
      'See your name and your profile',
      '<code><bdi>address:read</bdi></code>',
      '<bdi>API gateway</bdi>',
      'Also while you are away',
      'Afterwards you go to <bdi>app.example</bdi>',
    ])
      expect(page.text).toContain(words);
    expect(page.text).not.toContain('unknown');
  });

  it('and refuses it: told with state and iss, two records, and nothing kept', async () => {
    const clientId = await application();
    const browser = await signedIn();
    await ask(browser, { client_id: clientId });
    const { result: visit, records } = await provider.recorded(() =>
      browser.submit({ decision: 'deny' }),
    );
    expectTold(visit, 'access_denied');
    const facts = {
      outcome: 'refused',
      reason: 'consent_refused',
      error: 'access_denied',
      client: { clientId },
      subject: { iss: ISSUER, sub: await idOf('alice') },
      sid: await sidIn(browser),
    };
    expect(records).toEqual([
      expect.objectContaining({
        ...facts,
        event: 'consent',
        requested: {
          scope: ['openid', 'address:read'],
          audience: ['my_gateway', `${ISSUER}/connect/userinfo`],
        },
      }),
      expect.objectContaining({ ...facts, event: 'authorization' }),
    ]);
    expect(await agreed(clientId)).toBeNull();
    expectConsentPage(await ask(browser, { client_id: clientId }));
  });

  it('and is not asked again for the same or less, but for more', async () => {
    const client_id = await application();
    const scope = 'openid address:read';
    const browser = await signedIn();
    await ask(browser, { client_id, scope });
    const { result: visit, records } = await provider.recorded(() =>
      browser.submit({ decision: 'allow' }),
    );
    expectCode(visit);
    expect(eventsOf(records)).toEqual(['consent granted', 'authorization granted']);
    expect(records[0]).toMatchObject({
      client: { clientId: client_id },
      requested: { scope: ['openid', 'address:read'] },
      subject: { sub: await idOf('alice') },
    });
    for (const less of [scope, 'openid', 'address:read']) {
      const again = await provider.recorded(() => ask(browser, { client_id, scope: less }));
      expectCode(again.result);
      expect(eventsOf(again.records)).toEqual(['authorization granted']);
    }
    expectConsentPage(await ask(browser, { client_id, scope: 'openid address:write' }));
    expectConsentPage(await ask(browser, { client_id, scope: 'openid profile' }));
    expectConsentPage(
      await ask(browser, { client_id, scope, claims: '{"id_token":{"email":null}}' }),
    );
    await ask(browser, { client_id, scope: 'openid address:write' });
    expectCode(await browser.submit({ decision: 'allow' }));
    expect(await agreed(client_id)).toEqual({
      scope: ['openid', 'address:read', 'address:write'],
      targets: ['my_gateway', `${ISSUER}/connect/userinfo`],
    });
    expectCode(await ask(browser, { client_id, scope: 'openid address:read address:write' }));
  });

  it('and is asked again for another service, another person or another application', async () => {
    const resource = 'https://api.example/gateway';
    const client_id = await application({ targets: ['my_gateway', resource] });
    const browser = await signedIn();
    await provider.authorize(browser, 'alice', { client_id });
    expectConsentPage(await ask(browser, { client_id, resource }));
    const bobs = await signedIn('bob', PASSWORDS.bob);
    expectConsentPage(await ask(bobs, { client_id }));
    expectConsentPage(await ask(browser, { client_id: await application() }));
  });

  it('and is asked again with prompt=consent, and what they say then counts', async () => {
    const client_id = await application();
    const browser = await signedIn();
    await provider.authorize(browser, 'alice', { client_id });
    expectConsentPage(await ask(browser, { client_id, prompt: 'consent' }));
    const { result: visit, records } = await provider.recorded(() =>
      browser.submit({ decision: 'allow' }),
    );
    expectCode(visit);
    expect(eventsOf(records)).toEqual(['consent granted', 'authorization granted']);
    await ask(browser, { client_id, prompt: 'consent' });
    expectTold(await browser.submit({ decision: 'deny' }), 'access_denied');
  });

  it('and is not asked for an application of the company, unless it wants that', async () => {
    const client_id = await application({ signIn: { consentRequired: false } });
    const browser = provider.browser();
    await ask(browser, { client_id });
    const { result: visit, records } = await provider.recorded(() => enter(browser, 'alice'));
    expectCode(visit);
    expect(eventsOf(records)).toEqual([
      'authentication granted',
      'session_start granted',
      'authorization granted',
    ]);
    expectConsentPage(await ask(browser, { client_id, prompt: 'consent' }));
  });

  it('and to nothing that is on no record: what they agreed to before counts', async () => {
    const client_id = await application();
    const browser = await signedIn();
    const allow = (): Promise<Visit> => browser.submit({ decision: 'allow' });
    await ask(browser, { client_id, scope: 'openid' });
    const visit = await provider.withoutRecord('consent', allow);
    expect({ status: visit.status, location: visit.location }).toEqual({ status: 503 });
    expect(await agreed(client_id)).toBeNull();
    await ask(browser, { client_id, scope: 'openid' });
    expectCode(await allow());
    const before = await agreed(client_id);
    await ask(browser, { client_id, scope: 'openid address:read' });
    expect((await provider.withoutRecord('consent', allow)).status).toBe(503);
    expect(await agreed(client_id)).toEqual(before);
    await ask(browser, { client_id, scope: 'openid address:read' });
    expectCode(await allow());
  });

  it.each([
    'http://127.0.0.1:5000/callback',
    'http://[::1]:5000/callback',
    'http://localhost:5000/callback',
    'com.example.app:/callback',
  ])(
    'and is asked each time when any program on their machine could wait at %s',
    async (redirectUri) => {
      const uris = { redirectUris: [redirectUri.replace('1:5000', '1'), CALLBACK] };
      const browser = await signedIn();
      for (const consentRequired of [true, false]) {
        const client_id = await application({ signIn: { ...uris, consentRequired } });
        const asked = { client_id, redirect_uri: redirectUri };
        for (let count = 0; count < 2; count += 1) {
          expectConsentPage(await ask(browser, asked));
          expectCode(await browser.submit({ decision: 'allow' }));
        }
        const silent = await ask(browser, { ...asked, prompt: 'none' });
        expect(silent.location?.href.startsWith(`${redirectUri}?`)).toBe(true);
        expect(answerOf(silent)).toMatchObject({ error: 'consent_required', state: 'state-1' });
        // Only https says that it is this application.
        expectCode(await ask(browser, { client_id, prompt: 'none' }));
        const secretive = await application({
          kind: 'confidential',
          signIn: { redirectUris: [redirectUri], consentRequired: false },
        });
        if (redirectUri.startsWith('http:'))
          expectCode(await ask(browser, { ...asked, client_id: secretive }));
      }
    },
  );

  it('but not each time at a page of this very server, which no other program is', async () => {
    const issuer = 'http://localhost:3000';
    const local = await Provider.start({ issuer });
    try {
      const signIn = {
        redirectUris: [`${issuer}/docs/oauth2-redirect.html`, 'http://localhost:3001/docs'],
        consentRequired: false,
      };
      await local.client({
        clientId: 'docs',
        kind: 'public',
        grantTypes: [GrantType.AuthorizationCode],
        scopes: ['openid'],
        signIn,
      });
      const browser = local.browser();
      const [own, other] = signIn.redirectUris.map((redirect_uri) => ({
        client_id: 'docs',
        scope: 'openid',
        redirect_uri,
      }));
      await local.signIn(browser, 'alice', own);
      expect(answerOf(await browser.send(local.authorizeUrl(own)))).toHaveProperty('code');
      expectConsentPage(await browser.open(local.authorizeUrl(other)));
    } finally {
      await local.stop();
    }
  });

  it('and knows them by a name of its own, though it answers on their machine as others do', async () => {
    const subjects: unknown[] = [];
    for (const redirect_uri of ['http://127.0.0.1:5000/callback', 'com.example.app:/callback']) {
      for (let count = 0; count < 2; count += 1) {
        const client_id = await application({
          signIn: { redirectUris: [redirect_uri], subjectType: 'pairwise' },
        });
        const code = await provider.code({ client_id, redirect_uri });
        const tokens = await provider.redeem(code, { client_id, redirect_uri });
        subjects.push(claimsIn(tokens, 'id_token')['sub']);
      }
    }
    expect(new Set(subjects).size).toBe(4);
  });

  it('and not by a token of the page of another application', async () => {
    const scope = 'openid';
    const elsewhere = 'https://elsewhere.example/callback';
    const trusted = await application();
    const other = await application({ signIn: { redirectUris: [CALLBACK, elsewhere] } });
    const browser = await signedIn();
    for (const shown of [
      { client_id: trusted, scope },
      { client_id: other, scope, redirect_uri: elsewhere },
    ]) {
      await ask(browser, shown);
      const { form_token = '' } = browser.form().fields;
      await ask(browser, { client_id: other, scope });
      const { result: page, records } = await provider.recorded(() =>
        browser.submit({ form_token, decision: 'allow' }),
      );
      expectConsentPage(page);
      expect(records).toEqual([]);
      expect(await agreed(other)).toBeNull();
    }
  });

  it('and a claim by name that it may not have never comes later, either', async () => {
    const client_id = await application({
      grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
      scopes: ['openid', 'offline_access', 'profile'],
    });
    const claims = '{"userinfo":{"email":null,"name":null},"id_token":{"email":null,"acr":null}}';
    const asked = { client_id, scope: 'openid offline_access', claims };
    const tokens = await provider.redeem(await provider.code(asked), { client_id });
    await provider.change(client_id, { scopes: ['openid', 'offline_access', 'profile', 'email'] });
    const later = await provider.refresh(tokens.body['refresh_token'], { client_id });
    expect(claimsIn(later, 'id_token')).not.toHaveProperty('email');
    expect((await provider.userInfo(later.body['access_token'])).body).toEqual({
      sub: await idOf('alice'),
      name: 'Alice Example',
    });
  });

  it('once: the pages that led to the code lead to no other one', async () => {
    const client_id = await application();
    const browser = provider.browser();
    const signInPage = await ask(browser, { client_id });
    const consentPage = await enter(browser, 'alice');
    expectConsentPage(consentPage);
    expectCode(await browser.submit({ decision: 'allow' }));
    // Somebody clicked twice: the browser goes by the last answer.
    browser.last = consentPage;
    expectCode(await browser.submit({ decision: 'allow' }));
    provider.clock.advance(5_000);
    for (const { url } of [signInPage, consentPage]) expectExpired(await browser.open(url));
    browser.last = consentPage;
    expectExpired(await browser.submit({ decision: 'allow' }));
    browser.last = signInPage;
    expectExpired(await enter(browser, 'alice'));
    expectCode(await ask(browser, { client_id }));
  });

  it('and nothing else: what changed since the page was shown is shown again', async () => {
    const client_id = await application();
    const scope = 'openid address:read address:write';
    const browser = await signedIn();
    await ask(browser, { client_id, scope });
    await provider.change(client_id, { scopes: ['openid', 'address:read'] });
    const { result: page, records } = await provider.recorded(() =>
      browser.submit({ decision: 'allow' }),
    );
    expect({ status: page.status, location: page.location }).toEqual({ status: 200 });
    expect(page.text).toContain('id="allow"');
    expect(page.text).not.toContain('address:write');
    expect(records).toEqual([]);
    expect(await agreed(client_id)).toBeNull();
    expectCode(await browser.submit({ decision: 'allow' }));
    expect(await agreed(client_id)).toMatchObject({ scope: ['openid', 'address:read'] });
  });

  it.each(['missing', 'of another browser', 'of another form', 'of another request', 'expired'])(
    'and a form whose token is %s agrees to nothing',
    async (how) => {
      const client_id = await application();
      const browser = await signedIn();
      const others = await signedIn();
      const sources: Readonly<Record<string, () => Promise<TextBrowser | undefined>>> = {
        missing: () => Promise.resolve(undefined),
        'of another browser': async () => {
          await ask(others, { client_id });
          return others;
        },
        'of another form': async () => {
          await browser.open('/account');
          return browser;
        },
        'of another request': async () => {
          await ask(browser, { client_id, scope: 'openid' });
          return browser;
        },
        expired: async () => {
          await ask(browser, { client_id });
          return browser;
        },
      };
      const token = (await sources[how]?.())?.form().fields['form_token'] ?? '';
      if (how === 'expired') provider.clock.advance(60 * MINUTE);
      await ask(browser, { client_id });
      for (const decision of ['allow', 'deny']) {
        const { result: page, records } = await provider.recorded(() =>
          browser.submit({ form_token: token, decision }),
        );
        expectConsentPage(page);
        expect(records).toEqual([]);
      }
      expect(await agreed(client_id)).toBeNull();
    },
  );

  it.each(['', 'ALLOW', 'allow ', 'yes', 'true'])(
    'and the decision %j is none',
    async (decision) => {
      const client_id = await application();
      const browser = await signedIn();
      await ask(browser, { client_id });
      const { result: page, records } = await provider.recorded(() => browser.submit({ decision }));
      expect({ status: page.status, location: page.location }).toEqual({ status: 400 });
      expect(records).toEqual([]);
      expect(await agreed(client_id)).toBeNull();
    },
  );

  it('and not after the session in which it was asked is over', async () => {
    const client_id = await application();
    const browser = await signedIn();
    await ask(browser, { client_id });
    await provider.sessions.endAll(await idOf('alice'));
    const { result: page, records } = await provider.recorded(() =>
      browser.submit({ decision: 'allow' }),
    );
    expectSignInPage(page);
    expect(records).toEqual([]);
    expect(await agreed(client_id)).toBeNull();
  });

  it('and not in the name of whoever signed in at the same browser meanwhile', async () => {
    const client_id = await application();
    const browser = await signedIn();
    const page = await ask(browser, { client_id });
    await ask(browser, { client_id, prompt: 'login' });
    await enter(browser, 'bob');
    browser.last = page;
    const { result: shown, records } = await provider.recorded(() =>
      browser.submit({ decision: 'allow' }),
    );
    expectConsentPage(shown);
    expect(shown.text).toContain('Bob Example');
    expect(records).toEqual([]);
    expect(await agreed(client_id)).toBeNull();
    expect(await provider.consents.find(await idOf('bob'), client_id)).toBeNull();
  });
});

describe('A person gets an application no more than their roles allow', () => {
  let clientId: string;

  beforeAll(async () => {
    clientId = await application({
      name: 'Documentation',
      scopes: [...OPENID_SCOPES, 'admin:read', 'admin:write'],
      targets: [ADMIN_API],
      defaultTarget: ADMIN_API,
    });
  });

  it('so that who has none is refused after signing in, and the application is told', async () => {
    const browser = provider.browser();
    await browser.open(
      provider.authorizeUrl({ client_id: clientId, scope: 'admin:read admin:write' }),
    );
    const { result: visit, records } = await provider.recorded(() => enter(browser, 'alice'));
    expectTold(visit, 'access_denied');
    expect(eventsOf(records)).toEqual([
      'authentication granted',
      'session_start granted',
      'authorization scope_empty',
    ]);
    expect(records[2]).toMatchObject({
      client: { clientId },
      subject: { sub: await idOf('alice') },
      requested: { scope: ['admin:read', 'admin:write'] },
    });
  });

  it('so that who has some is asked for those alone, and the token says no more', async () => {
    const { password } = await provider.account('alice');
    await person('auditor', { roles: ['auditor'], password });
    const browser = await signedIn('auditor');
    const asked = { client_id: clientId, scope: 'openid admin:read admin:write' };
    const page = await browser.open(provider.authorizeUrl(asked));
    expectConsentPage(page);
    expect(page.text).toContain('admin:read');
    expect(page.text).not.toContain('admin:write');
    const visit = await browser.submit({ decision: 'allow' });
    const tokens = await provider.redeem(String(visit.location?.searchParams.get('code')), {
      client_id: clientId,
    });
    expect(tokens.body['scope']).toBe('openid admin:read');
  });

  it('so that who may do everything gets it', async () => {
    const code = await provider.code(
      { client_id: clientId, scope: 'admin:read admin:write' },
      provider.browser(),
      'admin',
    );
    const tokens = await provider.redeem(code, { client_id: clientId });
    expect(claimsIn(tokens, 'access_token')).toMatchObject({
      aud: ADMIN_API,
      scope: 'admin:read admin:write',
    });
  });
});

/** Somebody whose password must be changed, at the page that asks for it. */
async function newcomer(
  username: string,
): Promise<{ readonly browser: TextBrowser; readonly account: Account }> {
  const { password } = await provider.account('alice');
  if (!password) throw new Error('no password');
  const account = await person(username, { password: { ...password, mustChange: true } });
  const browser = provider.browser();
  await browser.open(provider.authorizeUrl());
  const { result: page, records } = await provider.recorded(() =>
    browser.submit({ username, password: PASSWORDS.alice }),
  );
  expect({ status: page.status, location: page.location }).toEqual({ status: 200 });
  expect(page.text).toContain('Choose a new password');
  expect(eventsOf(records)).toEqual(['authentication granted']);
  expect(browser.cookies.has(SESSION)).toBe(false);
  return { browser, account };
}

function choose(
  browser: TextBrowser,
  next: string,
  { current, repeated = next }: { readonly current?: string; readonly repeated?: string } = {},
): Promise<Visit> {
  return browser.submit({
    'current-password': current ?? PASSWORDS.alice,
    'new-password': next,
    'repeat-password': repeated,
  });
}

describe('Whose password somebody else knows must choose another before anything else', () => {
  const NEW = 'twelve-small-horses-run-far';

  it('with the one they have, and one that is fit', async () => {
    const { browser } = await newcomer('nadia');
    for (const [next, options, events, status, words] of [
      [
        NEW,
        { current: 'wrong' },
        ['authentication password_wrong'],
        403,
        'current password is not',
      ],
      ['short', {}, 'unfit', 400, 'too short'],
      ['password-password-1', {}, 'unfit', 400, 'too easy to guess'],
      ['nadia-nadia-nadia-1', {}, 'unfit', 400, 'too easy to guess'],
      [`${NEW}	`, {}, 'unfit', 400, 'cannot be typed'],
      ['x1y2z3'.repeat(50), {}, 'unfit', 400, 'too long'],
      [PASSWORDS.alice, {}, 'unfit', 400, 'the same as the current'],
      [NEW, { repeated: `${NEW}!` }, 'unfit', 400, 'are different'],
      [NEW, { repeated: '' }, 'unfit', 400, 'are different'],
    ] as const) {
      const { result: page, records } = await provider.recorded(() =>
        choose(browser, next, options),
      );
      expect({ status: page.status, location: page.location }).toEqual({ status });
      expect(page.text).toContain(words);
      expect(eventsOf(records)).toEqual(
        events === 'unfit'
          ? ['authentication granted', 'account_change password_not_acceptable']
          : events,
      );
      expect(JSON.stringify(records)).not.toContain(next);
      expect(page.text).not.toContain(`value="${next}"`);
      expect(browser.cookies.has(SESSION)).toBe(false);
    }
  });

  it('and is then where they wanted to go, and nowhere else any more', async () => {
    const { browser, account } = await newcomer('nina');
    const { password } = await provider.account('alice');
    await provider.accounts.update({ ...account, password, version: 2 });
    const old = await signedIn('nina');
    await provider.accounts.update({ ...account, version: 3 });
    const { result: page, records } = await provider.recorded(() => choose(browser, NEW));
    expectConsentPage(page);
    expect(eventsOf(records)).toEqual([
      'authentication granted',
      'account_change granted',
      'session_end granted',
      'session_start granted',
    ]);
    for (const record of records)
      expect(record.subject).toEqual({ iss: ISSUER, sub: account.accountId });
    expect(records[1]?.operation).toEqual({ name: 'password-changed' });
    expect(records[2]?.operation).toEqual({ name: 'password-changed' });
    expect(await whoIsIn(old)).toBeUndefined();
    expect(await whoIsIn(browser)).toBe('nina');
    const again = provider.browser();
    await again.open('/sign-in');
    expectSignInPage(await again.submit({ username: 'nina', password: PASSWORDS.alice }), 403);
    expect((await again.submit({ username: 'nina', password: NEW })).url.pathname).toBe('/account');
  });

  it('and nobody changes the password of somebody else with it', async () => {
    const { browser } = await newcomer('nelly');
    const { browser: others } = await newcomer('norma');
    const page = browser.last;
    const ticket = browser.form().fields['ticket'] ?? '';
    const token = others.form().fields['form_token'] ?? '';
    for (const change of [
      { ticket: flipped(ticket, 20) },
      { ticket: '' },
      { ticket: token },
      { form_token: token },
      { form_token: '' },
      { request: '' },
    ]) {
      browser.last = page;
      const { result: refused, records } = await provider.recorded(() =>
        browser.submit({
          'current-password': 'wrong-password-here',
          'new-password': NEW,
          'repeat-password': NEW,
          ...change,
        }),
      );
      if ('request' in change) expect(eventsOf(records)).toEqual(['authentication password_wrong']);
      else {
        expectExpired(refused);
        expect(records).toEqual([]);
      }
    }
  });

  it('and guessing the current one there is as slow as at the door', async () => {
    const { browser } = await newcomer('nancy');
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 6; attempt += 1)
      statuses.push((await choose(browser, NEW, { current: 'wrong' })).status);
    expect(statuses).toEqual([403, 403, 403, 403, 403, 429]);
    expect(browser.last?.headers['retry-after']).toBe('1');
    expect(browser.last?.text).toContain('Please wait <bdi>1 second</bdi>');
  });
});
