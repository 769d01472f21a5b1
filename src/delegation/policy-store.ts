import type { Policy } from './policy.js';

/** A version of a policy as it is kept: never changed again, because records name it. */
export interface KeptPolicy {
  readonly policy: Policy;
  /** When it was written. Milliseconds since the epoch. */
  readonly writtenAt: number;
  /** Who wrote it: the `sub` and the client id of an administrator, or of whatever seeded it. */
  readonly writtenBy: { readonly sub: string; readonly clientId?: string | undefined };
  /** Whether it says that the policy is gone; the next version brings it back. */
  readonly isDeleted: boolean;
}

/** What several policies become, all or none. */
export interface PolicyChange {
  /** New versions; each `version` is one above the newest that is kept, 1 for a new policy. */
  readonly put: readonly Policy[];
  /** Policies that go, with their newest versions: a version that says so follows each. */
  readonly remove: readonly { readonly policyId: string; readonly version: number }[];
}

/**
 * Keeps policies with all their versions. Promises: an acknowledged write is durable and seen by
 * every later read through any instance; a rejected one changed nothing; no version is ever changed.
 * Fails by rejecting.
 */
export abstract class PolicyStore {
  /** The newest version of every policy that is not deleted, in ascending order of their ids, by code point. */
  abstract list(): Promise<readonly KeptPolicy[]>;

  /** The newest version of a policy, or the named one, deleted ones too; null when there is none. */
  abstract find(policyId: string, version?: number): Promise<KeptPolicy | null>;

  /** The versions of a policy, newest first, at most `limit`, from below `before` on. */
  abstract versions(
    policyId: string,
    page: { readonly before?: number | undefined; readonly limit: number },
  ): Promise<readonly KeptPolicy[]>;

  /**
   * Writes new versions.
   * @throws PolicyConflictError when one is not the next of its policy, or removes what is not there
   */
  abstract change(
    change: PolicyChange,
    author: Pick<KeptPolicy, 'writtenAt' | 'writtenBy'>,
  ): Promise<void>;
}

/** A write that does not follow what is stored. */
export class PolicyConflictError extends Error {
  override readonly name = 'PolicyConflictError';

  constructor(readonly policyId: string) {
    super(`The policy ${policyId} was changed meanwhile`);
  }
}
