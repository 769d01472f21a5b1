import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  link,
  mkdir,
  open,
  readFile,
  realpath,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const LOCK_FILE = 'service.lock';
const NOBODY_ELSE = 0o700;
/** PostgreSQL refuses to run as root: the user it runs as has to pass through the folder. */
const PASS_THROUGH = 0o711;

/** Creates the data folder, closed to others, where it is absent, and gives its real path. */
export async function createDataDirectory(path: string): Promise<string> {
  const wanted = resolve(path);
  const mode = process.getuid?.() === 0 ? PASS_THROUGH : NOBODY_ELSE;
  const first = await mkdir(wanted, { recursive: true, mode });
  if (first === undefined) return realpath(wanted);
  // A strict umask takes bits away from what was just created; a folder that was there stays as is.
  let made = wanted;
  await chmod(made, mode);
  while (made !== first && made !== dirname(made)) {
    made = dirname(made);
    await chmod(made, mode);
  }
  return realpath(wanted);
}

/** Replaces a file as a whole: a reader, or a start after a power failure, sees the old or the new. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const draft = draftOf(path);
  const file = await open(draft, 'wx', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await syncDirectory(dirname(path));
}

/** Makes renames inside a folder durable, where the platform can open folders. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The text of a file, or undefined where there is no such file. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The code of a system error (`ENOENT`), or undefined for any other error. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Whether a process with this id runs; one that has ended and waits to be reaped does not. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) !== 'EPERM') return false;
  }
  if (process.platform !== 'linux') return true;
  return (await processFields(pid))?.[0] !== 'Z';
}

/**
 * What tells a process from a later one with the same id: its start time, or undefined where the
 * platform does not say. In containers the service has the same id at every start.
 */
async function birthOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'win32') return undefined;
  if (process.platform !== 'linux') {
    const ps = promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
    return ps.then(({ stdout }) => stdout.trim() || undefined).catch(() => undefined);
  }
  const started = (await processFields(pid))?.[19];
  if (started === undefined) return undefined;
  // The start time counts from boot, so it is only unique together with the boot.
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return `${boot.trim()}:${started}`;
}

/** The fields of /proc/<pid>/stat from the third one, the state, on. */
async function processFields(pid: number): Promise<string[] | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field is the program's name and may hold spaces and brackets.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Another service works on the data folder. */
export class DataDirectoryInUseError extends Error {
  override readonly name = 'DataDirectoryInUseError';

  constructor(
    readonly dataDir: string,
    readonly pid: number | undefined,
    startedAt?: string,
  ) {
    const who = pid === undefined ? 'another service' : `the service with process id ${pid}`;
    const since = startedAt === undefined ? '' : `, started ${startedAt}`;
    super(
      `The data folder ${dataDir} is in use by ${who}${since}. ` +
        `Stop that one first${pid === undefined ? '' : ` (kill ${pid})`}, or give this one a data ` +
        'folder of its own. Services that share their data need DATABASE_URL.',
    );
  }
}

interface Holder {
  readonly pid: number;
  readonly birth: string | null;
  readonly startedAt: string;
}

/**
 * The file that says which process works on a data folder. It names the holder and keeps two starts
 * apart early; between two that start in the same instant the database's advisory lock decides.
 */
export class ServiceLock {
  readonly #path: string;
  readonly #text: string;

  private constructor(path: string, text: string) {
    this.#path = path;
    this.#text = text;
  }

  /** Takes the lock, also from a process that is gone; throws `DataDirectoryInUseError`. */
  static async take(dataDir: string): Promise<ServiceLock> {
    const path = join(dataDir, LOCK_FILE);
    const birth = (await birthOf(process.pid)) ?? null;
    const own: Holder = { pid: process.pid, birth, startedAt: new Date().toISOString() };
    const text = `${JSON.stringify(own)}\n`;
    for (;;) {
      if (await createWhole(path, text)) return new ServiceLock(path, text);
      const found = await readIfThere(path);
      if (found === undefined) continue;
      const holder = parseHolder(found);
      if (holder !== undefined && (await isStillThere(holder))) {
        throw new DataDirectoryInUseError(dataDir, holder.pid, holder.startedAt);
      }
      await removeIfStill(path, found);
    }
  }

  /** Writes the lock again, for a holder that won where two had found the same stale lock. */
  async renew(): Promise<void> {
    if ((await readIfThere(this.#path)) === this.#text) return;
    await replaceFile(this.#path, this.#text, 0o644);
  }

  /** Gives the lock back; a lock that another process took meanwhile is left alone. */
  async release(): Promise<void> {
    await removeIfStill(this.#path, this.#text);
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, birth, startedAt } = JSON.parse(text) as Partial<Holder>;
    if (!Number.isSafeInteger(pid) || pid === undefined || pid < 1) return undefined;
    return { pid, birth: birth ?? null, startedAt: String(startedAt) };
  } catch {
    // A power failure can leave the file empty: nobody holds it.
    return undefined;
  }
}

async function isStillThere(holder: Holder): Promise<boolean> {
  if (!(await isRunning(holder.pid))) return false;
  const birth = await birthOf(holder.pid);
  return birth === undefined || holder.birth === null || birth === holder.birth;
}

/** Creates a file that is complete from its first instant; false where it exists. */
async function createWhole(path: string, text: string): Promise<boolean> {
  const draft = draftOf(path);
  await writeFile(draft, text, { flag: 'wx', mode: 0o644 });
  try {
    await link(draft, path).catch((error: unknown) => {
      if (codeOf(error) === 'EEXIST') throw error;
      // Some file systems have no hard links.
      return writeFile(path, text, { flag: 'wx', mode: 0o644 });
    });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function removeIfStill(path: string, text: string): Promise<void> {
  const aside = draftOf(path);
  try {
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  // Another start may have put its own lock there since it was read: that one goes back.
  if ((await readIfThere(aside)) !== text) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

function draftOf(path: string): string {
  return `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
}
