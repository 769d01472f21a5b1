import { DataSource, type DataSourceOptions } from 'typeorm';

import { runMigrations } from '../../src/typeorm/migrate.js';
import { tokenExchangeSchema } from '../../src/typeorm/schema.js';
import { createTestDatabase } from './database.js';

/** A migrated database of a spec file's own, with a way to open more data sources of it. */
export interface TestDataSource {
  readonly dataSource: DataSource;
  readonly url: string;
  /** Closes the data source and removes the database. */
  readonly close: () => Promise<void>;
}

/** A data source of the database, not yet connected. */
export function dataSourceOf(url: string, options: Partial<DataSourceOptions> = {}): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    ...tokenExchangeSchema,
    ...options,
  } as DataSourceOptions);
}

/** Creates and migrates a database. */
export async function createTestDataSource(): Promise<TestDataSource> {
  const database = await createTestDatabase();
  const { url } = database;
  const dataSource = await dataSourceOf(url).initialize();
  await runMigrations(dataSource);
  const close = async (): Promise<void> => {
    await dataSource.destroy();
    await database.drop();
  };
  return { dataSource, url, close };
}
