import type { ServerResponse } from 'node:http';

import { Delete, Get, Headers, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
} from '@nestjs/swagger';

import { AdminController } from './admin-controller.js';
import { Cursors } from './cursor.js';
import { etagOf } from './etag.js';
import { JsonBody } from './json-body.js';
import { DEFAULT_LIMIT, PageQuery } from './page.dto.js';
import { ApiProblems } from './problem.dto.js';
import { RequiresScope } from './requires-scope.js';
import { TrustedIssuerAdministration } from './trusted-issuer-administration.js';
import {
  issuerId,
  TrustedIssuerPage,
  TrustedIssuerView,
  viewTrustedIssuer,
} from './trusted-issuer-view.dto.js';
import { ChangeTrustedIssuer, CreateTrustedIssuer } from './trusted-issuer.dto.js';

/** Other issuers whose tokens may be exchanged. A path names one by its issuer in base64url. */
@AdminController('admin/trusted-issuers', 'trusted issuers')
export class TrustedIssuersController {
  constructor(
    private readonly issuers: TrustedIssuerAdministration,
    private readonly cursors: Cursors,
  ) {}

  @Post()
  @RequiresScope('issuers:write')
  @ApiOperation({
    summary: 'Trust an issuer',
    description: 'Clients may present its tokens once their `exchange.subjectIssuers` names it.',
  })
  @ApiBody({ type: CreateTrustedIssuer })
  @ApiCreatedResponse({ type: TrustedIssuerView })
  @ApiProblems(400, 409, 413, 415)
  async create(
    @JsonBody() fields: CreateTrustedIssuer,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<TrustedIssuerView> {
    const issuer = await this.issuers.create(fields);
    response.setHeader('Location', `/admin/trusted-issuers/${issuerId(issuer.issuer)}`);
    response.setHeader('ETag', etagOf(issuer.version));
    return viewTrustedIssuer(issuer);
  }

  @Get()
  @RequiresScope('issuers:read')
  @ApiOperation({
    summary: 'List trusted issuers',
    description: 'In ascending order of the issuer.',
  })
  @ApiOkResponse({ type: TrustedIssuerPage })
  @ApiProblems(400)
  async list(@Query() { limit = DEFAULT_LIMIT, cursor }: PageQuery): Promise<TrustedIssuerPage> {
    const found = await this.issuers.list(this.cursors.read('issuers', cursor), limit + 1);
    const items = found.slice(0, limit).map(viewTrustedIssuer);
    const last = items.at(-1);
    const hasMore = found.length > limit && last !== undefined;
    return { items, next: hasMore ? this.cursors.write('issuers', last.issuer) : null };
  }

  @Get(':id')
  @RequiresScope('issuers:read')
  @ApiOperation({
    summary: 'Read a trusted issuer',
    description: 'Its id is its issuer in base64url; its ETag is for If-Match of a change.',
  })
  @ApiOkResponse({ type: TrustedIssuerView })
  @ApiProblems(404)
  async read(
    @Param('id') id: string,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<TrustedIssuerView> {
    const issuer = await this.issuers.get(id);
    response.setHeader('ETag', etagOf(issuer.version));
    return viewTrustedIssuer(issuer);
  }

  @Patch(':id')
  @RequiresScope('issuers:write')
  @ApiOperation({
    summary: 'Change a trusted issuer',
    description: 'Fields that are named replace those it has, lists as a whole.',
  })
  @ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'The ETag that was read; another version is answered with 412.',
  })
  @ApiBody({ type: ChangeTrustedIssuer })
  @ApiOkResponse({ type: TrustedIssuerView })
  @ApiProblems(400, 404, 409, 412, 413, 415)
  async change(
    @Param('id') id: string,
    @JsonBody() changes: ChangeTrustedIssuer,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<TrustedIssuerView> {
    const issuer = await this.issuers.change(id, changes, ifMatch);
    response.setHeader('ETag', etagOf(issuer.version));
    return viewTrustedIssuer(issuer);
  }

  @Delete(':id')
  @HttpCode(204)
  @RequiresScope('issuers:write')
  @ApiOperation({
    summary: 'Delete a trusted issuer',
    description: 'Its tokens are revoked, with all that came of them.',
  })
  @ApiNoContentResponse({ description: 'It is gone.' })
  @ApiProblems(404, 409)
  async delete(@Param('id') id: string): Promise<void> {
    await this.issuers.delete(id);
  }

  @Post(':id/disable')
  @HttpCode(200)
  @RequiresScope('issuers:write')
  @ApiOperation({
    summary: 'Disable a trusted issuer',
    description: 'Its tokens so far are revoked, with all that came of them, and new ones refused.',
  })
  @ApiOkResponse({ type: TrustedIssuerView })
  @ApiProblems(404, 409)
  async disable(@Param('id') id: string): Promise<TrustedIssuerView> {
    return viewTrustedIssuer(await this.issuers.setDisabled(id, true));
  }

  @Post(':id/enable')
  @HttpCode(200)
  @RequiresScope('issuers:write')
  @ApiOperation({
    summary: 'Enable a trusted issuer',
    description: 'Takes a disabling back; what was revoked stays so.',
  })
  @ApiOkResponse({ type: TrustedIssuerView })
  @ApiProblems(404, 409)
  async enable(@Param('id') id: string): Promise<TrustedIssuerView> {
    return viewTrustedIssuer(await this.issuers.setDisabled(id, false));
  }
}
