import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import type { Consent, ConsentStore } from '../authorization/consent-store.js';
import { assertSame } from './assert-same.js';
import { sampleConsent, unique } from './samples.js';
import { aroundTests, globalFramework, type Opened, type TestFramework } from './test-framework.js';

/** The promises of the port `ConsentStore`, as tests of the adapter that `open` gives. */
export function consentStoreContract(
  name: string,
  open: () => Promise<Opened & { readonly store: ConsentStore }>,
  framework: TestFramework = globalFramework(),
): void {
  const { describe, it } = framework;
  describe(`${name} keeps the promises of ConsentStore`, () => {
    const adapter = aroundTests(open, framework);
    const store = (): ConsentStore => adapter().store;
    const find = ({ accountId, clientId }: Consent): Promise<Consent | null> =>
      store().find(accountId, clientId);
    const saved = async (consent: Partial<Consent> = {}): Promise<Consent> => {
      const whole = sampleConsent(consent);
      await store().save(whole);
      return whole;
    };

    it('finds nothing where there is nothing, whatever is asked for', async () => {
      const { accountId, clientId } = await saved();
      for (const text of ['', 'x', '\0', '\ud800', "' or 1=1 --", 'x'.repeat(10_000), randomUUID()])
        for (const [account, client] of [
          [text, clientId],
          [accountId, text],
          [text, text],
        ] as const) {
          assert.equal(await store().find(account, client), null);
          assert.equal(await store().delete(account, client), false);
          assertSame(await store().list(text), []);
          assert.equal(await store().deleteAll(text), 0);
          assert.equal(await store().deleteAllOf(text), 0);
        }
    });

    it('keeps a consent as it was given', async () => {
      for (const consent of [await saved(), await saved({ scope: [], targets: [] })])
        assertSame(await find(consent), consent);
    });

    it('writes a consent in the place of the one before, and of no other', async () => {
      const first = await saved();
      const { accountId, clientId } = first;
      const neighbours = [await saved({ accountId }), await saved({ clientId })];
      const second = await saved({ accountId, clientId, scope: ['write'], targets: [] });
      assertSame(await find(first), second);
      for (const neighbour of neighbours) assertSame(await find(neighbour), neighbour);
    });

    it('keeps one of many that are written at once', async () => {
      const accountId = randomUUID();
      const clientId = unique('client');
      const rivals = Array.from({ length: 10 }, (_, index) =>
        sampleConsent({ accountId, clientId, grantedAt: index }),
      );
      await Promise.all(rivals.map((rival) => store().save(rival)));
      const listed = await store().list(accountId);
      assert.equal(listed.length, 1);
      assertSame(listed[0], rivals[listed[0]?.grantedAt ?? -1]);
    });

    it('lists the consents of one person in ascending order of their client ids', async () => {
      const accountId = randomUUID();
      const clientIds = ['-', '0', 'A', 'B', '_', 'a', 'b', '\u{e9}', '\u{ff41}', '\u{1f600}'];
      const consents = clientIds.map((clientId) => sampleConsent({ accountId, clientId }));
      for (const consent of consents.toReversed()) await store().save(consent);
      await saved();
      assertSame(await store().list(accountId), consents);
    });

    it('deletes a consent once', async () => {
      const consent = await saved();
      const { accountId, clientId } = consent;
      const results = await Promise.all([1, 2, 3].map(() => store().delete(accountId, clientId)));
      assert.equal(results.filter(Boolean).length, 1);
      assert.equal(await find(consent), null);
      assertSame(await store().list(accountId), []);
    });

    it('deletes every consent of a person, and nobody else’s', async () => {
      const accountId = randomUUID();
      const { clientId } = await saved({ accountId });
      await saved({ accountId });
      const other = await saved({ clientId });
      assert.equal(await store().deleteAll(accountId), 2);
      assert.equal(await store().deleteAll(accountId), 0);
      assertSame(await store().list(accountId), []);
      assertSame(await find(other), other);
    });

    it('deletes every consent for an application, and no other', async () => {
      const { accountId, clientId } = await saved();
      await saved({ clientId });
      const other = await saved({ accountId });
      assert.equal(await store().deleteAllOf(clientId), 2);
      assert.equal(await store().deleteAllOf(clientId), 0);
      assertSame(await find(other), other);
      assertSame(await store().list(accountId), [other]);
    });

    it('does not share what it keeps with its callers', async () => {
      const scope = ['read'];
      const consent = await saved({ scope });
      scope.push('admin');
      assertSame((await find(consent))?.scope, ['read']);
    });
  });
}
