import assert from 'node:assert/strict';

import type { StatusEntry, StatusListStore } from '../tokens/status-list-store.js';
import { assertSame } from './assert-same.js';
import { aroundTests, globalFramework, type Opened, type TestFramework } from './test-framework.js';

/** The promises of the port `StatusListStore`, as tests of the adapter that `open` gives. */
export function statusListStoreContract(
  name: string,
  open: () => Promise<Opened & { readonly store: StatusListStore }>,
  framework: TestFramework = globalFramework(),
): void {
  const { describe, it } = framework;
  describe(`${name} keeps the promises of StatusListStore`, () => {
    const adapter = aroundTests(open, framework);
    const store = (): StatusListStore => adapter().store;
    const entry = async (changes: Partial<StatusEntry> = {}): Promise<StatusEntry> => {
      const { first } = await store().reserve();
      const made = {
        position: first,
        keys: ['tAAAAAAAAAAAAAAAA', 'eAAAAAAAAAAAAAAAA'],
        rootTime: 1_800_000_000_123,
        expiresAt: 1_800_000_600_000,
        ...changes,
      };
      await store().add(made);
      return made;
    };

    it('gives no place twice, however many ask at once', async () => {
      const taken = await Promise.all(Array.from({ length: 20 }, () => store().reserve()));
      const places = taken.flatMap(({ first, count }) =>
        Array.from({ length: count }, (_, index) => first + index),
      );
      assert.equal(new Set(places).size, places.length);
      assert.ok(places.every((place) => Number.isSafeInteger(place) && place >= 0));
      assert.ok((await store().end()) > Math.max(...places));
    });

    it('refuses a place that is taken', async () => {
      const { position } = await entry();
      await assert.rejects(entry({ position }));
    });

    it('gives the entries of a range, exactly, in their order', async () => {
      const entries = [await entry(), await entry({ keys: [] }), await entry()];
      const [one, , three] = entries;
      assert.ok(one && three);
      assertSame(await store().range(one.position, three.position + 1), entries);
      assertSame(await store().range(one.position, three.position), entries.slice(0, 2));
      assertSame(await store().range(three.position + 1, three.position + 1_000_000), []);
    });

    it('forgets what has expired, some at a time, and nothing else', async () => {
      const expired = [
        await entry({ expiresAt: 1_000 }),
        await entry({ expiresAt: 999 }),
        await entry({ expiresAt: 1 }),
      ];
      const kept = await entry({ expiresAt: 1_001 });
      while ((await store().removeExpired(1_000, 2)) === 2);
      const [first] = expired;
      assert.ok(first);
      assertSame(await store().range(first.position, kept.position + 1), [kept]);
      assert.equal(await store().removeExpired(1_000, 2), 0);
    });

    it('says that it keeps something', async () => {
      assert.equal(store().isKept, true);
    });
  });
}
