import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import {
  AuditReader,
  type AuditEntry,
  type AuditPage,
  type AuditSearch,
} from '../audit/audit-log.js';
import { isUuid, readTokenId } from '../delegation/token-id.js';
import { openRecords, type StoredRecord } from './audit-entries.js';
import { indexedJti } from './audit-row.js';
import { auditConditions, sequenceOf } from './audit-search.js';
import { preparedQuery } from './prepared-query.js';
import { TypeormSubjectKeys } from './typeorm-subject-keys.js';

const SELECT = 'select sequence, document, sealed from nte_audit_record';

/** Reads the audit log in PostgreSQL. */
@Injectable()
export class TypeormAuditReader extends AuditReader {
  constructor(
    private readonly dataSource: DataSource,
    private readonly keys: TypeormSubjectKeys,
  ) {
    super();
  }

  async search(
    search: AuditSearch,
    page: { readonly before?: string | undefined; readonly limit: number },
  ): Promise<AuditPage> {
    const { before, limit } = page;
    if (!Number.isSafeInteger(limit) || limit < 1)
      throw new RangeError('A page has at least one entry');
    if (search.chainId !== undefined && !isUuid(search.chainId)) return { entries: [], next: null };
    const { where, parameters } = auditConditions(
      search,
      this.keys,
      before === undefined ? undefined : sequenceOf(before),
    );
    const rows = await this.dataSource.query<StoredRecord[]>(
      `${SELECT} ${where} order by sequence desc limit $${parameters.length + 1}`,
      [...parameters, limit + 1],
    );
    const entries = await openRecords(rows, this.keys);
    const next = entries.length > limit ? (entries[limit - 1]?.sequence ?? null) : null;
    return { entries: entries.slice(0, limit), next };
  }

  async find(recordId: string): Promise<AuditEntry | null> {
    if (!isUuid(recordId)) return null;
    const [entry] = await this.#find('nte_record', 'where id = $1', [recordId]);
    return entry ?? null;
  }

  async chain(chainId: string): Promise<readonly AuditEntry[]> {
    if (!isUuid(chainId)) return [];
    return this.#find('nte_chain', 'where chain_id = $1 order by sequence limit 10000', [chainId]);
  }

  async byJti(jti: string): Promise<readonly AuditEntry[]> {
    const { recordId = null, chainId = null } = readTokenId(jti) ?? {};
    // One index for each: where it was issued, where it was presented, where it began a chain.
    const entries = await this.#find(
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

  async #find(name: string, rest: string, parameters: unknown[]): Promise<readonly AuditEntry[]> {
    const text = `${SELECT} ${rest}`;
    const rows = await preparedQuery<StoredRecord>(this.dataSource, name, text, parameters);
    return openRecords(rows, this.keys);
  }
}
