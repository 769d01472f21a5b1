// Starts the contenders, each a process of its own, on one PostgreSQL.
import { fork, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Client } from 'pg';
import { DataSource } from 'typeorm';

import { built } from './built.js';
import { CREATE_PLAIN_TABLE, PLAIN_TABLE } from './plain-audit.js';
import { APPLICATION, EXCHANGE, ISSUER, REQUESTER, SCOPE, sha256, TARGET } from './scene.js';

const ENTRY = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const STARTED_WITHIN = 30_000;
const STOPPED_WITHIN = 30_000;
const REVOCATIONS = 1_000_000;
const ONE_THREAD = { AUDIT_THREAD: 'false' };
const PRELOADS = { 'service-no-index': 'no-index.js', 'service-plain-audit': 'plain-audit.js' };

/**
 * @typedef {object} Contender
 * @property {import('./options.js').ContenderName} name
 * @property {string} title
 * @property {number} port
 * @property {number} pid
 * @property {string | undefined} table where it writes
 * @property {string} databaseUrl the database that has this table
 * @property {() => Promise<void>} stop
 */

/**
 * @typedef {object} Stage what contenders are started with
 * @property {import('./scene.js').Scene} scene
 * @property {string} databaseUrl
 * @property {string} folder for files that go with the run
 * @property {string} logLevel
 * @property {readonly string[]} nodeFlags of the service
 */

/** @param {import('./options.js').ContenderName} name @param {Stage} stage @returns {Promise<Contender>} */
export async function startContender(name, stage) {
  if (name === 'service') return startService(stage, name, 'nest-token-exchange');
  if (name === 'service-revocations') return startRevoking(stage, name);
  if (name === 'service-one-thread') return startOneThread(stage, name);
  if (name === 'service-no-index') return startPreloaded(stage, name, 'the same, no search index');
  if (name === 'service-plain-audit') return startPlain(stage, name);
  if (name === 'batched') return startBare(stage, name, 'node:http, shared commits');
  if (name === 'single') return startBare(stage, name, 'node:http, one INSERT each');
  return startOidcProvider(stage, name);
}

/** @param {Stage} stage @param {'batched' | 'single'} name @param {string} title */
async function startBare(stage, name, title) {
  const { scene, databaseUrl } = stage;
  const table = await createTable(databaseUrl, `bench_${name}`);
  const settings = { scene, databaseUrl, table, writes: name };
  return startChild('bare.js', settings, stage, { name, title, table });
}

/** @param {Stage} stage @param {'oidc-provider' | 'oidc-provider-single'} name */
async function startOidcProvider(stage, name) {
  const { scene, databaseUrl } = stage;
  const writes = name === 'oidc-provider-single';
  const table = writes ? await createTable(databaseUrl, 'bench_oidc_provider') : undefined;
  const title = writes ? 'oidc-provider, one INSERT each' : 'oidc-provider, in memory';
  return startChild('oidc-provider.js', { scene, databaseUrl, table }, stage, {
    name,
    title,
    table,
  });
}

/** With the columns and indexes of the audit log, whatever they are at present. @param {string} databaseUrl @param {string} table */
async function createTable(databaseUrl, table) {
  await query(
    databaseUrl,
    `create table ${table} (like nte_audit_record including all);
     create unique index on ${table} (id);
     alter table ${table} alter sequence add generated always as identity,
       alter leaf_hash drop not null, alter sealed set default '{}'`,
  );
  return table;
}

/**
 * @param {string} file
 * @param {object} settings
 * @param {Stage} stage
 * @param {Pick<Contender, 'name' | 'title' | 'table'>} contender
 * @returns {Promise<Contender>}
 */
