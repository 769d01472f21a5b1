import type { DataSource } from 'typeorm';

import { termOf } from '../audit/questions/facts.js';
import type { IndexGeometry } from '../audit/questions/geometry.js';
import { downward, type Places } from '../audit/questions/places.js';
import { factsOf, SELECT_FACTS, type FactRow } from './audit-facts.js';
import { isAnswer, type Question } from './audit-question.js';
import { IndexSnapshot, type IndexedSegment } from './index-snapshot.js';
import type { Query } from './typeorm-subject-keys.js';

/** Rows that are read at once where most of them may be none. */
const CHUNK = 512;
/** Rows that one search reads at most, besides those of its page; the next page goes on from there. */
const MOST_ROWS = 4_096;
/** Buckets that one search looks into at most. */
const MOST_BUCKETS = 50_000;
const LAST_PLACE = Number.MAX_SAFE_INTEGER;

/** Which part of the log is searched, newest first. */
export interface Stretch {
  /** Only below this place. */
  readonly before?: number | undefined;
  /** Only above this place. */
  readonly after?: number | undefined;
  readonly limit: number;
}

/** What was found, and the place below which to go on; null when there is no more. */
export interface Found {
  readonly rows: readonly FactRow[];
  readonly next: number | null;
}

/**
 * Searches the log: its newest records one by one, as they are not indexed yet, all others by the
 * index. What is found is always judged by the record itself.
 */
export class AuditIndexSearch {
  constructor(
    private readonly dataSource: DataSource,
    private readonly geometry: IndexGeometry,
  ) {}

  /** The work is bounded: a page may be short, or empty, and yet not be the last. */
  async find(question: Question, stretch: Stretch): Promise<Found> {
    // One snapshot: segments are merged at any time.
    return this.dataSource.transaction('REPEATABLE READ', async (manager) => {
      const query: Query = (text, values) => manager.query(text, values);
      return new Walk(question, stretch, this.geometry, query).run();
    });
  }
}

class Walk {
  readonly #found: FactRow[] = [];
  /** The lowest place that was looked at. */
  #lowest: number;
  #rowsLeft: number;
  #bucketsLeft = MOST_BUCKETS;
  readonly #low: number;
  readonly #limit: number;
  readonly #terms: readonly (readonly number[])[];
  readonly #index: IndexSnapshot;

  constructor(
    private readonly question: Question,
    { before = LAST_PLACE, after = -1, limit }: Stretch,
    private readonly geometry: IndexGeometry,
    private readonly query: Query,
  ) {
    this.#lowest = before;
    this.#low = after + 1;
    this.#limit = limit;
    this.#rowsLeft = limit + MOST_ROWS;
    this.#terms = question.all.map((some) => some.map(termOf));
    this.#index = new IndexSnapshot(geometry, query);
  }

  async run(): Promise<Found> {
    const { chainId } = this.question;
    if (chainId !== undefined) {
      await this.#readDown('chain_id = $4 and', [chainId], this.#low);
      return this.#result();
    }
    const segments = await this.#index.segments();
    const [newest] = segments;
    const indexed = newest === undefined ? 0 : this.geometry.endOf(newest);
    await this.#readDown('', [], Math.max(indexed, this.#low));
    for (const batch of this.#batches(segments)) {
      if (this.#isOver) break;
      await this.#searchBatch(batch);
    }
    return this.#result();
  }

  /** Whether there is enough, or too much was done already. */
  get #isOver(): boolean {
    return this.#found.length > this.#limit || this.#rowsLeft <= 0 || this.#bucketsLeft <= 0;
  }

