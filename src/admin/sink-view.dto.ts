import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

import {
  EXHAUSTED,
  SINK_FORMATS,
  SINK_KINDS,
  SINK_STATES,
  type DeadLetter,
  type Sink,
  type SinkFormat,
  type SinkKind,
  type SinkState,
} from '../streams/sink.js';
import { isoTime } from './iso-time.js';
import { SinkFilter } from './sink.dto.js';

/** A secret that is shown this once. */
export class NewSinkSecret {
  @ApiProperty({ example: 'whsec_…', description: 'Verifies the deliveries (Standard Webhooks).' })
  readonly secret!: string;
}

/** A sink as an administrator sees it. */
export class SinkView {
  @ApiProperty({ format: 'uuid' })
  readonly id!: string;

  @ApiProperty({ example: 'SIEM' })
  readonly name!: string;

  @ApiProperty({ enum: SINK_KINDS })
  readonly kind!: SinkKind;

  @ApiProperty({ example: 'https://siem.example/records' })
  readonly url!: string;

  @ApiProperty({ type: String, nullable: true })
  readonly subject!: string | null;

  @ApiProperty({ enum: SINK_FORMATS })
  readonly format!: SinkFormat;

  @ApiProperty({ type: SinkFilter })
  readonly filter!: Sink['filter'];

  @ApiProperty({ example: 12 })
  readonly maxAttempts!: number;

  @ApiProperty({ enum: EXHAUSTED })
  readonly onExhausted!: Sink['onExhausted'];

  @ApiProperty({ enum: SINK_STATES })
  readonly state!: SinkState;

  @ApiProperty({ example: 42, description: 'The sequence that is delivered next.' })
  readonly cursor!: number;

  @ApiProperty({ example: 0, description: 'Failed tries of the next batch.' })
  readonly failures!: number;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  readonly nextAttempt!: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'status 500' })
  readonly lastError!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  readonly deliveredAt!: string | null;

  @ApiProperty({ format: 'date-time' })
  readonly createdAt!: string;

  @ApiProperty({ example: 1 })
  readonly version!: number;

  @ApiPropertyOptional({ type: NewSinkSecret })
  readonly newSecret?: NewSinkSecret;
}

/** A page of sinks. */
export class SinkPage {
  @ApiProperty({ type: [SinkView] })
  readonly items!: readonly SinkView[];

  @ApiProperty({ type: String, nullable: true, description: 'The cursor of the next page.' })
  readonly next!: string | null;
}

/** How a try without records went. */
export class SinkTest {
  @ApiProperty({
    type: String,
    nullable: true,
    example: null,
    description: 'Null when all is well.',
  })
  readonly error!: string | null;
}

/** A piece of the log that could not be delivered. */
export class DeadLetterView {
  @ApiProperty({ format: 'uuid' })
  readonly id!: string;

  @ApiProperty({ example: 42, description: 'The sequence of its first record.' })
  readonly first!: number;

  @ApiProperty({ example: 99 })
  readonly last!: number;

  @ApiProperty({ example: 12 })
  readonly attempts!: number;

  @ApiProperty({ example: 'status 500' })
  readonly error!: string;

  @ApiProperty({ format: 'date-time' })
  readonly time!: string;
}

/** A page of dead letters. */
export class DeadLetterPage {
  @ApiProperty({ type: [DeadLetterView] })
  readonly items!: readonly DeadLetterView[];

  @ApiProperty({ type: String, nullable: true, description: 'The cursor of the next page.' })
  readonly next!: string | null;
}

/** A sink without what opens it. */
export function viewSink(sink: Sink, secret?: string): SinkView {
  const { sealedSecret: _sealed, nextAttempt, deliveredAt, createdAt, ...rest } = sink;
  return {
    ...rest,
    nextAttempt: nextAttempt === 0 ? null : isoTime(nextAttempt),
    deliveredAt: deliveredAt === null ? null : isoTime(deliveredAt),
    createdAt: isoTime(createdAt),
    ...(secret === undefined ? {} : { newSecret: { secret } }),
  };
}

export function viewDeadLetter({ sinkId: _sink, time, ...rest }: DeadLetter): DeadLetterView {
  return { ...rest, time: isoTime(time) };
}
