import { ApiProperty } from '@nestjs/swagger';

import type { AuditRecord, RecordedParty } from '../audit/audit-record.js';
import type { Share, Toll } from '../aftercare/toll.js';
import type { AdministrativeAct } from './administrative-act.js';
import { isoTime } from './iso-time.js';
import type { Revoked } from './revocation-administration.js';
import { REVOCATION_KINDS } from './revocation.dto.js';

/** How many tokens are somebody's. */
export class ShareView implements Share {
  @ApiProperty({ example: 'my_gateway' })
  readonly name!: string;

  @ApiProperty({ example: 12 })
  readonly tokens!: number;
}

const GATEWAY = { iss: 'https://idp.example', sub: 'my_gateway', clientId: 'my_gateway' };

/** A token that died, as its record knows it. */
export class DeadTokenView {
  @ApiProperty({ example: '0199b7a0-5f1c-7cc2-9d57-3f4a2c1e8b11' })
  readonly jti!: string;

  @ApiProperty({ description: 'The path of its record.' })
  readonly href!: string;

  @ApiProperty({ type: Object, example: { iss: 'https://idp.example', sub: 'alice' } })
  readonly subject!: RecordedParty;

  @ApiProperty({ type: [Object], example: [GATEWAY], description: 'Newest first.' })
  readonly actors!: readonly RecordedParty[];

  @ApiProperty({
    type: String,
    nullable: true,
    example: 'my_gateway',
    description: 'Who got it.',
  })
  readonly client!: string | null;

  @ApiProperty({ type: [String], example: ['address_service'] })
  readonly audience!: readonly string[];

  @ApiProperty({ format: 'date-time' })
  readonly issuedAt!: string;

  @ApiProperty({ format: 'date-time' })
  readonly expiresAt!: string;
}

/** What died of a revocation, or would. */
export class TollView {
  @ApiProperty({
    description:
      'Access tokens that were alive. What was dead already is not counted, nor are ID tokens and refresh tokens.',
  })
  readonly tokens!: number;

  @ApiProperty({ description: 'Delegation chains that they belong to.' })
  readonly chains!: number;

  @ApiProperty({
    type: [ShareView],
    description: 'By the client that got the token; the hundred that have most.',
  })
  readonly byClient!: readonly ShareView[];

  @ApiProperty({
    type: [ShareView],
    description: 'A token for several counts at each; the hundred that have most.',
  })
  readonly byAudience!: readonly ShareView[];

  @ApiProperty({
    type: [DeadTokenView],
    description: 'The newest ten; none for who may not read records (scope `audit:read`).',
  })
  readonly newest!: readonly DeadTokenView[];

  @ApiProperty({
    description:
      'Whether every record was looked at; otherwise there was no time for older ones, which die all the same.',
  })
  readonly isComplete!: boolean;
}

/** What was revoked, or would be. */
export class RevocationView {
  @ApiProperty({ enum: REVOCATION_KINDS })
  readonly kind!: string;

  @ApiProperty({
    type: Object,
    example: { iss: 'https://idp.example', sub: '3f0c2b5e-8a41-4c0e-9d57-0b6f4f6a2c11' },
    description: 'What it names. What could be a token is told by its SHA-256.',
  })
  readonly names!: Readonly<Record<string, string>>;

  @ApiProperty({
    type: TollView,
    nullable: true,
    description: 'Null when it was revoked and could not be counted.',
  })
  readonly died!: TollView | null;
}

/** A revocation as it is shown: records only to who may read them. */
export function viewRevocation(
  { kind, names, toll }: Revoked,
  { scope }: Pick<AdministrativeAct, 'scope'>,
): RevocationView {
  const mayRead = scope.has('audit:read');
  return { kind, names, died: toll === undefined ? null : viewToll(toll, mayRead) };
}

function viewToll(toll: Toll, mayRead: boolean): TollView {
  return { ...toll, newest: mayRead ? toll.newest.flatMap(viewToken) : [] };
}

function viewToken(record: AuditRecord): readonly DeadTokenView[] {
  const { id, time, issuedToken, subject, actors = [], client } = record;
  if (issuedToken?.jti === undefined || subject === undefined) return [];
  return [
    {
      jti: issuedToken.jti,
      href: `/admin/audit/records/${id}`,
      subject,
      actors,
      client: client?.clientId ?? null,
      audience: issuedToken.audience ?? [],
      issuedAt: isoTime(time),
      expiresAt: isoTime((issuedToken.expiresAt ?? 0) * 1_000),
    },
  ];
}
