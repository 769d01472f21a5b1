import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { newAnchor } from '../../src/audit/ledger/anchor-store.js';
import { InMemoryAnchorStore } from '../../src/testing/index.js';
import type { TextBrowser } from '../support/browser.js';
import { ISSUER } from '../support/protocol.js';
import { PASSWORDS, Provider, type PersonName } from '../support/provider.js';

let provider: Provider;

beforeAll(async () => {
  provider = await Provider.start();
});

afterAll(() => provider.stop());

async function signedIn(name: PersonName): Promise<TextBrowser> {
  const browser = provider.browser();
  await browser.open('/sign-in');
  await browser.submit({ username: name, password: PASSWORDS[name] });
  return browser;
}

describe('The page of the ledger', () => {
  it('leads whoever is not signed in to the sign-in page, and back once they are', async () => {
    const browser = provider.browser();
    const page = await browser.open('/console/ledger');
    expect(page.url.pathname).toBe('/sign-in');
    const again = await browser.submit({ username: 'admin', password: 'wrong' });
    expect(again.url.pathname).toBe('/sign-in');
    const arrived = await browser.submit({ username: 'admin', password: PASSWORDS['admin'] });
    expect(arrived.url.pathname).toBe('/console/ledger');
    expect(arrived.status).toBe(200);
    // Also in another tab, with a sign-in page that was left open.
    expect((await browser.open('/sign-in?page=ledger')).url.pathname).toBe('/console/ledger');
  });

  it.each(['https://evil.example', '//evil.example', '/console/ledger', 'constructor', ''])(
    'is the only other place that signing in leads to: not %j',
    async (name) => {
      const browser = provider.browser();
      await browser.open(`/sign-in?page=${encodeURIComponent(name)}`);
      const page = await browser.submit({ username: 'alice', password: PASSWORDS['alice'] });
      expect([page.url.origin, page.url.pathname]).toEqual([ISSUER, '/account']);
    },
  );

  it('is not there for people who are neither auditor nor administrator', async () => {
    const browser = await signedIn('alice');
    const page = await browser.open('/console/ledger');
    expect(page.status).toBe(404);
    expect(page.text).not.toContain('checkpoint');
  });

  it('shows how old the last checkpoint of each anchor is, and what is too old', async () => {
    const now = provider.clock.now();
    const store = provider.app.get(InMemoryAnchorStore, { strict: false });
    await store.declare(['file', 'webhook']);
    const kept = { ...newAnchor('file'), size: 7, note: 'x', triedAt: now };
    await store.save({ ...kept, anchoredAt: now - 42_000 });
    await store.save({ ...newAnchor('webhook'), triedAt: now, failures: 1, error: 'status_500' });
    const browser = await signedIn('admin');
    const page = await browser.open('/console/ledger');
    expect(page.status).toBe(200);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.text).toContain('There is no checkpoint yet.');
    expect(page.text).toMatch(/Last checkpoint <bdi>42 seconds<\/bdi> ago/);
    expect(page.text).toContain('Has no checkpoint yet');
    expect(page.text).toContain('status_500');
    expect(page.text).not.toContain('<script');
  });
});
