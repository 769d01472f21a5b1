import { createHash } from 'node:crypto';

import { All, Controller, Get, Headers, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { ServerResponse } from 'node:http';

import { KeyRing } from '../keys/key-ring.js';
import { MethodNotAllowedError } from '../oauth/oauth-error.js';
import { OAuthErrorFilter } from './oauth-error.filter.js';

/** Seconds that anybody may keep the key set: well under the time a new key is announced. */
const MAX_AGE = 300;

/** Our public keys (RFC 7517 section 5). */
@Controller('.well-known/jwks.json')
@UseFilters(OAuthErrorFilter)
@ApiTags('discovery')
export class JwksController {
  constructor(private readonly ring: KeyRing) {}

  @Get()
  @ApiOperation({
    summary: 'The public keys',
    description: 'Announced, active and retiring keys; public members only.',
  })
  @ApiOkResponse({
    description: 'A JWK set (RFC 7517).',
    content: { 'application/jwk-set+json': { schema: { type: 'object' } } },
  })
  async jwks(
    @Headers('if-none-match') known: string | undefined,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const text = JSON.stringify(await this.ring.jwks());
    const etag = `"${createHash('sha256').update(text).digest('base64url')}"`;
    const headers = { 'Cache-Control': `public, max-age=${MAX_AGE}`, ETag: etag };
    if (isKnown(etag, known)) {
      response.writeHead(304, headers).end();
      return;
    }
    response.writeHead(200, { ...headers, 'Content-Type': 'application/jwk-set+json' }).end(text);
  }

  @All()
  @ApiExcludeEndpoint()
  otherMethod(): never {
    throw new MethodNotAllowedError('GET, HEAD');
  }
}

/** Whether `If-None-Match` names it, also weakly, as proxies that compress do (RFC 9110 section 13.1.2). */
function isKnown(etag: string, header: string | undefined): boolean {
  const known = header?.split(',').map((each) => each.trim().replace(/^W\//, '')) ?? [];
  return known.includes(etag) || known.includes('*');
}
