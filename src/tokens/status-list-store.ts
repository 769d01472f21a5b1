/** One place of a status list that a token names. */
export interface StatusEntry {
  /** Counted over all lists. */
  readonly position: number;
  /** Every key by which the token can be revoked; none of them tells whom it names. */
  readonly keys: readonly string[];
  /** When its first ancestor was issued, or it itself. Milliseconds since the epoch. */
  readonly rootTime: number;
  /** When the token expires. Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * Keeps which tokens name which places of the status lists. Promises: no place is given twice, by any
 * instance; an acknowledged entry is durable and seen by every later read. Fails by rejecting.
 */
export abstract class StatusListStore {
  /** Whether it keeps anything at all: a host may do without status lists. */
  get isKept(): boolean {
    return true;
  }

  /** The first of so many places in a row that nobody else gets. */
  abstract reserve(): Promise<{ readonly first: number; readonly count: number }>;

  /** One more than the highest place that was reserved; 0 when none was. */
  abstract end(): Promise<number>;

  abstract add(entry: StatusEntry): Promise<void>;

  /** Those whose places are from `first` on and below `end`, in the order of their places. */
  abstract range(first: number, end: number): Promise<readonly StatusEntry[]>;

  /**
   * Forgets entries of tokens that have expired at this time, some at a time.
   * @returns how many; fewer than `limit` when none is left
   */
  abstract removeExpired(now: number, limit: number): Promise<number>;
}

/** That of a host which keeps no status lists: no token names one. */
export class NoStatusLists extends StatusListStore {
  override get isKept(): boolean {
    return false;
  }

  reserve(): Promise<never> {
    return Promise.reject(new Error('TokenExchangeModule: no adapter provides StatusListStore.'));
  }

  end(): Promise<number> {
    return Promise.resolve(0);
  }

  add(): Promise<never> {
    return this.reserve();
  }

  range(): Promise<readonly StatusEntry[]> {
    return Promise.resolve([]);
  }

  removeExpired(): Promise<number> {
    return Promise.resolve(0);
  }
}
