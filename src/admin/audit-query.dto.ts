import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsIn, IsInt, IsUUID, Matches, Max, Min } from 'class-validator';

import type { AuditSearch } from '../audit/audit-log.js';
import { AUDIT_EVENTS, type AuditEvent } from '../audit/audit-record.js';
import { REFUSAL_REASONS, type RefusalReason } from '../oauth/refusal-reason.js';
import { PageQuery } from './page.dto.js';
import { MayBeAbsent } from './validation.js';

const NAME = /^[^\p{Cc}\p{Cs}]{1,512}$/u;
const NOT_A_NAME = { message: 'must be given once, with 1 to 512 visible characters' };
/** What is said of a time that is none. */
export const NOT_A_TIME = {
  message: 'must be a time in ISO 8601 with its zone, or in milliseconds',
};
const ISO_TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;
/** The latest time that is taken. Milliseconds since the epoch. */
export const LATEST = Date.UTC(9999, 11, 31);

/** Milliseconds since the epoch from either spelling; NaN for anything else. */
export function Time(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => {
    if (value === undefined) return undefined;
    if (typeof value !== 'string') return Number.NaN;
    if (/^\d{1,15}$/.test(value)) return Number(value);
    return ISO_TIME.test(value) ? Date.parse(value) : Number.NaN;
  });
}

/** What to look for in the records; every field given must match. */
export class AuditQuery extends PageQuery implements AuditSearch {
  @ApiPropertyOptional({ example: 'alice', description: 'The sub of the subject.' })
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly subject?: string;

  @ApiPropertyOptional({ example: 'https://login.example', description: 'Whose name subject is.' })
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly subjectIssuer?: string;

  @ApiPropertyOptional({
    example: 'alice',
    description:
      'The sub of a person whom the record names anywhere: as its subject, as an actor, or as somebody whose records were read.',
  })
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly person?: string;

  @ApiPropertyOptional({
    example: 'my_gateway',
    description: 'The sub or client id of an actor at any depth of the chain.',
  })
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly actor?: string;

  @ApiPropertyOptional({ example: 'address_service', description: 'The client that asked.' })
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly client?: string;

  @ApiPropertyOptional({ example: 'postal_service', description: 'Granted, or asked for in vain.' })
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly audience?: string;

  @ApiPropertyOptional({ enum: AUDIT_EVENTS, description: 'What was attempted.' })
  @MayBeAbsent()
  @IsIn(AUDIT_EVENTS, { message: 'must be one of the known events' })
  readonly event?: AuditEvent;

  @ApiPropertyOptional({ enum: ['granted', 'refused'] })
  @MayBeAbsent()
  @IsIn(['granted', 'refused'])
  readonly outcome?: 'granted' | 'refused';

  @ApiPropertyOptional({ enum: REFUSAL_REASONS, description: 'Why it was refused.' })
  @MayBeAbsent()
  @IsIn(REFUSAL_REASONS, { message: 'must be one of the known reasons' })
  readonly reason?: RefusalReason;

  @ApiPropertyOptional({ example: 'urn:ietf:params:oauth:grant-type:token-exchange' })
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly grantType?: string;

  @ApiPropertyOptional({ format: 'uuid' })
  @MayBeAbsent()
  @IsUUID()
  readonly chainId?: string;

  @ApiPropertyOptional({
    example: 'address:read',
    description: 'One value of the scope, granted or asked for.',
  })
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly scope?: string;

  @ApiPropertyOptional({ example: 'postal-for-alice', description: 'The policy that decided.' })
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly policy?: string;

  @ApiPropertyOptional({ example: '3', description: 'The version of the policy that decided.' })
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly policyVersion?: string;

  @ApiPropertyOptional({
    example: '4bf92f3577b34da6a3ce929d0e0e4736',
    description: 'The W3C trace id of the request.',
  })
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly traceId?: string;

  @ApiPropertyOptional({
    example: 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg',
    description:
      'SHA-256 in base64url of a token that was presented, for the subject or the actor, or issued.',
  })
  @MayBeAbsent()
  @Matches(/^[A-Za-z0-9_-]{43}$/, { message: 'must be a SHA-256 in base64url' })
  readonly tokenHash?: string;

  @ApiPropertyOptional({
    example: '0199b7a0-5f1c-7cc2-9d57-3f4a2c1e8b11',
    description: 'The jti of such a token, whoever issued it.',
  })
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly jti?: string;

  @ApiPropertyOptional({
    type: String,
    example: '2026-01-31T08:00:00Z',
    description: 'From this time on: ISO 8601, or milliseconds since the epoch.',
  })
  @Time()
  @MayBeAbsent()
  @IsInt(NOT_A_TIME)
  @Min(0)
  @Max(LATEST)
  readonly from?: number;

  @ApiPropertyOptional({ type: String, example: '2026-02-01', description: 'Before this time.' })
  @Time()
  @MayBeAbsent()
  @IsInt(NOT_A_TIME)
  @Min(0)
  @Max(LATEST)
  readonly until?: number;
}
