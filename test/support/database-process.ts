import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from 'pg';

import { EmbeddedDatabase } from '../../src/embedded/embedded-database.js';

/**
 * A process of its own around the embedded database, as the service is one:
 * `database-process.ts <data folder> [--throw-away]`. It prints the address on one line, or the
 * reason why there is none, and ends on a signal or when whoever started it is gone.
 */
const [dataDir = 'data', flag] = process.argv.slice(2);
const throwAway = flag === '--throw-away';
const say = (line: string): boolean => process.stderr.write(`${line}\n`);

try {
  const database = await EmbeddedDatabase.start({
    dataDir,
    durable: !throwAway,
    logger: { info: say, warn: say },
  });
  let ending = false;
  const end = async (): Promise<void> => {
    if (ending) return;
    ending = true;
    // What a service does with the requests that it still answers.
    await sleep(50);
    const client = new Client(database.url);
    await client.connect();
    await client.query('SELECT 1');
    await client.end();
    say('finished the last request');
    await database.stop();
    if (throwAway) await rm(dataDir, { recursive: true, force: true });
    process.exit(0);
  };
  process.on('SIGINT', () => void end()).on('SIGTERM', () => void end());
  process.stdin.resume().on('end', () => void end());
  process.stdout.write(`${database.url}\n`);
} catch (error) {
  process.stdout.write(`${String(error)}\n`);
  process.exitCode = 1;
}
