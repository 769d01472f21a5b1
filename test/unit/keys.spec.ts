import { randomBytes } from 'node:crypto';

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';

import { KeyRing } from '../../src/keys/key-ring.js';
import { KeySeal } from '../../src/keys/key-seal.js';
import { KeySettings } from '../../src/keys/key-store.js';
import { SealedValues } from '../../src/keys/sealed-values.js';
import { keyLives, type StoredSigningKey } from '../../src/keys/signing-key.js';
import type { Json } from '../../src/oauth/claims.js';
import { InMemoryKeyStore } from '../../src/testing/index.js';
import { FakeClock } from '../support/fake-clock.js';

const RETIREMENT = 1_000;

function key(kid: string, activeFrom: number, revokedAt: number | null = null): StoredSigningKey {
  return {
    kid,
    algorithm: 'ES256',
    publicJwk: { kty: 'EC' },
    sealedPrivateJwk: '',
    createdAt: 0,
    activeFrom,
    revokedAt,
  };
}

async function startRing(settings: Partial<KeySettings> = {}) {
  const store = new InMemoryKeyStore();
  const clock = new FakeClock();
  const ring = new KeyRing(
    store,
    new KeySettings({ encryptionKey: randomBytes(32), ...settings }),
    clock,
  );
  await ring.ensureKey();
  return { store, clock, ring };
}

describe('The life of a signing key', () => {
  it('goes from announced to active to retiring to retired', () => {
    const keys = [key('old', 100), key('new', 500)];
    const at = (now: number) => [
      keyLives(keys, now, RETIREMENT).get('old'),
      keyLives(keys, now, RETIREMENT).get('new'),
    ];
    expect(at(99)).toEqual(['announced', 'announced']);
    expect(at(100)).toEqual(['active', 'announced']);
    expect(at(499)).toEqual(['active', 'announced']);
    expect(at(500)).toEqual(['retiring', 'active']);
    expect(at(1_499)).toEqual(['retiring', 'active']);
    expect(at(1_500)).toEqual(['retired', 'active']);
  });

  it('never returns to signing when its successor is revoked', () => {
    const keys = [key('old', 100), key('new', 500, 600)];
    expect(Object.fromEntries(keyLives(keys, 600, RETIREMENT))).toEqual({
      old: 'retiring',
      new: 'revoked',
    });
    expect(keyLives([key('old', 100), key('new', 500, 400)], 600, RETIREMENT).get('old')).toBe(
      'active',
    );
  });

  it('depends on the stored keys and the time alone, with at most one active key', () => {
    const stored = fc.uniqueArray(
      fc
        .record({ kid: fc.uuid(), activeFrom: fc.nat(50), revokedAt: fc.option(fc.nat(50)) })
        .map(({ kid, activeFrom, revokedAt }) => key(kid, activeFrom, revokedAt)),
      { selector: (each) => each.kid },
    );
    fc.assert(
      fc.property(stored, fc.nat(60), fc.nat(), (keys, now, seed) => {
        const shuffled = keys.toSorted(
          (a, b) => (a.kid.charCodeAt(seed % 8) ?? 0) - (b.kid.charCodeAt(seed % 8) ?? 0),
        );
        const lives = keyLives(keys, now, RETIREMENT);
        expect(Object.fromEntries(keyLives(shuffled, now, RETIREMENT))).toEqual(
          Object.fromEntries(lives),
        );
        expect([...lives.values()].filter((life) => life === 'active').length).toBeLessThanOrEqual(
          1,
        );
        expect(lives.size).toBe(keys.length);
      }),
    );
  });
});

const decodes = (text: string) =>
  text
    .split('.')
    .map((part) => Buffer.from(part, 'base64url').toString('hex'))
    .join('.');

