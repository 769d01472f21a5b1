// The row that an exchange leaves, of the same columns and the same length as the service's, and the
// two ways to write it.
import { Client, Pool } from 'pg';

import { ACCESS_TOKEN, ACT, EXCHANGE, ISSUER, REQUESTER, sha256, TARGET, uuidv7 } from './scene.js';

/** @type {readonly (readonly [string, string])[]} */
const COLUMNS = [
  ['id', 'uuid'],
  ['time', 'bigint'],
  ['outcome', 'text'],
  ['reason', 'text'],
  ['grant_type', 'text'],
  ['client_id', 'text'],
  ['subject_iss', 'text'],
  ['subject_sub', 'text'],
  ['actors', 'text[]'],
  ['audience', 'text[]'],
  ['chain_id', 'uuid'],
  ['parent_id', 'uuid'],
  ['origin_jti', 'text'],
  ['document', 'text'],
];
const NAMES = COLUMNS.map(([name]) => name).join(', ');
const POOL_SIZE = 10;

/**
 * @param {object} facts
 * @param {string} facts.id
 * @param {string} facts.chainId
 * @param {string} facts.token the subject token
 * @param {any} facts.subject its claims
 * @param {string} facts.issued the issued token
 * @param {string} facts.jti
 * @param {number} facts.expiresAt
 * @param {string | undefined} facts.address
 * @returns {Readonly<Record<string, unknown>>}
 */
export function rowOf({ id, chainId, token, subject, issued, jti, expiresAt, address }) {
  const scope = subject.scope.split(' ');
  const party = { iss: ISSUER, sub: REQUESTER, clientId: REQUESTER };
  const time = Date.now();
  return {
    id,
    time,
    outcome: 'granted',
    reason: null,
    grant_type: EXCHANGE,
    client_id: REQUESTER,
    subject_iss: ISSUER,
    subject_sub: subject.sub,
    actors: [REQUESTER],
    audience: [TARGET],
    chain_id: chainId,
    parent_id: null,
    origin_jti: subject.jti,
    document: JSON.stringify({
      id,
      schema: 1,
      time,
      event: 'grant',
      outcome: 'granted',
      requestId: uuidv7(),
      address,
      grantType: EXCHANGE,
      client: { clientId: REQUESTER, method: 'client_secret_basic', secretId: 'bench' },
      requested: { scope, audience: [TARGET] },
      subjectToken: {
        hash: sha256(token),
        type: ACCESS_TOKEN,
        issuer: ISSUER,
        jti: subject.jti,
        clientId: subject.client_id,
        audience: [subject.aud],
        scope,
        expiresAt: subject.exp,
        acr: subject.acr,
        authTime: subject.auth_time,
      },
      subject: { iss: ISSUER, sub: subject.sub },
      inboundActors: [],
      chainId,
      actor: party,
      basis: { policy: 'bench', version: '1', rule: 'presenter-is-audience' },
      mode: 'delegation',
      actors: [party],
      act: ACT,
      issuedToken: {
        hash: sha256(issued),
        type: ACCESS_TOKEN,
        issuer: ISSUER,
        jti,
        clientId: subject.client_id,
        audience: [TARGET],
        scope,
        expiresAt,
      },
    }),
  };
}

/**
 * @typedef {(row: Readonly<Record<string, unknown>>) => Promise<void>} Write
 * @typedef {'batched' | 'single'} Writes
 */

/** @param {Writes} writes @param {string} databaseUrl @param {string} table @returns {Promise<Write>} */
export function writerOf(writes, databaseUrl, table) {
  return (writes === 'batched' ? batched : single)(databaseUrl, table);
}

/**
 * Writes what has gathered while the last write ran, with one statement on one connection.
 * @param {string} databaseUrl
 * @param {string} table
 * @returns {Promise<Write>}
 */
async function batched(databaseUrl, table) {
  const client = new Client(databaseUrl);
  await client.connect();
  const text = `insert into ${table} (${NAMES}) select ${NAMES}
    from jsonb_to_recordset($1::jsonb) as r (${COLUMNS.map((column) => column.join(' ')).join(', ')})`;
  /** @type {{ row: object, resolve: () => void, reject: (error: unknown) => void }[]} */
  let waiting = [];
  let writing = false;
  const drain = async () => {
    writing = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        const rows = JSON.stringify(batch.map(({ row }) => row));
        await client.query({ name: 'insert', text, values: [rows] });
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    writing = false;
  };
  return (row) =>
    new Promise((resolve, reject) => {
      waiting.push({ row, resolve, reject });
      if (!writing) void drain();
    });
}

/**
 * Writes each row with a statement of its own, on whichever connection is free.
 * @param {string} databaseUrl
 * @param {string} table
 * @returns {Promise<Write>}
 */
async function single(databaseUrl, table) {
  const pool = new Pool({ connectionString: databaseUrl, max: POOL_SIZE });
  const text = `insert into ${table} (${NAMES})
    values (${COLUMNS.map(([, type], index) => `$${index + 1}::${type}`).join(', ')})`;
  return async (row) => {
    await pool.query({
      name: 'insert',
      text,
      values: COLUMNS.map(([name]) => row[name]),
    });
  };
}
