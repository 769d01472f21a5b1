import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import axe from 'axe-core';
import * as openid from 'openid-client';
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from 'playwright-core';

import { freePort, ServiceProcess } from '../support/service-process.js';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-sync',
];
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';
const NARROW = { width: 320, height: 640 };

interface Demo {
  readonly clients: readonly { readonly clientId: string; readonly clientSecret?: string }[];
  readonly people: readonly {
    readonly username: string;
    readonly password: string;
    readonly accountId: string;
  }[];
}

/** Where screenshots go when somebody wants to look at them. */
const SHOTS = process.env['SCREENSHOTS'];

/** No finding of axe-core, and nothing to scroll for sideways. */
async function expectAccessible(page: Page, name: string): Promise<void> {
  await page.evaluate(axe.source);
  const found = await page.evaluate(
    `axe.run({ runOnly: ${JSON.stringify(TAGS)} }).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ' ' + html)))`,
  );
  expect({ name, found }).toEqual({ name, found: [] });
  const overflow = 'document.documentElement.scrollWidth - window.innerWidth';
  expect(Number(await page.evaluate(overflow))).toBeLessThanOrEqual(0);
  if (SHOTS !== undefined)
    await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

/** The mean of red, green and blue. */
function brightnessOf(colour: unknown): number {
  const [red = 0, green = 0, blue = 0] = (String(colour).match(/[\d.]+/g) ?? []).map(Number);
  return (red + green + blue) / 3;
}

const describeInBrowser = existsSync(CHROMIUM) ? describe : describe.skip;

describeInBrowser('A person at a browser', () => {
  let dataDir: string;
  let service: ServiceProcess;
  let browser: Browser;
  let issuer: string;
  let demo: Demo;
  let application: Server;
  /** Where `web_app` is. */
  let home: string;
  const trouble: string[] = [];

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'nest-token-exchange-browser-'));
    await chmod(dataDir, 0o711);
    const port = await freePort();
    issuer = `http://localhost:${port}`;
    service = await ServiceProcess.start(dataDir, port);
    demo = JSON.parse(await readFile(join(dataDir, 'demo.json'), 'utf8')) as Demo;
    application = createServer((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/html' }).end('<title>web_app</title>');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => application.once('listening', resolve));
    home = `http://127.0.0.1:${(application.address() as AddressInfo).port}`;
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await service?.stop();
    application?.close();
    await rm(dataDir, { recursive: true, force: true });
  }, 60_000);

  /** A browser of its own, which may speak to the service and the application alone. */
  async function open(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 900 },
      ...options,
    });
    // Also of windows that a page opens.
    context.on('page', watch);
    return context.newPage();
  }

  /** Keeps what goes wrong on a page, and what it asks of anybody else. */
  function watch(page: Page): void {
    page.on('pageerror', (error) => trouble.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') trouble.push(`${page.url()}: ${message.text()}`);
    });
    page.on('request', (request) => {
      const { origin, protocol, href } = new URL(request.url());
      const isHere = origin === issuer || origin === home || protocol === 'data:';
      if (!isHere) trouble.push(`foreign: ${href}`);
    });
  }

  /** The browser itself makes an error of a page with this status. */
  function forgetStatus(status: number): void {
    const others = trouble.filter((text) => !text.includes(`a status of ${status}`));
    trouble.splice(0, trouble.length, ...others);
  }

  const passwordOf = (username: string): string =>
    demo.people.find((person) => person.username === username)?.password ?? '';

  /** An authorization request of `web_app`, and how its answer is redeemed. */
  async function request(more: Readonly<Record<string, string>> = {}): Promise<{
    readonly url: string;
    readonly redeem: (page: Page) => Promise<openid.TokenEndpointResponse>;
  }> {
    const config = await openid.discovery(new URL(issuer), 'web_app', undefined, openid.None(), {
      execute: [openid.allowInsecureRequests],
    });
    const verifier = openid.randomPKCECodeVerifier();
    const [state, nonce] = [openid.randomState(), openid.randomNonce()];
    const url = openid.buildAuthorizationUrl(config, {
      redirect_uri: `${home}/callback`,
      scope: 'openid profile address:read',
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
      ...more,
    });
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
    return {
      url: url.href,
      redeem: (page) => openid.authorizationCodeGrant(config, new URL(page.url()), checks),
    };
  }

  async function enter(
    page: Page,
    username: string,
    password = passwordOf(username),
  ): Promise<void> {
    await page.fill('#username', username);
    await page.fill('#password', password);
    await page.click('#submit');
  }

  /** A token request of a confidential client of the demo. */
  async function token(clientId: string, form: Readonly<Record<string, string>>): Promise<string> {
    const secret = demo.clients.find((client) => client.clientId === clientId)?.clientSecret;
    const response = await fetch(`${issuer}/connect/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
      },
      body: new URLSearchParams(form),
    });
    const { access_token: accessToken } = (await response.json()) as { access_token?: string };
    expect({ clientId, status: response.status }).toEqual({ clientId, status: 200 });
    return accessToken ?? '';
  }

  const exchange = (clientId: string, subject: string, audience: string): Promise<string> =>
    token(clientId, {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: subject,
      subject_token_type: TOKEN_TYPE,
      audience,
    });

  it('signs in to an application, whose token is exchanged twice in her name', async () => {
    const page = await open();
    const { url, redeem } = await request();
    await page.goto(url);
    await expectAccessible(page, 'sign-in');
    await enter(page, 'alice', 'not-the-right-password');
    expect(await page.getByRole('alert').innerText()).toMatch(/username or the password/i);
    expect(await page.inputValue('#username')).toBe('alice');
    await expectAccessible(page, 'sign-in-refused');
    forgetStatus(403);
    await enter(page, 'alice');
    await expectAccessible(page, 'consent');
    await page.click('#allow');
    await page.waitForURL(`${home}/callback?**`);
    const { access_token: first } = await redeem(page);
    const second = await exchange('my_gateway', first, 'address_service');
    const third = await exchange('address_service', second, 'postal_service');

    const { jti } = JSON.parse(Buffer.from(third.split('.')[1] ?? '', 'base64url').toString()) as {
      jti: string;
    };
    const admin = await token('admin_cli', { grant_type: 'client_credentials' });
    const response = await fetch(`${issuer}/admin/audit/chains/by-jti/${encodeURIComponent(jti)}`, {
      headers: { authorization: `Bearer ${admin}` },
    });
    const alice = demo.people.find(({ username }) => username === 'alice');
    expect(await response.json()).toMatchObject({
      chains: [{ summary: `${alice?.accountId} / web_app -> my_gateway -> address_service` }],
    });

    await page.goto(`${issuer}/account`);
    const text = await page.locator('main').innerText();
    for (const name of ['Web application', 'API gateway', 'Address service', 'Postal service'])
      expect(text).toContain(name);
    await expectAccessible(page, 'account');
    await page.context().close();
  }, 60_000);

  it('may refuse what an application asks for', async () => {
    const page = await open();
    const { url } = await request({
      prompt: 'consent',
      scope: 'openid offline_access address:write',
    });
    await page.goto(url);
    await enter(page, 'bob');
    await page.click('#deny');
    await page.waitForURL(`${home}/callback?**`);
    expect(new URL(page.url()).searchParams.get('error')).toBe('access_denied');
    await page.context().close();
  }, 60_000);

  it('needs no pointer: the keyboard leads through sign-in and consent', async () => {
    const page = await open();
    const { url, redeem } = await request({ prompt: 'consent' });
    await page.goto(url);
    await page.waitForFunction("document.activeElement?.id === 'username'");
    await page.keyboard.type('bob');
    await page.keyboard.press('Tab');
    await page.keyboard.type(passwordOf('bob'));
    await page.keyboard.press('Enter');
    await page.waitForSelector('#allow');
    for (let presses = 0; presses < 10; presses += 1) {
      await page.keyboard.press('Tab');
      if ((await page.evaluate('document.activeElement?.id')) === 'allow') break;
    }
    expect(await page.evaluate('document.activeElement?.id')).toBe('allow');
    expect(
      await page.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'"),
    ).toBe(true);
    await page.keyboard.press('Enter');
    await page.waitForURL(`${home}/callback?**`);
    expect((await redeem(page)).token_type.toLowerCase()).toBe('bearer');
    await page.context().close();
  }, 60_000);

  it.each<[string, BrowserContextOptions, string]>([
    ['on a narrow screen', { viewport: NARROW }, 'en'],
    ['in the dark', { colorScheme: 'dark' }, 'de'],
    ['from right to left', { locale: 'ar' }, 'ar'],
    ['without JavaScript', { javaScriptEnabled: false }, 'en'],
  ])(
    'signs in %s',
    async (name, options, language) => {
      const page = await open(options);
      const look = async (what: string): Promise<void> => {
        if (options.javaScriptEnabled !== false) await expectAccessible(page, `${what} ${name}`);
      };
      const { url, redeem } = await request({ prompt: 'consent', ui_locales: language });
      await page.goto(url);
      expect(await page.locator('html').getAttribute('lang')).toBe(language);
      expect(await page.locator('html').getAttribute('dir')).toBe(
        language === 'ar' ? 'rtl' : 'ltr',
      );
      const surface = 'getComputedStyle(document.documentElement).backgroundColor';
      if (options.javaScriptEnabled !== false)
        expect({ name, isDark: brightnessOf(await page.evaluate(surface)) < 64 }).toEqual({
          name,
          isDark: options.colorScheme === 'dark',
        });
      await look('sign-in');
      await enter(page, 'bob');
      await look('consent');
      await page.click('#allow');
      await page.waitForURL(`${home}/callback?**`);
      expect((await redeem(page)).scope).toBe('openid profile address:read');
      await page.goto(`${issuer}/account`);
      await look('account');
      await page.goto(`${issuer}/account/password`);
      await look('password');
      await page.goto(`${issuer}/connect/endsession`);
      await look('sign-out');
      await page.click('#sign-out');
      await look('signed-out');
      await page.goto(`${issuer}/account`);
      expect(new URL(page.url()).pathname).toBe('/sign-in');
      await page.context().close();
    },
    60_000,
  );

  it('goes on as who is signed in, or as somebody else, or proves again who it is', async () => {
    const page = await open();
    await page.goto(`${issuer}/sign-in`);
    await enter(page, 'alice');
    await page.waitForURL(`${issuer}/account`);

    const choice = await request({ prompt: 'select_account' });
    await page.goto(choice.url);
    await expectAccessible(page, 'select-account');
    await page.click('#continue');
    // On this machine anybody could say that they are web_app: so it is asked each time (RFC 8252 section 8.6).
    await page.click('#allow');
    await page.waitForURL(`${home}/callback?**`);
    expect((await choice.redeem(page)).scope).toBe('openid profile address:read');

    await page.goto((await request({ prompt: 'select_account' })).url);
    await page.click('#other');
    await page.waitForSelector('#password');
    expect(new URL(page.url()).pathname).toBe('/sign-in');

    const again = await request({ prompt: 'login' });
    await page.goto(again.url);
    expect(await page.inputValue('#username')).toBe('alice');
    await expectAccessible(page, 'sign-in-again');
    await page.fill('#password', passwordOf('alice'));
    await page.click('#submit');
    await page.click('#allow');
    await page.waitForURL(`${home}/callback?**`);
    expect((await again.redeem(page)).token_type.toLowerCase()).toBe('bearer');
    await page.context().close();
  }, 60_000);

  it('chooses a password of their own when somebody else set it', async () => {
    const admin = await token('admin_cli', { grant_type: 'client_credentials' });
    const given = 'ten-purple-kites-rise-high';
    const response = await fetch(`${issuer}/admin/accounts`, {
      method: 'POST',
      headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'carol', name: 'Carol Danvers', password: given }),
    });
    expect(response.status).toBe(201);
    const page = await open();
    await page.goto(`${issuer}/sign-in`);
    await enter(page, 'carol', given);
    await expectAccessible(page, 'password-must-change');
    const chosen = 'twelve-yellow-birds-sing-late';
    await page.fill('#current-password', given);
    await page.fill('#new-password', chosen);
    await page.fill('#repeat-password', chosen);
    await page.click('#submit');
    await page.waitForURL(`${issuer}/account`);
    expect(await page.locator('h1').innerText()).toBe('Your account');
    await page.context().close();
  }, 60_000);

  it('signs out everywhere, and is out in every browser', async () => {
    const contexts: BrowserContext[] = [];
    const pages: Page[] = [];
    for (let each = 0; each < 2; each += 1) {
      const page = await open();
      await page.goto(`${issuer}/sign-in`);
      await enter(page, 'alice');
      await page.waitForURL(`${issuer}/account`);
      pages.push(page);
      contexts.push(page.context());
    }
    const [first, second] = pages;
    await second?.locator('form[action$="/account/sign-out-everywhere"] button').click();
    expect(await second?.locator('h1').innerText()).toMatch(/signed out/i);
    await first?.goto(`${issuer}/account`);
    expect(new URL(first?.url() ?? '').pathname).toBe('/sign-in');
    await Promise.all(contexts.map((context) => context.close()));
  }, 60_000);

  it('is told plainly when an application is not known, and sent nowhere', async () => {
    const page = await open();
    const response = await page.goto(
      `${issuer}/connect/authorize?client_id=nobody&redirect_uri=${encodeURIComponent(home)}`,
    );
    expect(response?.status()).toBe(400);
    expect(new URL(page.url()).origin).toBe(issuer);
    await expectAccessible(page, 'error');
    forgetStatus(400);
    await page.context().close();
  }, 60_000);

  it.each([
    ['admin', true],
    ['bob', false],
  ])(
    'signs in to the API documentation as %s',
    async (username, isAdministrator) => {
      const page = await open();
      await page.goto(`${issuer}/docs`);
      await page.click('.btn.authorize');
      const form = page.locator('.auth-container', {
        has: page.locator('#client_id_authorizationCode'),
      });
      await form.locator('a', { hasText: 'select all' }).click();
      const [popup] = await Promise.all([
        page.waitForEvent('popup'),
        form.locator('button.authorize').click(),
      ]);
      await enter(popup, username);
      if (isAdministrator) {
        await page.locator('.modal-ux button', { hasText: 'Logout' }).first().waitFor();
        await page.locator('.modal-ux button.close-modal').click();
        const operation = page.locator('.opblock-get', { hasText: 'List clients' });
        await operation.locator('.opblock-summary-control').click();
        await operation.locator('button.execute').click();
        const answer = operation.locator('.live-responses-table .microlight').first();
        await answer.waitFor();
        expect(await answer.innerText()).toContain('my_gateway');
        const status = operation.locator('.live-responses-table .response-col_status').last();
        expect(await status.innerText()).toMatch(/^200/);
      } else {
        const error = page.locator('.modal-ux .errors').first();
        await error.waitFor();
        expect(await error.innerText()).toContain('access_denied');
      }
      await page.context().close();
    },
    60_000,
  );

  it('saw no error, and no request to anybody else, on the way', () => {
    expect(trouble).toEqual([]);
  });
});
