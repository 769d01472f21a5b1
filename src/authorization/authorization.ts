import type { ClaimsRequest } from './claims-request.js';

/**
 * What a person allowed an application at one sign-in. The code and the refresh tokens are ways to
 * use it; its id is the `grant_id` of every token that comes of it, so that all of them end with it.
 */
export interface Authorization {
  /** A UUID. */
  readonly authorizationId: string;
  readonly clientId: string;
  readonly accountId: string;
  /** The sign-in session it was given in. */
  readonly sid: string;
  /** Everything that was allowed; a token may hold less. */
  readonly scope: readonly string[];
  /** Identifiers of the targets that tokens may be for. */
  readonly targets: readonly string[];
  /** Claims that the application asked for by name (OpenID Connect Core section 5.5). */
  readonly claims: ClaimsRequest;
  /** When the person had proved who they are. Milliseconds since the epoch, as every time here. */
  readonly authTime: number;
  readonly acr: string;
  readonly amr: readonly string[];
  /** Whether it outlives the session (scope `offline_access`). */
  readonly isOffline: boolean;
  readonly createdAt: number;
  /** When it ends whatever happens. */
  readonly expiresAt: number;
  readonly revokedAt: number | null;
}

/** A way to redeem an authorization once (RFC 6749 section 4.1.2). */
export interface AuthorizationCode {
  /** SHA-256 of the code, base64url. */
  readonly codeHash: string;
  readonly authorizationId: string;
  /** The redirect URI it was sent to. */
  readonly redirectUri: string;
  /** S256 challenge; null for a client that needs none and sent none. */
  readonly codeChallenge: string | null;
  readonly nonce: string | null;
  readonly expiresAt: number;
}

/** A way to use an authorization again: one of a family, of which the newest is good (RFC 9700 section 4.14). */
export interface RefreshToken {
  /** SHA-256 of the token, base64url. */
  readonly tokenHash: string;
  readonly authorizationId: string;
  readonly createdAt: number;
  /** When it ends if it is not used. */
  readonly expiresAt: number;
  /** When it was first used; null while it is good. */
  readonly usedAt: number | null;
}

/** Whether tokens may come of an authorization at this time. */
export function isInForce(
  { revokedAt, expiresAt }: Pick<Authorization, 'revokedAt' | 'expiresAt'>,
  now: number,
): boolean {
  return revokedAt === null && now < expiresAt;
}
