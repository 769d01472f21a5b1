import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';

import type { RefreshToken } from '../../authorization/authorization.js';
import { AuthorizationEntity } from './authorization.entity.js';
import { milliseconds } from './milliseconds.js';

/** A refresh token, which stays when it was used, so that its theft is noticed. */
@Entity('nte_refresh_token')
@Index('nte_refresh_token_authorization', ['authorizationId'])
export class RefreshTokenEntity implements RefreshToken {
  @PrimaryColumn('text', {
    name: 'token_hash',
    collation: 'C',
    primaryKeyConstraintName: 'nte_refresh_token_pkey',
  })
  tokenHash!: string;

  @Column({ type: 'uuid', name: 'authorization_id' })
  authorizationId!: string;

  /** Only where it was asked for: one statement reads both. */
  @ManyToOne(() => AuthorizationEntity, { onDelete: 'CASCADE' })
  @JoinColumn({
    name: 'authorization_id',
    foreignKeyConstraintName: 'nte_refresh_token_authorization_fkey',
  })
  authorization?: AuthorizationEntity;

  @Column('bigint', { name: 'created_at', transformer: milliseconds })
  createdAt!: number;

  @Column('bigint', { name: 'expires_at', transformer: milliseconds })
  expiresAt!: number;

  @Column('bigint', { name: 'used_at', nullable: true, transformer: milliseconds })
  usedAt!: number | null;
}
