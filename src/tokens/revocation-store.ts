import type { Revocation } from './revocation.js';

/** What was written after a place in the order of writing. */
export interface RevocationsSince {
  readonly revocations: readonly Revocation[];
  /** The place after them; the same as was asked for when there are none. */
  readonly position: string;
}

/**
 * Keeps what was revoked. Promises: an acknowledged write is durable, and every later `since` through any
 * instance gives it; what is written again only becomes stronger; places are in the order in which the
 * writes can be seen, so that none is passed over. Fails by rejecting: then it may or may not be kept.
 */
export abstract class RevocationStore {
  /** The place before everything. */
  static readonly START = '0';

  /** Whether it keeps anything at all: a host may do without revocation. */
  get isKept(): boolean {
    return true;
  }

  /** Writes all or none. One that is kept already keeps the later `before` and the later `expiresAt`. */
  abstract add(revocations: readonly Revocation[]): Promise<void>;

  /**
   * What was written after a place, some at a time; fewer than `limit` when nothing more is there.
   * @throws RangeError when the position is none, or ahead of what was written: the store is another, or an older one
   */
  abstract since(position: string, limit: number): Promise<RevocationsSince>;

  /** Those of the keys that are revoked. */
  abstract find(keys: readonly string[]): Promise<readonly Revocation[]>;

  /**
   * Forgets what has no effect any more at this time, some at a time.
   * @returns how many; fewer than `limit` when none is left
   */
  abstract removeExpired(now: number, limit: number): Promise<number>;
}

/** That of a host which keeps no revocations: nothing is revoked, and nothing can be. */
export class NoRevocations extends RevocationStore {
  override get isKept(): boolean {
    return false;
  }

  add(): Promise<void> {
    return Promise.reject(new Error('TokenExchangeModule: no adapter provides RevocationStore.'));
  }

  since(position: string): Promise<RevocationsSince> {
    return Promise.resolve({ revocations: [], position });
  }

  find(): Promise<readonly Revocation[]> {
    return Promise.resolve([]);
  }

  removeExpired(): Promise<number> {
    return Promise.resolve(0);
  }
}
