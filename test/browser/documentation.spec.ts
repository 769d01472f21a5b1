import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chromium, type Browser, type Page } from 'playwright-core';

import { freePort, ServiceProcess } from '../support/service-process.js';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-sync',
];

interface Demo {
  readonly clients: readonly { readonly clientId: string; readonly clientSecret?: string }[];
}

const describeInBrowser = existsSync(CHROMIUM) ? describe : describe.skip;

describeInBrowser('The documentation page', () => {
  let dataDir: string;
  let service: ServiceProcess;
  let browser: Browser;
  let page: Page;
  let origin: string;
  const trouble: string[] = [];

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'nest-token-exchange-browser-'));
    await chmod(dataDir, 0o711);
    const port = await freePort();
    origin = `http://localhost:${port}`;
    service = await ServiceProcess.start(dataDir, port);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.on('pageerror', (error) => trouble.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') trouble.push(message.text());
    });
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(origin) && !url.startsWith('data:')) trouble.push(`foreign: ${url}`);
    });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await service?.stop();
    await rm(dataDir, { recursive: true, force: true });
  }, 60_000);

  it('shows every operation under a strict policy, without an error or a request elsewhere', async () => {
    await page.goto(`${origin}/docs`);
    await page.waitForSelector('.opblock');
    const response = await fetch(`${origin}/docs-json`);
    const { paths } = (await response.json()) as {
      paths: Record<string, Record<string, { summary?: string; tags: string[] }>>;
    };
    const operations = Object.values(paths).flatMap((path) => Object.values(path));
    expect(operations.filter(({ summary }) => !summary)).toEqual([]);
    expect(operations.filter(({ tags }) => tags.length !== 1)).toEqual([]);
    expect(await page.locator('.opblock').count()).toBe(operations.length);
    expect(trouble).toEqual([]);
  });

  it('authorizes an administrator, who then lists the clients', async () => {
    const { clients } = JSON.parse(await readFile(join(dataDir, 'demo.json'), 'utf8')) as Demo;
    const admin = clients.find((client) => client.clientId === 'admin_cli');
    await page.click('.btn.authorize');
    await page.fill('#client_id_clientCredentials', 'admin_cli');
    await page.fill('#client_secret_clientCredentials', admin?.clientSecret ?? '');
    const form = page.locator('.auth-container', {
      has: page.locator('#client_id_clientCredentials'),
    });
    await form.locator('button.authorize').click();
    await page.locator('.modal-ux button', { hasText: 'Logout' }).first().waitFor();
    await page.locator('.modal-ux button.close-modal').click();
    const operation = page.locator('.opblock-get', { hasText: 'List clients' });
    await operation.locator('.opblock-summary-control').click();
    await operation.locator('button.execute').click();
    const answer = operation
      .locator('.live-responses-table .response-col_description .microlight')
      .first();
    await answer.waitFor();
    expect(await answer.innerText()).toContain('my_gateway');
    expect(trouble).toEqual([]);
  }, 60_000);

  it('asks for a token with what its form holds already', async () => {
    const { clients } = JSON.parse(await readFile(join(dataDir, 'demo.json'), 'utf8')) as Demo;
    const gateway = clients.find((client) => client.clientId === 'my_gateway');
    await page.goto(`${origin}/docs`);
    await page.click('.btn.authorize');
    await page.fill('#auth-basic-username', 'my_gateway');
    await page.fill('#auth-basic-password', gateway?.clientSecret ?? '');
    const form = page.locator('.auth-container', { has: page.locator('#auth-basic-username') });
    await form.locator('button.authorize').click();
    await page.locator('.modal-ux button', { hasText: 'Logout' }).first().waitFor();
    await page.locator('.modal-ux button.close-modal').click();
    const operation = page.locator('.opblock-post', { hasText: 'Ask for a token' });
    await operation.locator('.opblock-summary-control').click();
    await operation.locator('button.execute').click();
    const answer = operation
      .locator('.live-responses-table .response-col_description .microlight')
      .first();
    await answer.waitFor();
    expect(await answer.innerText()).toContain('"scope": "address:read"');
    expect(trouble).toEqual([]);
  }, 60_000);

  it('can be used on a narrow screen', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(`${origin}/docs`);
    await page.waitForSelector('.opblock');
    const overflow = await page.evaluate(
      'document.documentElement.scrollWidth - window.innerWidth',
    );
    expect(overflow).toBeLessThanOrEqual(0);
    await page.screenshot({ path: join(dataDir, 'narrow.png') });
  });
});
