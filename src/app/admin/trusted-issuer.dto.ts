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

import { TokenType } from '../../oauth/token-type.js';
import {
  TRUSTED_ALGORITHMS,
  type AcceptedToken,
  type TrustedAlgorithm,
  type TrustedIssuer,
} from '../../tokens/trusted-issuer.js';
import { isoTime } from './client-view.dto.js';
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

/** A trusted issuer as an administrator sees it. */
export class TrustedIssuerView {
  @ApiProperty({
    description: 'Names it in paths: its issuer in base64url.',
    example: 'aHR0cHM6Ly9sb2dpbi5leGFtcGxl',
  })
  readonly id!: string;

  @ApiProperty({ example: 'https://login.example' })
  readonly issuer!: string;

  @ApiProperty({ example: 'Corporate login' })
  readonly name!: string;

  @ApiProperty({ description: 'Tokens of a disabled issuer are refused.' })
  readonly disabled!: boolean;

  @ApiProperty({ type: String, nullable: true })
  readonly jwksUri!: string | null;

  @ApiProperty({ isArray: true, enum: TRUSTED_ALGORITHMS })
  readonly algorithms!: readonly TrustedAlgorithm[];

  @ApiProperty({ type: [AcceptedTokenFields] })
  readonly accepts!: readonly AcceptedToken[];

  @ApiProperty({ example: 'sub' })
  readonly subjectClaim!: string;

  @ApiProperty({ type: [String], example: ['client_id', 'azp'] })
  readonly clientIdClaims!: readonly string[];

  @ApiProperty({ example: 'scope' })
  readonly scopeClaim!: string;

  @ApiProperty({ type: [String], example: ['address:read'] })
  readonly scopes!: readonly string[];

  @ApiProperty({ type: [String], example: [] })
  readonly impliedScopes!: readonly string[];

  @ApiProperty()
  readonly trustsChains!: boolean;

  @ApiProperty({ example: 30 })
  readonly clockSkew!: number;

  @ApiProperty({ format: 'date-time' })
  readonly createdAt!: string;

  @ApiProperty({ example: 1, description: 'Counts the changes; the ETag is this number.' })
  readonly version!: number;
}

/** A page of trusted issuers. */
export class TrustedIssuerPage {
  @ApiProperty({ type: [TrustedIssuerView] })
  readonly items!: readonly TrustedIssuerView[];

  @ApiProperty({ type: String, nullable: true, description: 'The cursor of the next page.' })
  readonly next!: string | null;
}

/** A trusted issuer as the API tells it. */
export function viewTrustedIssuer(issuer: TrustedIssuer): TrustedIssuerView {
  return { id: issuerId(issuer.issuer), ...issuer, createdAt: isoTime(issuer.createdAt) };
}

/** What names a trusted issuer in a path: a URL would need escapes that proxies undo. */
export function issuerId(issuer: string): string {
  return Buffer.from(issuer, 'utf8').toString('base64url');
}

/** The issuer that an id names; undefined when it is not in its one spelling. */
export function issuerOf(id: string): string | undefined {
  if (id.length > 1024) return undefined;
  const issuer = Buffer.from(id, 'base64url').toString('utf8');
  return issuerId(issuer) === id && !issuer.includes('\0') ? issuer : undefined;
}
