import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { clearFacts, fact, termOf } from '../../src/audit/questions/facts.js';
import { IndexGeometry } from '../../src/audit/questions/geometry.js';
import {
  decodePlaces,
  downward,
  encodePlaces,
  meet,
  placesOf,
  readNumber,
  unite,
  writeNumber,
  type Places,
} from '../../src/audit/questions/places.js';
import { findPlaces } from '../../src/audit/questions/postings.js';
import {
  mergeBuckets,
  SegmentBuilder,
  type Bucket,
} from '../../src/audit/questions/segment-building.js';

const SIZE = 4_096;

/** Places of every density, from none to all. */
const numbers = fc
  .tuple(
    fc.constantFrom(0, 1, 7, 60, 600, 4_000, SIZE),
    fc.infiniteStream(fc.nat({ max: SIZE - 1 })),
  )
  .map(([count, stream]) =>
    count === SIZE
      ? Array.from({ length: SIZE }, (_, place) => place)
      : ascending(Array.from({ length: count }, () => stream.next().value as number)),
  );

function ascending(list: readonly number[]): number[] {
  return [...new Set(list)].toSorted((a, b) => a - b);
}

function both(list: readonly number[]): Places {
  const { bytes, isBits } = encodePlaces(list, SIZE);
  return decodePlaces(bytes, isBits);
}

function listOf(places: Places): number[] {
  return [...downward(places, 0, SIZE)].toReversed();
}

describe('Places', () => {
  it('are read as they were written, in bytes as few as bits or fewer', () => {
    fc.assert(
      fc.property(numbers, (list) => {
        const { bytes, isBits } = encodePlaces(list, SIZE);
        expect(bytes.length).toBeLessThanOrEqual(SIZE / 8);
        expect(listOf(decodePlaces(bytes, isBits))).toEqual(list);
      }),
    );
    expect(encodePlaces([5, 77, 4_000], SIZE).bytes).toHaveLength(4);
  });

  it('are united and met as sets are, whatever their forms', () => {
    fc.assert(
      fc.property(fc.array(numbers, { minLength: 1, maxLength: 4 }), (lists) => {
        expect(listOf(unite(lists.map(both), SIZE))).toEqual(ascending(lists.flat()));
        const common = (lists[0] ?? []).filter((place) =>
          lists.every((list) => list.includes(place)),
        );
        expect(listOf(meet(lists.map(both)))).toEqual(common);
      }),
      { numRuns: 40 },
    );
  });

  it('are walked downward within any bounds', () => {
    const bound = fc.integer({ min: -3, max: SIZE + 3 });
    fc.assert(
      fc.property(numbers, bound, bound, (list, low, high) => {
        const expected = list.filter((place) => place >= low && place < high).toReversed();
        expect([...downward(both(list), low, high)]).toEqual(expected);
        expect([...downward(placesOf(list), low, high)]).toEqual(expected);
      }),
    );
  });

  it('hold numbers of any size', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat({ max: 9 }), (value, at) => {
        const bytes = Buffer.alloc(20);
        const end = writeNumber(bytes, at, value);
        expect(readNumber(bytes, at)).toEqual({ value, end });
      }),
    );
  });
});

/** What the records of a stretch of log say, as numbers: some are common, some are said once. */
const said = fc.array(
  fc.uniqueArray(
    fc.oneof(
      fc.constantFrom(0, 1, 2 ** 47, 2 ** 48 - 1),
      fc.integer({ min: 0, max: 40 }).map((word) => termOf(`word ${word}`)),
      fc.maxSafeNat().map((rare) => termOf(`rare ${rare}`)),
    ),
    { maxLength: 6 },
  ),
  { minLength: 1, maxLength: 64 },
);
const GEOMETRY = new IndexGeometry({ blockBits: 2, fanBits: 2 });

