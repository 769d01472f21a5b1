import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { uuidv7 } from '../oauth/uuid.js';
import { SinkConflictError, type SinkOutcome, type SinkStore } from '../streams/sink-store.js';
import type { DeadLetter, Sink } from '../streams/sink.js';
import { assertSame } from './assert-same.js';
import { sampleDeadLetter, sampleSink } from './samples.js';
import { aroundTests, globalFramework, type Opened, type TestFramework } from './test-framework.js';

const NOBODY = '00000000-0000-7000-8000-000000000000';

/** The promises of the port `SinkStore`, as tests of the adapter that `open` gives. */
export function sinkStoreContract(
  name: string,
  open: () => Promise<Opened & { readonly store: SinkStore }>,
  framework: TestFramework = globalFramework(),
): void {
  const { describe, it } = framework;
  describe(`${name} keeps the promises of SinkStore`, () => {
    const adapter = aroundTests(open, framework);
    const store = (): SinkStore => adapter().store;
    const created = async (sink: Partial<Sink> = {}): Promise<Sink> => {
      const whole = sampleSink(sink);
      await store().create(whole);
      return whole;
    };
    /** Claims whatever is due, one after the other, and finds the sink among it. */
    const claimed = async (sink: Sink, owner: string, now: number): Promise<Sink | null> => {
      for (;;) {
        const found = await store().claim({ owner, now, until: now + 100, size: 1_000 });
        if (found === null || found.id === sink.id) return found;
      }
    };
    it('refuses an id that it keeps already, and a change of another version', async () => {
      const sink = await created();
      await refuses(store().create(sampleSink({ id: sink.id, name: 'x' })), 'id');
      for (const version of [0, 1, 3])
        await refuses(store().update({ ...sink, name: 'x', version }), 'version');
      await refuses(store().update(sampleSink({ version: 2 })), 'version');
      assertSame(await store().find(sink.id), sink);
    });

    it('finds nothing where there is nothing', async () => {
      for (const id of [NOBODY, 'x', '', '\0']) {
        assert.equal(await store().find(id), null);
        assert.equal(await store().move(id, { cursor: 1 }), null);
        assert.equal(await store().delete(id), false);
        assertSame(await store().deadLetters(id, { limit: 5 }), []);
        assert.equal(await store().findDeadLetter(id, id), null);
        assert.equal(await store().deleteDeadLetter(id, id), false);
      }
    });

    it('keeps a sink as it was given, and changes nothing of how far it has come', async () => {
      const sink = await created({
        subject: 'audit.records',
        kind: 'nats',
        cursor: 7,
        failures: 2,
      });
      assertSame(await store().find(sink.id), sink);
      const changed = { ...sink, name: 'new', filter: {}, sealedSecret: null, version: 2 };
      await store().update({ ...changed, cursor: 99, state: 'gone' } as Sink);
      assertSame(await store().find(sink.id), changed);
      assert.equal(await store().delete(sink.id), true);
      assert.equal(await store().find(sink.id), null);
    });

    it('lists in ascending order, page by page', async () => {
      const sinks = [await created(), await created(), await created()];
      const ids = sinks.map(({ id }) => id).toSorted();
      const page = await store().list({ after: ids[0], limit: 100 });
      const found = page.map(({ id }) => id).filter((id) => ids.includes(id));
      assertSame(found, ids.slice(1));
      assertSame((await store().list({ limit: 1 })).length, 1);
    });

    it('gives a sink to one worker at a time, and to another when that is late', async () => {
      const sink = await created({ cursor: 10 });
      const [one, other] = [randomUUID(), randomUUID()];
      const claims = await Promise.all(Array.from({ length: 10 }, () => claimed(sink, one, 1_000)));
      assertSame(
        claims.filter((each) => each !== null),
        [sink],
      );
      assert.equal(await claimed(sink, other, 1_099), null);
      assertSame(await claimed(sink, other, 1_100), sink);
      const held = { id: sink.id, owner: one, cursor: 10 };
      assert.equal(await store().settle(held, outcome()), false);
      assert.equal(await store().settle({ ...held, owner: other }, outcome()), true);
      assert.equal((await store().find(sink.id))?.cursor, 20);
    });

    it('gives nothing that is paused, not due, or has got all', async () => {
      const sinks = [
        await created({ state: 'paused' }),
        await created({ state: 'gone' }),
        await created({ cursor: 1_000 }),
        await created({ nextAttempt: 2_000 }),
      ];
      for (const sink of sinks) assert.equal(await claimed(sink, randomUUID(), 1_999), null);
      const late = sinks.at(-1);
      assert.ok(late);
      assertSame(await claimed(late, randomUUID(), 2_000), late);
    });

    it('writes what came of a try, and keeps the sink for its worker when told to', async () => {
      const sink = await created({ cursor: 10 });
      const owner = randomUUID();
      const held = { id: sink.id, owner, cursor: 10 };
      await claimed(sink, owner, 1_000);
      const failed = { failures: 3, nextAttempt: 5_000, lastError: 'status 500' };
      await store().settle(held, outcome({ ...failed, cursor: 10, until: 9_000 }));
      assertSame(await store().find(sink.id), { ...sink, ...failed });
      assert.equal(await claimed(sink, randomUUID(), 8_999), null);
      await store().settle(held, outcome({ deliveredAt: 6_000 }));
      assertSame(await store().find(sink.id), { ...sink, cursor: 20, deliveredAt: 6_000 });
    });

    it('lets an administrator move a sink under its worker', async () => {
      const sink = await created({ cursor: 10, failures: 4, lastError: 'status 500' });
      const owner = randomUUID();
      await claimed(sink, owner, 1_000);
      const moved = await store().move(sink.id, { cursor: 3 });
      assertSame(moved, { ...sink, cursor: 3, failures: 0, nextAttempt: 0, lastError: null });
      assert.equal(await store().settle({ id: sink.id, owner, cursor: 10 }, outcome()), false);
      await store().move(sink.id, { state: 'paused' });
      assert.equal(await store().settle({ id: sink.id, owner, cursor: 3 }, outcome()), true);
      assert.equal((await store().find(sink.id))?.state, 'paused');
    });

    it('keeps dead letters with what passes them over, and deletes them with their sink', async () => {
      const sink = await created({ cursor: 10 });
      const owner = randomUUID();
      const letters: DeadLetter[] = [];
      for (const cursor of [10, 20, 30]) {
        const deadLetter = sampleDeadLetter({
          id: uuidv7(1_000 + cursor),
          sinkId: sink.id,
          first: cursor,
        });
        letters.unshift(deadLetter);
        await claimed(sink, owner, 1_000_000 + cursor * 1_000);
        const next = outcome({ cursor: cursor + 10, deadLetter });
        assert.equal(await store().settle({ id: sink.id, owner, cursor }, next), true);
        // Not the worker's any more, so that nothing of it is kept.
        assert.equal(await store().settle({ id: sink.id, owner, cursor }, next), false);
      }
      assertSame(await store().deadLetters(sink.id, { limit: 5 }), letters);
      const [newest] = letters;
      assert.ok(newest);
      const { id } = newest;
      assertSame(await store().deadLetters(sink.id, { before: id, limit: 1 }), [letters[1]]);
      assertSame(await store().findDeadLetter(sink.id, id), newest);
      assert.equal(await store().findDeadLetter(NOBODY, id), null);
      assert.equal(await store().deleteDeadLetter(NOBODY, id), false);
      assert.equal(await store().deleteDeadLetter(sink.id, id), true);
      assert.equal(await store().deleteDeadLetter(sink.id, id), false);
      await store().delete(sink.id);
      assertSame(await store().deadLetters(sink.id, { limit: 5 }), []);
    });
  });
}

/** What came of a try that delivered the records up to 20, with changes. */
function outcome(changes: Partial<SinkOutcome> = {}): SinkOutcome {
  return {
    state: 'active',
    cursor: 20,
    failures: 0,
    nextAttempt: 0,
    lastError: null,
    until: null,
    ...changes,
  };
}

function refuses(write: Promise<void>, conflict: SinkConflictError['conflict']): Promise<void> {
  return assert.rejects(write, (error) => {
    assert.ok(error instanceof SinkConflictError, String(error));
    assert.equal(error.conflict, conflict);
    return true;
  });
}
