import { Client, type ClientConfig, type QueryResult } from 'pg';
import type { DataSource } from 'typeorm';

import { Frontier } from '../audit/ledger/frontier.js';
import { appendStatement } from './append-statement.js';
import type { AuditRow } from './audit-row.js';
import { lacksPartition, makeRoom } from './ledger-partitions.js';
import { poolOf } from './prepared-query.js';
import { DURABLE_COMMIT, sqlState } from './write-transaction.js';

/** How much longer than the server's own time limit an answer may take, in milliseconds. */
const GRACE = 500;
/** After so many writes between which no other instance wrote, the log is taken to be ours alone again. */
const ALONE = 16;

const LOCK = 'begin; select size, frontier from nte_ledger_head for update';

/** A key that rows are sealed with was destroyed: they must be sealed again, with another. */
export class SubjectKeyGoneError extends Error {
  override readonly name = 'SubjectKeyGoneError';
}

/**
 * The audit log's own connection, beside the pool, so that a record never waits behind other work.
 * It is made at the first write, and again after it was lost.
 */
export class AuditConnection {
  #client: Client | undefined;
  /** Where this instance left the log; undefined when that is not known. */
  #head: Frontier | undefined;
  /** How many writes ago another instance wrote. */
  #alone = 0;

  /** @param timeout milliseconds that connecting or one write may take */
  constructor(
    private readonly dataSource: DataSource,
    private readonly timeout: number,
  ) {}

  /**
   * Appends the rows to the log, all or none, with one durable commit. One write at a time. An
   * instance that writes alone does it in one statement, without looking where the log ends; where
   * others write too it locks the head first, so that none of them starves.
   * @returns the place of the first row
   * @throws SubjectKeyGoneError
   */
  async append(rows: readonly AuditRow[], keys: readonly string[]): Promise<number> {
    try {
      return await this.#append(rows, keys);
    } catch (error) {
      if (!lacksPartition(error)) throw error;
      // Mostly it was made ahead; nothing depends on that.
      await this.#makeRoom(rows.length);
      return this.#append(rows, keys);
    }
  }

  async #append(rows: readonly AuditRow[], keys: readonly string[]): Promise<number> {
    const hashes = rows.map((row) => row.leaf_hash);
    const head = this.#head;
    if (head && this.#alone >= ALONE) {
      const next = head.append(hashes);
      if (await this.#insert(rows, head, next, keys)) {
        this.#head = next;
        return head.size;
      }
    }
    return this.#appendLocked(rows, hashes, keys);
  }

  /** Asks something over this connection. */
  async query<Row>(text: string, values: unknown[]): Promise<readonly Row[]> {
    const client = await this.#open();
    const { rows } = await client.query<Row & Record<string, unknown>>(text, values);
    return rows;
  }

  /** Gives the connection up, without waiting for a server that may hang; the next write makes another. */
  abandon(): void {
    void this.close();
  }

  /** Says goodbye. */
  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    this.#head = undefined;
    await client?.end().catch(() => undefined);
  }

  async #makeRoom(count: number): Promise<void> {
    const client = await this.#open();
    try {
      const head = headOf(await client.query(LOCK));
      await makeRoom((text, values) => this.query(text, values), head.size + count);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw error;
    }
  }

  async #appendLocked(
    rows: readonly AuditRow[],
    hashes: readonly Buffer[],
    keys: readonly string[],
  ): Promise<number> {
    const client = await this.#open();
    try {
      const head = headOf(await client.query(LOCK));
      this.#alone = this.#head?.size === head.size ? this.#alone + 1 : 0;
      const next = head.append(hashes);
      if (!(await this.#insert(rows, head, next, keys)))
        throw new SubjectKeyGoneError('A key of the records was destroyed meanwhile');
      await client.query('commit');
      this.#head = next;
      return head.size;
    } catch (error) {
      // After any other error the connection is given up, and the transaction with it.
      if (sqlState(error) !== undefined || error instanceof SubjectKeyGoneError)
        await client.query('rollback').catch(() => undefined);
      throw error;
    }
  }

  async #insert(
    rows: readonly AuditRow[],
    head: Frontier,
    next: Frontier,
    keys: readonly string[],
  ): Promise<boolean> {
    const client = await this.#open();
    const { rowCount } = await client.query(appendStatement(rows, head, next, keys));
    return rowCount === next.size - head.size;
  }

  async #open(): Promise<Client> {
    this.#client ??= await this.#connect();
    return this.#client;
  }

  async #connect(): Promise<Client> {
    const client = new Client({
      ...poolOptions(this.dataSource),
      application_name: 'nest-token-exchange audit',
      connectionTimeoutMillis: this.timeout,
      query_timeout: this.timeout + GRACE,
      keepAlive: true,
    });
    client.on('error', () => {
      if (this.#client === client) this.abandon();
    });
    try {
      await client.connect();
      // Whoever falls silent while it holds the head must not stop the other instances.
      await client.query(
        `select set_config('statement_timeout', $1, false),
                set_config('idle_in_transaction_session_timeout', $1, false),
                set_config('synchronous_commit', ${DURABLE_COMMIT}, false)`,
        [String(this.timeout)],
      );
      return client;
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    }
  }
}

/** The head as the second statement of `LOCK` gives it. */
function headOf(results: unknown): Frontier {
  const [, { rows }] = results as [QueryResult, QueryResult<{ size: string; frontier: Buffer }>];
  const [row] = rows;
  if (row === undefined) throw new Error('The ledger has no head: has the database been migrated?');
  return Frontier.read(Number(row.size), row.frontier);
}

/** How the data source connects, whatever way it was told. */
function poolOptions(dataSource: DataSource): ClientConfig {
  const { options } = poolOf(dataSource);
  // A pool hides the password from being copied along.
  const { password } = options;
  return { ...options, ...(password === undefined ? {} : { password }) };
}
