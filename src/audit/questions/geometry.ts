/** Bits of a term: as many as a number holds exactly with room to spare. */
const TERM_BITS = 48;
/** The largest segments are of this level. */
const TOP = 3;

/** A stretch of the log that is indexed as a whole. */
export interface Segment {
  readonly level: number;
  /** The place of its first record in the log. */
  readonly first: number;
}

/**
 * How the log is cut into segments: the smallest hold a block of records, and so many of one level make
 * one of the next. A segment keeps its terms in buckets, by their first bits, so that buckets of every
 * level are about as large.
 */
export class IndexGeometry {
  readonly blockBits: number;
  readonly fanBits: number;

  /** Blocks of 256 records, and 16 segments in one of the next level, unless said otherwise. */
  constructor({ blockBits = 8, fanBits = 4 } = {}) {
    this.blockBits = blockBits;
    this.fanBits = fanBits;
  }

  readonly top = TOP;

  /** Records of a block. */
  get block(): number {
    return 1 << this.blockBits;
  }

  /** Segments that make one of the next level. */
  get fan(): number {
    return 1 << this.fanBits;
  }

  /** Records of a segment. */
  sizeOf(level: number): number {
    return 1 << (this.blockBits + this.fanBits * level);
  }

  /** The place behind a segment. */
  endOf({ level, first }: Segment): number {
    return first + this.sizeOf(level);
  }

  /** Where the segment of a level begins that holds a place. */
  startOf(level: number, place: number): number {
    return place - (place % this.sizeOf(level));
  }

  /** Buckets of a segment. */
  bucketsOf(level: number): number {
    return 1 << (this.fanBits * (level + 1));
  }

  /** The bucket that holds a term. */
  bucketOf(level: number, term: number): number {
    return Math.floor(term / 2 ** (TERM_BITS - this.fanBits * (level + 1)));
  }
}