describe('A sealed private key', () => {
  const seal = new KeySeal(Buffer.alloc(32, 7));

  it('does not open with another key, for another kid, or when any byte changed', () => {
    const sealed = seal.seal('kid', 'the private half');
    expect(() => new KeySeal(Buffer.alloc(32, 8)).open('kid', sealed)).toThrow(/does not open/);
    expect(() => seal.open('other', sealed)).toThrow(/does not open/);
    expect(() => seal.open('kid', 'v0.a.b.c')).toThrow(/not in a form/);
    fc.assert(
      fc.property(fc.integer({ min: 3, max: sealed.length - 1 }), (index) => {
        const replaced = sealed[index] === 'A' ? 'z' : 'A';
        fc.pre(sealed[index] !== '.');
        const changed = sealed.slice(0, index) + replaced + sealed.slice(index + 1);
        fc.pre(decodes(changed) !== decodes(sealed));
        expect(() => seal.open('kid', changed)).toThrow();
      }),
    );
  });

  it('opens to what was sealed and hides it', () => {
    expect(seal.open('kid', seal.seal('kid', 'the private half'))).toBe('the private half');
    expect(seal.seal('kid', 'x')).not.toBe(seal.seal('kid', 'x'));
  });
});

function valuesUnder(key: number): SealedValues {
  return new SealedValues(new KeySettings({ encryptionKey: Buffer.alloc(32, key) }));
}

describe('A sealed value', () => {
  const values = valuesUnder(1);

  it('does not open for another purpose or with another key', () => {
    const sealed = values.seal('a', 'the value');
    for (const purpose of ['b', '', 'A', 'a ', 'aa'])
      expect(values.open(purpose, sealed)).toBeUndefined();
    expect(valuesUnder(2).open('a', sealed)).toBeUndefined();
    // Nor does a private key, which is sealed under the same encryption key.
    const seal = new KeySeal(Buffer.alloc(32, 1)).seal('a', '"x"');
    const [, nonce = '', body = '', tag = ''] = seal.split('.');
    const bytes = [nonce, body, tag].map((part) => Buffer.from(part, 'base64url'));
    expect(values.open('a', Buffer.concat(bytes).toString('base64url'))).toBeUndefined();
  });

  it.each([0, 1, 2, 3, 4, 5])(
    'does not open when any character of it is another: a text of %d characters',
    (length) => {
      const sealed = values.seal('a', 'x'.repeat(length));
      for (let index = 0; index < sealed.length; index += 1) {
        for (const character of ['A', 'B', 'g', 'w', '-', '_', '.', '=', ' ', '\u0141', '']) {
          if (character === sealed[index]) continue;
          const changed = sealed.slice(0, index) + character + sealed.slice(index + 1);
          expect(values.open('a', changed)).toBeUndefined();
        }
      }
    },
  );

  it('does not open when it is cut or added to anywhere', () => {
    const sealed = values.seal('a', { some: 'value' });
    for (let length = 0; length < sealed.length; length += 1) {
      expect(values.open('a', sealed.slice(0, length))).toBeUndefined();
      expect(values.open('a', sealed.slice(length + 1))).toBeUndefined();
    }
    for (const added of [`${sealed}A`, `A${sealed}`, `${sealed}=`, ` ${sealed}`, `${sealed}\n`])
      expect(values.open('a', added)).toBeUndefined();
  });

  it('does not open, and does not throw, when it is any text at all', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.base64String()), (text) => {
        expect(values.open('a', text)).toBeUndefined();
      }),
    );
  });

  it('is 16 kB long at most', () => {
    const longest = 'x'.repeat((16_384 / 4) * 3 - 28 - 2);
    const sealed = values.seal('a', longest);
    expect(sealed).toHaveLength(16_384);
    expect(values.open('a', sealed)).toBe(longest);
    expect(() => values.seal('a', `${longest}x`)).toThrow(/too long/);
    expect(values.open('a', `${sealed}A`)).toBeUndefined();
    expect(values.open('a', 'A'.repeat(1_000_000))).toBeUndefined();
  });

  it('opens to what was sealed, hides it, and is never the same twice', () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), (purpose, value) => {
        const plain = JSON.parse(JSON.stringify(value)) as Json;
        expect(values.open(purpose, values.seal(purpose, plain))).toEqual(plain);
      }),
    );
    const sealed = values.seal('a', 'the value');
    expect(sealed).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(Buffer.from(sealed, 'base64url').includes('the value')).toBe(false);
    expect(values.seal('a', 'the value')).not.toBe(sealed);
    expect(valuesUnder(1).open('a', sealed)).toBe('the value');
  });
});

