import { beforeAll, describe, expect, it } from '@jest/globals';
import { compactVerify, decodeProtectedHeader, importJWK } from 'jose';

import { KeyRing } from '../../src/keys/key-ring.js';
import { KeySettings } from '../../src/keys/key-store.js';
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '../../src/keys/signing-key.js';
import { InMemoryKeyStore } from '../../src/testing/index.js';
import { OwnTokens, readJwsHeader } from '../../src/tokens/own-tokens.js';
import { FakeClock } from '../support/fake-clock.js';

const CLAIMS = { iss: 'https://idp.example', sub: 'alice', iat: 1, exp: 2 };

let ring: KeyRing;
let tokens: OwnTokens;

beforeAll(async () => {
  const settings = new KeySettings({
    encryptionKey: Buffer.alloc(32),
    others: ['RS256', 'PS256', 'EdDSA'],
  });
  ring = new KeyRing(new InMemoryKeyStore(), settings, new FakeClock());
  await ring.ensureKey();
  tokens = new OwnTokens(ring);
});

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

async function signed(algorithm?: SigningAlgorithm): Promise<[string, string, string]> {
  const [header = '', payload = '', signature = ''] = (
    await tokens.sign('JWT', CLAIMS, algorithm)
  ).split('.');
  return [header, payload, signature];
}

async function expectRefused(token: string, reason: string): Promise<void> {
  await expect(tokens.verify(token, readJwsHeader(token))).rejects.toMatchObject({
    error: 'invalid_request',
    reason,
  });
}

describe('A token with a signature of ours is refused', () => {
  it.each(SIGNING_ALGORITHMS)(
    'when it names a key of %s with any other algorithm',
    async (algorithm) => {
      const [header, payload, signature] = await signed(algorithm);
      const named = JSON.parse(Buffer.from(header, 'base64url').toString()) as object;
      for (const alg of [...SIGNING_ALGORITHMS, 'none', 'HS256', 'RS512', 'ES384', '']) {
        if (alg === algorithm) continue;
        await expectRefused(
          `${encode({ ...named, alg })}.${payload}.${signature}`,
          'token_algorithm_not_allowed',
        );
      }
    },
  );

  it.each(SIGNING_ALGORITHMS)(
    'when it was signed with %s and names another key',
    async (algorithm) => {
      const [, payload, signature] = await signed(algorithm);
      for (const other of SIGNING_ALGORITHMS) {
        if (other === algorithm) continue;
        const { kid } = await ring.active(other);
        await expectRefused(
          `${encode({ alg: other, typ: 'JWT', kid })}.${payload}.${signature}`,
          'token_signature_invalid',
        );
        await expectRefused(
          `${encode({ alg: algorithm, typ: 'JWT', kid })}.${payload}.${signature}`,
          'token_algorithm_not_allowed',
        );
      }
    },
  );

  it.each(SIGNING_ALGORITHMS)('of %s when its claims were changed', async (algorithm) => {
    const [header, , signature] = await signed(algorithm);
    const payload = encode({ ...CLAIMS, sub: 'bob' });
    await expectRefused(`${header}.${payload}.${signature}`, 'token_signature_invalid');
  });
});

describe('A token of ours', () => {
  it.each(SIGNING_ALGORITHMS)('is signed with %s where asked, and verifies', async (algorithm) => {
    const token = await tokens.sign('JWT', CLAIMS, algorithm);
    const { kid } = await ring.active(algorithm);
    expect(decodeProtectedHeader(token)).toEqual({ alg: algorithm, typ: 'JWT', kid });
    expect(await tokens.verify(token, readJwsHeader(token))).toEqual({
      type: 'JWT',
      keyId: kid,
      claims: CLAIMS,
    });
    const jwk = (await ring.jwks()).keys.find((key) => key.kid === kid);
    await compactVerify(token, await importJWK(jwk ?? { kty: '' }, algorithm), {
      algorithms: [algorithm],
    });
  });

  it('is signed with the algorithm of access tokens unless another is asked for', async () => {
    const token = await tokens.sign('at+jwt', CLAIMS);
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
  });
});
