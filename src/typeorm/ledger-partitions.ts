import { firstIdOf } from './first-id.js';
import type { Query } from './typeorm-subject-keys.js';
import { Lock, lockParameters, sqlState } from './write-transaction.js';

/** Records that a partition has at least and at most: powers of two, and whole tiles. */
const SMALLEST_PARTITION = 4_096;
const LARGEST_PARTITION = 16_777_216;
/** How many times larger than the one before a partition is at most. */
const GROWTH = 4;
/** Milliseconds of which the records should be in one partition. */
const SPAN = 7 * 24 * 60 * 60_000;

/** A partition of the records: those from the place `first` on, before `until`. */
export interface LedgerPartition {
  readonly table: string;
  readonly first: number;
  readonly until: number;
}

/** The partitions that there are, the oldest first. */
export async function partitionsOf(query: Query): Promise<readonly LedgerPartition[]> {
  const rows = await query<{ name: string; bound: string }>(
    `select relname as name, pg_get_expr(relpartbound, oid) as bound
       from pg_class join pg_inherits on inhrelid = oid
      where inhparent = 'nte_audit_record'::regclass and not inhdetachpending`,
    [],
  );
  return rows
    .map(({ name: table, bound }) => {
      const [, first, until] = /FROM \('(\d+)'\) TO \('(\d+)'\)/.exec(bound) ?? [];
      return { table, first: Number(first), until: Number(until) };
    })
    .toSorted((a, b) => a.first - b.first);
}

/** The place of the oldest record that is kept, or will be: those before it were retired. */
export async function firstPlace(query: Query): Promise<number> {
  return (await partitionsOf(query))[0]?.first ?? 0;
}

/**
 * Makes partitions until there is one for the place. It waits for whoever else makes one, and for no
 * writer. To be called within a transaction.
 * @returns where the last one begins
 */
export async function makeRoom(query: Query, place: number): Promise<number> {
  await query('select pg_advisory_xact_lock($1, $2)', [...lockParameters(Lock.Partitions)]);
  let last = (await partitionsOf(query)).at(-1);
  while (last === undefined || last.until <= place) {
    const first: number = last?.until ?? 0;
    last = {
      table: `nte_audit_record_${first}`,
      first,
      until: first + (await sizeAfter(query, last)),
    };
    await makePartition(query, last);
  }
  return last.first;
}

/** Whether a row was refused because no partition is there for its place. */
export function lacksPartition(error: unknown): boolean {
  // A constraint that refuses a row has a name.
  const { constraint } = error as { readonly constraint?: unknown };
  return sqlState(error) === '23514' && constraint === undefined;
}

/** Nothing here holds up a writer: the table is attached when it is whole, and its rows are known to fit. */
export async function makePartition(
  query: Query,
  { table, first, until }: LedgerPartition,
): Promise<void> {
  await query(
    `create table ${table} (like nte_audit_record including all,
       constraint ${table}_range check (sequence >= ${first} and sequence < ${until}))`,
    [],
  );
  for (const statement of guardsOf(table)) await query(statement, []);
  await query(
    `alter table nte_audit_record attach partition ${table} for values from (${first}) to (${until})`,
    [],
  );
}

/**
 * What a partition has of its own: an index cannot be unique in all of them together without the place,
 * and a trigger for statements guards only the table that a statement names.
 */
function guardsOf(table: string): readonly string[] {
  return [
    `create unique index ${table}_id on ${table} (id)`,
    `create trigger ${table}_append_only before update or delete or truncate on ${table}
       for each statement execute function nte_refuse_audit_change()`,
    `alter table ${table} enable always trigger ${table}_append_only`,
  ];
}

/** A power of two: about as many records as came in a week, and no sudden growth. */
async function sizeAfter(query: Query, last: LedgerPartition | undefined): Promise<number> {
  if (last === undefined) return SMALLEST_PARTITION;
  const [row] = await query<{ came: string | null }>(
    `select size - (select sequence from nte_audit_record where id >= $1 order by id limit 1) as came
       from nte_ledger_head`,
    [firstIdOf(Date.now() - SPAN)],
  );
  const fitting = 2 ** Math.ceil(Math.log2(Math.max(Number(row?.came ?? 0), SMALLEST_PARTITION)));
  const allowed = 2 ** Math.floor(Math.log2((last.until - last.first) * GROWTH));
  return Math.min(fitting, allowed, LARGEST_PARTITION);
}
