import assert from 'node:assert/strict';

import type { TrustedIssuer } from '../tokens/trusted-issuer.js';
import {
  TrustedIssuerConflictError,
  type TrustedIssuerStore,
} from '../tokens/trusted-issuer-store.js';
import { assertSame } from './assert-same.js';
import { sampleIssuer, unique } from './samples.js';
import { aroundTests, globalFramework, type Opened, type TestFramework } from './test-framework.js';

/** The promises of the port `TrustedIssuerStore`, as tests of the adapter that `open` gives. */
export function trustedIssuerStoreContract(
  name: string,
  open: () => Promise<Opened & { readonly store: TrustedIssuerStore }>,
  framework: TestFramework = globalFramework(),
): void {
  const { describe, it } = framework;
  describe(`${name} keeps the promises of TrustedIssuerStore`, () => {
    const adapter = aroundTests(open, framework);
    const find = (issuer: string): Promise<TrustedIssuer | null> => adapter().store.find(issuer);
    const created = async (issuer: Partial<TrustedIssuer> = {}): Promise<TrustedIssuer> => {
      const whole = sampleIssuer(issuer);
      await adapter().store.create(whole);
      return whole;
    };

    it('refuses an issuer that it keeps already, and keeps the first', async () => {
      const first = await created();
      await refuses(
        adapter().store.create(sampleIssuer({ issuer: first.issuer, name: 'x' })),
        'issuer',
      );
      assertSame(await find(first.issuer), first);
    });

    it('refuses a change of a version that is not the stored one', async () => {
      const issuer = await created();
      for (const version of [0, 1, 3])
        await refuses(adapter().store.update({ ...issuer, name: 'new', version }), 'version');
      assertSame(await find(issuer.issuer), issuer);
    });

    it('refuses a change of an issuer that it does not keep', async () => {
      const issuer = sampleIssuer({ version: 2 });
      await refuses(adapter().store.update(issuer), 'version');
      assert.equal(await find(issuer.issuer), null);
    });

    it('finds nobody where there is nobody, and only the exact issuer', async () => {
      const { issuer } = await created();
      for (const text of [`${issuer}/`, issuer.toUpperCase(), '', '\0', '\ud800']) {
        assert.equal(await find(text), null);
        assert.equal(await adapter().store.delete(text), false);
      }
    });

    it('keeps an issuer as it was given, and a change whole', async () => {
      const first = await created();
      assertSame(await find(first.issuer), first);
      const { issuer } = first;
      const changed = sampleIssuer({
        issuer,
        disabled: false,
        jwksUri: null,
        accepts: [],
        version: 2,
      });
      await adapter().store.update(changed);
      assertSame(await find(issuer), changed);
    });

    it('deletes an issuer once', async () => {
      const { issuer } = await created();
      assert.equal(await adapter().store.delete(issuer), true);
      assert.equal(await adapter().store.delete(issuer), false);
      assert.equal(await find(issuer), null);
    });

    it('lists in ascending order, page by page', async () => {
      const prefix = `https://${unique('list')}/`;
      const issuers = ['-', '0', 'A', 'B', '_', 'a', 'b'].map((suffix) => prefix + suffix);
      for (const issuer of issuers.toReversed()) await created({ issuer });
      const first = await adapter().store.list({ after: prefix, limit: 4 });
      const rest = await adapter().store.list({ after: first[3]?.issuer, limit: 3 });
      assertSame(
        [...first, ...rest].map(({ issuer }) => issuer),
        issuers,
      );
    });

    it('lets one of many changes of the same version through', async () => {
      const issuer = await created();
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, () => adapter().store.update({ ...issuer, version: 2 })),
      );
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    });

    it('does not share what it keeps with its callers', async () => {
      const scopes = ['read'];
      const { issuer } = await created({ scopes });
      scopes.push('admin');
      assertSame((await find(issuer))?.scopes, ['read']);
    });
  });
}

function refuses(
  write: Promise<void>,
  conflict: TrustedIssuerConflictError['conflict'],
): Promise<void> {
  return assert.rejects(write, (error) => {
    assert.ok(error instanceof TrustedIssuerConflictError, String(error));
    assert.equal(error.conflict, conflict);
    return true;
  });
}
