import { randomUUID } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { AuditEntry, AuditSearch } from '../../src/audit/audit-log.js';
import type { AuditRecord } from '../../src/audit/audit-record.js';
import { IndexGeometry } from '../../src/audit/questions/geometry.js';
import {
  auditLogContract,
  InMemoryAuditLog,
  InMemoryAuditReader,
} from '../../src/testing/index.js';
import { sampleRecord, unique } from '../../src/testing/samples.js';
import {
  TypeormAuditIndexer,
  TypeormAuditLog,
  TypeormAuditReader,
  TypeormSubjectKeys,
} from '../../src/typeorm/index.js';
import { RecentTerms } from '../../src/typeorm/recent-terms.js';
import { createTestDataSource, type TestDataSource } from '../support/data-source.js';
import { KEY_SETTINGS } from '../support/key-settings.js';

/** Blocks of two records, and four of them make the next segment: a few records fill every level. */
const SMALL = new IndexGeometry({ blockBits: 1, fanBits: 2 });

/** A log that is indexed as far as it goes before an append is answered. */
class IndexedLog extends TypeormAuditLog {
  index: TypeormAuditIndexer | undefined;

  override async append(record: AuditRecord): Promise<AuditEntry> {
    const entry = await super.append(record);
    if (this.index) await advance(this.index);
    return entry;
  }
}

/** Works until there is nothing more to do. */
async function advance(index: TypeormAuditIndexer): Promise<void> {
  while (await index.advance());
}

auditLogContract('TypeormAuditLog with its index', async () => {
  const { dataSource, close } = await createTestDataSource();
  const keys = new TypeormSubjectKeys(dataSource, KEY_SETTINGS);
  const log = new IndexedLog(dataSource, keys);
  log.index = new TypeormAuditIndexer(dataSource, SMALL);
  return {
    log,
    reader: new TypeormAuditReader(dataSource, keys, SMALL),
    close: async () => {
      await log.onApplicationShutdown();
      await close();
    },
  };
});

let database: TestDataSource;
let keys: TypeormSubjectKeys;
let log: TypeormAuditLog;
let index: TypeormAuditIndexer;
let reader: TypeormAuditReader;

beforeEach(async () => {
  database = await createTestDataSource();
  keys = new TypeormSubjectKeys(database.dataSource, KEY_SETTINGS);
  log = new TypeormAuditLog(database.dataSource, keys);
  index = new TypeormAuditIndexer(database.dataSource, SMALL);
  reader = new TypeormAuditReader(database.dataSource, keys, SMALL);
});

afterEach(async () => {
  await index.onApplicationShutdown();
  await log.onApplicationShutdown();
  await database.close();
});

function query<T>(text: string, values: unknown[] = []): Promise<T[]> {
  return database.dataSource.query<T[]>(text, values);
}

/** `level:first` of every segment, the oldest first. */
async function segments(): Promise<readonly string[]> {
  const rows = await query<{ name: string }>(
    `select level || ':' || first as name from nte_audit_segment order by first`,
  );
  return rows.map(({ name }) => name);
}

async function append(count: number, record: Partial<AuditRecord> = {}): Promise<void> {
  for (let each = 0; each < count; each += 1) await log.append(sampleRecord(record));
}

/** Every id that is found, over as many pages as it takes. */
async function all(
  from: Pick<TypeormAuditReader, 'search'>,
  search: AuditSearch,
  limit: number,
): Promise<readonly string[]> {
  const ids: string[] = [];
  let before: string | undefined;
  do {
    const page = await from.search(search, { before, limit });
    expect(page.entries.length).toBeLessThanOrEqual(limit);
    ids.push(...page.entries.map(({ record }) => record.id));
    before = page.next ?? undefined;
  } while (before !== undefined);
  return ids;
}

