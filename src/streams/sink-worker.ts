import { randomUUID } from 'node:crypto';

import {
  Injectable,
  Logger,
  Optional,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';

import type { ProvenRecord } from '../audit/export/proven-record.js';
import { RecordProver } from '../audit/export/record-prover.js';
import { LedgerReader } from '../audit/ledger/ledger-reader.js';
import { isFound } from '../audit/record-filter.js';
import { Clock } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { uuidv7 } from '../oauth/uuid.js';
import { DeliveryError } from './delivery.js';
import { Deliveries } from './deliveries.js';
import { pauseAfter } from './retry-pause.js';
import { batchOf, type SinkBatch } from './sink-batch.js';
import { SinkStore, type SinkOutcome } from './sink-store.js';
import type { Sink } from './sink.js';

/** Milliseconds between two looks for something to deliver. */
const INTERVAL = 500;
/** Milliseconds that a sink is held: longer than a delivery may take, so that one worker has it. */
const HOLD = 15_000;
/** Sinks that one instance delivers to at once, and batches in a row before others have their turn. */
const AT_ONCE = 8;
const IN_A_ROW = 20;
/** Places of the log that are looked at together. */
const LOOK = 100;

/** What is delivered next: the batch, and the place behind it. */
interface Next {
  readonly batch: SinkBatch;
  readonly next: number;
}

/**
 * Delivers the log to its sinks, in its order and at least once: a sink's place moves only when the
 * receiver has said that it has everything before it. The log itself is the outbox. One worker at a time
 * has a sink; whoever dies with it loses it after 15 seconds.
 */
@Injectable()
export class SinkWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #logger = new Logger(SinkWorker.name);
  readonly #owner = randomUUID();
  readonly #underWay = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #look: Promise<void> = Promise.resolve();
  #isLeaving = false;

  constructor(
    private readonly store: SinkStore,
    private readonly deliveries: Deliveries,
    private readonly clock: Clock,
    private readonly issuer: IssuerSettings,
    @Optional() private readonly ledger?: LedgerReader,
  ) {}

  onApplicationBootstrap(): void {
    if (this.ledger !== undefined) this.#next(0);
  }

  /** Lets what is under way come to an end, and gives every sink back. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#isLeaving = true;
    clearTimeout(this.#timer);
    await this.#look;
    await this.idle();
    await this.deliveries.close();
  }

  /** Resolves when everything that was begun has come to an end. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Begins with every sink that is due, as far as there is room. */
  async look(): Promise<void> {
    const size = (await this.ledger?.size()) ?? 0;
    while (!this.#isLeaving && this.#underWay.size < AT_ONCE) {
      const now = this.clock.now();
      const claim = { owner: this.#owner, now, until: now + HOLD, size };
      const sink = await this.store.claim(claim);
      if (sink === null) return;
      const work = this.#deliverTo(sink, size).catch((error: unknown) =>
        this.#logger.error({ event: 'sink_failed', sink: sink.id, cause: String(error) }),
      );
      this.#underWay.add(work);
      void work.finally(() => this.#underWay.delete(work));
    }
  }

  /**
   * The records of a piece of the log that a sink gets, from a place on: one batch.
   * @throws Error when the log cannot be read
   */
  async read(sink: Sink, from: number, end: number): Promise<Next> {
    const prover = this.ledger && (await RecordProver.newest(this.ledger));
    const last = Math.min(end, from + LOOK, prover?.size ?? from);
    const records: readonly ProvenRecord[] =
      (await prover?.proveFrom(from, Math.max(0, last - from))) ?? [];
    const wanted = records.filter(({ record }) => isFound(record, sink.filter, this.issuer.issuer));
    const batch = batchOf(wanted, sink.format, this.issuer.issuer);
    const first = wanted[batch.messages.length];
    return { batch, next: first?.index ?? last };
  }

  #next(pause: number): void {
    this.#timer = setTimeout(() => {
      this.#look = this.look()
        .catch((error: unknown) =>
          this.#logger.warn({ event: 'sinks_not_read', cause: String(error) }),
        )
        .finally(() => {
          if (!this.#isLeaving) this.#next(INTERVAL);
        });
    }, pause);
    this.#timer.unref();
  }

  async #deliverTo(claimed: Sink, size: number): Promise<void> {
    let sink = claimed;
    for (let turn = 1; ; turn += 1) {
      const outcome = await this.#try(sink);
      const isLast =
        turn >= IN_A_ROW ||
        this.#isLeaving ||
        outcome.failures > 0 ||
        outcome.state !== 'active' ||
        outcome.cursor >= size;
      const until = isLast ? null : this.clock.now() + HOLD;
      const held = { id: sink.id, owner: this.#owner, cursor: sink.cursor };
      if (!(await this.store.settle(held, { ...outcome, until })) || isLast) return;
      // The settings may have been changed meanwhile.
      const now = await this.store.find(sink.id);
      if (now === null) return;
      sink = now;
    }
  }

  async #try(sink: Sink): Promise<Omit<SinkOutcome, 'until'>> {
    let next = sink.cursor + 1;
    let last = sink.cursor;
    try {
      const piece = await this.read(sink, sink.cursor, Number.MAX_SAFE_INTEGER);
      const { messages } = piece.batch;
      next = piece.next;
      last = messages.at(-1)?.index ?? last;
      if (messages.length > 0) await this.deliveries.of(sink.kind).deliver(sink, piece.batch);
      const deliveredAt = messages.length > 0 ? this.clock.now() : undefined;
      const { state } = sink;
      return { state, cursor: next, failures: 0, nextAttempt: 0, lastError: null, deliveredAt };
    } catch (error) {
      return this.#failed(sink, { next, last }, error);
    }
  }

  /** What becomes of a sink that could not be delivered to. */
  #failed(
    sink: Sink,
    { next, last }: { readonly next: number; readonly last: number },
    error: unknown,
  ): Omit<SinkOutcome, 'until'> {
    const now = this.clock.now();
    const known = error instanceof DeliveryError ? error : undefined;
    const lastError = known?.message ?? 'internal error';
    const failures = sink.failures + 1;
    const isSpent = failures >= sink.maxAttempts;
    this.#logger.warn({
      event: 'delivery_failed',
      sink: sink.id,
      failures,
      cause: known?.message ?? String(error),
    });
    const kept = { cursor: sink.cursor, failures, nextAttempt: now, lastError };
    if (known?.isGone) return { ...kept, state: 'gone' };
    if (isSpent && sink.onExhausted === 'stop') return { ...kept, state: 'stopped' };
    if (!isSpent) {
      const pause = pauseAfter(failures, known?.retryAfter);
      return { ...kept, state: sink.state, nextAttempt: now + pause };
    }
    return {
      state: sink.state,
      cursor: next,
      failures: 0,
      nextAttempt: 0,
      lastError,
      deadLetter: {
        id: uuidv7(now),
        sinkId: sink.id,
        first: sink.cursor,
        last: Math.max(last, sink.cursor),
        attempts: failures,
        error: lastError,
        time: now,
      },
    };
  }
}
