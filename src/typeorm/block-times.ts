import type { IndexGeometry, Segment } from '../audit/questions/geometry.js';

/** Bytes that the times of one block take. */
export const TIMES_BYTES = 16;

/** The earliest and the latest time of the records of each block of a segment. */
export class BlockTimes {
  /** Pairs of 64-bit floating point numbers; a block without records has no time that fits any other. */
  readonly bytes: Buffer;
  readonly #block: number;
  readonly #first: number;

  constructor(geometry: IndexGeometry, { level, first }: Segment) {
    this.#block = geometry.block;
    this.#first = first;
    this.bytes = Buffer.alloc((geometry.sizeOf(level) / geometry.block) * TIMES_BYTES);
    for (let at = 0; at < this.bytes.length; at += TIMES_BYTES) {
      this.bytes.writeDoubleBE(Infinity, at);
      this.bytes.writeDoubleBE(-Infinity, at + 8);
    }
  }

  /** @param place of a record in the segment; time milliseconds since the epoch */
  add(place: number, time: number): void {
    const at = Math.floor(place / this.#block) * TIMES_BYTES;
    this.bytes.writeDoubleBE(Math.min(time, this.bytes.readDoubleBE(at)), at);
    this.bytes.writeDoubleBE(Math.max(time, this.bytes.readDoubleBE(at + 8)), at + 8);
  }

  /** Takes the times of a segment that this one holds. */
  take(first: number, bytes: Buffer): void {
    bytes.copy(this.bytes, ((first - this.#first) / this.#block) * TIMES_BYTES);
  }

  /** The earliest of all; 0 when there is none. */
  get min(): number {
    return this.#reduce(0, Math.min, Infinity);
  }

  /** The latest of all; -1 when there is none. */
  get max(): number {
    return Math.max(this.#reduce(8, Math.max, -Infinity), -1);
  }

  #reduce(offset: number, choose: (a: number, b: number) => number, start: number): number {
    let chosen = start;
    for (let at = offset; at < this.bytes.length; at += TIMES_BYTES)
      chosen = choose(chosen, this.bytes.readDoubleBE(at));
    return Number.isFinite(chosen) || offset > 0 ? chosen : 0;
  }
}
