import { Injectable } from '@nestjs/common';
import { Any, DataSource, LessThanOrEqual, type EntityManager } from 'typeorm';

import { PolicyUseStore, type PolicyUse } from '../delegation/policy-use-store.js';
import { PolicyUseEntity } from './entities/policy-use.entity.js';
import { isStorable } from './storable-text.js';
import { inDurableTransaction } from './write-transaction.js';

/**
 * The uses of policies in PostgreSQL. Whoever locks several counts does it in ascending order of their
 * keys, so that nobody waits in a circle.
 */
@Injectable()
export class TypeormPolicyUseStore extends PolicyUseStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async take(uses: readonly PolicyUse[]): Promise<boolean> {
    if (uses.length === 0) return true;
    try {
      await inDurableTransaction(this.dataSource, async (manager) => {
        for (const use of uses.toSorted(byKey)) await takeOne(manager, use);
      });
      return true;
    } catch (error) {
      if (error instanceof NothingLeft) return false;
      throw error;
    }
  }

  async count(key: string): Promise<number> {
    if (!isStorable(key)) return 0;
    const row = await this.dataSource.manager.findOneBy(PolicyUseEntity, { key });
    return Number(row?.count ?? 0);
  }

  async removeExpired(now: number, limit: number): Promise<number> {
    return inDurableTransaction(this.dataSource, async (manager) => {
      const rows = await manager.find(PolicyUseEntity, {
        select: { key: true },
        where: { until: LessThanOrEqual(now) },
        order: { key: 'ASC' },
        take: limit,
        lock: { mode: 'pessimistic_write' },
      });
      const keys = rows.map(({ key }) => key);
      if (keys.length > 0) await manager.delete(PolicyUseEntity, { key: Any(keys) });
      return keys.length;
    });
  }
}

/** Ends a transaction in which a quota had nothing left, so that nothing of it stays. */
class NothingLeft extends Error {}

/** @throws NothingLeft when the quota has none */
async function takeOne(manager: EntityManager, { key, limit, until }: PolicyUse): Promise<void> {
  // A count is kept as long as anyone who took from it needs it.
  const taken = await manager.query<unknown[]>(
    `insert into nte_policy_use as kept (key, count, until)
     select $1::text, 1, $3::bigint where $2::bigint > 0
     on conflict (key) do update set
       count = kept.count + 1,
       until = case
         when kept.until is not null and excluded.until is not null
         then greatest(kept.until, excluded.until)
       end
     where kept.count < $2::bigint
     returning key`,
    [key, limit, until],
  );
  if (taken.length === 0) throw new NothingLeft();
}

/** As the database sorts them: keys are ASCII. */
function byKey(one: PolicyUse, other: PolicyUse): number {
  if (one.key === other.key) return 0;
  return one.key < other.key ? -1 : 1;
}
