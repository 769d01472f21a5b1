import { All, Controller, HttpCode, Post, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiTags } from '@nestjs/swagger';
import type { ServerResponse } from 'node:http';

import { AuditTrail } from '../audit/audit-trail.js';
import { MethodNotAllowedError } from '../oauth/oauth-error.js';
import { originOf } from './attempt-origin.js';
import { OAuthErrorFilter } from './oauth-error.filter.js';
import { TokenEndpoint, type TokenHttpRequest } from './token-endpoint.js';
import { ApiTokenEndpoint } from './token.docs.js';

/** The token endpoint (RFC 6749 section 3.2): every grant comes through here, and every attempt is witnessed. */
@Controller('connect/token')
@UseFilters(OAuthErrorFilter)
@ApiTags('protocol')
export class TokenController {
  constructor(
    private readonly endpoint: TokenEndpoint,
    private readonly trail: AuditTrail,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiTokenEndpoint()
  async token(@Req() request: TokenHttpRequest, @Res() response: ServerResponse): Promise<void> {
    await this.endpoint.answer(request, response);
  }

  @All()
  @ApiExcludeEndpoint()
  async otherMethod(@Req() request: TokenHttpRequest): Promise<never> {
    return this.trail.witness(originOf(request), () =>
      Promise.reject(new MethodNotAllowedError('POST')),
    );
  }
}
