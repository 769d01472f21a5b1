const SECOND = 1000;
const DAY = 24 * 60 * 60 * SECOND;

/** How long what a person allowed can be used. Milliseconds. */
export class AuthorizationSettings {
  /** From the answer of an authorization request to the redemption of its code. */
  readonly codeLifetime: number;
  /** From pushing a request to using it (RFC 9126 section 2.2). */
  readonly pushedRequestLifetime: number;
  /** From signing in to the end of the last refresh token. */
  readonly refreshLifetime: number;
  /** From one use of a refresh token to the next. */
  readonly refreshIdleLimit: number;
  /** After its first use a refresh token is good again this long, for a client that did not get the answer. */
  readonly refreshOverlap: number;

  constructor(settings: Partial<AuthorizationSettings> = {}) {
    this.codeLifetime = settings.codeLifetime ?? 60 * SECOND;
    this.pushedRequestLifetime = settings.pushedRequestLifetime ?? 90 * SECOND;
    this.refreshLifetime = settings.refreshLifetime ?? 30 * DAY;
    this.refreshIdleLimit = settings.refreshIdleLimit ?? 7 * DAY;
    this.refreshOverlap = settings.refreshOverlap ?? 5 * SECOND;
  }
}
