import { MigrationExecutor, type DataSource, type QueryRunner } from 'typeorm';

import { Lock, lockParameters } from './write-transaction.js';

/**
 * Runs the migrations of the data source that have not run yet. Of several instances that start at
 * once one migrates and the others wait for it, because TypeORM itself has no lock.
 */
export async function runMigrations(dataSource: DataSource): Promise<void> {
  const runner = dataSource.createQueryRunner();
  try {
    // Waiting for another instance, or for a long migration, is no hanging statement.
    await runner.query('set statement_timeout = 0');
    await runner.query('select pg_advisory_lock($1, $2)', [...lockParameters(Lock.Migrations)]);
    const executor = new MigrationExecutor(dataSource, runner);
    executor.transaction = dataSource.options.migrationsTransactionMode ?? 'all';
    await executor.executePendingMigrations();
  } finally {
    await giveBack(runner);
  }
}

/** Whether a migration of the data source has not run yet. Changes nothing. */
export async function hasPendingMigrations(dataSource: DataSource): Promise<boolean> {
  const pending = await new MigrationExecutor(dataSource).getPendingMigrations();
  return pending.length > 0;
}

/** The connection goes back to the pool as it came: without the lock, with its time limit. */
async function giveBack(runner: QueryRunner): Promise<void> {
  try {
    await runner.query('select pg_advisory_unlock_all()');
    await runner.query('reset statement_timeout');
  } catch {
    // The connection is lost, and the lock with it; the first error is the one to tell.
  } finally {
    await runner.release();
  }
}
