import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

import { milliseconds } from './milliseconds.js';

/** The key that seals what records say of one person. Deleting it makes that unreadable. */
@Entity('nte_subject_key')
@Index('nte_subject_key_reference', ['reference'], { unique: true })
@Index('nte_subject_key_sub', ['subReference'], { where: '(sub_reference IS NOT NULL)' })
@Index('nte_subject_key_iss', ['issReference'], { where: '(iss_reference IS NOT NULL)' })
export class SubjectKeyEntity {
  /** Random: what records name instead of the person. */
  @PrimaryColumn('uuid', { name: 'key_id', primaryKeyConstraintName: 'nte_subject_key_pkey' })
  keyId!: string;

  /** A keyed hash of issuer and subject. */
  @Column({ type: 'text', collation: 'C' })
  reference!: string;

  /** A keyed hash of the subject alone; null for what is nobody's. */
  @Column({ type: 'text', name: 'sub_reference', collation: 'C', nullable: true })
  subReference!: string | null;

  /** A keyed hash of the issuer alone. */
  @Column({ type: 'text', name: 'iss_reference', collation: 'C', nullable: true })
  issReference!: string | null;

  /** Sealed with the key encryption key. */
  @Column('text', { name: 'wrapped_key' })
  wrappedKey!: string;

  @Column('bigint', { name: 'created_at', transformer: milliseconds })
  createdAt!: number;
}
