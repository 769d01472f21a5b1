import type { IndexGeometry, Segment } from '../audit/questions/geometry.js';
import { meet, unite, type Places } from '../audit/questions/places.js';
import { findPlaces, termBytes } from '../audit/questions/postings.js';
import type { Query } from './typeorm-subject-keys.js';

/** A segment of the index, with the earliest and the latest time of its records. */
export interface IndexedSegment extends Segment {
  readonly minTime: number;
  readonly maxTime: number;
}

/** The index as it is at one moment. */
export class IndexSnapshot {
  /** @param query sees one snapshot */
  constructor(
    private readonly geometry: IndexGeometry,
    private readonly query: Query,
  ) {}

  /** All of them, the newest first. */
  async segments(): Promise<readonly IndexedSegment[]> {
    const rows = await this.query<Record<'first' | 'level' | 'min' | 'max', string>>(
      `select first, level, min_time as min, max_time as max
         from nte_audit_segment order by first desc`,
      [],
    );
    return rows.map(({ first, level, min, max }) => ({
      first: Number(first),
      level: Number(level),
      minTime: Number(min),
      maxTime: Number(max),
    }));
  }

  /**
   * Where in each segment all that is asked comes together; undefined when nothing special is asked.
   * @param asked lists of terms, of each of which one must be there
   */
  async placesIn(
    batch: readonly Segment[],
    asked: readonly (readonly number[])[],
  ): Promise<ReadonlyMap<number, Places> | undefined> {
    if (asked.length === 0) return undefined;
    const terms = [...new Set(asked.flat())];
    const probes = batch.flatMap(({ first, level }) =>
      terms.map((term) => ({ first, level, term, bucket: this.geometry.bucketOf(level, term) })),
    );
    const rows = await this.query<{ first: string; term: string; entries: Buffer }>(
      `select first, term, entries from (
         select first, term, (
           select entries from nte_audit_posting as kept
            where kept.first = asked.first and kept.level = asked.level
              and kept.bucket = asked.bucket and position(needle in entries) > 0) as entries
           from unnest($1::bigint[], $2::smallint[], $3::int[], $4::bigint[], $5::bytea[])
             as asked (first, level, bucket, term, needle)
       ) as found where entries is not null`,
      [
        probes.map(({ first }) => first),
        probes.map(({ level }) => level),
        probes.map(({ bucket }) => bucket),
        probes.map(({ term }) => term),
        probes.map(({ term }) => termBytes(term)),
      ],
    );
    const found = new Map<string, Places>();
    for (const { first, term, entries } of rows) {
      const places = findPlaces(entries, Number(term));
      if (places !== undefined) found.set(`${first} ${term}`, places);
    }
    const result = new Map<number, Places>();
    for (const { first, level } of batch) {
      const groups = asked.map((some) =>
        some.flatMap((term) => found.get(`${first} ${term}`) ?? []),
      );
      if (groups.some((group) => group.length === 0)) continue;
      const size = this.geometry.sizeOf(level);
      result.set(first, meet(groups.map((group) => unite(group, size))));
    }
    return result;
  }

  /** The times of the blocks of segments, as `BlockTimes` writes them. */
  async timesIn(batch: readonly Segment[]): Promise<ReadonlyMap<number, Buffer>> {
    if (batch.length === 0) return new Map();
    const rows = await this.query<{ first: string; times: Buffer }>(
      'select first, times from nte_audit_segment where first = any($1::bigint[])',
      [batch.map(({ first }) => first)],
    );
    return new Map(rows.map(({ first, times }) => [Number(first), times]));
  }
}
