import { describe, expect, it, jest } from '@jest/globals';

import { DelegationPolicy } from '../../src/delegation/delegation-policy.js';
import { Lineage } from '../../src/delegation/lineage.js';
import type { Verdict } from '../../src/delegation/verdict.js';
import { KeyRing } from '../../src/keys/key-ring.js';
import { KeySettings } from '../../src/keys/key-store.js';
import { InMemoryKeyStore, InMemoryRevocationStore } from '../../src/testing/index.js';
import { FOR_EVER, keyOf, type Revocation } from '../../src/tokens/revocation.js';
import { Revocations, RevocationSettings } from '../../src/tokens/revocations.js';
import { FakeClock } from '../support/fake-clock.js';

const MOST = 100;

class NoPolicy extends DelegationPolicy {
  decide(): Promise<Verdict> {
    return Promise.reject(new Error('Nothing is decided here'));
  }
}

function started() {
  const clock = new FakeClock();
  const store = new InMemoryRevocationStore();
  const ring = new KeyRing(
    new InMemoryKeyStore(),
    new KeySettings({ encryptionKey: Buffer.alloc(32) }),
    clock,
  );
  const settings = new RevocationSettings({ remembered: MOST });
  const revocations = new Revocations(store, new NoPolicy(), ring, settings, clock);
  return { clock, store, revocations, find: jest.spyOn(store, 'find') };
}

/** So many, of chains that differ by the name. */
function many(count: number, name: string, now: number, expiresAt: number): Revocation[] {
  return Array.from({ length: count }, (_, index) => ({
    key: keyOf('h', `${name} ${index}`),
    before: now,
    expiresAt,
  }));
}

function ofChain(chainId: string, issuedAt: number) {
  return {
    hash: 'x'.repeat(43),
    issuedAt,
    lineage: Lineage.NONE,
    issuer: 'https://idp.example',
    isOwn: true,
    chainId,
    subject: { iss: 'https://idp.example', sub: 'alice' },
    clientId: 'web_app',
    actors: [],
  };
}

describe('CVE-2025-2559, a memory grew until there was none left: of more than can be remembered', () => {
  it('nothing is passed over: the store is asked about each token', async () => {
    const { clock, store, revocations, find } = started();
    const now = clock.now();
    await store.add(many(3 * MOST, 'chain', now, now + 60_000));
    for (let index = 0; index < 3 * MOST; index += 1)
      expect(await revocations.reasonAgainst(ofChain(`chain ${index}`, now))).toBe('chain_revoked');
    expect(await revocations.reasonAgainst(ofChain('other', now))).toBeUndefined();
    expect(find).toHaveBeenCalled();
  });

  it('what has no effect any more is forgotten first', async () => {
    const { clock, store, revocations, find } = started();
    const now = clock.now();
    await store.add(many(MOST, 'old', now, now + 1_000));
    expect(await revocations.reasonAgainst(ofChain('old 1', now))).toBe('chain_revoked');
    clock.advance(100_000);
    await store.add(many(MOST, 'new', clock.now(), clock.now() + 1_000));
    expect(await revocations.reasonAgainst(ofChain('new 1', clock.now()))).toBe('chain_revoked');
    expect(await revocations.reasonAgainst(ofChain('other', clock.now()))).toBeUndefined();
    expect(find).not.toHaveBeenCalled();
  });
});

describe('When the store was restored from before', () => {
  it('everything is read anew, so that what is revoked from then on is known', async () => {
    const { clock, store, revocations } = started();
    await store.add(many(5, 'former', clock.now(), clock.now() + 3_600_000));
    await revocations.revoke({ kind: 'chain', chainId: 'known' });
    const restored = new InMemoryRevocationStore();
    store.since = (position, limit) => restored.since(position, limit);
    await restored.add([{ key: keyOf('h', 'new'), before: FOR_EVER, expiresAt: null }]);
    clock.advance(1_000);
    const token = {
      hash: undefined,
      issuedAt: clock.now(),
      lineage: Lineage.NONE,
      issuer: 'https://idp.example',
      isOwn: true,
      subject: { iss: 'https://idp.example', sub: 'alice' },
      clientId: 'web',
      actors: [],
    };
    expect(await revocations.reasonAgainst({ ...token, chainId: 'new' })).toBe('chain_revoked');
    // What was known before stays so: nothing comes alive.
    expect(await revocations.reasonAgainst({ ...token, chainId: 'known' })).toBe('chain_revoked');
    expect(await revocations.reasonAgainst({ ...token, chainId: 'other' })).toBeUndefined();
  });
});
