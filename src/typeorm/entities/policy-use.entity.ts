import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

import { milliseconds } from './milliseconds.js';

/** How often a policy was used, in all or for one subject token. */
@Entity('nte_policy_use')
@Index('nte_policy_use_expiry', ['until'], { where: '(until IS NOT NULL)' })
export class PolicyUseEntity {
  @PrimaryColumn('text', { collation: 'C', primaryKeyConstraintName: 'nte_policy_use_pkey' })
  key!: string;

  @Column('bigint')
  count!: string;

  /** Null for a count that is never forgotten. */
  @Column('bigint', { nullable: true, transformer: milliseconds })
  until!: number | null;
}
