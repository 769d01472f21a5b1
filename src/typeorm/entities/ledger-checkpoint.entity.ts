import { Column, Entity, PrimaryColumn } from 'typeorm';

import { milliseconds } from './milliseconds.js';

/** A checkpoint that was signed. */
@Entity('nte_ledger_checkpoint')
export class LedgerCheckpointEntity {
  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'nte_ledger_checkpoint_pkey' })
  size!: string;

  /** The signed note, as it is given out. */
  @Column('text')
  note!: string;

  @Column('bigint', { name: 'signed_at', transformer: milliseconds })
  signedAt!: number;
}
