import {
  Injectable,
  Optional,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { DataSource } from 'typeorm';

import { AuditLog, type AuditEntry } from '../audit/audit-log.js';
import type { AuditRecord } from '../audit/audit-record.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { AuditConnection, SubjectKeyGoneError } from './audit-connection.js';
import { PreparedRow, type AuditRow } from './audit-row.js';
import { AuditThread } from './audit-thread.js';
import { MOST_ROWS } from './append-statement.js';
import { BatchQueue, type Outcome } from './batch-queue.js';
import { RecentTerms, type RecordTerms } from './recent-terms.js';
import { TypeormAuditSettings } from './typeorm-audit-settings.js';
import { TypeormSubjectKeys, type Query, type SubjectKey } from './typeorm-subject-keys.js';
import { sqlState } from './write-transaction.js';

/** A record that waits: sealed already, when the keys of whom it names are known. */
interface Waiting {
  readonly row: PreparedRow;
  sealed: SealedRow | undefined;
}

interface SealedRow extends RecordTerms {
  readonly row: AuditRow;
  readonly keys: readonly SubjectKey[];
}

/**
 * Records in PostgreSQL as the leaves of one Merkle log, which all instances share. Records that
 * arrive while others are being written share the next statement, its place in the log and its
 * commit. One writer: two were not faster, and with one the sequence of an instance is the order of
 * its commits.
 */
@Injectable()
export class TypeormAuditLog
  extends AuditLog
  implements OnApplicationBootstrap, OnApplicationShutdown
{
  readonly #connection: AuditConnection;
  readonly #queue: BatchQueue<Waiting, string>;
  #isClosed = false;

  constructor(
    dataSource: DataSource,
    private readonly keys: TypeormSubjectKeys,
    @Optional() private readonly issuer?: IssuerSettings,
    @Optional() settings: TypeormAuditSettings = new TypeormAuditSettings(),
    @Optional() private readonly recent: RecentTerms = new RecentTerms(),
    @Optional() private readonly thread?: AuditThread,
  ) {
    super();
    const { timeout, queue, batch, batchCharacters } = settings;
    this.#connection = new AuditConnection(dataSource, timeout);
    this.#queue = new BatchQueue((rows) => this.#write(rows), {
      queue,
      items: Math.min(batch, MOST_ROWS),
      weight: batchCharacters,
      patience: timeout,
    });
  }

  onApplicationBootstrap(): void {
    this.thread?.start();
  }

  async append(record: AuditRecord): Promise<AuditEntry> {
    if (this.#isClosed) throw new Error('The audit log is closed');
    if (this.thread?.isUsed) return { sequence: await this.thread.append(record), record };
    const row = new PreparedRow(record, this.keys, this.issuer?.issuer);
    // Sealed now, while the batch before is written, and not when it is this one's turn.
    const keys = this.keys.recall(row.references);
    const waiting: Waiting = { row, sealed: keys && this.#sealed(row, keys) };
    return { sequence: await this.#queue.add(waiting, row.weight), record };
  }

  /** Writes what waits, then closes. Not earlier: requests that are answered until then need their record. */
  async onApplicationShutdown(): Promise<void> {
    this.#isClosed = true;
    await this.thread?.close();
    await this.#queue.settle();
    await this.#connection.close();
  }

  /**
   * Writes the rows together. When PostgreSQL refuses one of them, nothing was kept and the halves
   * are written apart, so that only the bad one fails. After any other error it is not known what
   * was kept: none of them is tried again.
   */
  async #write(rows: readonly Waiting[]): Promise<readonly Outcome<string>[]> {
    try {
      const first = await this.#append(rows);
      return rows.map((_, at) => ({ value: String(first + at) }));
    } catch (error) {
      if (!isAboutTheData(error)) {
        this.#connection.abandon();
        return rows.map(() => ({ error }));
      }
      if (rows.length === 1) return [{ error }];
      const middle = rows.length >> 1;
      const first = await this.#write(rows.slice(0, middle));
      return [...first, ...(await this.#write(rows.slice(middle)))];
    }
  }

  async #append(rows: readonly Waiting[]): Promise<number> {
    for (let tries = 3; ; tries -= 1) {
      await this.#seal(rows);
      const sealed = rows.flatMap((row) => row.sealed ?? []);
      const used = sealed.flatMap(({ keys }) => keys);
      try {
        const first = await this.#connection.append(
          sealed.map(({ row }) => row),
          [...new Set(used.map(({ id }) => id))],
        );
        this.keys.confirm(used);
        this.recent.keep(first, sealed);
        return first;
      } catch (error) {
        if (!(error instanceof SubjectKeyGoneError) || tries === 1) throw error;
        this.keys.forget();
        for (const row of rows) row.sealed = undefined;
      }
    }
  }

  /** Seals those that wait for the keys of people who are not known here yet. */
  async #seal(rows: readonly Waiting[]): Promise<void> {
    const open = rows.filter(({ sealed }) => sealed === undefined);
    if (open.length === 0) return;
    const query: Query = (text, values) => this.#connection.query(text, values);
    const references = open.flatMap(({ row }) => row.references);
    const keys = await this.keys.obtain(references, query);
    for (const each of open) each.sealed = this.#sealed(each.row, keys);
  }

  /** @param keys by their references, those of the row among them */
  #sealed(prepared: PreparedRow, keys: ReadonlyMap<string, SubjectKey>): SealedRow {
    const row = prepared.finish(keys);
    const used = prepared.references.flatMap(({ reference }) => keys.get(reference) ?? []);
    const terms = this.recent.terms((take) => prepared.facts(row, keys, take));
    return { row, keys: used, time: row.time, terms };
  }
}

/** Data exceptions, broken constraints and values too large for an index (classes 22, 23, 54). */
function isAboutTheData(error: unknown): boolean {
  return ['22', '23', '54'].includes(sqlState(error)?.slice(0, 2) ?? '');
}
