import { execFile } from 'node:child_process';
import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import {
  AnchorError,
  LedgerAnchor,
  type DepartingCheckpoint,
} from '../audit/ledger/ledger-anchor.js';
import { newestNote } from '../audit/ledger/kept-notes.js';

const run = promisify(execFile);
/** Milliseconds that one command may take. */
const PATIENCE = 30_000;
const FILE = 'checkpoint';

/** Nothing that lies in the repository is run, and nobody is asked for anything. */
const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.askPass=',
  'commit.gpgSign=false',
  'gc.auto=0',
  'protocol.ext.allow=never',
  'user.name=nest-token-exchange',
  'user.email=ledger@localhost',
].flatMap((setting) => ['-c', setting]);

/** Where a repository is, and how git is run. */
export interface GitAnchorSettings {
  /** Made when it is not there. */
  readonly folder: string;
  /** The name of a remote of the repository to push to; undefined for none. */
  readonly remote: string | undefined;
  /** The whole environment of git: it must not hold the secrets of the service. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A git repository in which every anchored checkpoint is a commit, pushed when there is a remote. */
export class GitAnchor extends LedgerAnchor {
  readonly name = 'git';

  constructor(private readonly settings: GitAnchorSettings) {
    super();
  }

  async last(origin: string): Promise<string | null> {
    if (!(await this.#isRepository())) return null;
    if ((await this.#git('rev-parse', '-q', '--verify', 'HEAD')) === undefined) return null;
    const note = await this.#git('show', `HEAD:${FILE}`);
    return note === undefined ? null : newestNote([note], origin);
  }

  async keep({ note, size }: DepartingCheckpoint): Promise<null> {
    const { folder, remote } = this.settings;
    try {
      await mkdir(folder, { recursive: true });
      if (!(await this.#isRepository())) await this.#must('git_init', 'init', '-q');
      await replace(join(folder, FILE), note);
    } catch (cause) {
      if (cause instanceof AnchorError) throw cause;
      throw new AnchorError(`git_${(cause as NodeJS.ErrnoException).code ?? 'failed'}`, { cause });
    }
    await this.#must('git_add', 'add', '--', FILE);
    const message = `Checkpoint of ${size} records`;
    await this.#must('git_commit', 'commit', '-q', '--allow-empty', '-m', message, '--', FILE);
    if (remote !== undefined) await this.#must('git_push', 'push', '-q', '--', remote, 'HEAD');
    return null;
  }

  /** Whether the folder itself is one, and not only below one. */
  async #isRepository(): Promise<boolean> {
    return (await this.#git('rev-parse', '--show-prefix'))?.trim() === '';
  }

  /** @throws AnchorError with this reason when the command fails */
  async #must(reason: string, ...words: readonly string[]): Promise<void> {
    if ((await this.#git(...words)) === undefined) throw new AnchorError(reason);
  }

  /** What a command printed; undefined when it failed. */
  async #git(...words: readonly string[]): Promise<string | undefined> {
    const { folder, environment } = this.settings;
    try {
      const { stdout } = await run('git', [...SETTINGS, ...words], {
        cwd: folder,
        env: { ...environment, GIT_TERMINAL_PROMPT: '0' },
        timeout: PATIENCE,
        encoding: 'utf8',
      });
      return stdout;
    } catch {
      return undefined;
    }
  }
}

/** Writes the file anew, all or nothing. */
async function replace(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o644);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}
