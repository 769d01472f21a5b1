import { Column, Entity, PrimaryColumn } from 'typeorm';

import type { KeptPolicy } from '../../delegation/policy-store.js';
import { milliseconds } from './milliseconds.js';

/** A version of a policy; the database refuses to change or remove one. */
@Entity('nte_policy_version')
export class PolicyVersionEntity {
  @PrimaryColumn('text', {
    name: 'policy_id',
    collation: 'C',
    primaryKeyConstraintName: 'nte_policy_version_pkey',
  })
  policyId!: string;

  @PrimaryColumn('integer', { primaryKeyConstraintName: 'nte_policy_version_pkey' })
  version!: number;

  /** The policy itself, as it was written. Typed as loosely as TypeORM needs. */
  @Column('json')
  document!: object;

  @Column('bigint', { name: 'written_at', transformer: milliseconds })
  writtenAt!: number;

  @Column('jsonb', { name: 'written_by' })
  writtenBy!: KeptPolicy['writtenBy'];

  @Column('boolean', { name: 'is_deleted' })
  isDeleted!: boolean;
}
