import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';

import { DelegationPolicy } from '../delegation/delegation-policy.js';
import { keyMark, policyHalfOf } from '../delegation/lineage.js';
import { KeyRing } from '../keys/key-ring.js';
import { Clock } from '../oauth/clock.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import { isDead, keysOf, revokedBy, type KnownRevocations, type Revocable } from './revocable.js';
import {
  FOR_EVER,
  isForEver,
  REVOKED_REASONS,
  revocationKey,
  type KeyLetter,
  type Revocation,
  type RevocationTarget,
} from './revocation.js';
import { RevocationStore, type RevocationsSince } from './revocation-store.js';
import { RevocationTable } from './revocation-table.js';

/** Milliseconds after which the store is asked for news, beside whoever is answered meanwhile. */
const DUE = 200;
/** Milliseconds after which nobody is answered before the news is there. */
const STALE = 900;
/** How many are read at a time. */
const PAGE = 20_000;
/** How many are remembered; beyond that, the store is asked about each token. */
const MOST = 4_000_000;

/** Milliseconds after which a full table is looked through again for what can be forgotten. */
const TIDYING = 60_000;

/** How much is remembered, and how old it may be. */
export class RevocationSettings {
  readonly remembered: number = MOST;

  constructor(settings: Partial<RevocationSettings> = {}) {
    Object.assign(this, settings);
  }
}

/** Whether a token would die of what is to be revoked. */
export type Victims = (token: Revocable) => Promise<boolean>;

/**
 * What is revoked, as this instance knows it: never older than a second. Whoever asks while the store is
 * out of reach for longer than that is not answered.
 */
