import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Equals, IsIn, IsInt, IsUUID, Matches, Max, Min } from 'class-validator';

import { MayBeAbsent } from './validation.js';

/** What can be revoked. */
export const REVOCATION_KINDS = [
  'token',
  'chain',
  'subject',
  'actor',
  'client',
  'policy',
  'issuer',
  'all',
] as const;

export type RevocationKind = (typeof REVOCATION_KINDS)[number];

const NAME = /^[^\p{Cc}\p{Cs}]{1,512}$/u;
const NOT_A_NAME = { message: 'must be 1 to 512 visible characters' };

/** What is to be revoked: a kind, and the fields that name one of it. */
export class NamedRevocation {
  @ApiProperty({
    enum: REVOCATION_KINDS,
    description:
      'A token (`hash` or `jti`), a chain (`chainId`), a subject (`sub`, `iss`), whoever acts anywhere in a chain (`sub`, `iss`, or `clientId` of a client in its own name), a client in any part (`clientId`), a policy (`policyId`, one `version` or all so far), an issuer (`issuer`), or all so far.',
    example: 'subject',
  })
  @IsIn(REVOCATION_KINDS)
  readonly kind!: RevocationKind;

  @ApiPropertyOptional({
    description: 'SHA-256 of the whole token in base64url, also of a token of another issuer.',
  })
  @MayBeAbsent()
  @Matches(/^[A-Za-z0-9_-]{43}$/, { message: 'must be a SHA-256 in base64url' })
  readonly hash?: string;

  @ApiPropertyOptional({ description: 'The `jti` of a token that was issued or presented here.' })
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly jti?: string;

  @ApiPropertyOptional({ format: 'uuid' })
  @MayBeAbsent()
  @IsUUID()
  readonly chainId?: string;

  @ApiPropertyOptional({ description: 'Whose name `sub` is; this server’s without.' })
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly iss?: string;

  @ApiPropertyOptional({ example: '3f0c2b5e-8a41-4c0e-9d57-0b6f4f6a2c11' })
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly sub?: string;

  @ApiPropertyOptional()
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly clientId?: string;

  @ApiPropertyOptional()
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly policyId?: string;

  @ApiPropertyOptional({ description: 'One version of the policy, for good.' })
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(999_999_999)
  readonly version?: number;

  @ApiPropertyOptional()
  @MayBeAbsent()
  @Matches(NAME, NOT_A_NAME)
  readonly issuer?: string;
}

/** The same, with why. */
export class ReasonedRevocation extends NamedRevocation {
  @ApiProperty({
    example: 'The laptop of this person was stolen.',
    description: 'Why: it is kept in the record, with what could be a token or a secret left out.',
  })
  @Matches(/^(?=[^]*\S)[^\0\p{Cs}]{1,500}$/u, { message: 'must be a text of 1 to 500 characters' })
  readonly reason!: string;

  @ApiPropertyOptional({
    enum: ['all'],
    description: 'Says again, of the kind `all`, that everybody’s tokens shall die.',
  })
  @MayBeAbsent()
  @Equals('all', { message: 'must be "all"' })
  readonly confirm?: 'all';
}
