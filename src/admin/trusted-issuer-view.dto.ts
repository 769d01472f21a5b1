import { ApiProperty } from '@nestjs/swagger';

import {
  TRUSTED_ALGORITHMS,
  type AcceptedToken,
  type TrustedAlgorithm,
  type TrustedIssuer,
} from '../tokens/trusted-issuer.js';
import { isoTime } from './iso-time.js';
import { AcceptedTokenFields } from './trusted-issuer.dto.js';

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
