import { type ChildProcess, type SpawnOptions, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { dirname, parse } from 'node:path';
import { promisify } from 'node:util';

import { codeOf } from './data-directory.js';
import { EmbeddedDatabaseError, type EmbeddedDatabaseLogger } from './embedded-database-error.js';
import type { Binaries } from './postgres-binaries.js';

const UNPRIVILEGED_USER = 'postgres';
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A user of the system, by number. */
interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/** Which user PostgreSQL runs as: another one than the service where the service is root. */
export interface RunAs {
  readonly user?: SystemUser;
  /** The capability with which that user passes through folders that are closed to it. */
  readonly capability?: string;
}

/** The owner of an existing cluster; for a new one this user, or an unprivileged one where this is root. */
export async function chooseUser(
  dataDir: string,
  cluster: string | undefined,
  logger: EmbeddedDatabaseLogger,
): Promise<RunAs> {
  const self = process.getuid?.();
  if (self === undefined) return {};
  const owner = cluster === undefined ? undefined : await stat(cluster);
  if (self !== 0) {
    if (owner === undefined || owner.uid === self) return {};
    throw new EmbeddedDatabaseError(
      `The database folder ${cluster} belongs to user id ${owner.uid}, and the service runs as ` +
        `user id ${self}: run it as that user, or hand the folder over (chown -R ${self} ${dataDir}).`,
    );
  }
  if (owner !== undefined && owner.uid !== 0) return { user: { uid: owner.uid, gid: owner.gid } };
  const user = (await findUser()) ?? (await createUser(logger));
  if (cluster !== undefined) {
    // A folder that root copied or restored belongs to root.
    await promisify(execFile)('chown', ['-R', `${user.uid}:${user.gid}`, cluster]);
  }
  return { user };
}

async function findUser(): Promise<SystemUser | undefined> {
  try {
    return { uid: await idOfUser('-u'), gid: await idOfUser('-g') };
  } catch {
    return undefined;
  }
}

async function idOfUser(flag: '-u' | '-g'): Promise<number> {
  return Number((await promisify(execFile)('id', [flag, UNPRIVILEGED_USER])).stdout);
}

async function createUser(logger: EmbeddedDatabaseLogger): Promise<SystemUser> {
  const flags = ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin'];
  let cause: unknown;
  try {
    await promisify(execFile)('useradd', [...flags, UNPRIVILEGED_USER]);
    logger.info(`PostgreSQL does not run as root: created the user ${UNPRIVILEGED_USER} for it`);
  } catch (error) {
    cause = error;
  }
  const user = await findUser();
  if (user !== undefined) return user;
  throw new EmbeddedDatabaseError(
    `PostgreSQL does not run as root, there is no user ${UNPRIVILEGED_USER}, and it could not be ` +
      'created. Create it (useradd --system postgres), or run the service as an ordinary user.',
    { cause },
  );
}

/** Makes sure that the user can enter the data folder and run the programs. */
export async function reach(
  runAs: RunAs,
  dataDir: string,
  binaries: Binaries,
  logger: EmbeddedDatabaseLogger,
): Promise<RunAs> {
  if (runAs.user === undefined) return runAs;
  if (await canReach(runAs, dataDir, binaries)) return runAs;
  const { uid, gid } = runAs.user;
  const closed =
    (await firstClosed(dataDir, runAs.user)) ?? (await firstClosed(binaries.folder, runAs.user));
  // It is not the folders: starting the programs will tell what it is.
  if (closed === undefined) return runAs;
  // Root's own folders (/root, a private clone) are closed to others. Root may pass on its right to
  // walk through them, which changes nothing on disk and ends with the server.
  for (const capability of ['dac_read_search', 'dac_override']) {
    const passing = { user: runAs.user, capability };
    if (await canReach(passing, dataDir, binaries)) {
      logger.warn(
        `${closed} is closed to user id ${uid}, as which PostgreSQL runs here: it runs with the ` +
          `capability ${capability}`,
      );
      return passing;
    }
  }
  throw new EmbeddedDatabaseError(
    `PostgreSQL does not run as root but as user id ${uid} (group ${gid}), and ${closed} is closed ` +
      `to it. Open it (chmod o+x ${closed}), move the project to another folder, or run the service ` +
      'as an ordinary user.',
  );
}

async function canReach(runAs: RunAs, dataDir: string, { postgres }: Binaries): Promise<boolean> {
  const script = 'cd "$1" && exec "$2" --version';
  return runToEnd(runAs, '/bin/sh', ['-c', script, 'sh', dataDir, postgres]).then(
    () => true,
    () => false,
  );
}

/** The outermost folder of a path that a user may not pass through. */
async function firstClosed(path: string, user: SystemUser): Promise<string | undefined> {
  const above = dirname(path) === path ? undefined : await firstClosed(dirname(path), user);
  if (above !== undefined) return above;
  const { uid, gid, mode } = await stat(path);
  const pass = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  return (mode & pass) === 0 ? path : undefined;
}

/** Starts a program as that user. */
export function spawnAs(
  { user, capability }: RunAs,
  program: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const env = process.platform === 'win32' ? { LC_ALL: 'C' } : { LC_ALL: 'C', PATH: SYSTEM_PATH };
  // The working folder may be closed to the user, and the server should not keep it busy.
  const settings = { cwd: parse(program).root, env, ...options };
  if (user === undefined) return spawn(program, args, settings);
  if (capability === undefined) return spawn(program, args, { ...settings, ...user });
  const passing = [
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    '--clear-groups',
    `--inh-caps=-all,+${capability}`,
    `--ambient-caps=-all,+${capability}`,
    `--bounding-set=-all,+${capability}`,
    // Without it access(2), with which PostgreSQL looks for its programs, leaves the capability out.
    '--securebits=+no_setuid_fixup',
  ];
  return spawn('setpriv', [...passing, '--', program, ...args], settings);
}

/** Runs a program as that user to its end; throws with its last words when it fails. */
export async function runToEnd(
  runAs: RunAs,
  program: string,
  args: readonly string[],
): Promise<void> {
  const child = spawnAs(runAs, program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const closing = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const [code, signal] = await closing.catch((error: unknown) => {
    throw explainSpawn(error, program);
  });
  if (code === 0) return;
  const how = signal === null ? `code ${code}` : signal;
  throw new EmbeddedDatabaseError(`${program} failed (${how}): ${lastLines(said)}`);
}

/** Says why a program cannot be started at all. */
export function explainSpawn(error: unknown, program: string): EmbeddedDatabaseError {
  const code = codeOf(error);
  // The file is there, so what the system misses is the loader that the file asks for.
  const reason =
    code === 'ENOENT'
      ? 'It is built for glibc, which this system (musl, as in Alpine?) does not have.'
      : `The system says ${code ?? String(error)}.`;
  return new EmbeddedDatabaseError(`${program} cannot be run. ${reason}`, { cause: error });
}

/** The end of a long output. */
export function lastLines(text: string): string {
  return text.trim().split('\n').slice(-10).join('\n');
}
