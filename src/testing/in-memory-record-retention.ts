import { randomUUID } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import { RecordRetention, type RetiredRange } from '../audit/retention.js';
import { uuidv7 } from '../oauth/uuid.js';
import { InMemoryAuditLog } from './in-memory-audit-log.js';

/** Lets the oldest entries of an `InMemoryAuditLog` go, which has no partitions and no checkpoints. */
@Injectable()
export class InMemoryRecordRetention extends RecordRetention {
  constructor(private readonly log: InMemoryAuditLog) {
    super();
  }

  async plan(before: number): Promise<RetiredRange | null> {
    const { entries } = this.log;
    const kept = entries.find(({ record }) => record.time >= before) ?? entries.at(-1);
    const [first, until] = [Number(entries[0]?.sequence), Number(kept?.sequence)];
    return until > first ? { first, until } : null;
  }

  async retire(before: number): Promise<RetiredRange | null> {
    const range = await this.plan(before);
    if (range === null) return null;
    const time = Date.now();
    await this.log.append({
      id: uuidv7(time),
      schema: 1,
      time,
      event: 'retention',
      outcome: 'granted',
      requestId: randomUUID(),
      retired: { ...range, before },
    });
    this.log.removeBefore(range.until);
    return range;
  }
}
