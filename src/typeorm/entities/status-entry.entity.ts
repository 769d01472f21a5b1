import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

import { milliseconds } from './milliseconds.js';

/** Which token has a place in a status list, by everything that can revoke it. */
@Entity('nte_status_entry')
@Index('nte_status_entry_expiry', ['expiresAt'])
export class StatusEntryEntity {
  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'nte_status_entry_pkey' })
  position!: string;

  @Column('text', { array: true })
  keys!: string[];

  @Column('bigint', { name: 'root_time', transformer: milliseconds })
  rootTime!: number;

  @Column('bigint', { name: 'expires_at', transformer: milliseconds })
  expiresAt!: number;
}
