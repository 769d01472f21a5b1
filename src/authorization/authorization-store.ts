import type { Authorization, AuthorizationCode, RefreshToken } from './authorization.js';

/** Which authorizations; every field that is given must match, and at least one but `sparedSid` is. */
export interface AuthorizationFilter {
  readonly accountId?: string;
  readonly clientId?: string;
  /** Of these sessions. */
  readonly sids?: readonly string[];
  /** Spares those of this session; names nothing by itself. */
  readonly sparedSid?: string | undefined;
  /** Spares those that outlive their session. */
  readonly onlyOnline?: boolean;
}

/** What a client may have of a person, by all its authorizations that are not revoked. */
export interface AuthorizedClient {
  readonly clientId: string;
  /** Every scope value that one of them has, in ascending order by code point. */
  readonly scope: readonly string[];
  /** When the newest was given. Milliseconds since the epoch. */
  readonly createdAt: number;
}

/**
 * Keeps what people allowed, with the codes and refresh tokens that use it. Promises: each call is
 * atomic; an acknowledged write is durable and seen by every later read through any instance; what
 * is revoked stays so. Knows no time but what it is told: it gives what has expired, too, until it is
 * removed. Fails by rejecting.
 */
export abstract class AuthorizationStore {
  /** Keeps an authorization with its code. Rejects when one of their ids is taken. */
  abstract create(authorization: Authorization, code: AuthorizationCode): Promise<void>;

  /**
   * Uses a code. Of several calls with one code, `isFirst` is true for one alone; every other one
   * revokes the authorization at `now` (RFC 6749 section 4.1.2).
   * @returns the code and its authorization as it is then, or null when there is no such code
   */
  abstract redeemCode(
    codeHash: string,
    now: number,
  ): Promise<{
    readonly code: AuthorizationCode;
    readonly authorization: Authorization;
    readonly isFirst: boolean;
  } | null>;

  /** The authorization with this id, or null. */
  abstract find(authorizationId: string): Promise<Authorization | null>;

  /** Keeps the first refresh token of an authorization. Rejects when its hash is taken. */
  abstract addRefreshToken(token: RefreshToken): Promise<void>;

  /** A refresh token, used ones too, with its authorization; or null. */
  abstract findRefreshToken(tokenHash: string): Promise<{
    readonly token: RefreshToken;
    readonly authorization: Authorization;
  } | null>;

  /**
   * Uses a refresh token and keeps its successor. A token that was used is good again for `overlap`
   * milliseconds after its first use, for a client that did not get the answer: so only while no
   * other token of the authorization that was created at that first use or later was itself used.
   * Otherwise its use revokes the authorization at `now`, and nothing is kept. A successor is kept
   * as created no earlier than that first use, whatever the clocks of two instances say. Of several
   * calls at the same moment one is the first, whichever instance they come through.
   * @returns `rotated`; `reused` when it was used before and is not good again; `revoked` when
   *   the authorization was revoked already; null when there is no such token
   */
  abstract rotateRefreshToken(
    tokenHash: string,
    successor: RefreshToken,
    time: { readonly now: number; readonly overlap: number },
  ): Promise<'rotated' | 'reused' | 'revoked' | null>;

  /** Revokes an authorization; one that is revoked keeps its first time. @returns whether it was in force */
  abstract revoke(authorizationId: string, at: number): Promise<boolean>;

  /** Revokes many. @returns the ids of those that were not revoked before */
  abstract revokeAll(filter: AuthorizationFilter, at: number): Promise<readonly string[]>;

  /** The authorizations of a person that are not revoked, newest first, at most `limit`. */
  abstract list(accountId: string, limit: number): Promise<readonly Authorization[]>;

  /**
   * The clients that have authorizations of a person that are not revoked, however many those are,
   * in ascending order of their ids, by code point.
   */
  abstract clientsOf(accountId: string): Promise<readonly AuthorizedClient[]>;

  /**
   * Removes authorizations that ended before this time, with their codes and tokens, some at a time.
   * @returns how many; fewer than `limit` when none is left
   */
  abstract removeExpired(before: number, limit: number): Promise<number>;
}
