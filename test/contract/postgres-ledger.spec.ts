import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { AuditEntry } from '../../src/audit/audit-log.js';
import type { AuditRecord } from '../../src/audit/audit-record.js';
import { Frontier } from '../../src/audit/ledger/frontier.js';
import { hashLeaf } from '../../src/audit/ledger/hashing.js';
import { LEAF_LIMIT, placeOfPart, readLeaf } from '../../src/audit/ledger/leaf.js';
import { commitmentOf, openPart } from '../../src/audit/ledger/part-seal.js';
import { ERASED } from '../../src/audit/ledger/personal-fields.js';
import { IssuerSettings } from '../../src/oauth/issuer-settings.js';
import { sampleRecord, unique } from '../../src/testing/samples.js';
import {
  runMigrations,
  tokenExchangeSchema,
  TypeormAuditLog,
  TypeormAuditReader,
  TypeormSubjectKeys,
} from '../../src/typeorm/index.js';
import { createTestDataSource, dataSourceOf, type TestDataSource } from '../support/data-source.js';
import { createTestDatabase } from '../support/database.js';
import { KEY_SETTINGS } from '../support/key-settings.js';

const ISSUER = 'https://idp.example';
const GATEWAY = { iss: ISSUER, sub: 'my_gateway', clientId: 'my_gateway' };

let database: TestDataSource;
let keys: TypeormSubjectKeys;
let log: TypeormAuditLog;
let reader: TypeormAuditReader;

interface Row {
  readonly sequence: string;
  readonly document: string;
  readonly leaf_hash: Buffer;
  readonly sealed: string[];
  readonly subject_key: string | null;
}

beforeAll(async () => {
  database = await createTestDataSource();
  keys = new TypeormSubjectKeys(database.dataSource, KEY_SETTINGS);
  log = openLog(keys);
  reader = new TypeormAuditReader(database.dataSource, keys);
});

afterAll(async () => {
  await log.onApplicationShutdown();
  await database.close();
});

function openLog(withKeys: TypeormSubjectKeys): TypeormAuditLog {
  return new TypeormAuditLog(database.dataSource, withKeys, new IssuerSettings({ issuer: ISSUER }));
}

function query<T>(text: string, values: unknown[] = []): Promise<T[]> {
  return database.dataSource.query<T[]>(text, values);
}

async function rowOf({ record }: AuditEntry): Promise<Row> {
  const [row] = await query<Row>('select * from nte_audit_record where id = $1', [record.id]);
  return row!;
}

function person(name: string): { iss: string; sub: string } {
  return { iss: ISSUER, sub: unique(name) };
}

/** A record that names two people in every place in which a record can. */
function personalRecord(
  subject: { iss: string; sub: string },
  other: { iss: string; sub: string },
): AuditRecord {
  const admin = { ...other, clientId: 'web_app' };
  return sampleRecord({
    subject,
    actor: admin,
    actors: [admin, GATEWAY],
    inboundActors: [GATEWAY, other],
    act: { iss: ISSUER, sub: 'my_gateway', client_id: 'my_gateway', act: other },
    address: `10.1.2.3-${subject.sub}`,
    sid: `sid-${subject.sub}`,
    requested: { scope: ['read'], purpose: `a letter of ${subject.sub}` },
    subjectToken: { hash: 'x', jti: 'y', mayAct: other },
    reauthorized: { groups: [subject.sub] },
    operation: { name: 'PATCH /admin/accounts/:accountId', target: subject.sub },
    revocation: { kind: 'subject', names: other },
    whose: [other, GATEWAY],
  });
}

/** Appends in portions of many sizes. */
async function crowd(instance: TypeormAuditLog): Promise<readonly AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for (let round = 0; round < 25; round += 1) {
    const records = Array.from({ length: 1 + (round % 7) }, () =>
      sampleRecord({ subject: person('crowd') }),
    );
    entries.push(...(await Promise.all(records.map((record) => instance.append(record)))));
  }
  return entries;
}

