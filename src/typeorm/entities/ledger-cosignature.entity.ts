import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What a witness signed beside a checkpoint. */
@Entity('nte_ledger_cosignature')
export class LedgerCosignatureEntity {
  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'nte_ledger_cosignature_pkey' })
  size!: string;

  /** The name of the witness's key. */
  @PrimaryColumn('text', {
    collation: 'C',
    primaryKeyConstraintName: 'nte_ledger_cosignature_pkey',
  })
  witness!: string;

  /** The line, as it is in the note, without its newline. */
  @Column('text')
  line!: string;
}
