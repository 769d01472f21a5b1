import type { Authentication, Session } from './session.js';

/**
 * Keeps sign-in sessions. Promises: each call is atomic; an acknowledged write but `touch` is
 * durable and seen by every later read through any instance; what has ended never comes back. Knows
 * no time: it gives sessions that are over, too, until they are removed. Fails by rejecting.
 */
export abstract class SessionStore {
  /** Rejects when its `sid` or its secret is taken. */
  abstract create(session: Session): Promise<void>;

  /** The session with this name, or null; a name is not enough to use it. */
  abstract find(sid: string): Promise<Session | null>;

  /** The session with this secret, or null. */
  abstract findBySecretHash(secretHash: string): Promise<Session | null>;

  /** The sessions of an account, newest first, at most `limit`. */
  abstract list(accountId: string, limit: number): Promise<readonly Session[]>;

  /**
   * Notes that it was seen. Never moves back in time, does nothing when there is no such session,
   * and may be lost in a crash.
   */
  abstract touch(
    sid: string,
    seen: { readonly at: number; readonly address: string | null },
  ): Promise<void>;

  /**
   * Gives a session another secret and another proof. Of several calls with the same old secret one
   * succeeds.
   * @returns the session as it is now, or null when none has the old secret
   */
  abstract rotate(
    secretHash: { readonly from: string; readonly to: string },
    authentication: Authentication,
  ): Promise<Session | null>;

  /**
   * Notes that a client got tokens in it, once.
   * @returns whether there is such a session
   */
  abstract addClient(sid: string, clientId: string): Promise<boolean>;

  /**
   * Ends a session; one of another account than the one that is named stays.
   * @returns what it was, or null when none was ended
   */
  abstract end(sid: string, accountId?: string): Promise<Session | null>;

  /** Ends every session of an account but the one that is spared. @returns what they were */
  abstract endAll(accountId: string, spared?: string): Promise<readonly Session[]>;

  /**
   * Removes sessions that are over at this time, some at a time.
   * @returns how many; fewer than `limit` when none is left
   */
  abstract removeExpired(now: number, limit: number): Promise<number>;
}
