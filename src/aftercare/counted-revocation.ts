import { Injectable } from '@nestjs/common';

import { AuditReader, type AuditEntry, type AuditSearch } from '../audit/audit-log.js';
import type { Party } from '../delegation/party.js';
import { readTokenId } from '../delegation/token-id.js';
import { Clock, epochSeconds } from '../oauth/clock.js';
import { CLOCK_MARGIN, type RevocationTarget } from '../tokens/revocation.js';
import { Revocations, type Victims } from '../tokens/revocations.js';
import { recordedRevocable } from './recorded-revocable.js';
import { TollCount, type Toll } from './toll.js';

/** Milliseconds that a token lives at most: no client's `tokenLifetime` is longer, nor another issuer's token. */
const LONGEST = 24 * 60 * 60_000;
/** Records that are read at a time. */
const PAGE = 1_000;
/** Chains that began with one token, each of which is looked up by itself. */
const FEW_CHAINS = 50;
/** Entries that a log gives of a `jti` at most: there may be more. */
const MOST_OF_JTI = 1_000;

/** A token that is named, with what is known of it: it shortens the search for what came of it. */
export interface NamedToken {
  readonly jti: string;
  readonly chainId: string | undefined;
  readonly subject: Party;
  /** Whether it names an actor: then it is nobody's actor token. */
  readonly isDelegated: boolean;
}

/** One thing that is to be revoked. */
export interface ToRevoke {
  readonly target: RevocationTarget;
  /** Of a target of the kind `token`. */
  readonly token?: NamedToken | undefined;
  /** When everything that it kills has expired, where that is known. Milliseconds since the epoch. */
  readonly expiresAt?: number | undefined;
}

/** How long is counted at most. */
export interface CountBound {
  readonly records: number;
  readonly milliseconds: number;
}

/** Well within the time in which a request is answered. */
const BOUND: CountBound = { records: 500_000, milliseconds: 10_000 };

/**
 * Revokes tokens and counts what died, by the records of those that were issued: what is counted and what
 * is refused are told by one rule. ID tokens and refresh tokens are not counted.
 */
@Injectable()
export class CountedRevocation {
  constructor(
    private readonly revocations: Revocations,
    private readonly reader: AuditReader,
    private readonly clock: Clock,
  ) {}

  /** What would die. Rejects when the records cannot be read. */
  async plan(all: readonly ToRevoke[], bound = BOUND): Promise<Toll> {
    return this.#count(all, await this.#victimsOf(all), bound);
  }

  /**
   * Revokes all or none. Rejects when that is not sure: then it may be done or not.
   * @returns what died; undefined when the records cannot be read
   */
  async revoke(all: readonly ToRevoke[], bound = BOUND): Promise<Toll | undefined> {
    const victims = await this.#victimsOf(all);
    await this.revocations.revokeAll(
      all.map(({ target, expiresAt = null }) => ({ target, expiresAt })),
    );
    // What is revoked stays so, whether or not it can be counted.
    return this.#count(all, victims, bound).catch(() => undefined);
  }

  #victimsOf(all: readonly ToRevoke[]): Promise<Victims> {
    return this.revocations.victimsOf(all.map(({ target }) => target));
  }

  async #count(
    all: readonly ToRevoke[],
    isVictim: Victims,
    { records, milliseconds }: CountBound,
  ): Promise<Toll> {
    const now = this.clock.now();
    const end = performance.now() + milliseconds;
    const count = new TollCount();
    const look = async ({ record }: AuditEntry): Promise<void> => {
      const isAlive = (record.issuedToken?.expiresAt ?? 0) > epochSeconds(now);
      const token = isAlive && !count.has(record) ? recordedRevocable(record) : undefined;
      if (token !== undefined && (await isVictim(token))) count.add(record);
    };
    const issued = { event: 'grant', outcome: 'granted' } as const;
    const from = now - LONGEST - CLOCK_MARGIN;
    let left = records;
    for (const each of all) {
      for (const entry of await this.#itself(each)) await look(entry);
      for (const search of await this.#searchesFor(each)) {
        let before: string | undefined;
        do {
          if (left <= 0 || performance.now() > end) return count.toll(false);
          const limit = Math.min(PAGE, left);
          const page = await this.reader.search({ ...search, ...issued, from }, { before, limit });
          for (const entry of page.entries) await look(entry);
          left -= page.entries.length;
          before = page.next ?? undefined;
        } while (before !== undefined);
      }
    }
    return count.toll(true);
  }

  /** A token that begins a chain is not in it. */
  async #itself({ token }: ToRevoke): Promise<readonly AuditEntry[]> {
    const recordId = token === undefined ? undefined : readTokenId(token.jti)?.recordId;
    const entry = recordId === undefined ? null : await this.reader.find(recordId);
    return entry === null ? [] : [entry];
  }

  /** Where to look: what a filter can tell of the target, or else everything. */
  async #searchesFor({ target, token }: ToRevoke): Promise<readonly AuditSearch[]> {
    switch (target.kind) {
      case 'chain':
        return this.#searchesForChain(target.chainId);
      case 'subject':
        return [{ subject: target.sub, subjectIssuer: target.iss }];
      case 'actor':
        return [{ actor: target.sub }];
      case 'token':
        return token === undefined ? [{}] : this.#searchesForToken(token);
      default:
        return [{}];
    }
  }

  /** A chain about a client itself may have tokens that were its actor tokens in chains of others. */
  async #searchesForChain(chainId: string): Promise<readonly AuditSearch[]> {
    const { entries } = await this.reader.search({ chainId }, { limit: 1 });
    const { subject, subjectToken } = entries[0]?.record ?? {};
    const isOfClient = subject !== undefined && subject.sub === subjectToken?.clientId;
    return [{ chainId }, ...(isOfClient ? [{ actor: subject.sub }] : [])];
  }

  /** What came of it as a subject token has its subject or its chain; what came of it as an actor token names it. */
  async #searchesForToken(token: NamedToken): Promise<readonly AuditSearch[]> {
    const { sub: subject, iss: subjectIssuer } = token.subject;
    const asActorToken = token.isDelegated ? [] : [{ actor: subject }];
    if (token.chainId !== undefined) return [{ chainId: token.chainId }, ...asActorToken];
    const entries = await this.reader.byJti(token.jti);
    const chains = new Set(entries.map(({ record }) => record.chainId));
    chains.delete(undefined);
    if (entries.length >= MOST_OF_JTI || chains.size > FEW_CHAINS)
      return [{ subject, subjectIssuer }, ...asActorToken];
    return [...[...chains].map((chainId) => ({ chainId })), ...asActorToken];
  }
}
