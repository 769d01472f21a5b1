import { setImmediate as turn } from 'node:timers/promises';

import {
  Injectable,
  Logger,
  Optional,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { DataSource } from 'typeorm';

import { IndexGeometry, type Segment } from '../audit/questions/geometry.js';
import { mergeBuckets, SegmentBuilder, type Bucket } from '../audit/questions/segment-building.js';
import { eachFact, SELECT_ONLY_FACTS, type FactRow } from './audit-facts.js';
import { AuditThread } from './audit-thread.js';
import { BlockTimes } from './block-times.js';
import { RetirementListeners } from './retirement-listeners.js';
import { RecentTerms, type PlacedTerms } from './recent-terms.js';
import type { Query } from './typeorm-subject-keys.js';
import { Lock, lockParameters } from './write-transaction.js';

/** Milliseconds between two looks for news. */
const INTERVAL = 500;
/** Rows that are read at once, and that are worked on before others have their turn. */
const READ = 256;
const TURN = 32;
/** Buckets of each segment that are merged at once. */
const MERGED = 16;
/** Segments that are looked at for what is to be done: the others were merged already. */
const NEWEST = 100;

/** The index does not go on because the service stops. */
class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

/**
 * Indexes the audit log in the background, one instance at a time: block by block as it grows, and
 * small segments into larger ones. All of it is derived: when its tables are emptied, it begins anew.
 */
@Injectable()
export class TypeormAuditIndexer implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #logger = new Logger(TypeormAuditIndexer.name);
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(
    private readonly dataSource: DataSource,
    @Optional() private readonly geometry: IndexGeometry = new IndexGeometry(),
    @Optional() retirement?: RetirementListeners,
    @Optional() private readonly recent: RecentTerms = new RecentTerms(),
    @Optional() private readonly thread?: AuditThread,
  ) {
    retirement?.add((place) => this.forgetBefore(place));
  }

  /** Begins, unless the thread that writes the records does it. */
  onApplicationBootstrap(): void {
    if (this.thread?.isUsed !== true) this.#next(0);
    else this.thread.otherwise(() => this.#next(0));
  }

  /** Gives up what is under way: the next start goes on from what was done before. */
  async onApplicationShutdown(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  /**
   * Does the next piece of work: one block or several are indexed, or segments are merged.
   * @returns whether there was anything to do; false too while another instance does it
   */
  async advance(): Promise<boolean> {
    return this.#alone('pg_try_advisory_xact_lock', async (query) => {
      const segments = await newestSegments(query);
      const newest = segments.at(-1);
      const end = newest === undefined ? undefined : this.geometry.endOf(newest);
      const merge = end === undefined ? undefined : this.#dueMerge(segments, end);
      if (merge !== undefined) {
        await this.#merge(merge, query);
        return true;
      }
      const [log] = await query<{ size: string; first: string | null }>(
        'select size, (select min(sequence) from nte_audit_record) as first from nte_ledger_head',
        [],
      );
      const start = end ?? this.geometry.startOf(0, Number(log?.first ?? 0));
      const ready = Number(log?.size ?? 0) - start;
      const level = [2, 1, 0].find(
        (each) =>
          ready >= this.geometry.sizeOf(each) && this.geometry.startOf(each, start) === start,
      );
      if (level === undefined) return false;
      await this.#build({ level, first: start }, query);
      return true;
    });
  }

  /**
   * Forgets segments that end at or before a place of the log, whose records are gone. The segment that
   * holds the place stays as a whole.
   */
  async forgetBefore(sequence: number): Promise<void> {
    await this.#alone('pg_advisory_xact_lock', async (query) => {
      await query(
        `with gone as (
           delete from nte_audit_segment
            where first + ($2::bigint << ($3::int * level)) <= $1 returning first, level)
         delete from nte_audit_posting as kept using gone
          where kept.first = gone.first and kept.level = gone.level`,
        [sequence, this.geometry.block, this.geometry.fanBits],
      );
      return true;
    });
  }

  /** Runs work under the lock of the index. What it writes can be made again: no commit waits for the disk. */
  async #alone(lock: string, work: (query: Query) => Promise<boolean>): Promise<boolean> {
    return this.dataSource.transaction('READ COMMITTED', async (manager) => {
      const query: Query = (text, values) => manager.query(text, values);
      const [turn] = await query<{ isOurs: boolean | '' }>(
        `select ${lock}($1, $2) as "isOurs", set_config('synchronous_commit', 'off', true)`,
        [...lockParameters(Lock.AuditIndex)],
      );
      return turn?.isOurs === false ? false : work(query);
    });
  }

  async #build(segment: Segment, query: Query): Promise<void> {
    const builder = new SegmentBuilder(this.geometry, segment.level);
    const times = new BlockTimes(this.geometry, segment);
    const end = this.geometry.endOf(segment);
    // The database reads on while this works; nobody waits for what it reads in vain.
    const read = (start: number): Promise<readonly PlacedTerms[]> =>
      this.#read(start, Math.min(end, start + READ), query);
    let ahead = read(segment.first);
    for (let start = segment.first; start < end; start += READ) {
      const records = await ahead;
      ahead = start + READ < end ? read(start + READ) : Promise.resolve([]);
      ahead.catch(() => undefined);
      for (const [at, { sequence, time, terms }] of records.entries()) {
        const place = sequence - segment.first;
        builder.add(place, terms);
        times.add(place, time);
        if (at % TURN === TURN - 1) await this.#giveTurn();
      }
    }
    await keepBuckets(segment, builder.finish(), query);
    await keepSegment(segment, times, query);
  }

  /** The terms of the records from one place to another, in order: those of ours from memory. */
  async #read(start: number, end: number, query: Query): Promise<readonly PlacedTerms[]> {
    const known: PlacedTerms[] = [];
    const missing: number[] = [];
    for (let place = start; place < end; place += 1) {
      const found = this.recent.at(place);
      if (found) known.push(found);
      else missing.push(place);
    }
    if (missing.length === 0) return known;
    const rows = await query<FactRow>(`${SELECT_ONLY_FACTS} where sequence = any($1::bigint[])`, [
      missing,
    ]);
    const others: PlacedTerms[] = [];
    for (const [at, row] of rows.entries()) {
      const sequence = Number(row.sequence);
      const terms = this.recent.terms((take) => eachFact(row, take));
      others.push({ sequence, time: Number(row.time), terms });
      if (at % TURN === TURN - 1) await this.#giveTurn();
    }
    return [...known, ...others].toSorted((a, b) => a.sequence - b.sequence);
  }

  /** The segments of the lowest level that make one of the next. */
  #dueMerge(segments: readonly Segment[], end: number): readonly Segment[] | undefined {
    for (let level = 0; level < this.geometry.top; level += 1) {
      const [first] = segments.filter((segment) => segment.level === level);
      if (first === undefined) continue;
      const start = this.geometry.startOf(level + 1, first.first);
      const parent = this.geometry.endOf({ level: level + 1, first: start });
      if (parent <= end)
        return segments.filter((each) => each.level === level && each.first < parent);
    }
    return undefined;
  }

  /** @param parts siblings; those that are missing were forgotten */
  async #merge(parts: readonly Segment[], query: Query): Promise<void> {
    const { level = 0, first = 0 } = parts[0] ?? {};
    const merged = { level: level + 1, first: this.geometry.startOf(level + 1, first) };
    const firsts = parts.map((part) => part.first);
    for (let low = 0; low < this.geometry.bucketsOf(level); low += MERGED) {
      const rows = await query<{ first: string; bucket: number; entries: Buffer }>(
        `select first, bucket, entries from nte_audit_posting
          where first = any($1::bigint[]) and level = $2 and bucket >= $3 and bucket < $4`,
        [firsts, level, low, low + MERGED],
      );
      const buckets: Bucket[] = [];
      for (let number = low; number < low + MERGED; number += 1) {
        const siblings = rows
          .filter(({ bucket }) => bucket === number)
          .map(({ first: place, entries }) => ({
            sibling: (Number(place) - merged.first) / this.geometry.sizeOf(level),
            bytes: entries,
          }));
        buckets.push(...mergeBuckets(this.geometry, level, siblings));
        await this.#giveTurn();
      }
      await keepBuckets(merged, buckets, query);
    }
    const times = new BlockTimes(this.geometry, merged);
    for (const { first: place, times: bytes } of await query<{ first: string; times: Buffer }>(
      'select first, times from nte_audit_segment where first = any($1::bigint[])',
      [firsts],
    ))
      times.take(Number(place), bytes);
    await query('delete from nte_audit_posting where first = any($1::bigint[]) and level = $2', [
      firsts,
      level,
    ]);
    await query('delete from nte_audit_segment where first = any($1::bigint[])', [firsts]);
    await keepSegment(merged, times, query);
  }

  /** Others come first. */
  async #giveTurn(): Promise<void> {
    if (this.#isStopped) throw new StoppedError('The service stops');
    await turn();
  }

  #next(delay: number): void {
    this.#timer = setTimeout(() => {
      this.#round = this.#advance();
    }, delay);
    this.#timer.unref();
  }

  async #advance(): Promise<void> {
    let isBusy = false;
    try {
      isBusy = await this.advance();
    } catch (error) {
      if (error instanceof StoppedError) return;
      this.#logger.error({ event: 'audit_index_failed', cause: String(error) });
    }
    if (!this.#isStopped) this.#next(isBusy ? 0 : INTERVAL);
  }
}

/** The newest segments, the newest last. */
async function newestSegments(query: Query): Promise<readonly Segment[]> {
  const rows = await query<{ first: string; level: number }>(
    'select first, level from nte_audit_segment order by first desc limit $1',
    [NEWEST],
  );
  return rows.map(({ first, level }) => ({ first: Number(first), level })).toReversed();
}

async function keepBuckets(
  { first, level }: Segment,
  buckets: readonly Bucket[],
  query: Query,
): Promise<void> {
  if (buckets.length === 0) return;
  await query(
    `insert into nte_audit_posting (first, level, bucket, entries)
     select $1, $2, bucket, entries from unnest($3::int[], $4::bytea[]) as r (bucket, entries)`,
    [first, level, buckets.map(({ number }) => number), buckets.map(({ bytes }) => bytes)],
  );
}

async function keepSegment(
  { first, level }: Segment,
  times: BlockTimes,
  query: Query,
): Promise<void> {
  await query(
    `insert into nte_audit_segment (first, level, min_time, max_time, times)
     values ($1, $2, $3, $4, $5)`,
    [first, level, times.min, times.max, times.bytes],
  );
}
