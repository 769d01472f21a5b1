import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, Matches, MaxLength } from 'class-validator';

import type { RecordedToken } from '../audit/audit-record.js';
import type { Descendant, TokenTrace } from '../audit/token-trace.js';
import { AuditEntryView } from './audit-view.dto.js';
import type { TokenStanding } from './token-standings.js';
import { MayBeAbsent } from './validation.js';

const HASH = /^[A-Za-z0-9_-]{43}$/;
const NAME = /^[^\p{Cc}\p{Cs}]{1,512}$/u;
const MAX_TOKEN = 16_384;

/** A token that somebody found: exactly one of the fields. */
export class FoundTokenDto {
  @ApiPropertyOptional({
    maxLength: MAX_TOKEN,
    description:
      'The token itself, of this server or another issuer, also when it has expired or was changed. It is only hashed and read: it is kept nowhere.',
  })
  @MayBeAbsent()
  @IsString()
  @MaxLength(MAX_TOKEN)
  readonly token?: string;

  @ApiPropertyOptional({
    example: 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg',
    description: 'SHA-256 of the whole token in base64url.',
  })
  @MayBeAbsent()
  @Matches(HASH, { message: 'must be a SHA-256 in base64url' })
  readonly hash?: string;

  @ApiPropertyOptional({ example: '0199b7a0-5f1c-7cc2-9d57-3f4a2c1e8b11' })
  @MayBeAbsent()
  @Matches(NAME, { message: 'must be 1 to 512 visible characters' })
  readonly jti?: string;
}

/** An attempt to use a token, or one that came of it. */
export class DescendantView extends AuditEntryView implements Descendant {
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The record that issued the token that was presented; null of another issuer.',
  })
  readonly parentId!: string | null;
}

/** Where a token came from, and what came of it. */
export class TokenTraceView implements TokenTrace {
  @ApiProperty({
    enum: ['hash', 'jti'],
    description:
      '`hash`: the log knows exactly this token. `jti`: it knows one of this `jti`, which anybody can write into a token of their own.',
  })
  readonly match!: TokenTrace['match'];

  @ApiProperty({
    type: Object,
    description: 'The token that the log knows.',
    example: {
      hash: 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg',
      issuer: 'https://idp.example',
      jti: '0199b7a0-5f1c-7cc2-9d57-3f4a2c1e8b11',
      audience: ['address_service'],
      scope: ['address:read'],
      expiresAt: 1_790_000_600,
    },
  })
  readonly token!: RecordedToken;

  @ApiPropertyOptional({
    type: Object,
    description: 'How it stands, if it was issued here: active, expired, or revoked and why.',
    example: { status: 'active' },
  })
  readonly standing?: TokenStanding;

  @ApiProperty({
    type: AuditEntryView,
    nullable: true,
    description: 'The record of its issuance; null when another issuer issued it.',
  })
  readonly issued!: AuditEntryView | null;

  @ApiProperty({
    type: [AuditEntryView],
    description:
      'Where the tokens were issued that it came of, the nearest first: the last is the grant that the first token came by, if that was here.',
  })
  readonly ancestry!: readonly AuditEntryView[];

  @ApiProperty({
    type: [DescendantView],
    description:
      'Every attempt to use it or what came of it, granted or refused, oldest first: a tree by `parentId`. At most 200.',
  })
  readonly descendants!: readonly DescendantView[];

  @ApiProperty({
    type: [AuditEntryView],
    description: 'Attempts in which it was the actor token, newest first. At most 50.',
  })
  readonly acts!: readonly AuditEntryView[];

  @ApiProperty({ description: 'Whether that is all; otherwise the oldest are missing.' })
  readonly isComplete!: boolean;
}
