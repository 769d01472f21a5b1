import { Injectable } from '@nestjs/common';

import {
  SinkConflictError,
  SinkStore,
  type SinkClaim,
  type SinkOutcome,
} from '../streams/sink-store.js';
import type { DeadLetter, Sink, SinkProgress, SinkSettings } from '../streams/sink.js';
import { ascending, frozenCopy } from './frozen-copy.js';

interface Held {
  readonly sink: Sink;
  readonly owner: string | null;
  readonly until: number;
}

/** Sinks in the memory of this process: for tests, gone with it. */
@Injectable()
export class InMemorySinkStore extends SinkStore {
  readonly #sinks = new Map<string, Held>();
  readonly #letters = new Map<string, DeadLetter>();

  async find(id: string): Promise<Sink | null> {
    return this.#sinks.get(id)?.sink ?? null;
  }

  async list(page: {
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<readonly Sink[]> {
    const { after, limit } = page;
    return [...this.#sinks.values()]
      .map(({ sink }) => sink)
      .filter(({ id }) => after === undefined || ascending(id, after) > 0)
      .toSorted((a, b) => ascending(a.id, b.id))
      .slice(0, limit);
  }

  async create(sink: Sink): Promise<void> {
    if (this.#sinks.has(sink.id)) throw new SinkConflictError('id');
    this.#sinks.set(sink.id, { sink: frozenCopy(sink), owner: null, until: 0 });
  }

  async update(settings: SinkSettings): Promise<void> {
    const held = this.#sinks.get(settings.id);
    if (held?.sink.version !== settings.version - 1) throw new SinkConflictError('version');
    const { state, cursor, failures, nextAttempt, lastError, deliveredAt } = held.sink;
    const progress = { state, cursor, failures, nextAttempt, lastError, deliveredAt };
    this.#sinks.set(settings.id, { ...held, sink: frozenCopy({ ...settings, ...progress }) });
  }

  async delete(id: string): Promise<boolean> {
    for (const letter of this.#letters.values())
      if (letter.sinkId === id) this.#letters.delete(letter.id);
    return this.#sinks.delete(id);
  }

  async move(
    id: string,
    to: Partial<Pick<SinkProgress, 'state' | 'cursor'>>,
  ): Promise<Sink | null> {
    const held = this.#sinks.get(id);
    if (held === undefined) return null;
    const sink = frozenCopy({ ...held.sink, ...to, failures: 0, nextAttempt: 0, lastError: null });
    this.#sinks.set(id, { ...held, sink });
    return sink;
  }

  async claim({ owner, now, until, size }: SinkClaim): Promise<Sink | null> {
    const due = [...this.#sinks.values()]
      .filter(({ sink }) => sink.state === 'active' && sink.cursor < size)
      .filter((held) => held.sink.nextAttempt <= now && held.until <= now)
      .toSorted((a, b) => a.sink.nextAttempt - b.sink.nextAttempt);
    const [held] = due;
    if (held === undefined) return null;
    this.#sinks.set(held.sink.id, { sink: held.sink, owner, until });
    return held.sink;
  }

  async settle(
    { id, owner, cursor }: { readonly id: string; readonly owner: string; readonly cursor: number },
    outcome: SinkOutcome,
  ): Promise<boolean> {
    const held = this.#sinks.get(id);
    if (held?.owner !== owner || held.sink.cursor !== cursor) return false;
    const { until, deadLetter, deliveredAt, state, ...progress } = outcome;
    const sink = frozenCopy({
      ...held.sink,
      ...progress,
      state: held.sink.state === 'active' ? state : held.sink.state,
      deliveredAt: deliveredAt ?? held.sink.deliveredAt,
    });
    this.#sinks.set(id, { sink, owner: until === null ? null : owner, until: until ?? 0 });
    if (deadLetter) this.#letters.set(deadLetter.id, frozenCopy(deadLetter));
    return true;
  }

  async deadLetters(
    sinkId: string,
    { before, limit }: { readonly before?: string | undefined; readonly limit: number },
  ): Promise<readonly DeadLetter[]> {
    return [...this.#letters.values()]
      .filter((letter) => letter.sinkId === sinkId)
      .filter(({ id }) => before === undefined || ascending(id, before) < 0)
      .toSorted((a, b) => ascending(b.id, a.id))
      .slice(0, limit);
  }

  async findDeadLetter(sinkId: string, id: string): Promise<DeadLetter | null> {
    const letter = this.#letters.get(id);
    return letter?.sinkId === sinkId ? letter : null;
  }

  async deleteDeadLetter(sinkId: string, id: string): Promise<boolean> {
    return (await this.findDeadLetter(sinkId, id)) !== null && this.#letters.delete(id);
  }
}
