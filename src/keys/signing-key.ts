import type { JWK } from 'jose';

/** The signature algorithms a key of ours can have; one key, one algorithm (RFC 8725 section 3.1). */
export const SIGNING_ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA'] as const;

export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];

/** A signing key as it is kept: the public half in the clear, the private half sealed. */
export interface StoredSigningKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly publicJwk: JWK;
  /** The private JWK, sealed by `KeySeal`. */
  readonly sealedPrivateJwk: string;
  /** Milliseconds since the epoch, as every time here. */
  readonly createdAt: number;
  /** From when it signs: published before that, so that everybody's cached key set has it. */
  readonly activeFrom: number;
  readonly revokedAt: number | null;
}

/**
 * announced: published, does not sign yet; active: signs; retiring: signs no more, what it signed
 * still verifies; retired: nothing it signed can still be valid; revoked: refused at once.
 */
export type KeyLife = 'announced' | 'active' | 'retiring' | 'retired' | 'revoked';

/**
 * The life of each key at a moment: a pure function of the stored keys and the time, so that
 * several instances agree without a leader. Of the keys of one algorithm the latest that is due
 * signs, unless it was revoked; a key that was superseded never signs again, not even when its
 * successor is revoked, because caches may have dropped it.
 *
 * @param now milliseconds since the epoch
 * @param retirement milliseconds after which nothing that a superseded key signed is still valid
 */
export function keyLives(
  keys: readonly StoredSigningKey[],
  now: number,
  retirement: number,
): ReadonlyMap<string, KeyLife> {
  const lives = new Map<string, KeyLife>();
  const successors = new Map<SigningAlgorithm, StoredSigningKey>();
  for (const key of keys.toSorted(newestFirst)) {
    const revoked = key.revokedAt !== null && key.revokedAt <= now;
    const successor = successors.get(key.algorithm);
    if (revoked) lives.set(key.kid, 'revoked');
    else if (key.activeFrom > now) lives.set(key.kid, 'announced');
    else if (successor === undefined) lives.set(key.kid, 'active');
    else lives.set(key.kid, successor.activeFrom + retirement > now ? 'retiring' : 'retired');
    const signedOnce = key.activeFrom <= (revoked ? (key.revokedAt ?? now) : now);
    if (signedOnce) successors.set(key.algorithm, key);
  }
  return lives;
}

function newestFirst(a: StoredSigningKey, b: StoredSigningKey): number {
  if (a.activeFrom !== b.activeFrom) return b.activeFrom - a.activeFrom;
  if ((a.revokedAt === null) !== (b.revokedAt === null)) return a.revokedAt === null ? -1 : 1;
  return a.kid < b.kid ? 1 : -1;
}
