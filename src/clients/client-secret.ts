import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

import type { ClientSecret } from './client.js';

const NO_HASH = Buffer.alloc(32);

/** A new secret of 256 bits in `[A-Za-z0-9_-]`, with what may be kept of it. */
export function makeClientSecret(
  now: number,
  expiresAt: number | null,
): { secret: string; kept: ClientSecret } {
  const secret = randomBytes(32).toString('base64url');
  return {
    secret,
    kept: {
      id: randomBytes(9).toString('base64url'),
      hash: hashSecret(secret),
      createdAt: now,
      expiresAt,
    },
  };
}

/** SHA-256, base64url. Enough for secrets of 256 random bits; never for passwords. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('base64url');
}

/**
 * The kept secret that this one is, compared in constant time with each, and at least with a
 * dummy, so that an unknown client costs what a wrong secret costs.
 */
export function matchSecret(
  secret: string,
  kept: readonly ClientSecret[],
): ClientSecret | undefined {
  const hash = createHash('sha256').update(secret, 'utf8').digest();
  let match: ClientSecret | undefined;
  timingSafeEqual(hash, NO_HASH);
  for (const each of kept) {
    const other = Buffer.from(each.hash, 'base64url');
    if (other.length === hash.length && timingSafeEqual(hash, other)) match = each;
  }
  return match;
}
