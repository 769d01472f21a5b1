// `npm test`: runs jest with all arguments passed through and closes with one countable line,
// `N passed, N failed`, with `N skipped` on the line before where there are any. A test file that
// could not run counts as a failure, and so does a run in which nothing ran.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const folder = mkdtempSync(join(tmpdir(), 'nest-token-exchange-tests-'));
const report = join(folder, 'results.json');

const code = await run([...process.argv.slice(2), '--json', `--outputFile=${report}`]);
const { passed, failed, skipped } = count(read(report), code);
rmSync(folder, { recursive: true, force: true });

process.exitCode = failed === 0 ? 0 : code || 1;
process.stdout.write(
  `${skipped > 0 ? `${skipped} skipped\n` : ''}${passed} passed, ${failed} failed\n`,
);

function run(args) {
  const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', jest];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...node, ...args], { stdio: 'inherit' });
    const stop = (signal) => child.kill(signal);
    process.on('SIGINT', stop).on('SIGTERM', stop);
    child.on('error', (error) => {
      process.stderr.write(`jest could not be started: ${error.message}\n`);
      resolve(1);
    });
    child.on('exit', (status, signal) => resolve(signal ? 1 : status));
  });
}

/** The report, or nothing when jest ended before it wrote one. */
function read(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function count(results, code) {
  if (!results) {
    process.stderr.write('jest ended without a report\n');
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const passed = results.numPassedTests;
  const skipped = results.numPendingTests + results.numTodoTests;
  let failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
  if (failed === 0 && passed === 0) {
    process.stderr.write('no test was run\n');
    failed = 1;
  }
  if (failed === 0 && (code !== 0 || results.wasInterrupted)) {
    process.stderr.write(`all tests passed, but jest ended with ${code}\n`);
    failed = 1;
  }
  return { passed, failed, skipped };
}
