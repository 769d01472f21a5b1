import { Column, Entity, PrimaryColumn } from 'typeorm';

import type { SigningAlgorithm, StoredSigningKey } from '../../keys/signing-key.js';
import { milliseconds } from './milliseconds.js';

/** A signing key, its private half sealed. */
@Entity('nte_signing_key')
export class SigningKeyEntity implements StoredSigningKey {
  @PrimaryColumn('text', { collation: 'C', primaryKeyConstraintName: 'nte_signing_key_pkey' })
  kid!: string;

  @Column('text')
  algorithm!: SigningAlgorithm;

  @Column('jsonb', { name: 'public_jwk' })
  publicJwk!: StoredSigningKey['publicJwk'];

  @Column('text', { name: 'sealed_private_jwk' })
  sealedPrivateJwk!: string;

  @Column('bigint', { name: 'created_at', transformer: milliseconds })
  createdAt!: number;

  @Column('bigint', { name: 'active_from', transformer: milliseconds })
  activeFrom!: number;

  @Column('bigint', { name: 'revoked_at', nullable: true, transformer: milliseconds })
  revokedAt!: number | null;
}