@Injectable()
export class Revocations implements OnApplicationBootstrap {
  readonly #table = new RevocationTable();
  #position: string = RevocationStore.START;
  /** When the read began whose outcome is known. */
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #isWhole = true;
  #tidiedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly store: RevocationStore,
    private readonly policies: DelegationPolicy,
    private readonly ring: KeyRing,
    private readonly settings: RevocationSettings,
    private readonly clock: Clock,
  ) {}

  /** Whether anything can be revoked here. */
  get isKept(): boolean {
    return this.store.isKept;
  }

  /** Begins to read, so that the first request need not wait for all of it. */
  onApplicationBootstrap(): void {
    void this.#read().catch(() => undefined);
  }

  /**
   * Why a token is dead: itself, or anything that it comes of; undefined when it lives. Rejects when that
   * cannot be known.
   */
  async reasonAgainst(token: Revocable): Promise<RefusalReason | undefined> {
    await this.#refresh();
    const key = revokedBy(token, this.#table) ?? (await this.#unremembered(token));
    return this.#reasonOf(key, token);
  }

  /**
   * Tells of a token whether these kill it: whether one of them names it, and nothing had killed it when
   * this was asked for. So it is asked for before they are revoked.
   */
  async victimsOf(targets: readonly RevocationTarget[]): Promise<Victims> {
    await this.#refresh();
    const times = new Map(this.#revocationsOf(targets).map(({ key, before }) => [key, before]));
    const kept = await this.store.find([...times.keys()]);
    const former = new Map(kept.map(({ key, before }) => [key, before]));
    const now = { has: () => true, find: (key: string) => times.get(key) };
    const otherwise = (table: KnownRevocations): KnownRevocations => ({
      has: () => true,
      find: (key) => (times.has(key) ? former.get(key) : table.find(key)),
    });
    return async (token) => {
      if (revokedBy(token, now) === undefined) return false;
      await this.#refresh();
      const key =
        revokedBy(token, otherwise(this.#table)) ?? (await this.#unremembered(token, otherwise));
      return (await this.#reasonOf(key, token)) === undefined;
    };
  }

  /** Those that are dead of many, by the keys that they have. Rejects when that cannot be known. */
  async deadAmong<T extends { readonly keys: readonly string[]; readonly rootTime: number }>(
    tokens: readonly T[],
  ): Promise<readonly T[]> {
    await this.#refresh();
    const dead = new Set<T>();
    const origins = new Map<string, boolean>();
    for (const token of tokens) {
      const { keys, rootTime } = token;
      const marks = keys.filter((key) => isOfOrigin(key));
      const origin = marks.join(' ');
      if (!origins.has(origin))
        origins.set(origin, (await this.#reasonAgainstOrigin(marks)) !== undefined);
      const isRevoked = keys.some((key) => isDead(rootTime, this.#table.find(key)));
      if (isRevoked || origins.get(origin) === true) dead.add(token);
    }
    if (this.#isWhole) return [...dead];
    return [...dead, ...(await this.#unrememberedAmong(tokens.filter((each) => !dead.has(each))))];
  }

  /**
   * Revokes, durably; known here at once, and everywhere within a second.
   * @param expiresAt when the last token that it kills has expired, where that is known. Milliseconds since the epoch
   */
  async revoke(target: RevocationTarget, expiresAt: number | null = null): Promise<void> {
    await this.revokeAll([{ target, expiresAt }]);
  }

  /** The same with several targets, all or none. */
  async revokeAll(
    targets: readonly { readonly target: RevocationTarget; readonly expiresAt: number | null }[],
  ): Promise<void> {
    const revocations = this.#revocationsOf(targets.map(({ target }) => target));
    await this.store.add(
      revocations.map((revocation, index) => ({
        ...revocation,
        expiresAt: targets[index]?.expiresAt ?? null,
      })),
    );
    await this.#reading?.catch(() => undefined);
    await this.#read();
  }

  #revocationsOf(targets: readonly RevocationTarget[]): readonly Omit<Revocation, 'expiresAt'>[] {
    const now = this.clock.now();
    return targets.map((target) => ({
      key: revocationKey(target),
      before: isForEver(target) ? FOR_EVER : now,
    }));
  }

  async #reasonOf(
    key: string | undefined,
    { lineage: { marks } }: Revocable,
  ): Promise<RefusalReason | undefined> {
    if (key !== undefined) return REVOKED_REASONS[key.charAt(0) as KeyLetter];
    return marks.length === 0 ? undefined : this.#reasonAgainstOrigin(marks);
  }

  /** Why what a token comes of is good no more, by what is in force now. */
  async #reasonAgainstOrigin(marks: readonly string[]): Promise<RefusalReason | undefined> {
    if (marks.some((mark) => mark.startsWith('k'))) {
      const revoked = (await this.ring.revokedIds()).map(keyMark);
      if (revoked.some((mark) => marks.includes(mark))) return 'token_key_revoked';
    }
    for (const mark of marks) {
      const half = policyHalfOf(mark);
      if (half !== undefined && !(await this.policies.isInForce(half))) return 'policy_disabled';
    }
    return undefined;
  }

  async #unrememberedAmong<
    T extends { readonly keys: readonly string[]; readonly rootTime: number },
  >(tokens: readonly T[]): Promise<readonly T[]> {
    const found = await this.store.find([...new Set(tokens.flatMap(({ keys }) => keys))]);
    const times = new Map(found.map(({ key, before }) => [key, before]));
    return tokens.filter(({ keys, rootTime }) =>
      keys.some((key) => isDead(rootTime, times.get(key))),
    );
  }

  async #unremembered(
    token: Revocable,
    seen = (found: KnownRevocations): KnownRevocations => found,
  ): Promise<string | undefined> {
    if (this.#isWhole) return undefined;
    const found = await this.store.find([...keysOf(token, { has: () => true })]);
    const times = new Map(found.map(({ key, before }) => [key, before]));
    return revokedBy(token, seen({ has: () => true, find: (key) => times.get(key) }));
  }

  /** Returns at once when what is known is young; asks for news behind the answer when it is due. */
  async #refresh(): Promise<void> {
    const asked = this.clock.now();
    const age = Math.abs(asked - this.#readAt);
    if (age < DUE) return;
    if (age < STALE) {
      void this.#read().catch(() => undefined);
      return;
    }
    // A read that began before may have missed what was revoked since.
    const isKnown = (): boolean =>
      this.#readAt >= asked || Math.abs(this.clock.now() - this.#readAt) < STALE;
    await this.#read();
    if (!isKnown()) await this.#read();
    if (!isKnown()) throw new Error('What is revoked cannot be known in time');
  }

  /** The read under way, or a new one. */
  #read(): Promise<void> {
    return (this.#reading ??= this.#readAll().finally(() => (this.#reading = undefined)));
  }

  async #readAll(): Promise<void> {
    const began = this.clock.now();
    for (;;) {
      const { revocations, position } = await this.#news();
      for (const revocation of revocations) this.#remember(revocation);
      this.#position = position;
      if (revocations.length < PAGE) break;
    }
    this.#readAt = began;
  }

  /** What comes next; everything anew when the store is not the one that was read before. */
  async #news(): Promise<RevocationsSince> {
    try {
      return await this.store.since(this.#position, PAGE);
    } catch (error) {
      if (!(error instanceof RangeError) || this.#position === RevocationStore.START) throw error;
      this.#position = RevocationStore.START;
      return this.store.since(this.#position, PAGE);
    }
  }

  #remember(revocation: Revocation): void {
    const now = this.clock.now();
    const isKnown = this.#table.find(revocation.key) !== undefined;
    if (!isKnown && this.#isFull && Math.abs(now - this.#tidiedAt) >= TIDYING) {
      this.#tidiedAt = now;
      this.#table.forget(now);
    }
    if (isKnown || !this.#isFull) this.#table.add(revocation, now);
    else this.#isWhole = false;
  }

  get #isFull(): boolean {
    return this.#table.size >= this.settings.remembered;
  }
}

/** Whether what is in force now says if a key is good: that of a signing key, or of a policy. */
function isOfOrigin(key: string): boolean {
  return key.startsWith('k') || key.startsWith('p');
}
