import assert from 'node:assert/strict';

import { newAnchor, type AnchorState, type AnchorStore } from '../audit/ledger/anchor-store.js';
import { assertSame } from './assert-same.js';
import { aroundTests, globalFramework, type Opened, type TestFramework } from './test-framework.js';

/** The promises of the port `AnchorStore`, as tests of the adapter that `open` gives, empty. */
export function anchorStoreContract(
  name: string,
  open: () => Promise<Opened & { readonly store: AnchorStore }>,
  framework: TestFramework = globalFramework(),
): void {
  const { describe, it } = framework;
  describe(`${name} keeps the promises of AnchorStore`, () => {
    const adapter = aroundTests(open, framework);
    const store = (): AnchorStore => adapter().store;
    it('makes the anchors that are declared, keeps those that are there and forgets all others', async () => {
      await store().declare(['file', 'git']);
      assertSame(await store().list(), [newAnchor('file'), newAnchor('git')]);
      await store().save(kept());
      await store().declare(['webhook', 'file']);
      assertSame(await store().list(), [kept(), newAnchor('webhook')]);
      await store().declare([]);
      assertSame(await store().list(), []);
    });

    it('keeps no anchor that was not declared', async () => {
      await store().declare([]);
      await store().save(kept());
      assertSame(await store().list(), []);
    });

    it('keeps the last state, failures too, and never less than an anchor took', async () => {
      await store().declare(['file']);
      const failed = kept({ failures: 3, error: 'unreachable', triedAt: 1_800_000_009_000 });
      await store().save(failed);
      assertSame(await store().list(), [failed]);
      await store().save(kept({ size: 6 }));
      assertSame(await store().list(), [failed]);
      await store().save(kept({ size: 9 }));
      assertSame(await store().list(), [kept({ size: 9 })]);
    });

    it('lets one work at a time, and the next when that is done or has failed', async () => {
      const isFirst = await store().alone(async () => {
        assert.equal(await store().alone(() => assert.fail('two at once')), false);
      });
      assert.equal(isFirst, true);
      await assert.rejects(
        store().alone(() => Promise.reject(new Error('the work failed'))),
        /the work failed/,
      );
      assert.equal(await store().alone(() => Promise.resolve()), true);
    });

    it('keeps one cosignature of each witness for a checkpoint, by witness', async () => {
      await store().addCosignature(7, 'witness b', '— b MQ==');
      await store().addCosignature(7, 'witness a', '— a MQ==');
      await store().addCosignature(8, 'witness a', '— a Mg==');
      await store().addCosignature(7, 'witness a', '— a Mw==');
      assertSame(await store().cosignatures(7), ['— a Mw==', '— b MQ==']);
      assertSame(await store().cosignatures(9), []);
    });
  });
}

function kept(changes: Partial<AnchorState> = {}): AnchorState {
  return {
    ...newAnchor('file'),
    size: 7,
    note: 'origin\n7\nroot\n\n— origin c2ln\n',
    anchoredAt: 1_800_000_000_123,
    triedAt: 1_800_000_000_100,
    ...changes,
  };
}
