import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsObject,
  Matches,
  ValidateNested,
} from 'class-validator';

import type { Json } from '../oauth/claims.js';
import type { FieldDifference } from './policy-differences.js';
import { NamedPolicy } from './policy.dto.js';
import { MayBeAbsent } from './validation.js';

/** How many policies a request can name. */
export const MAX_POLICIES = 1000;

/** How many bytes a request with policies can have. */
export const MAX_POLICY_BODY = 1024 * 1024;

/** What a plan can say of a policy. */
export const POLICY_CHANGES = ['create', 'update', 'delete', 'none'] as const;

/** Policies as they are to be. */
export class WantedPolicies {
  @ApiProperty({ type: [NamedPolicy] })
  @IsArray()
  @ArrayMaxSize(MAX_POLICIES)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => NamedPolicy)
  readonly policies!: readonly NamedPolicy[];

  @ApiPropertyOptional({
    default: false,
    description: 'Whether policies that are stored and not named here go.',
  })
  @MayBeAbsent()
  @IsBoolean()
  readonly prune?: boolean;
}

/** The same, to be written. */
export class AppliedPolicies extends WantedPolicies {
  @ApiPropertyOptional({
    description: 'The digest of a plan: when policies changed since, nothing is written.',
  })
  @MayBeAbsent()
  @Matches(/^[A-Za-z0-9_-]{43}$/, { message: 'must be the digest of a plan' })
  readonly expected?: string;
}

/** A field that becomes another. */
export class FieldChange implements FieldDifference {
  @ApiProperty({ example: 'limits.depth' })
  readonly field!: string;

  @ApiProperty({
    type: Object,
    nullable: true,
    example: 5,
    description: 'Null when it was absent.',
  })
  readonly from!: Json;

  @ApiProperty({ type: Object, nullable: true, example: 3, description: 'Null when it goes.' })
  readonly to!: Json;
}

/** What becomes of a policy. */
export class PlannedChange {
  @ApiProperty({ example: 'parcels' })
  readonly policyId!: string;

  @ApiProperty({ enum: POLICY_CHANGES })
  readonly change!: (typeof POLICY_CHANGES)[number];

  @ApiProperty({
    type: [FieldChange],
    description: 'Of a new policy what is not the default; of one that goes nothing.',
  })
  readonly fields!: readonly FieldChange[];
}

/** What becomes of the policies. */
export class PolicyPlan {
  @ApiProperty({ type: [PlannedChange], description: 'In ascending order of the ids.' })
  readonly changes!: readonly PlannedChange[];

  @ApiProperty({
    example: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
    description: 'SHA-256 of the names and versions that were stored when the plan was made.',
  })
  readonly digest!: string;
}
