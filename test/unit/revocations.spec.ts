import { randomBytes } from 'node:crypto';

import { beforeEach, describe, expect, it } from '@jest/globals';

import { ClientSettingsPolicy } from '../../src/delegation/client-settings-policy.js';
import { Lineage } from '../../src/delegation/lineage.js';
import { KeyRing } from '../../src/keys/key-ring.js';
import { KeySettings } from '../../src/keys/key-store.js';
import { InMemoryKeyStore, InMemoryRevocationStore } from '../../src/testing/index.js';
import type { Revocable } from '../../src/tokens/revocable.js';
import { FOR_EVER, revocationKey } from '../../src/tokens/revocation.js';
import { Revocations, RevocationSettings } from '../../src/tokens/revocations.js';
import { FakeClock } from '../support/fake-clock.js';

/** A store that can be out of reach, or hang. */
class TiredStore extends InMemoryRevocationStore {
  state: 'well' | 'failing' | 'hanging' = 'well';
  /** How often news were asked for. */
  asked = 0;
  /** How often single keys were looked up. */
  looked = 0;
  readonly #waiting: (() => void)[] = [];

  override async since(
    ...page: Parameters<InMemoryRevocationStore['since']>
  ): ReturnType<InMemoryRevocationStore['since']> {
    this.asked += 1;
    await this.#reach();
    return super.since(...page);
  }

  override async find(keys: readonly string[]): ReturnType<InMemoryRevocationStore['find']> {
    this.looked += 1;
    await this.#reach();
    return super.find(keys);
  }

