import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A full tile of the log, which never changes. Partial ones are read from what is below them. */
@Entity('nte_ledger_tile')
export class LedgerTileEntity {
  @PrimaryColumn('smallint', { primaryKeyConstraintName: 'nte_ledger_tile_pkey' })
  level!: number;

  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'nte_ledger_tile_pkey' })
  index!: string;

  /** 256 of them, one after the other. */
  @Column('bytea')
  hashes!: Buffer;

  /** The root over them: a hash of the level above. */
  @Column('bytea')
  root!: Buffer;
}
