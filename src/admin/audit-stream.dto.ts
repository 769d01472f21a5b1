import { ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import { IsIn, IsInt, Max, Min } from 'class-validator';

import { AuditQuery } from './audit-query.dto.js';
import { MayBeAbsent, WholeNumber } from './validation.js';

/** The forms that a stream speaks. */
export const STREAM_FORMATS = ['cloudevents', 'ocsf'] as const;

/** Which records are streamed, from where on, and in which form. */
export class AuditStreamQuery extends OmitType(AuditQuery, ['limit', 'cursor'] as const) {
  @ApiPropertyOptional({ enum: STREAM_FORMATS, default: 'cloudevents' })
  @MayBeAbsent()
  @IsIn(STREAM_FORMATS, { message: `must be one of ${STREAM_FORMATS.join(', ')}` })
  readonly format?: (typeof STREAM_FORMATS)[number];

  @ApiPropertyOptional({
    minimum: 0,
    description:
      'The sequence behind which to begin; `Last-Event-ID` says the same. Without either, the stream begins with what comes next.',
  })
  @WholeNumber()
  @MayBeAbsent()
  @IsInt({ message: 'must be a sequence' })
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  readonly after?: number;
}
