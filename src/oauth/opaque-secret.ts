import { createHash, randomBytes } from 'node:crypto';

const SECRET = /^[A-Za-z0-9_-]{43}$/;

/** A secret of 256 random bits for whoever is to hold it, with the hash that may be kept of it. */
export function makeOpaqueSecret(): { readonly secret: string; readonly hash: string } {
  const secret = randomBytes(32).toString('base64url');
  return { secret, hash: hashOpaqueSecret(secret) };
}

/** SHA-256, base64url: enough for 256 random bits. */
export function hashOpaqueSecret(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('base64url');
}

/** Whether this can be a secret that was made here. */
export function isOpaqueSecret(text: string): boolean {
  return SECRET.test(text);
}
