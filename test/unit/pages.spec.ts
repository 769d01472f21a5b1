import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';

import { AssetsController } from '../../src/pages/assets.controller.js';
import { PageAssets } from '../../src/pages/page-assets.js';
import { PageRenderer } from '../../src/pages/page-renderer.js';
import { PageSettings } from '../../src/pages/page-settings.js';
import { PageTemplates } from '../../src/pages/page-templates.js';
import { PageTexts } from '../../src/pages/page-texts.js';
import type { PageViews } from '../../src/pages/page-views.js';
import { Theme, ThemeError } from '../../src/pages/theme.js';
import { makePages, SAMPLES, samplesWith, type Sample } from '../support/sample-pages.js';

const LANGUAGES = ['en', 'de', 'ar'];
const PAGES = new URL('../../src/pages/', import.meta.url);

const { renderer } = makePages();

function html({ page, view }: Sample, language = 'en', by: PageRenderer = renderer): string {
  return by.render(page, view, { locales: [language] }).html;
}

function texts(language: string): Record<string, string> {
  return JSON.parse(readFileSync(new URL(`locales/${language}.json`, PAGES), 'utf8')) as Record<
    string,
    string
  >;
}

/** The document without what may hold a text of a person: elements with it, and attributes. */
function skeleton(document: string): string {
  return document
    .replaceAll('<wbr>', '')
    .replaceAll(/<bdi[^>]*>[^<]*<\/bdi>/g, '')
    .replaceAll(/="[^"]*"/g, '');
}

function places(text = ''): readonly string[] {
  return (text.match(/\{\{\w+\}\}/g) ?? []).toSorted();
}