async function startChild(file, settings, stage, contender) {
  const log = openSync(join(stage.folder, `${contender.name}.log`), 'a');
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    env: { NODE_ENV: 'production' },
    stdio: ['ignore', log, log, 'ipc'],
  });
  child.send({ start: settings });
  const [message] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => {
      throw new Error(`${file} did not start:\n${readLog(stage, contender.name)}`);
    }),
  ]);
  return {
    ...contender,
    port: message.port,
    pid: child.pid ?? 0,
    databaseUrl: stage.databaseUrl,
    stop: async () => {
      if (!child.connected) return;
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}

/**
 * The service once more, on a database of its own in which a million revocations are in force.
 * @param {Stage} stage
 * @param {'service-revocations'} name
 */
async function startRevoking(stage, name) {
  const databaseUrl = await createDatabase(stage, name);
  await query(
    databaseUrl,
    `with next as (update nte_revocation_epoch set epoch = epoch + 1 returning epoch)
     insert into nte_revocation (key, before, expires_at, epoch)
     select 't' || left(translate(encode(sha256(number::text::bytea), 'base64'), '+/', '-_'), 16),
            ${2 ** 48 - 1}, ${Date.now() + 86_400_000}, epoch
     from next, generate_series(1, ${REVOCATIONS}) as number`,
  );
  await query(databaseUrl, 'vacuum analyze nte_revocation');
  return startService({ ...stage, databaseUrl }, name, 'the same, a million revocations');
}

/**
 * The service once more on a database of its own, where nothing has a thread of its own.
 * @param {Stage} stage
 * @param {'service-one-thread'} name
 */
async function startOneThread(stage, name) {
  const databaseUrl = await createDatabase(stage, name);
  return startService({ ...stage, databaseUrl }, name, 'the same, in one thread', ONE_THREAD);
}

/**
 * The service once more, without a ledger.
 * @param {Stage} stage
 * @param {'service-plain-audit'} name
 */
async function startPlain(stage, name) {
  const started = await startPreloaded(stage, name, 'the same, no ledger', {
    prepare: CREATE_PLAIN_TABLE,
    environment: ONE_THREAD,
  });
  return { ...started, table: PLAIN_TABLE };
}

/**
 * The service once more on a database of its own, changed by what is loaded before it.
 * @param {Stage} stage
 * @param {keyof typeof PRELOADS} name
 * @param {string} title
 * @param {{ prepare?: string, environment?: NodeJS.ProcessEnv }} [changes] a statement for its
 *   database, and more settings
 */
async function startPreloaded(stage, name, title, changes = {}) {
  const { prepare = 'select', environment } = changes;
  const databaseUrl = await createDatabase(stage, name);
  await query(databaseUrl, prepare);
  const preload = new URL(PRELOADS[name], import.meta.url).href;
  const nodeFlags = [...stage.nodeFlags, '--import', preload];
  return startService({ ...stage, databaseUrl, nodeFlags }, name, title, environment);
}

/**
 * A database of a contender's own, migrated.
 * @param {Stage} stage
 * @param {import('./options.js').ContenderName} name
 * @returns {Promise<string>} its URL
 */
async function createDatabase(stage, name) {
  const url = new URL(stage.databaseUrl);
  url.pathname = `/bench_${name.replaceAll('-', '_')}`;
  await query(stage.databaseUrl, `create database ${url.pathname.slice(1)}`);
  await migrate(url.href);
  return url.href;
}

/**
 * Starts the service as production does: migrated before, its clients and its key in the database,
 * everything else as it is shipped.
 * @param {Stage} stage
 * @param {'service' | 'service-revocations' | 'service-one-thread' | keyof typeof PRELOADS} name
 * @param {string} title
 * @param {NodeJS.ProcessEnv} [environment] more settings
 * @returns {Promise<Contender>}
 */
async function startService(stage, name, title, environment = {}) {
  const { databaseUrl, folder, logLevel, nodeFlags, scene } = stage;
  const encryptionKey = randomBytes(32);
  const port = await freePort();
  const env = {
    NODE_ENV: 'production',
    ISSUER,
    HOST: '127.0.0.1',
    PORT: String(port),
    DATABASE_URL: databaseUrl,
    KEY_ENCRYPTION_KEY: encryptionKey.toString('base64'),
    LOG_LEVEL: logLevel,
    SHUTDOWN_DELAY: '0',
    ...environment,
  };
  await seed(databaseUrl, scene, encryptionKey);
  const log = openSync(join(folder, `${name}.log`), 'a');
  const child = spawn(process.execPath, [...nodeFlags, ENTRY], {
    env,
    stdio: ['ignore', log, log],
  });
  const exited = once(child, 'exit');
  await answering(`http://127.0.0.1:${port}/health/live`, child, () => readLog(stage, name));
  return {
    name,
    title,
    port,
    pid: child.pid ?? 0,
    table: 'nte_audit_record',
    databaseUrl,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** Brings the database up to date, as the command `migrate` does. @param {string} databaseUrl */
export async function migrate(databaseUrl) {
  const dataSource = await connect(databaseUrl);
  try {
    const { runMigrations } = await built('typeorm/migrate.js');
    await runMigrations(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

/**
 * The clients of the scene, and its key as an operator brings one.
 * @param {string} databaseUrl
 * @param {import('./scene.js').Scene} scene
 * @param {Buffer} encryptionKey
 */
async function seed(databaseUrl, scene, encryptionKey) {
  /** @type {typeof import('../src/clients/client.js')} */
  const { newClient } = await built('clients/client.js');
  /** @type {typeof import('../src/keys/key-seal.js')} */
  const { KeySeal } = await built('keys/key-seal.js');
  /** @type {typeof import('../src/keys/signing-key-factory.js')} */
  const { sealSigningKey } = await built('keys/signing-key-factory.js');
  /** @type {typeof import('../src/typeorm/index.js')} */
  const { TypeormClientStore, TypeormKeyStore } = await built('typeorm/index.js');

  const scopes = SCOPE.split(' ');
  const now = Date.now();
  const secret = { id: 'bench', hash: sha256(scene.secret), createdAt: now, expiresAt: null };
  const dataSource = await connect(databaseUrl);
  try {
    const clients = new TypeormClientStore(dataSource);
    await clients.create(
      newClient({ clientId: APPLICATION, kind: 'public', scopes, targets: [REQUESTER] }),
    );
    await clients.create(
      newClient({
        clientId: REQUESTER,
        grantTypes: [EXCHANGE],
        scopes,
        offeredScopes: scopes,
        targets: [TARGET],
        secrets: [secret],
      }),
    );
    await clients.create(newClient({ clientId: TARGET, offeredScopes: scopes }));
    const privateJwk = /** @type {import('jose').JWK} */ (scene.privateJwk);
    const seal = new KeySeal(encryptionKey);
    await new TypeormKeyStore(dataSource).add(
      await sealSigningKey(seal, 'ES256', privateJwk, now, now),
    );
  } finally {
    await dataSource.destroy();
  }
}

/** @param {string} databaseUrl */
async function connect(databaseUrl) {
  const { tokenExchangeSchema } = await built('typeorm/schema.js');
  return new DataSource({
    type: 'postgres',
    url: databaseUrl,
    ...tokenExchangeSchema,
  }).initialize();
}

/**
 * One statement on a connection of its own.
 * @param {string} databaseUrl
 * @param {string} text
 * @returns {Promise<any[]>}
 */
export async function query(databaseUrl, text) {
  const client = new Client(databaseUrl);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** @param {string} url @param {import('node:child_process').ChildProcess} child @param {() => string} said */
async function answering(url, child, said) {
  const deadline = Date.now() + STARTED_WITHIN;
  while (Date.now() < deadline && child.exitCode === null) {
    const status = await fetch(url).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return;
    await sleep(50);
  }
  child.kill('SIGKILL');
  throw new Error(`The service did not start:\n${said()}`);
}

/** @param {Stage} stage @param {string} name */
function readLog({ folder }, name) {
  return readFileSync(join(folder, `${name}.log`), 'utf8').slice(-4000);
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}
