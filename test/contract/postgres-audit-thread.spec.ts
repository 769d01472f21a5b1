import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';

import { IndexGeometry } from '../../src/audit/questions/geometry.js';
import { auditLogContract } from '../../src/testing/index.js';
import { sampleRecord } from '../../src/testing/samples.js';
import { AuditThread } from '../../src/typeorm/audit-thread.js';
import {
  TypeormAuditIndexer,
  TypeormAuditLog,
  TypeormAuditReader,
  TypeormAuditSettings,
  TypeormRecordErasure,
  TypeormSubjectKeys,
} from '../../src/typeorm/index.js';
import {
  EndingThread,
  ENDS_THREAD,
  ForbiddenThread,
  HANGS_THREAD,
  threadOf,
} from '../support/audit-thread.js';
import { createTestDataSource, dataSourceOf, type TestDataSource } from '../support/data-source.js';
import { KEY_SETTINGS } from '../support/key-settings.js';

let database: TestDataSource;
let keys: TypeormSubjectKeys;
let log: TypeormAuditLog;

beforeAll(async () => {
  Logger.overrideLogger(false);
  database = await createTestDataSource();
  keys = new TypeormSubjectKeys(database.dataSource, KEY_SETTINGS);
});

afterEach(async () => {
  await log?.onApplicationShutdown();
  jest.restoreAllMocks();
});

afterAll(async () => {
  await database.close();
});

function openWith(thread: AuditThread, settings: Partial<TypeormAuditSettings> = {}): void {
  log = new TypeormAuditLog(
    database.dataSource,
    keys,
    undefined,
    new TypeormAuditSettings(settings),
    undefined,
    thread,
  );
}

function open(settings: Partial<TypeormAuditSettings> = {}): void {
  openWith(threadOf(database.dataSource, keys, settings), settings);
}

