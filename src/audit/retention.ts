/** Records that went together, from the place `first` on, before `until`. */
export interface RetiredRange {
  readonly first: number;
  readonly until: number;
}

/**
 * Lets old records go behind an `AuditLog`. Promises: only whole ranges from the beginning of the log go,
 * never what is being written, and only what a signed checkpoint covers and whose hashes are kept, so that
 * every proof stays valid; a record that says which range goes is in the log, and signed, before it goes.
 * Fails by rejecting: then some of it may be gone.
 */
export abstract class RecordRetention {
  /**
   * What would go. Changes nothing.
   * @param before milliseconds since the epoch: all of its records are older
   * @returns null when nothing is old enough
   */
  abstract plan(before: number): Promise<RetiredRange | null>;

  /** @returns what went; null when nothing was old enough, or another instance is at it */
  abstract retire(before: number): Promise<RetiredRange | null>;
}
