import type { Account } from './account.js';

/**
 * Keeps accounts. Promises: an acknowledged write is durable and seen by every later read through
 * any instance; no two accounts have the same `usernameKey`; a rejected call changed nothing. Does
 * not end sessions when an account goes. Fails by rejecting.
 */
export abstract class AccountStore {
  /** The account with this id, or null. */
  abstract find(accountId: string): Promise<Account | null>;

  /** The account whose username has the same `usernameKey` as this one, or null. */
  abstract findByUsername(username: string): Promise<Account | null>;

  /**
   * Accounts in ascending order of their `usernameKey`, by code point.
   * @param page.after the username behind which to begin; page.limit how many at most
   */
  abstract list(page: {
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<readonly Account[]>;

  /** @throws AccountConflictError when its id or its username is taken */
  abstract create(account: Account): Promise<void>;

  /**
   * Writes a changed account, whose `version` is one above the stored one.
   * @throws AccountConflictError when its username is taken, or the stored version is another
   */
  abstract update(account: Account): Promise<void>;

  /** @returns whether there was one */
  abstract delete(accountId: string): Promise<boolean>;
}

/** A write that would collide with what is stored. */
export class AccountConflictError extends Error {
  override readonly name = 'AccountConflictError';

  constructor(readonly conflict: 'account_id' | 'username' | 'version') {
    super(`The account's ${conflict} is in conflict with what is stored`);
  }
}
