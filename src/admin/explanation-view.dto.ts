import { ApiProperty } from '@nestjs/swagger';

import type { ConsideredPolicy } from '../delegation/policy-set.js';
import type { ActingMode, Basis } from '../delegation/verdict.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';

/** Which rule of which policy decided. */
export class BasisView implements Basis {
  @ApiProperty({ example: 'parcels' })
  readonly policy!: string;

  @ApiProperty({ example: '1' })
  readonly version!: string;

  @ApiProperty({ example: 'presenter-is-audience' })
  readonly rule!: string;
}

/** One thing that a policy asks. */
export class CheckView {
  @ApiProperty({ example: 'target' })
  readonly rule!: string;

  @ApiProperty()
  readonly passed!: boolean;

  @ApiProperty({ type: String, example: 'target_not_allowed', description: 'Of a refusal by it.' })
  readonly reason!: RefusalReason;
}

/** How one policy judges the question. */
export class ConsideredView implements ConsideredPolicy {
  @ApiProperty({ example: 'parcels' })
  readonly policy!: string;

  @ApiProperty({ example: '1' })
  readonly version!: string;

  @ApiProperty({
    enum: ['allow', 'deny', 'limit'],
    description: '`limit` are the settings of the issuer of the token: they give nothing.',
  })
  readonly effect!: 'allow' | 'deny' | 'limit';

  @ApiProperty({
    description:
      'Of `allow`: whether it would grant. Of `deny`: whether it forbids. Of `limit`: whether it holds back nothing that is asked for.',
  })
  readonly applies!: boolean;

  @ApiProperty({ type: [CheckView], description: 'Every check; none of a policy that denies.' })
  readonly checks!: readonly CheckView[];
}

/** What an exchange would be answered, and why. */
export class ExplanationView {
  @ApiProperty({ enum: ['granted', 'refused'] })
  readonly verdict!: 'granted' | 'refused';

  @ApiProperty({
    type: String,
    nullable: true,
    example: null,
    description: 'Why it is refused, as its record would say it.',
  })
  readonly reason!: RefusalReason | null;

  @ApiProperty({ nullable: true, enum: ['delegation', 'impersonation', 'self', null] })
  readonly mode!: ActingMode | null;

  @ApiProperty({ type: [String], nullable: true, example: ['address:read'] })
  readonly scope!: readonly string[] | null;

  @ApiProperty({ type: [String], nullable: true, example: ['postal_service'] })
  readonly audience!: readonly string[] | null;

  @ApiProperty({ type: Number, nullable: true, example: 600, description: 'Seconds.' })
  readonly lifetime!: number | null;

  @ApiProperty({
    type: BasisView,
    nullable: true,
    description: 'Null when it is refused before any policy is asked.',
  })
  readonly basis!: Basis | null;

  @ApiProperty({
    type: [ConsideredView],
    description:
      'Every policy that speaks of the actor, in ascending order of the ids; for a token of another issuer also its settings, called `issuer-settings`, with what they ask of the policy that decides.',
  })
  readonly considered!: readonly ConsideredView[];
}
