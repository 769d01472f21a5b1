import { Column, Entity, PrimaryColumn } from 'typeorm';

const primaryKeyConstraintName = 'nte_audit_posting_pkey';

/** A bucket of the index of a segment: terms, and the places of the records that have them. */
@Entity('nte_audit_posting')
export class AuditPostingEntity {
  @PrimaryColumn('bigint', { primaryKeyConstraintName })
  first!: string;

  @PrimaryColumn('smallint', { primaryKeyConstraintName })
  level!: number;

  @PrimaryColumn('int', { primaryKeyConstraintName })
  bucket!: number;

  @Column('bytea')
  entries!: Buffer;
}
