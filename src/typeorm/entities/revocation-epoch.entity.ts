import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** Counts the writes of revocations: its one row is locked until a write can be seen, so that their order is that. */
@Entity('nte_revocation_epoch')
@Check('nte_revocation_epoch_only', 'is_only')
export class RevocationEpochEntity {
  @PrimaryColumn('boolean', {
    name: 'is_only',
    default: true,
    primaryKeyConstraintName: 'nte_revocation_epoch_pkey',
  })
  isOnly!: boolean;

  @Column('bigint')
  epoch!: string;
}
