import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsString,
  ValidateNested,
} from 'class-validator';

import { TokenType } from '../oauth/token-type.js';
import {
  TRUSTED_ALGORITHMS,
  type AcceptedToken,
  type TrustedAlgorithm,
} from '../tokens/trusted-issuer.js';
import { MayBeAbsent, MayBeNull } from './validation.js';

const ACCEPTED_TYPES = [TokenType.Jwt, TokenType.IdToken] as const;

/** One kind of token that is accepted from a trusted issuer. */
export class AcceptedTokenFields implements AcceptedToken {
  @ApiProperty({ enum: ACCEPTED_TYPES })
  @IsIn(ACCEPTED_TYPES)
  readonly tokenType!: (typeof ACCEPTED_TYPES)[number];

  @ApiProperty({
    type: [String],
    description: 'Header typ values in lower case; none stands for an absent one.',
    example: ['at+jwt'],
  })
  @IsArray()
  @IsString({ each: true })
  readonly types!: readonly string[];

  @ApiProperty({
    type: [String],
    description: 'The token must be meant for at least one of these.',
    example: ['https://idp.example'],
  })
  @IsArray()
  @IsString({ each: true })
  readonly audiences!: readonly string[];
}

/** A change of a trusted issuer; what is not named stays as it is. */
export class ChangeTrustedIssuer {
  @ApiPropertyOptional({ example: 'Corporate login', maxLength: 200 })
  @MayBeAbsent()
  @IsString()
  readonly name?: string;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'Where its keys are; null to find them through its discovery document.',
    example: 'https://login.example/jwks.json',
  })
  @MayBeNull()
  @IsString()
  readonly jwksUri?: string | null;

  @ApiPropertyOptional({ isArray: true, enum: TRUSTED_ALGORITHMS, example: ['ES256', 'RS256'] })
  @MayBeAbsent()
  @IsArray()
  @IsIn(TRUSTED_ALGORITHMS, { each: true })
  readonly algorithms?: readonly TrustedAlgorithm[];

  @ApiPropertyOptional({ type: [AcceptedTokenFields] })
  @MayBeAbsent()
  @IsArray()
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => AcceptedTokenFields)
  readonly accepts?: readonly AcceptedTokenFields[];

  @ApiPropertyOptional({ default: 'sub', description: 'The claim that names the subject.' })
  @MayBeAbsent()
  @IsString()
  readonly subjectClaim?: string;

  @ApiPropertyOptional({
    type: [String],
    default: ['client_id', 'azp'],
    description: 'The claims, tried in order, that name the client.',
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly clientIdClaims?: readonly string[];

  @ApiPropertyOptional({ default: 'scope', description: 'The claim that carries the scope.' })
  @MayBeAbsent()
  @IsString()
  readonly scopeClaim?: string;

  @ApiPropertyOptional({
    type: [String],
    description: 'Scope values that its tokens can bring; others are dropped.',
    example: ['address:read'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly scopes?: readonly string[];

  @ApiPropertyOptional({
    type: [String],
    description: 'Scope values that a token without the scope claim brings.',
    example: [],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly impliedScopes?: readonly string[];

  @ApiPropertyOptional({
    default: false,
    description: 'Whether the act claims it writes are believed.',
  })
  @MayBeAbsent()
  @IsBoolean()
  readonly trustsChains?: boolean;

  @ApiPropertyOptional({ minimum: 0, maximum: 60, default: 30, description: 'Seconds.' })
  @MayBeAbsent()
  @IsInt()
  readonly clockSkew?: number;
}

/** A new trusted issuer. Its identifier stays what it is. */
export class CreateTrustedIssuer extends ChangeTrustedIssuer {
  @ApiProperty({ example: 'https://login.example', description: 'The exact iss of its tokens.' })
  @IsString()
  readonly issuer!: string;
}
