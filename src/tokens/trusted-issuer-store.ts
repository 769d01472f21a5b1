import type { TrustedIssuer } from './trusted-issuer.js';

/**
 * Keeps trusted issuers. Promises: an acknowledged write is durable and seen by every later read
 * through any instance; a rejected call changed nothing. Fails by rejecting.
 */
export abstract class TrustedIssuerStore {
  /** The trusted issuer with exactly this identifier, or null. */
  abstract find(issuer: string): Promise<TrustedIssuer | null>;

  /** In ascending order of the issuer. */
  abstract list(page: {
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<readonly TrustedIssuer[]>;

  /** @throws TrustedIssuerConflictError when it is kept already */
  abstract create(issuer: TrustedIssuer): Promise<void>;

  /**
   * Writes a changed one, whose `version` is one above the stored one.
   * @throws TrustedIssuerConflictError when the stored version is another
   */
  abstract update(issuer: TrustedIssuer): Promise<void>;

  /** @returns whether there was one */
  abstract delete(issuer: string): Promise<boolean>;
}

/** A write that would collide with what is stored. */
export class TrustedIssuerConflictError extends Error {
  override readonly name = 'TrustedIssuerConflictError';

  constructor(readonly conflict: 'issuer' | 'version') {
    super(`The trusted issuer's ${conflict} is in conflict with what is stored`);
  }
}
