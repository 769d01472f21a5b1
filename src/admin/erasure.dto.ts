import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Matches } from 'class-validator';

import { MayBeAbsent } from './validation.js';

const NAME = /^[^\p{Cc}\p{Cs}]{1,512}$/u;
const NOT_A_NAME = { message: 'must be 1 to 512 visible characters' };

/** Who is to be erased. */
export class NamedPerson {
  @ApiProperty({
    example: '3f0c2b5e-8a41-4c0e-9d57-0b6f4f6a2c11',
    description: 'The `sub` of the person: of our own the id of the account.',
  })
  @Matches(NAME, NOT_A_NAME)
  readonly sub!: string;

  @ApiPropertyOptional({
    example: 'https://login.example',
    description: 'Whose name `sub` is; this server’s without.',
  })
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly iss?: string;
}

/** What erasing a person would do. */
export class ErasurePlanView {
  @ApiProperty({
    description:
      'Whether the account still exists: it must be deleted before the person is erased.',
  })
  readonly accountExists!: boolean;

  @ApiProperty({
    type: String,
    nullable: true,
    format: 'uuid',
    description:
      'The id of the key that would be destroyed: all that records will say of the person. Null when there is nothing to erase.',
  })
  readonly keyId!: string | null;

  @ApiProperty({
    example: 128,
    description: 'Records that name the person, each in one sealed part.',
  })
  readonly records!: number;

  @ApiProperty({
    example: 0,
    description:
      'Records of before the ledger that name the person in clear: they cannot be erased, and go when they are retired.',
  })
  readonly unsealed!: number;

  @ApiProperty({ description: 'Whether every record was counted; otherwise the newest were.' })
  readonly isComplete!: boolean;
}

/** What was erased. */
export class ErasureView {
  @ApiProperty({
    description:
      'False when there was nothing to erase: no record names the person, or not any more.',
  })
  readonly erased!: boolean;

  @ApiProperty({
    type: String,
    nullable: true,
    format: 'uuid',
    description: 'The id of the key that was destroyed, which records still name.',
  })
  readonly keyId!: string | null;
}
