import { existsSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import axe from 'axe-core';
import { chromium, type Browser, type Page } from 'playwright-core';

import { LoopbackServer } from '../support/loopback-server.js';
import { makePages, SAMPLES, samplesWith, type Sample } from '../support/sample-pages.js';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-sync',
];

const CSP =
  "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'";
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 320, height: 640 };

const describeInBrowser = existsSync(CHROMIUM) ? describe : describe.skip;

describeInBrowser('The pages', () => {
  const { renderer, assets } = makePages();
  const trouble: string[] = [];
  let shown: { readonly sample: Sample; readonly language: string };
  let server: LoopbackServer;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    server = await LoopbackServer.start((request, response) => {
      const { pathname } = new URL(request.url ?? '/', server.url);
      const asset = assets.find(pathname.replace('/assets/', ''));
      if (asset !== undefined) {
        response.writeHead(200, { 'Content-Type': asset.type }).end(asset.body);
        return;
      }
      const { page, view } = shown.sample;
      const { html } = renderer.render(page, view, { locales: [shown.language] });
      response
        .writeHead(200, {
          'Content-Type': 'text/html; charset=utf-8',
          'Content-Security-Policy': CSP,
        })
        .end(html);
    });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    page = await browser.newPage();
    await page.addInitScript({ content: axe.source });
    page.on('pageerror', (error) => trouble.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') trouble.push(message.text());
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(server.url)) trouble.push(`foreign: ${request.url()}`);
    });
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  }, 30_000);

  async function show(sample: Sample, language: string): Promise<void> {
    shown = { sample, language };
    await page.goto(`${server.url}/page`);
  }

  async function sampleOf(name: string, language = 'en'): Promise<void> {
    const sample = SAMPLES.find(({ title }) => title === name);
    if (sample === undefined) throw new Error(`There is no sample ${name}.`);
    await show(sample, language);
  }

  /** What axe-core finds, one line for each finding; a page whose contrasts it cannot measure, too. */
  function violations(): Promise<unknown> {
    return page.evaluate(
      `axe.run({ runOnly: ${JSON.stringify(TAGS)} }).then(({ violations, incomplete, passes }) => [
        ...[...violations, ...incomplete].flatMap(({ id, nodes }) =>
          nodes.map(({ html, failureSummary }) => [id, html, failureSummary].join(' '))),
        ...(passes.some(({ id }) => id === 'color-contrast') ? [] : ['no contrast was measured']),
      ])`,
    );
  }

  function overflow(): Promise<unknown> {
    return page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
  }

  /** The id of what has the focus after each press of the key. */
  async function focusedBy(key: string, times: number): Promise<readonly unknown[]> {
    const ids: unknown[] = [];
    for (let press = 0; press < times; press += 1) {
      await page.keyboard.press(key);
      ids.push(await page.evaluate('document.activeElement.id'));
    }
    return ids;
  }

  describe.each(['en', 'de', 'ar'])('in %s', (language) => {
    it.each(['light', 'dark'] as const)(
      'can be read and used by everybody, %s, wide and narrow',
      async (colorScheme) => {
        await page.emulateMedia({ colorScheme });
        for (const viewport of [WIDE, NARROW]) {
          await page.setViewportSize(viewport);
          for (const sample of SAMPLES) {
            await show(sample, language);
            const found = { title: sample.title, violations: await violations() };
            expect(found).toEqual({ title: sample.title, violations: [] });
            expect({ title: sample.title, overflow: await overflow() }).toEqual({
              title: sample.title,
              overflow: 0,
            });
          }
        }
        expect(trouble).toEqual([]);
      },
      120_000,
    );
  });

  it.each([
    ['one long word', 'Donaudampfschifffahrtsgesellschaft'.repeat(6)],
    ['many words', 'The quick brown fox '.repeat(12)],
    ['another direction', '\u{202e}'.repeat(3) + 'شركة النقل '.repeat(8)],
  ])(
    'keep %s on a narrow screen',
    async (_, text) => {
      await page.setViewportSize(NARROW);
      for (const sample of samplesWith(text)) {
        await show(sample, 'en');
        expect({ title: sample.title, overflow: await overflow() }).toEqual({
          title: sample.title,
          overflow: 0,
        });
      }
    },
    60_000,
  );

  it.each(['consent', 'select-account'])(
    'begin a name where the line begins, whichever way both are read: %s',
    async (name) => {
      await page.setViewportSize(WIDE);
      for (const language of ['en', 'ar']) {
        await sampleOf(name, language);
        const edge = language === 'ar' ? 'right' : 'left';
        // Of the texts themselves: the boxes around them may be wider.
        const edges = await page.evaluate(
          `Array.from(document.querySelectorAll('.person-name, .person-username')).map((each) => {
            const range = document.createRange();
            range.selectNodeContents(each);
            const line = each.closest('.person').getBoundingClientRect();
            return Math.abs(range.getBoundingClientRect().${edge} - line.${edge});
          })`,
        );
        const isAtEdge = (edges as number[]).map((distance) => distance < 1);
        expect({ language, isAtEdge }).toEqual({ language, isAtEdge: [true, true] });
      }
    },
    30_000,
  );

  it('have buttons and links that a finger can hit', async () => {
    await page.setViewportSize(NARROW);
    for (const sample of SAMPLES) {
      await show(sample, 'en');
      const small = await page.evaluate(
        `Array.from(document.querySelectorAll('button, a.button, input:not([type=hidden], [hidden])'))
          .filter((each) => each.getBoundingClientRect().height <
            (each.classList.contains('button-small') ? 36 : 44))
          .map((each) => each.outerHTML)`,
      );
      expect(small).toEqual([]);
    }
  }, 60_000);

  it('lead the keyboard through sign-in in the order of the eyes', async () => {
    await sampleOf('sign-in');
    // The browser moves there when it first draws the page.
    await page.waitForFunction("document.activeElement.id === 'username'");
    expect(await focusedBy('Tab', 2)).toEqual(['password', 'submit']);
    await sampleOf('sign-in, refused');
    await page.waitForFunction("document.activeElement.id === 'password'");
    expect(await focusedBy('Shift+Tab', 1)).toEqual(['username']);
  });

  it('lead the keyboard through consent, and begin with nothing chosen', async () => {
    await sampleOf('consent');
    expect(await page.evaluate('document.activeElement === document.body')).toBe(true);
    expect(await focusedBy('Tab', 2)).toEqual(['allow', 'deny']);
  });

  it('let the keyboard skip to the content of the account', async () => {
    await sampleOf('account');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.className')).toBe('skip');
    expect(await page.locator('.skip').boundingBox()).toMatchObject({ y: 12 });
    await page.keyboard.press('Enter');
    expect(await focusedBy('Tab', 1)).toEqual(['change-password']);
  });

  it('send what a person typed, with what the form carries', async () => {
    await sampleOf('sign-in');
    await page.fill('#username', 'sophie');
    await page.fill('#password', 'a password');
    const sent = page.waitForRequest((request) => request.method() === 'POST');
    await page.click('#submit');
    const request = await sent;
    expect(new URL(request.url()).pathname).toBe('/there');
    expect(request.postData()).toBe('csrf=a-token&username=sophie&password=a+password');
  });

  it('send one decision', async () => {
    await sampleOf('consent');
    const sent = page.waitForRequest((request) => request.method() === 'POST');
    await page.click('#deny');
    expect((await sent).postData()).toBe('csrf=a-token&decision=deny');
  });

  it('stay readable in forced colours, without motion', async () => {
    await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' });
    await page.setViewportSize(WIDE);
    for (const sample of SAMPLES) {
      await show(sample, 'en');
      const edgeless = await page.evaluate(
        `Array.from(document.querySelectorAll('.button, .notice, .badge'))
          .filter((each) => parseFloat(getComputedStyle(each).borderTopWidth) === 0).length`,
      );
      expect(edgeless).toBe(0);
      const moving = await page.evaluate(
        `Array.from(document.querySelectorAll('*'))
          .filter((each) => getComputedStyle(each).transitionDuration !== '0s').length`,
      );
      expect(moving).toBe(0);
    }
    await page.emulateMedia({ forcedColors: 'none', reducedMotion: 'no-preference' });
  }, 60_000);
});