const WORDS = ['a', 'b', 'c'] as const;
const word = fc.constantFrom(...WORDS);
/** Records in which few words stand in many places. */
const record = fc.record({
  time: fc.integer({ min: 0, max: 30 }),
  event: fc.constantFrom('grant', 'introspection'),
  outcome: fc.constantFrom('granted', 'refused'),
  subject: fc.record({ iss: word, sub: word }),
  client: fc.record({ clientId: word }),
  actor: fc.record({ iss: word, sub: word, clientId: word }),
  whose: fc.array(fc.record({ iss: word, sub: word }), { maxLength: 2 }),
  requested: fc.record({ scope: fc.uniqueArray(word), audience: fc.uniqueArray(word) }),
  subjectToken: fc.record({ hash: word, jti: word }),
  traceId: word,
  basis: fc.record({ policy: word, version: word, rule: fc.constant('any') }),
});
const asked = {
  subject: word,
  subjectIssuer: word,
  person: word,
  actor: word,
  client: word,
  audience: word,
  scope: word,
  event: fc.constantFrom('grant', 'introspection'),
  outcome: fc.constantFrom('granted', 'refused'),
  policy: word,
  policyVersion: word,
  traceId: word,
  tokenHash: word,
  jti: word,
  from: fc.integer({ min: 0, max: 30 }),
  until: fc.integer({ min: 0, max: 30 }),
};
/** At most three things at once: more would hardly ever come together. */
const search = fc
  .tuple(fc.record(asked), fc.subarray(Object.keys(asked), { maxLength: 3 }))
  .map(([whole, names]) =>
    Object.fromEntries(Object.entries(whole).filter(([name]) => names.includes(name))),
  );

