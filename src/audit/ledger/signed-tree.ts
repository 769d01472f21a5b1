import type { LedgerReader } from './ledger-reader.js';
import { TiledTree } from './tiled-tree.js';

/** The tree that the newest checkpoint covers; null while there is none. */
export async function signedTree(
  reader: Pick<LedgerReader, 'size' | 'tile'>,
): Promise<TiledTree | null> {
  const size = await reader.size();
  if (size === 0) return null;
  return new TiledTree(size, async (tile) => {
    const hashes = await reader.tile(tile);
    if (hashes === null) throw new Error(`The log lacks its tile ${tile.level}/${tile.index}`);
    return hashes;
  });
}
