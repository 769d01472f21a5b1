import {
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  sign,
  verify,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';

import type { SigningAlgorithm } from '../keys/signing-key.js';

/** What makes up a key, by name: what is not listed is not read. */
const PUBLIC_MEMBERS = ['crv', 'e', 'kty', 'n', 'x', 'y'] as const;
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const;
const KINDS: Readonly<Record<SigningAlgorithm, { readonly kty: string; readonly crv?: string }>> = {
  ES256: { kty: 'EC', crv: 'P-256' },
  RS256: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
};

/** A private JWK that has been checked. */
export interface ImportedKey {
  /** The RFC 7638 thumbprint. */
  readonly kid: string;
  readonly jwk: JsonWebKey & { readonly kty: string };
}

/**
 * Reads a private JWK for an algorithm; undefined when it is none. Its halves must belong
 * together: otherwise nothing that it signs would verify.
 */
export function readPrivateJwk(
  given: Readonly<Record<string, unknown>>,
  algorithm: SigningAlgorithm,
): ImportedKey | undefined {
  const { kty, crv } = KINDS[algorithm];
  if (given['kty'] !== kty || (crv !== undefined && given['crv'] !== crv)) return undefined;
  if (given['alg'] !== undefined && given['alg'] !== algorithm) return undefined;
  const publicJwk = { ...pick(given, PUBLIC_MEMBERS), kty };
  const jwk = { ...publicJwk, ...pick(given, PRIVATE_MEMBERS) };
  try {
    const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
    const publicKey = createPublicKey({ key: publicJwk, format: 'jwk' });
    if (!belongTogether(privateKey, publicKey, algorithm)) return undefined;
    // Exported again, every member has its one spelling, so that a key has one thumbprint.
    return {
      kid: thumbprint(publicKey.export({ format: 'jwk' })),
      jwk: { ...privateKey.export({ format: 'jwk' }), kty },
    };
  } catch {
    return undefined;
  }
}

function pick(
  from: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of names) {
    const value = from[name];
    if (typeof value === 'string') found[name] = value;
  }
  return found;
}

function belongTogether(
  privateKey: KeyObject,
  publicKey: KeyObject,
  algorithm: SigningAlgorithm,
): boolean {
  const isRsa = KINDS[algorithm].kty === 'RSA';
  if (isRsa && (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) < 2048) return false;
  const hash = algorithm === 'EdDSA' ? null : 'sha256';
  const options = isRsa ? { padding: constants.RSA_PKCS1_PADDING } : {};
  const probe = Buffer.from('nest-token-exchange');
  const signature = sign(hash, probe, { key: privateKey, ...options });
  return verify(hash, probe, { key: publicKey, ...options }, signature);
}

/** RFC 7638 section 3: the members that make up the public key, in their order. */
function thumbprint(jwk: JsonWebKey): string {
  const members = PUBLIC_MEMBERS.filter((name) => jwk[name] !== undefined);
  const text = JSON.stringify(Object.fromEntries(members.map((name) => [name, jwk[name]])));
  return createHash('sha256').update(text).digest('base64url');
}
