import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

import type { AuditEvent } from '../../audit/audit-record.js';
import { milliseconds } from './milliseconds.js';

/**
 * A record of the audit log: the columns are what is searched, `document` is the leaf itself.
 * Every index is paid for by each exchange, so there are only those of a look-up that must be quick.
 * It is partitioned by ranges of `sequence`, and each partition has a unique index of `id` besides.
 */
@Entity('nte_audit_record')
@Index('nte_audit_record_chain', ['chainId'], { where: '(chain_id IS NOT NULL)' })
@Index('nte_audit_record_origin', ['originJti'], { where: '(origin_jti IS NOT NULL)' })
export class AuditRecordEntity {
  /** Its place in the log, from 0 on without a gap: the order of the log and of its pages. */
  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'nte_audit_record_pkey' })
  sequence!: string;

  @Column('uuid')
  id!: string;

  @Column('bigint', { transformer: milliseconds })
  time!: number;

  @Column('text', { default: 'grant' })
  event!: AuditEvent;

  @Column('text')
  outcome!: 'granted' | 'refused';

  @Column('text', { nullable: true })
  reason!: string | null;

  @Column('text', { name: 'grant_type', nullable: true })
  grantType!: string | null;

  @Column('text', { name: 'client_id', nullable: true })
  clientId!: string | null;

  /** The id of the key of the subject, whose name is not here. */
  @Column('uuid', { name: 'subject_key', nullable: true })
  subjectKey!: string | null;

  /** Only records that were kept before there was a ledger name their subject here. */
  @Column('text', { name: 'subject_iss', nullable: true })
  subjectIss!: string | null;

  @Column('text', { name: 'subject_sub', nullable: true })
  subjectSub!: string | null;

  /** The client id of every actor at any depth, and for people the id of their key. */
  @Column('text', { array: true })
  actors!: string[];

  /** Granted, or else requested. */
  @Column('text', { array: true })
  audience!: string[];

  @Column('uuid', { name: 'chain_id', nullable: true })
  chainId!: string | null;

  @Column('uuid', { name: 'parent_id', nullable: true })
  parentId!: string | null;

  /** The start of the `jti` of the token that began the chain. */
  @Column('text', { name: 'origin_jti', nullable: true })
  originJti!: string | null;

  /** The leaf, whose UTF-8 bytes were hashed. */
  @Column('text')
  document!: string;

  /** The hash of the leaf. */
  @Column('bytea', { name: 'leaf_hash' })
  leafHash!: Buffer;

  /** What the leaf commits to and does not say, sealed, part by part in its order. */
  @Column('text', { array: true })
  sealed!: string[];
}
