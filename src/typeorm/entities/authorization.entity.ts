import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

import { milliseconds } from './milliseconds.js';

/** What a person allowed an application; the account, the client and the session may be kept elsewhere. */
@Entity('nte_authorization')
@Index('nte_authorization_account', ['accountId'])
@Index('nte_authorization_client', ['clientId'])
@Index('nte_authorization_session', ['sid'])
@Index('nte_authorization_expiry', ['expiresAt'])
@Index('nte_authorization_revocation', ['revokedAt'], { where: '(revoked_at IS NOT NULL)' })
export class AuthorizationEntity {
  @PrimaryColumn({
    type: 'uuid',
    name: 'authorization_id',
    primaryKeyConstraintName: 'nte_authorization_pkey',
  })
  authorizationId!: string;

  @Column({ type: 'text', name: 'client_id', collation: 'C' })
  clientId!: string;

  @Column({ type: 'uuid', name: 'account_id' })
  accountId!: string;

  @Column({ type: 'text', collation: 'C' })
  sid!: string;

  @Column('text', { array: true })
  scope!: string[];

  @Column('text', { array: true })
  targets!: string[];

  /** Not `jsonb`, which refuses some of what an application may ask for. Typed as loosely as TypeORM needs. */
  @Column('json')
  claims!: object;

  @Column('bigint', { name: 'auth_time', transformer: milliseconds })
  authTime!: number;

  @Column('text')
  acr!: string;

  @Column('text', { array: true })
  amr!: string[];

  @Column('boolean', { name: 'is_offline' })
  isOffline!: boolean;

  @Column('bigint', { name: 'created_at', transformer: milliseconds })
  createdAt!: number;

  /** Never changes: rows are locked in its order. */
  @Column('bigint', { name: 'expires_at', transformer: milliseconds })
  expiresAt!: number;

  @Column('bigint', { name: 'revoked_at', nullable: true, transformer: milliseconds })
  revokedAt!: number | null;
}