/** Whether there is an index at last. */
async function isIndexed(): Promise<boolean> {
  for (let tries = 0; tries < 100; tries += 1) {
    const segments = await database.dataSource.query<unknown[]>('select from nte_audit_segment');
    if (segments.length > 0) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

async function count(): Promise<number> {
  const [row] = await database.dataSource.query<{ count: string }[]>(
    'select count(*) from nte_audit_record',
  );
  return Number(row?.count);
}

/** Appends until the thread, which is started again a second after it was lost, writes. */
async function appendAgain(): Promise<void> {
  for (let tries = 0; tries < 50; tries += 1) {
    const isWritten = await log.append(sampleRecord()).then(
      () => true,
      () => false,
    );
    if (isWritten) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('The audit log does not recover');
}

auditLogContract('TypeormAuditLog with a thread of its own', async () => {
  const { dataSource, close } = await createTestDataSource();
  const subjectKeys = new TypeormSubjectKeys(dataSource, KEY_SETTINGS);
  const thread = threadOf(dataSource, subjectKeys);
  expect(thread.isUsed).toBe(true);
  const threaded = new TypeormAuditLog(
    dataSource,
    subjectKeys,
    undefined,
    undefined,
    undefined,
    thread,
  );
  return {
    log: threaded,
    reader: new TypeormAuditReader(dataSource, subjectKeys),
    close: async () => {
      await threaded.onApplicationShutdown();
      await close();
    },
  };
});

describe('The thread that writes records is not used', () => {
  it('without a key, without a build, when it cannot be told how to connect, or shall not', () => {
    const { dataSource } = database;
    expect(threadOf(dataSource, keys, { thread: false }).isUsed).toBe(false);
    const settings = new TypeormAuditSettings({ thread: true });
    expect(new AuditThread(dataSource, keys, settings, KEY_SETTINGS).isUsed).toBe(false);
    expect(new AuditThread(dataSource, keys, settings).isUsed).toBe(false);
    const asking = dataSourceOf(database.url, { extra: { password: () => 'secret' } });
    expect(threadOf(asking, keys).isUsed).toBe(false);
    expect(threadOf(dataSource, keys).isUsed).toBe(true);
  });

  it('and the records are written all the same', async () => {
    openWith(threadOf(database.dataSource, keys, { thread: false }));
    const before = await count();
    await log.append(sampleRecord());
    expect(await count()).toBe(before + 1);
  });
});

describe('The thread that writes records', () => {
  it('writes everything that it was given before it closes, and nothing after', async () => {
    open();
    const before = await count();
    const entries = Array.from({ length: 700 }, () => log.append(sampleRecord()));
    await log.onApplicationShutdown();
    const places = (await Promise.all(entries)).map(({ sequence }) => Number(sequence));
    expect(new Set(places).size).toBe(700);
    expect(await count()).toBe(before + 700);
    await expect(log.append(sampleRecord())).rejects.toThrow('closed');
  });

  it('takes no more records than its queue holds', async () => {
    open({ queue: 10 });
    const results = await Promise.allSettled(
      Array.from({ length: 15 }, () => log.append(sampleRecord())),
    );
    expect(results.map(({ status }) => status)).toEqual([
      ...Array.from({ length: 10 }, () => 'fulfilled'),
      ...Array.from({ length: 5 }, () => 'rejected'),
    ]);
  });

  it('refuses a record that is none, and keeps the others', async () => {
    open();
    const circle: Record<string, unknown> = {};
    circle['circle'] = circle;
    const records = [
      sampleRecord(),
      sampleRecord({ time: Number.NaN }),
      sampleRecord({ id: 'no-uuid' }),
      { ...sampleRecord(), act: circle as never },
      sampleRecord(),
    ];
    const results = await Promise.allSettled(records.map((record) => log.append(record)));
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
  });

  it('rejects what was under way when it is lost, says so, and is started again', async () => {
    const said = jest.spyOn(Logger.prototype, 'error');
    open();
    await log.append(sampleRecord());
    const before = await count();
    const underWay = await Promise.allSettled(
      ['one', 'two', ENDS_THREAD].map((requestId) => log.append(sampleRecord({ requestId }))),
    );
    expect(underWay.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(said).toHaveBeenCalledWith({
      event: 'audit_thread_lost',
      cause: 'it ended with 3',
      records: 3,
    });
    await expect(log.append(sampleRecord())).rejects.toThrow('started again in a moment');
    await appendAgain();
    expect(await count()).toBe(before + 1);
  });

  it('is not used any more when it never comes to life: all is done here then', async () => {
    const said = jest.spyOn(Logger.prototype, 'warn');
    const thread = threadOf(database.dataSource, keys, {}, EndingThread);
    openWith(thread);
    const indexer = new TypeormAuditIndexer(
      database.dataSource,
      new IndexGeometry({ blockBits: 0 }),
      undefined,
      undefined,
      thread,
    );
    await database.dataSource.query('truncate nte_audit_segment, nte_audit_posting');
    log.onApplicationBootstrap();
    indexer.onApplicationBootstrap();
    await expect(log.append(sampleRecord())).rejects.toThrow('may be kept or not');
    expect(thread.isUsed).toBe(false);
    expect(said).toHaveBeenCalledTimes(1);
    const before = await count();
    await log.append(sampleRecord());
    expect(await count()).toBe(before + 1);
    expect(await isIndexed()).toBe(true);
    await indexer.onApplicationShutdown();
  });

  it('is not used where the host forbids threads', async () => {
    const thread = threadOf(database.dataSource, keys, {}, ForbiddenThread);
    openWith(thread);
    expect(thread.isUsed).toBe(true);
    log.onApplicationBootstrap();
    expect(thread.isUsed).toBe(false);
    const before = await count();
    await log.append(sampleRecord());
    expect(await count()).toBe(before + 1);
  });

  it('is given up when it hangs, and started again', async () => {
    open({ timeout: 250 });
    await log.append(sampleRecord());
    const underWay = log.append(sampleRecord({ requestId: HANGS_THREAD }));
    await expect(underWay).rejects.toThrow('may be kept or not');
    await appendAgain();
  });

  it('closes also when it hangs', async () => {
    open({ timeout: 100 });
    await log.append(sampleRecord());
    const underWay = expect(log.append(sampleRecord({ requestId: HANGS_THREAD }))).rejects.toThrow(
      'may be kept or not',
    );
    await log.onApplicationShutdown();
    await underWay;
  });

  it('rejects while the database cannot be reached, and lives on', async () => {
    const said = jest.spyOn(Logger.prototype, 'error');
    const elsewhere = dataSourceOf('postgres://nobody@127.0.0.1:1/none');
    openWith(threadOf(elsewhere, keys));
    for (let tries = 0; tries < 2; tries += 1)
      await expect(log.append(sampleRecord())).rejects.toThrow('ECONNREFUSED');
    expect(said).not.toHaveBeenCalled();
  });

  it('forgets the keys of somebody who is erased, and seals with new ones', async () => {
    const said = jest.spyOn(Logger.prototype, 'log');
    open();
    const subject = { iss: 'https://idp.example', sub: 'erased' };
    const { record: old } = await log.append(sampleRecord({ subject }));
    expect(await new TypeormRecordErasure(database.dataSource, keys).erase(subject)).not.toBeNull();
    const { record } = await log.append(sampleRecord({ subject }));
    const reader = new TypeormAuditReader(database.dataSource, keys);
    expect((await reader.find(record.id))?.record.subject).toEqual(subject);
    expect((await reader.find(old.id))?.record.subject).not.toEqual(subject);
    expect(said).toHaveBeenCalledWith('forgets');
  });

  it('indexes what it wrote', async () => {
    open();
    await database.dataSource.query('truncate nte_audit_segment, nte_audit_posting');
    await Promise.all(Array.from({ length: 600 }, () => log.append(sampleRecord())));
    expect(await isIndexed()).toBe(true);
  });
});
