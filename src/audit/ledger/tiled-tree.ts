import { HASH_LENGTH, hashNode } from './hashing.js';
import { completeSubtrees, planConsistency, planInclusion, type LeafRange } from './proof-plan.js';
import { TILE_HEIGHT, TILE_WIDTH, widthOf, type Tile } from './tile.js';

/** Gives the hashes of a tile that the tree has, one after the other. Rejects when they are gone. */
export type ReadTile = (tile: Tile) => Promise<Buffer>;

/** A Merkle tree of a size, as its tiles hold it: roots and proofs for any smaller size too. */
export class TiledTree {
  readonly #tiles = new Map<string, Promise<Buffer>>();

  /** @param read is asked once for each tile that is needed */
  constructor(
    readonly size: number,
    private readonly read: ReadTile,
  ) {}

  /**
   * The root of the tree of the first leaves.
   * @throws RangeError when this tree is smaller, or empty
   */
  async rootAt(size: number): Promise<Buffer> {
    if (!Number.isSafeInteger(size) || size < 1 || size > this.size)
      throw new RangeError(`A tree of ${this.size} leaves has no root of ${size}`);
    return this.#hash({ start: 0, end: size });
  }

  /**
   * Proves that the leaf is in the tree of the first `size` leaves (RFC 6962 section 2.1.1).
   * @throws RangeError when it is not
   */
  inclusion(index: number, size = this.size): Promise<readonly Buffer[]> {
    this.#check(size);
    return Promise.all(planInclusion(index, size).map((range) => this.#hash(range)));
  }

  /**
   * Proves that the tree of the first `older` leaves is the beginning of that of the first `newer`
   * (RFC 6962 section 2.1.2).
   * @throws RangeError when a size is out of reach
   */
  consistency(older: number, newer = this.size): Promise<readonly Buffer[]> {
    this.#check(newer);
    return Promise.all(planConsistency(older, newer).map((range) => this.#hash(range)));
  }

  #check(size: number): void {
    if (size > this.size) throw new RangeError(`The tree has only ${this.size} leaves`);
  }

  async #hash(range: LeafRange): Promise<Buffer> {
    const hashes = await Promise.all(completeSubtrees(range).map((each) => this.#complete(each)));
    return hashes.reduceRight((right, left) => hashNode(left, right));
  }

  /** The hash of a complete subtree: one hash of a tile, or the root of some that stand together in it. */
  async #complete({ start, end }: LeafRange): Promise<Buffer> {
    const height = Math.log2(end - start);
    const level = Math.floor(height / TILE_HEIGHT);
    const first = start / TILE_WIDTH ** level;
    const count = 2 ** (height % TILE_HEIGHT);
    const index = Math.floor(first / TILE_WIDTH);
    const tile = { level, index, width: widthOf({ level, index }, this.size) };
    const hashes = await this.#tile(tile);
    const offset = first % TILE_WIDTH;
    return rootOfComplete(hashes.subarray(offset * HASH_LENGTH, (offset + count) * HASH_LENGTH));
  }

  #tile(tile: Tile): Promise<Buffer> {
    const name = `${tile.level}/${tile.index}`;
    const known = this.#tiles.get(name) ?? this.#readWhole(tile);
    this.#tiles.set(name, known);
    return known;
  }

  async #readWhole(tile: Tile): Promise<Buffer> {
    const hashes = await this.read(tile);
    if (hashes.length !== tile.width * HASH_LENGTH)
      throw new RangeError(`Tile ${tile.level}/${tile.index} does not have ${tile.width} hashes`);
    return hashes;
  }
}

/** The root over hashes whose number is a power of two, one after the other. */
export function rootOfComplete(hashes: Buffer): Buffer {
  let row: Buffer[] = [];
  for (let at = 0; at < hashes.length; at += HASH_LENGTH)
    row.push(hashes.subarray(at, at + HASH_LENGTH));
  while (row.length > 1) {
    const above: Buffer[] = [];
    for (let at = 0; at + 1 < row.length; at += 2)
      above.push(hashNode(row[at] ?? hashes, row[at + 1] ?? hashes));
    row = above;
  }
  return row[0] ?? hashes;
}
