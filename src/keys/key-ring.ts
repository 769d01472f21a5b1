import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';

import { Injectable } from '@nestjs/common';
import type { JWK } from 'jose';

import { Clock } from '../oauth/clock.js';
import { KeySeal } from './key-seal.js';
import { KeySettings, KeyStore } from './key-store.js';
import { makeSigningKey, sealSigningKey } from './signing-key-factory.js';
import {
  keyLives,
  type KeyLife,
  type SigningAlgorithm,
  type StoredSigningKey,
} from './signing-key.js';

/** How old the published keys may be while the store is out of reach, in milliseconds. */
const MAX_STALENESS = 60_000;

/** A key that signs now. */
export interface ActiveKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly privateKey: KeyObject;
}

/** A key that verifies what it signed. */
export interface VerificationKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly publicKey: KeyObject;
}

/** A key as an administrator sees it: never its private half. */
export interface KeyView extends Pick<
  StoredSigningKey,
  'kid' | 'algorithm' | 'createdAt' | 'activeFrom' | 'revokedAt'
> {
  readonly life: KeyLife;
}

/**
 * The keys of this server at a moment. It reads the store again when its picture is older than
 * `KeySettings.refresh`, and neither signs nor accepts anything when it cannot; the public keys are told
 * for a minute longer.
 */
