import type { JsonObject } from '../oauth/claims.js';

/** What a person may do at the admin API. */
export const ACCOUNT_ROLES = [
  'administrator',
  'auditor',
  'client_manager',
  'token_administrator',
] as const;

export type AccountRole = (typeof ACCOUNT_ROLES)[number];

/** A password as it is kept: never itself. */
export interface KeptPassword {
  /** PHC string of argon2id. */
  readonly hash: string;
  /** Later than that of the password before. Milliseconds since the epoch. */
  readonly changedAt: number;
  /** Somebody else knows it: the person must choose another one before anything else. */
  readonly mustChange: boolean;
}

/** A person who can sign in. */
export interface Account {
  /** The `sub` of the person's tokens: a UUID in lower case, never given to anybody else. */
  readonly accountId: string;
  /** What the person types, as it was chosen, in NFKC. Unique by its `usernameKey`. */
  readonly username: string;
  /** What the person is called (claim `name`). */
  readonly name: string;
  readonly email: string | null;
  readonly emailVerified: boolean;
  /** A language tag (BCP 47) in its canonical form. */
  readonly locale: string | null;
  /** Claims of this deployment's own, besides those of the fields here. */
  readonly claims: JsonObject;
  readonly groups: readonly string[];
  readonly roles: readonly AccountRole[];
  /** A disabled account cannot sign in; its sessions are over and its tokens are refused. */
  readonly disabled: boolean;
  /** Null for an account that cannot sign in with a password. */
  readonly password: KeptPassword | null;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** When what the claims say was changed last (claim `updated_at`). Milliseconds since the epoch. */
  readonly updatedAt: number;
  /** Counts the changes; a store refuses to write over a version it does not know. */
  readonly version: number;
}

/** An account with careful defaults: no role, no group, no password. */
export function newAccount(
  account: Partial<Account> & Pick<Account, 'accountId' | 'username'>,
): Account {
  return {
    name: account.username,
    email: null,
    emailVerified: false,
    locale: null,
    claims: {},
    groups: [],
    roles: [],
    disabled: false,
    password: null,
    createdAt: 0,
    updatedAt: account.createdAt ?? 0,
    version: 1,
    ...account,
  };
}

/**
 * What makes usernames the same: NFKC, then lower case (Unicode's own, of no language), then NFKC
 * again because lower case can leave that form. Idempotent.
 */
export function usernameKey(username: string): string {
  return username.normalize('NFKC').toLowerCase().normalize('NFKC');
}
