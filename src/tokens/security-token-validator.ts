import type { SecurityToken } from './security-token.js';

/** What a validator hears about a token before it knows whether the token is good. */
export interface TokenToCheck {
  readonly token: string;
  /** The `subject_token_type` or `actor_token_type` it was presented as. */
  readonly tokenType: string;
  /** SHA-256 of the token, base64url. */
  readonly hash: string;
}

/**
 * Checks tokens of one origin. Promises: what it returns was signed by a key it trusts, is of the
 * kind that was indicated, and is valid now. Refuses by throwing an `OAuthError` with a stable
 * reason; rejects otherwise only when it cannot know, and then nothing may be issued.
 */
export abstract class SecurityTokenValidator {
  abstract validate(presented: TokenToCheck): Promise<SecurityToken>;
}
