import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { StatusListStore, type StatusEntry } from '../tokens/status-list-store.js';
import { inDurableTransaction } from './write-transaction.js';

/** Places that one instance takes at a time, so that few of its tokens need to ask; the step of the sequence. */
const COUNT = 64;

interface Row {
  readonly position: string;
  readonly keys: string[];
  readonly root_time: string;
  readonly expires_at: string;
}

/** Status lists in PostgreSQL: a sequence gives the places. */
@Injectable()
export class TypeormStatusListStore extends StatusListStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async reserve(): Promise<{ readonly first: number; readonly count: number }> {
    const [row] = await this.dataSource.query<{ first: string }[]>(
      `select nextval('nte_status_position') as first`,
    );
    if (row === undefined) throw new Error('The sequence gave no place');
    return { first: Number(row.first), count: COUNT };
  }

  async end(): Promise<number> {
    const [row] = await this.dataSource.query<{ end: string }[]>(
      `select case when is_called then last_value + ${COUNT} else 0 end as end
       from nte_status_position`,
    );
    return Number(row?.end ?? 0);
  }

  async add({ position, keys, rootTime, expiresAt }: StatusEntry): Promise<void> {
    await inDurableTransaction(this.dataSource, (manager) =>
      manager.query(
        `insert into nte_status_entry (position, keys, root_time, expires_at)
         values ($1, $2, $3, $4)`,
        [position, keys, rootTime, expiresAt],
      ),
    );
  }

  async range(first: number, end: number): Promise<readonly StatusEntry[]> {
    const rows = await this.dataSource.query<Row[]>(
      `select position, keys, root_time, expires_at from nte_status_entry
       where position >= $1 and position < $2 order by position`,
      [first, end],
    );
    return rows.map(({ position, keys, root_time: rootTime, expires_at: expiresAt }) => ({
      position: Number(position),
      keys,
      rootTime: Number(rootTime),
      expiresAt: Number(expiresAt),
    }));
  }

  async removeExpired(now: number, limit: number): Promise<number> {
    const [, count] = await this.dataSource.query<[unknown, number]>(
      `delete from nte_status_entry where position in (
         select position from nte_status_entry where expires_at <= $1
         order by position limit $2 for update skip locked)`,
      [now, limit],
    );
    return count;
  }
}
