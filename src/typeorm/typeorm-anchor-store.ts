import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { AnchorStore, newAnchor, type AnchorState } from '../audit/ledger/anchor-store.js';
import { LedgerAnchorEntity } from './entities/ledger-anchor.entity.js';
import { inDurableTransaction, Lock, lockParameters } from './write-transaction.js';

/** The anchors of the ledger in PostgreSQL. */
@Injectable()
export class TypeormAnchorStore extends AnchorStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async declare(names: readonly string[]): Promise<void> {
    await inDurableTransaction(this.dataSource, async (manager) => {
      await manager.query('delete from nte_ledger_anchor where not (name = any($1::text[]))', [
        names,
      ]);
      for (const name of names) {
        const { size, failures } = newAnchor(name);
        await manager.query(
          `insert into nte_ledger_anchor (name, size, failures) values ($1, $2, $3)
           on conflict (name) do nothing`,
          [name, size, failures],
        );
      }
    });
  }

  async list(): Promise<readonly AnchorState[]> {
    const rows = await this.dataSource.manager.find(LedgerAnchorEntity, { order: { name: 'ASC' } });
    return rows.map(({ name, size, note, anchoredAt, triedAt, failures, error }) => ({
      name,
      size: Number(size),
      note,
      anchoredAt,
      triedAt,
      failures,
      error,
    }));
  }

  async save(state: AnchorState): Promise<void> {
    const { name, size, note, anchoredAt, triedAt, failures, error } = state;
    await inDurableTransaction(this.dataSource, (manager) =>
      manager.query(
        `update nte_ledger_anchor
            set size = $2, note = $3, anchored_at = $4, tried_at = $5, failures = $6, error = $7
          where name = $1 and size <= $2`,
        [name, size, note, anchoredAt, triedAt, failures, error],
      ),
    );
  }

  /** The lock is that of a connection, so that no transaction stays open while others are waited for. */
  async alone(work: () => Promise<void>): Promise<boolean> {
    const runner = this.dataSource.createQueryRunner();
    const lock = [...lockParameters(Lock.Anchors)];
    try {
      const [{ won } = { won: false }] = await runner.manager.query<{ won: boolean }[]>(
        'select pg_try_advisory_lock($1, $2) as won',
        lock,
      );
      if (!won) return false;
      try {
        await work();
      } finally {
        await runner.manager.query('select pg_advisory_unlock($1, $2)', lock);
      }
      return true;
    } finally {
      await runner.release();
    }
  }

  async addCosignature(size: number, witness: string, line: string): Promise<void> {
    await inDurableTransaction(this.dataSource, (manager) =>
      manager.query(
        `insert into nte_ledger_cosignature (size, witness, line) values ($1, $2, $3)
         on conflict (size, witness) do update set line = excluded.line`,
        [size, witness, line],
      ),
    );
  }

  async cosignatures(size: number): Promise<readonly string[]> {
    const rows = await this.dataSource.query<{ line: string }[]>(
      'select line from nte_ledger_cosignature where size = $1 order by witness',
      [size],
    );
    return rows.map(({ line }) => line);
  }
}
