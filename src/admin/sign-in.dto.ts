import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsArray, IsBoolean, IsIn, IsString } from 'class-validator';

import { ID_TOKEN_ALGORITHMS, type IdTokenAlgorithm } from '../clients/client.js';
import { MayBeAbsent, MayBeNull } from './validation.js';

/** What is said of people who sign in to a client; what is not named stays as it is. */
export class SignInFields {
  @ApiPropertyOptional({
    type: [String],
    description:
      'Where codes may be sent: https, http on loopback, or for a public client a private scheme. Compared as they are, but for the port of a loopback address.',
    example: ['https://app.example/callback'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly redirectUris?: readonly string[];

  @ApiPropertyOptional({
    type: [String],
    description: 'Where a browser may be sent after signing out.',
    example: ['https://app.example/'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly postLogoutRedirectUris?: readonly string[];

  @ApiPropertyOptional({
    default: true,
    description: 'Whether a request needs a PKCE challenge; a public client always does.',
  })
  @MayBeAbsent()
  @IsBoolean()
  readonly pkceRequired?: boolean;

  @ApiPropertyOptional({
    default: false,
    description: 'Whether its authorization requests must be pushed (RFC 9126).',
  })
  @MayBeAbsent()
  @IsBoolean()
  readonly pushedRequestsRequired?: boolean;

  @ApiPropertyOptional({
    default: true,
    description:
      "Whether a person is asked before it gets anything; not needed for the company's own applications.",
  })
  @MayBeAbsent()
  @IsBoolean()
  readonly consentRequired?: boolean;

  @ApiPropertyOptional({
    type: [String],
    description: 'The scope of an authorization request that names none; values of scopes.',
    example: ['openid'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly defaultScopes?: readonly string[];

  @ApiPropertyOptional({
    enum: ID_TOKEN_ALGORITHMS,
    default: 'RS256',
    description: 'Signs its ID tokens and logout tokens.',
  })
  @MayBeAbsent()
  @IsIn(ID_TOKEN_ALGORITHMS)
  readonly idTokenAlgorithm?: IdTokenAlgorithm;

  @ApiPropertyOptional({
    enum: ['public', 'pairwise'],
    default: 'public',
    description:
      'Pairwise: its ID tokens know people by names that other sectors do not (OpenID Connect Core section 8).',
  })
  @MayBeAbsent()
  @IsIn(['public', 'pairwise'])
  readonly subjectType?: 'public' | 'pairwise';

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description:
      'The host whose clients share pairwise names; that of the redirect URIs when null.',
    example: null,
  })
  @MayBeNull()
  @IsString()
  readonly sectorHost?: string | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description:
      'Where it hears that a session ended (OpenID Connect Back-Channel Logout): https, or http on loopback.',
    example: 'https://app.example/backchannel-logout',
  })
  @MayBeNull()
  @IsString()
  readonly backchannelLogoutUri?: string | null;
}
