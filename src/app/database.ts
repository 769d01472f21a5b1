import { DataSource } from 'typeorm';

import { tokenExchangeSchema } from '../typeorm/schema.js';
import { hasPendingMigrations, runMigrations } from '../typeorm/migrate.js';
import type { Configuration } from './configuration.js';
import { EmbeddedDatabase } from '../embedded/embedded-database.js';

/** Milliseconds. */
const STATEMENT_TIMEOUT = 10_000;

/** An open database, with the server that was started for it. */
export interface Database {
  readonly dataSource: DataSource;
  /** Closes the connections, and the server if it is ours. */
  close(): Promise<void>;
}

/** A start that cannot go on, with what to do about it. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

interface Reporter {
  info(message: string): void;
  warn(message: string): void;
}

/**
 * Opens the configured database, or the embedded one when none is named. Development migrates it;
 * production never does on its own.
 * @throws StartError when migrations are pending in production
 */
export async function openDatabase(
  configuration: Configuration,
  reporter: Reporter,
): Promise<Database> {
  const server =
    configuration.database.url === undefined
      ? await EmbeddedDatabase.start({ dataDir: configuration.dataDir, logger: reporter })
      : undefined;
  const dataSource = new DataSource({
    type: 'postgres',
    url: configuration.database.url ?? server?.url ?? '',
    ...tokenExchangeSchema,
    poolSize: configuration.database.poolSize,
    connectTimeoutMS: 5_000,
    extra: {
      statement_timeout: STATEMENT_TIMEOUT,
      // For a server that is not there any more to keep its own time limit.
      query_timeout: STATEMENT_TIMEOUT + 1_000,
      keepAlive: true,
      application_name: 'nest-token-exchange',
    },
  });
  const close = async (): Promise<void> => {
    if (dataSource.isInitialized) await dataSource.destroy();
    await server?.stop();
  };
  try {
    await dataSource.initialize();
    if (configuration.mode !== 'production') await runMigrations(dataSource);
    else if (await hasPendingMigrations(dataSource)) {
      throw new StartError(
        'The database has pending migrations. Run: npx nest-token-exchange migrate',
      );
    }
    return { dataSource, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Runs the pending migrations of the configured database: the command `migrate`. */
export async function migrateDatabase(
  configuration: Configuration,
  reporter: Reporter,
): Promise<void> {
  const database = await openDatabase({ ...configuration, mode: 'development' }, reporter);
  await database.close();
  reporter.info('The database is up to date.');
}
