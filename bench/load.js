// The load: a process of its own that keeps connections busy, each with one request at a time.
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';

import { makeSubjectTokens, requestOf } from './scene.js';

/** Whether each exchange presents another token, or all the same one. @typedef {'distinct' | 'repeated'} Tokens */

/**
 * How a contender is asked.
 * @typedef {object} Order
 * @property {number} port
 * @property {Tokens} tokens
 * @property {number} connections
 * @property {number} leadIn seconds that are not counted
 * @property {number} seconds that are
 */

/**
 * What came of it.
 * @typedef {object} Answers
 * @property {number} counted answers within the counted seconds
 * @property {number} seconds how long those were
 * @property {number} p50 milliseconds
 * @property {number} p99 milliseconds
 * @property {number} granted every answer that gives a token, counted or not
 * @property {number} failed every other one, and every broken connection
 * @property {string | undefined} failure the first of them
 */

const END_OF_HEAD = '\r\n\r\n';
const LENGTH = /\r\ncontent-length: *(\d+)/i;

/** @type {{ distinct: readonly Buffer[], repeated: readonly Buffer[] }} */
const requests = { distinct: [], repeated: [] };
/** Where the next round goes on, so that a token comes again as late as possible. */
const places = { distinct: 0, repeated: 0 };

process.on('message', (/** @type {any} */ message) => {
  if (message.prepare) {
    const { scene, count, people } = message.prepare;
    const all = makeSubjectTokens(scene, count + 1, people).map((token) => requestOf(scene, token));
    requests.distinct = all.slice(1);
    requests.repeated = all.slice(0, 1);
    send({ prepared: true });
  } else if (message.order) {
    void run(message.order).then((answers) => send({ answers }));
  }
});
process.on('disconnect', () => process.exit(0));

/** @param {Order} order @returns {Promise<Answers>} */
async function run(order) {
  const begin = performance.now() + order.leadIn * 1000;
  const end = begin + order.seconds * 1000;
  /** @type {number[]} */
  const latencies = [];
  const outcome = { granted: 0, failed: 0, failure: /** @type {string | undefined} */ (undefined) };
  setTimeout(() => send({ mark: 'begin' }), order.leadIn * 1000);
  setTimeout(() => send({ mark: 'end' }), (order.leadIn + order.seconds) * 1000);
  await Promise.all(
    Array.from({ length: order.connections }, () =>
      converse(order, end, latencies, begin, outcome),
    ),
  );
  latencies.sort((a, b) => a - b);
  return {
    counted: latencies.length,
    seconds: order.seconds,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    ...outcome,
  };
}

/**
 * Sends and waits, over and over on one connection, until the time is over and the last answer came.
 * @param {Order} order
 * @param {number} end
 * @param {number[]} latencies
 * @param {number} begin
 * @param {{ granted: number, failed: number, failure: string | undefined }} outcome
 * @returns {Promise<void>}
 */
function converse({ port, tokens }, end, latencies, begin, outcome) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let received = '';
    let sentAt = 0;
    let waiting = false;
    const ask = () => {
      sentAt = performance.now();
      if (sentAt >= end) {
        socket.end();
        return;
      }
      waiting = true;
      received = '';
      socket.write(next(tokens));
    };
    socket.setEncoding('latin1');
    socket.on('connect', ask);
    socket.on('data', (/** @type {string} */ text) => {
      received = received === '' ? text : received + text;
      const head = received.indexOf(END_OF_HEAD);
      if (head < 0) return;
      const length = LENGTH.exec(received.slice(0, head))?.[1];
      if (length === undefined) {
        fail(outcome, `An answer without length: ${received.slice(0, 300)}`);
        waiting = false;
        socket.destroy();
        return;
      }
      if (received.length < head + END_OF_HEAD.length + Number(length)) return;
      waiting = false;
      const now = performance.now();
      if (received.startsWith('HTTP/1.1 200 ') && received.includes('"access_token":"', head)) {
        outcome.granted += 1;
        if (now >= begin && now < end) latencies.push(now - sentAt);
      } else fail(outcome, received.slice(0, 600));
      ask();
    });
    socket.on('error', (error) => fail(outcome, String(error)));
    socket.on('close', () => {
      if (waiting) fail(outcome, 'The connection was closed before an answer came');
      resolve();
    });
  });
}

/** @param {{ failed: number, failure: string | undefined }} outcome @param {string} reason */
function fail(outcome, reason) {
  outcome.failed += 1;
  outcome.failure ??= reason;
}

/** @param {Tokens} tokens @returns {Buffer} */
function next(tokens) {
  const all = requests[tokens];
  const request = all[places[tokens] % all.length];
  if (request === undefined) throw new Error('The load is not prepared');
  places[tokens] += 1;
  return request;
}

/** @param {number[]} sorted @param {number} part */
function percentile(sorted, part) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** @param {object} message */
function send(message) {
  process.send?.(message);
}
