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
import { Act, type AdministrativeAct } from './administrative-act.js';
import { ClientAdministration } from './client-administration.js';
import {
  ClientPage,
  ClientView,
  NewClientView,
  viewClient,
  viewNewSecret,
} from './client-view.dto.js';
import { ChangeClient, CreateClient } from './client.dto.js';
import { Cursors } from './cursor.js';
import { etagOf } from './etag.js';
import { JsonBody } from './json-body.js';
import { DEFAULT_LIMIT, PageQuery } from './page.dto.js';
import { ApiProblems } from './problem.dto.js';
import { RequiresScope } from './requires-scope.js';

/** The registry of clients. */
@AdminController('admin/clients', 'clients')
export class ClientsController {
  constructor(
    private readonly clients: ClientAdministration,
    private readonly cursors: Cursors,
  ) {}

  @Post()
  @RequiresScope('clients:write')
  @ApiOperation({
    summary: 'Create a client',
    description:
      'A confidential client with grants gets a secret, which this answer alone shows. A client may do nothing that is not named.',
  })
  @ApiBody({ type: CreateClient })
  @ApiCreatedResponse({ type: NewClientView })
  @ApiProblems(400, 409, 413, 415)
  async create(
    @JsonBody() fields: CreateClient,
    @Act() act: AdministrativeAct,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<NewClientView> {
    const { client, secret } = await this.clients.create(fields, act);
    const [kept] = client.secrets;
    response.setHeader('Location', `/admin/clients/${client.clientId}`);
    response.setHeader('ETag', etagOf(client.version));
    return secret === undefined || kept === undefined
      ? viewClient(client)
      : Object.assign(viewClient(client), { newSecret: viewNewSecret(kept, secret) });
  }

  @Get()
  @RequiresScope('clients:read')
  @ApiOperation({ summary: 'List clients', description: 'In ascending order of their ids.' })
  @ApiOkResponse({ type: ClientPage })
  @ApiProblems(400)
  async list(@Query() { limit = DEFAULT_LIMIT, cursor }: PageQuery): Promise<ClientPage> {
    const found = await this.clients.list(this.cursors.read('clients', cursor), limit + 1);
    const items = found.slice(0, limit).map(viewClient);
    const last = items.at(-1);
    const hasMore = found.length > limit && last !== undefined;
    return { items, next: hasMore ? this.cursors.write('clients', last.clientId) : null };
  }

  @Get(':clientId')
  @RequiresScope('clients:read')
  @ApiOperation({ summary: 'Read a client', description: 'Its ETag is for If-Match of a change.' })
  @ApiOkResponse({ type: ClientView })
  @ApiProblems(404)
  async read(
    @Param('clientId') clientId: string,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<ClientView> {
    const client = await this.clients.get(clientId);
    response.setHeader('ETag', etagOf(client.version));
    return viewClient(client);
  }

  @Patch(':clientId')
  @RequiresScope('clients:write')
  @ApiOperation({
    summary: 'Change a client',
    description:
      'Fields that are named replace those of the client, lists as a whole, and within `exchange` and `signIn` field by field. The whole result must be a client that could be created.',
  })
  @ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'The ETag that was read; another version is answered with 412.',
  })
  @ApiBody({ type: ChangeClient })
  @ApiOkResponse({ type: ClientView })
  @ApiProblems(400, 404, 409, 412, 413, 415)
  async change(
    @Param('clientId') clientId: string,
    @JsonBody() changes: ChangeClient,
    @Act() act: AdministrativeAct,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<ClientView> {
    const client = await this.clients.change(clientId, changes, act, ifMatch);
    response.setHeader('ETag', etagOf(client.version));
    return viewClient(client);
  }

  @Delete(':clientId')
  @HttpCode(204)
  @RequiresScope('clients:write')
  @ApiOperation({
    summary: 'Delete a client',
    description: 'Tokens that name it are refused at once. Its records stay.',
  })
  @ApiNoContentResponse({ description: 'It is gone.' })
  @ApiProblems(404, 409)
  async delete(@Param('clientId') clientId: string, @Act() act: AdministrativeAct): Promise<void> {
    await this.clients.delete(clientId, act);
  }

  @Post(':clientId/disable')
  @HttpCode(200)
  @RequiresScope('clients:write')
  @ApiOperation({
    summary: 'Disable a client',
    description:
      'It gets nothing any more, and every token that it had a part in is revoked, with all that came of it.',
  })
  @ApiOkResponse({ type: ClientView })
  @ApiProblems(404, 409)
  async disable(
    @Param('clientId') clientId: string,
    @Act() act: AdministrativeAct,
  ): Promise<ClientView> {
    return viewClient(await this.clients.setDisabled(clientId, true, act));
  }

  @Post(':clientId/enable')
  @HttpCode(200)
  @RequiresScope('clients:write')
  @ApiOperation({
    summary: 'Enable a client',
    description: 'Takes a disabling back; what was revoked stays so.',
  })
  @ApiOkResponse({ type: ClientView })
  @ApiProblems(404, 409)
  async enable(
    @Param('clientId') clientId: string,
    @Act() act: AdministrativeAct,
  ): Promise<ClientView> {
    return viewClient(await this.clients.setDisabled(clientId, false, act));
  }
}
