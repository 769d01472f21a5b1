/** The log is not the one that was signed before. */
export class LedgerBrokenError extends Error {
  override readonly name = 'LedgerBrokenError';
}

/**
 * Knows what of the log is kept elsewhere. Promises: once it found that the log does not continue
 * that, `assure` rejects until it does again.
 */
export abstract class LedgerContinuity {
  /**
   * Resolves when nothing that is kept elsewhere speaks against the log.
   * @throws LedgerBrokenError when something does
   */
  abstract assure(): Promise<void>;
}

/** Whether checkpoints are signed, for whoever asks how the service is. */
export class LedgerStanding {
  /** Why none is signed any more; null while all is well. */
  broken: string | null = null;
}
