import { afterEach, describe, expect, it } from '@jest/globals';

import { eventStream } from '../../src/admin/event-stream.js';
import type { AuditPage } from '../../src/audit/audit-log.js';
import { recordWriter } from '../../src/audit/export/export-format.js';
import { exportSearch } from '../../src/audit/export/record-export.js';
import { RecordProver } from '../../src/audit/export/record-prover.js';
import { isFound } from '../../src/audit/record-filter.js';
import { LedgerFollower, TooManyStreamsError } from '../../src/streams/ledger-follower.js';
import { StreamSettings } from '../../src/streams/stream-settings.js';
import { MemoryLedger, recordOfClient } from '../support/memory-ledger.js';

const open: LedgerFollower[] = [];

afterEach(() => {
  for (const each of open.splice(0)) each.onModuleDestroy();
});

function followerOf(ledger: MemoryLedger, settings: Partial<StreamSettings> = {}): LedgerFollower {
  const follower = new LedgerFollower(ledger, new StreamSettings({ interval: 5, ...settings }));
  open.push(follower);
  return follower;
}

/** The sequences in a stream of events, until so many came or it ends. */
async function take(stream: AsyncGenerator<string>, count: number): Promise<readonly number[]> {
  const found: number[] = [];
  while (found.length < count) {
    const { value, done } = await stream.next();
    if (done) break;
    for (const [, id] of value.matchAll(/^id: (\d+)\ndata/gm)) found.push(Number(id));
  }
  return found;
}

function streamOf(
  followers: LedgerFollower,
  from: number,
  fields: Partial<Parameters<typeof eventStream>[0]> = {},
): AsyncGenerator<string> {
  return eventStream({
    follower: followers.follow(),
    from,
    heartbeat: 20,
    allowed: async () => 60_000,
    isWanted: () => true,
    write: ({ record }) => JSON.stringify({ id: record.id }),
    ...fields,
  });
}

const range = (first: number, end: number): readonly number[] =>
  Array.from({ length: end - first }, (_, at) => first + at);

describe('A stream of records refuses', () => {
  it('to be one too many, and makes room when one ends', () => {
    const followers = followerOf(new MemoryLedger(), { maxStreams: 2 });
    const first = followers.follow();
    followers.follow();
    expect(() => followers.follow()).toThrow(TooManyStreamsError);
    first.close();
    followers.follow();
  });

  it('what no checkpoint covers', async () => {
    const ledger = new MemoryLedger();
    ledger.fill(2);
    ledger.append(recordOfClient());
    const stream = streamOf(followerOf(ledger), 0);
    expect(await take(stream, 2)).toEqual([0, 1]);
    expect((await stream.next()).value).toBe(': still here\nid: 1\n\n');
    ledger.sign();
    expect(await take(stream, 1)).toEqual([2]);
  });

  it('another word to whoever may no longer watch, though there is news', async () => {
    const ledger = new MemoryLedger();
    ledger.fill(1);
    let left = 60_000;
    const stream = streamOf(followerOf(ledger), 0, { allowed: async () => left });
    expect(await take(stream, 1)).toEqual([0]);
    const next = stream.next();
    left = 0;
    ledger.fill(1);
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it('to go on when the instance leaves', async () => {
    const followers = followerOf(new MemoryLedger());
    const stream = streamOf(followers, 0, { heartbeat: 60_000 });
    await stream.next();
    const next = stream.next();
    followers.onModuleDestroy();
    expect((await next).done).toBe(true);
    expect(() => followers.follow()).toThrow(TooManyStreamsError);
  });
});

describe('A stream of records', () => {
  it('gives every record once, in order, wherever it begins and whenever they come', async () => {
    const ledger = new MemoryLedger();
    ledger.fill(250);
    const followers = followerOf(ledger, { window: 50 });
    const streams = [0, 100, 249].map((from) => streamOf(followers, from));
    const all = Promise.all(streams.map((stream, at) => take(stream, [400, 300, 151][at]!)));
    for (const count of [1, 70, 79]) {
      ledger.fill(count);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await all).toEqual([range(0, 400), range(100, 400), range(249, 400)]);
  });

  it('reads what is new once for all who watch, and nothing else', async () => {
    const ledger = new MemoryLedger();
    ledger.fill(300);
    const followers = followerOf(ledger, { window: 10 });
    const streams = range(0, 20).map(() => streamOf(followers, 300));
    const taken = Promise.all(streams.map((stream) => take(stream, 5)));
    await new Promise((resolve) => setTimeout(resolve, 30));
    ledger.asked = 0;
    ledger.fill(5);
    expect(await taken).toEqual(streams.map(() => range(300, 305)));
    expect(ledger.asked).toBe(5);
  });

  it('reads on only when its reader does: a slow one costs no memory', async () => {
    const ledger = new MemoryLedger();
    ledger.fill(1_000);
    const followers = followerOf(ledger, { window: 10 });
    const stream = streamOf(followers, 0);
    expect(await take(stream, 1)).toHaveLength(100);
    await new Promise((resolve) => setTimeout(resolve, 30));
    // The window of the newest, and the first piece.
    expect(ledger.asked).toBe(110);
    expect(await take(stream, 900)).toEqual(range(100, 1_000));
  });

  it('tells only what is looked for, and how far was looked', async () => {
    const ledger = new MemoryLedger();
    ledger.fill(3, { client: { clientId: 'other' } });
    ledger.fill(1);
    ledger.fill(3, { client: { clientId: 'other' } });
    const stream = streamOf(followerOf(ledger), 0, {
      isWanted: ({ record }) => isFound(record, { client: 'my_gateway' }, undefined),
    });
    expect(await take(stream, 1)).toEqual([3]);
    expect((await stream.next()).value).toBe(': still here\nid: 6\n\n');
  });
});

describe('An export', () => {
  it('reads the next page only when the last was taken', async () => {
    const ledger = new MemoryLedger();
    ledger.fill(1_000);
    const prover = await RecordProver.newest(ledger);
    let pages = 0;
    const search = async (
      _: object,
      page: { before?: string | undefined; limit: number },
    ): Promise<AuditPage> => {
      pages += 1;
      const before = Number(page.before);
      const sequences = range(Math.max(0, before - page.limit), before).toReversed();
      const entries = sequences.map((sequence) => ({
        sequence: String(sequence),
        record: recordOfClient(),
      }));
      const next = String(sequences.at(-1));
      return { entries, next: next === '0' ? null : next };
    };
    const texts = exportSearch({ search }, prover!, {}, recordWriter('csv', ledger.issuer));
    await texts.next();
    await texts.next();
    expect([pages, ledger.asked]).toEqual([1, 200]);
    let rows = 0;
    for await (const text of texts) rows += text.split('\r\n').length - 1;
    expect([pages, rows]).toEqual([5, 800]);
  });
});
