import { Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import { AdminController } from './admin-controller.js';
import { Cursors } from './cursor.js';
import { JsonBody } from './json-body.js';
import { DEFAULT_LIMIT, PageQuery } from './page.dto.js';
import { ApiProblems } from './problem.dto.js';
import { RequiresScope } from './requires-scope.js';
import { SinkAdministration } from './sink-administration.js';
import { DeadLetterPage, SinkTest, SinkView, viewDeadLetter, viewSink } from './sink-view.dto.js';
import { ReplaySink, RotateSinkSecret } from './sink.dto.js';

/** What is done about the deliveries to one receiver of records. */
@AdminController('admin/sinks/:id', 'sinks')
export class SinkDeliveriesController {
  constructor(
    private readonly sinks: SinkAdministration,
    private readonly cursors: Cursors,
  ) {}

  @Post('pause')
  @HttpCode(200)
  @RequiresScope('sinks:write')
  @ApiOperation({ summary: 'Pause a sink', description: 'It keeps its place in the log.' })
  @ApiOkResponse({ type: SinkView })
  @ApiProblems(404)
  async pause(@Param('id') id: string): Promise<SinkView> {
    return viewSink(await this.sinks.setState(id, 'paused'));
  }

  @Post('resume')
  @HttpCode(200)
  @RequiresScope('sinks:write')
  @ApiOperation({
    summary: 'Go on with a sink',
    description:
      'One that was paused, stopped or gone, and at once one that waits for its next try.',
  })
  @ApiOkResponse({ type: SinkView })
  @ApiProblems(404)
  async resume(@Param('id') id: string): Promise<SinkView> {
    return viewSink(await this.sinks.setState(id, 'active'));
  }

  @Post('replay')
  @HttpCode(200)
  @RequiresScope('sinks:write')
  @ApiOperation({
    summary: 'Replay records',
    description: 'Delivers from a sequence or a time on again: the same records with the same ids.',
  })
  @ApiBody({ type: ReplaySink })
  @ApiOkResponse({ type: SinkView })
  @ApiProblems(400, 404, 413, 415)
  async replay(@Param('id') id: string, @JsonBody() from: ReplaySink): Promise<SinkView> {
    return viewSink(await this.sinks.replay(id, from));
  }

  @Post('secret')
  @HttpCode(200)
  @RequiresScope('sinks:write')
  @ApiOperation({
    summary: 'Rotate the secret of a webhook',
    description: 'The new one is shown this once; the one before signs, too, for a day or as said.',
  })
  @ApiBody({ type: RotateSinkSecret, required: false })
  @ApiOkResponse({ type: SinkView })
  @ApiProblems(400, 404, 409, 413, 415)
  async rotate(
    @Param('id') id: string,
    @JsonBody() fields: RotateSinkSecret | undefined,
  ): Promise<SinkView> {
    const { sink, secret } = await this.sinks.rotate(id, fields ?? {});
    return viewSink(sink, secret);
  }

  @Post('test')
  @HttpCode(200)
  @RequiresScope('sinks:write')
  @ApiOperation({
    summary: 'Test a sink',
    description: 'A webhook gets a signed batch of nothing; of NATS the stream is looked for.',
  })
  @ApiOkResponse({ type: SinkTest })
  @ApiProblems(404)
  async test(@Param('id') id: string): Promise<SinkTest> {
    return { error: await this.sinks.test(id) };
  }

  @Get('dead-letters')
  @RequiresScope('sinks:read')
  @ApiOperation({
    summary: 'List dead letters',
    description: 'What could not be delivered, the newest first.',
  })
  @ApiOkResponse({ type: DeadLetterPage })
  @ApiProblems(400, 404)
  async deadLetters(
    @Param('id') id: string,
    @Query() { limit = DEFAULT_LIMIT, cursor }: PageQuery,
  ): Promise<DeadLetterPage> {
    const list = `dead letters ${id}`;
    const before = this.cursors.read(list, cursor);
    const found = await this.sinks.deadLetters(id, before, limit + 1);
    const items = found.slice(0, limit).map(viewDeadLetter);
    const last = items.at(-1);
    const hasMore = found.length > limit && last !== undefined;
    return { items, next: hasMore ? this.cursors.write(list, last.id) : null };
  }

  @Post('dead-letters/:letterId/redeliver')
  @HttpCode(200)
  @RequiresScope('sinks:write')
  @ApiOperation({
    summary: 'Redeliver a dead letter',
    description: 'At once; it is forgotten when the receiver has it.',
  })
  @ApiOkResponse({ type: SinkTest })
  @ApiProblems(404)
  async redeliver(@Param('id') id: string, @Param('letterId') letterId: string): Promise<SinkTest> {
    return { error: await this.sinks.redeliver(id, letterId) };
  }
}
