import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsISO8601, Max, Min } from 'class-validator';

import { MayBeAbsent } from './validation.js';

const DAY = 86_400;
const TEN_YEARS = 3650 * DAY;

/** How a new secret and those before it live. */
export class CreateClientSecret {
  @ApiPropertyOptional({ format: 'date-time', description: 'When it expires; never, when absent.' })
  @MayBeAbsent()
  @IsISO8601({ strict: true, strictSeparator: true })
  readonly expiresAt?: string;

  @ApiPropertyOptional({
    minimum: 60,
    maximum: TEN_YEARS,
    example: 90 * DAY,
    description: 'Seconds until it expires, instead of expiresAt.',
  })
  @MayBeAbsent()
  @IsInt()
  @Min(60)
  @Max(TEN_YEARS)
  readonly expiresIn?: number;

  @ApiPropertyOptional({
    minimum: 0,
    maximum: 30 * DAY,
    default: DAY,
    description: 'Seconds that the secrets before it stay valid; 0 ends them at once.',
  })
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(30 * DAY)
  readonly previousExpiresIn?: number;
}
