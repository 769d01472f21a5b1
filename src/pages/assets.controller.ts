import { All, Controller, Get, Headers, Param, Query, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { ServerResponse } from 'node:http';

import { OAuthErrorFilter } from '../endpoints/oauth-error.filter.js';
import { MethodNotAllowedError, NothingHereError } from '../oauth/oauth-error.js';
import { PageAssets } from './page-assets.js';

/** An image that somebody opens by itself is a document: it may style itself and nothing else. */
const CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox";

/** Seconds: a year, because another content has another address. */
const MAX_AGE = 31_536_000;

/** The styles and the logo of the pages, from a list that is made at the start. */
@Controller('assets')
@UseFilters(OAuthErrorFilter)
@ApiExcludeController()
export class AssetsController {
  constructor(private readonly assets: PageAssets) {}

  @Get(':name')
  asset(
    @Param('name') name: string,
    @Query('v') version: unknown,
    @Headers('if-none-match') known: string | undefined,
    @Res() response: ServerResponse,
  ): void {
    const asset = this.assets.find(name);
    if (asset === undefined) throw new NothingHereError();
    const etag = `"${asset.version}"`;
    const headers = {
      // Whoever asks without the right version gets this one, and asks again the next time.
      'Cache-Control':
        version === asset.version ? `public, max-age=${MAX_AGE}, immutable` : 'no-cache',
      ETag: etag,
      'X-Content-Type-Options': 'nosniff',
      'Content-Security-Policy': CSP,
    };
    if (known === etag) {
      response.writeHead(304, headers).end();
      return;
    }
    response
      .writeHead(200, {
        ...headers,
        'Content-Type': asset.type,
        'Content-Length': asset.body.length,
      })
      .end(asset.body);
  }

  @All(':name')
  otherMethod(): never {
    throw new MethodNotAllowedError('GET, HEAD');
  }
}
