// npm run bench:questions: fills a log with ten million records, lets the product index it, and asks
// every question that the ledger answers; see docs/ledger.md.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { Client } from 'pg';
import { DataSource } from 'typeorm';

import { built } from './built.js';
import { copyIn } from './copy-in.js';
import { measureQuestions } from './ledger-measures.js';
import { ENCRYPTION_KEY, MARK, Records, Rows, START } from './ledger-records.js';

const USAGE = `Usage: npm run bench:questions -- [options]

  --records N       how many (10000000)
  --database URL    an empty database of yours, which is kept; what it holds already is used again
  --rounds N        how often each question is asked (20)
`;
/** Rows of one COPY. */
const BATCH = 5_000;
/** Records that are made; all others are copies of them. */
const ORIGINALS = 200_000;
/** Milliseconds between two records: ten million are three months. */
const STEP = 777.6;
/** Records of a partition: about as many as come in a week. */
const PARTITION = 2 ** 20;
/** What is another in each copy, and what is the same. */
const CHANGED = ['id', 'time', 'chain_id', 'parent_id', 'origin_jti', 'document'];
const SAME = `event outcome reason grant_type client_id subject_key actors audience leaf_hash
  sealed`.split(/\s+/);
const COLUMNS = ['sequence', ...CHANGED, ...SAME];

const { count, url, rounds } = readOptions();
if (url === undefined) await withDatabase(run);
else await run(url);

/** @param {string} databaseUrl */
async function run(databaseUrl) {
  const { tokenExchangeSchema } = await built('typeorm/schema.js');
  const { runMigrations } = await built('typeorm/migrate.js');
  const dataSource = new DataSource({ type: 'postgres', url: databaseUrl, ...tokenExchangeSchema });
  await dataSource.initialize();
  try {
    await runMigrations(dataSource);
    const filled = fill(dataSource, databaseUrl);
    await index(dataSource, filled);
    for (const table of ['record', 'posting', 'segment'])
      await dataSource.query(`vacuum analyze nte_audit_${table}`);
    print(await sizes(dataSource));
    const log = { count, originals: ORIGINALS, start: START, end: START + count * STEP };
    print(await measureQuestions(dataSource, { log, rounds, say }));
  } finally {
    await dataSource.destroy();
  }
}

/**
 * Makes some records with the product's own code, and all others as copies with other ids, later.
 * @param {DataSource} dataSource @param {string} databaseUrl
 */
async function fill(dataSource, databaseUrl) {
  const [{ size }] = await dataSource.query('select size from nte_ledger_head');
  const start = performance.now();
  const [{ made }] = await dataSource.query(`select to_regclass('bench_record') as made`);
  if (made === null) await makeOriginals(dataSource, databaseUrl);
  await makePartitions(dataSource);
  const columns = SAME.join();
  for (let copy = Number(size) / ORIGINALS; copy * ORIGINALS < count; copy += 1) {
    const mark = copy.toString(16).padStart(MARK.length, '0');
    const marked = (/** @type {string} */ name) => `replace(${name}::text, '${MARK}', '${mark}')`;
    const later = `time + ${Math.round(copy * ORIGINALS * STEP)}`;
    // Everything that is asked for in old records only.
    const document = copy === 0 ? `replace(document, '"policy-17"', '"retired"')` : 'document';
    await dataSource.query(
      `insert into nte_audit_record (sequence, ${CHANGED.join()}, ${columns})
       select ${copy * ORIGINALS} + sequence, ${marked('id')}::uuid, ${later},
              ${marked('chain_id')}::uuid, ${marked('parent_id')}::uuid, ${marked('origin_jti')},
              overlay(${marked(document)} placing (${later})::text from strpos(document, '"time":') + 7 for 13),
              ${columns}
         from bench_record order by sequence`,
    );
    await dataSource.query('update nte_ledger_head set size = size + $1', [ORIGINALS]);
    const done = (copy + 1) * ORIGINALS;
    say(`${done} records, ${perSecond(done - Number(size), start)}`);
  }
}

/** As large as the product makes them for so many records a week. @param {DataSource} dataSource */
async function makePartitions(dataSource) {
  const { makePartition, partitionsOf } = await built('typeorm/ledger-partitions.js');
  const query = (/** @type {string} */ text, /** @type {any[]} */ values) =>
    dataSource.query(text, values);
  let first = (await partitionsOf(query)).at(-1)?.until ?? 0;
  for (; first < count + ORIGINALS; first += PARTITION)
    await makePartition(query, {
      table: `nte_audit_record_${first}`,
      first,
      until: first + PARTITION,
    });
}

