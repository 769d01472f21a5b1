import assert from 'node:assert/strict';

import type { KeyStore } from '../keys/key-store.js';
import type { StoredSigningKey } from '../keys/signing-key.js';
import { assertSame } from './assert-same.js';
import { sampleKey } from './samples.js';
import { aroundTests, globalFramework, type Opened, type TestFramework } from './test-framework.js';

/** The promises of the port `KeyStore`, as tests of the adapter that `open` gives. */
export function keyStoreContract(
  name: string,
  open: () => Promise<Opened & { readonly store: KeyStore }>,
  framework: TestFramework = globalFramework(),
): void {
  const { describe, it } = framework;
  describe(`${name} keeps the promises of KeyStore`, () => {
    const adapter = aroundTests(open, framework);
    const add = (key: StoredSigningKey): Promise<void> => adapter().store.add(key);
    const kept = async (kid: string): Promise<StoredSigningKey | undefined> =>
      (await adapter().store.list()).find((key) => key.kid === kid);
    const kids = async (): Promise<string[]> =>
      (await adapter().store.list()).map((key) => key.kid);

    it('refuses a key whose id is taken, and keeps the first', async () => {
      const key = sampleKey();
      await add(key);
      await assert.rejects(add({ ...key, sealedPrivateJwk: 'another' }));
      assertSame(await kept(key.kid), key);
    });

    it('adds nothing when there is a key of the algorithm that the caller has not seen', async () => {
      const seen = await kids();
      await add(sampleKey());
      const late = sampleKey();
      assert.equal(await adapter().store.addUnlessNews(late, seen), false);
      assert.equal(await kept(late.kid), undefined);
    });

    it('refuses to add a key whose id is taken, even when the caller has seen it', async () => {
      const key = sampleKey();
      await add(key);
      const seen = await kids();
      await assert.rejects(adapter().store.addUnlessNews(key, seen));
    });

    it('revokes nothing when there is no such key', async () => {
      assert.equal(await adapter().store.revoke('nobody', 1), null);
    });

    it('keeps a key as it was given', async () => {
      const key = sampleKey({ revokedAt: 17, algorithm: 'PS256' });
      await add(key);
      assertSame(await kept(key.kid), key);
    });

    it('adds a key when the caller has seen all others of its algorithm', async () => {
      const seen = await kids();
      await add(sampleKey({ algorithm: 'EdDSA' }));
      const key = sampleKey();
      assert.equal(await adapter().store.addUnlessNews(key, seen), true);
      assertSame(await kept(key.kid), key);
    });

    it('adds one key when fifty callers that have seen the same act at once', async () => {
      const seen = await kids();
      const rivals = Array.from({ length: 50 }, () => sampleKey());
      const added = await Promise.all(
        rivals.map((key) => adapter().store.addUnlessNews(key, seen)),
      );
      assert.equal(added.filter(Boolean).length, 1);
      assert.equal((await kids()).length, seen.length + 1);
    });

    it('revokes a key, and keeps the first time of revocation', async () => {
      const key = sampleKey();
      await add(key);
      assertSame(await adapter().store.revoke(key.kid, 1000), { ...key, revokedAt: 1000 });
      assertSame(await adapter().store.revoke(key.kid, 2000), { ...key, revokedAt: 1000 });
      assertSame(await kept(key.kid), { ...key, revokedAt: 1000 });
    });

    it('does not share what it keeps with its callers', async () => {
      const key = { ...sampleKey(), publicJwk: { kty: 'EC' } };
      await add(key);
      key.publicJwk.kty = 'changed';
      assert.equal((await kept(key.kid))?.publicJwk.kty, 'EC');
    });
  });
}