@Injectable()
export class KeyRing {
  readonly #seal: KeySeal;
  readonly #privateKeys = new Map<string, KeyObject>();
  readonly #publicKeys = new Map<string, KeyObject>();
  #keys: readonly StoredSigningKey[] = [];
  #readAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(
    private readonly store: KeyStore,
    private readonly settings: KeySettings,
    private readonly clock: Clock,
  ) {
    this.#seal = new KeySeal(settings.encryptionKey);
  }

  /**
   * The key that signs at this moment: access tokens, unless another algorithm is named.
   * @throws Error when there is none or the store has been out of reach for too long
   */
  async active(algorithm: SigningAlgorithm = this.settings.algorithm): Promise<ActiveKey> {
    await this.#refresh();
    const lives = this.#lives();
    const key = this.#keys.find(
      (each) => each.algorithm === algorithm && lives.get(each.kid) === 'active',
    );
    if (key === undefined) throw new Error(`There is no active ${algorithm} signing key`);
    return { kid: key.kid, algorithm: key.algorithm, privateKey: this.#privateKey(key) };
  }

  /** The key with this id if what it signed may still be accepted, else undefined. */
  async verifying(kid: string): Promise<VerificationKey | undefined> {
    await this.#refresh();
    const key = this.#keys.find((each) => each.kid === kid);
    const life = key && this.#lives().get(key.kid);
    if (key === undefined || (life !== 'active' && life !== 'retiring')) return undefined;
    return { kid: key.kid, algorithm: key.algorithm, publicKey: this.#publicKey(key) };
  }

  /** Whether a key of ours with this id was revoked, for the record's reason. */
  isRevoked(kid: string): boolean {
    return this.#lives().get(kid) === 'revoked';
  }

  /** The public key set (RFC 7517): announced, active and retiring keys, public members only. */
  async jwks(): Promise<{ readonly keys: readonly JWK[] }> {
    await this.#refreshIfPossible();
    const lives = this.#lives();
    const published = this.#keys.filter((key) =>
      ['announced', 'active', 'retiring'].includes(lives.get(key.kid) ?? ''),
    );
    return { keys: published.map((key) => key.publicJwk) };
  }

  /** The ids of the keys that were revoked. */
  async revokedIds(): Promise<readonly string[]> {
    await this.#refresh();
    return this.#keys.filter(({ revokedAt }) => revokedAt !== null).map(({ kid }) => kid);
  }

  /** Every stored key with its life, newest first. */
  async list(): Promise<readonly KeyView[]> {
    await this.#refreshNow();
    const lives = this.#lives();
    return this.#keys
      .toSorted((a, b) => b.activeFrom - a.activeFrom)
      .map(({ kid, algorithm, createdAt, activeFrom, revokedAt }) => ({
        kid,
        algorithm,
        createdAt,
        activeFrom,
        revokedAt,
        life: lives.get(kid) ?? 'retired',
      }));
  }

  /**
   * Makes a key that signs at once for every configured algorithm of which the store has none that
   * does: at first start, and after a revocation.
   */
  async ensureKey(): Promise<void> {
    await this.#refreshNow();
    for (const algorithm of this.#algorithms) await this.#ensure(algorithm);
  }

  /**
   * Announces a new key, which takes over after the announcement.
   * @param options.immediately let it sign at once, for an emergency
   */
  async rotate(
    options: { algorithm?: SigningAlgorithm; immediately?: boolean } = {},
  ): Promise<KeyView> {
    const now = this.clock.now();
    const activeFrom = this.#freeFrom(options.immediately ? now : now + this.settings.announcement);
    const key = await makeSigningKey(
      this.#seal,
      options.algorithm ?? this.settings.algorithm,
      now,
      activeFrom,
    );
    return this.#add(key);
  }

  /**
   * Adds a key that an operator brings; it takes over after the announcement.
   * @throws Error when it is no private key of that algorithm or is kept already
   */
  async bring(privateJwk: JWK, algorithm: SigningAlgorithm): Promise<KeyView> {
    const now = this.clock.now();
    return this.#add(
      await sealSigningKey(
        this.#seal,
        algorithm,
        privateJwk,
        now,
        this.#freeFrom(now + this.settings.announcement),
      ),
    );
  }

  /**
   * Revokes a key: what it signed is refused at once. When no other key of its algorithm signs
   * and one is to be kept, a new one is made that signs immediately.
   * @returns the key, or undefined when there is none with this id
   */
  async revoke(kid: string): Promise<KeyView | undefined> {
    const revoked = await this.store.revoke(kid, this.clock.now());
    if (revoked === null) return undefined;
    if (this.#algorithms.has(revoked.algorithm)) await this.ensureKey();
    return (await this.list()).find((key) => key.kid === kid);
  }

  /** Those of which a key is always kept. */
  get #algorithms(): ReadonlySet<SigningAlgorithm> {
    return new Set([this.settings.algorithm, ...this.settings.others]);
  }

  async #ensure(algorithm: SigningAlgorithm): Promise<void> {
    while (!this.#signs(algorithm)) {
      const now = this.clock.now();
      const seen = this.#keys.map((key) => key.kid);
      const key = await makeSigningKey(this.#seal, algorithm, now, now);
      await this.store.addUnlessNews(key, seen);
      await this.#refreshNow();
    }
    await this.active(algorithm);
  }

  /** The first moment from then on at which no other key takes over, so that the order is never a tie. */
  #freeFrom(time: number): number {
    let free = time;
    while (this.#keys.some((key) => key.activeFrom === free)) free += 1;
    return free;
  }

  async #add(key: StoredSigningKey): Promise<KeyView> {
    await this.store.add(key);
    const added = (await this.list()).find((each) => each.kid === key.kid);
    if (added === undefined) throw new Error(`The new signing key ${key.kid} is not in the store`);
    return added;
  }

  #lives(): ReadonlyMap<string, KeyLife> {
    return keyLives(this.#keys, this.clock.now(), this.settings.retirement);
  }

  #signs(algorithm: SigningAlgorithm): boolean {
    const lives = this.#lives();
    return this.#keys.some((key) => key.algorithm === algorithm && lives.get(key.kid) === 'active');
  }

  /** Nothing is signed or accepted by a picture that is older than `KeySettings.refresh`: a key may be revoked. */
  async #refresh(): Promise<void> {
    if (Math.abs(this.clock.now() - this.#readAt) < this.settings.refresh) return;
    const asked = this.clock.now();
    try {
      await (this.#reading ??= this.#read());
      // A read that began long before may have missed it.
      if (asked - this.#readAt >= this.settings.refresh) await (this.#reading ??= this.#read());
    } catch (cause) {
      throw new Error('The signing keys cannot be read', { cause });
    }
  }

  /** Public keys harm nobody, so that they are told for a while when the store is out of reach. */
  async #refreshIfPossible(): Promise<void> {
    const now = this.clock.now();
    const isDue =
      Math.abs(now - this.#triedAt) >= this.settings.refresh || !Number.isFinite(this.#readAt);
    let cause: unknown;
    if (isDue) await (this.#reading ??= this.#read()).catch((error: unknown) => (cause = error));
    if (now - this.#readAt > MAX_STALENESS)
      throw new Error('The signing keys cannot be read', { cause });
  }

  /** Reads what is stored after this call, not what a read that is under way began with. */
  async #refreshNow(): Promise<void> {
    await this.#reading?.catch(() => undefined);
    await (this.#reading ??= this.#read());
  }

  async #read(): Promise<void> {
    this.#triedAt = this.clock.now();
    try {
      this.#keys = await this.store.list();
      this.#readAt = this.#triedAt;
    } finally {
      this.#reading = undefined;
    }
  }

  #privateKey(key: StoredSigningKey): KeyObject {
    let privateKey = this.#privateKeys.get(key.kid);
    if (privateKey === undefined) {
      const jwk = JSON.parse(this.#seal.open(key.kid, key.sealedPrivateJwk)) as JsonWebKey;
      privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
      this.#privateKeys.set(key.kid, privateKey);
    }
    return privateKey;
  }

  #publicKey(key: StoredSigningKey): KeyObject {
    let publicKey = this.#publicKeys.get(key.kid);
    if (publicKey === undefined) {
      publicKey = createPublicKey({ key: key.publicJwk as JsonWebKey, format: 'jwk' });
      this.#publicKeys.set(key.kid, publicKey);
    }
    return publicKey;
  }
}
