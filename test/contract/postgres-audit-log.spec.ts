import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';

import type { AuditEntry } from '../../src/audit/audit-log.js';
import { sampleRecord } from '../../src/testing/samples.js';
import {
  TypeormAuditLog,
  TypeormAuditReader,
  TypeormAuditSettings,
  TypeormSubjectKeys,
} from '../../src/typeorm/index.js';
import { KEY_SETTINGS } from '../support/key-settings.js';
import { createTestDataSource, dataSourceOf, type TestDataSource } from '../support/data-source.js';

const OURS = `application_name = 'nest-token-exchange audit' and datname = current_database()`;

let database: TestDataSource;
/** A connection beside the log, to look at it. */
let admin: Client;
/** Another one, to stand in its way: in a transaction, what is seen of other connections stands still. */
let holder: Client;
let log: TypeormAuditLog;
let keys: TypeormSubjectKeys;

beforeAll(async () => {
  database = await createTestDataSource();
  keys = new TypeormSubjectKeys(database.dataSource, KEY_SETTINGS);
  admin = new Client(database.url);
  holder = new Client(database.url);
  await Promise.all([admin.connect(), holder.connect()]);
});

afterAll(async () => {
  await Promise.all([admin.end(), holder.end()]);
  await database.close();
});

beforeEach(() => open());

afterEach(async () => {
  await holder.query('rollback');
  await log.onApplicationShutdown();
});

function open(settings: Partial<TypeormAuditSettings> = {}): void {
  log = new TypeormAuditLog(
    database.dataSource,
    keys,
    undefined,
    new TypeormAuditSettings(settings),
  );
}

function appendMany(count: number): Promise<PromiseSettledResult<AuditEntry>[]> {
  return Promise.allSettled(Array.from({ length: count }, () => log.append(sampleRecord())));
}

function statuses(results: readonly PromiseSettledResult<AuditEntry>[]): Set<string> {
  return new Set(results.map(({ status }) => status));
}

async function count(): Promise<number> {
  const { rows } = await admin.query<{ count: string }>('select count(*) from nte_audit_record');
  return Number(rows[0]!.count);
}

/** How many statements have written records: the log writes each batch in a transaction of its own. */
async function transactions(ids: readonly string[]): Promise<number> {
  const { rows } = await admin.query<{ count: string }>(
    'select count(distinct xmin::text) from nte_audit_record where id = any($1)',
    [ids],
  );
  return Number(rows[0]!.count);
}

/** Keeps every write waiting until the returned function is called. */
async function holdWrites(): Promise<() => Promise<void>> {
  await holder.query('begin');
  await holder.query('lock table nte_audit_record in share mode');
  return async () => {
    await holder.query('rollback');
  };
}

async function waitForWriter(): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    const { rowCount } = await admin.query(
      `select 1 from pg_stat_activity where ${OURS} and wait_event_type = 'Lock'`,
    );
    if (rowCount) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('The audit log does not write');
}

describe('The audit log in PostgreSQL refuses', () => {
  it.each([
    'update nte_audit_record set outcome = outcome',
    'update nte_audit_record set outcome = outcome where false',
    'delete from nte_audit_record',
    'truncate nte_audit_record',
    `insert into nte_audit_record (id, time, outcome, actors, audience, document)
     values (gen_random_uuid(), 1, 'granted', '{}', '{}', '{}')
     on conflict (sequence) do update set outcome = 'refused'`,
  ])('to change what is kept: %s', async (statement) => {
    const before = await log.append(sampleRecord());
    await expect(admin.query(statement)).rejects.toThrow('audit records are never changed');
    const reader = new TypeormAuditReader(database.dataSource, keys);
    expect(await reader.find(before.record.id)).toEqual(before);
  });

  it('changes in a replication session too', async () => {
    const { rows } = await admin.query(
      `select tgenabled from pg_trigger where tgrelid = 'nte_audit_record'::regclass and not tgisinternal`,
    );
    expect(rows).toEqual([{ tgenabled: 'A' }]);
  });

  it('a record that is no record, and keeps all others of its batch', async () => {
    const kept = await log.append(sampleRecord());
    const records = Array.from({ length: 100 }, () => sampleRecord());
    const twice = sampleRecord();
    const bad = [
      sampleRecord({ id: 'no-uuid' }),
      sampleRecord({ parentId: "'; drop table nte_audit_record --" }),
      sampleRecord({ time: Number.NaN }),
      sampleRecord({ id: kept.record.id }),
    ];
    const batch = [...records.slice(0, 50), ...bad, twice, twice, ...records.slice(50)];
    const before = await count();
    const results = await Promise.allSettled(batch.map((record) => log.append(record)));
    const refused = batch.filter((_, index) => results[index]!.status === 'rejected');
    expect(refused).toEqual([...bad, twice]);
    expect(await count()).toBe(before + records.length + 1);
  });

  it('records beyond the length of its queue, and writes those that wait', async () => {
    await log.onApplicationShutdown();
    open({ queue: 10 });
    const results = await appendMany(15);
    expect(results.map(({ status }) => status)).toEqual([
      ...Array.from({ length: 10 }, () => 'fulfilled'),
      ...Array.from({ length: 5 }, () => 'rejected'),
    ]);
  });
});

