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

/** A place outside of the database that keeps checkpoints. */
export class LedgerAnchorView {
  @ApiProperty({ example: 'file', description: 'What it is; a witness with the name of its key.' })
  readonly name!: string;

  @ApiProperty({ example: 4711, description: 'How many records its last checkpoint covers.' })
  readonly size!: number;

  @ApiProperty({
    type: String,
    nullable: true,
    format: 'date-time',
    example: '2026-01-01T00:00:00.000Z',
    description: 'When it took that; null while it has none.',
  })
  readonly anchoredAt!: string | null;

  @ApiProperty({
    type: Number,
    nullable: true,
    example: 42,
    description: 'How long ago that was, in seconds; null while it has none.',
  })
  readonly age!: number | null;

  @ApiProperty({ example: 3, description: 'Records of the newest checkpoint that it lacks.' })
  readonly lag!: number;

  @ApiProperty({
    example: false,
    description: 'Whether it lacks some and took none for three intervals.',
  })
  readonly isLate!: boolean;

  @ApiProperty({
    type: String,
    nullable: true,
    example: null,
    description: 'Why it did not take the last one that it was given; null when it did.',
  })
  readonly error!: string | null;
}

/** Where checkpoints are kept. */
export class LedgerAnchorList {
  @ApiProperty({ example: 4714, description: 'How many records the newest checkpoint covers.' })
  readonly size!: number;

  @ApiProperty({
    type: String,
    nullable: true,
    example: null,
    description: 'Why no checkpoint is signed any more; null while all is well.',
  })
  readonly broken!: string | null;

  @ApiProperty({ type: [LedgerAnchorView] })
  readonly items!: readonly LedgerAnchorView[];
}
