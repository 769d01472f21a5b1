import type { TokenType } from './token-type.js';

/** The answer of the token endpoint (RFC 6749 section 5.1, RFC 8693 section 2.2.1). */
export interface TokenResponse {
  readonly access_token: string;
  readonly issued_token_type?: TokenType;
  /** `Bearer`, or `N_A` for a token that is not an access token. */
  readonly token_type: 'Bearer' | 'N_A';
  /** Seconds. */
  readonly expires_in: number;
  readonly scope: string;
  readonly refresh_token?: string;
  /** With scope `openid` (OpenID Connect Core section 3.1.3.3). */
  readonly id_token?: string;
}
