import { Client, type ClientConfig, type Pool } from 'pg';
import type { DataSource } from 'typeorm';

import type { AuditRow } from './audit-row.js';
import { DURABLE_COMMIT } from './write-transaction.js';

/** How much longer than the server's own time limit an answer may take, in milliseconds. */
const GRACE = 500;

const COLUMNS = `id, time, event, outcome, reason, grant_type, client_id, subject_iss, subject_sub,
  actors, audience, chain_id, parent_id, origin_jti, document`;

const INSERT = `
  insert into nte_audit_record (${COLUMNS})
  select ${COLUMNS} from jsonb_to_recordset($1::jsonb) as r (
    id uuid, time bigint, event text, outcome text, reason text, grant_type text, client_id text,
    subject_iss text, subject_sub text, actors text[], audience text[], chain_id uuid,
    parent_id uuid, origin_jti text, document text)
  returning id, sequence`;

/**
 * The audit log's own connection, beside the pool, so that a record never waits behind other work.
 * It is made at the first write, and again after it was lost.
 */
export class AuditConnection {
  #client: Client | undefined;

  /** @param timeout milliseconds that connecting or one write may take */
  constructor(
    private readonly dataSource: DataSource,
    private readonly timeout: number,
  ) {}

  /**
   * Writes the rows, all or none, with one statement and one durable commit. One write at a time.
   * @returns the sequence number of each row by its id
   */
  async insert(rows: readonly AuditRow[]): Promise<ReadonlyMap<string, string>> {
    this.#client ??= await this.#connect();
    const result = await this.#client.query<{ id: string; sequence: string | number }>({
      name: 'nte_audit_insert',
      text: INSERT,
      values: [JSON.stringify(rows)],
    });
    return new Map(result.rows.map(({ id, sequence }) => [id, String(sequence)]));
  }

  /** Gives the connection up, without waiting for a server that may hang; the next write makes another. */
  abandon(): void {
    void this.close();
  }

  /** Says goodbye. */
  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
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
      if (this.#client === client) this.#client = undefined;
    });
    try {
      await client.connect();
      await client.query(
        `select set_config('statement_timeout', $1, false),
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

/** How the data source connects, whatever way it was told. */
function poolOptions(dataSource: DataSource): ClientConfig {
  const { master } = dataSource.driver as unknown as { readonly master?: Pool };
  if (!master) throw new Error('The data source of the audit log is not connected to PostgreSQL');
  // A pool hides the password from being copied along.
  const { password } = master.options;
  return { ...master.options, ...(password === undefined ? {} : { password }) };
}
