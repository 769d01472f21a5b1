import { Injectable } from '@nestjs/common';
import { Any, DataSource, LessThanOrEqual } from 'typeorm';

import { PushedRequestStore, type PushedRequest } from '../authorization/pushed-request-store.js';
import { PushedRequestEntity } from './entities/pushed-request.entity.js';
import { isStorable } from './storable-text.js';
import { inDurableTransaction } from './write-transaction.js';

/** Pushed requests in PostgreSQL. */
@Injectable()
export class TypeormPushedRequestStore extends PushedRequestStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async add(request: PushedRequest): Promise<void> {
    const parameters = request.parameters.map(([name, value]): [string, string] => [name, value]);
    await inDurableTransaction(this.dataSource, (manager) =>
      manager.insert(PushedRequestEntity, { ...request, parameters }),
    );
  }

  async take(requestHash: string, clientId: string): Promise<PushedRequest | null> {
    if (!isStorable(requestHash) || !isStorable(clientId)) return null;
    return inDurableTransaction(this.dataSource, async (manager) => {
      const row = await manager.findOne(PushedRequestEntity, {
        where: { requestHash, clientId },
        lock: { mode: 'pessimistic_write' },
      });
      if (row) await manager.delete(PushedRequestEntity, { requestHash });
      return row && toRequest(row);
    });
  }

  async removeExpired(now: number, limit: number): Promise<number> {
    return inDurableTransaction(this.dataSource, async (manager) => {
      // Locked in one order, so that two that remove do not wait for each other.
      const rows = await manager.find(PushedRequestEntity, {
        select: { requestHash: true, expiresAt: true },
        where: { expiresAt: LessThanOrEqual(now) },
        order: { expiresAt: 'ASC', requestHash: 'ASC' },
        take: limit,
        lock: { mode: 'pessimistic_write' },
      });
      const hashes = rows.map(({ requestHash }) => requestHash);
      if (hashes.length > 0)
        await manager.delete(PushedRequestEntity, { requestHash: Any(hashes) });
      return hashes.length;
    });
  }
}

/** Plain, without the entity's class. */
function toRequest(row: PushedRequest): PushedRequest {
  return { ...row };
}
