import { All, Controller, Get, Param, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { ServerResponse } from 'node:http';

import { MethodNotAllowedError, NothingHereError } from '../oauth/oauth-error.js';
import { OAuthErrorFilter } from './oauth-error.filter.js';
import { ServerMetadata } from './server-metadata.js';

/** Seconds. */
const MAX_AGE = 300;

/** The discovery documents: one content, under the names that RFC 8414 and OpenID Connect give it. */
@Controller('.well-known')
@UseFilters(OAuthErrorFilter)
@ApiTags('discovery')
export class MetadataController {
  constructor(private readonly metadata: ServerMetadata) {}

  @Get('oauth-authorization-server')
  @ApiOperation({ summary: 'Authorization server metadata', description: 'RFC 8414.' })
  @ApiOkResponse({
    description: 'The metadata.',
    content: { 'application/json': { schema: { type: 'object' } } },
  })
  oauth(@Res() response: ServerResponse): void {
    this.#send(response);
  }

  @Get('openid-configuration')
  @ApiOperation({
    summary: 'OpenID provider configuration',
    description: 'OpenID Connect Discovery 1.0.',
  })
  @ApiOkResponse({
    description: 'The metadata.',
    content: { 'application/json': { schema: { type: 'object' } } },
  })
  openid(@Res() response: ServerResponse): void {
    this.#send(response);
  }

  /** For an issuer with a path RFC 8414 section 3.1 inserts the well-known part before it. */
  @Get(['oauth-authorization-server/*path', 'openid-configuration/*path'])
  @ApiExcludeEndpoint()
  inserted(@Param('path') path: string | readonly string[], @Res() response: ServerResponse): void {
    const asked = `/${typeof path === 'string' ? path : path.join('/')}`;
    if (asked !== this.metadata.issuerPath) throw new NothingHereError();
    this.#send(response);
  }

  @All(['oauth-authorization-server', 'openid-configuration'])
  @ApiExcludeEndpoint()
  otherMethod(): never {
    throw new MethodNotAllowedError('GET, HEAD');
  }

  #send(response: ServerResponse): void {
    response
      .writeHead(200, {
        'Content-Type': 'application/json',
        'Cache-Control': `public, max-age=${MAX_AGE}`,
      })
      .end(JSON.stringify(this.metadata.document()));
  }
}
