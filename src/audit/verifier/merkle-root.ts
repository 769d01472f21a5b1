import { EMPTY_ROOT, hashNode } from '../ledger/hashing.js';

/** A node of the tree that is complete: 2 to the power of `height` leaves are below it. */
interface Peak {
  readonly height: number;
  readonly hash: Buffer;
}

/** The root of a tree of which the leaves are given one after the other, at any moment. */
export class RunningRoot {
  readonly #peaks: Peak[] = [];

  add(leafHash: Buffer): void {
    let peak: Peak = { height: 0, hash: leafHash };
    for (;;) {
      const last = this.#peaks.at(-1);
      if (last?.height !== peak.height) break;
      this.#peaks.pop();
      peak = { height: peak.height + 1, hash: hashNode(last.hash, peak.hash) };
    }
    this.#peaks.push(peak);
  }

  get root(): Buffer {
    const hashes = this.#peaks.map(({ hash }) => hash);
    const last = hashes.pop();
    return last ? hashes.reduceRight((right, left) => hashNode(left, right), last) : EMPTY_ROOT;
  }
}

/**
 * The root that a proof leads to, by the definition of RFC 6962 section 2.1.1; undefined when the
 * proof is not that of a leaf at this place.
 */
export function rootOfProof(
  leafHash: Buffer,
  index: number,
  size: number,
  proof: readonly Buffer[],
): Buffer | undefined {
  if (index >= size) return undefined;
  if (size === 1) return proof.length === 0 ? leafHash : undefined;
  let left = 1;
  while (left * 2 < size) left *= 2;
  const sibling = proof.at(-1);
  if (sibling === undefined) return undefined;
  const rest = proof.slice(0, -1);
  if (index < left) {
    const below = rootOfProof(leafHash, index, left, rest);
    return below && hashNode(below, sibling);
  }
  const below = rootOfProof(leafHash, index - left, size - left, rest);
  return below && hashNode(sibling, below);
}
