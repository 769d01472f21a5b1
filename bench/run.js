// npm run bench: the service beside what it is measured against; see docs/benchmark.md.
import { verify } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client } from 'pg';

import { Bench, KINDS } from './bench.js';
import { built } from './built.js';
import { migrate, query, startContender } from './contenders.js';
import { Load } from './measure.js';
import { readOptions } from './options.js';
import { parentOf } from './processes.js';
import { describeProfile } from './profile.js';
import {
  describeMachine,
  describeRatios,
  describeResults,
  machineFacts,
  ratiosOf,
} from './report.js';
import {
  ISSUER,
  keysOf,
  LIFETIME,
  makeScene,
  makeSubjectTokens,
  REQUESTER,
  requestOf,
  SCOPE,
  TARGET,
} from './scene.js';

/**
 * @typedef {import('./contenders.js').Contender} Contender
 * @typedef {import('./measure.js').Measured} Measured
 * @typedef {import('./load.js').Tokens} Tokens
 */

const TITLES = {
  distinct: 'Every exchange presents another subject token',
  repeated: 'Every exchange presents the same subject token',
};

const options = readOptions();
await withDatabase(async (databaseUrl, folder) => {
  const scene = makeScene();
  const stage = {
    scene,
    databaseUrl,
    folder,
    logLevel: options.logLevel,
    nodeFlags: profiling(folder),
  };
  /** @type {Contender[]} */
  const contenders = [];
  say(`signing ${options.tokens} subject tokens`);
  const load = await Load.start(scene, options.tokens, options.people);
  // Without the load the run fails, and then everything that was started is stopped.
  const interrupt = () => load.stop();
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    await migrate(databaseUrl);
    for (const name of options.profile ? options.only.slice(0, 1) : options.only) {
      contenders.push(await startContender(name, stage));
    }
    for (const contender of contenders) await checkAnswer(contender, scene);
    const bench = new Bench(load, contenders, options, await findPostmaster(databaseUrl));
    if (options.profile) await profile(bench, folder);
    else await compare(bench, databaseUrl);
    for (const line of await bench.checkRecords()) say(line);
  } finally {
    load.stop();
    await Promise.all(contenders.map((contender) => contender.stop()));
  }
});

/** @param {Bench} bench @param {string} databaseUrl */
async function compare(bench, databaseUrl) {
  const { contenders } = bench;
  say('warming up');
  await bench.warmUp();
  const rows = contenders.map(({ name, title }) => ({
    name,
    title,
    /** @type {Record<Tokens, import('./measure.js').Figures[]>} */
    figures: { distinct: [], repeated: [] },
  }));
  for (let round = 1; round <= options.rounds; round += 1) {
    say(`round ${round} of ${options.rounds}`);
    for (const tokens of KINDS) {
      for (const [index, contender] of contenders.entries()) {
        const { figures } = await bench.measure(contender, tokens, options.seconds);
        rows[index]?.figures[tokens].push(figures);
      }
    }
  }
  const [settings] = await query(
    databaseUrl,
    `select version() as version, current_setting('fsync') as fsync,
            current_setting('synchronous_commit') as synchronous_commit`,
  );
  const machine = machineFacts(settings);
  const kinds = KINDS.map((tokens) => {
    const results = rows.map((row) => ({ ...row, figures: row.figures[tokens] }));
    return { tokens, results, ratios: ratiosOf(results) };
  });
  const { connections, logLevel, rounds, seconds, warmUp } = options;
  print(describeMachine(machine));
  print(
    `${rounds} rounds of ${seconds} s after ${warmUp} s of warm-up, ${connections} connections, LOG_LEVEL ${logLevel}; medians`,
  );
  for (const { tokens, results, ratios } of kinds) {
    print([`\n${TITLES[tokens]}`, describeResults(results), '', describeRatios(ratios)].join('\n'));
  }
  if (options.quick)
    print('\nA quick run shows that the benchmark works; its figures mean little.');
  if (options.json !== undefined) {
    const figures = { machine, options, kinds };
    await writeFile(options.json, `${JSON.stringify(figures, null, 2)}\n`);
  }
}

