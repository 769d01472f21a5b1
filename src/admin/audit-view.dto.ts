import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

import type { AuditEntry } from '../audit/audit-log.js';
import type { AuditRecord, RecordedParty } from '../audit/audit-record.js';
import type { ChainView, Hop, Narrowing } from '../audit/chain-view.js';
import type { TokenStanding } from './token-standings.js';

const RECORD_EXAMPLE = {
  id: '0199b7a0-5f1c-7cc2-9d57-3f4a2c1e8b11',
  schema: 1,
  time: 1_790_000_000_000,
  event: 'grant',
  outcome: 'granted',
  requestId: '0199b7a0-5f1b-7b1e-8a54-6a0c9f0d2e44',
  grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
  client: { clientId: 'my_gateway', method: 'client_secret_basic', secretId: 'kX2pQ9vRt0aZ' },
  subject: { iss: 'https://idp.example', sub: 'alice' },
  actor: { iss: 'https://idp.example', sub: 'my_gateway', clientId: 'my_gateway' },
  actors: [{ iss: 'https://idp.example', sub: 'my_gateway', clientId: 'my_gateway' }],
  chainId: '0199b7a0-5f1d-7f0a-b7b5-9e2d1c3b4a55',
  mode: 'delegation',
};

/** A record with its place in the log. */
export class AuditEntryView implements AuditEntry {
  @ApiProperty({ example: '42', description: 'Ascending in the order of the log.' })
  readonly sequence!: string;

  @ApiProperty({
    type: Object,
    description:
      'The record as it is kept. Times in milliseconds; of tokens only jti and SHA-256. An `administration` names its `operation`: the route, its `target` and the `fields` that were sent. What people do names their `sid`, `authorizationId` and `authentication`.',
    example: RECORD_EXAMPLE,
  })
  readonly record!: AuditRecord;
}

/** A page of records, newest first. */
export class AuditRecordPage {
  @ApiProperty({ type: [AuditEntryView] })
  readonly items!: readonly AuditEntryView[];

  @ApiProperty({ type: String, nullable: true, description: 'The cursor of the next page.' })
  readonly next!: string | null;
}

/** One attempt in a chain. */
export class HopView implements Hop {
  @ApiProperty({ example: '42' })
  readonly sequence!: string;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The record whose token this attempt presented; null where the chain begins.',
  })
  readonly parentId!: string | null;

  @ApiProperty({ example: 1, description: 'How many actors the chain has after it.' })
  readonly depth!: number;

  @ApiProperty({
    type: Object,
    nullable: true,
    description: 'What it took away; null when it was refused.',
    example: {
      scope: {
        from: ['address:read', 'address:write'],
        to: ['address:read'],
        dropped: ['address:write'],
      },
      audience: { from: ['my_gateway'], to: ['address_service'] },
      expiresAt: { from: 1_790_003_600, to: 1_790_000_600 },
    },
  })
  readonly narrowed!: Narrowing | null;

  @ApiPropertyOptional({
    type: Object,
    description:
      'How the token stands that it issued: active, expired, or revoked with the reason. Whether its parties are disabled is not looked at.',
    example: { status: 'revoked', reason: 'chain_revoked' },
  })
  readonly token?: TokenStanding;

  @ApiProperty({ type: Object, description: 'The record as it is kept.', example: RECORD_EXAMPLE })
  readonly record!: AuditRecord;
}

/** A delegation chain as an auditor reads it. */
export class ChainDocument implements ChainView {
  @ApiProperty({ format: 'uuid' })
  readonly chainId!: string;

  @ApiProperty({
    type: Object,
    nullable: true,
    example: { iss: 'https://idp.example', sub: 'alice' },
  })
  readonly subject!: RecordedParty | null;

  @ApiProperty({
    type: String,
    nullable: true,
    example: 'web_app',
    description: 'The application that the first token was issued to.',
  })
  readonly clientId!: string | null;

  @ApiProperty({ example: 'alice / web_app -> my_gateway -> address_service' })
  readonly summary!: string;

  @ApiProperty({ type: [HopView], description: 'Oldest first, refused attempts included.' })
  readonly hops!: readonly HopView[];
}

/** The chains that know a token. */
export class TokenChains {
  @ApiProperty({ example: '0199b7a0-5f1c-7cc2-9d57-3f4a2c1e8b11' })
  readonly jti!: string;

  @ApiProperty({
    type: [ChainDocument],
    description: 'The chain it belongs to and those that began with it; at most 20.',
  })
  readonly chains!: readonly ChainDocument[];
}
