// How long each question takes: first with names that nobody asked for before, then with the same again.
import { built } from './built.js';
import { ENCRYPTION_KEY, HUB, MARK, numbersFrom, personOf } from './ledger-records.js';
import { ISSUER } from './scene.js';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const HOUR = 3_600_000;
const LIMIT = 50;

/**
 * @typedef {object} Log what the questions are about
 * @property {number} count its records
 * @property {number} originals of which all are copies
 * @property {number} start milliseconds since the epoch
 * @property {number} end
 */

/**
 * Asks every question so often, and writes a table.
 * @param {import('typeorm').DataSource} dataSource
 * @param {{ log: Log, rounds: number, say: (text: string) => void }} options
 */
export async function measureQuestions(dataSource, { log, rounds, say }) {
  const { TypeormSubjectKeys } = await built('typeorm/typeorm-subject-keys.js');
  const { TypeormAuditReader } = await built('typeorm/typeorm-audit-reader.js');
  const { TokenTraces } = await built('audit/token-trace.js');
  const keys = new TypeormSubjectKeys(dataSource, { encryptionKey: ENCRYPTION_KEY });
  const reader = new TypeormAuditReader(dataSource, keys);
  const traces = new TokenTraces(reader);
  const samples = await sampleRecords(dataSource, rounds, log);
  const lines = [
    '| question | found | first p50 | p95 | max | again p50 | max |',
    '| --- | --- | --- | --- | --- | --- | --- |',
  ];
  for (const [name, question] of questions(log, samples)) {
    /** @type {number[]} */
    const found = [];
    const ask = async (/** @type {number} */ round) => {
      const asked = question(round);
      const start = performance.now();
      if ('trace' in asked) {
        const trace = await traces.of(asked.trace);
        found.push(trace ? trace.descendants.length + trace.ancestry.length + 1 : 0);
      } else {
        const { before, ...search } = asked;
        const page = await reader.search(search, { before, limit: LIMIT });
        found.push(page.entries.length);
        if (page.next !== null && page.entries.length < LIMIT) say(`${name}: a short page`);
      }
      return performance.now() - start;
    };
    const first = [];
    for (let round = 0; round < rounds; round += 1) first.push(await ask(round));
    const again = [];
    for (let round = 0; round < rounds; round += 1) again.push(await ask(round));
    const times = [at(first, 0.5), at(first, 0.95), at(first, 1), at(again, 0.5), at(again, 1)];
    const range = `${Math.min(...found)}-${Math.max(...found)}`;
    const line = `| ${name} | ${range} | ${times.map((time) => time.toFixed(1)).join(' | ')} |`;
    say(line);
    lines.push(line);
  }
  return lines.join('\n');
}

/** @param {readonly number[]} times @param {number} part */
function at(times, part) {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)] ?? 0;
}

/**
 * Exchanges of any time, as the log has them.
 * @param {import('typeorm').DataSource} dataSource @param {number} count @param {Log} log
 */
async function sampleRecords(dataSource, count, log) {
  const random = numbersFrom(3);
  const rows = await dataSource.query(
    `select document from bench_record where outcome = 'granted' and grant_type = $1
      and parent_id is not null order by md5(id::text) limit $2`,
    [EXCHANGE, count],
  );
  return rows.map(({ document }) => {
    const copy = Math.floor((random() * log.count) / log.originals);
    const mark = copy.toString(16).padStart(MARK.length, '0');
    return JSON.parse(document.replaceAll(MARK, mark)).record;
  });
}

/**
 * @param {Log} log @param {readonly any[]} samples
 * @returns {readonly (readonly [string, (round: number) => any])[]}
 */
function questions(log, samples) {
  const random = numbersFrom(5);
  const people = samples.map(() => personOf(Math.floor(random() * 100_000)));
  const times = samples.map(() => Math.floor(log.start + random() * (log.end - log.start - HOUR)));
  const sample = (/** @type {number} */ round) => samples[round] ?? samples[0];
  const hour = (/** @type {number} */ round) => {
    const from = times[round] ?? 0;
    return { from, until: from + HOUR };
  };
  const version = (/** @type {number} */ round) => sample(round).basis.version;
  return [
    ['the newest', () => ({})],
    ['subject', (round) => ({ subject: people[round] })],
    ['subject and issuer', (round) => ({ subject: people[round], subjectIssuer: ISSUER })],
    ['the subject of most records', () => ({ subject: personOf(0) })],
    ['person named anywhere', (round) => ({ person: people[round] })],
    ['person named anywhere, refused', (round) => ({ person: people[round], outcome: 'refused' })],
    ['actor', (round) => ({ actor: service(round) })],
    ['client', (round) => ({ client: service(round) })],
    ['audience', (round) => ({ audience: service(round) })],
    ['scope', (round) => ({ scope: `scope-${round % 50}:read` })],
    ['policy', (round) => ({ policy: `policy-${round % 20}` })],
    [
      'policy and version',
      (round) => ({ policyVersion: version(round), policy: sample(round).basis.policy }),
    ],
    ['policy of the first days only', () => ({ policy: 'retired' })],
    ['outcome', () => ({ outcome: 'refused' })],
    ['reason', (round) => ({ reason: ['actor_not_allowed', 'token_expired'][round % 2] })],
    ['event', () => ({ event: 'introspection' })],
    ['an hour', hour],
    ['an hour, refused', (round) => ({ ...hour(round), outcome: 'refused' })],
    ['an hour, client', (round) => ({ ...hour(round), client: service(round) })],
    ['trace id', (round) => ({ traceId: sample(round).traceId })],
    ['trace id that is not there', (round) => ({ traceId: `none ${round}` })],
    ['token hash', (round) => ({ tokenHash: sample(round).subjectToken.hash })],
    ['jti', (round) => ({ jti: sample(round).subjectToken.jti })],
    ['chain', (round) => ({ chainId: sample(round).chainId })],
    ['client and scope', (round) => ({ client: service(round), scope: 'scope-7:read' })],
    [
      'client, refused, reason',
      (round) => ({ client: service(round), outcome: 'refused', reason: 'scope_not_allowed' }),
    ],
    [
      'subject, client, a week',
      (round) => ({
        subject: people[round],
        client: 'service-0',
        from: times[round],
        until: (times[round] ?? 0) + 168 * HOUR,
      }),
    ],
    ['two common things that never meet', () => ({ outcome: 'refused', policy: 'policy-0' })],
    ['client and policy that never meet', () => ({ client: 'service-0', policy: 'policy-1' })],
    [
      'common, and the policy of the first days',
      () => ({ outcome: 'granted', client: 'service-17', policy: 'retired' }),
    ],
    ['issuer, client', (round) => ({ subjectIssuer: ISSUER, client: service(round) })],
    [
      'a page from the middle on',
      (round) => ({ client: service(round), before: String(Math.floor(log.count / 2)) }),
    ],
    ['trace a token by its hash', (round) => ({ trace: { hash: sample(round).issuedToken.hash } })],
    ['trace a token by its jti', (round) => ({ trace: { jti: sample(round).issuedToken.jti } })],
    [
      'trace a token of 2000 descendants',
      (round) => ({
        trace: {
          hash: HUB.replace(
            MARK,
            (round % (log.count / log.originals)).toString(16).padStart(MARK.length, '0'),
          ),
        },
      }),
    ],
    [
      'trace a token that nobody knows',
      (round) => ({ trace: { hash: `unknown ${round}`, jti: `unknown ${round}` } }),
    ],
  ];
}

/** @param {number} round */
function service(round) {
  return `service-${(round * 13) % 300}`;
}
