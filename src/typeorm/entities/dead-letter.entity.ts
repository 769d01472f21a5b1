import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

import type { DeadLetter } from '../../streams/sink.js';
import { milliseconds } from './milliseconds.js';

/** A piece of the log that could not be delivered. */
@Entity('nte_dead_letter')
@Index('nte_dead_letter_sink', ['sinkId', 'id'])
export class DeadLetterEntity implements DeadLetter {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'nte_dead_letter_pkey' })
  id!: string;

  @Column('uuid', { name: 'sink_id' })
  sinkId!: string;

  @Column('bigint', { transformer: milliseconds })
  first!: number;

  @Column('bigint', { transformer: milliseconds })
  last!: number;

  @Column('integer')
  attempts!: number;

  @Column('text')
  error!: string;

  @Column('bigint', { transformer: milliseconds })
  time!: number;
}