function coloursOf(css: string): Record<string, string> {
  const found = Array.from(css.matchAll(/(--[a-z-]+): (#[0-9a-f]{6});/g));
  return Object.fromEntries(found.map(([, name = '', colour = '']) => [name, colour]));
}

/** WCAG 2.2, contrast ratio. */
function contrast(one = '', other = ''): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [red = NaN, green = NaN, blue = NaN] = [1, 3, 5]
    .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

describe('A page', () => {
  it.each([
    '<script>alert(1)</script>',
    `"'><img src=x onerror=alert(1)>`,
    '&lt;b&gt; {{name}} $t(x)',
  ])('shows %s as text wherever it may stand', (hostile) => {
    for (const sample of samplesWith(hostile)) {
      const document = html(sample);
      expect(document).not.toContain(hostile);
      expect(document).toContain(
        hostile
          .replaceAll('&', '&amp;')
          .replaceAll('<', '&lt;')
          .replaceAll('>', '&gt;')
          .replaceAll('"', '&quot;')
          .replaceAll("'", '&#39;'),
      );
      expect(document).not.toMatch(/<script|<img(?! class="brand-logo")/);
    }
  });

  it('isolates every text of a person, so that it moves nothing around it', () => {
    const hostile = '\u{202e}gro.live\u{2066}\u{2069}\u{2069}';
    for (const language of LANGUAGES)
      for (const sample of samplesWith(hostile)) {
        const document = html(sample, language);
        expect(document).toContain(hostile);
        expect(skeleton(document)).not.toContain('\u{202e}');
      }
  });

  it('has no script, no style of its own and nothing from elsewhere', () => {
    for (const sample of SAMPLES) {
      const document = html(sample);
      expect(document).not.toMatch(/<script|<style|\sstyle=|\son\w+=/);
      const loaded = Array.from(document.matchAll(/<(?:link|img)[^>]* (?:href|src)="([^"]+)"/g));
      expect(loaded.length).toBeGreaterThan(2);
      for (const [, address] of loaded) expect(address).toMatch(/^\/assets\/[a-z]+\.\w+\?v=/);
    }
  });

  it.each(LANGUAGES)('exists in every state in %s, with nothing left open', (language) => {
    for (const sample of SAMPLES) {
      const rendered = renderer.render(sample.page, sample.view, { locales: [language] });
      expect(rendered.language).toBe(language);
      const direction = language === 'ar' ? 'rtl' : 'ltr';
      expect(rendered.html).toContain(`<html lang="${language}" dir="${direction}">`);
      expect(rendered.html.match(/<h1/g)).toHaveLength(1);
      expect(rendered.html).not.toMatch(/\{\{|undefined|\[object|NaN/);
    }
  });

  it('has words for every error, message and title', () => {
    const signIn = { action: '/', hidden: {}, username: '' };
    const changePassword = { ...signIn, mustChange: false, minLength: 15 };
    const ofSignIn = ['refused', 'too-many-attempts', 'unavailable', 'stale-form'] as const;
    for (const error of ofSignIn)
      expect(html({ title: '', page: 'sign-in', view: { ...signIn, error } })).toContain(
        'role="alert"',
      );
    const ofPassword: Record<NonNullable<PageViews['change-password']['error']>, string> = {
      'too-short': 'new-password',
      'too-long': 'new-password',
      'control-characters': 'new-password',
      'too-common': 'new-password',
      'like-name': 'new-password',
      'same-as-current': 'new-password',
      mismatch: 'repeat-password',
      'wrong-current': 'current-password',
      'too-many-attempts': '',
      unavailable: '',
      'stale-form': '',
    };
    for (const [error, field] of Object.entries(ofPassword)) {
      const view = { ...changePassword, error: error as keyof typeof ofPassword };
      const document = html({ title: '', page: 'change-password', view });
      expect(document).toContain('role="alert"');
      const wrong = /id="([a-z-]+)"[^>]*aria-invalid="true"/.exec(document)?.[1];
      expect(wrong ?? '').toBe(field);
    }
    const account = SAMPLES.find((sample) => sample.page === 'account');
    const messages = ['password-changed', 'session-ended', 'access-withdrawn'] as const;
    for (const message of messages)
      if (account?.page === 'account')
        expect(html({ ...account, view: { ...account.view, message } })).toContain('role="status"');
    const titles = [
      'invalid-request',
      'unknown-application',
      'expired',
      'not-allowed',
      'not-found',
      'too-many-requests',
      'unavailable',
      'unexpected',
    ] as const satisfies readonly PageViews['error']['title'][];
    const error = { error: 'x', description: 'y', status: 400 };
    for (const title of titles)
      expect(html({ title: '', page: 'error', view: { ...error, title } })).toContain('<h1>');
  });

  it.each([
    [['de-AT', 'en'], 'de'],
    [['fr', 'ar-EG'], 'ar'],
    [['*', 'not a tag', '', 'DE'], 'de'],
    [['fr-FR'], 'en'],
    [[], 'en'],
  ])('for %j is in %s', (locales, language) => {
    expect(renderer.render('signed-out', {}, { locales }).language).toBe(language);
  });

  it('tells times in UTC, for people and for programs', () => {
    const sample = SAMPLES.find(({ page }) => page === 'account');
    if (sample === undefined) throw new Error('There is no such sample.');
    expect(html(sample)).toContain(
      '<time datetime="2026-11-22T14:03:00.000Z">Nov 22, 2026, 14:03 UTC</time>',
    );
    expect(html(sample, 'de')).toContain('>22. Nov. 2026, 14:03 UTC</time>');
  });

  it('puts the base path before every path of ours and before nothing else', () => {
    const pages = makePages({ basePath: '/identity' });
    const document = pages.renderer.render(
      'signed-out',
      { signInHref: '/sign-in', returnHref: 'https://app.example/bye' },
      { locales: [] },
    ).html;
    const addresses = Array.from(document.matchAll(/(?:href|src)="([^"]+)"/g), ([, each]) => each);
    expect(addresses.filter((each) => !each?.startsWith('/identity/'))).toEqual([
      'https://app.example/bye',
    ]);
    expect(() => new PageSettings({ basePath: 'identity/' })).toThrow('must begin with a slash');
  });

  it.each([
    'javascript:alert(1)',
    'JavaScript:alert(1)',
    'java\nscript:x',
    'data:x',
    '//evil.example',
    '/\\evil',
    '',
  ])('never links to %j', (returnHref) => {
    expect(() => renderer.render('signed-out', { returnHref }, { locales: [] })).toThrow(
      'A page cannot link there.',
    );
  });
});

describe('The texts', () => {
  const english = texts('en');
  const templates = readdirSync(new URL('templates/', PAGES)).map((file) =>
    readFileSync(new URL(`templates/${file}`, PAGES), 'utf8'),
  );
  const asked = templates.flatMap((template) =>
    Array.from(template.matchAll(/'([a-z-]+\.[a-z.-]+)'/g), ([, key = '']) => key),
  );
  const begun = templates.flatMap((template) =>
    Array.from(
      template.matchAll(/`([a-z.-]+)\$\{[^}]+\}([a-z.-]*)`/g),
      ([, from = '', to = '']) => ({
        from,
        to,
      }),
    ),
  );
  const files = new Set(['logo.svg', 'tokens.css', 'pages.css', 'account.css', 'theme.css']);

  it.each(LANGUAGES)('of %s have exactly the keys and places of the English ones', (language) => {
    const theirs = texts(language);
    expect(Object.keys(theirs)).toEqual(Object.keys(english));
    for (const [key, text] of Object.entries(theirs)) {
      expect(text).not.toBe('');
      expect([key, places(text)]).toEqual([key, places(english[key])]);
    }
  });

  it('are all there that a template asks for', () => {
    expect(asked.length).toBeGreaterThan(50);
    const missing = asked.filter((key) => !(key in english) && !files.has(key));
    expect(missing).toEqual([]);
  });

  it('are all asked for by a template', () => {
    const unused = Object.keys(english).filter(
      (key) =>
        !asked.includes(key) &&
        !begun.some(({ from, to }) => key.startsWith(from) && key.endsWith(to)),
    );
    expect(unused).toEqual([]);
  });
});

describe('The colours', () => {
  const css = readFileSync(new URL('assets/tokens.css', PAGES), 'utf8');
  const darkAt = css.lastIndexOf('@media (prefers-color-scheme: dark)');
  const light = coloursOf(css.slice(0, darkAt));
  const dark = { ...light, ...coloursOf(css.slice(darkAt)) };

  it.each([
    ['light', light],
    ['dark', dark],
  ])('of what is no text stand out as well, %s', (_, colours) => {
    for (const line of ['--edge', '--focus', '--danger'])
      for (const behind of ['--surface', '--background', '--surface-quiet'])
        expect(contrast(colours[line], colours[behind])).toBeGreaterThanOrEqual(3);
  });
});

describe('A theme', () => {
  const made: string[] = [];

  afterEach(() => {
    for (const path of made.splice(0)) rmSync(path, { recursive: true });
  });

  function theme(files: Record<string, string | Buffer>): string {
    const dir = mkdtempSync(join(tmpdir(), 'nest-token-exchange-theme-'));
    made.push(dir);
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, name)), { recursive: true });
      writeFileSync(join(dir, name), content);
    }
    return dir;
  }

  it.each<[string, Record<string, string | Buffer>, string]>([
    [
      'a template with a mistake',
      { 'templates/sign-in.eta': '<% if ( %>' },
      'templates/sign-in.eta',
    ],
    [
      'a template that ends early',
      { 'templates/error.eta': '<%= view.error' },
      'templates/error.eta',
    ],
    ['a template that nobody knows', { 'templates/login.eta': '' }, 'templates/login.eta'],
    [
      'a template with an unknown text',
      { 'templates/error.eta': "<%= t('x.y') %>" },
      'no text x.y',
    ],
    ['texts that are no JSON', { 'locales/de.json': '{' }, 'locales/de.json'],
    ['texts that are a list', { 'locales/de.json': '[]' }, 'locales/de.json'],
    [
      'a text that nobody asks for',
      { 'locales/de.json': '{"sign-in.titel":"x"}' },
      'sign-in.titel',
    ],
    ['a text that is none', { 'locales/de.json': '{"sign-in.title":1}' }, 'must be a text'],
    [
      'a place without a value',
      { 'locales/de.json': '{"sign-in.title":"{{x}}"}' },
      'no place for x',
    ],
    ['a language that is none', { 'locales/-.json': '{}' }, 'locales/-.json'],
    ['another kind of file', { 'locales/de.yml': '' }, 'locales/de.yml'],
    ['a logo that is no SVG', { 'logo.svg': 'PNG' }, 'logo.svg'],
    ['a style that is no text', { 'theme.css': Buffer.from([0xff, 0xfe, 0x00]) }, 'theme.css'],
    ['a file for a folder', { templates: '' }, 'templates'],
  ])('with %s refuses to start, and names the file', (_, files, named) => {
    const themeDir = theme(files);
    expect(() => makePages({ themeDir })).toThrow(ThemeError);
    expect(() => makePages({ themeDir })).toThrow(named);
    expect(() => makePages({ themeDir })).toThrow(themeDir);
  });

  it('that is not there refuses to start', () => {
    expect(() => makePages({ themeDir: '/nowhere/at/all' })).toThrow('/nowhere/at/all');
  });

  it('lays its style over ours, and its logo and templates in their place', () => {
    const themeDir = theme({
      'theme.css': ':root { --accent: #00695c }',
      'logo.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
      'templates/signed-out.eta': "<% layout('@layout', { title: t('theme.bye') }) %><h1>Bye</h1>",
      'locales/en.json':
        '{"theme.bye":"Bye","sign-in.title":"Welcome","scope.address:read":"Read"}',
    });
    const { renderer, assets } = makePages({ themeDir });
    const document = renderer.render('signed-out', {}, { locales: [] }).html;
    expect(document).toContain('<title>Bye · Example Industries</title>');
    expect(document).toMatch(/pages\.css[^]*theme\.css/);
    expect(assets.find('theme.css')?.body.toString()).toContain('#00695c');
    expect(assets.find('logo.svg')?.body.length).toBe(41);
    const form = { action: '/', hidden: {} };
    expect(
      html({ title: '', page: 'sign-in', view: { ...form, username: '' } }, 'en', renderer),
    ).toContain('<h1>Welcome</h1>');
  });

  it('brings another language; what it lacks is English', () => {
    const themeDir = theme({ 'locales/he.json': '{"signed-out.heading":"התנתקת"}' });
    const { html, language } = makePages({ themeDir }).renderer.render(
      'signed-out',
      { signInHref: '/' },
      { locales: ['he-IL'] },
    );
    expect(language).toBe('he');
    expect(html).toContain('<html lang="he" dir="rtl">');
    expect(html).toContain('<h1>התנתקת</h1>');
    expect(html).toContain('Sign in again');
  });
});

describe('The files of the pages', () => {
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    const module = await Test.createTestingModule({
      controllers: [AssetsController],
      providers: [
        { provide: PageSettings, useFactory: () => new PageSettings() },
        Theme,
        PageTexts,
        PageTemplates,
        PageAssets,
        PageRenderer,
      ],
    }).compile();
    app = module.createNestApplication();
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });

  afterAll(async () => {
    await app.close();
  });

  it('may be kept for ever at the address that a page names', async () => {
    const page = app.get(PageRenderer).render('signed-out', {}, { locales: [] }).html;
    const addresses = Array.from(page.matchAll(/(?:href|src)="([^"]+)"/g), ([, each = '']) => each);
    for (const address of addresses) {
      const response = await fetch(url + address);
      expect(response.status).toBe(200);
      expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      expect(response.headers.get('content-security-policy')).toContain('sandbox');
      expect(response.headers.get('content-type')).toBe(
        address.includes('.css') ? 'text/css; charset=utf-8' : 'image/svg+xml',
      );
      expect((await response.text()).length).toBeGreaterThan(100);
    }
  });

  it.each(['', '?v=', '?v=old', '?v=a&v=b'])('are asked for again with %j', async (query) => {
    const response = await fetch(`${url}/assets/pages.css${query}`);
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-cache');
    const etag = response.headers.get('etag') ?? '';
    const again = await fetch(`${url}/assets/pages.css`, { headers: { 'if-none-match': etag } });
    expect(again.status).toBe(304);
  });

  it.each(['theme.css', 'nothing.css', '..%2fpage-assets.ts', 'constructor', 'logo.svg%00'])(
    'are no more than the list: %s is not there',
    async (name) => {
      expect((await fetch(`${url}/assets/${name}`)).status).toBe(404);
    },
  );

  it('can only be read', async () => {
    const response = await fetch(`${url}/assets/pages.css`, { method: 'POST' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
  });
});
