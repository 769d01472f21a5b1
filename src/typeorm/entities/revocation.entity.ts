import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

import { milliseconds } from './milliseconds.js';

/** What is revoked, by a key that says nothing about whom it names. */
@Entity('nte_revocation')
@Index('nte_revocation_order', ['epoch', 'key'])
@Index('nte_revocation_expiry', ['expiresAt'], { where: '(expires_at IS NOT NULL)' })
export class RevocationEntity {
  @PrimaryColumn('text', { collation: 'C', primaryKeyConstraintName: 'nte_revocation_pkey' })
  key!: string;

  @Column('bigint', { transformer: milliseconds })
  before!: number;

  /** Null for one that is never forgotten. */
  @Column('bigint', { name: 'expires_at', nullable: true, transformer: milliseconds })
  expiresAt!: number | null;

  /** The write that made it what it is. */
  @Column('bigint')
  epoch!: string;
}
