import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsString,
  Max,
  Min,
  ValidateBy,
  ValidateNested,
} from 'class-validator';

import { isJsonObject } from '../oauth/claims.js';
import { MayBeAbsent } from './validation.js';

/** A time in ISO 8601 with its zone, or a day in UTC. */
export const ISO_TIME =
  /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;
const NOT_A_TIME = {
  message: 'must be a time in ISO 8601 with its zone, or in seconds since the epoch',
};
/** Seconds since the epoch: the end of the year 9999. */
const LATEST = Date.UTC(10_000, 0) / 1000 - 1;

/** Seconds since the epoch from either spelling; NaN for a text that is no time. */
function EpochTime(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => {
    if (typeof value !== 'string') return value;
    return ISO_TIME.test(value) ? Math.floor(Date.parse(value) / 1000) : Number.NaN;
  });
}

/** An object whose every field is a list of texts. */
function IsTextLists(): PropertyDecorator {
  return ValidateBy({
    name: 'isTextLists',
    validator: {
      validate: (value: unknown) => isJsonObject(value) && Object.values(value).every(isTexts),
      defaultMessage: () => 'must be an object of lists of texts',
    },
  });
}

function isTexts(list: unknown): boolean {
  return Array.isArray(list) && list.every((text) => typeof text === 'string');
}

