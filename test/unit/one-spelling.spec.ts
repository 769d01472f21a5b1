import { createPublicKey } from 'node:crypto';

import { describe, expect, it } from '@jest/globals';
import { compactVerify } from 'jose';

import { oneSpelling } from '../../src/tokens/one-spelling.js';
import { hashToken } from '../../src/tokens/security-tokens.js';
import { foreignKey, signedBy } from '../support/foreign-key.js';

const ORDERS = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES384:
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ES512:
    0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
} as const;

/** The token with the other s. */
function twinOf(token: string, order: bigint): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const half = bytes.length / 2;
  const s = order - BigInt(`0x${bytes.subarray(half).toString('hex')}`);
  const other = Buffer.from(s.toString(16).padStart(half * 2, '0'), 'hex');
  const twin = Buffer.concat([bytes.subarray(0, half), other]).toString('base64url');
  return [header, payload, twin].join('.');
}

describe('A token has one spelling and one hash', () => {
  it.each(['ES256', 'ES384', 'ES512'] as const)(
    'whichever of its two signatures it has: %s',
    async (algorithm) => {
      const key = foreignKey('k', algorithm);
      const token = await signedBy(key, { sub: 'alice' });
      const twin = twinOf(token, ORDERS[algorithm]);
      await compactVerify(twin, createPublicKey(key.privateKey));
      expect(twin).not.toBe(token);
      expect([oneSpelling(twin), oneSpelling(token)]).toEqual([token, token]);
      expect(hashToken(twin)).toBe(hashToken(token));
    },
  );

  it.each(['RS256', 'PS256', 'EdDSA'])('as it is: %s', async (algorithm) => {
    const token = await signedBy(foreignKey('k', algorithm), { sub: 'alice' });
    expect(oneSpelling(token)).toBe(token);
  });

  it.each(['', '.', '..', 'x', 'nte_at_abc', 'e30.e30.', 'eyJhbGciOiJFUzI1NiJ9.e30.AA'])(
    'as it is, when it is no token: %j',
    (text) => {
      expect(oneSpelling(text)).toBe(text);
    },
  );
});
