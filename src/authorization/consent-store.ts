/** What a person agreed that an application may have, until they take it back. */
export interface Consent {
  readonly accountId: string;
  readonly clientId: string;
  /** Everything that was agreed to so far. */
  readonly scope: readonly string[];
  /** Identifiers of the targets. */
  readonly targets: readonly string[];
  /** When it was given or widened last. Milliseconds since the epoch. */
  readonly grantedAt: number;
}

/**
 * Keeps consents, one for each person and application. Promises: an acknowledged write is durable
 * and seen by every later read through any instance. Fails by rejecting.
 */
export abstract class ConsentStore {
  /** What this person agreed to for this application, or null. */
  abstract find(accountId: string, clientId: string): Promise<Consent | null>;

  /** The consents of a person, in ascending order of their client ids, by code point. */
  abstract list(accountId: string): Promise<readonly Consent[]>;

  /** Writes a consent in the place of the one before, if there is one. */
  abstract save(consent: Consent): Promise<void>;

  /** @returns whether there was one */
  abstract delete(accountId: string, clientId: string): Promise<boolean>;

  /** Deletes every consent for an application. @returns how many */
  abstract deleteAllOf(clientId: string): Promise<number>;

  /** Deletes every consent of a person. @returns how many */
  abstract deleteAll(accountId: string): Promise<number>;
}
