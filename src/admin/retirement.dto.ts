import { ApiProperty } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';

import { LATEST, NOT_A_TIME, Time } from './audit-query.dto.js';

/** Which records are to go. */
export class RetiredBefore {
  @ApiProperty({
    type: String,
    example: '2020-01-01',
    description:
      'Records before this time: ISO 8601 with its zone, or milliseconds since the epoch.',
  })
  @Time()
  @IsInt(NOT_A_TIME)
  @Min(0)
  @Max(LATEST)
  readonly before!: number;
}

/** Which records went, or would go. */
export class RetirementView {
  @ApiProperty({
    type: Number,
    nullable: true,
    example: 0,
    description: 'The place of the first one; null when none is old enough.',
  })
  readonly first!: number | null;

  @ApiProperty({
    type: Number,
    nullable: true,
    example: 65_536,
    description: 'The place after the last one.',
  })
  readonly until!: number | null;
}
