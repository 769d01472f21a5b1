import { Injectable } from '@nestjs/common';

import {
  AuditReader,
  type AuditEntry,
  type AuditPage,
  type AuditSearch,
  type TokenRole,
} from '../audit/audit-log.js';
import type { AuditRecord } from '../audit/audit-record.js';
import { isFound } from '../audit/record-filter.js';
import { InMemoryAuditLog } from './in-memory-audit-log.js';

const SEQUENCE = /^\d{1,19}$/;

/** Reads an `InMemoryAuditLog`. */
@Injectable()
export class InMemoryAuditReader extends AuditReader {
  constructor(private readonly log: InMemoryAuditLog) {
    super();
  }

  async search(
    search: AuditSearch,
    page: { readonly before?: string | undefined; readonly limit: number },
  ): Promise<AuditPage> {
    return this.#page(({ record }) => isFound(record, search, undefined), page);
  }

  async ofTokens(
    hashes: readonly string[],
    role: TokenRole,
    page: {
      readonly before?: string | undefined;
      readonly after?: string | undefined;
      readonly limit: number;
    },
  ): Promise<AuditPage> {
    return this.#page(({ record }) => hashes.includes(record[`${role}Token`]?.hash ?? ''), page);
  }

  /** Newest first. */
  #page(
    isWanted: (entry: AuditEntry) => boolean,
    {
      before,
      after,
      limit,
    }: { before?: string | undefined; after?: string | undefined; limit: number },
  ): AuditPage {
    for (const place of [before, after])
      if (place !== undefined && !SEQUENCE.test(place))
        throw new RangeError('A page begins before a sequence number');
    if (!Number.isSafeInteger(limit) || limit < 1)
      throw new RangeError('A page has at least one entry');
    const entries = this.log.entries
      .filter(({ sequence }) => before === undefined || BigInt(sequence) < BigInt(before))
      .filter(({ sequence }) => after === undefined || BigInt(sequence) > BigInt(after))
      .filter(isWanted)
      .toReversed()
      .slice(0, limit + 1);
    const next = entries.length > limit ? (entries[limit - 1]?.sequence ?? null) : null;
    return { entries: entries.slice(0, limit), next };
  }

  async find(recordId: string): Promise<AuditEntry | null> {
    return this.log.entries.find(({ record }) => record.id === recordId) ?? null;
  }

  async chain(chainId: string): Promise<readonly AuditEntry[]> {
    return this.log.entries.filter(({ record }) => record.chainId === chainId).slice(0, 10_000);
  }

  async byJti(jti: string): Promise<readonly AuditEntry[]> {
    return this.log.entries.filter(({ record }) => hasToken(record, jti)).slice(0, 1_000);
  }
}

/** Issued here, or presented to begin a chain or to continue one: what a log can look up by its ids. */
function hasToken(record: AuditRecord, jti: string): boolean {
  const { issuedToken, subjectToken, chainId } = record;
  return issuedToken?.jti === jti || (chainId !== undefined && subjectToken?.jti === jti);
}
