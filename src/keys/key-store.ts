import type { SigningAlgorithm, StoredSigningKey } from './signing-key.js';

/** Keeps signing keys. Promises: what `add` acknowledged is durable and seen by every instance's next `list`. */
export abstract class KeyStore {
  /** All keys, retired and revoked ones too, in any order. Fails by rejecting. */
  abstract list(): Promise<readonly StoredSigningKey[]>;

  /** Adds a key. Rejects when the `kid` is taken. */
  abstract add(key: StoredSigningKey): Promise<void>;

  /**
   * Adds a key only if no key of its algorithm is kept that the caller has not seen, atomically
   * among instances that act at the same moment.
   * @param seen the ids of every key that the caller knows
   * @returns whether it was added
   */
  abstract addUnlessNews(key: StoredSigningKey, seen: readonly string[]): Promise<boolean>;

  /**
   * Marks a key revoked; a key that is revoked already keeps its first time.
   * @param at milliseconds since the epoch
   * @returns the key as it is kept now, or null when there is none
   */
  abstract revoke(kid: string, at: number): Promise<StoredSigningKey | null>;
}

/** How keys live. Durations in milliseconds. */
export class KeySettings {
  /** The algorithm that signs access tokens. */
  readonly algorithm: SigningAlgorithm;
  /** Further algorithms for which a key is kept, such as those of ID tokens. */
  readonly others: readonly SigningAlgorithm[];
  /** How long a new key is published before it signs: at least the lifetime of a cached key set. */
  readonly announcement: number;
  /** How long after its successor took over a key still verifies: at least the longest token lifetime plus skew. */
  readonly retirement: number;
  /** How old the picture of the stored keys may grow before it is read again. */
  readonly refresh: number;
  /** 32 bytes that seal private keys in the store. */
  readonly encryptionKey: Buffer;

  constructor(settings: Partial<KeySettings> & Pick<KeySettings, 'encryptionKey'>) {
    this.algorithm = settings.algorithm ?? 'ES256';
    this.others = settings.others ?? [];
    this.announcement = settings.announcement ?? 10 * 60_000;
    this.retirement = settings.retirement ?? 25 * 60 * 60_000;
    this.refresh = settings.refresh ?? 900;
    this.encryptionKey = settings.encryptionKey;
    if (this.encryptionKey.length !== 32)
      throw new Error('The key encryption key must have 32 bytes');
  }
}
