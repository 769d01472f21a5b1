import { Injectable, Logger, Optional, type OnModuleDestroy } from '@nestjs/common';

import type { ProvenRecord } from '../audit/export/proven-record.js';
import { RecordProver } from '../audit/export/record-prover.js';
import { LedgerReader } from '../audit/ledger/ledger-reader.js';
import { StreamSettings } from './stream-settings.js';

/** How many records one read gives at most. */
const BATCH = 100;
/** Milliseconds after which what is in memory is forgotten: somebody in it may have been erased. */
const FORGET = 60_000;

/** A piece of the log. */
export interface LogPiece {
  /** In the order of the log; none when there is no news. */
  readonly records: readonly ProvenRecord[];
  /** Where to read on. */
  readonly next: number;
}

/** Whoever watches the log from a place of their own. */
export class Follower {
  #isClosed = false;
  #news: (() => void) | undefined;

  constructor(
    private readonly source: {
      readonly size: () => number;
      readonly read: (from: number) => Promise<LogPiece>;
      readonly leave: (follower: Follower) => void;
    },
  ) {}

  /** Whether reading has come to an end: the instance is leaving, or nobody watches any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * The records from a place on, at most 100; waits when there are none yet.
   * @param patience milliseconds after which it gives none
   */
  async read(from: number, patience: number): Promise<LogPiece> {
    if (from >= this.source.size() && !this.#isClosed) await this.#wait(patience);
    return this.#isClosed ? { records: [], next: from } : this.source.read(from);
  }

  close(): void {
    this.#isClosed = true;
    this.source.leave(this);
    this.wake();
  }

  /** Tells that there is news. */
  wake(): void {
    this.#news?.();
  }

  #wait(patience: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, patience);
      timer.unref();
      this.#news = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** More streams are open than an instance serves. */
export class TooManyStreamsError extends Error {
  override readonly name = 'TooManyStreamsError';
}

/**
 * Follows the log for everybody who watches it from this instance: one look for news for all, and a
 * few of the newest records in memory. Whoever lags behind reads from the log, so that a slow reader
 * costs no memory. Only records that a checkpoint covers are given.
 */
@Injectable()
export class LedgerFollower implements OnModuleDestroy {
  readonly #logger = new Logger(LedgerFollower.name);
  readonly #settings: StreamSettings;
  readonly #followers = new Set<Follower>();
  #newest: readonly ProvenRecord[] = [];
  #readAt = 0;
  #size = 0;
  #isLeaving = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    @Optional() private readonly reader?: LedgerReader,
    @Optional() settings?: StreamSettings,
  ) {
    this.#settings = settings ?? new StreamSettings();
  }

  /** Ends every stream: whoever watches comes back to another instance. */
  onModuleDestroy(): void {
    this.#isLeaving = true;
    clearTimeout(this.#timer);
    for (const follower of this.#followers) follower.close();
  }

  /** How many leaves a checkpoint covers; 0 without a ledger. */
  async size(): Promise<number> {
    return (await this.reader?.size()) ?? 0;
  }

  /** @throws TooManyStreamsError */
  follow(): Follower {
    if (this.#isLeaving || this.#followers.size >= this.#settings.maxStreams)
      throw new TooManyStreamsError('This instance serves no more streams');
    const follower = new Follower({
      size: () => this.#size,
      read: (from) => this.#read(from),
      leave: (each) => void this.#followers.delete(each),
    });
    this.#followers.add(follower);
    if (this.#followers.size === 1) this.#look();
    return follower;
  }

  async #read(from: number): Promise<LogPiece> {
    if (from >= this.#size) return { records: [], next: from };
    const [first] = this.#newest;
    if (first !== undefined && first.index <= from) {
      const records = this.#newest.filter(({ index }) => index >= from).slice(0, BATCH);
      return { records, next: (records.at(-1)?.index ?? this.#size - 1) + 1 };
    }
    const prover = this.reader && (await RecordProver.newest(this.reader));
    if (prover === undefined || prover.size <= from) return { records: [], next: from };
    const records = await prover.proveFrom(from, BATCH);
    return { records, next: Math.min(from + BATCH, prover.size) };
  }

  /** One look for news, and then the next. */
  #look(): void {
    void this.#refresh()
      .catch((error: unknown) =>
        this.#logger.warn({ event: 'ledger_not_read', cause: String(error) }),
      )
      .finally(() => {
        clearTimeout(this.#timer);
        if (this.#isLeaving || this.#followers.size === 0) return;
        this.#timer = setTimeout(() => this.#look(), this.#settings.interval);
        this.#timer.unref();
      });
  }

  async #refresh(): Promise<void> {
    const now = performance.now();
    if (now - this.#readAt > FORGET) this.#newest = [];
    const size = await this.size();
    if (size <= this.#size || this.reader === undefined) return;
    const prover = await RecordProver.newest(this.reader);
    if (prover === undefined) return;
    const { window } = this.#settings;
    const first = Math.max(this.#size, prover.size - window);
    const fresh = await prover.proveFrom(first, window);
    const kept = first === this.#size ? this.#newest : [];
    if (kept.length === 0) this.#readAt = now;
    this.#newest = [...kept, ...fresh].slice(-window);
    this.#size = prover.size;
    for (const follower of this.#followers) follower.wake();
  }
}
