import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

import { Injectable, Logger, Optional } from '@nestjs/common';
import { DataSource } from 'typeorm';

import type { AuditRecord } from '../audit/audit-record.js';
import { IndexGeometry } from '../audit/questions/geometry.js';
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
/** Milliseconds between two signs of life, two looks for one, and a loss and the next start. */
export const PAUSE = 1_000;
/** Signs of life that may be missing. */
const MISSING = 5;

/** With what the thread starts. */
export interface ThreadStart {
  readonly connection: Readonly<Record<string, unknown>>;
  readonly settings: TypeormAuditSettings;
  readonly geometry: Pick<IndexGeometry, 'blockBits' | 'fanBits'>;
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
  /** At the beginning, when all that it needs was found, and then every second. */
  | { readonly kind: 'alive' }
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
  readonly resolve: (sequence: string) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A thread beside the one that answers requests, which seals, hashes, writes and indexes the records.
 * It is started again a second after it was lost; records that were on their way then may be kept or
 * not, and whoever waits for them is told so. Where it never comes to life, it is not used.
 */
@Injectable()
export class AuditThread {
  readonly #logger = new Logger(AuditThread.name);
  readonly #start: ThreadStart | undefined;
  readonly #pending = new Map<number, Pending>();
  #isUsed: boolean;
  #otherwise: () => void = () => undefined;
  #outbox: string[] = [];
  #last = 0;
  #worker: Worker | undefined;
  #hasLived = false;
  /** Looks since it was heard last. */
  #silence = 0;
  #watch: NodeJS.Timeout | undefined;
  #restart: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    dataSource: DataSource,
    subjectKeys: TypeormSubjectKeys,
    @Optional() private readonly settings: TypeormAuditSettings = new TypeormAuditSettings(),
    @Optional() keys?: KeySettings,
    @Optional() issuer?: IssuerSettings,
    @Optional() { blockBits, fanBits }: IndexGeometry = new IndexGeometry(),
  ) {
    const connection = connectionOf(dataSource.options);
    if (settings.thread && connection !== undefined && keys !== undefined)
      this.#start = {
        connection,
        settings,
        geometry: { blockBits, fanBits },
        encryptionKey: keys.encryptionKey,
        issuer: issuer?.issuer,
      };
    this.#isUsed = this.#start !== undefined && this.#isThere();
    if (this.#isUsed) subjectKeys.onForget(() => this.#worker?.postMessage({ kind: 'forget' }));
  }

  /**
   * Whether records are written there. Where they cannot be, or shall not, they are written here; that
   * may turn out only when it is started.
   */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** What is done when it turns out that it cannot be used. */
  otherwise(work: () => void): void {
    this.#otherwise = work;
  }

  /** What the thread runs; it is not there where the source is run without a build. */
  protected get file(): URL {
    return new URL('audit-thread-entry.js', import.meta.url);
  }

  /** Starts it, unless it runs: the first record need not wait for that then. */
  start(): void {
    if (!this.#isUsed || this.#worker !== undefined || this.#closed !== undefined) return;
    try {
      this.#worker = this.#begin();
    } catch (error) {
      // A host may forbid threads.
      this.#giveUp(String(error));
    }
  }

  /**
   * Gives a record to the thread.
   * @returns its place in the log, when it is durable
   */
  append(record: AuditRecord): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) throw new Error('The audit log is closed');
      if (this.#pending.size >= this.settings.queue)
        throw new Error('Too many records wait to be written');
      if (this.#restart === undefined) this.start();
      const worker = this.#worker;
      if (worker === undefined)
        throw new Error('The thread that writes records was lost; it is started again in a moment');
      this.#outbox.push(JSON.stringify(record));
      this.#last += 1;
      this.#pending.set(this.#last, { resolve, reject });
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
    clearTimeout(this.#restart);
    const worker = this.#worker;
    if (worker === undefined) return;
    // Also one that hangs comes to an end, by the watch.
    this.#watch?.ref();
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    this.#post(worker);
    worker.postMessage({ kind: 'close' } satisfies ToThread);
    await ended;
  }

  #isThere(): boolean {
    try {
      return existsSync(this.file);
    } catch {
      // Some bundlers leave nothing of where a module is.
      return false;
    }
  }

  #begin(): Worker {
    const worker = new Worker(this.file, { workerData: this.#start, name: 'nte-audit' });
    // It must not keep a process alive that has nothing else to do.
    worker.unref();
    worker.on('message', (message: FromThread) => this.#hear(worker, message));
    worker.on('error', (error) => this.#lose(worker, String(error)));
    worker.on('exit', (code) => this.#lose(worker, `it ended with ${code}`));
    this.#silence = 0;
    this.#watch = setInterval(() => this.#look(worker), PAUSE).unref();
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
    if (worker !== this.#worker) return;
    this.#silence = 0;
    this.#hasLived = true;
    if (message.kind === 'log') new Logger(message.context)[message.level](message.message);
    else if (message.kind === 'failed')
      this.#taken(message.number)?.reject(new Error(message.message));
    else if (message.kind === 'written')
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

  /** Counts looks and not time: a process that stood still finds what it was told meanwhile first. */
  #look(worker: Worker): void {
    this.#silence += 1;
    if (this.#silence <= MISSING) return;
    this.#lose(worker, 'it does not answer');
    void worker.terminate();
  }

  #lose(worker: Worker, why: string): void {
    if (worker !== this.#worker) return;
    clearInterval(this.#watch);
    this.#worker = undefined;
    this.#outbox = [];
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of lost)
      reject(new Error('The thread that writes records was lost: the record may be kept or not'));
    if (this.#closed !== undefined && lost.length === 0) return;
    if (!this.#hasLived) {
      this.#giveUp(why);
      return;
    }
    this.#logger.error({ event: 'audit_thread_lost', cause: why, records: lost.length });
    this.#restart = setTimeout(() => {
      this.#restart = undefined;
      this.start();
    }, PAUSE).unref();
  }

  #giveUp(why: string): void {
    this.#isUsed = false;
    this.#logger.warn({ event: 'audit_thread_unusable', cause: why });
    if (this.#closed === undefined) this.#otherwise();
  }
}
