import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Where the log ends: one row, which every write moves in the transaction of its records. */
@Entity('nte_ledger_head')
export class LedgerHeadEntity {
  /** Always 1. */
  @PrimaryColumn('smallint', { primaryKeyConstraintName: 'nte_ledger_head_pkey' })
  log!: number;

  /** How many leaves it has. */
  @Column('bigint')
  size!: string;

  /** The roots of its complete subtrees, the largest first. */
  @Column('bytea')
  frontier!: Buffer;

  @Column('bytea')
  root!: Buffer;
}
