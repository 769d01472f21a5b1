import { Injectable } from '@nestjs/common';
import { DataSource, LessThan, MoreThan } from 'typeorm';

import { isUuid } from '../delegation/token-id.js';
import {
  SinkConflictError,
  SinkStore,
  type SinkClaim,
  type SinkOutcome,
} from '../streams/sink-store.js';
import type { DeadLetter, Sink, SinkProgress, SinkSettings } from '../streams/sink.js';
import { DeadLetterEntity } from './entities/dead-letter.entity.js';
import { SinkEntity } from './entities/sink.entity.js';
import { inDurableTransaction, isUniqueViolation } from './write-transaction.js';

/** Takes the sink that is due for the longest time, past those that somebody takes at this moment. */
const CLAIM = `
  update nte_sink set held_by = $1, held_until = $2
   where id = (
     select id from nte_sink
      where state = 'active' and next_attempt <= $3 and held_until <= $3 and cursor < $4
      order by next_attempt, id limit 1 for update skip locked)
  returning id`;
const SETTLE = `
  update nte_sink
     set cursor = $4, failures = $5, next_attempt = $6, last_error = $7,
         state = case when state = 'active' then $8 else state end,
         delivered_at = coalesce($9::bigint, delivered_at),
         held_by = case when $10::bigint is null then null else held_by end,
         held_until = coalesce($10::bigint, 0)
   where id = $1 and held_by = $2 and cursor = $3
  returning id`;

/** Sinks in PostgreSQL. */
@Injectable()
export class TypeormSinkStore extends SinkStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async find(id: string): Promise<Sink | null> {
    if (!isUuid(id)) return null;
    const row = await this.dataSource.manager.findOneBy(SinkEntity, { id });
    return row && toSink(row);
  }

  async list(page: {
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<readonly Sink[]> {
    const rows = await this.dataSource.manager.find(SinkEntity, {
      where: page.after === undefined ? {} : { id: MoreThan(page.after) },
      order: { id: 'ASC' },
      take: page.limit,
    });
    return rows.map(toSink);
  }

  async create(sink: Sink): Promise<void> {
    try {
      await inDurableTransaction(this.dataSource, (manager) =>
        manager.insert(SinkEntity, { ...sink, heldBy: null, heldUntil: 0 }),
      );
    } catch (error) {
      if (isUniqueViolation(error)) throw new SinkConflictError('id');
      throw error;
    }
  }

  async update(settings: SinkSettings): Promise<void> {
    const { id, version, name, kind, url, subject, format, filter } = settings;
    const { sealedSecret, maxAttempts, onExhausted, createdAt } = settings;
    const known = { id, version: version - 1 };
    const what = { name, kind, url, subject, format, filter };
    const how = { sealedSecret, maxAttempts, onExhausted, createdAt, version };
    const { affected } = await inDurableTransaction(this.dataSource, (manager) =>
      manager.update(SinkEntity, known, { ...what, ...how }),
    );
    if (affected !== 1) throw new SinkConflictError('version');
  }

  async delete(id: string): Promise<boolean> {
    if (!isUuid(id)) return false;
    return inDurableTransaction(this.dataSource, async (manager) => {
      const { affected } = await manager.delete(SinkEntity, { id });
      await manager.delete(DeadLetterEntity, { sinkId: id });
      return affected === 1;
    });
  }

  async move(
    id: string,
    to: Partial<Pick<SinkProgress, 'state' | 'cursor'>>,
  ): Promise<Sink | null> {
    if (!isUuid(id)) return null;
    await inDurableTransaction(this.dataSource, (manager) =>
      manager.update(SinkEntity, { id }, { ...to, failures: 0, nextAttempt: 0, lastError: null }),
    );
    return this.find(id);
  }

  async claim({ owner, now, until, size }: SinkClaim): Promise<Sink | null> {
    const [rows] = await this.dataSource.query<[{ id: string }[], number]>(CLAIM, [
      owner,
      until,
      now,
      size,
    ]);
    const [row] = rows;
    return row === undefined ? null : this.find(row.id);
  }

  settle(
    { id, owner, cursor }: { readonly id: string; readonly owner: string; readonly cursor: number },
    outcome: SinkOutcome,
  ): Promise<boolean> {
    const { failures, nextAttempt, lastError, state, deliveredAt, until, deadLetter } = outcome;
    return inDurableTransaction(this.dataSource, async (manager) => {
      const [rows] = await manager.query<[{ id: string }[], number]>(SETTLE, [
        id,
        owner,
        cursor,
        outcome.cursor,
        failures,
        nextAttempt,
        lastError,
        state,
        deliveredAt ?? null,
        until,
      ]);
      if (rows.length === 0) return false;
      if (deadLetter) await manager.insert(DeadLetterEntity, deadLetter);
      return true;
    });
  }

  async deadLetters(
    sinkId: string,
    { before, limit }: { readonly before?: string | undefined; readonly limit: number },
  ): Promise<readonly DeadLetter[]> {
    if (!isUuid(sinkId)) return [];
    const rows = await this.dataSource.manager.find(DeadLetterEntity, {
      where: { sinkId, ...(before === undefined ? {} : { id: LessThan(before) }) },
      order: { id: 'DESC' },
      take: limit,
    });
    return rows.map(toLetter);
  }

  async findDeadLetter(sinkId: string, id: string): Promise<DeadLetter | null> {
    if (!isUuid(sinkId) || !isUuid(id)) return null;
    const row = await this.dataSource.manager.findOneBy(DeadLetterEntity, { sinkId, id });
    return row && toLetter(row);
  }

  async deleteDeadLetter(sinkId: string, id: string): Promise<boolean> {
    if (!isUuid(sinkId) || !isUuid(id)) return false;
    const { affected } = await inDurableTransaction(this.dataSource, (manager) =>
      manager.delete(DeadLetterEntity, { sinkId, id }),
    );
    return affected === 1;
  }
}

/** Plain, without the entity's class and without who holds it. */
function toSink({ heldBy: _by, heldUntil: _until, ...sink }: SinkEntity): Sink {
  return sink;
}

/** Plain, without the entity's class. */
function toLetter(row: DeadLetter): DeadLetter {
  return { ...row };
}
