import { Injectable } from '@nestjs/common';

import {
  AuditReader,
  type AuditEntry,
  type AuditPage,
  type AuditSearch,
  type TokenRole,
} from '../audit/audit-log.js';
import type { AuditRecord, RecordedToken } from '../audit/audit-record.js';
import { actorNamesOf, audienceOf } from '../audit/record-names.js';
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
    return this.#page(({ record }) => matches(record, search), page);
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

function matches(record: AuditRecord, search: AuditSearch): boolean {
  return (
    same(search.subject, record.subject?.sub) &&
    same(search.subjectIssuer, record.subject?.iss) &&
    same(search.client, record.client?.clientId) &&
    same(search.event, record.event) &&
    same(search.outcome, record.outcome) &&
    same(search.reason, record.reason) &&
    same(search.grantType, record.grantType) &&
    same(search.chainId, record.chainId) &&
    same(search.policy, record.basis?.policy) &&
    same(search.policyVersion, record.basis?.version) &&
    same(search.traceId, record.traceId) &&
    (search.scope === undefined || scopeOf(record).includes(search.scope)) &&
    (search.tokenHash === undefined ||
      tokensOf(record).some(({ hash }) => hash === search.tokenHash)) &&
    (search.jti === undefined || tokensOf(record).some(({ jti }) => jti === search.jti)) &&
    (search.actor === undefined || actorNamesOf(record).includes(search.actor)) &&
    (search.audience === undefined || audienceOf(record).includes(search.audience)) &&
    (search.from === undefined || record.time >= search.from) &&
    (search.until === undefined || record.time < search.until)
  );
}

function same(wanted: string | undefined, found: string | undefined): boolean {
  return wanted === undefined || wanted === found;
}

/** What was granted and what was asked for. */
function scopeOf({ issuedToken, requested }: AuditRecord): readonly string[] {
  return [...(issuedToken?.scope ?? []), ...(requested?.scope ?? [])];
}

function tokensOf({
  subjectToken,
  actorToken,
  issuedToken,
}: AuditRecord): readonly RecordedToken[] {
  return [subjectToken, actorToken, issuedToken].filter((token) => token !== undefined);
}

/** Issued here, or presented to begin a chain or to continue one: what a log can look up by its ids. */
function hasToken(record: AuditRecord, jti: string): boolean {
  const { issuedToken, subjectToken, chainId } = record;
  return issuedToken?.jti === jti || (chainId !== undefined && subjectToken?.jti === jti);
}