describe('The ledger in PostgreSQL refuses', () => {
  it.each([
    'delete from nte_ledger_head',
    'truncate nte_ledger_head',
    'update nte_ledger_head set size = size - 1',
    'update nte_ledger_head set size = size, root = frontier',
    'update nte_ledger_head set size = size + 1, log = 2',
    'update nte_ledger_tile set root = root where false',
    'delete from nte_ledger_tile',
    'truncate nte_ledger_tile',
    'update nte_ledger_checkpoint set note = note where false',
    'delete from nte_ledger_checkpoint',
    'truncate nte_ledger_checkpoint',
  ])('%s', async (statement) => {
    await log.append(sampleRecord());
    await expect(query(statement)).rejects.toThrow(
      /the ledger is never changed|only moves forward/,
    );
  });

  it('a record whose time is none', async () => {
    await expect(log.append(sampleRecord({ time: Number.NaN, address: 'x' }))).rejects.toThrow();
  });

  it('to be undone when it holds records', async () => {
    await log.append(sampleRecord());
    await expect(database.dataSource.undoLastMigration()).rejects.toThrow('go back to a backup');
  });
});

describe('The ledger in PostgreSQL', () => {
  it('is one log without gaps, whichever instance writes', async () => {
    const instances = [1, 2, 3].map(() =>
      openLog(new TypeormSubjectKeys(database.dataSource, KEY_SETTINGS)),
    );
    const entries = (await Promise.all(instances.map(crowd))).flat();
    // Alone again, an instance does not lock the head any more.
    for (let count = 0; count < 40; count += 1) await log.append(sampleRecord());
    await Promise.all(instances.map((instance) => instance.onApplicationShutdown()));
    for (const entry of entries) expect((await rowOf(entry)).sequence).toBe(entry.sequence);
    const rows = await query<Row>('select * from nte_audit_record order by sequence');
    expect(rows.map(({ sequence }) => sequence)).toEqual(rows.map((_, place) => String(place)));
    const hashes = rows.map(({ document }) => hashLeaf(Buffer.from(document)));
    expect(rows.map(({ leaf_hash: hash }) => hash)).toEqual(hashes);
    const expected = Frontier.EMPTY.append(hashes);
    expect(await query('select * from nte_ledger_head')).toEqual([
      {
        log: 1,
        size: String(rows.length),
        frontier: expected.bytes,
        root: expected.root,
      },
    ]);
  });

  it('keeps no name of a person where anybody can read it', async () => {
    const [alice, bob] = [person('alice'), person('bob')];
    const record = personalRecord(alice, bob);
    const entry = await log.append(record);
    const text = JSON.stringify(await rowOf(entry));
    for (const name of [alice.sub, bob.sub, '10.1.2.3', 'a letter'])
      expect(text).not.toContain(name);
    expect(text).toContain('my_gateway');
    expect((await reader.find(record.id))?.record).toEqual(record);
    const found = async (search: object): Promise<readonly string[]> =>
      (await reader.search(search, { limit: 9 })).entries.map(({ record: { id } }) => id);
    expect(await found({ subject: alice.sub, subjectIssuer: ISSUER })).toEqual([record.id]);
    expect(await found({ actor: bob.sub })).toEqual([record.id]);
    expect(await found({ subject: bob.sub })).toEqual([]);
    expect(await found({ actor: bob.sub, subjectIssuer: 'https://other.example' })).toEqual([]);
    const stored = JSON.stringify(await query('select * from nte_subject_key'));
    expect(stored).not.toContain(alice.sub);
  });

  it('names clients of this server in the leaf, and those of others not', async () => {
    const foreign = { iss: 'https://partner.example', sub: 'robot', clientId: 'robot' };
    const record = sampleRecord({ subject: GATEWAY, actor: foreign, address: '10.9.9.9' });
    const { document } = await rowOf(await log.append(record));
    expect(readLeaf(document).record).toMatchObject({ subject: GATEWAY, actor: { sealed: 0 } });
    expect((await reader.find(record.id))?.record).toEqual(record);
  });

  it('commits in the leaf to what it keeps beside it', async () => {
    const { document, sealed } = await rowOf(
      await log.append(personalRecord(person('a'), person('b'))),
    );
    const { record, sealed: parts } = readLeaf(document);
    expect(parts).toHaveLength(2);
    const found = await keys.find(parts.map(({ key }) => key!));
    parts.forEach(({ key, commitment }, at) => {
      const opened = openPart(found.get(key!)!, placeOfPart(record, at), sealed[at]!)!;
      expect(commitmentOf(opened)).toBe(commitment);
      expect(commitmentOf({ ...opened, salt: Buffer.alloc(32) })).not.toBe(commitment);
    });
  });

  it('keeps a record that is too long for a leaf, and its leaf short', async () => {
    const audience = Array.from({ length: 2_000 }, () => `https://${randomUUID()}.example`);
    const alice = person('long');
    const record = sampleRecord({
      subject: alice,
      actors: [GATEWAY, alice],
      requested: { audience, purpose: 'a long one' },
    });
    const { document } = await rowOf(await log.append(record));
    expect(Buffer.byteLength(document)).toBeLessThanOrEqual(LEAF_LIMIT);
    expect((await reader.find(record.id))?.record).toEqual(record);
    expect(document).not.toContain(alice.sub);
  });

  it('makes a person unreadable whose key is destroyed, and nobody else', async () => {
    const [alice, bob] = [person('gone'), person('stays')];
    const record = personalRecord(alice, bob);
    const entry = await log.append(record);
    const before = await rowOf(entry);
    const key = before.subject_key;
    await query('delete from nte_subject_key where key_id = $1', [key]);
    const erased = { iss: ERASED, sub: key };
    const read = (await reader.find(record.id))!.record;
    expect(read).toMatchObject({
      subject: erased,
      actor: record.actor,
      actors: record.actors,
      inboundActors: record.inboundActors,
      requested: { scope: ['read'] },
      subjectToken: { mayAct: bob },
      operation: { name: 'PATCH /admin/accounts/:accountId' },
    });
    expect(JSON.stringify(read)).not.toContain(alice.sub);
    expect((await reader.search({ subject: alice.sub }, { limit: 9 })).entries).toEqual([]);
    expect(await rowOf(entry)).toEqual(before);
  });

  it('seals with a new key when another instance destroyed the old one', async () => {
    const alice = person('again');
    const first = await rowOf(await log.append(sampleRecord({ subject: alice })));
    await query('delete from nte_subject_key where key_id = $1', [first.subject_key]);
    const record = sampleRecord({ subject: alice });
    const second = await rowOf(await log.append(record));
    expect(second.subject_key).not.toBe(first.subject_key);
    expect((await reader.find(record.id))?.record).toEqual(record);
  });
});

