import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

import type { PushedRequest } from '../../authorization/pushed-request-store.js';
import { milliseconds } from './milliseconds.js';

/** A pushed request; the client may be kept elsewhere. */
@Entity('nte_pushed_request')
@Index('nte_pushed_request_expiry', ['expiresAt'])
export class PushedRequestEntity implements PushedRequest {
  @PrimaryColumn('text', {
    name: 'request_hash',
    collation: 'C',
    primaryKeyConstraintName: 'nte_pushed_request_pkey',
  })
  requestHash!: string;

  @Column({ type: 'text', name: 'client_id', collation: 'C' })
  clientId!: string;

  /** Not `jsonb`, which refuses some of what a form may hold. */
  @Column('json')
  parameters!: [name: string, value: string][];

  @Column('bigint', { name: 'expires_at', transformer: milliseconds })
  expiresAt!: number;
}
