import { generateKeyPairSync, type KeyObject } from 'node:crypto';

import { CompactSign } from 'jose';

import type { JsonObject } from '../../src/oauth/claims.js';
import { oneSpelling } from '../../src/tokens/one-spelling.js';

/** A signing key of somebody else, with the JWK that they publish. */
export interface ForeignKey {
  readonly algorithm: string;
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly jwk: JsonObject;
}

/** A fresh key for the algorithm. */
export function foreignKey(kid: string, algorithm = 'ES256', bits = 2048): ForeignKey {
  const { publicKey, privateKey } = pairFor(algorithm, bits);
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' } as JsonObject;
  return { algorithm, kid, privateKey, jwk };
}

/** A compact JWS of the payload; a header field given as undefined is left out. */
export async function signedBy(
  { algorithm, kid, privateKey }: ForeignKey,
  payload: string | Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const all = { alg: algorithm, kid, typ: 'at+jwt', ...header };
  const kept = Object.entries(all).filter(([, value]) => value !== undefined);
  const token = await new CompactSign(new TextEncoder().encode(text))
    .setProtectedHeader(Object.fromEntries(kept) as { alg: string })
    .sign(privateKey);
  return oneSpelling(token);
}

function pairFor(
  algorithm: string,
  modulusLength: number,
): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
  if (!algorithm.startsWith('ES')) return generateKeyPairSync('rsa', { modulusLength });
  const namedCurve = { ES384: 'P-384', ES512: 'P-521' }[algorithm] ?? 'P-256';
  return generateKeyPairSync('ec', { namedCurve });
}
