import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsObject } from 'class-validator';

import type { KeyView } from '../keys/key-ring.js';
import { SIGNING_ALGORITHMS, type KeyLife, type SigningAlgorithm } from '../keys/signing-key.js';
import { isoTime } from './iso-time.js';
import { MayBeAbsent } from './validation.js';

/** Which key is to be made. */
export class RotateKeys {
  @ApiPropertyOptional({ enum: SIGNING_ALGORITHMS, description: 'The configured one when absent.' })
  @MayBeAbsent()
  @IsIn(SIGNING_ALGORITHMS)
  readonly algorithm?: SigningAlgorithm;

  @ApiPropertyOptional({
    default: false,
    description: 'Let it sign at once, for an emergency: key sets in caches do not have it yet.',
  })
  @MayBeAbsent()
  @IsBoolean()
  readonly immediately?: boolean;
}

/** A key that an operator brings. */
export class ImportKey {
  @ApiProperty({
    type: Object,
    description: 'The private key as a JWK (RFC 7517). It is sealed and never shown.',
    example: { kty: 'EC', crv: 'P-256', x: '...', y: '...', d: '...' },
  })
  @IsObject()
  readonly jwk!: Readonly<Record<string, unknown>>;

  @ApiProperty({ enum: SIGNING_ALGORITHMS })
  @IsIn(SIGNING_ALGORITHMS)
  readonly algorithm!: SigningAlgorithm;
}

/** A signing key as an administrator sees it. */
export class SigningKeyView {
  @ApiProperty({ description: 'The RFC 7638 thumbprint of the public key.' })
  readonly kid!: string;

  @ApiProperty({ enum: SIGNING_ALGORITHMS })
  readonly algorithm!: SigningAlgorithm;

  @ApiProperty({
    enum: ['announced', 'active', 'retiring', 'retired', 'revoked'],
    description:
      'Announced: published, does not sign yet. Active: signs. Retiring: what it signed still verifies. Retired: nothing it signed is valid. Revoked: refused.',
  })
  readonly life!: KeyLife;

  @ApiProperty({ format: 'date-time' })
  readonly createdAt!: string;

  @ApiProperty({ format: 'date-time', description: 'From when it signs.' })
  readonly activeFrom!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  readonly revokedAt!: string | null;
}

/** Every signing key. */
export class SigningKeyList {
  @ApiProperty({ type: [SigningKeyView] })
  readonly items!: readonly SigningKeyView[];
}

/** A key as the API tells it. */
export function viewKey({
  kid,
  algorithm,
  life,
  createdAt,
  activeFrom,
  revokedAt,
}: KeyView): SigningKeyView {
  return {
    kid,
    algorithm,
    life,
    createdAt: isoTime(createdAt),
    activeFrom: isoTime(activeFrom),
    revokedAt: revokedAt === null ? null : isoTime(revokedAt),
  };
}
