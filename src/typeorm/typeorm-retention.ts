import { randomUUID } from 'node:crypto';

import { Injectable, Optional } from '@nestjs/common';
import { DataSource, type QueryRunner } from 'typeorm';

import { RecordRetention, type RetiredRange } from '../audit/retention.js';
import { TILE_WIDTH } from '../audit/ledger/tile.js';
import { Clock } from '../oauth/clock.js';
import { uuidv7 } from '../oauth/uuid.js';
import { firstPlace, partitionsOf, type LedgerPartition } from './ledger-partitions.js';
import { RetirementListeners } from './retirement-listeners.js';
import { TypeormAuditLog } from './typeorm-audit-log.js';
import { TypeormCheckpoints } from './typeorm-checkpoints.js';
import type { Query } from './typeorm-subject-keys.js';
import { Lock, lockParameters } from './write-transaction.js';

/** Lets old partitions of the records in PostgreSQL go. */
@Injectable()
export class TypeormRetention extends RecordRetention {
  constructor(
    private readonly dataSource: DataSource,
    private readonly log: TypeormAuditLog,
    private readonly checkpoints: TypeormCheckpoints,
    private readonly listeners: RetirementListeners,
    @Optional() private readonly clock?: Clock,
  ) {
    super();
  }

  async plan(before: number): Promise<RetiredRange | null> {
    const query: Query = (text, values) => this.dataSource.query(text, values);
    return rangeOf(await oldPartitions(query, before));
  }

  async retire(before: number): Promise<RetiredRange | null> {
    const runner = this.dataSource.createQueryRunner();
    try {
      const [lock] = (await runner.query('select pg_try_advisory_lock($1, $2) as won', [
        ...lockParameters(Lock.Retention),
      ])) as { won: boolean }[];
      return lock?.won === true ? await this.#retire(runner, before) : null;
    } finally {
      await giveBack(runner);
    }
  }

  async #retire(runner: QueryRunner, before: number): Promise<RetiredRange | null> {
    const query: Query = (text, values) => runner.query(text, values);
    // To detach waits for whoever still reads, and lets everybody go on.
    await query('set statement_timeout = 0', []);
    await dropDetached(query);
    const old = await oldPartitions(query, before);
    const range = rangeOf(old);
    if (range === null) return null;
    await this.#record(range, before);
    for (const { table } of old) {
      await query(`alter table nte_audit_record detach partition ${table} concurrently`, []);
      await query(`drop table ${table}`, []);
    }
    await this.listeners.tell(range.until);
    return range;
  }

  /** Signed before anything goes: without it the range would count as missing. */
  async #record(range: RetiredRange, before: number): Promise<void> {
    const time = this.clock?.now() ?? Date.now();
    await this.log.append({
      id: uuidv7(time),
      schema: 1,
      time,
      event: 'retention',
      outcome: 'granted',
      requestId: randomUUID(),
      retired: { ...range, before },
    });
    await this.checkpoints.sign();
  }
}

/** The oldest partitions of which every record is older, and whose hashes are kept and signed. */
async function oldPartitions(query: Query, before: number): Promise<readonly LedgerPartition[]> {
  const [signed] = await query<{ size: string | null }>(
    'select max(size) as size from nte_ledger_checkpoint',
    [],
  );
  const old: LedgerPartition[] = [];
  for (const partition of await partitionsOf(query)) {
    const isSigned = partition.until <= Number(signed?.size ?? 0);
    if (!isSigned || !(await isOlder(query, partition, before))) break;
    if (!(await areTilesKept(query, partition))) break;
    old.push(partition);
  }
  return old;
}

async function isOlder(
  query: Query,
  { table, until }: LedgerPartition,
  before: number,
): Promise<boolean> {
  // Ids begin with the time (RFC 9562 section 5.7): the largest is the newest, whatever its place.
  const rows = await query<{ time: string }>(
    `(select time from ${table} order by id desc limit 1)
     union all select time from ${table} where sequence = $1`,
    [until - 1],
  );
  return rows.length === 2 && rows.every(({ time }) => Number(time) < before);
}

async function areTilesKept(query: Query, { first, until }: LedgerPartition): Promise<boolean> {
  const [row] = await query<{ count: string }>(
    'select count(*) from nte_ledger_tile where level = 0 and index >= $1 and index < $2',
    [first / TILE_WIDTH, until / TILE_WIDTH],
  );
  return Number(row?.count) === (until - first) / TILE_WIDTH;
}

/** What another instance detached and did not live to drop; never what somebody keeps elsewhere. */
async function dropDetached(query: Query): Promise<void> {
  const pending = await query<{ name: string }>(
    `select relname as name from pg_class join pg_inherits on inhrelid = oid
      where inhparent = 'nte_audit_record'::regclass and inhdetachpending`,
    [],
  );
  for (const { name } of pending)
    await query(`alter table nte_audit_record detach partition ${name} finalize`, []);
  const tables = await query<{ name: string }>(
    `select relname as name from pg_class
      where relkind = 'r' and not relispartition and relname ~ '^nte_audit_record_[0-9]+$'
        and relnamespace = (select relnamespace from pg_class where oid = 'nte_audit_record'::regclass)`,
    [],
  );
  const first = await firstPlace(query);
  for (const { name } of tables) {
    const place = Number(name.slice(name.lastIndexOf('_') + 1));
    if (place < first && (await wasRetired(query, place))) await query(`drop table ${name}`, []);
  }
}

async function wasRetired(query: Query, place: number): Promise<boolean> {
  const said = await query(
    `select 1 from nte_audit_record where event = 'retention'
        and (document::jsonb #>> '{record,retired,until}')::bigint > $1 limit 1`,
    [place],
  );
  return said.length > 0;
}

function rangeOf(partitions: readonly LedgerPartition[]): RetiredRange | null {
  const [oldest, newest] = [partitions.at(0), partitions.at(-1)];
  return oldest && newest ? { first: oldest.first, until: newest.until } : null;
}

/** The connection goes back to the pool as it came. */
async function giveBack(runner: QueryRunner): Promise<void> {
  try {
    await runner.query('select pg_advisory_unlock_all()');
    await runner.query('reset statement_timeout');
  } catch {
    // The connection is lost, and the lock with it; the first error is the one to tell.
  } finally {
    await runner.release();
  }
}
