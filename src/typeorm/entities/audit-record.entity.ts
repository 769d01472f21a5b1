import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

import type { AuditEvent } from '../../audit/audit-record.js';
import { milliseconds } from './milliseconds.js';

/**
 * A record of the audit log: the columns are what is searched, `document` is the record itself.
 * Every index is paid for by each exchange, so there are only those of a look-up that must be quick.
 */
@Entity('nte_audit_record')
@Index('nte_audit_record_id', ['id'], { unique: true })
@Index('nte_audit_record_chain', ['chainId'], { where: '(chain_id IS NOT NULL)' })
@Index('nte_audit_record_origin', ['originJti'], { where: '(origin_jti IS NOT NULL)' })
export class AuditRecordEntity {
  /** The order of the log and of its pages. */
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'nte_audit_record_pkey',
  })
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

  @Column('text', { name: 'subject_iss', nullable: true })
  subjectIss!: string | null;

  @Column('text', { name: 'subject_sub', nullable: true })
  subjectSub!: string | null;

  /** The `sub` and the client id of every actor, at any depth. */
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

  /** The JSON of the record, byte for byte as it was written. */
  @Column('text')
  document!: string;
}
