import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { ROOT } from './service-process.js';

const run = promisify(execFile);
const SOURCE = join(ROOT, 'test/support/foreign-verifier');
/** Milliseconds. */
const FETCH_WITHIN = 20_000;
const BUILD_WITHIN = 120_000;

/** A verifier of ledgers that is not ours, in Go; or why there is none here. */
export type ForeignVerifier =
  | { readonly program: string; readonly missing?: never }
  | { readonly program?: never; readonly missing: string };

/**
 * Builds it into a folder. Without Go, or without the module that it is made of and a way to get
 * that, it says so; a source that does not compile is an error.
 */
export async function buildForeignVerifier(folder: string): Promise<ForeignVerifier> {
  const env = { ...process.env, GOTOOLCHAIN: 'local', GOWORK: 'off', CGO_ENABLED: '0' };
  const go = (args: readonly string[], timeout: number): Promise<unknown> =>
    run('go', args, { cwd: SOURCE, env, timeout });
  try {
    await go(['version'], FETCH_WITHIN);
  } catch {
    return { missing: 'Go is not installed' };
  }
  try {
    await go(['mod', 'download'], FETCH_WITHIN);
  } catch {
    return { missing: 'its Go module is neither kept here nor to be had' };
  }
  const program = join(folder, 'foreign-verifier');
  await go(['build', '-mod=readonly', '-buildvcs=false', '-o', program, '.'], BUILD_WITHIN);
  return { program };
}
