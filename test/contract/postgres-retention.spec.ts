import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import type { AuditEntry } from '../../src/audit/audit-log.js';
import { exportLedger } from '../../src/audit/ledger/ledger-export.js';
import { TiledTree } from '../../src/audit/ledger/tiled-tree.js';
import { LedgerVerifier, type VerifierReport } from '../../src/audit/verifier/ledger-verifier.js';
import { readCheckpointKey } from '../../src/audit/verifier/signed-checkpoint.js';
import { SystemClock } from '../../src/oauth/clock.js';
import { IssuerSettings } from '../../src/oauth/issuer-settings.js';
import { uuidv7 } from '../../src/oauth/uuid.js';
import { sampleRecord } from '../../src/testing/samples.js';
import {
  RetirementListeners,
  TypeormAuditLog,
  TypeormAuditReader,
  TypeormCheckpoints,
  TypeormLedgerReader,
  TypeormRecordErasure,
  TypeormRetention,
  TypeormSubjectKeys,
} from '../../src/typeorm/index.js';
import { partitionsOf } from '../../src/typeorm/ledger-partitions.js';
import { createTestDataSource, type TestDataSource } from '../support/data-source.js';
import { KEY_SETTINGS } from '../support/key-settings.js';

const ISSUER = new IssuerSettings({ issuer: 'https://idp.example' });
const FIRST = 4_096;
const OLD = Date.UTC(2020, 0, 1);
const LATER = Date.UTC(2021, 0, 1);

let database: TestDataSource;
let log: TypeormAuditLog;
let checkpoints: TypeormCheckpoints;
let reader: TypeormAuditReader;
let ledger: TypeormLedgerReader;
let keys: TypeormSubjectKeys;
let listeners: RetirementListeners;

beforeEach(async () => {
  database = await createTestDataSource();
  const { dataSource } = database;
  keys = new TypeormSubjectKeys(dataSource, KEY_SETTINGS);
  log = new TypeormAuditLog(dataSource, keys, ISSUER);
  checkpoints = new TypeormCheckpoints(dataSource, log, new SystemClock(), KEY_SETTINGS, ISSUER);
  reader = new TypeormAuditReader(dataSource, keys);
  ledger = new TypeormLedgerReader(dataSource, keys);
  listeners = new RetirementListeners();
});

afterEach(async () => {
  await checkpoints.onApplicationShutdown();
  await log.onApplicationShutdown();
  await database.close();
});

function retention(): TypeormRetention {
  return new TypeormRetention(database.dataSource, log, checkpoints, listeners);
}

function query<T>(text: string, values: unknown[] = []): Promise<T[]> {
  return database.dataSource.query<T[]>(text, values);
}

async function appendMany(count: number, time = OLD): Promise<readonly AuditEntry[]> {
  const records = Array.from({ length: count }, () => sampleRecord({ time }));
  return Promise.all(records.map((record) => log.append(record)));
}

async function tables(): Promise<readonly string[]> {
  return (await partitionsOf(query)).map(({ table }) => table);
}

async function report(older?: string): Promise<VerifierReport> {
  const [key = ''] = await ledger.verifierKeys();
  const verifier = new LedgerVerifier(readCheckpointKey(key), older === undefined ? [] : [older]);
  for await (const line of exportLedger(ledger)) verifier.add(line);
  return verifier.finish();
}

async function proofOf(index: number, size: number): Promise<readonly Buffer[]> {
  const tree = new TiledTree(size, async (tile) => (await ledger.tile(tile))!);
  return tree.inclusion(index);
}

describe('Retiring records refuses', () => {
  it('the partition that is written to, and the empty one ahead of it', async () => {
    await appendMany(FIRST - 1);
    await checkpoints.sign();
    expect(await retention().retire(LATER)).toBeNull();
    expect(await tables()).toHaveLength(2);
  });

  it('what is younger, also when a single record of the partition is', async () => {
    await appendMany(100);
    await appendMany(1, LATER);
    await appendMany(FIRST);
    await checkpoints.sign();
    expect(await retention().retire(OLD)).toBeNull();
    expect(await retention().retire(LATER)).toBeNull();
    expect(await retention().plan(LATER + 1)).toEqual({ first: 0, until: FIRST });
  });

  it('what no checkpoint covers, and what lacks a tile', async () => {
    await appendMany(FIRST + 10);
    expect(await retention().retire(LATER)).toBeNull();
    await checkpoints.sign();
    await query('alter table nte_ledger_tile disable trigger all');
    await query('delete from nte_ledger_tile where level = 0 and index = 7');
    expect(await retention().retire(LATER)).toBeNull();
    expect((await query('select 1 from nte_audit_record')).length).toBe(FIRST + 10);
  });

  it('when its record cannot be written', async () => {
    await appendMany(FIRST + 10);
    await checkpoints.sign();
    await log.onApplicationShutdown();
    await expect(retention().retire(LATER)).rejects.toThrow('closed');
    expect(await ledger.first()).toBe(0);
  });
});

