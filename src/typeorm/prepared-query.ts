import type { Pool } from 'pg';
import type { DataSource } from 'typeorm';

/** The pool behind a data source. @throws Error when it is not connected to PostgreSQL */
export function poolOf(dataSource: DataSource): Pool {
  const { master } = dataSource.driver as unknown as { readonly master?: Pool };
  if (!master) throw new Error('The data source is not connected to PostgreSQL');
  return master;
}

/**
 * Asks with a statement that each connection plans once: to plan takes longer than to look something up,
 * the more so with many partitions.
 * @param name of this text alone
 */
export async function preparedQuery<Row>(
  dataSource: DataSource,
  name: string,
  text: string,
  values: unknown[],
): Promise<readonly Row[]> {
  const { rows } = await poolOf(dataSource).query<Row & Record<string, unknown>>({
    name,
    text,
    values,
  });
  return rows;
}
