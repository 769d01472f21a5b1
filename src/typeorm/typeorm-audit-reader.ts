import { Injectable, Optional } from '@nestjs/common';
import { DataSource } from 'typeorm';

import {
  AuditReader,
  type AuditEntry,
  type AuditPage,
  type AuditSearch,
  type TokenRole,
} from '../audit/audit-log.js';
import { fact } from '../audit/questions/facts.js';
import { IndexGeometry } from '../audit/questions/geometry.js';
import { isUuid, readTokenId } from '../delegation/token-id.js';
import { openRecords, type StoredRecord } from './audit-entries.js';
import { indexedJti } from './audit-row.js';
import { AuditIndexSearch, type Stretch } from './audit-index-search.js';
import { questionOf, type Question } from './audit-question.js';
import { preparedQuery } from './prepared-query.js';
import { TypeormSubjectKeys, type Query } from './typeorm-subject-keys.js';

const NOTHING: AuditPage = { entries: [], next: null };
const SEQUENCE = /^\d{1,19}$/;
const LARGEST_SEQUENCE = 2n ** 63n - 1n;
const SELECT = 'select sequence, document, sealed from nte_audit_record';

/** Reads the audit log in PostgreSQL. */
@Injectable()
export class TypeormAuditReader extends AuditReader {
  readonly #index: AuditIndexSearch;

  constructor(
    private readonly dataSource: DataSource,
    private readonly keys: TypeormSubjectKeys,
    @Optional() geometry: IndexGeometry = new IndexGeometry(),
  ) {
    super();
    this.#index = new AuditIndexSearch(dataSource, geometry);
  }

  async search(
    search: AuditSearch,
    page: { readonly before?: string | undefined; readonly limit: number },
  ): Promise<AuditPage> {
    const stretch = stretchOf(page);
    if (search.chainId !== undefined && !isUuid(search.chainId)) return NOTHING;
    const query: Query = (text, values) => this.dataSource.query(text, values);
    return this.#find(await questionOf(search, this.keys, query), stretch);
  }

  async find(recordId: string): Promise<AuditEntry | null> {
    if (!isUuid(recordId)) return null;
    const [entry] = await this.#entries('nte_record', 'where id = $1', [recordId]);
    return entry ?? null;
  }

  async chain(chainId: string): Promise<readonly AuditEntry[]> {
    if (!isUuid(chainId)) return [];
    return this.#entries('nte_chain', 'where chain_id = $1 order by sequence limit 10000', [
      chainId,
    ]);
  }

  async byJti(jti: string): Promise<readonly AuditEntry[]> {
    const { recordId = null, chainId = null } = readTokenId(jti) ?? {};
    // One index for each: where it was issued, where it was presented, where it began a chain.
    const entries = await this.#entries(
      'nte_jti',
      `where sequence in (
         select sequence from nte_audit_record where id = $1
         union all
         select sequence from nte_audit_record where chain_id = $2 and parent_id = $1
         union all
         select sequence from nte_audit_record where origin_jti = $3
       ) order by sequence limit 1000`,
      [recordId, chainId, indexedJti(jti)],
    );
    return entries.filter(
      ({ record }) => record.issuedToken?.jti === jti || record.subjectToken?.jti === jti,
    );
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
    const stretch = stretchOf(page);
    if (hashes.length === 0) return NOTHING;
    return this.#find({ all: [hashes.map((hash) => fact(`${role}_hash`, hash))] }, stretch);
  }

  async #find(question: Question, stretch: Stretch): Promise<AuditPage> {
    const { rows, next } = await this.#index.find(question, stretch);
    const entries = await openRecords(rows, this.keys);
    return { entries, next: next === null ? null : String(next) };
  }

  async #entries(
    name: string,
    rest: string,
    parameters: unknown[],
  ): Promise<readonly AuditEntry[]> {
    const text = `${SELECT} ${rest}`;
    const rows = await preparedQuery<StoredRecord>(this.dataSource, name, text, parameters);
    return openRecords(rows, this.keys);
  }
}

/** @throws RangeError when a place is none, or the page has no entry */
function stretchOf(page: {
  readonly before?: string | undefined;
  readonly after?: string | undefined;
  readonly limit: number;
}): Stretch {
  const { before, after, limit } = page;
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new RangeError('A page has at least one entry');
  return {
    before: before === undefined ? undefined : placeOf(before),
    after: after === undefined ? undefined : placeOf(after),
    limit,
  };
}

/**
 * The place that a page begins before, as a stranger sent it. No log is longer than a number can tell.
 * @throws RangeError when it is none
 */
function placeOf(cursor: string): number {
  if (!SEQUENCE.test(cursor) || BigInt(cursor) > LARGEST_SEQUENCE)
    throw new RangeError('A page begins before a sequence number');
  return Math.min(Number(cursor), Number.MAX_SAFE_INTEGER);
}
