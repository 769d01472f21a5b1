import { Column, Entity, PrimaryColumn } from 'typeorm';

import type { AuditSearch } from '../../audit/audit-log.js';
import type { Sink, SinkFormat, SinkKind, SinkState } from '../../streams/sink.js';
import { milliseconds } from './milliseconds.js';

/** A receiver of records, how far it has come, and which worker delivers to it. */
@Entity('nte_sink')
export class SinkEntity implements Sink {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'nte_sink_pkey' })
  id!: string;

  @Column('text')
  name!: string;

  @Column('text')
  kind!: SinkKind;

  @Column('text')
  url!: string;

  @Column('text', { nullable: true })
  subject!: string | null;

  @Column('text')
  format!: SinkFormat;

  @Column('jsonb')
  filter!: AuditSearch;

  @Column('text', { name: 'sealed_secret', nullable: true })
  sealedSecret!: string | null;

  @Column('integer', { name: 'max_attempts' })
  maxAttempts!: number;

  @Column('text', { name: 'on_exhausted' })
  onExhausted!: Sink['onExhausted'];

  @Column('bigint', { name: 'created_at', transformer: milliseconds })
  createdAt!: number;

  @Column('integer')
  version!: number;

  @Column('text')
  state!: SinkState;

  @Column('bigint', { transformer: milliseconds })
  cursor!: number;

  @Column('integer')
  failures!: number;

  @Column('bigint', { name: 'next_attempt', transformer: milliseconds })
  nextAttempt!: number;

  @Column('text', { name: 'last_error', nullable: true })
  lastError!: string | null;

  @Column('bigint', { name: 'delivered_at', nullable: true, transformer: milliseconds })
  deliveredAt!: number | null;

  @Column('uuid', { name: 'held_by', nullable: true })
  heldBy!: string | null;

  @Column('bigint', { name: 'held_until', transformer: milliseconds })
  heldUntil!: number;
}