/** @param {DataSource} dataSource @param {string} databaseUrl */
async function makeOriginals(dataSource, databaseUrl) {
  await dataSource.query('create unlogged table bench_record (like nte_audit_record)');
  const records = new Records(ORIGINALS, STEP);
  const rows = await Rows.open(dataSource, ENCRYPTION_KEY);
  const client = new Client(databaseUrl);
  await client.connect();
  try {
    for (let made = 0; made < ORIGINALS; made += BATCH) {
      const batch = Array.from({ length: BATCH }, () => records.next());
      const text = (await rows.finish(batch)).map(lineOf).join('');
      const copy = `copy bench_record (${COLUMNS.join()}) from stdin`;
      await copyIn(client, copy, Buffer.from(text));
    }
  } finally {
    await client.end();
  }
}

/** A row in the text form of COPY. @param {any} row */
function lineOf(row) {
  const values = COLUMNS.map((name) => {
    const value = row[name];
    if (value === null || value === undefined) return '\\N';
    if (name === 'leaf_hash') return `\\\\x${value.toString('hex')}`;
    const text = Array.isArray(value)
      ? `{${value.map((each) => `"${each.replaceAll(/["\\]/g, '\\$&')}"`).join()}}`
      : String(value);
    return text.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n');
  });
  return `${values.join('\t')}\n`;
}

/**
 * The product's own indexer follows, as it does while a service writes.
 * @param {DataSource} dataSource @param {Promise<void>} filled
 */
async function index(dataSource, filled) {
  const { TypeormAuditIndexer } = await built('typeorm/typeorm-audit-indexer.js');
  const indexer = new TypeormAuditIndexer(dataSource);
  let isFilled = false;
  const done = filled.finally(() => {
    isFilled = true;
  });
  let milliseconds = 0;
  let longest = 0;
  const first = await indexed(dataSource);
  for (;;) {
    const wasFilled = isFilled;
    const start = performance.now();
    const wasBusy = await indexer.advance();
    const took = performance.now() - start;
    if (wasBusy) milliseconds += took;
    longest = Math.max(longest, took);
    if (!wasBusy && wasFilled) break;
    if (!wasBusy) await Promise.race([sleep(100), done]);
  }
  await done;
  const made = (await indexed(dataSource)) - first;
  if (made > 0)
    print(
      `indexed ${made} records in ${Math.round(milliseconds / 1_000)} s, ` +
        `${Math.round((made / milliseconds) * 1_000)} a second; ` +
        `the longest piece of work took ${Math.round(longest)} ms\n`,
    );
}

/** How many records are indexed. @param {DataSource} dataSource */
async function indexed(dataSource) {
  const [{ size }] = await dataSource.query(
    'select coalesce(sum(256 << (4 * level)), 0) as size from nte_audit_segment',
  );
  return Number(size);
}

/** @param {DataSource} dataSource */
async function sizes(dataSource) {
  const rows = await dataSource.query(
    `select regexp_replace(relname, '_\\d+$', '') as name,
            sum(greatest(reltuples, 0))::bigint as rows,
            pg_size_pretty(sum(pg_table_size(oid))) as table,
            pg_size_pretty(sum(pg_indexes_size(oid))) as indexes
       from pg_class
      where relkind = 'r' and relname ~ '^nte_audit_(record_\\d+|posting|segment)$'
      group by 1 order by sum(pg_total_relation_size(oid)) desc`,
  );
  const [{ server_version: version }] = await dataSource.query('show server_version');
  const lines = rows.map(
    (/** @type {any} */ row) =>
      `${row.name}: ${row.rows} rows, ${row.table}, indexes ${row.indexes}`,
  );
  return `PostgreSQL ${version}\n${lines.join('\n')}\n`;
}

/** @param {(databaseUrl: string) => Promise<void>} work */
async function withDatabase(work) {
  const folder = await mkdtemp(join(tmpdir(), 'nest-token-exchange-questions-'));
  await chmod(folder, 0o711);
  try {
    const { EmbeddedDatabase } = await built('embedded/embedded-database.js');
    const logger = { info: say, warn: say };
    const database = await EmbeddedDatabase.start({ dataDir: join(folder, 'data'), logger });
    try {
      await work(database.url);
    } finally {
      await database.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        records: { type: 'string', default: '10000000' },
        database: { type: 'string' },
        rounds: { type: 'string', default: '20' },
      },
    });
    const numbers = { count: Number(values.records), rounds: Number(values.rounds) };
    if (!(numbers.count > 10_000) || !(numbers.rounds > 0)) throw new Error('Not so few');
    return { ...numbers, url: values.database };
  } catch (error) {
    process.stderr.write(`${String(error)}\n\n${USAGE}`);
    return process.exit(2);
  }
}

/** @param {number} made @param {number} start */
function perSecond(made, start) {
  return `${Math.round((made / (performance.now() - start)) * 1_000)} a second`;
}

/** What the run is doing. @param {string} text */
function say(text) {
  process.stderr.write(`${text}\n`);
}

/** What it found. @param {string} text */
function print(text) {
  process.stdout.write(`${text}\n`);
}
