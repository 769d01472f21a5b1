import type { Decision } from '../delegation/decision.js';
import type { TokenResponse } from '../oauth/token-response.js';
import { TokenType } from '../oauth/token-type.js';
import type { IssuedToken } from '../tokens/token-issuer.js';

/** The answer that gives an access token (RFC 8693 section 2.2.1): always all five members. */
export function bearerResponse(decision: Decision, { token, claims }: IssuedToken): TokenResponse {
  return {
    access_token: token,
    issued_token_type: TokenType.AccessToken,
    token_type: 'Bearer',
    expires_in: decision.expiresAt - decision.issuedAt,
    scope: claims.scope,
  };
}
