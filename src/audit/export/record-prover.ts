import { readCheckpoint, type Checkpoint } from '../ledger/checkpoint.js';
import type { LedgerReader } from '../ledger/ledger-reader.js';
import { openedText } from '../ledger/signed-note.js';
import { TiledTree } from '../ledger/tiled-tree.js';
import { recordOf, type ProvenRecord } from './proven-record.js';

/** What records are proven from. */
export type ProofSource = Pick<LedgerReader, 'checkpoint' | 'tile' | 'leavesAt'>;

/** Reads records out of the log, each with the proof that it is in the log of one checkpoint. */
export class RecordProver {
  readonly #checkpoint: Checkpoint;

  private constructor(
    private readonly source: ProofSource,
    /** The checkpoint, a signed note. */
    readonly note: string,
  ) {
    this.#checkpoint = readCheckpoint(openedText(note));
  }

  /** For the newest checkpoint; undefined while there is none. */
  static async newest(source: ProofSource): Promise<RecordProver | undefined> {
    const note = await source.checkpoint();
    return note === null ? undefined : new RecordProver(source, note);
  }

  /** How many leaves the checkpoint covers. */
  get size(): number {
    return this.#checkpoint.size;
  }

  /** The records at these places, in the order of the log; those that it does not cover are left out. */
  async prove(indexes: readonly number[]): Promise<readonly ProvenRecord[]> {
    const { size, root } = this.#checkpoint;
    const covered = indexes.filter((index) => index < size);
    if (covered.length === 0) return [];
    // A tree for each call, so that a long export does not remember every tile.
    const tree = new TiledTree(size, async (tile) => {
      const hashes = await this.source.tile(tile);
      if (hashes === null) throw new Error(`The log lacks its tile ${tile.level}/${tile.index}`);
      return hashes;
    });
    const leaves = await this.source.leavesAt(covered);
    return Promise.all(
      leaves.map(async (leaf) => ({
        index: leaf.index,
        record: recordOf(leaf),
        isErased: leaf.parts.includes('erased'),
        checkpoint: this.note,
        size,
        root,
        leaf,
        path: await tree.inclusion(leaf.index),
      })),
    );
  }

  /** The records from a place on, `count` places at most. */
  proveFrom(first: number, count: number): Promise<readonly ProvenRecord[]> {
    const length = Math.max(0, Math.min(count, this.size - first));
    return this.prove(Array.from({ length }, (_, at) => first + at));
  }
}
