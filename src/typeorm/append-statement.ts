import type { Frontier } from '../audit/ledger/frontier.js';
import type { AuditRow } from './audit-row.js';

/** Every column but the place, with its type. */
const COLUMNS = Object.entries({
  id: 'uuid',
  time: 'bigint',
  event: 'text',
  outcome: 'text',
  reason: 'text',
  grant_type: 'text',
  client_id: 'text',
  subject_key: 'uuid',
  actors: 'text[]',
  audience: 'text[]',
  chain_id: 'uuid',
  parent_id: 'uuid',
  origin_jti: 'text',
  document: 'text',
  sealed: 'text[]',
  leaf_hash: 'bytea',
} as const satisfies Record<keyof AuditRow, string>) as readonly [keyof AuditRow, string][];
const NAMES = COLUMNS.map(([name]) => name);
/** Parameters of the head, before those of the rows. */
const HEAD = 5;

/** The rows that one statement can write: PostgreSQL counts its parameters in 16 bits. */
export const MOST_ROWS = 2 ** Math.floor(Math.log2((2 ** 16 - 1 - HEAD) / COLUMNS.length));

/** A statement that a connection plans once, by its name. */
interface Statement {
  readonly name: string;
  readonly text: string;
}

const statements = new Map<number, Statement>();

/**
 * Writes the rows at their places and moves the head behind them, if it is where the writer believes
 * and every key that they are sealed with is still there; otherwise nothing. There is a statement for
 * each power of two, so that few of them are planned: what is left of one is filled with empty rows.
 * @param rows at most `MOST_ROWS`
 * @param keys the ids of those keys
 */
export function appendStatement(
  rows: readonly AuditRow[],
  head: Frontier,
  next: Frontier,
  keys: readonly string[],
): Statement & { readonly values: unknown[] } {
  const size = 2 ** Math.ceil(Math.log2(rows.length));
  const values: unknown[] = [head.size, next.size, next.bytes, next.root, keys];
  for (const row of rows)
    for (const name of NAMES)
      // What is sealed is base64url, which needs no quotes.
      values.push(name === 'sealed' ? `{${row.sealed.join()}}` : row[name]);
  while (values.length < HEAD + size * NAMES.length) values.push(null);
  return { ...statementOf(size), values };
}

function statementOf(size: number): Statement {
  const known = statements.get(size);
  if (known) return known;
  const statement = { name: `nte_audit_append_${size}`, text: textOf(size) };
  statements.set(size, statement);
  return statement;
}

function textOf(size: number): string {
  const rows = Array.from({ length: size }, (_, row) => {
    const values = COLUMNS.map(
      ([, type], column) => `$${HEAD + row * COLUMNS.length + column + 1}::${type}`,
    );
    return `(${row}, ${values.join()})`;
  });
  return `
  with head as (
    update nte_ledger_head set size = $2::bigint, frontier = $3, root = $4
     where size = $1::bigint
       and (select count(*) from nte_subject_key where key_id = any($5::uuid[])) = cardinality($5)
    returning $1::bigint as start)
  insert into nte_audit_record (sequence, ${NAMES.join()})
  select head.start + place, ${NAMES.join()}
    from head, (values ${rows.join()}) as r (place, ${NAMES.join()})
   where id is not null`;
}
