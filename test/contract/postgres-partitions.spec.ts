import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { LedgerPartitions1795910400000 } from '../../src/typeorm/migrations/1795910400000-ledger-partitions.js';
import { uuidv7 } from '../../src/oauth/uuid.js';
import { SystemClock } from '../../src/oauth/clock.js';
import { IssuerSettings } from '../../src/oauth/issuer-settings.js';
import { sampleRecord } from '../../src/testing/samples.js';
import {
  runMigrations,
  tokenExchangeSchema,
  TypeormAuditLog,
  TypeormAuditReader,
  TypeormCheckpoints,
  TypeormSubjectKeys,
} from '../../src/typeorm/index.js';
import { partitionsOf } from '../../src/typeorm/ledger-partitions.js';
import { createTestDataSource, dataSourceOf, type TestDataSource } from '../support/data-source.js';
import { createTestDatabase } from '../support/database.js';
import { KEY_SETTINGS } from '../support/key-settings.js';

const ISSUER = new IssuerSettings({ issuer: 'https://idp.example' });
const FIRST = 4_096;

let database: TestDataSource;
let keys: TypeormSubjectKeys;
let log: TypeormAuditLog;
let reader: TypeormAuditReader;

beforeEach(async () => {
  database = await createTestDataSource();
  const { dataSource } = database;
  keys = new TypeormSubjectKeys(dataSource, KEY_SETTINGS);
  log = new TypeormAuditLog(dataSource, keys, ISSUER);
  reader = new TypeormAuditReader(dataSource, keys);
});

afterEach(async () => {
  await log.onApplicationShutdown();
  await database.close();
});

function query<T>(text: string, values: unknown[] = []): Promise<T[]> {
  return database.dataSource.query<T[]>(text, values);
}

async function ranges(): Promise<readonly (readonly [number, number])[]> {
  const partitions = await partitionsOf(query);
  return partitions.map(({ first, until }) => [first, until]);
}

async function appendMany(count: number, instance = log): Promise<void> {
  const records = Array.from({ length: count }, () => sampleRecord({ id: uuidv7(Date.now()) }));
  await Promise.all(records.map((record) => instance.append(record)));
}

function checkpoints(): TypeormCheckpoints {
  const { dataSource } = database;
  return new TypeormCheckpoints(dataSource, log, new SystemClock(), KEY_SETTINGS, ISSUER);
}

describe('The partitions of the records refuse', () => {
  it('to be changed, also when they are addressed themselves', async () => {
    await appendMany(FIRST + 10);
    for (const { table } of await partitionsOf(query)) {
      for (const statement of [
        `update ${table} set outcome = outcome where false`,
        `delete from ${table}`,
        `truncate ${table}`,
      ])
        await expect(query(statement)).rejects.toThrow('audit records are never changed');
      expect(
        await query(
          `select tgenabled from pg_trigger where tgrelid = '${table}'::regclass and not tgisinternal`,
        ),
      ).toEqual([{ tgenabled: 'A' }]);
    }
    await expect(query('truncate nte_audit_record')).rejects.toThrow('never changed');
  });

  it('a second record of the same id', async () => {
    await appendMany(FIRST + 10);
    const { record } = await log.append(sampleRecord());
    await expect(log.append(sampleRecord({ id: record.id }))).rejects.toThrow('duplicate key');
  });
});

