import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';

import type { KeySeal } from './key-seal.js';
import type { SigningAlgorithm, StoredSigningKey } from './signing-key.js';

/** A new key pair, sealed for the store. Its `kid` is the RFC 7638 thumbprint of its public half. */
export async function makeSigningKey(
  seal: KeySeal,
  algorithm: SigningAlgorithm,
  now: number,
  activeFrom: number,
): Promise<StoredSigningKey> {
  const { privateKey } = await generateKeyPair(algorithm, {
    extractable: true,
    ...(algorithm === 'EdDSA' ? { crv: 'Ed25519' } : {}),
    ...(algorithm === 'RS256' || algorithm === 'PS256' ? { modulusLength: 2048 } : {}),
  });
  return sealSigningKey(seal, algorithm, await exportJWK(privateKey), now, activeFrom);
}

/**
 * A key that an operator brings, as a private JWK.
 * @throws Error when it is not a private key for that algorithm, or an RSA key under 2048 bits
 */
export async function sealSigningKey(
  seal: KeySeal,
  algorithm: SigningAlgorithm,
  privateJwk: JWK,
  now: number,
  activeFrom: number,
): Promise<StoredSigningKey> {
  if (typeof privateJwk.d !== 'string') throw new Error('The key has no private half');
  if (privateJwk.alg !== undefined && privateJwk.alg !== algorithm)
    throw new Error('The key names another algorithm');
  await importJWK(privateJwk, algorithm);
  const publicJwk = publicHalf(privateJwk);
  if (publicJwk.kty === 'RSA' && Buffer.from(publicJwk.n ?? '', 'base64url').length < 256) {
    throw new Error('An RSA key must have at least 2048 bits');
  }
  const kid = await calculateJwkThumbprint(publicJwk);
  return {
    kid,
    algorithm,
    publicJwk: { ...publicJwk, kid, alg: algorithm, use: 'sig' },
    sealedPrivateJwk: seal.seal(kid, JSON.stringify(privateJwk)),
    createdAt: now,
    activeFrom,
    revokedAt: null,
  };
}

/** Only the members that are public, by name: what is not listed cannot leak. */
function publicHalf(jwk: JWK): JWK {
  if (jwk.kty === 'RSA') return { kty: 'RSA', n: jwk.n ?? '', e: jwk.e ?? '' };
  if (jwk.kty === 'EC') return { kty: 'EC', crv: jwk.crv ?? '', x: jwk.x ?? '', y: jwk.y ?? '' };
  if (jwk.kty === 'OKP') return { kty: 'OKP', crv: jwk.crv ?? '', x: jwk.x ?? '' };
  throw new Error('The key is of a kind that cannot sign tokens');
}
