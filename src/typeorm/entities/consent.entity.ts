import { Column, Entity, PrimaryColumn } from 'typeorm';

import type { Consent } from '../../authorization/consent-store.js';
import { milliseconds } from './milliseconds.js';

/** What a person agreed that an application may have; both may be kept elsewhere. */
@Entity('nte_consent')
export class ConsentEntity implements Consent {
  @PrimaryColumn({
    type: 'uuid',
    name: 'account_id',
    primaryKeyConstraintName: 'nte_consent_pkey',
  })
  accountId!: string;

  @PrimaryColumn('text', {
    name: 'client_id',
    collation: 'C',
    primaryKeyConstraintName: 'nte_consent_pkey',
  })
  clientId!: string;

  @Column('text', { array: true })
  scope!: string[];

  @Column('text', { array: true })
  targets!: string[];

  @Column('bigint', { name: 'granted_at', transformer: milliseconds })
  grantedAt!: number;
}
