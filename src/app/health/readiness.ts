import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { LedgerStanding } from '../../audit/ledger/ledger-continuity.js';
import { KeyRing } from '../../keys/key-ring.js';

/** Milliseconds that a check may take. */
const PATIENCE = 2_000;

/** Knows whether the service can answer: not while it is leaving, nor without its database or a key. */
@Injectable()
export class Readiness {
  #leaving = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly ring: KeyRing,
    private readonly standing: LedgerStanding,
  ) {}

  /** From now on it is not ready: the service is about to stop. */
  leave(): void {
    this.#leaving = true;
  }

  /** Whether checkpoints are signed: a broken ledger must be seen, and is no reason to refuse tokens. */
  ledger(): 'up' | 'down' {
    return this.standing.broken === null ? 'up' : 'down';
  }

  /** Each check that it takes to answer, by name. */
  async check(): Promise<Record<string, 'up' | 'down'>> {
    const [database, keys] = await Promise.all([
      succeeds(this.dataSource.query('select 1')),
      succeeds(this.ring.active()),
    ]);
    return { database, keys, ...(this.#leaving ? { service: 'down' as const } : {}) };
  }
}

async function succeeds(work: Promise<unknown>): Promise<'up' | 'down'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'down'>((resolve) => {
    timer = setTimeout(() => resolve('down'), PATIENCE);
  });
  const done = work.then(
    () => 'up' as const,
    () => 'down' as const,
  );
  return Promise.race([done, late]).finally(() => clearTimeout(timer));
}