  /** Lets everything go on that hangs. */
  wake(): void {
    this.state = 'well';
    for (const go of this.#waiting.splice(0)) go();
  }

  async #reach(): Promise<void> {
    if (this.state === 'failing') throw new Error('out of reach');
    if (this.state === 'hanging') await new Promise<void>((go) => this.#waiting.push(go));
  }
}

const ISSUER = 'https://idp.example';
const CHAIN = { kind: 'chain', chainId: 'chain-1' } as const;

let clock: FakeClock;
let store: TiredStore;
let revocations: Revocations;

beforeEach(() => {
  clock = new FakeClock();
  store = new TiredStore();
  revocations = instance();
});

/** Another instance with the same store. */
function instance(settings: Partial<RevocationSettings> = {}): Revocations {
  const keys = new KeySettings({ encryptionKey: randomBytes(32) });
  return new Revocations(
    store,
    new ClientSettingsPolicy(),
    new KeyRing(new InMemoryKeyStore(), keys, clock),
    new RevocationSettings(settings),
    clock,
  );
}

function token(changes: Partial<Revocable> = {}): Revocable {
  return {
    hash: 'h'.repeat(43),
    issuedAt: clock.now(),
    lineage: Lineage.NONE,
    issuer: ISSUER,
    isOwn: true,
    chainId: CHAIN.chainId,
    subject: { iss: ISSUER, sub: 'alice' },
    clientId: 'web_app',
    actors: [],
    ...changes,
  };
}

/** What another instance has written. */
function written(chainId: string = CHAIN.chainId): Promise<void> {
  const key = revocationKey({ kind: 'chain', chainId });
  return store.add([{ key, before: FOR_EVER, expiresAt: null }]);
}

describe('Nobody is answered on old knowledge', () => {
  it('nor before anything was read', async () => {
    store.state = 'failing';
    await expect(revocations.reasonAgainst(token())).rejects.toThrow('out of reach');
    store.state = 'well';
    await expect(revocations.reasonAgainst(token())).resolves.toBeUndefined();
  });

  it('when the store fails for a second', async () => {
    await revocations.reasonAgainst(token());
    store.state = 'failing';
    clock.advance(899);
    await expect(revocations.reasonAgainst(token())).resolves.toBeUndefined();
    clock.advance(1);
    await expect(revocations.reasonAgainst(token())).rejects.toThrow('out of reach');
    store.state = 'well';
    await written();
    await expect(revocations.reasonAgainst(token())).resolves.toBe('chain_revoked');
  });

  it('when the store hangs: whoever asks waits for it, and then hears the news', async () => {
    await revocations.reasonAgainst(token());
    await written();
    store.state = 'hanging';
    clock.advance(900);
    const waiting = revocations.reasonAgainst(token());
    store.wake();
    await expect(waiting).resolves.toBe('chain_revoked');
  });

  it('when a read took so long that it is old itself', async () => {
    await revocations.reasonAgainst(token());
    store.state = 'hanging';
    clock.advance(200);
    // Asks for news, which nobody waits for.
    await revocations.reasonAgainst(token());
    clock.advance(5_000);
    const waiting = revocations.reasonAgainst(token());
    await written();
    store.wake();
    await expect(waiting).resolves.toBe('chain_revoked');
  });

  it('when the clock was put back', async () => {
    await revocations.reasonAgainst(token());
    await written();
    clock.advance(-3_600_000);
    await expect(revocations.reasonAgainst(token())).resolves.toBe('chain_revoked');
  });

  it('and what another instance wrote is known within a second, in one read behind an answer', async () => {
    await revocations.reasonAgainst(token());
    await written();
    clock.advance(199);
    await expect(revocations.reasonAgainst(token())).resolves.toBeUndefined();
    expect(store.asked).toBe(1);
    clock.advance(1);
    for (let count = 0; count < 10; count += 1) void revocations.reasonAgainst(token());
    expect(store.asked).toBe(2);
    clock.advance(700);
    await expect(revocations.reasonAgainst(token())).resolves.toBe('chain_revoked');
  });
});

describe('What is revoked', () => {
  it('is known here at once, and to an instance that starts later', async () => {
    await revocations.reasonAgainst(token());
    await revocations.revoke(CHAIN);
    await expect(revocations.reasonAgainst(token())).resolves.toBe('chain_revoked');
    // A restart between the revocation and the replay (CVE-2026-9802).
    await expect(instance().reasonAgainst(token())).resolves.toBe('chain_revoked');
  });

  it('is not said to be so when it cannot be read back', async () => {
    await revocations.reasonAgainst(token());
    store.state = 'failing';
    await expect(revocations.revoke(CHAIN)).rejects.toThrow('out of reach');
  });

  it('dies by every name', async () => {
    const party = { iss: ISSUER, sub: 'svc' };
    const named = token({ actors: [{ ...party, clientId: 'svc' }] });
    for (const [target, reason] of [
      [{ kind: 'token', hash: named.hash ?? '' }, 'token_revoked'],
      [CHAIN, 'chain_revoked'],
      [{ kind: 'subject', iss: ISSUER, sub: 'alice' }, 'subject_revoked'],
      [{ kind: 'actor', ...party }, 'actor_revoked'],
      [{ kind: 'client', clientId: 'web_app' }, 'client_revoked'],
      [{ kind: 'client', clientId: 'svc' }, 'client_revoked'],
      [{ kind: 'issuer', issuer: ISSUER }, 'issuer_revoked'],
      [{ kind: 'all' }, 'tokens_revoked'],
    ] as const) {
      store = new TiredStore();
      revocations = instance();
      await revocations.revoke(target);
      expect([target.kind, await revocations.reasonAgainst(named)]).toEqual([target.kind, reason]);
      const other = token({
        hash: 'o'.repeat(43),
        chainId: 'chain-2',
        subject: { iss: 'https://other.example', sub: 'alice' },
        issuer: 'https://other.example',
        clientId: 'other',
        issuedAt: clock.now() + 1_001,
      });
      await expect(revocations.reasonAgainst(other)).resolves.toBeUndefined();
    }
  });

  it('beyond what is remembered is looked up, and nothing is missed', async () => {
    for (let index = 0; index < 50; index += 1) await written(`chain-${index}`);
    const small = instance({ remembered: 10 });
    for (let index = 0; index < 50; index += 1)
      await expect(small.reasonAgainst(token({ chainId: `chain-${index}` }))).resolves.toBe(
        'chain_revoked',
      );
    expect(store.looked).toBe(40);
    await expect(small.reasonAgainst(token({ chainId: 'chain-50' }))).resolves.toBeUndefined();
    store.state = 'failing';
    // What is not remembered cannot be known then.
    await expect(small.reasonAgainst(token({ chainId: 'chain-50' }))).rejects.toThrow(
      'out of reach',
    );
    await expect(small.reasonAgainst(token({ chainId: 'chain-0' }))).resolves.toBe('chain_revoked');
  });

  it('is told from what would die of it', async () => {
    const alive = token();
    const dead = token({ hash: 'd'.repeat(43) });
    await revocations.revoke({ kind: 'token', hash: 'd'.repeat(43) });
    for (const seen of [revocations, instance({ remembered: 0 })]) {
      const isVictim = await seen.victimsOf([{ kind: 'subject', iss: ISSUER, sub: 'alice' }]);
      expect(await isVictim(alive)).toBe(true);
      expect(await isVictim(dead)).toBe(false);
      expect(await isVictim(token({ subject: { iss: ISSUER, sub: 'bob' } }))).toBe(false);
    }
    const before = await revocations.victimsOf([{ kind: 'subject', iss: ISSUER, sub: 'alice' }]);
    await revocations.revoke({ kind: 'subject', iss: ISSUER, sub: 'alice' });
    expect(await before(alive)).toBe(true);
    const again = await revocations.victimsOf([{ kind: 'subject', iss: ISSUER, sub: 'alice' }]);
    expect(await again(alive)).toBe(false);
  });
});
