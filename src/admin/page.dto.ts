import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsString, Max, MaxLength, Min } from 'class-validator';

import { MayBeAbsent, WholeNumber } from './validation.js';

const MAX_LIMIT = 200;

/** How many items a page has when nobody says otherwise. */
export const DEFAULT_LIMIT = 50;

/** Which page of a list is asked for. */
export class PageQuery {
  @ApiPropertyOptional({ minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT })
  @WholeNumber()
  @MayBeAbsent()
  @IsInt({ message: `must be a whole number from 1 to ${MAX_LIMIT}` })
  @Min(1)
  @Max(MAX_LIMIT)
  readonly limit?: number;

  @ApiPropertyOptional({ description: 'The `next` of the page before.' })
  @MayBeAbsent()
  @IsString()
  @MaxLength(2048)
  readonly cursor?: string;
}
