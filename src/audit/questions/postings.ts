import { decodePlaces, encodePlaces, readNumber, writeNumber, type Places } from './places.js';

const TERM_BYTES = 6;
const LENGTH_BYTES = 5;

/** A term with the places where it stands, as a bucket holds it. */
export interface Posting {
  readonly term: number;
  readonly bytes: Buffer;
  readonly isBits: boolean;
}

/** A term as the bytes by which a bucket names it. */
export function termBytes(term: number): Buffer {
  const bytes = Buffer.allocUnsafe(TERM_BYTES);
  bytes.writeUIntBE(term, 0, TERM_BYTES);
  return bytes;
}

/** A posting of ascending places in a segment of `size` records. */
export function postingOf(term: number, list: ArrayLike<number>, size: number): Posting {
  return { term, ...encodePlaces(list, size) };
}

/** The same list of places, each moved by an offset, in a larger segment: only the first is written anew. */
export function movedPosting({ term, bytes }: Posting, offset: number): Posting {
  const { value, end } = readNumber(bytes, 0);
  const moved = Buffer.allocUnsafe(LENGTH_BYTES + bytes.length - end);
  const start = writeNumber(moved, 0, value + offset);
  moved.set(bytes.subarray(end), start);
  return { term, bytes: moved.subarray(0, start + bytes.length - end), isBits: false };
}

/** Writes the postings of a bucket, which ascend by their terms. */
export function writeBucket(postings: readonly Posting[]): Buffer {
  const length = postings.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const bucket = Buffer.allocUnsafe(length + postings.length * (TERM_BYTES + LENGTH_BYTES));
  let end = 0;
  for (const { term, bytes, isBits } of postings) {
    end = bucket.writeUIntBE(term, end, TERM_BYTES);
    end = writeNumber(bucket, end, bytes.length * 2 + (isBits ? 1 : 0));
    end += bytes.copy(bucket, end);
  }
  return bucket.subarray(0, end);
}

/** Reads what `writeBucket` wrote, one posting after the other. */
export function* readBucket(bucket: Buffer): Generator<Posting> {
  for (let at = 0; at < bucket.length;) {
    const term = bucket.readUIntBE(at, TERM_BYTES);
    const { value, end } = readNumber(bucket, at + TERM_BYTES);
    at = end + Math.floor(value / 2);
    yield { term, bytes: bucket.subarray(end, at), isBits: value % 2 === 1 };
  }
}

/** Where a term stands; undefined when the bucket does not have it. */
export function findPlaces(bucket: Buffer, term: number): Places | undefined {
  for (const posting of readBucket(bucket)) {
    if (posting.term > term) return undefined;
    if (posting.term === term) return decodePlaces(posting.bytes, posting.isBits);
  }
  return undefined;
}