describe('The index of the audit log', () => {
  it('is the same from memory as from the log, also where another instance wrote between', async () => {
    const { dataSource } = database;
    const recent = new RecentTerms();
    const ours = new TypeormAuditLog(dataSource, keys, undefined, undefined, recent);
    const records = fc.sample(record, 40);
    // What is too long for a leaf is kept beside it, and found all the same.
    const scope = Array.from({ length: 4_000 }, (_, at) => `scope-${at}-of-many`);
    const long = { issuedToken: { hash: 'long', jti: 'long', scope } };
    for (const [at, each] of [...records, long].entries())
      await (at % 3 === 1 ? log : ours).append(sampleRecord(each));
    await append(1);
    await ours.onApplicationShutdown();
    expect(records.map((_, at) => recent.at(at) !== undefined)).toEqual(
      records.map((_, at) => at % 3 !== 1),
    );
    const tables = async (): Promise<unknown> => [
      await query('select * from nte_audit_segment order by first'),
      await query('select * from nte_audit_posting order by first, level, bucket'),
    ];

    await advance(new TypeormAuditIndexer(dataSource, SMALL, undefined, recent));
    const fromMemory = await tables();
    await query('delete from nte_audit_posting');
    await query('delete from nte_audit_segment');
    await advance(index);

    expect(await tables()).toEqual(fromMemory);
    expect((await segments()).length).toBeGreaterThan(1);
    expect(await all(reader, { scope: 'scope-3999-of-many' }, 5)).toHaveLength(1);
  });

  it('answers every question as reading all records does, wherever it ends', async () => {
    const memory = new InMemoryAuditLog();
    const naive = new InMemoryAuditReader(memory);
    const records = fc.sample(record, { numRuns: 75, seed: 7 });
    for (const [at, each] of records.entries()) {
      const whole = sampleRecord(each);
      await memory.append(whole);
      await log.append(whole);
      // The newest three are in no block, or in one that nobody indexed yet.
      if (at === 71) await advance(index);
    }
    expect(await segments()).toEqual(['2:0', '2:32', '1:64']);
    let answers = 0;
    await fc.assert(
      fc.asyncProperty(search, fc.integer({ min: 2, max: 30 }), async (question, limit) => {
        const expected = await all(naive, question, limit);
        expect(await all(reader, question, limit)).toEqual(expected);
        answers += expected.length;
      }),
      { numRuns: 80, seed: 11 },
    );
    expect(answers).toBeGreaterThan(200);
  });

  it('grows by whole blocks, and merges them', async () => {
    await append(1);
    await advance(index);
    expect(await segments()).toEqual([]);
    await append(6);
    expect(await index.advance()).toBe(true);
    await advance(index);
    expect(await segments()).toEqual(['0:0', '0:2', '0:4']);
    await append(1);
    await advance(index);
    expect(await segments()).toEqual(['1:0']);
    await append(127);
    await advance(index);
    expect(await segments()).toEqual(['3:0', '0:128', '0:130', '0:132']);
    const [kept] = await query<{ levels: string[] }>(
      'select array_agg(distinct level order by level) as levels from nte_audit_posting',
    );
    expect(kept?.levels).toEqual([0, 3]);
  });

  it('is made by one instance at a time, and all of them see it', async () => {
    await append(40);
    const others = [1, 2, 3].map(() => new TypeormAuditIndexer(database.dataSource, SMALL));
    await Promise.all([...others, index].map(advance));
    await advance(index);
    expect(await segments()).toEqual(['2:0', '1:32']);
    expect(await all(reader, { event: 'grant' }, 100)).toHaveLength(40);
  });

  it('is made anew when its tables are emptied', async () => {
    await append(20, { traceId: 'trace' });
    await advance(index);
    await query('truncate nte_audit_segment, nte_audit_posting');
    expect(await all(reader, { traceId: 'trace' }, 7)).toHaveLength(20);
    await advance(index);
    expect(await segments()).toEqual(['1:0', '1:8', '0:16', '0:18']);
    expect(await all(reader, { traceId: 'trace' }, 7)).toHaveLength(20);
  });

  it('follows the log by itself, and stops in good order', async () => {
    index.onApplicationBootstrap();
    await append(9);
    while ((await segments()).join() !== '1:0') await new Promise((turn) => setTimeout(turn, 20));
    await append(300);
    await index.onApplicationShutdown();
    const before = await segments();
    await new Promise((turn) => setTimeout(turn, 700));
    expect(await segments()).toEqual(before);
    expect(await all(reader, {}, 100)).toHaveLength(309);
  });

  it('never looks at more than so much at once: what is further back is on the next page', async () => {
    const first = await log.append(sampleRecord({ traceId: 'first' }));
    await Promise.all(Array.from({ length: 4_700 }, () => log.append(sampleRecord())));
    const page = await reader.search({ traceId: 'first' }, { limit: 9 });
    expect(page.entries).toEqual([]);
    expect(page.next).not.toBeNull();
    expect(await all(reader, { traceId: 'first' }, 9)).toEqual([first.record.id]);
  });

  it('tries again after it failed', async () => {
    await query('alter table nte_audit_posting rename to gone');
    index.onApplicationBootstrap();
    await append(4);
    await new Promise((turn) => setTimeout(turn, 100));
    await query('alter table gone rename to nte_audit_posting');
    while ((await segments()).length < 2) await new Promise((turn) => setTimeout(turn, 20));
    expect(await all(reader, { event: 'grant' }, 9)).toHaveLength(4);
  });

  it('never says of a record what the record does not say', async () => {
    await append(8, { traceId: 'asked' });
    await append(8, { traceId: 'other' });
    await advance(index);
    // As if both had one term.
    await query(`update nte_audit_posting as asked set entries = other.entries
                   from nte_audit_posting as other
                  where asked.first = 0 and other.first = 8 and asked.bucket = other.bucket`);
    expect(await all(reader, { traceId: 'other' }, 9)).toHaveLength(8);
  });

  it('finds nothing of a person any more when their key is destroyed', async () => {
    const [alice, bob] = ['alice', 'bob'].map((sub) => ({ iss: 'https://idp.example', sub }));
    await append(4, { subject: alice!, actor: bob! });
    await append(4, { subject: bob! });
    await advance(index);
    const issuer = { subjectIssuer: 'https://idp.example' };
    expect(await all(reader, { subject: 'alice' }, 9)).toHaveLength(4);
    expect(await all(reader, { actor: 'bob' }, 9)).toHaveLength(4);
    expect(await all(reader, issuer, 9)).toHaveLength(8);
    await query('delete from nte_subject_key where sub_reference = $1', [
      keys.subReference('alice'),
    ]);
    expect(await all(reader, { subject: 'alice' }, 9)).toEqual([]);
    expect(await all(reader, { actor: 'bob' }, 9)).toHaveLength(4);
    expect(await all(reader, issuer, 9)).toHaveLength(4);
    expect(await all(reader, {}, 9)).toHaveLength(8);
  });

  it('knows nothing of people but by their keys, and of tokens but by numbers', async () => {
    const names = ['alice', 'trace', 'hash', 'client'].map(unique);
    const [sub, traceId, hash, clientId] = names;
    await append(2, {
      subject: { iss: 'https://idp.example', sub: sub! },
      traceId: traceId!,
      subjectToken: { hash: hash! },
      client: { clientId: clientId! },
    });
    await advance(index);
    const rows = await query<{ entries: Buffer }>('select entries from nte_audit_posting');
    const bytes = Buffer.concat(rows.map(({ entries }) => entries));
    expect(bytes.length).toBeGreaterThan(40);
    for (const name of names) expect(bytes.includes(name)).toBe(false);
  });

  it('finds records of before the ledger, which name their people themselves', async () => {
    await query('alter table nte_audit_record disable trigger all');
    await append(4);
    await query(`update nte_audit_record set subject_key = null, subject_sub = 'alice',
                   subject_iss = 'https://old.example' where sequence in (1, 2)`);
    await advance(index);
    expect(await all(reader, { subject: 'alice' }, 9)).toHaveLength(2);
    expect(
      await all(reader, { subject: 'alice', subjectIssuer: 'https://old.example' }, 9),
    ).toHaveLength(2);
    expect(await all(reader, { subject: 'alice', subjectIssuer: 'https://x.example' }, 9)).toEqual(
      [],
    );
  });

  it('finds what only a record too long for its leaf says', async () => {
    const scope = Array.from({ length: 2_000 }, () => randomUUID());
    await append(2, { requested: { scope } });
    await append(1, { requested: { scope } });
    await advance(index);
    expect(await all(reader, { scope: scope[1_999]! }, 9)).toHaveLength(3);
  });

  it('goes on at a record that is damaged', async () => {
    await append(4, { traceId: 'trace' });
    await query('alter table nte_audit_record disable trigger all');
    await query(`update nte_audit_record set document = 'none' where sequence = 1`);
    await query(`update nte_audit_record
                    set document = '{"record":{"basis":null,"traceId":7},"sealed":[]}'
                  where sequence = 2`);
    await advance(index);
    expect(await segments()).toEqual(['0:0', '0:2']);
    expect(await all(reader, { traceId: 'trace' }, 9)).toHaveLength(2);
  });

  it('forgets whole segments, and begins where the log begins', async () => {
    await append(70, { traceId: 'trace' });
    await advance(index);
    expect(await segments()).toEqual(['2:0', '2:32', '0:64', '0:66', '0:68']);
    await index.forgetBefore(33);
    expect(await segments()).toEqual(['2:32', '0:64', '0:66', '0:68']);
    const [left] = await query<{ first: string }>(
      'select min(first) as first from nte_audit_posting',
    );
    expect(left?.first).toBe('32');
    await query('alter table nte_audit_record disable trigger all');
    await query('delete from nte_audit_record where sequence < 40');
    expect(await all(reader, { traceId: 'trace' }, 9)).toHaveLength(30);
    await append(60, { traceId: 'trace' });
    await advance(index);
    expect(await segments()).toEqual(['3:0', '0:128']);
    expect(await all(reader, { traceId: 'trace' }, 9)).toHaveLength(90);
    await query('truncate nte_audit_segment, nte_audit_posting');
    await advance(index);
    expect(await segments()).toEqual(['3:0', '0:128']);
    expect(await all(reader, { traceId: 'trace' }, 9)).toHaveLength(90);
  });
});
