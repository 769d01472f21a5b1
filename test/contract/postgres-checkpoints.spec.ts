import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { exportLedger } from '../../src/audit/ledger/ledger-export.js';
import { tilePath } from '../../src/audit/ledger/tile.js';
import { TiledTree } from '../../src/audit/ledger/tiled-tree.js';
import { LedgerVerifier, type VerifierReport } from '../../src/audit/verifier/ledger-verifier.js';
import { readCheckpointKey } from '../../src/audit/verifier/signed-checkpoint.js';
import { SystemClock } from '../../src/oauth/clock.js';
import { IssuerSettings } from '../../src/oauth/issuer-settings.js';
import { sampleRecord } from '../../src/testing/samples.js';
import {
  TypeormAuditLog,
  TypeormCheckpoints,
  TypeormLedgerReader,
  TypeormRecordErasure,
  TypeormSubjectKeys,
} from '../../src/typeorm/index.js';
import { createTestDataSource, type TestDataSource } from '../support/data-source.js';
import { KEY_SETTINGS } from '../support/key-settings.js';

const ISSUER = new IssuerSettings({ issuer: 'https://idp.example/tenant' });

let database: TestDataSource;
let log: TypeormAuditLog;
let checkpoints: TypeormCheckpoints;
let reader: TypeormLedgerReader;

beforeEach(async () => {
  database = await createTestDataSource();
  const { dataSource } = database;
  const keys = new TypeormSubjectKeys(dataSource, KEY_SETTINGS);
  log = new TypeormAuditLog(dataSource, keys, ISSUER);
  checkpoints = new TypeormCheckpoints(dataSource, log, new SystemClock(), KEY_SETTINGS, ISSUER);
  reader = new TypeormLedgerReader(dataSource, keys);
});

afterEach(async () => {
  await checkpoints.onApplicationShutdown();
  await log.onApplicationShutdown();
  await database.close();
});

async function append(count: number): Promise<void> {
  const subject = { iss: ISSUER.issuer, sub: 'alice' };
  const records = Array.from({ length: count }, () => sampleRecord({ subject }));
  await Promise.all(records.map((record) => log.append(record)));
}

/** As whoever owns the database could. */
async function tamper(statement: string): Promise<void> {
  const { dataSource } = database;
  const table = /nte_\w+/.exec(statement)![0];
  await dataSource.query(`alter table ${table} disable trigger all`);
  await dataSource.query(statement);
}

async function findings(older?: string): Promise<readonly string[]> {
  return (await report(older)).findings;
}

async function report(older?: string): Promise<VerifierReport> {
  const [key = ''] = await reader.verifierKeys();
  const verifier = new LedgerVerifier(readCheckpointKey(key), older === undefined ? [] : [older]);
  for await (const line of exportLedger(reader)) verifier.add(line);
  return verifier.finish();
}

