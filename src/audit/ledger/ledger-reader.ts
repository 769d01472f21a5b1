import type { EntryBundle, Tile } from './tile.js';

/** A leaf at its place. */
export interface PlacedLeaf {
  /** Its place, from 0 on. */
  readonly index: number;
  /** The text whose UTF-8 bytes were hashed. */
  readonly text: string;
  /** What the leaf commits to, part by part. */
  readonly parts: readonly LeafPart[];
}

/**
 * A part that the leaf commits to: opened, with the salt in base64url; `erased` when its key was
 * destroyed; `damaged` when it does not open with its key.
 */
export type LeafPart = { readonly salt: string; readonly text: string } | 'erased' | 'damaged';

/**
 * Reads the log behind an `AuditLog` that keeps one, as far as a checkpoint was signed. Promises:
 * what it gave once it gives for ever; it never gives a tile or a leaf that no checkpoint covers.
 * Fails by rejecting.
 */
export abstract class LedgerReader {
  /** The newest checkpoint, a signed note; null while there is none. */
  abstract checkpoint(): Promise<string | null>;

  /** Every checkpoint of a log at least so large, the smallest first, at most 1 000. */
  abstract checkpoints(atLeast: number): Promise<readonly string[]>;

  /** How many leaves the newest checkpoint covers. */
  abstract size(): Promise<number>;

  /** When the newest checkpoint was signed, in milliseconds since the epoch; null while there is none. */
  abstract signedAt(): Promise<number | null>;

  /** The keys that sign checkpoints, as texts of verifier keys; the newest first. */
  abstract verifierKeys(): Promise<readonly string[]>;

  /** The hashes of a tile; null when no checkpoint covers so many. */
  abstract tile(tile: Tile): Promise<Buffer | null>;

  /** The place of the oldest record that is kept: those before it were retired, all but their hashes. */
  abstract first(): Promise<number>;

  /** The leaves of a bundle; null when no checkpoint covers so many, `retired` when they went. */
  abstract leaves(bundle: EntryBundle): Promise<readonly PlacedLeaf[] | 'retired' | null>;

  /** The leaves at these places, in their order; those that no checkpoint covers are left out. */
  abstract leavesAt(indexes: readonly number[]): Promise<readonly PlacedLeaf[]>;

  /** Where the record is; null when it is not in the log or no checkpoint covers it yet. */
  abstract indexOf(recordId: string): Promise<number | null>;
}
