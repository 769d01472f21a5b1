import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import { Injectable, Logger, Optional } from '@nestjs/common';
import { DataSource } from 'typeorm';

import type { AuditRecord } from '../audit/audit-record.js';
import { KeySettings } from '../keys/key-store.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { connectionOf } from './plain-connection.js';
import { TypeormAuditSettings } from './typeorm-audit-settings.js';
import { TypeormSubjectKeys } from './typeorm-subject-keys.js';

/**
 * Records that are handed over as soon as they are there; fewer wait for the end of the turn. Each
 * message costs as much as a few of them, and the thread can begin while others are still answered.
 */
const TOGETHER = 8;
/** Milliseconds between two looks for records that nobody writes, and between two starts. */
const PAUSE = 1_000;

/** With what the thread starts. */
export interface ThreadStart {
  readonly connection: Readonly<Record<string, unknown>>;
  readonly settings: TypeormAuditSettings;
  readonly encryptionKey: Uint8Array;
  readonly issuer: string | undefined;
}

/** What the thread is told. */
export type ToThread =
  /** Records as JSON, numbered on from the first. */
  | { readonly kind: 'append'; readonly first: number; readonly records: readonly string[] }
  | { readonly kind: 'forget' }
  | { readonly kind: 'close' };

/** What the thread tells. */
export type FromThread =
  /** Numbers of records, and their places in the log. */
  | {
      readonly kind: 'written';
      readonly numbers: readonly number[];
      readonly sequences: readonly string[];
    }
  | { readonly kind: 'failed'; readonly number: number; readonly message: string }
  | {
      readonly kind: 'log';
      readonly level: 'log' | 'warn' | 'error';
      readonly context: string;
      readonly message: unknown;
    };

interface Pending {
  readonly since: number;
  readonly resolve: (sequence: string) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A thread beside the one that answers requests, which seals, hashes, writes and indexes the records.
 * It is started again after it was lost; records that were on their way then may be kept or not, and
 * whoever waits for them is told that they are not known to be.
 */
@Injectable()
export class AuditThread {
  /** Whether records are written there: where they cannot be, or shall not, they are written here. */
  readonly isUsed: boolean;
  readonly #logger = new Logger(AuditThread.name);
  readonly #start: ThreadStart | undefined;
  readonly #pending = new Map<number, Pending>();
  #outbox: string[] = [];
  #last = 0;
  #worker: Worker | undefined;
  #startedAt = -Infinity;
  #watch: NodeJS.Timeout | undefined;
  /** The record that was found overdue when it was looked last. */
  #overdue: number | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    dataSource: DataSource,
    subjectKeys: TypeormSubjectKeys,
    @Optional() private readonly settings: TypeormAuditSettings = new TypeormAuditSettings(),
    @Optional() keys?: KeySettings,
    @Optional() issuer?: IssuerSettings,
  ) {
    const connection = connectionOf(dataSource.options);
    if (settings.thread && connection !== undefined && keys !== undefined)
      this.#start = {
        connection,
        settings,
        encryptionKey: keys.encryptionKey,
        issuer: issuer?.issuer,
      };
    this.isUsed = this.#start !== undefined && existsSync(this.file);
    if (this.isUsed) subjectKeys.onForget(() => this.#worker?.postMessage({ kind: 'forget' }));
  }

  /** What the thread runs; it is not there where the source is run without a build. */
  protected get file(): URL {
    return new URL('audit-thread-entry.js', import.meta.url);
  }

  /** Starts it, unless it runs: the first record need not wait for that then. */
  start(): void {
    if (this.isUsed) this.#running();
  }

  /**
   * Gives a record to the thread.
   * @returns its place in the log, when it is durable
   */
  append(record: AuditRecord): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#pending.size >= this.settings.queue)
        throw new Error('Too many records wait to be written');
      const worker = this.#running();
      this.#outbox.push(JSON.stringify(record));
      this.#last += 1;
      this.#pending.set(this.#last, { since: performance.now(), resolve, reject });
      if (this.#pending.size === 1) worker.ref();
      if (this.#outbox.length === TOGETHER) this.#post(worker);
      else if (this.#outbox.length === 1) setImmediate(() => this.#post(worker));
    });
  }

  /** Waits until what was given to it is written, then ends it. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    worker.ref();
    this.#post(worker);
    worker.postMessage({ kind: 'close' } satisfies ToThread);
    const given = new AbortController();
    const { signal } = given;
    await Promise.race([
      once(worker, 'exit', { signal }),
      sleep(this.#patience, undefined, { signal }),
    ]);
    given.abort();
    await worker.terminate();
  }

  /** Milliseconds after which a record is no longer believed to be on its way: it waits, and is written. */
  get #patience(): number {
    return 4 * this.settings.timeout;
  }

  #running(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    if (this.#closed !== undefined) throw new Error('The audit log is closed');
    if (performance.now() - this.#startedAt < PAUSE)
      throw new Error('The thread that writes records was lost, and is started again in a moment');
    this.#startedAt = performance.now();
    const worker = new Worker(this.file, { workerData: this.#start, name: 'nte-audit' });
    // It must not keep a process alive that has nothing else to do.
    worker.unref();
    worker.on('message', (message: FromThread) => this.#hear(worker, message));
    worker.on('error', (error) => this.#lose(worker, String(error)));
    worker.on('exit', (code) => this.#lose(worker, `it ended with ${code}`));
    this.#watch = setInterval(() => this.#look(worker), PAUSE).unref();
    this.#worker = worker;
    return worker;
  }

  #post(worker: Worker): void {
    // What waited for a thread that was lost has been refused.
    if (worker !== this.#worker || this.#outbox.length === 0) return;
    const records = this.#outbox;
    this.#outbox = [];
    const first = this.#last - records.length + 1;
    worker.postMessage({ kind: 'append', first, records } satisfies ToThread);
  }

  #hear(worker: Worker, message: FromThread): void {
    if (message.kind === 'log') {
      new Logger(message.context)[message.level](message.message);
      return;
    }
    if (message.kind === 'failed') this.#taken(message.number)?.reject(new Error(message.message));
    else
      message.numbers.forEach((number, at) =>
        this.#taken(number)?.resolve(message.sequences[at] ?? ''),
      );
    if (this.#pending.size === 0) worker.unref();
  }

  #taken(number: number): Pending | undefined {
    const pending = this.#pending.get(number);
    this.#pending.delete(number);
    return pending;
  }

  /** Gives up a thread that does not answer; not at the first look, which may only come late itself. */
  #look(worker: Worker): void {
    const [oldest] = this.#pending;
    const isLate = oldest && performance.now() - oldest[1].since > this.#patience;
    if (isLate && oldest[0] === this.#overdue) {
      this.#lose(worker, 'it does not answer');
      void worker.terminate();
    }
    this.#overdue = isLate ? oldest[0] : undefined;
  }

  #lose(worker: Worker, why: string): void {
    if (worker !== this.#worker) return;
    clearInterval(this.#watch);
    this.#worker = undefined;
    this.#outbox = [];
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    if (this.#closed === undefined || lost.length > 0)
      this.#logger.error({ event: 'audit_thread_lost', cause: why, records: lost.length });
    for (const { reject } of lost)
      reject(new Error('The thread that writes records was lost: the record may be kept or not'));
  }
}
