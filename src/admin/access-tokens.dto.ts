import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn } from 'class-validator';

import { ACCESS_TOKEN_FORMATS, type AccessTokenFormat } from '../clients/client.js';
import { MayBeAbsent } from './validation.js';

/** What access tokens look like that a client gets or takes; what is not named stays as it is. */
export class AccessTokenFields {
  @ApiPropertyOptional({
    enum: ACCESS_TOKEN_FORMATS,
    default: 'jwt',
    description:
      'What it takes, when it is the target. opaque: nobody but this server can read them, so that it must introspect them, and what is revoked is dead for it at once.',
  })
  @MayBeAbsent()
  @IsIn(ACCESS_TOKEN_FORMATS)
  readonly takes?: AccessTokenFormat;

  @ApiPropertyOptional({
    enum: ACCESS_TOKEN_FORMATS,
    default: 'jwt',
    description: 'What it gets, when it asks: opaque only if every one of its targets introspects.',
  })
  @MayBeAbsent()
  @IsIn(ACCESS_TOKEN_FORMATS)
  readonly gets?: AccessTokenFormat;

  @ApiPropertyOptional({
    default: false,
    description:
      'Whether its JWTs name a place in a Token Status List, where anybody can see that they were revoked.',
  })
  @MayBeAbsent()
  @IsBoolean()
  readonly statusList?: boolean;

  @ApiPropertyOptional({
    default: false,
    description:
      'Whether it may introspect tokens that are neither its own nor meant for it (RFC 7662).',
  })
  @MayBeAbsent()
  @IsBoolean()
  readonly introspectsAll?: boolean;
}
