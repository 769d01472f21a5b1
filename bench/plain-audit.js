// Loaded before the service: its records are written as they are, without a ledger, into a table of
// their own. What the ledger costs is the difference.
import { Client } from 'pg';

import { built } from './built.js';

/** Where the records go. */
export const PLAIN_TABLE = 'bench_plain_audit';

/** @type {readonly (readonly [string, string])[]} */
const COLUMNS = [
  ['id', 'uuid'],
  ['time', 'bigint'],
  ['event', 'text'],
  ['outcome', 'text'],
  ['reason', 'text'],
  ['grant_type', 'text'],
  ['client_id', 'text'],
  ['subject_iss', 'text'],
  ['subject_sub', 'text'],
  ['actors', 'text[]'],
  ['audience', 'text[]'],
  ['chain_id', 'uuid'],
  ['parent_id', 'uuid'],
  ['origin_jti', 'text'],
  ['document', 'text'],
];
const NAMES = COLUMNS.map(([name]) => name).join(', ');
const TYPED = COLUMNS.map((column) => column.join(' ')).join(', ');

/** Makes the table, with the indexes that the ledger's has. */
export const CREATE_PLAIN_TABLE = `
  create table ${PLAIN_TABLE} (
    sequence bigint generated always as identity primary key, ${TYPED});
  create unique index on ${PLAIN_TABLE} (id);
  create index on ${PLAIN_TABLE} (chain_id) where chain_id is not null;
  create index on ${PLAIN_TABLE} (origin_jti) where origin_jti is not null`;

const INSERT = {
  name: 'insert',
  text: `insert into ${PLAIN_TABLE} (${NAMES}) select ${NAMES}
    from jsonb_to_recordset($1::jsonb) as r (${TYPED}) returning sequence, id`,
};

if (process.env['DATABASE_URL'] !== undefined && process.argv[1]?.endsWith('main.js')) {
  /** @type {typeof import('../src/typeorm/batch-queue.js')} */
  const { BatchQueue } = await built('typeorm/batch-queue.js');
  /** @type {typeof import('../src/typeorm/typeorm-audit-log.js')} */
  const { TypeormAuditLog } = await built('typeorm/typeorm-audit-log.js');
  /** @type {typeof import('../src/audit/record-names.js')} */
  const { audienceOf } = await built('audit/record-names.js');
  const client = new Client(process.env['DATABASE_URL']);
  await client.connect();
  // It must not keep the service from ending.
  /** @type {{ unref(): void }} */ (/** @type {unknown} */ (client)).unref();
  const queue = new BatchQueue(
    async (/** @type {readonly object[]} */ rows) => {
      const { rows: kept } = await client.query({ ...INSERT, values: [JSON.stringify(rows)] });
      const sequences = new Map(kept.map(({ id, sequence }) => [id, String(sequence)]));
      return rows.map((row) => ({ value: sequences.get(/** @type {any} */ (row).id) ?? '' }));
    },
    { queue: 5000, items: 256, weight: 2_000_000, patience: 5000 },
  );
  TypeormAuditLog.prototype.append = async (record) => {
    const row = rowOf(record, audienceOf(record));
    return { sequence: await queue.add(row, row.document.length), record };
  };
}

/**
 * @param {import('../src/audit/audit-record.js').AuditRecord} record
 * @param {readonly string[]} audience
 */
function rowOf(record, audience) {
  const { chainId, parentId, subjectToken, subject, actors = [] } = record;
  return {
    id: record.id,
    time: record.time,
    event: record.event,
    outcome: record.outcome,
    reason: record.reason ?? null,
    grant_type: record.grantType ?? null,
    client_id: record.client?.clientId ?? null,
    subject_iss: subject?.iss ?? null,
    subject_sub: subject?.sub ?? null,
    actors: actors.map(({ sub, clientId }) => clientId ?? sub),
    audience,
    chain_id: chainId ?? null,
    parent_id: parentId ?? null,
    origin_jti: chainId && parentId === undefined ? (subjectToken?.jti ?? null) : null,
    document: JSON.stringify(record),
  };
}