describe('The migration to the ledger', () => {
  it('takes the records of before in, as they are and in their order', async () => {
    const empty = await createTestDatabase();
    const { url } = empty;
    const former = dataSourceOf(url, { migrations: tokenExchangeSchema.migrations.slice(0, -2) });
    await former.initialize();
    await runMigrations(former);
    const records = Array.from({ length: 2_500 }, (_, at) =>
      sampleRecord({ subject: { iss: ISSUER, sub: `former-${at}` }, address: 'é\0\ud800' }),
    );
    await former.query(
      `insert into nte_audit_record (id, time, outcome, subject_iss, subject_sub, actors, audience, document)
       select (r->>'id')::uuid, 1, 'granted', $2, r->>'sub', '{}', '{}', r->>'document'
         from jsonb_array_elements($1::jsonb) as r`,
      [
        JSON.stringify(
          records.map((record) => ({
            id: record.id,
            sub: record.subject!.sub,
            document: JSON.stringify(record),
          })),
        ),
        ISSUER,
      ],
    );
    await former.destroy();
    const dataSource = await dataSourceOf(url).initialize();
    await runMigrations(dataSource);
    const open = new TypeormSubjectKeys(dataSource, KEY_SETTINGS);
    const [oldReader, newLog] = [
      new TypeormAuditReader(dataSource, open),
      new TypeormAuditLog(dataSource, open),
    ];
    const next = await newLog.append(sampleRecord());
    expect(next.sequence).toBe('2500');
    const rows = await dataSource.query<Row[]>('select * from nte_audit_record order by sequence');
    expect(rows.map(({ sequence }) => sequence)).toEqual(rows.map((_, place) => String(place)));
    const hashes = rows.map(({ document }) => hashLeaf(Buffer.from(document)));
    const [head] = await dataSource.query<{ root: Buffer }[]>('select root from nte_ledger_head');
    expect(head!.root).toEqual(Frontier.EMPTY.append(hashes).root);
    expect(readLeaf(rows[7]!.document)).toMatchObject({ before: true, sealed: [{ key: null }] });
    expect(rows[7]!.document).not.toContain('former-7');
    for (const at of [0, 999, 1000, 2499])
      expect(await oldReader.find(records[at]!.id)).toEqual({
        sequence: String(at),
        record: records[at],
      });
    const found = await oldReader.search({ subject: 'former-1234' }, { limit: 2 });
    expect(found.entries.map(({ record }) => record.id)).toEqual([records[1234]!.id]);
    await newLog.onApplicationShutdown();
    await dataSource.destroy();
    await empty.drop();
  });
});