describe('The key ring', () => {
  it('neither signs nor accepts while the store is out of reach, for a key may be revoked', async () => {
    const { store, clock, ring } = await startRing();
    const { kid } = await ring.active();
    store.list = () => Promise.reject(new Error('out of reach'));
    clock.advance(899);
    await expect(ring.active()).resolves.toMatchObject({ kid });
    await expect(ring.verifying(kid)).resolves.toMatchObject({ kid });
    clock.advance(1);
    await expect(ring.active()).rejects.toThrow('The signing keys cannot be read');
    await expect(ring.verifying(kid)).rejects.toThrow('The signing keys cannot be read');
    await expect(ring.revokedIds()).rejects.toThrow('The signing keys cannot be read');
  });

  it('tells its public keys for a minute more', async () => {
    const { store, clock, ring } = await startRing();
    store.list = () => Promise.reject(new Error('out of reach'));
    clock.advance(60_000);
    expect((await ring.jwks()).keys).toHaveLength(1);
    clock.advance(1_000);
    await expect(ring.jwks()).rejects.toThrow('The signing keys cannot be read');
  });

  it('refuses keys that cannot serve', async () => {
    const { ring } = await startRing();
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    await expect(ring.bring(await exportJWK(publicKey), 'ES256')).rejects.toThrow(
      /no private half/,
    );
    await expect(
      ring.bring({ ...(await exportJWK(privateKey)), alg: 'ES384' }, 'ES256'),
    ).rejects.toThrow(/another algorithm/);
    await expect(ring.bring(await exportJWK(privateKey), 'RS256')).rejects.toThrow();
    await expect(ring.bring({ kty: 'oct', k: 'AAAA', d: 'x' }, 'ES256')).rejects.toThrow();
    const { generateKeyPairSync } = await import('node:crypto');
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({
      format: 'jwk',
    }) as JWK;
    await expect(ring.bring(small, 'RS256')).rejects.toThrow(/2048/);
  });

  it.each(['ES256', 'RS256', 'PS256', 'EdDSA'] as const)(
    'makes its first %s key and publishes only the public half',
    async (algorithm) => {
      const { store, ring } = await startRing({ algorithm });
      const { keys } = await ring.jwks();
      expect(keys).toHaveLength(1);
      expect(keys[0]).toMatchObject({ alg: algorithm, use: 'sig', kid: expect.any(String) });
      expect(Object.keys(keys[0] ?? {})).not.toEqual(expect.arrayContaining(['d']));
      for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])
        expect(keys[0]).not.toHaveProperty(secret);
      await expect(importJWK(keys[0]!, algorithm)).resolves.toBeDefined();
      const [stored] = await store.list();
      expect(JSON.stringify(stored)).not.toContain('"d"');
    },
  );

  it('makes exactly one first key when many instances start together', async () => {
    const store = new InMemoryKeyStore();
    const settings = new KeySettings({ encryptionKey: Buffer.alloc(32) });
    const clock = new FakeClock();
    const rings = Array.from({ length: 20 }, () => new KeyRing(store, settings, clock));
    await Promise.all(rings.map((ring) => ring.ensureKey()));
    expect(await store.list()).toHaveLength(1);
  });

  it('announces a key before it signs, and lets what the old one signed verify until it retires', async () => {
    const { clock, ring } = await startRing({ announcement: 10_000, retirement: 60_000 });
    const first = await ring.active();
    const next = await ring.rotate();
    expect(next.life).toBe('announced');
    expect((await ring.jwks()).keys.map((each) => each.kid)).toContain(next.kid);
    expect((await ring.active()).kid).toBe(first.kid);
    expect(await ring.verifying(next.kid)).toBeUndefined();
    clock.advance(10_000);
    expect((await ring.active()).kid).toBe(next.kid);
    expect(await ring.verifying(first.kid)).toBeDefined();
    clock.advance(60_000);
    expect(await ring.verifying(first.kid)).toBeUndefined();
    expect((await ring.jwks()).keys.map((each) => each.kid)).toEqual([next.kid]);
  });

  it('replaces a revoked key at once', async () => {
    const { ring } = await startRing();
    const first = await ring.active();
    expect((await ring.revoke(first.kid))?.life).toBe('revoked');
    expect((await ring.active()).kid).not.toBe(first.kid);
    expect(await ring.verifying(first.kid)).toBeUndefined();
    expect(ring.isRevoked(first.kid)).toBe(true);
    expect(await ring.revoke('unknown')).toBeUndefined();
  });

  it('has no key of an algorithm of which none is kept', async () => {
    const { store, clock, ring } = await startRing();
    await expect(ring.active('RS256')).rejects.toThrow('There is no active RS256 signing key');
    expect((await ring.jwks()).keys).toHaveLength(1);
    clock.advance(1_000);
    const { kid } = await ring.rotate({ algorithm: 'EdDSA', immediately: true });
    expect((await ring.active('EdDSA')).kid).toBe(kid);
    expect((await ring.revoke(kid))?.life).toBe('revoked');
    await expect(ring.active('EdDSA')).rejects.toThrow('There is no active EdDSA signing key');
    expect(await store.list()).toHaveLength(2);
  });

  it('keeps a key of every further algorithm, and signs with the one that is asked for', async () => {
    const { ring } = await startRing({ others: ['RS256', 'ES256', 'PS256', 'RS256'] });
    const { keys } = await ring.jwks();
    expect(keys.map(({ alg }) => alg)).toEqual(['ES256', 'RS256', 'PS256']);
    expect((await ring.active()).algorithm).toBe('ES256');
    for (const { kid = '', alg, n } of keys) {
      if (n !== undefined) expect(Buffer.from(n, 'base64url')).toHaveLength(256);
      expect(await ring.verifying(kid)).toMatchObject({ kid, algorithm: alg });
      expect(await ring.active(alg as 'ES256' | 'RS256' | 'PS256')).toMatchObject({
        kid,
        algorithm: alg,
      });
    }
  });

  it('makes only what is missing when an algorithm is added, however many instances start', async () => {
    const { store, clock, ring } = await startRing({ encryptionKey: Buffer.alloc(32) });
    const first = await ring.active();
    const settings = new KeySettings({ encryptionKey: Buffer.alloc(32), others: ['RS256'] });
    const rings = Array.from({ length: 5 }, () => new KeyRing(store, settings, clock));
    await Promise.all(rings.map((each) => each.ensureKey()));
    expect((await store.list()).map((each) => each.algorithm)).toEqual(['ES256', 'RS256']);
    expect(await Promise.all(rings.map(async (each) => (await each.active()).kid))).toEqual(
      rings.map(() => first.kid),
    );
  });

  it('rotates and revokes the keys of each algorithm apart from the others', async () => {
    const { clock, ring } = await startRing({
      others: ['RS256'],
      announcement: 10_000,
      retirement: 60_000,
    });
    const access = await ring.active();
    const first = await ring.active('RS256');
    const next = await ring.rotate({ algorithm: 'RS256' });
    const lives = async () =>
      Object.fromEntries((await ring.list()).map(({ kid, life }) => [kid, life]));
    expect(await lives()).toEqual({
      [access.kid]: 'active',
      [first.kid]: 'active',
      [next.kid]: 'announced',
    });
    clock.advance(10_000);
    expect((await ring.active('RS256')).kid).toBe(next.kid);
    expect(await ring.verifying(first.kid)).toBeDefined();
    await ring.revoke(next.kid);
    const replaced = await ring.active('RS256');
    expect(await lives()).toEqual({
      [access.kid]: 'active',
      [first.kid]: 'retiring',
      [next.kid]: 'revoked',
      [replaced.kid]: 'active',
    });
    expect((await ring.active()).kid).toBe(access.kid);
  });

  it('takes a key that an operator brings', async () => {
    const { clock, ring } = await startRing({ announcement: 1_000 });
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const brought = await ring.bring(await exportJWK(privateKey), 'ES256');
    clock.advance(1_000);
    expect((await ring.active()).kid).toBe(brought.kid);
    await expect(ring.bring(await exportJWK(privateKey), 'ES256')).rejects.toThrow();
  });
});