describe('Retired records', () => {
  it('are gone, and every proof of them and of the rest stays valid', async () => {
    const early = await appendMany(300);
    await checkpoints.sign();
    const older = (await ledger.checkpoint())!;
    const chainId = uuidv7(OLD);
    const begun = await log.append(sampleRecord({ time: OLD, chainId }));
    await appendMany(FIRST);
    const parentId = begun.record.id;
    const kept = await log.append(sampleRecord({ time: OLD, chainId, parentId }));
    await checkpoints.sign();
    const size = await ledger.size();
    const proof = await proofOf(5, size);
    const tiles = [256, 100].map((width) => ledger.tile({ level: 0, index: 3, width }));
    const before = await Promise.all(tiles);
    const told: number[] = [];
    listeners.add(async (place) => void told.push(place));

    expect(await retention().plan(LATER)).toEqual({ first: 0, until: FIRST });
    expect(await ledger.first()).toBe(0);
    expect(await retention().retire(LATER)).toEqual({ first: 0, until: FIRST });

    expect(told).toEqual([FIRST]);
    expect(await tables()).not.toContain('nte_audit_record_0');
    expect(await query(`select 1 from pg_class where relname = 'nte_audit_record_0'`)).toEqual([]);
    expect(await ledger.first()).toBe(FIRST);
    expect(await ledger.leaves({ index: 0, width: 256 })).toBe('retired');
    expect(await ledger.leaves({ index: 15, width: 7 })).toBe('retired');
    expect(await ledger.leaves({ index: 16, width: 256 })).toHaveLength(256);
    expect(await ledger.leaves({ index: 1_000, width: 256 })).toBeNull();
    expect(await reader.find(early[0]!.record.id)).toBeNull();
    expect(await ledger.indexOf(early[0]!.record.id)).toBeNull();
    expect(await reader.chain(chainId)).toEqual([kept]);

    expect(await proofOf(5, size)).toEqual(proof);
    const after = [256, 100].map((width) => ledger.tile({ level: 0, index: 3, width }));
    expect(await Promise.all(after)).toEqual(before);
    await appendMany(10);
    await checkpoints.sign();
    const { findings, proved, unproved } = await report(older);
    expect(findings).toEqual([]);
    expect(proved).toContain('it continues the older checkpoint of 300 records');
    expect(unproved[0]).toBe(
      `what records 0 to ${FIRST - 1} said: they were retired, as the log itself says`,
    );
  });

  it('leave one record that says which they were, signed before they go', async () => {
    await appendMany(FIRST + 10);
    await checkpoints.sign();
    await retention().retire(LATER);
    const { entries } = await reader.search({ event: 'retention' }, { limit: 9 });
    expect(entries).toMatchObject([
      { record: { outcome: 'granted', retired: { first: 0, until: FIRST, before: LATER } } },
    ]);
    expect(await ledger.size()).toBe(Number(entries[0]!.sequence) + 1);
    expect(await retention().retire(LATER)).toBeNull();
    expect((await reader.search({ event: 'retention' }, { limit: 9 })).entries).toHaveLength(1);
  });

  it('go once, whoever of many instances is at it, while others write and read', async () => {
    await appendMany(FIRST + 10);
    await checkpoints.sign();
    const [gone, ...entries] = await Promise.all([
      Promise.all([1, 2, 3].map(() => retention().retire(LATER))),
      ...Array.from({ length: 20 }, async () => {
        await reader.search({}, { limit: 5 });
        return log.append(sampleRecord());
      }),
    ]);
    expect(gone.filter((range) => range !== null)).toEqual([{ first: 0, until: FIRST }]);
    for (const entry of entries) expect(await reader.find(entry.record.id)).toEqual(entry);
    await checkpoints.sign();
    expect((await report()).findings).toEqual([]);
  });

  it('go at last when an instance ended between detaching them and dropping them', async () => {
    await appendMany(FIRST + 10);
    await checkpoints.sign();
    await query('alter table nte_audit_record detach partition nte_audit_record_0 concurrently');
    const isThere = `select 1 from pg_class where relname = 'nte_audit_record_0'`;
    // Nobody retired it yet: somebody may keep it elsewhere.
    expect(await retention().retire(OLD)).toBeNull();
    expect(await query(isThere)).toHaveLength(1);
    const retired = { first: 0, until: FIRST, before: OLD };
    await log.append(sampleRecord({ event: 'retention', retired }));
    expect(await retention().retire(OLD)).toBeNull();
    expect(await query(isThere)).toEqual([]);
  });

  it('name nobody any more in a plan to erase', async () => {
    await appendMany(FIRST + 10);
    await checkpoints.sign();
    await retention().retire(LATER);
    const erasure = new TypeormRecordErasure(database.dataSource, keys);
    const extent = await erasure.extentOf({ iss: 'https://idp.example', sub: '12345' });
    expect(extent).toMatchObject({ records: 10, isComplete: true });
  });

  it('are found missing when somebody dropped them without a record', async () => {
    await appendMany(FIRST + 10);
    await checkpoints.sign();
    await query('alter table nte_audit_record detach partition nte_audit_record_0');
    await query('drop table nte_audit_record_0');
    expect((await report()).findings).toEqual([
      `records 0 to ${FIRST - 1} are missing, and no record of the log says that they were retired`,
    ]);
  });
});
