import { deflateSync } from 'node:zlib';

import { Injectable } from '@nestjs/common';

import { keyMark } from '../delegation/lineage.js';
import { Clock, epochSeconds } from '../oauth/clock.js';
import { FreshLookup } from '../oauth/fresh-lookup.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { OwnTokens } from './own-tokens.js';
import { keysOf, type Revocable } from './revocable.js';
import { Revocations } from './revocations.js';
import { StatusListStore } from './status-list-store.js';

/** Places of one list: 8 kB before it is compressed. */
const SIZE = 65_536;
/**
 * Milliseconds that a list is answered from memory, and how many lists are: each takes 11 kB at most, and
 * one that is forgotten must be built again for whoever asks, which anybody may.
 */
const BUILT = { age: 5_000, size: 1_024 } as const;
/** Seconds that a service may keep a list, and after which it must not use it. */
const TTL = 30;
const LIFETIME = 300;

/** Where a token can be looked up (Token Status List, section 6.1). */
export interface StatusClaim {
  readonly status_list: { readonly idx: number; readonly uri: string };
}

/** A place that is a token's own. */
export interface StatusPlace {
  readonly position: number;
  readonly claim: StatusClaim;
}

/** Lists in which anybody can look up whether a token was revoked, without asking about it. */
@Injectable()
export class StatusLists {
  #free: { next: number; end: number } = { next: 0, end: 0 };
  #reserving: Promise<void> | undefined;
  readonly #built: FreshLookup<string>;
  /** The end as it was read last: it never goes back. */
  #end = 0;

  constructor(
    private readonly store: StatusListStore,
    private readonly tokens: OwnTokens,
    private readonly revocations: Revocations,
    private readonly settings: IssuerSettings,
    private readonly clock: Clock,
  ) {
    this.#built = new FreshLookup((list) => this.#build(Number(list)), clock, BUILT);
  }

  /** Whether tokens can name places in lists here. */
  get isKept(): boolean {
    return this.store.isKept;
  }

  /** A place that no other token has. */
  async place(): Promise<StatusPlace> {
    while (this.#free.next >= this.#free.end)
      await (this.#reserving ??= this.#reserve().finally(() => (this.#reserving = undefined)));
    const position = this.#free.next;
    this.#free.next += 1;
    const claim = {
      status_list: { idx: position % SIZE, uri: this.#uri(Math.floor(position / SIZE)) },
    };
    return { position, claim };
  }

  /** Notes durably which token has a place; before that nobody may be given it. */
  async note(
    { position }: StatusPlace,
    token: Revocable & { readonly keyId: string | undefined },
    expiresAt: number,
  ): Promise<void> {
    const signed = token.keyId === undefined ? [] : [keyMark(token.keyId)];
    await this.store.add({
      position,
      keys: [...keysOf(token, { has: () => true }), ...signed],
      rootTime: token.lineage.rootTime ?? token.issuedAt,
      expiresAt: expiresAt * 1000,
    });
  }

  /**
   * A list as a signed token (section 5.1), a few seconds old at most.
   * @returns undefined when there is no such list
   */
  async read(list: number): Promise<string | undefined> {
    const first = list * SIZE;
    // What is not there drives nothing out of the memory that is.
    if (first >= this.#end) this.#end = await this.store.end();
    return first < this.#end ? this.#built.get(String(list)) : undefined;
  }

  /** The addresses of all lists (section 9.3). */
  async uris(): Promise<readonly string[]> {
    const count = Math.ceil((await this.store.end()) / SIZE);
    return Array.from({ length: count }, (_, list) => this.#uri(list));
  }

  async #reserve(): Promise<void> {
    const { first, count } = await this.store.reserve();
    this.#free = { next: first, end: first + count };
  }

  async #build(list: number): Promise<string> {
    const first = list * SIZE;
    const entries = await this.store.range(first, first + SIZE);
    const bits = Buffer.alloc(SIZE / 8);
    const dead = await this.revocations.deadAmong(entries);
    for (const { position } of dead) {
      const place = position - first;
      bits[place >> 3] = (bits[place >> 3] ?? 0) | (1 << (place & 7));
    }
    const now = epochSeconds(this.clock.now());
    return this.tokens.sign('statuslist+jwt', {
      iss: this.settings.issuer,
      sub: this.#uri(list),
      iat: now,
      exp: now + LIFETIME,
      ttl: TTL,
      status_list: { bits: 1, lst: deflateSync(bits, { level: 9 }).toString('base64url') },
    });
  }

  #uri(list: number): string {
    return `${this.settings.issuer}/connect/status-lists/${list}`;
  }
}
