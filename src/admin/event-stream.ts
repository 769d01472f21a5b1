import type { ProvenRecord } from '../audit/export/proven-record.js';
import type { Follower } from '../streams/ledger-follower.js';

/** What a stream of records needs to know. */
export interface EventStream {
  readonly follower: Follower;
  /** Where it begins. */
  readonly from: number;
  /** Milliseconds after which it says that it is still there. */
  readonly heartbeat: number;
  /** Milliseconds that whoever watches may still do so; 0 when they may no longer. */
  readonly allowed: () => Promise<number>;
  readonly isWanted: (proven: ProvenRecord) => boolean;
  readonly write: (proven: ProvenRecord) => string;
}

/**
 * The text of Server-Sent Events (WHATWG HTML section 9.2): each record's `id` is its sequence. It reads
 * on only when the last text was taken, and ends when whoever watches may no longer, or the instance
 * leaves. An `id` without data tells how far was looked.
 */
export async function* eventStream(stream: EventStream): AsyncGenerator<string> {
  const { follower, heartbeat, allowed, isWanted, write } = stream;
  let { from } = stream;
  try {
    yield 'retry: 3000\n\n';
    for (let left = await allowed(); left > 0; left = await allowed()) {
      const { records, next } = await follower.read(from, Math.min(left, heartbeat));
      if (follower.isClosed || (records.length > 0 && (await allowed()) <= 0)) break;
      const texts = records
        .filter(isWanted)
        .map((proven) => `id: ${proven.index}\ndata: ${write(proven)}\n\n`);
      const last = next > 0 ? `id: ${next - 1}\n` : '';
      if (texts.length > 0) yield texts.join('');
      else if (next === from) yield `: still here\n${last}\n`;
      from = next;
    }
  } finally {
    follower.close();
  }
}
