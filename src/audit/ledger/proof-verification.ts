import { hashNode } from './hashing.js';

/**
 * The root of the tree that has the leaf at its place, as the proof has it; undefined when the proof
 * has not the length that it must (RFC 9162 section 2.1.3.2).
 */
export function rootByInclusion(
  leafHash: Buffer,
  index: number,
  size: number,
  proof: readonly Buffer[],
): Buffer | undefined {
  if (!isSize(index) || !isSize(size) || index >= size) return undefined;
  let [node, last, hash] = [index, size - 1, leafHash];
  for (const sibling of proof) {
    if (last === 0) return undefined;
    if (node % 2 === 1 || node === last) {
      hash = hashNode(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else hash = hashNode(hash, sibling);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 ? hash : undefined;
}

/** A tree at a size. */
export interface TreeHead {
  readonly size: number;
  readonly root: Buffer;
}

/** Whether the proof shows that the older tree is the beginning of the newer (RFC 9162 section 2.1.4.2). */
export function isConsistent(older: TreeHead, newer: TreeHead, proof: readonly Buffer[]): boolean {
  if (!isSize(older.size) || !isSize(newer.size) || older.size > newer.size) return false;
  if (older.size === newer.size) return proof.length === 0 && older.root.equals(newer.root);
  // Every tree begins with the empty one.
  if (older.size === 0) return proof.length === 0;
  const path = isPowerOfTwo(older.size) ? [older.root, ...proof] : proof;
  let [node, last] = [older.size - 1, newer.size - 1];
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  const [first, ...others] = path;
  if (first === undefined) return false;
  let [olderRoot, newerRoot] = [first, first];
  for (const sibling of others) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      olderRoot = hashNode(sibling, olderRoot);
      newerRoot = hashNode(sibling, newerRoot);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else newerRoot = hashNode(newerRoot, sibling);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && olderRoot.equals(older.root) && newerRoot.equals(newer.root);
}

function half(number: number): number {
  return Math.floor(number / 2);
}

function isSize(number: number): boolean {
  return Number.isSafeInteger(number) && number >= 0;
}

function isPowerOfTwo(number: number): boolean {
  return Number.isInteger(Math.log2(number));
}
