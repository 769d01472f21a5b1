import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A stretch of the audit log that the index covers: derived from the log, and can be made again. */
@Entity('nte_audit_segment')
export class AuditSegmentEntity {
  /** The place of its first record in the log; segments never overlap. */
  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'nte_audit_segment_pkey' })
  first!: string;

  @Column('smallint')
  level!: number;

  /** The earliest and the latest time of its records. */
  @Column('bigint', { name: 'min_time' })
  minTime!: string;

  @Column('bigint', { name: 'max_time' })
  maxTime!: string;

  /** The same of each of its blocks, as pairs of 64-bit floating point numbers. */
  @Column('bytea')
  times!: Buffer;
}
