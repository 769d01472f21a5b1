import { once } from 'node:events';

/** Stops the database server of the test run, which takes its folder with it. */
export default async function tearDown(): Promise<void> {
  const child = globalThis.testDatabaseProcess;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.stdin?.end();
  await ended;
}
