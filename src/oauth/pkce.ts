import { createHash } from 'node:crypto';

/** The one method that is spoken: what `plain` sends could be read and replayed (RFC 9700 section 2.1.1). */
export const CODE_CHALLENGE_METHOD = 'S256';

const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;
const VERIFIER = /^[A-Za-z0-9\-._~]{43,128}$/;

/** Whether this can be an S256 challenge: a SHA-256 in base64url (RFC 7636 section 4.2). */
export function isCodeChallenge(text: string): boolean {
  return CHALLENGE.test(text);
}

/** Whether the verifier is well-formed and is what the challenge was made of (RFC 7636 section 4.6). */
export function matchesChallenge(verifier: string, challenge: string): boolean {
  return (
    VERIFIER.test(verifier) &&
    createHash('sha256').update(verifier, 'ascii').digest('base64url') === challenge
  );
}