/** @param {Bench} bench @param {string} folder */
async function profile(bench, folder) {
  say('warming up');
  await bench.warmUp();
  const [service] = bench.contenders;
  if (service === undefined) throw new Error('There is nothing to profile');
  /** @type {Map<Tokens, Measured>} */
  const measured = new Map();
  for (const tokens of KINDS) {
    say(`profiling: ${tokens}`);
    measured.set(tokens, await bench.measure(service, tokens, options.rounds * options.seconds));
  }
  await service.stop();
  // Each thread leaves one, with its number before the last; that which answers has the lowest.
  const files = (await readdir(folder))
    .filter((name) => name.endsWith('.cpuprofile'))
    .toSorted((a, b) => threadOf(a) - threadOf(b));
  if (files.length === 0) throw new Error('The service left no profile');
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  for (const [tokens, { counted, window }] of measured) {
    for (const [at, text] of texts.entries()) {
      print(`\n${TITLES[tokens]}${at === 0 ? '' : ': the thread that writes the records'}`);
      print(describeProfile(JSON.parse(text), window, counted));
    }
  }
  if (options.json !== undefined && texts[0]) await writeFile(options.json, texts[0]);
}

/** @param {string} file a profile, as Node.js names it: date, time, process, thread and number */
function threadOf(file) {
  return Number(file.split('.')[4]);
}

/** @param {string} folder @returns {readonly string[]} */
function profiling(folder) {
  return options.profile ? ['--cpu-prof', `--cpu-prof-dir=${folder}`] : [];
}

/**
 * One exchange, looked at closely: every contender must do the same work.
 * @param {Contender} contender
 * @param {import('./scene.js').Scene} scene
 */
async function checkAnswer({ port, title }, scene) {
  const [token = ''] = makeSubjectTokens(scene, 1, 1);
  const request = requestOf(scene, token).toString('latin1');
  const [head = '', body = ''] = request.split('\r\n\r\n');
  const authorization = /^Authorization: (.*)$/m.exec(head)?.[1] ?? '';
  const response = await fetch(`http://127.0.0.1:${port}/connect/token`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
    body,
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${title} answers ${response.status}: ${text}`);
  const answer = JSON.parse(text);
  const [header = '', payload = '', signature = ''] = String(answer.access_token).split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const subject = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  const { publicKey } = keysOf(scene);
  const right =
    verify(
      'sha256',
      Buffer.from(`${header}.${payload}`),
      { key: publicKey, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    ) &&
    claims.iss === ISSUER &&
    claims.sub === subject.sub &&
    claims.aud === TARGET &&
    claims.act?.sub === REQUESTER &&
    claims.scope === SCOPE &&
    Number.isInteger(claims.iat) &&
    claims.exp === claims.iat + LIFETIME &&
    claims.auth_time === subject.auth_time &&
    answer.scope === SCOPE;
  if (!right) throw new Error(`${title} issued something else: ${JSON.stringify(claims)}`);
}

/** The process that all others of the database descend from. @param {string} databaseUrl */
async function findPostmaster(databaseUrl) {
  const client = new Client(databaseUrl);
  await client.connect();
  try {
    const { rows } = await client.query('select pg_backend_pid() as pid');
    return parentOf(rows[0].pid);
  } finally {
    await client.end();
  }
}

/** @param {(databaseUrl: string, folder: string) => Promise<void>} work */
async function withDatabase(work) {
  const folder = await mkdtemp(join(tmpdir(), 'nest-token-exchange-bench-'));
  // As root, PostgreSQL runs as another user, who has to pass through.
  await chmod(folder, 0o711);
  try {
    /** @type {typeof import('../src/embedded/embedded-database.js')} */
    const { EmbeddedDatabase } = await built('embedded/embedded-database.js');
    const logger = { info: say, warn: say };
    const database = await EmbeddedDatabase.start({ dataDir: join(folder, 'data'), logger });
    try {
      await work(database.url, folder);
    } finally {
      await database.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the run is doing. @param {string} text */
function say(text) {
  process.stderr.write(`${text}\n`);
}

/** What it found. @param {string} text */
function print(text) {
  process.stdout.write(`${text}\n`);
}
