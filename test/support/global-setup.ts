import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// jest loads this file outside of its module system: it imports nothing of ours.

declare global {
  /** The process around the database server of this test run. */
  var testDatabaseProcess: ChildProcess | undefined;
}

/**
 * Starts one database server for the test run, unless TEST_DATABASE_URL names one. Nobody waits for
 * it here: the first spec file that needs a database does.
 */
export default async function setUp(
  _: unknown,
  { rootDir }: { readonly rootDir: string },
): Promise<void> {
  if (process.env.TEST_DATABASE_URL !== undefined) return;
  const folder = await mkdtemp(join(tmpdir(), 'nest-token-exchange-database-'));
  // As root, PostgreSQL runs as another user, who has to pass through.
  await chmod(folder, 0o711);
  const answer = await open(join(folder, 'answer'), 'w');
  const report = await open(join(folder, 'report'), 'w');
  const script = join(rootDir, 'test/support/database-process.ts');
  globalThis.testDatabaseProcess = spawn(
    process.execPath,
    ['--import', '@swc-node/register/esm-register', script, folder, '--throw-away'],
    // Its input stays open as long as this process lives, and ends with it however it ends.
    { cwd: rootDir, stdio: ['pipe', answer.fd, report.fd] },
  );
  await Promise.all([answer.close(), report.close()]);
  process.env.TEST_DATABASE_ANSWER = join(folder, 'answer');
}
