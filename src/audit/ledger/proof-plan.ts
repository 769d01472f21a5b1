/** The leaves from `start` on and before `end`; a node of the tree spans them. */
export interface LeafRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The nodes whose hashes prove that a leaf is in the tree of the first `size` leaves, from the leaf
 * up: `PATH` of RFC 6962 section 2.1.1.
 * @throws RangeError when the tree does not have the leaf
 */
export function planInclusion(index: number, size: number): readonly LeafRange[] {
  if (!isSize(index) || !isSize(size) || index >= size)
    throw new RangeError(`A tree of ${size} leaves has no leaf ${index}`);
  const path: LeafRange[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + largestPowerBelow(end - start);
    if (index < middle) {
      path.unshift({ start: middle, end });
      end = middle;
    } else {
      path.unshift({ start, end: middle });
      start = middle;
    }
  }
  return path;
}

/**
 * The nodes whose hashes prove that the tree of the first `older` leaves is the beginning of the one
 * of the first `newer`: `PROOF` of RFC 6962 section 2.1.2.
 * @throws RangeError unless 0 < older <= newer
 */
export function planConsistency(older: number, newer: number): readonly LeafRange[] {
  if (!isSize(older) || !isSize(newer) || older < 1 || older > newer)
    throw new RangeError(`A tree of ${older} leaves is not the beginning of one of ${newer}`);
  const path: LeafRange[] = [];
  let [start, end] = [0, newer];
  while (end > older) {
    const middle = start + largestPowerBelow(end - start);
    if (older <= middle) {
      path.unshift({ start: middle, end });
      end = middle;
    } else {
      path.unshift({ start, end: middle });
      start = middle;
    }
  }
  // The verifier knows the root of the whole older tree already.
  return start === 0 ? path : [{ start, end }, ...path];
}

/**
 * The complete subtrees that make up a node, left to right: their sizes are powers of two, the
 * largest first, and each begins at a multiple of its size.
 */
export function completeSubtrees({ start, end }: LeafRange): readonly LeafRange[] {
  const subtrees: LeafRange[] = [];
  let at = start;
  while (at < end) {
    const size = largestPowerBelow(end - at + 1);
    subtrees.push({ start: at, end: at + size });
    at += size;
  }
  return subtrees;
}

/** The largest power of two that is smaller than the number, which is at least 2. */
function largestPowerBelow(number: number): number {
  return 2 ** ((number - 1).toString(2).length - 1);
}

function isSize(number: number): boolean {
  return Number.isSafeInteger(number) && number >= 0;
}
