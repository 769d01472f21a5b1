import { QueryFailedError, type DataSource, type EntityManager } from 'typeorm';

/** The first key of our PostgreSQL advisory locks; the second says for what. */
const LOCK_SPACE = 0x6e_74_65;

/** What one writer at a time may do, among all instances. */
export const Lock = {
  Migrations: 1,
  SigningKeys: 2,
  Clients: 3,
  TrustedIssuers: 4,
  Accounts: 5,
  Policies: 6,
  Ledger: 7,
  Anchors: 8,
  Partitions: 9,
  Retention: 10,
  AuditIndex: 11,
} as const;

export type Lock = (typeof Lock)[keyof typeof Lock];

/** The parameters of `pg_advisory_lock($1, $2)` and its relatives. */
export function lockParameters(lock: Lock): readonly [number, number] {
  return [LOCK_SPACE, lock];
}

/** An SQL expression: the server's `synchronous_commit`, but never one that can lose a commit. */
export const DURABLE_COMMIT = `
  case current_setting('synchronous_commit')
    when 'remote_apply' then 'remote_apply' else 'on'
  end`;

/**
 * Runs a rare write alone among all instances and durably. What it reads is what is stored until it
 * commits, so it can look for conflicts first.
 */
export async function inWriteTransaction<T>(
  dataSource: DataSource,
  lock: Lock,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T> {
  // Read committed: a snapshot taken before the lock was won would be an old one.
  return dataSource.transaction('READ COMMITTED', async (manager) => {
    await manager.query(
      `select pg_advisory_xact_lock($1, $2),
              set_config('synchronous_commit', ${DURABLE_COMMIT}, true)`,
      [...lockParameters(lock)],
    );
    return work(manager);
  });
}

/** Runs a write durably, side by side with others. */
export async function inDurableTransaction<T>(
  dataSource: DataSource,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T> {
  return dataSource.transaction('READ COMMITTED', async (manager) => {
    await manager.query(`select set_config('synchronous_commit', ${DURABLE_COMMIT}, true)`);
    return work(manager);
  });
}

/** Whether a statement failed because a unique value is taken. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof QueryFailedError && sqlState(error.driverError) === '23505';
}

/** The SQLSTATE of a database error; undefined when it is something else. */
export function sqlState(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}