describe('The audit log in PostgreSQL', () => {
  it('writes a crowd with one statement while the one before is under way', async () => {
    const release = await holdWrites();
    const first = log.append(sampleRecord());
    await waitForWriter();
    const crowd = Array.from({ length: 300 }, () => log.append(sampleRecord()));
    await release();
    await first;
    const entries = await Promise.all(crowd);
    expect(await transactions(entries.map(({ record }) => record.id))).toBe(1);
  });

  it('splits a crowd by number and by size', async () => {
    await log.onApplicationShutdown();
    open({ batch: 100, batchCharacters: 10_000 });
    const ids = async (records: ReturnType<typeof sampleRecord>[]): Promise<string[]> => {
      const entries = await Promise.all(records.map((record) => log.append(record)));
      return entries.map(({ record }) => record.id);
    };
    const address = 'x'.repeat(4_500);
    const large = await ids(Array.from({ length: 10 }, () => sampleRecord({ address })));
    expect(await transactions(large)).toBe(5);
    const huge = await ids([1, 2].map(() => sampleRecord({ address: 'x'.repeat(50_000) })));
    expect(await transactions(huge)).toBe(2);
    await log.onApplicationShutdown();
    open({ batch: 100 });
    const many = await ids(Array.from({ length: 250 }, () => sampleRecord()));
    expect(await transactions(many)).toBe(3);
  });

  it('commits durably whatever the default of the database is', async () => {
    await admin.query(`
      create table commits (synchronous text);
      create function note_commit() returns trigger language plpgsql as $$ begin
        insert into commits values (current_setting('synchronous_commit'));
        return null;
      end $$;
      create trigger note_commit after insert on nte_audit_record execute function note_commit();
      do $$ begin
        execute format('alter database %I set synchronous_commit = off', current_database());
      end $$`);
    await log.append(sampleRecord());
    const { rows } = await admin.query('select synchronous from commits');
    expect(rows).toEqual([{ synchronous: 'on' }]);
    await admin.query('drop function note_commit cascade; drop table commits');
  });

  it('rejects what was under way when its connection is killed, and recovers', async () => {
    await log.append(sampleRecord());
    const release = await holdWrites();
    const underWay = appendMany(5);
    await waitForWriter();
    const waiting = appendMany(20);
    const before = await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where ${OURS}`,
    );
    expect(before.rowCount).toBe(1);
    await release();
    expect(statuses(await underWay)).toEqual(new Set(['rejected']));
    expect(statuses(await waiting)).toEqual(new Set(['fulfilled']));
    expect(statuses(await appendMany(5))).toEqual(new Set(['fulfilled']));
  });

  it('recovers when its connection is killed while it rests', async () => {
    await log.append(sampleRecord());
    await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${OURS}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(statuses(await appendMany(3))).toEqual(new Set(['fulfilled']));
  });

  it('rejects soon when the database hangs, what waits too, and recovers', async () => {
    await log.onApplicationShutdown();
    open({ timeout: 300 });
    await log.append(sampleRecord());
    const before = await count();
    const release = await holdWrites();
    const start = performance.now();
    const underWay = appendMany(5);
    await waitForWriter();
    const waiting = appendMany(5);
    expect(statuses(await underWay)).toEqual(new Set(['rejected']));
    expect(statuses(await waiting)).toEqual(new Set(['rejected']));
    expect(performance.now() - start).toBeLessThan(3_000);
    await release();
    expect(await count()).toBe(before);
    expect(statuses(await appendMany(3))).toEqual(new Set(['fulfilled']));
  });

  it('rejects when the database cannot be reached', async () => {
    const gone = await dataSourceOf(database.url).initialize();
    const { master } = gone.driver as unknown as {
      master: { options: { connectionString: string } };
    };
    master.options.connectionString = 'postgres://nobody@127.0.0.1:1/none';
    const unreachable = new TypeormAuditLog(gone, new TypeormSubjectKeys(gone, KEY_SETTINGS));
    await expect(unreachable.append(sampleRecord())).rejects.toThrow('ECONNREFUSED');
    await unreachable.onApplicationShutdown();
    await gone.destroy();
  });

  it('writes what waits before it closes', async () => {
    const results = appendMany(700);
    await log.onApplicationShutdown();
    expect(statuses(await results)).toEqual(new Set(['fulfilled']));
    await expect(log.append(sampleRecord())).rejects.toThrow('closed');
    const { rowCount } = await admin.query(
      `select 1 from pg_stat_activity where ${OURS} and state = 'active'`,
    );
    expect(rowCount).toBe(0);
  });
});
