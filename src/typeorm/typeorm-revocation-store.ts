import { Injectable } from '@nestjs/common';
import { Any, DataSource, LessThanOrEqual } from 'typeorm';

import { RevocationStore, type RevocationsSince } from '../tokens/revocation-store.js';
import { strongest, type Revocation } from '../tokens/revocation.js';
import { RevocationEntity } from './entities/revocation.entity.js';
import { isStorable } from './storable-text.js';
import { inDurableTransaction } from './write-transaction.js';

const POSITION = /^(\d{1,18})(?: ([\x21-\x7E]{1,64}))?$/;

interface Row {
  /** How many writes there were. */
  readonly known: string;
  readonly key: string;
  readonly before: string;
  readonly expires_at: string | null;
  readonly epoch: string;
}

/** Where nothing was written. */
interface Nothing {
  readonly known: string;
  readonly key: null;
}

/**
 * Revocations in PostgreSQL. Each write locks the one row that counts them until it can be seen, so that
 * whoever has read up to a number has missed nothing below it.
 */
@Injectable()
export class TypeormRevocationStore extends RevocationStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async add(revocations: readonly Revocation[]): Promise<void> {
    const rows = strongest(revocations);
    if (rows.length === 0) return;
    await inDurableTransaction(this.dataSource, (manager) =>
      manager.query(
        `with next as (update nte_revocation_epoch set epoch = epoch + 1 returning epoch)
         insert into nte_revocation as kept (key, before, expires_at, epoch)
         select r.key, r.before, r."expiresAt", next.epoch
         from next, jsonb_to_recordset($1::jsonb) as r (key text, before bigint, "expiresAt" bigint)
         on conflict (key) do update set
           before = greatest(kept.before, excluded.before),
           expires_at = case
             when kept.expires_at is not null and excluded.expires_at is not null
             then greatest(kept.expires_at, excluded.expires_at)
           end,
           epoch = excluded.epoch`,
        [JSON.stringify(rows)],
      ),
    );
  }

  async since(position: string, limit: number): Promise<RevocationsSince> {
    const [, epoch, key = null] = POSITION.exec(position) ?? [];
    if (epoch === undefined) throw new RangeError('A position is what a read gave');
    // What was read whole is passed over by its number alone.
    const after = key === null ? 'epoch > $1' : '(epoch, key) > ($1, $3)';
    const rows = await this.dataSource.query<(Row | Nothing)[]>(
      `select known.epoch as known, news.key, news.before, news.expires_at, news.epoch
       from nte_revocation_epoch as known
       left join lateral (
         select key, before, expires_at, epoch from nte_revocation
         where ${after} order by epoch, key limit $2
       ) as news on true
       order by news.epoch, news.key`,
      key === null ? [epoch, limit] : [epoch, limit, key],
    );
    if (BigInt(rows[0]?.known ?? 0) < BigInt(epoch))
      throw new RangeError('A position is not ahead of what was written');
    const news = rows.filter((row): row is Row => row.key !== null);
    const last = news.at(-1);
    if (last === undefined) return { revocations: [], position };
    const isMore = news.length === limit;
    return {
      revocations: news.map(revocationOf),
      position: isMore ? `${last.epoch} ${last.key}` : last.epoch,
    };
  }

  async find(keys: readonly string[]): Promise<readonly Revocation[]> {
    const storable = keys.filter(isStorable);
    if (storable.length === 0) return [];
    const rows = await this.dataSource.manager.findBy(RevocationEntity, { key: Any(storable) });
    return rows.map(({ key, before, expiresAt }) => ({ key, before, expiresAt }));
  }

  async removeExpired(now: number, limit: number): Promise<number> {
    return inDurableTransaction(this.dataSource, async (manager) => {
      const rows = await manager.find(RevocationEntity, {
        select: { key: true },
        where: { expiresAt: LessThanOrEqual(now) },
        order: { key: 'ASC' },
        take: limit,
        lock: { mode: 'pessimistic_write' },
      });
      const keys = rows.map(({ key }) => key);
      if (keys.length > 0) await manager.delete(RevocationEntity, { key: Any(keys) });
      return keys.length;
    });
  }
}

function revocationOf({ key, before, expires_at: expiresAt }: Row): Revocation {
  return { key, before: Number(before), expiresAt: expiresAt === null ? null : Number(expiresAt) };
}
