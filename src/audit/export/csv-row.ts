import type { AuditRecord, RecordedParty } from '../audit-record.js';
import { hashLeaf } from '../ledger/hashing.js';
import { audienceOf } from '../record-names.js';
import type { ProvenRecord } from './proven-record.js';
import { kindOf } from './record-kind.js';

type Cell = string | number | boolean | undefined;

/** With these a spreadsheet begins what it computes. */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;
const SPECIAL = /[",\r\n]/;

/** The columns, in their order: new ones come at the end. Hashes are in hex, lists have spaces between. */
const COLUMNS: Readonly<Record<string, (proven: ProvenRecord) => Cell>> = {
  sequence: ({ index }) => index,
  id: ({ record }) => record.id,
  time: ({ record }) => new Date(record.time).toISOString(),
  event: ({ record }) => record.event,
  kind: ({ record }) => kindOf(record),
  outcome: ({ record }) => record.outcome,
  reason: ({ record }) => record.reason,
  error: ({ record }) => record.error,
  client_id: ({ record }) => record.client?.clientId,
  subject_iss: ({ record }) => record.subject?.iss,
  subject_sub: ({ record }) => record.subject?.sub,
  actor_iss: ({ record }) => record.actor?.iss,
  actor_sub: ({ record }) => record.actor?.sub,
  actors: ({ record }) => actorsOf(record),
  chain_id: ({ record }) => record.chainId,
  parent_id: ({ record }) => record.parentId,
  mode: ({ record }) => record.mode,
  audience: ({ record }) => audienceOf(record).join(' '),
  requested_scope: ({ record }) => record.requested?.scope?.join(' '),
  granted_scope: ({ record }) => record.issuedToken?.scope?.join(' '),
  token_jti: ({ record }) => record.issuedToken?.jti,
  token_hash: ({ record }) => record.issuedToken?.hash,
  policy: ({ record }) => record.basis?.policy,
  policy_version: ({ record }) => record.basis?.version,
  rule: ({ record }) => record.basis?.rule,
  operation: ({ record }) => record.operation?.name,
  operation_target: ({ record }) => record.operation?.target,
  request_id: ({ record }) => record.requestId,
  trace_id: ({ record }) => record.traceId,
  address: ({ record }) => record.address,
  erased: ({ isErased }) => isErased,
  tree_size: ({ size }) => size,
  tree_root: ({ root }) => root.toString('hex'),
  leaf_hash: ({ leaf }) => hashLeaf(Buffer.from(leaf.text)).toString('hex'),
  proof: ({ path }) => path.map((hash) => hash.toString('hex')).join(' '),
  leaf: ({ leaf }) => leaf.text,
  parts: ({ leaf }) => JSON.stringify(leaf.parts),
};

/** The first line, with its end. */
export const CSV_HEADER = lineOf(Object.keys(COLUMNS));

/** A record as a line of CSV (RFC 4180), with its end; what a spreadsheet would compute begins with `'`. */
export function csvRowOf(proven: ProvenRecord): string {
  return lineOf(Object.values(COLUMNS).map((column) => column(proven)));
}

function lineOf(cells: readonly Cell[]): string {
  return `${cells.map(cellText).join(',')}\r\n`;
}

function cellText(cell: Cell): string {
  if (cell === undefined) return '';
  const text = String(cell);
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return SPECIAL.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Who acted, the first one first; each by its `sub`. */
function actorsOf({ actors, inboundActors }: AuditRecord): string {
  return [...(actors ?? inboundActors ?? [])]
    .toReversed()
    .map(({ sub }: RecordedParty) => sub)
    .join(' ');
}