describe('The partitions of the records', () => {
  it('are made by a writer that finds none, however many write', async () => {
    const others = [1, 2].map(
      () =>
        new TypeormAuditLog(
          database.dataSource,
          new TypeormSubjectKeys(database.dataSource, KEY_SETTINGS),
          ISSUER,
        ),
    );
    expect(await ranges()).toEqual([[0, FIRST]]);
    await Promise.all([log, ...others].map((instance) => appendMany(1_500, instance)));
    await Promise.all(others.map((instance) => instance.onApplicationShutdown()));
    expect(await ranges()).toEqual([
      [0, FIRST],
      [FIRST, 2 * FIRST],
    ]);
    const rows = await query<{ sequence: string }>(
      'select sequence from nte_audit_record order by sequence',
    );
    expect(rows.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 4_500 }, (_, place) => String(place)),
    );
    const [later] = await query<{ count: string }>(
      `select count(*) from nte_audit_record_${FIRST}`,
    );
    expect(later?.count).toBe(String(4_500 - FIRST));
  });

  it('are made ahead of the writers, one more than is written to', async () => {
    const signing = checkpoints();
    await appendMany(1);
    await signing.sign();
    expect(await ranges()).toEqual([
      [0, FIRST],
      [FIRST, 2 * FIRST],
    ]);
    await appendMany(10);
    await signing.sign();
    expect(await ranges()).toHaveLength(2);
    await appendMany(FIRST);
    await Promise.all([signing.sign(), checkpoints().sign()]);
    expect(await ranges()).toEqual([
      [0, FIRST],
      [FIRST, 2 * FIRST],
      [2 * FIRST, 4 * FIRST],
    ]);
  });

  it('hold what is found by its id, its chain and its token across them', async () => {
    const chainId = uuidv7(Date.now());
    const jti = `jti-${chainId}`;
    const first = await log.append(sampleRecord({ chainId, subjectToken: { hash: 'x', jti } }));
    await appendMany(FIRST);
    const last = await log.append(sampleRecord({ chainId, parentId: first.record.id }));
    expect(Number(last.sequence)).toBeGreaterThan(FIRST);
    expect(await reader.find(first.record.id)).toEqual(first);
    expect(await reader.find(last.record.id)).toEqual(last);
    expect(await reader.chain(chainId)).toEqual([first, last]);
    expect(await reader.byJti(jti)).toEqual([first]);
    const page = await reader.search({ chainId }, { limit: 1 });
    expect([page.entries, page.next]).toEqual([[last], last.sequence]);
    const plan = await query<{ 'QUERY PLAN': string }>(
      `explain select 1 from nte_audit_record where id = '${chainId}'`,
    );
    expect(JSON.stringify(plan)).not.toContain('Seq Scan on nte_audit_record_0 ');
  });
});

describe('The migration to partitions', () => {
  it('takes the table as it is, without writing a row anew', async () => {
    const empty = await createTestDatabase();
    const { url } = empty;
    const { migrations } = tokenExchangeSchema;
    const former = dataSourceOf(url, {
      migrations: migrations.slice(0, migrations.indexOf(LedgerPartitions1795910400000)),
    });
    await former.initialize();
    await runMigrations(former);
    const formerLog = new TypeormAuditLog(former, new TypeormSubjectKeys(former, KEY_SETTINGS));
    const entries = await Promise.all(
      Array.from({ length: FIRST }, () => formerLog.append(sampleRecord())),
    );
    await formerLog.onApplicationShutdown();
    const file = 'select pg_relation_filenode($1) as file';
    const before = await former.query(file, ['nte_audit_record']);
    await former.destroy();
    const dataSource = await dataSourceOf(url).initialize();
    await runMigrations(dataSource);
    expect(await dataSource.query(file, ['nte_audit_record_0'])).toEqual(before);
    const asked = <Row>(text: string, values: unknown[]): Promise<Row[]> =>
      dataSource.query<Row[]>(text, values);
    expect(await partitionsOf(asked)).toEqual([
      { table: 'nte_audit_record_0', first: 0, until: 2 * FIRST },
    ]);
    const open = new TypeormSubjectKeys(dataSource, KEY_SETTINGS);
    const next = new TypeormAuditLog(dataSource, open);
    const added = await next.append(sampleRecord());
    expect(added.sequence).toBe(String(FIRST));
    const newReader = new TypeormAuditReader(dataSource, open);
    for (const entry of [entries[0]!, entries.at(-1)!, added])
      expect(await newReader.find(entry.record.id)).toEqual(entry);
    await next.onApplicationShutdown();
    await dataSource.destroy();
    await empty.drop();
  });
});