describe('Checkpoints in PostgreSQL', () => {
  it('are signed when there is news, and never twice', async () => {
    await checkpoints.sign();
    expect(await reader.checkpoint()).toBeNull();
    expect(await reader.verifierKeys()).toHaveLength(1);
    await append(3);
    await checkpoints.sign();
    const note = await reader.checkpoint();
    expect(note).toMatch(/^idp\.example\/tenant\/ledger\n3\n/);
    await checkpoints.sign();
    expect(await reader.checkpoints(0)).toEqual([note]);
    await append(1);
    await Promise.all([checkpoints.sign(), checkpoints.sign(), checkpoints.sign()]);
    expect(await reader.checkpoints(0)).toHaveLength(2);
    expect(await reader.checkpoints(4)).toHaveLength(1);
    expect(await reader.verifierKeys()).toHaveLength(1);
  });

  it('are signed within a second and at shutdown', async () => {
    await checkpoints.onApplicationBootstrap();
    await append(2);
    while ((await reader.size()) < 2) await new Promise((resolve) => setTimeout(resolve, 50));
    await append(2);
    await checkpoints.onApplicationShutdown();
    expect(await reader.size()).toBe(4);
  });

  it('cover tiles and records that verify, full ones and partial', async () => {
    await append(250);
    await checkpoints.sign();
    const older = (await reader.checkpoint())!;
    const early = await reader.tile({ level: 0, index: 0, width: 250 });
    await append(700);
    expect(await reader.tile({ level: 0, index: 0, width: 256 })).toBeNull();
    expect(await reader.leaves({ index: 0, width: 256 })).toBeNull();
    await checkpoints.sign();
    expect(await findings(older)).toEqual([]);
    expect(await reader.tile({ level: 0, index: 0, width: 250 })).toEqual(early);
    const kept = await database.dataSource.query<{ level: number; index: string }[]>(
      'select level, index from nte_ledger_tile order by level, index',
    );
    expect(kept.map(({ level, index }) => `${level}/${index}`)).toEqual(['0/0', '0/1', '0/2']);
    const asked: string[] = [];
    const tree = new TiledTree(950, async (tile) => {
      asked.push(tilePath(tile));
      return (await reader.tile(tile))!;
    });
    const root = (await tree.rootAt(950)).toString('base64');
    expect((await reader.checkpoint())!.split('\n')[2]).toBe(root);
    expect(asked.toSorted()).toEqual(['0/003.p/182', '1/000.p/3']);
  });

  it('still verify when a person is erased, whose parts say so', async () => {
    await append(300);
    await checkpoints.sign();
    const older = (await reader.checkpoint())!;
    const { dataSource } = database;
    const keys = new TypeormSubjectKeys(dataSource, KEY_SETTINGS);
    const alice = { iss: ISSUER.issuer, sub: 'alice' };
    expect(await new TypeormRecordErasure(dataSource, keys).erase(alice)).not.toBeNull();
    // The writer does not know it yet: what it writes is sealed with another key.
    await append(20);
    await checkpoints.sign();
    const { findings: wrong, proved, unproved } = await report(older);
    expect(wrong).toEqual([]);
    expect(proved).toContain('it continues the older checkpoint of 300 records');
    expect(unproved).toContain('what 300 sealed parts said: their keys were destroyed');
    expect(await reader.leaves({ index: 0, width: 1 })).toEqual([
      { index: 0, parts: ['erased'], text: expect.not.stringContaining('alice') },
    ]);
  });

  it.each([
    [
      'a changed record',
      `update nte_audit_record set document = replace(document, 'granted', 'refused') where sequence = 270`,
      'record 270 was changed',
    ],
    [
      'a changed hash',
      `update nte_audit_record set leaf_hash = sha256('x') where sequence = 290`,
      'tile 0/1 was changed: it has another hash for record 290',
    ],
    [
      'a deleted record',
      'delete from nte_audit_record where sequence = 12',
      'record 12 was deleted',
    ],
    [
      'a changed sealed part',
      `update nte_audit_record set sealed = array[overlay(sealed[1] placing 'AAAA' from 30)] where sequence = 5`,
      'record 5 was changed: its sealed part 0 does not open',
    ],
  ])('and the verifier name %s', async (_, statement, finding) => {
    await append(256);
    await checkpoints.sign();
    await append(44);
    await checkpoints.sign();
    expect(await findings()).toEqual([]);
    await tamper(statement);
    expect((await findings())[0]).toBe(finding);
  });

  it.each([
    [
      'whose hashes were changed',
      `update nte_audit_record set leaf_hash = sha256('x') where sequence = 7`,
    ],
    ['that lost a record', 'delete from nte_audit_record where sequence = 7'],
    ['that was put back', 'update nte_ledger_head set size = 5'],
    ['whose root was changed', `update nte_ledger_head set root = sha256('x')`],
  ])('are never signed for a log %s', async (_, statement) => {
    await append(10);
    await checkpoints.sign();
    await append(5);
    await tamper(statement);
    await expect(checkpoints.sign()).rejects.toThrow(/not what it was|lacks hashes/);
    expect(await reader.size()).toBe(10);
  });
});
