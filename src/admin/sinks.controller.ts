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
import { SinkAdministration } from './sink-administration.js';
import { SinkPage, SinkView, viewSink } from './sink-view.dto.js';
import { ChangeSink, CreateSink } from './sink.dto.js';

/** Receivers of records: webhooks and NATS. */
@AdminController('admin/sinks', 'sinks')
export class SinksController {
  constructor(
    private readonly sinks: SinkAdministration,
    private readonly cursors: Cursors,
  ) {}

  @Post()
  @RequiresScope('sinks:write')
  @ApiOperation({
    summary: 'Create a sink',
    description:
      'It gets every record from now on that its filter finds; the secret of a webhook is shown this once.',
  })
  @ApiBody({ type: CreateSink })
  @ApiCreatedResponse({ type: SinkView })
  @ApiProblems(400, 413, 415)
  async create(
    @JsonBody() fields: CreateSink,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<SinkView> {
    const { sink, secret } = await this.sinks.create(fields);
    response.setHeader('Location', `/admin/sinks/${sink.id}`);
    response.setHeader('ETag', etagOf(sink.version));
    return viewSink(sink, secret);
  }

  @Get()
  @RequiresScope('sinks:read')
  @ApiOperation({ summary: 'List sinks', description: 'In the order of their making.' })
  @ApiOkResponse({ type: SinkPage })
  @ApiProblems(400)
  async list(@Query() { limit = DEFAULT_LIMIT, cursor }: PageQuery): Promise<SinkPage> {
    const found = await this.sinks.list(this.cursors.read('sinks', cursor), limit + 1);
    const items = found.slice(0, limit).map((sink) => viewSink(sink));
    const last = items.at(-1);
    const hasMore = found.length > limit && last !== undefined;
    return { items, next: hasMore ? this.cursors.write('sinks', last.id) : null };
  }

  @Get(':id')
  @RequiresScope('sinks:read')
  @ApiOperation({
    summary: 'Read a sink',
    description: 'With how far it has come; its ETag is for If-Match of a change.',
  })
  @ApiOkResponse({ type: SinkView })
  @ApiProblems(404)
  async read(
    @Param('id') id: string,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<SinkView> {
    const sink = await this.sinks.get(id);
    response.setHeader('ETag', etagOf(sink.version));
    return viewSink(sink);
  }

  @Patch(':id')
  @RequiresScope('sinks:write')
  @ApiOperation({
    summary: 'Change a sink',
    description: 'Fields that are named replace those it has; how far it has come stays.',
  })
  @ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'The ETag that was read; another version is answered with 412.',
  })
  @ApiBody({ type: ChangeSink })
  @ApiOkResponse({ type: SinkView })
  @ApiProblems(400, 404, 409, 412, 413, 415)
  async change(
    @Param('id') id: string,
    @JsonBody() changes: ChangeSink,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<SinkView> {
    const sink = await this.sinks.change(id, changes, ifMatch);
    response.setHeader('ETag', etagOf(sink.version));
    return viewSink(sink);
  }

  @Delete(':id')
  @HttpCode(204)
  @RequiresScope('sinks:write')
  @ApiOperation({
    summary: 'Delete a sink',
    description: 'With its dead letters; nothing more is delivered.',
  })
  @ApiNoContentResponse({ description: 'It is gone.' })
  @ApiProblems(404)
  async delete(@Param('id') id: string): Promise<void> {
    await this.sinks.delete(id);
  }
}
