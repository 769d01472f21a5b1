import { All, Controller, HttpCode, Post, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiTags } from '@nestjs/swagger';
import type { ServerResponse } from 'node:http';

import { TokenRevocation } from '../aftercare/token-revocation.js';
import type { Attempt } from '../audit/attempt.js';
import { AuditTrail, type Watched } from '../audit/audit-trail.js';
import { MethodNotAllowedError } from '../oauth/oauth-error.js';
import { originOf } from './attempt-origin.js';
import { CallingClient } from './calling-client.js';
import { readForm } from './form.js';
import { OAuthErrorFilter } from './oauth-error.filter.js';
import { ApiRevocationEndpoint } from './revocation.docs.js';
import type { TokenHttpRequest } from './token-endpoint.js';

/** Where clients take back their tokens (RFC 7009). */
@Controller('connect/revocation')
@UseFilters(OAuthErrorFilter)
@ApiTags('protocol')
export class RevocationController {
  constructor(
    private readonly trail: AuditTrail,
    private readonly caller: CallingClient,
    private readonly revocation: TokenRevocation,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiRevocationEndpoint()
  async revoke(@Req() request: TokenHttpRequest, @Res() response: ServerResponse): Promise<void> {
    await this.trail.watch(originOf(request), 'revocation', (attempt) =>
      this.#revoke(request, attempt),
    );
    // The client learns nothing from a body (RFC 7009 section 2.2).
    response
      .writeHead(200, { 'Content-Length': 0, 'Cache-Control': 'no-store', Pragma: 'no-cache' })
      .end();
  }

  @All()
  @ApiExcludeEndpoint()
  async otherMethod(@Req() request: TokenHttpRequest): Promise<never> {
    return this.trail.watch(originOf(request), 'revocation', () =>
      Promise.reject(new MethodNotAllowedError('POST')),
    );
  }

  async #revoke(request: TokenHttpRequest, attempt: Attempt): Promise<Watched<undefined>> {
    const parameters = await readForm(request);
    const client = await this.caller.of(request, parameters, attempt);
    return this.revocation.revoke(client, parameters.require('token'), attempt);
  }
}
