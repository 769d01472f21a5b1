import type { PresentedToken } from '../delegation/exchange-request.js';

/** A token that has been checked: signature, issuer, kind, time, claims and standing of its parties. */
export interface SecurityToken extends PresentedToken {
  /** SHA-256 of the whole token, base64url. */
  readonly hash: string;
  readonly jti: string | undefined;
  /** The id of the key that signed it. */
  readonly keyId: string | undefined;
}
