// What the audit thread runs: loaded by its file, never imported.
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';

import { Logger, type LoggerService } from '@nestjs/common';
import { DataSource } from 'typeorm';

import type { AuditRecord } from '../audit/audit-record.js';
import { IndexGeometry } from '../audit/questions/geometry.js';
import { KeySettings } from '../keys/key-store.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { PAUSE, type FromThread, type ThreadStart, type ToThread } from './audit-thread.js';
import { RecentTerms } from './recent-terms.js';
import { TypeormAuditIndexer } from './typeorm-audit-indexer.js';
import { TypeormAuditLog } from './typeorm-audit-log.js';
import { TypeormSubjectKeys } from './typeorm-subject-keys.js';

/** Connections of the indexer; the log has its own. */
const CONNECTIONS = 2;

interface Writing {
  readonly log: TypeormAuditLog;
  readonly keys: TypeormSubjectKeys;
  close(): Promise<void>;
}

/** Opens the log, and tries again every second as long as that fails. */
class Thread {
  #opening: Promise<Writing> | undefined;
  #isClosed = false;
  #written: { readonly numbers: number[]; readonly sequences: string[] } = emptyHanded();

  constructor(
    private readonly port: MessagePort,
    private readonly start: ThreadStart,
  ) {}

  hear(message: ToThread): void {
    if (message.kind === 'append')
      message.records.forEach((record, at) => void this.#append(message.first + at, record));
    else if (message.kind === 'forget') void this.#forget();
    else void this.#close();
  }

  open(): Promise<Writing> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      setTimeout(() => {
        this.#opening = undefined;
        if (!this.#isClosed) this.open().catch(() => undefined);
      }, PAUSE).unref();
      throw error;
    });
    return this.#opening;
  }

  async #forget(): Promise<void> {
    const writing = await this.#opening?.catch(() => undefined);
    writing?.keys.forget();
  }

  async #append(number: number, record: string): Promise<void> {
    try {
      const { log } = await this.open();
      const { sequence } = await log.append(JSON.parse(record) as AuditRecord);
      // Those that were written together are told together.
      if (this.#written.numbers.length === 0) queueMicrotask(() => this.#tellWritten());
      this.#written.numbers.push(number);
      this.#written.sequences.push(sequence);
    } catch (error) {
      this.#tell({ kind: 'failed', number, message: wordsOf(error) });
    }
  }

  #tellWritten(): void {
    const written = this.#written;
    this.#written = emptyHanded();
    this.#tell({ kind: 'written', ...written });
  }

  #tell(message: FromThread): void {
    this.port.postMessage(message);
  }

  async #open(): Promise<Writing> {
    const { connection, settings, geometry, encryptionKey, issuer } = this.start;
    const dataSource = new DataSource({
      type: 'postgres',
      ...connection,
      poolSize: CONNECTIONS,
      connectTimeoutMS: settings.timeout,
      // The next statement tells it too.
      poolErrorHandler: () => undefined,
    });
    try {
      await dataSource.initialize();
    } catch (error) {
      await dataSource.driver.disconnect().catch(() => undefined);
      throw error;
    }
    const keys = new TypeormSubjectKeys(
      dataSource,
      new KeySettings({ encryptionKey: Buffer.from(encryptionKey) }),
    );
    const recent = new RecentTerms();
    const named = issuer === undefined ? undefined : new IssuerSettings({ issuer });
    const log = new TypeormAuditLog(dataSource, keys, named, settings, recent);
    const indexer = new TypeormAuditIndexer(
      dataSource,
      new IndexGeometry(geometry),
      undefined,
      recent,
    );
    indexer.onApplicationBootstrap();
    const close = async (): Promise<void> => {
      await log.onApplicationShutdown();
      await indexer.onApplicationShutdown();
      await dataSource.destroy();
    };
    return { log, keys, close };
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    try {
      await (await this.#opening)?.close();
    } catch {
      // What was not written has been told to whoever waits for it.
    } finally {
      this.port.close();
    }
  }
}

/** Of an error that holds others, such as one for each address of a host, the code says most. */
function wordsOf(error: unknown): string {
  const { message = '', code = '' } = error as { message?: string; code?: string };
  return message || code || String(error);
}

function emptyHanded(): { readonly numbers: number[]; readonly sequences: string[] } {
  return { numbers: [], sequences: [] };
}

/** Says it where the service writes its log lines. */
function forwarding(port: MessagePort): LoggerService {
  const say =
    (level: 'log' | 'warn' | 'error') =>
    (message: unknown, ...rest: unknown[]): void => {
      const last = rest.at(-1);
      const context = typeof last === 'string' ? last : '';
      port.postMessage({ kind: 'log', level, context, message } satisfies FromThread);
    };
  return { log: say('log'), warn: say('warn'), error: say('error') };
}

if (parentPort !== null) {
  Logger.overrideLogger(forwarding(parentPort));
  const thread = new Thread(parentPort, workerData as ThreadStart);
  parentPort.on('message', (message: ToThread) => thread.hear(message));
  // Whoever appends is told why it failed.
  thread.open().catch(() => undefined);
  const port = parentPort;
  const sayAlive = (): void => port.postMessage({ kind: 'alive' } satisfies FromThread);
  sayAlive();
  setInterval(sayAlive, PAUSE).unref();
}
