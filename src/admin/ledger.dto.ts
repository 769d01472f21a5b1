import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';

import type { PlacedLeaf } from '../audit/ledger/ledger-reader.js';
import { MayBeAbsent, WholeNumber } from './validation.js';

/** From where on checkpoints are asked for. */
export class LedgerQuery {
  @ApiPropertyOptional({ minimum: 0, description: 'The size that the first one has at least.' })
  @WholeNumber()
  @MayBeAbsent()
  @IsInt({ message: 'must be a whole number' })
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  readonly from?: number;
}

/** Checkpoints. */
export class LedgerCheckpoints {
  @ApiProperty({ type: [String], description: 'Signed notes (c2sp.org/tlog-checkpoint).' })
  readonly notes!: readonly string[];

  @ApiProperty({ example: 0, description: 'The place of the oldest record that was not retired.' })
  readonly first!: number;
}

/** Leaves that stand together. */
export class LedgerBundle {
  @ApiProperty({ description: 'The place of the first one.' })
  readonly first!: number;

  @ApiProperty({
    description: 'The text that was hashed, and the parts that it commits to, opened.',
    type: 'array',
    items: { type: 'object' },
  })
  readonly leaves!: readonly PlacedLeaf[];
}
