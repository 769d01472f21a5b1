import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

import type { KeptPolicy } from '../delegation/policy-store.js';
import type { Policy } from '../delegation/policy.js';
import { isoTime } from './iso-time.js';
import {
  ActingFields,
  ActorFields,
  LimitFields,
  StepUpFields,
  SubjectFields,
} from './policy.dto.js';

/** When a policy is in force, as an administrator reads it. */
export class ValidityView {
  @ApiPropertyOptional({ format: 'date-time' })
  readonly from?: string;

  @ApiPropertyOptional({ format: 'date-time' })
  readonly until?: string;
}

/** A policy as it is said, with its defaults filled in and without its version. */
export class PolicyDocument {
  @ApiProperty({ example: 'parcels' })
  readonly policyId!: string;

  @ApiProperty({ example: 'Parcels for people' })
  readonly description!: string;

  @ApiProperty({ enum: ['allow', 'deny'] })
  readonly effect!: Policy['effect'];

  @ApiProperty({ description: 'A disabled policy says nothing.' })
  readonly disabled!: boolean;

  @ApiProperty({ type: SubjectFields })
  readonly subject!: Policy['subject'];

  @ApiProperty({ type: ActorFields })
  readonly actor!: Policy['actor'];

  @ApiPropertyOptional({ type: [String], example: ['postal_service'] })
  readonly targets?: readonly string[];

  @ApiPropertyOptional({ type: [String], example: ['address:read'] })
  readonly scopes?: readonly string[];

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'array', items: { type: 'string' } },
    example: { 'address:read': ['parcels:send'] },
  })
  readonly scopeMapping?: Readonly<Record<string, readonly string[]>>;

  @ApiProperty({ type: ActingFields })
  readonly acting!: Policy['acting'];

  @ApiProperty({ type: LimitFields })
  readonly limits!: Policy['limits'];

  @ApiPropertyOptional({ type: ValidityView })
  readonly validity?: ValidityView;

  @ApiPropertyOptional({ type: StepUpFields })
  readonly stepUp?: NonNullable<Policy['stepUp']>;

  @ApiProperty()
  readonly purposeRequired!: boolean;
}

/** Who wrote a version. */
export class WriterView {
  @ApiProperty({ example: 'admin_cli', description: 'The sub of a person or a client.' })
  readonly sub!: string;

  @ApiPropertyOptional({ example: 'admin_cli' })
  readonly clientId?: string;
}

/** A policy as an administrator sees it. */
export class PolicyView extends PolicyDocument {
  @ApiProperty({ example: 1, description: 'Counts the changes; the ETag is this number.' })
  readonly version!: number;

  @ApiProperty({ format: 'date-time' })
  readonly writtenAt!: string;

  @ApiProperty({ type: WriterView })
  readonly writtenBy!: WriterView;
}

/** A version of a policy, which never changes again. */
export class PolicyVersionView extends PolicyView {
  @ApiProperty({ description: 'Whether it says that the policy is gone.' })
  readonly deleted!: boolean;
}

/** A page of policies. */
export class PolicyPage {
  @ApiProperty({ type: [PolicyView] })
  readonly items!: readonly PolicyView[];

  @ApiProperty({ type: String, nullable: true, description: 'The cursor of the next page.' })
  readonly next!: string | null;
}

/** A page of the versions of a policy. */
export class PolicyVersionPage {
  @ApiProperty({ type: [PolicyVersionView] })
  readonly items!: readonly PolicyVersionView[];

  @ApiProperty({ type: String, nullable: true, description: 'The cursor of the next page.' })
  readonly next!: string | null;
}

/** A policy as the API tells it. */
export function viewPolicy({ policy, writtenAt, writtenBy }: KeptPolicy): PolicyView {
  const { sub, clientId } = writtenBy;
  return Object.assign(documentOf(policy), {
    version: policy.version,
    writtenAt: isoTime(writtenAt),
    writtenBy: { sub, ...(clientId === undefined ? {} : { clientId }) },
  });
}

/** A version of a policy as the API tells it. */
export function viewPolicyVersion(kept: KeptPolicy): PolicyVersionView {
  return Object.assign(viewPolicy(kept), { deleted: kept.isDeleted });
}

/** What a policy says: two that say the same have the same document. */
export function documentOf(policy: Policy): PolicyDocument {
  const { targets, scopes, scopeMapping, validity, stepUp } = policy;
  return {
    policyId: policy.policyId,
    description: policy.description,
    effect: policy.effect,
    disabled: policy.disabled,
    subject: { ...policy.subject, presentedByAnyone: policy.subject.presentedByAnyone ?? false },
    actor: policy.actor,
    ...(targets === undefined ? {} : { targets }),
    ...(scopes === undefined ? {} : { scopes }),
    ...(scopeMapping === undefined ? {} : { scopeMapping }),
    acting: policy.acting,
    limits: policy.limits,
    ...(validity === undefined ? {} : { validity: viewValidity(validity) }),
    ...(stepUp === undefined ? {} : { stepUp }),
    purposeRequired: policy.purposeRequired ?? false,
  };
}

function viewValidity({ from, until }: NonNullable<Policy['validity']>): ValidityView {
  return {
    ...(from === undefined ? {} : { from: isoTime(from * 1000) }),
    ...(until === undefined ? {} : { until: isoTime(until * 1000) }),
  };
}