/** About whom a policy speaks, in a request. */
export class SubjectFields {
  @ApiPropertyOptional({
    type: [String],
    description:
      'Issuers of the subject token. Absent: this server alone; every one, in a policy that denies.',
    example: ['https://login.example'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly issuers?: readonly string[];

  @ApiPropertyOptional({
    type: [String],
    description: 'The applications that the subject token was issued to.',
    example: ['web_app'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly clients?: readonly string[];

  @ApiPropertyOptional({
    type: [String],
    description: 'The sub of the subject.',
    example: ['0a4cbb39-5d5e-4c0f-9b7e-3c5b6a1d2e3f'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly subjects?: readonly string[];

  @ApiPropertyOptional({
    type: [String],
    description: 'Groups of the account of the subject, of which it is in one at least.',
    example: ['staff'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly groups?: readonly string[];

  @ApiPropertyOptional({
    default: false,
    description: 'Whether the actor may present a token that is neither meant for it nor its own.',
  })
  @MayBeAbsent()
  @IsBoolean()
  readonly presentedByAnyone?: boolean;
}

/** The actor's place in the chain, in a request. */
export class PositionFields {
  @ApiPropertyOptional({ minimum: 1, maximum: 16 })
  @MayBeAbsent()
  @IsInt()
  readonly from?: number;

  @ApiPropertyOptional({ minimum: 1, maximum: 16 })
  @MayBeAbsent()
  @IsInt()
  readonly to?: number;
}

/** Through whom, in a request. */
export class ActorFields {
  @ApiPropertyOptional({
    type: [String],
    description: 'The clients that act.',
    example: ['address_service'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly clients?: readonly string[];

  @ApiPropertyOptional({
    type: [String],
    description: 'Groups of clients, of which the acting one is in one at least.',
    example: ['frontends'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly groups?: readonly string[];

  @ApiPropertyOptional({
    type: [String],
    description: 'Who acted right before; an empty list: nobody did.',
    example: ['my_gateway'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly after?: readonly string[];

  @ApiPropertyOptional({
    type: PositionFields,
    description: 'Its place in the chain that would result: 1 for the first actor.',
  })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => PositionFields)
  readonly position?: PositionFields;
}

/** How the actor acts, in a request. */
export class ActingFields {
  @ApiPropertyOptional({
    enum: ['delegation', 'impersonation'],
    default: 'delegation',
    description: 'Delegation adds the actor to the chain; impersonation does not.',
  })
  @MayBeAbsent()
  @IsIn(['delegation', 'impersonation'])
  readonly mode?: 'delegation' | 'impersonation';

  @ApiPropertyOptional({
    enum: ['required', 'optional', 'forbidden'],
    default: 'optional',
    description: 'Whether the actor must prove itself with a token of its own, or must not.',
  })
  @MayBeAbsent()
  @IsIn(['required', 'optional', 'forbidden'])
  readonly actorToken?: 'required' | 'optional' | 'forbidden';

  @ApiPropertyOptional({
    default: false,
    description: 'Whether the tokens must be bound to a key that the caller proves to have.',
  })
  @MayBeAbsent()
  @IsBoolean()
  readonly proofRequired?: boolean;
}

/** How long and how deep, in a request. */
export class LimitFields {
  @ApiPropertyOptional({
    minimum: 30,
    maximum: 86_400,
    description: 'Seconds that an issued token lives at most.',
  })
  @MayBeAbsent()
  @IsInt()
  readonly lifetime?: number;

  @ApiPropertyOptional({
    minimum: 30,
    maximum: 2_592_000,
    description: 'Seconds that a chain lives at most, from its first exchange.',
  })
  @MayBeAbsent()
  @IsInt()
  readonly chainLifetime?: number;

  @ApiPropertyOptional({
    minimum: 1,
    maximum: 16,
    default: 5,
    description: 'Actors that a chain may have.',
  })
  @MayBeAbsent()
  @IsInt()
  readonly depth?: number;

  @ApiPropertyOptional({
    minimum: 1,
    maximum: 16,
    default: 1,
    description: 'Targets that one token may have.',
  })
  @MayBeAbsent()
  @IsInt()
  readonly targets?: number;

  @ApiPropertyOptional({
    default: false,
    description: 'Whether a client may act again after another one took over from it.',
  })
  @MayBeAbsent()
  @IsBoolean()
  readonly loops?: boolean;

  @ApiPropertyOptional({
    minimum: 1,
    maximum: 1_000_000_000,
    description: 'Exchanges that the policy allows in all.',
  })
  @MayBeAbsent()
  @IsInt()
  readonly uses?: number;

  @ApiPropertyOptional({
    minimum: 1,
    maximum: 1_000_000,
    description: 'Exchanges of one subject token that it allows.',
  })
  @MayBeAbsent()
  @IsInt()
  readonly fanOut?: number;
}

const TIME_SCHEMA = {
  oneOf: [
    { type: 'string', format: 'date-time' },
    { type: 'integer', description: 'Seconds since the epoch.' },
  ],
};

/** When a policy is in force, in a request; read as seconds since the epoch. */
export class ValidityFields {
  @ApiPropertyOptional({ ...TIME_SCHEMA, example: '2026-01-31T08:00:00Z' })
  @EpochTime()
  @MayBeAbsent()
  @IsInt(NOT_A_TIME)
  @Min(0)
  @Max(LATEST)
  readonly from?: number;

  @ApiPropertyOptional({ ...TIME_SCHEMA, example: '2027-01-31T08:00:00Z' })
  @EpochTime()
  @MayBeAbsent()
  @IsInt(NOT_A_TIME)
  @Min(0)
  @Max(LATEST)
  readonly until?: number;
}

/** What the sign-in of the subject must have been like, in a request. */
export class StepUpFields {
  @ApiPropertyOptional({
    type: [String],
    description: 'Values of acr of which it must have one.',
    example: ['2'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly acr?: readonly string[];

  @ApiPropertyOptional({ minimum: 0, description: 'Seconds since the sign-in, at most.' })
  @MayBeAbsent()
  @IsInt()
  readonly maxAge?: number;

  @ApiPropertyOptional({
    minimum: 1,
    maximum: 16,
    description: 'Only from this number of actors on.',
  })
  @MayBeAbsent()
  @IsInt()
  readonly fromDepth?: number;
}

/** A whole policy without its name; what is absent has its default. The server counts the versions. */
export class PolicyFields {
  @ApiPropertyOptional({ maxLength: 500, default: '', example: 'Parcels for people' })
  @MayBeAbsent()
  @IsString()
  readonly description?: string;

  @ApiPropertyOptional({
    enum: ['allow', 'deny'],
    default: 'allow',
    description: '`allow` gives a right; `deny` takes it, whatever allows it.',
  })
  @MayBeAbsent()
  @IsIn(['allow', 'deny'])
  readonly effect?: 'allow' | 'deny';

  @ApiPropertyOptional({ default: false, description: 'A disabled policy says nothing.' })
  @MayBeAbsent()
  @IsBoolean()
  readonly disabled?: boolean;

  @ApiPropertyOptional({ type: SubjectFields })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => SubjectFields)
  readonly subject?: SubjectFields;

  @ApiPropertyOptional({ type: ActorFields })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => ActorFields)
  readonly actor?: ActorFields;

  @ApiPropertyOptional({
    type: [String],
    description: 'Identifiers of targets. Absent in a policy that denies: every one.',
    example: ['postal_service'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly targets?: readonly string[];

  @ApiPropertyOptional({
    type: [String],
    description: 'Scope values at the targets; absent: every one that client and targets hold.',
    example: ['address:read'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly scopes?: readonly string[];

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'array', items: { type: 'string' } },
    description: 'What values of the subject token mean at targets with words of their own.',
    example: { 'address:read': ['parcels:send'] },
  })
  @MayBeAbsent()
  @IsTextLists()
  readonly scopeMapping?: Readonly<Record<string, readonly string[]>>;

  @ApiPropertyOptional({ type: ActingFields })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => ActingFields)
  readonly acting?: ActingFields;

  @ApiPropertyOptional({ type: LimitFields })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => LimitFields)
  readonly limits?: LimitFields;

  @ApiPropertyOptional({ type: ValidityFields, description: 'When it is in force.' })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => ValidityFields)
  readonly validity?: ValidityFields;

  @ApiPropertyOptional({ type: StepUpFields })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => StepUpFields)
  readonly stepUp?: StepUpFields;

  @ApiPropertyOptional({
    default: false,
    description: 'Whether the request must say what for (parameter `purpose`).',
  })
  @MayBeAbsent()
  @IsBoolean()
  readonly purposeRequired?: boolean;
}

/** A whole policy with its name, which stays what it is. */
export class NamedPolicy extends PolicyFields {
  @ApiProperty({ example: 'parcels', pattern: '^[a-z0-9][a-z0-9._-]{0,99}$' })
  @IsString()
  readonly policyId!: string;
}
