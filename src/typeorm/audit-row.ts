import type { AuditRecord } from '../audit/audit-record.js';
import { actorNamesOf, audienceOf } from '../audit/record-names.js';
import { storable } from './storable-text.js';

/** How much of a `jti` is indexed: whatever others put in there, an index entry has to fit a page. */
const INDEXED_JTI = 400;

/** A record as the columns of its row, by their names. */
export interface AuditRow {
  readonly id: string;
  readonly time: number;
  readonly event: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly grant_type: string | null;
  readonly client_id: string | null;
  readonly subject_iss: string | null;
  readonly subject_sub: string | null;
  readonly actors: readonly string[];
  readonly audience: readonly string[];
  readonly chain_id: string | null;
  readonly parent_id: string | null;
  readonly origin_jti: string | null;
  readonly document: string;
}

/** The row of a record. JSON escapes whatever a column could not hold, so `document` is exact. */
export function auditRow(record: AuditRecord): AuditRow {
  return {
    id: record.id,
    time: record.time,
    event: record.event,
    outcome: record.outcome,
    reason: record.reason ?? null,
    grant_type: orNull(record.grantType),
    client_id: orNull(record.client?.clientId),
    subject_iss: orNull(record.subject?.iss),
    subject_sub: orNull(record.subject?.sub),
    actors: actorNamesOf(record).map(storable),
    audience: audienceOf(record).map(storable),
    chain_id: record.chainId ?? null,
    parent_id: record.parentId ?? null,
    origin_jti: originJti(record),
    document: JSON.stringify(record),
  };
}

/** The part of a `jti` that the index knows. */
export function indexedJti(jti: string): string {
  return storable(jti.slice(0, INDEXED_JTI));
}

function orNull(text: string | undefined): string | null {
  return text === undefined ? null : storable(text);
}

/** Only where a chain begins: later tokens of a chain name their record and chain themselves. */
function originJti({ chainId, parentId, subjectToken }: AuditRecord): string | null {
  const begins = chainId !== undefined && parentId === undefined;
  return begins && subjectToken?.jti !== undefined ? indexedJti(subjectToken.jti) : null;
}
