import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

import type { AuthorizationCode } from '../../authorization/authorization.js';
import { AuthorizationEntity } from './authorization.entity.js';
import { milliseconds } from './milliseconds.js';

/** A code, which stays when it was used, so that its second use is noticed. */
@Entity('nte_authorization_code')
@Index('nte_authorization_code_authorization', ['authorizationId'])
export class AuthorizationCodeEntity implements AuthorizationCode {
  @PrimaryColumn('text', {
    name: 'code_hash',
    collation: 'C',
    primaryKeyConstraintName: 'nte_authorization_code_pkey',
  })
  codeHash!: string;

  @Column({ type: 'uuid', name: 'authorization_id' })
  @ForeignKey(() => AuthorizationEntity, {
    name: 'nte_authorization_code_authorization_fkey',
    onDelete: 'CASCADE',
  })
  authorizationId!: string;

  @Column('text', { name: 'redirect_uri' })
  redirectUri!: string;

  @Column('text', { name: 'code_challenge', nullable: true })
  codeChallenge!: string | null;

  @Column('text', { nullable: true })
  nonce!: string | null;

  @Column('bigint', { name: 'expires_at', transformer: milliseconds })
  expiresAt!: number;

  @Column('bigint', { name: 'used_at', nullable: true, transformer: milliseconds })
  usedAt!: number | null;
}
