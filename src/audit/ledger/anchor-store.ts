/** Milliseconds after the first failure; twice as many after each further one. */
const FIRST_RETRY = 5_000;
const LAST_RETRY = 600_000;

/** How often checkpoints are anchored. */
export class AnchorSettings {
  /** Milliseconds from one anchored checkpoint to the next, while there is news. */
  readonly interval: number;
  /** Milliseconds that an anchor may take to say what it holds; six times as many to take one more. */
  readonly patience: number;

  constructor({ interval = 60_000, patience = 10_000 }: Partial<AnchorSettings> = {}) {
    this.interval = interval;
    this.patience = patience;
  }
}

/** What is known of an anchor. Times in milliseconds since the epoch. */
export interface AnchorState {
  readonly name: string;
  /** How many records its last checkpoint covers; 0 while it has none. */
  readonly size: number;
  /** That checkpoint, a signed note. */
  readonly note: string | null;
  /** When it took it. */
  readonly anchoredAt: number | null;
  /** When it was last given one, successfully or not. */
  readonly triedAt: number | null;
  /** Failures since the last success. */
  readonly failures: number;
  /** The reason of the last one; null after a success. */
  readonly error: string | null;
}

/** An anchor that took nothing yet. */
export function newAnchor(name: string): AnchorState {
  return {
    name,
    size: 0,
    note: null,
    anchoredAt: null,
    triedAt: null,
    failures: 0,
    error: null,
  };
}

/** Whether an anchor should be given a checkpoint of this size now: after failures ever less often. */
export function isDue(
  { size: kept, triedAt, failures }: AnchorState,
  size: number,
  now: number,
  { interval }: AnchorSettings,
): boolean {
  if (size <= kept) return false;
  const pause = failures === 0 ? interval : Math.min(FIRST_RETRY * 2 ** (failures - 1), LAST_RETRY);
  return triedAt === null || now >= triedAt + pause;
}

/** Whether somebody should look after an anchor: there is news, and it had none for three intervals. */
export function isLate(
  { size: kept, anchoredAt }: AnchorState,
  size: number,
  now: number,
  { interval }: AnchorSettings,
): boolean {
  return size > kept && (anchoredAt === null || now - anchoredAt > 3 * interval);
}

/**
 * Keeps what is known of the anchors, for all instances. Promises: what an anchor took is never
 * replaced by something smaller. Fails by rejecting.
 */
export abstract class AnchorStore {
  /** Makes an anchor of each name that is not there yet, and forgets all others. */
  abstract declare(names: readonly string[]): Promise<void>;

  /** Every anchor, by name. */
  abstract list(): Promise<readonly AnchorState[]>;

  /** Keeps the state of an anchor that was declared, unless it is known to have taken more. */
  abstract save(state: AnchorState): Promise<void>;

  /**
   * Does the work while no other instance does such work; not at all when one does.
   * @returns whether it was done
   */
  abstract alone(work: () => Promise<void>): Promise<boolean>;

  /**
   * Keeps the cosignature of a checkpoint.
   * @param witness the name of the witness's key, which signs a checkpoint once
   * @param line as it is in a note, without its newline
   */
  abstract addCosignature(size: number, witness: string, line: string): Promise<void>;

  /** The lines of a checkpoint's cosignatures, by witness. */
  abstract cosignatures(size: number): Promise<readonly string[]>;
}
