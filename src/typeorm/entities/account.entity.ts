import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

import type { AccountRole, KeptPassword } from '../../accounts/account.js';
import { milliseconds } from './milliseconds.js';

/** An account, whole in one row. */
@Entity('nte_account')
@Index('nte_account_username', ['usernameKey'], { unique: true })
export class AccountEntity {
  @PrimaryColumn({ type: 'uuid', name: 'account_id', primaryKeyConstraintName: 'nte_account_pkey' })
  accountId!: string;

  @Column('text')
  username!: string;

  /** What makes usernames unique, and orders them. */
  @Column({ type: 'text', name: 'username_key', collation: 'C' })
  usernameKey!: string;

  @Column('text')
  name!: string;

  @Column('text', { nullable: true })
  email!: string | null;

  @Column('boolean', { name: 'email_verified' })
  emailVerified!: boolean;

  @Column('text', { nullable: true })
  locale!: string | null;

  /** A JSON object; the recursive type of one is too deep for TypeORM's own types. */
  @Column('jsonb')
  claims!: object;

  @Column('text', { array: true })
  groups!: string[];

  @Column('text', { array: true })
  roles!: AccountRole[];

  @Column('boolean')
  disabled!: boolean;

  @Column('jsonb', { nullable: true })
  password!: KeptPassword | null;

  @Column('bigint', { name: 'created_at', transformer: milliseconds })
  createdAt!: number;

  @Column('bigint', { name: 'updated_at', transformer: milliseconds })
  updatedAt!: number;

  @Column('integer')
  version!: number;
}
