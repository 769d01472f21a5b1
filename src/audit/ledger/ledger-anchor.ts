import type { Checkpoint } from './checkpoint.js';
import type { TiledTree } from './tiled-tree.js';

/** A checkpoint on its way to an anchor. */
export interface DepartingCheckpoint extends Checkpoint {
  /** The signed note. */
  readonly note: string;
  /** The log as it is now, for proofs. */
  readonly tree: TiledTree;
  /** The size of what the anchor took last; 0 when nothing is known. */
  readonly former: number;
}

/** A place outside of the database that keeps checkpoints, so that nobody can take them back unseen. */
export abstract class LedgerAnchor {
  /** Unique among the anchors of a service, and shown to people. */
  abstract readonly name: string;

  /**
   * The newest checkpoint of the log that the place holds, a signed note; null when it holds none,
   * or nobody can ask it.
   * @param origin the name of the log
   * @throws AnchorError when the place cannot be read
   */
  abstract last(origin: string): Promise<string | null>;

  /**
   * Gives it a checkpoint. Resolves when the place has it for good.
   * @returns the cosignature of a witness, as a line of the note without its newline; null of others
   * @throws AnchorError when it has not
   */
  abstract keep(checkpoint: DepartingCheckpoint): Promise<string | null>;
}

/** An anchor that did not take a checkpoint. The reason holds nothing of what the place answered. */
export class AnchorError extends Error {
  override readonly name = 'AnchorError';

  /** @param reason a short word for what went wrong, always the same for the same */
  constructor(
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`The anchor did not take the checkpoint: ${reason}`, options);
  }
}
