import { endianness } from 'node:os';

import type { IndexGeometry } from './geometry.js';
import { downward, readList } from './places.js';
import { movedPosting, postingOf, readBucket, writeBucket, type Posting } from './postings.js';

/** A bucket with its number in the segment. */
export interface Bucket {
  readonly number: number;
  readonly bytes: Buffer;
}

/** Bits of the place beside the term in one 64-bit number. */
const PLACE_BITS = 16;
/** Which half of a 64-bit number comes first in this machine's memory. */
const [LOW, HIGH] = endianness() === 'LE' ? [0, 1] : [1, 0];

/** Collects the terms of the records of one segment. At most 65 536 records. */
export class SegmentBuilder {
  /** Term and place as halves of 64-bit numbers, as which they are sorted. */
  #halves = new Uint32Array(2 ** 14);
  #length = 0;

  constructor(
    private readonly geometry: IndexGeometry,
    private readonly level: number,
  ) {}

  /** @param place of the record in the segment */
  add(place: number, terms: Iterable<number>): void {
    for (const term of terms) {
      if (this.#length === this.#halves.length) this.#grow();
      this.#halves[this.#length + LOW] = (term % 2 ** PLACE_BITS) * 2 ** PLACE_BITS + place;
      this.#halves[this.#length + HIGH] = Math.floor(term / 2 ** PLACE_BITS);
      this.#length += 2;
    }
  }

  /** The buckets that hold anything, ascending. */
  finish(): readonly Bucket[] {
    new BigUint64Array(this.#halves.buffer, 0, this.#length / 2).sort();
    const size = this.geometry.sizeOf(this.level);
    const postings: Posting[] = [];
    let places: number[] = [];
    for (let at = 0; at < this.#length; at += 2) {
      const term = this.#termAt(at);
      const place = (this.#halves[at + LOW] ?? 0) % 2 ** PLACE_BITS;
      if (places.at(-1) !== place) places.push(place);
      if (at + 2 < this.#length && this.#termAt(at + 2) === term) continue;
      postings.push(postingOf(term, places, size));
      places = [];
    }
    return bucketsOf(this.geometry, this.level, postings);
  }

  #termAt(at: number): number {
    const low = Math.floor((this.#halves[at + LOW] ?? 0) / 2 ** PLACE_BITS);
    return (this.#halves[at + HIGH] ?? 0) * 2 ** PLACE_BITS + low;
  }

  #grow(): void {
    const larger = new Uint32Array(this.#halves.length * 2);
    larger.set(this.#halves);
    this.#halves = larger;
  }
}

/**
 * Merges the buckets of one number from the segments that make one of the next level.
 * @param parts in any order, each with the number of its segment among its siblings
 * @returns buckets of a segment of `level + 1`
 */
export function mergeBuckets(
  geometry: IndexGeometry,
  level: number,
  parts: readonly { readonly sibling: number; readonly bytes: Buffer }[],
): readonly Bucket[] {
  const size = geometry.sizeOf(level);
  const all = parts
    .toSorted((a, b) => a.sibling - b.sibling)
    .flatMap(({ sibling, bytes }) =>
      [...readBucket(bytes)].map((posting) => ({ posting, offset: sibling * size })),
    )
    // What is sorted already in parts is sorted quickly, and stays in the order of the siblings.
    .toSorted((a, b) => a.posting.term - b.posting.term);
  const merged: Posting[] = [];
  for (let at = 0; at < all.length;) {
    const { posting: first, offset: start } = all[at] ?? { posting: undefined, offset: 0 };
    const { term } = first ?? { term: 0 };
    if (first?.isBits === false && all[at + 1]?.posting.term !== term) {
      merged.push(movedPosting(first, start));
      at += 1;
      continue;
    }
    const places: number[] = [];
    for (; all[at]?.posting.term === term; at += 1) {
      const { posting, offset } = all[at] ?? { posting: undefined, offset: 0 };
      if (posting !== undefined) append(places, posting, offset, size);
    }
    merged.push(postingOf(term, places, geometry.sizeOf(level + 1)));
  }
  return bucketsOf(geometry, level + 1, merged);
}

function append(places: number[], posting: Posting, offset: number, size: number): void {
  const { bytes, isBits } = posting;
  if (!isBits) readList(bytes, offset, places);
  else
    for (const at of [...downward({ bits: bytes }, 0, size)].toReversed()) places.push(at + offset);
}

/** @param postings ascending by their terms */
function bucketsOf(
  geometry: IndexGeometry,
  level: number,
  postings: readonly Posting[],
): readonly Bucket[] {
  const buckets: Bucket[] = [];
  for (let at = 0; at < postings.length;) {
    const number = geometry.bucketOf(level, postings[at]?.term ?? 0);
    let end = at + 1;
    while (end < postings.length && geometry.bucketOf(level, postings[end]?.term ?? 0) === number)
      end += 1;
    buckets.push({ number, bytes: writeBucket(postings.slice(at, end)) });
    at = end;
  }
  return buckets;
}
