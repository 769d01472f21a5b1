import type { PresentedToken } from '../delegation/exchange-request.js';

/** A token that has been checked: signature, issuer, kind, time, claims and standing of its parties. */
export interface SecurityToken extends PresentedToken {
  readonly jti: string | undefined;
}
