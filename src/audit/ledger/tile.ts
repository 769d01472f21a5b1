/** Hashes of a full tile, and how many levels of the tree one level of tiles spans: 256 is 2 to the 8. */
export const TILE_WIDTH = 256;
export const TILE_HEIGHT = 8;

const MAX_LEVEL = 63;

/**
 * A tile of a tlog-tiles log (c2sp.org/tlog-tiles): the hashes of consecutive nodes at one height of
 * the tree. It is full with 256 hashes, else partial, as the last one of its level is.
 */
export interface Tile {
  readonly level: number;
  readonly index: number;
  readonly width: number;
}

/** A bundle of entries is addressed as a tile of level 0 is. */
export type EntryBundle = Omit<Tile, 'level'>;

/** Where a tile is below the address of its log: `0/x001/x234/067.p/5` for the level, place and width. */
export function tilePath({ level, index, width }: Tile): string {
  return `${level}/${bundlePath({ index, width })}`;
}

/** Where a bundle of entries is, below `entries`. */
export function bundlePath({ index, width }: EntryBundle): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/\d{3}/g) ?? [];
  const path = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/');
  return width === TILE_WIDTH ? path : `${path}.p/${width}`;
}

/** Reads what `tilePath` writes; undefined for every other spelling. */
export function readTilePath(path: string): Tile | undefined {
  const slash = path.indexOf('/');
  const level = path.slice(0, slash);
  const bundle = readBundlePath(path.slice(slash + 1));
  if (slash < 0 || !/^(?:0|[1-9]\d?)$/.test(level) || Number(level) > MAX_LEVEL) return undefined;
  return bundle && { level: Number(level), ...bundle };
}

/** Reads what `bundlePath` writes; undefined for every other spelling. */
export function readBundlePath(path: string): EntryBundle | undefined {
  const found = /^((?:x\d{3}\/){0,5}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path);
  if (found === null) return undefined;
  const index = Number((found[1] ?? '').replaceAll(/[x/]/g, ''));
  const width = found[2] === undefined ? TILE_WIDTH : Number(found[2]);
  const bundle = { index, width };
  // A partial tile has at most 255 hashes, and an index has no superfluous zeros.
  return Number.isSafeInteger(index) && bundlePath(bundle) === path && width <= TILE_WIDTH
    ? bundle
    : undefined;
}

/** How many hashes a level of tiles has when the tree has `size` leaves. */
export function hashesAt(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** How many hashes of a tile a tree of `size` leaves has: 256 when it is full, 0 when it is not there. */
export function widthOf({ level, index }: Pick<Tile, 'level' | 'index'>, size: number): number {
  return Math.min(TILE_WIDTH, Math.max(0, hashesAt(level, size) - index * TILE_WIDTH));
}
