import { All, Controller, Get, Param, Res, UseFilters } from '@nestjs/common';
import {
  ApiExcludeEndpoint,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { ServerResponse } from 'node:http';

import { MethodNotAllowedError, NothingHereError } from '../oauth/oauth-error.js';
import { StatusLists } from '../tokens/status-lists.js';
import { OAuthErrorFilter } from './oauth-error.filter.js';
import { sendJson } from './send-json.js';

const NUMBER = /^(?:0|[1-9]\d{0,9})$/;
/** Seconds: what the list itself says. */
const MAX_AGE = 30;

/** Where anybody can look up whether a token was revoked (Token Status List). */
@Controller('connect/status-lists')
@UseFilters(OAuthErrorFilter)
@ApiTags('protocol')
export class StatusListController {
  constructor(private readonly lists: StatusLists) {}

  @Get()
  @ApiOperation({ summary: 'All status lists', description: 'Token Status List section 9.3.' })
  @ApiOkResponse({
    description: 'Their addresses.',
    content: { 'application/json': { example: { status_lists: [] } } },
  })
  async all(@Res() response: ServerResponse): Promise<void> {
    if (!this.lists.isKept) throw new NothingHereError();
    sendJson(response, 200, { status_lists: await this.lists.uris() });
  }

  @Get(':list')
  @ApiOperation({
    summary: 'A status list',
    description:
      'A signed list with a bit for each token that names a place in it in its claim `status`: 1 for one that was revoked. Nobody learns which token is looked up.',
  })
  @ApiParam({ name: 'list', example: '0' })
  @ApiOkResponse({
    description: 'The list, a few seconds old at most.',
    content: { 'application/statuslist+jwt': { schema: { type: 'string' } } },
  })
  @ApiResponse({ status: 404, description: 'There is no such list.' })
  async one(@Param('list') list: string, @Res() response: ServerResponse): Promise<void> {
    const token = NUMBER.test(list) ? await this.lists.read(Number(list)) : undefined;
    if (token === undefined) throw new NothingHereError();
    response
      .writeHead(200, {
        'Content-Type': 'application/statuslist+jwt',
        'Cache-Control': `public, max-age=${MAX_AGE}`,
        // Services that run in a browser look tokens up, too; there is nothing secret in a list.
        'Access-Control-Allow-Origin': '*',
      })
      .end(token);
  }

  @All(['', ':list'])
  @ApiExcludeEndpoint()
  otherMethod(): never {
    throw new MethodNotAllowedError('GET, HEAD');
  }
}