  #result(): Found {
    const rows = this.#found.slice(0, this.#limit);
    if (this.#found.length > this.#limit) return { rows, next: Number(rows.at(-1)?.sequence ?? 0) };
    return { rows, next: this.#isOver && this.#lowest > this.#low ? this.#lowest : null };
  }

  /** Reads rows one after the other, down to a place. */
  async #readDown(condition: string, values: readonly unknown[], low: number): Promise<void> {
    while (!this.#isOver && this.#lowest > low) {
      const rows = await this.query<FactRow>(
        `${SELECT_FACTS} where ${condition} sequence >= $1 and sequence < $2
          order by sequence desc limit $3`,
        [low, this.#lowest, CHUNK, ...values],
      );
      for (const row of rows) this.#judge(row);
      if (rows.length < CHUNK) this.#lowest = Math.min(this.#lowest, low);
    }
  }

  #judge(row: FactRow): void {
    if (this.#found.length > this.#limit) return;
    this.#lowest = Number(row.sequence);
    this.#rowsLeft -= 1;
    if (isAnswer(this.question, row, factsOf(row))) this.#found.push(row);
  }

  /** Those that can have answers, the newest first, in batches that cover more and more of the log. */
  *#batches(segments: readonly IndexedSegment[]): Generator<readonly IndexedSegment[]> {
    const { from = -Infinity, until = Infinity } = this.question;
    let size = this.geometry.sizeOf(this.geometry.top);
    let batch: IndexedSegment[] = [];
    let covered = 0;
    for (const segment of segments) {
      const isOutside = segment.first >= this.#lowest || this.geometry.endOf(segment) <= this.#low;
      if (isOutside || segment.maxTime < from || segment.minTime >= until) continue;
      batch.push(segment);
      covered += this.geometry.sizeOf(segment.level);
      if (covered < size) continue;
      yield batch;
      size *= 2;
      [batch, covered] = [[], 0];
    }
    if (batch.length > 0) yield batch;
    if (!this.#isOver) this.#lowest = this.#low;
  }

  async #searchBatch(batch: readonly IndexedSegment[]): Promise<void> {
    this.#bucketsLeft -= new Set(this.#terms.flat()).size * batch.length;
    const places = await this.#index.placesIn(batch, this.#terms);
    const times = await this.#index.timesIn(batch.filter((segment) => this.#isPartly(segment)));
    const candidates = this.#candidates(batch, places, times);
    for (;;) {
      const wanted = Math.max(64, this.#limit + 1 - this.#found.length);
      const next: number[] = [];
      while (next.length < wanted) {
        const { value, done } = candidates.next();
        if (done === true) break;
        next.push(value);
      }
      if (next.length === 0) break;
      const rows = await this.query<FactRow>(
        `${SELECT_FACTS} where sequence = any($1::bigint[]) order by sequence desc`,
        [next],
      );
      for (const row of rows) this.#judge(row);
      if (this.#found.length > this.#limit) return;
      this.#lowest = next.at(-1) ?? this.#lowest;
      // Places whose records are gone are work too.
      this.#rowsLeft -= next.length - rows.length;
      if (this.#rowsLeft <= 0) return;
    }
    this.#lowest = Math.min(this.#lowest, batch.at(-1)?.first ?? this.#lowest);
  }

  /** Whether some of its records are of another time than the one that is asked for. */
  #isPartly({ minTime, maxTime }: IndexedSegment): boolean {
    const { from = -Infinity, until = Infinity } = this.question;
    return minTime < from || maxTime >= until;
  }

  /** Places in the log where an answer may be, descending. */
  *#candidates(
    batch: readonly IndexedSegment[],
    places: ReadonlyMap<number, Places> | undefined,
    times: ReadonlyMap<number, Buffer>,
  ): Generator<number> {
    for (const segment of batch) {
      const { first, level } = segment;
      const found = places?.get(first);
      if (places !== undefined && found === undefined) continue;
      const size = this.geometry.sizeOf(level);
      const low = Math.max(0, this.#low - first);
      const high = Math.min(size, this.#lowest - first);
      for (const [start, end] of this.#ranges(times.get(first), size)) {
        const [from, to] = [Math.max(low, start), Math.min(high, end)];
        if (found !== undefined) for (const at of downward(found, from, to)) yield first + at;
        else for (let at = to - 1; at >= from; at -= 1) yield first + at;
      }
    }
  }

  /** The parts of a segment whose blocks have records of the time that is asked for, the last first. */
  *#ranges(times: Buffer | undefined, size: number): Generator<readonly [number, number]> {
    if (times === undefined) {
      yield [0, size];
      return;
    }
    const { from = -Infinity, until = Infinity } = this.question;
    const { block } = this.geometry;
    for (let start = size - block; start >= 0; start -= block) {
      const at = (start / block) * 16;
      if (times.readDoubleBE(at) < until && times.readDoubleBE(at + 8) >= from)
        yield [start, start + block];
    }
  }
}
