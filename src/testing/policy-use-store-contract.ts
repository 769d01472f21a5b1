import assert from 'node:assert/strict';

import type { PolicyUse, PolicyUseStore } from '../delegation/policy-use-store.js';
import { assertSame } from './assert-same.js';
import { samplePolicyUse, unique } from './samples.js';
import { aroundTests, globalFramework, type Opened, type TestFramework } from './test-framework.js';

/** The promises of the port `PolicyUseStore`, as tests of the adapter that `open` gives. */
export function policyUseStoreContract(
  name: string,
  open: () => Promise<Opened & { readonly store: PolicyUseStore }>,
  framework: TestFramework = globalFramework(),
): void {
  const { describe, it } = framework;
  describe(`${name} keeps the promises of PolicyUseStore`, () => {
    const adapter = aroundTests(open, framework);
    const store = (): PolicyUseStore => adapter().store;
    const take = (...uses: readonly PolicyUse[]): Promise<boolean> => store().take(uses);
    const counts = (...uses: readonly PolicyUse[]): Promise<readonly number[]> =>
      Promise.all(uses.map(({ key }) => store().count(key)));
    /** A quota from which so many were taken. */
    const taken = async (count: number, use: Partial<PolicyUse> = {}): Promise<PolicyUse> => {
      const whole = samplePolicyUse(use);
      for (let times = 0; times < count; times += 1) assert.equal(await take(whole), true);
      return whole;
    };

    it('refuses what goes beyond a quota', async () => {
      const use = await taken(3);
      assert.equal(await take(use), false);
      assert.equal(await take(use), false);
      assertSame(await counts(use), [3]);
    });

    it('refuses everything of a quota of none', async () => {
      for (const limit of [0, -1]) {
        const use = samplePolicyUse({ limit });
        assert.equal(await take(use), false);
        assertSame(await counts(use), [0]);
      }
    });

    it('refuses all quotas when one has nothing left, wherever it stands', async () => {
      const prefix = unique('use');
      const full = await taken(1, { key: `${prefix}-b`, limit: 1 });
      const used = await taken(1, { key: `${prefix}-a` });
      const fresh = samplePolicyUse({ key: `${prefix}-c` });
      for (const uses of [
        [full, used, fresh],
        [used, full, fresh],
        [used, fresh, full],
        [fresh, full],
      ])
        assert.equal(await take(...uses), false);
      assertSame(await counts(used, full, fresh), [1, 1, 0]);
      assert.equal(await take(fresh, used), true);
      assertSame(await counts(used, full, fresh), [2, 1, 1]);
    });

    it('counts nothing where nothing was taken, whatever is asked for', async () => {
      for (const key of ['', '\0', '\ud800', "' or 1=1 --", 'x'.repeat(10_000), unique('use')])
        assert.equal(await store().count(key), 0);
    });

    it('takes nothing from no quota, and has it', async () => {
      assert.equal(await take(), true);
    });

    it('counts each key by itself', async () => {
      const key = unique('use');
      const uses = [key, `${key}:`, key.toUpperCase()].map((each) =>
        samplePolicyUse({ key: each }),
      );
      const [first = samplePolicyUse(), second = samplePolicyUse()] = uses;
      for (const use of [first, first, second]) assert.equal(await take(use), true);
      assertSame(await counts(...uses), [2, 1, 0]);
    });

    it('takes twice from a quota that is named twice, or not at all', async () => {
      const use = samplePolicyUse();
      assert.equal(await take(use, use), true);
      assert.equal(await take(use, use), false);
      assertSame(await counts(use), [2]);
    });

    it('goes by the limit of each call', async () => {
      const use = await taken(3);
      assert.equal(await take({ ...use, limit: 2 }), false);
      assert.equal(await take({ ...use, limit: 4 }), true);
      assert.equal(await take({ ...use, limit: 4 }), false);
      assertSame(await counts(use), [4]);
    });

    it('gives exactly what a quota has to many that take at once', async () => {
      const use = samplePolicyUse({ limit: 7 });
      const results = await Promise.all(Array.from({ length: 25 }, () => take(use)));
      assert.equal(results.filter(Boolean).length, 7);
      assertSame(await counts(use), [7]);
    });

    it('gives exactly what several quotas have to many that take at once, in any order', async () => {
      const shared = samplePolicyUse({ limit: 10 });
      const own = [1, 2, 3].map(() => samplePolicyUse({ limit: 4 }));
      const pairs = Array.from({ length: 24 }, (_, index) => {
        const pair = [shared, own[index % own.length] ?? shared];
        return index % 2 ? pair : pair.toReversed();
      });
      const results = await Promise.all(pairs.map((pair) => take(...pair)));
      assert.equal(results.filter(Boolean).length, 10);
      const [all, ...each] = await counts(shared, ...own);
      assert.equal(all, 10);
      assert.equal(
        each.reduce((sum, count) => sum + count, 0),
        10,
      );
    });

    it('forgets what can be forgotten, some at a time', async () => {
      const over = { until: 1_000 };
      const expired = [await taken(3, over), await taken(1, over), await taken(2, { until: 999 })];
      const stays = [await taken(3, { until: 1_001 }), await taken(3, { until: null })];
      assert.equal(await store().removeExpired(998, 10), 0);
      assert.equal(await store().removeExpired(1_000, 2), 2);
      assert.equal(await store().removeExpired(1_000, 2), 1);
      assert.equal(await store().removeExpired(1_000, 2), 0);
      assertSame(await counts(...expired, ...stays), [0, 0, 0, 3, 3]);
      for (const use of expired) assert.equal(await take(use), true);
      for (const use of stays) assert.equal(await take(use), false);
      assert.equal(await store().removeExpired(1_001, 10), expired.length + 1);
    });

    it('counts on until a count is removed, whatever the time', async () => {
      const use = await taken(3, { until: 1 });
      assert.equal(await take(use), false);
      assertSame(await counts(use), [3]);
      await store().removeExpired(1, 10);
      assertSame(await counts(use), [0]);
    });

    it('keeps a count as long as any that took from it', async () => {
      for (const [first, second, third] of [
        [10, 30, 20],
        [30, 10, 20],
        [null, 10, 30],
        [10, null, 30],
      ] as const) {
        const use = samplePolicyUse();
        for (const until of [first, second, third])
          assert.equal(await take({ ...use, until }), true);
        await store().removeExpired(29, 10);
        assertSame(await counts(use), [3]);
        await store().removeExpired(30, 10);
        assertSame(await counts(use), [first === null || second === null ? 3 : 0]);
      }
    });

    it('leaves the end of a count as it was when nothing is taken', async () => {
      const use = await taken(3, { until: 50 });
      assert.equal(await take({ ...use, until: 100 }), false);
      await store().removeExpired(50, 10);
      assertSame(await counts(use), [0]);
    });
  });
}
