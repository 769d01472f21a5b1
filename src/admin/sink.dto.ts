import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  IsIn,
  IsInt,
  IsObject,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';

import {
  EXHAUSTED,
  SINK_FORMATS,
  SINK_KINDS,
  type Sink,
  type SinkFormat,
  type SinkKind,
} from '../streams/sink.js';
import { AuditQuery, LATEST, NOT_A_TIME, Time } from './audit-query.dto.js';
import { MayBeAbsent, MayBeNull } from './validation.js';

const DAY = 86_400;
const SECRET = { message: 'must be 1 to 500 visible characters' };
const VISIBLE = /^[\x21-\x7e]{1,500}$/;

/** Which records a sink gets; every field given must match. */
export class SinkFilter extends OmitType(AuditQuery, [
  'limit',
  'cursor',
  'from',
  'until',
] as const) {}

/** How this server proves itself to a NATS server: a user with a password, a token, or the seed of an nkey. */
export class NatsCredentialFields {
  @ApiPropertyOptional()
  @MayBeAbsent()
  @Matches(VISIBLE, SECRET)
  readonly user?: string;

  @ApiPropertyOptional()
  @MayBeAbsent()
  @Matches(VISIBLE, SECRET)
  readonly password?: string;

  @ApiPropertyOptional()
  @MayBeAbsent()
  @Matches(VISIBLE, SECRET)
  readonly token?: string;

  @ApiPropertyOptional()
  @MayBeAbsent()
  @Matches(/^SU[A-Z2-7]{56}$/, { message: 'must be the seed of a user (nkey)' })
  readonly nkeySeed?: string;
}

/** A change of a sink; what is not named stays as it is. */
export class ChangeSink {
  @ApiPropertyOptional({ example: 'SIEM', maxLength: 200 })
  @MayBeAbsent()
  @IsString()
  readonly name?: string;

  @ApiPropertyOptional({
    example: 'https://siem.example/records',
    description: 'https for a webhook, tls://host:port for NATS; without a user.',
  })
  @MayBeAbsent()
  @IsString()
  readonly url?: string;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    example: 'audit.records',
    description: 'Where in NATS: a subject that a JetStream stream takes.',
  })
  @MayBeNull()
  @IsString()
  @MaxLength(255)
  readonly subject?: string | null;

  @ApiPropertyOptional({ enum: SINK_FORMATS, default: 'cloudevents' })
  @MayBeAbsent()
  @IsIn(SINK_FORMATS)
  readonly format?: SinkFormat;

  @ApiPropertyOptional({ type: SinkFilter, description: 'Which records it gets; all when empty.' })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => SinkFilter)
  readonly filter?: SinkFilter;

  @ApiPropertyOptional({ minimum: 1, maximum: 50, default: 12 })
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(50)
  readonly maxAttempts?: number;

  @ApiPropertyOptional({
    enum: EXHAUSTED,
    default: 'skip',
    description: 'After the last try: pass the batch over and keep a dead letter, or stop.',
  })
  @MayBeAbsent()
  @IsIn(EXHAUSTED)
  readonly onExhausted?: Sink['onExhausted'];

  @ApiPropertyOptional({ type: NatsCredentialFields, description: 'For NATS; shown never again.' })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => NatsCredentialFields)
  readonly credentials?: NatsCredentialFields;
}

/** A new sink. */
export class CreateSink extends OmitType(ChangeSink, ['name', 'url'] as const) {
  @ApiProperty({ enum: SINK_KINDS })
  @IsIn(SINK_KINDS)
  readonly kind!: SinkKind;

  @ApiProperty({ example: 'SIEM', maxLength: 200 })
  @IsString()
  readonly name!: string;

  @ApiProperty({ example: 'https://siem.example/records' })
  @IsString()
  readonly url!: string;
}

/** How long the secret before the new one signs, too. */
export class RotateSinkSecret {
  @ApiPropertyOptional({ minimum: 0, maximum: 30 * DAY, default: DAY, description: 'Seconds.' })
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(30 * DAY)
  readonly previousExpiresIn?: number;
}

/** From where on a sink is delivered to again. */
export class ReplaySink {
  @ApiPropertyOptional({ minimum: 0, description: 'From this sequence on.' })
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  readonly sequence?: number;

  @ApiPropertyOptional({
    type: String,
    example: '2026-01-31T08:00:00Z',
    description: 'From the first record of this time on, instead of sequence.',
  })
  @Time()
  @MayBeAbsent()
  @IsInt(NOT_A_TIME)
  @Min(0)
  @Max(LATEST)
  readonly time?: number;
}