function build(level: number, records: readonly (readonly number[])[]): readonly Bucket[] {
  const builder = new SegmentBuilder(GEOMETRY, level);
  records.forEach((terms, place) => builder.add(place, terms));
  return builder.finish();
}

function merge(level: number, segments: readonly (readonly Bucket[])[]): readonly Bucket[] {
  return Array.from({ length: GEOMETRY.bucketsOf(level) }, (_, number) =>
    mergeBuckets(
      GEOMETRY,
      level,
      // In no order, as a database gives them.
      segments
        .flatMap((buckets, sibling) =>
          buckets.filter((each) => each.number === number).map(({ bytes }) => ({ sibling, bytes })),
        )
        .toReversed(),
    ),
  ).flat();
}

function slices<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, at) =>
    list.slice(at * size, (at + 1) * size),
  );
}

describe('A segment', () => {
  it('finds every record by all that it says and by nothing else, built or merged', () => {
    fc.assert(
      fc.property(said, (records) => {
        const built = build(2, records);
        const blocks = slices(records, 4).map((block) => build(0, block));
        const merged = merge(
          1,
          slices(blocks, 4).map((siblings) => merge(0, siblings)),
        );
        for (const term of new Set([...records.flat(), termOf('nobody says it'), 77])) {
          const expected = records.flatMap((terms, place) => (terms.includes(term) ? [place] : []));
          for (const buckets of [built, merged]) {
            const number = GEOMETRY.bucketOf(2, term);
            const bucket = buckets.find((each) => each.number === number);
            const places = bucket && findPlaces(bucket.bytes, term);
            expect(places === undefined ? [] : [...downward(places, 0, 64)].toReversed()).toEqual(
              expected,
            );
          }
        }
        const texts = [built, merged].map((buckets) =>
          buckets.map(({ number, bytes }) => `${number} ${bytes.toString('hex')}`),
        );
        expect(texts[0]).toEqual(texts[1]);
      }),
    );
  });

  it('lacks nothing when siblings of before were forgotten', () => {
    const term = termOf('word');
    const buckets = merge(0, [[], [], build(0, [[], [term]]), build(0, [[term]])]);
    expect(buckets.map(({ bytes }) => findPlaces(bytes, term))).toEqual([
      { list: Uint32Array.of(9, 12) },
    ]);
  });

  it('has its place among those of its level and in those of the next', () => {
    const geometry = new IndexGeometry();
    expect([0, 1, 2, 3].map((level) => geometry.sizeOf(level))).toEqual([
      256, 4_096, 65_536, 1_048_576,
    ]);
    expect(geometry.startOf(1, 5_000)).toBe(4_096);
    expect(geometry.endOf({ level: 1, first: 4_096 })).toBe(8_192);
    expect(geometry.bucketOf(0, 2 ** 48 - 1)).toBe(15);
    expect(geometry.bucketOf(3, 2 ** 48 - 1)).toBe(65_535);
    expect(geometry.bucketsOf(3)).toBe(65_536);
  });
});

describe('What a record says', () => {
  it('is told apart by its kind, and tokens by their part', () => {
    const facts: string[] = [];
    clearFacts(
      {
        traceId: 't',
        requested: { scope: ['a', 'b'] },
        issuedToken: { hash: 'h3', jti: 'j3', scope: ['a'] },
        subjectToken: { hash: 'h1', jti: 'j1' },
        actorToken: { hash: 'h2' },
        basis: { policy: 'p', version: 'v', rule: 'r' },
      },
      (kind, value) => facts.push(fact(kind, value)),
    );
    expect(facts).toEqual([
      'scope a',
      'scope a',
      'scope b',
      'policy p',
      'policy_version v',
      'trace t',
      'subject_hash h1',
      'subject_jti j1',
      'actor_hash h2',
      'issued_hash h3',
      'issued_jti j3',
    ]);
    expect(termOf(fact('client', 'a'))).not.toBe(termOf(fact('audience', 'a')));
  });
});
