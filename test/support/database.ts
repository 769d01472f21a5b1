import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from 'pg';

import { sqlState } from '../../src/typeorm/write-transaction.js';

/** An empty database of a spec file's own. */
export interface TestDatabase {
  readonly url: string;
  /** Removes the database, with whatever is still connected to it. */
  drop(): Promise<void>;
}

/**
 * Creates a database on the server of this test run, or on the one of TEST_DATABASE_URL.
 * @param original what it is a copy of, to which nobody may be connected; without it, it is empty
 */
export async function createTestDatabase(original?: TestDatabase): Promise<TestDatabase> {
  const server = process.env.TEST_DATABASE_URL ?? (await serverOfThisRun());
  const template = original ? new URL(original.url).pathname.slice(1) : 'template0';
  const name = `test_${randomBytes(8).toString('hex')}`;
  await execute(server, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => drop(server, name),
  };
}

/** Only the server itself may end an autovacuum worker, which is done in a moment. */
async function drop(server: string, name: string): Promise<void> {
  for (let tries = 20; ; tries -= 1) {
    try {
      await execute(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      return;
    } catch (error) {
      if (sqlState(error) !== '42501' || tries === 0) throw error;
      await sleep(250);
    }
  }
}

async function serverOfThisRun(): Promise<string> {
  const file = process.env.TEST_DATABASE_ANSWER;
  if (file === undefined) throw new Error('No test database: run the tests with npm test.');
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    const answer = await readFile(file, 'utf8').catch(() => {
      throw new Error('The database server of this test run has ended.');
    });
    if (answer.endsWith('\n')) {
      if (answer.startsWith('postgres://')) return answer.trim();
      throw new Error(answer.trim());
    }
    await sleep(20);
  }
  throw new Error('The database server of this test run did not start within a minute.');
}

async function execute(server: string, statement: string): Promise<void> {
  const client = new Client(server);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
