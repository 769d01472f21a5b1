import { openedText } from './signed-note.js';
import { readCheckpoint } from './checkpoint.js';
import type { LedgerReader, PlacedLeaf } from './ledger-reader.js';
import { TILE_WIDTH, widthOf } from './tile.js';
import { TiledTree } from './tiled-tree.js';

/** What an export is made from. */
export type LedgerSource = Pick<LedgerReader, 'checkpoints' | 'first' | 'tile' | 'leaves'>;

/**
 * The whole log as lines of JSON, without their newlines: every checkpoint, how many records were
 * retired, then for each 256 records the tile of their hashes and, if they were not, the records themselves.
 */
export async function* exportLedger(source: LedgerSource): AsyncGenerator<string> {
  let size = 0;
  // Before the checkpoints: what went is in the log, and signed, before it goes.
  const retired = await source.first();
  for (;;) {
    const notes = await source.checkpoints(size === 0 ? 0 : size + 1);
    for (const note of notes) yield checkpointLine(note);
    const last = notes.at(-1);
    if (last === undefined) break;
    size = sizeOf(last);
  }
  if (retired > 0) yield JSON.stringify({ type: 'retired', records: retired });
  for (let index = 0; index * TILE_WIDTH < size; index += 1) {
    const width = widthOf({ level: 0, index }, size);
    const hashes = await source.tile({ level: 0, index, width });
    if (hashes === null) throw new Error(`The log lacks its tile 0/${index}`);
    yield JSON.stringify({ type: 'tile', level: 0, index, hashes: hashes.toString('base64') });
    if (index * TILE_WIDTH < retired) continue;
    const leaves = await source.leaves({ index, width });
    if (leaves === 'retired') throw new Error('Records were retired meanwhile: export again.');
    if (leaves === null) throw new Error(`The log lacks the records of its tile 0/${index}`);
    for (const leaf of leaves) yield entryLine(leaf);
  }
}

/** Some records, each with the proof that it is in the log of the newest checkpoint. */
export async function* exportRecords(
  source: LedgerSource & Pick<LedgerReader, 'checkpoint'>,
  indexes: readonly number[],
): AsyncGenerator<string> {
  const note = await source.checkpoint();
  if (note === null) return;
  yield checkpointLine(note);
  const tree = new TiledTree(sizeOf(note), async (tile) => {
    const hashes = await source.tile(tile);
    if (hashes === null) throw new Error(`The log lacks its tile ${tile.level}/${tile.index}`);
    return hashes;
  });
  for (const at of indexes) {
    const index = Math.floor(at / TILE_WIDTH);
    const width = widthOf({ level: 0, index }, tree.size);
    const leaves = await source.leaves({ index, width });
    const found = leaves === 'retired' ? [] : (leaves ?? []);
    const leaf = found.find((each) => each.index === at);
    if (leaf === undefined) throw new Error(`The newest checkpoint does not cover record ${at}`);
    yield entryLine(leaf, await tree.inclusion(at));
  }
}

/** The line of an export for a record, with the proof that it is in the log where it is given. */
export function entryLine({ index, text, parts }: PlacedLeaf, proof?: readonly Buffer[]): string {
  const proven = proof && { proof: proof.map((hash) => hash.toString('base64')) };
  return JSON.stringify({ type: 'entry', index, leaf: text, parts, ...proven });
}

/** The line of an export for a checkpoint, a signed note. */
export function checkpointLine(note: string): string {
  return JSON.stringify({ type: 'checkpoint', note });
}

function sizeOf(note: string): number {
  return readCheckpoint(openedText(note)).size;
}
