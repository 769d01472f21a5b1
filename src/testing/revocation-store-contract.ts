import assert from 'node:assert/strict';

import { RevocationStore } from '../tokens/revocation-store.js';
import { FOR_EVER, type Revocation } from '../tokens/revocation.js';
import { assertSame } from './assert-same.js';
import { sampleRevocation } from './samples.js';
import { aroundTests, globalFramework, type Opened, type TestFramework } from './test-framework.js';

/** The promises of the port `RevocationStore`, as tests of the adapter that `open` gives. */
export function revocationStoreContract(
  name: string,
  open: () => Promise<Opened & { readonly store: RevocationStore }>,
  framework: TestFramework = globalFramework(),
): void {
  const { describe, it } = framework;
  describe(`${name} keeps the promises of RevocationStore`, () => {
    const adapter = aroundTests(open, framework);
    const store = (): RevocationStore => adapter().store;
    /** Everything that was written after a place, read some at a time. */
    const all = async (
      from: string = RevocationStore.START,
      limit = 100,
    ): Promise<{ readonly found: readonly Revocation[]; readonly position: string }> => {
      const found: Revocation[] = [];
      let position = from;
      for (;;) {
        const page = await store().since(position, limit);
        assert.ok(page.revocations.length <= limit);
        found.push(...page.revocations);
        position = page.position;
        if (page.revocations.length < limit) return { found, position };
      }
    };

    it('refuses a position that no read gave', async () => {
      for (const position of ['', '-1', 'x', "' or 1=1 --", '1.5', '9'.repeat(12), '9'.repeat(40)])
        await assert.rejects(store().since(position, 10), RangeError);
    });

    it('says that it keeps something', async () => {
      assert.equal(store().isKept, true);
    });

    it('gives what was written, exactly, and nothing twice', async () => {
      const { position } = await all();
      const written = [
        sampleRevocation(),
        sampleRevocation({ before: FOR_EVER, expiresAt: null }),
        sampleRevocation({ before: 0, expiresAt: 0 }),
      ];
      await store().add(written);
      const { found, position: next } = await all(position);
      assertSame(byKey(found), byKey(written));
      assertSame(await all(next), { found: [], position: next });
    });

    it('gives every one, however few at a time', async () => {
      const { position } = await all();
      const written = Array.from({ length: 25 }, () => sampleRevocation());
      await store().add(written.slice(0, 20));
      for (const each of written.slice(20)) await store().add([each]);
      for (const limit of [1, 3, 7, 25, 100])
        assertSame(byKey((await all(position, limit)).found), byKey(written));
    });

    it('gives again what became stronger, and never weakens it', async () => {
      const first = sampleRevocation({ before: 1_000, expiresAt: 5_000 });
      await store().add([first]);
      const { position } = await all();
      await store().add([{ ...first, before: 500, expiresAt: 9_000 }]);
      await store().add([{ ...first, before: 2_000, expiresAt: 7_000 }]);
      const strongest = { ...first, before: 2_000, expiresAt: 9_000 };
      assertSame((await all(position)).found.at(-1), strongest);
      await store().add([{ ...first, before: 1, expiresAt: null }]);
      await store().add([first]);
      assertSame(await store().find([first.key]), [{ ...strongest, expiresAt: null }]);
    });

    it('takes the same key twice in one write', async () => {
      const one = sampleRevocation({ before: 1_000, expiresAt: 8_000 });
      await store().add([one, { ...one, before: 3_000, expiresAt: 4_000 }]);
      assertSame(await store().find([one.key]), [{ ...one, before: 3_000 }]);
    });

    it('passes over nothing while others write', async () => {
      const written = Array.from({ length: 60 }, () => sampleRevocation());
      let { position } = await all();
      const seen: Revocation[] = [];
      let isDone = false;
      const writing = Promise.all(written.map((each) => store().add([each]))).then(
        () => (isDone = true),
      );
      for (;;) {
        const wasDone = isDone;
        const page = await store().since(position, 4);
        seen.push(...page.revocations);
        position = page.position;
        if (wasDone && page.revocations.length < 4) break;
      }
      await writing;
      assertSame(byKey(seen), byKey(written));
    });

    it('finds those that are asked for, and nothing else', async () => {
      const [one, other] = [sampleRevocation(), sampleRevocation()];
      await store().add([one, other]);
      assertSame(await store().find([]), []);
      assertSame(await store().find([sampleRevocation().key, '', '\0', "' or 1=1 --"]), []);
      assertSame(await store().find([one.key, one.key]), [one]);
      assertSame(byKey(await store().find([one.key, other.key])), byKey([one, other]));
    });

    it('forgets what has no effect any more, some at a time, and nothing else', async () => {
      const expired = Array.from({ length: 3 }, () => sampleRevocation({ expiresAt: 1_000 }));
      const kept = [sampleRevocation({ expiresAt: 1_001 }), sampleRevocation({ expiresAt: null })];
      await store().add([...expired, ...kept]);
      while ((await store().removeExpired(1_000, 2)) === 2);
      assertSame(await store().find(expired.map(({ key }) => key)), []);
      assert.equal((await store().find(kept.map(({ key }) => key))).length, 2);
      assert.equal(await store().removeExpired(1_000, 2), 0);
    });

    it('writes nothing where nothing is to be written', async () => {
      const { position } = await all();
      await store().add([]);
      assertSame(await all(position), { found: [], position });
    });
  });
}

function byKey(revocations: readonly Revocation[]): readonly Revocation[] {
  return revocations.toSorted((one, other) => (one.key < other.key ? -1 : 1));
}
