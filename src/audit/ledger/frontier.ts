import { EMPTY_ROOT, HASH_LENGTH, hashNode } from './hashing.js';

/**
 * The right edge of a Merkle tree: the roots of its complete subtrees, the largest first, one for
 * each one-bit of its size. It is all that is needed to append leaves and to know the root.
 */
export class Frontier {
  private constructor(
    /** How many leaves the tree has. */
    readonly size: number,
    private readonly hashes: readonly Buffer[],
  ) {}

  static readonly EMPTY = new Frontier(0, []);

  /**
   * The frontier that `bytes` wrote.
   * @throws RangeError when the bytes are not those of a tree of this size
   */
  static read(size: number, bytes: Buffer): Frontier {
    if (!Number.isSafeInteger(size) || size < 0 || bytes.length !== ones(size) * HASH_LENGTH)
      throw new RangeError(`These are not the hashes of a tree of ${size} leaves`);
    const hashes: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += HASH_LENGTH)
      hashes.push(bytes.subarray(at, at + HASH_LENGTH));
    return new Frontier(size, hashes);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.hashes);
  }

  /** The root of the tree (RFC 6962 section 2.1). */
  get root(): Buffer {
    return (
      this.hashes.reduceRight<Buffer | undefined>(
        (right, left) => (right === undefined ? left : hashNode(left, right)),
        undefined,
      ) ?? EMPTY_ROOT
    );
  }

  /** The frontier of the tree with these leaves at its end. */
  append(leafHashes: readonly Buffer[]): Frontier {
    const hashes = [...this.hashes];
    let { size } = this;
    for (const leaf of leafHashes) {
      let hash = leaf;
      for (let rest = size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
        const left = hashes.pop();
        if (left === undefined) throw new RangeError('The frontier has too few hashes');
        hash = hashNode(left, hash);
      }
      hashes.push(hash);
      size += 1;
    }
    return new Frontier(size, hashes);
  }
}

function ones(size: number): number {
  return size.toString(2).replaceAll('0', '').length;
}
