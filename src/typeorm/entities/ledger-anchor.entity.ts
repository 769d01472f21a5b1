import { Column, Entity, PrimaryColumn } from 'typeorm';

import { milliseconds } from './milliseconds.js';

/** What is known of a place outside of the database that keeps checkpoints. */
@Entity('nte_ledger_anchor')
export class LedgerAnchorEntity {
  @PrimaryColumn('text', {
    collation: 'C',
    primaryKeyConstraintName: 'nte_ledger_anchor_pkey',
  })
  name!: string;

  /** How many records its last checkpoint covers. */
  @Column('bigint')
  size!: string;

  /** That checkpoint. */
  @Column('text', { nullable: true })
  note!: string | null;

  @Column('bigint', { name: 'anchored_at', nullable: true, transformer: milliseconds })
  anchoredAt!: number | null;

  @Column('bigint', { name: 'tried_at', nullable: true, transformer: milliseconds })
  triedAt!: number | null;

  /** Since the last success. */
  @Column('integer')
  failures!: number;

  /** The reason of the last failure, a short word. */
  @Column('text', { nullable: true })
  error!: string | null;
}
