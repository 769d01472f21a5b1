import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

import type { Session } from '../../accounts/session.js';
import { milliseconds } from './milliseconds.js';

/** A sign-in session; the account may be kept elsewhere. */
@Entity('nte_session')
@Index('nte_session_secret', ['secretHash'], { unique: true })
@Index('nte_session_account', ['accountId'])
@Index('nte_session_expiry', ['expiresAt'])
export class SessionEntity implements Session {
  @PrimaryColumn('text', { collation: 'C', primaryKeyConstraintName: 'nte_session_pkey' })
  sid!: string;

  @Column({ type: 'text', name: 'secret_hash', collation: 'C' })
  secretHash!: string;

  @Column({ type: 'uuid', name: 'account_id' })
  accountId!: string;

  @Column('bigint', { name: 'auth_time', transformer: milliseconds })
  authTime!: number;

  @Column('text')
  acr!: string;

  @Column('text', { array: true })
  amr!: string[];

  @Column('bigint', { name: 'created_at', transformer: milliseconds })
  createdAt!: number;

  @Column('bigint', { name: 'last_seen_at', transformer: milliseconds })
  lastSeenAt!: number;

  @Column('bigint', { name: 'expires_at', transformer: milliseconds })
  expiresAt!: number;

  @Column('bigint', { name: 'idle_limit', transformer: milliseconds })
  idleLimit!: number;

  @Column('text', { nullable: true })
  address!: string | null;

  @Column('text', { name: 'user_agent', nullable: true })
  userAgent!: string | null;

  @Column('text', { array: true })
  clients!: string[];
}
