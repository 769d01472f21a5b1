import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';

import { Get, Headers, Optional, Query, Req, Res, StreamableFile } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import { AuditReader } from '../audit/audit-log.js';
import { cloudEventOf } from '../audit/export/cloud-event.js';
import { ocsfEventOf } from '../audit/export/ocsf-event.js';
import { isFound } from '../audit/record-filter.js';
import { Clock } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { LedgerFollower, TooManyStreamsError, type Follower } from '../streams/ledger-follower.js';
import { StreamSettings } from '../streams/stream-settings.js';
import { AdminController } from './admin-controller.js';
import { AdminGuard } from './admin.guard.js';
import { Act, type AdministrativeAct, type AdminRequest } from './administrative-act.js';
import { AuditStreamQuery } from './audit-stream.dto.js';
import { eventStream } from './event-stream.js';
import { namedFields } from './named-fields.js';
import { ApiProblems } from './problem.dto.js';
import { invalidFields, Problem } from './problem.js';
import { readOfSearch } from './recorded-read.js';
import { ShowsRecords } from './shows-records.js';

const SEQUENCE = /^(?:0|[1-9]\d{0,14})$/;
/** Seconds after which whoever found no place may ask again. */
const RETRY_AFTER = '10';

/** Records as they come. */
@AdminController('admin/audit/stream', 'audit')
export class AuditStreamController {
  readonly #settings: StreamSettings;

  constructor(
    private readonly reader: AuditReader,
    private readonly followers: LedgerFollower,
    private readonly guard: AdminGuard,
    private readonly issuer: IssuerSettings,
    private readonly clock: Clock,
    @Optional() settings?: StreamSettings,
  ) {
    this.#settings = settings ?? new StreamSettings();
  }

  @Get()
  @ShowsRecords()
  @ApiOperation({
    summary: 'Stream records',
    description:
      'Server-Sent Events, in the order of the log, of what the filters find and a checkpoint covers; `id` is the sequence. It ends with the access token.',
  })
  @ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    description: 'The sequence behind which to go on.',
  })
  @ApiOkResponse({ content: { 'text/event-stream': { schema: { type: 'string' } } } })
  @ApiProblems(400, 503)
  async stream(
    @Query() { format = 'cloudevents', after, ...filters }: AuditStreamQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: AdminRequest,
    @Res({ passthrough: true }) response: ServerResponse,
    @Act() act: AdministrativeAct,
  ): Promise<StreamableFile> {
    const from = await this.#beginning(lastEventId, after);
    const search = namedFields(filters);
    Object.assign(act.facts, await readOfSearch(search, this.reader, this.issuer.issuer));
    const follower = this.#follow();
    const eventOf = format === 'ocsf' ? ocsfEventOf : cloudEventOf;
    const stream = Readable.from(
      eventStream({
        follower,
        from,
        heartbeat: this.#settings.heartbeat,
        allowed: () => this.#allowed(request),
        isWanted: ({ record }) => isFound(record, search, this.issuer.issuer),
        write: (proven) => JSON.stringify(eventOf(proven, this.issuer.issuer)),
      }),
    );
    // The stream itself closes only when the follower has given what it waits for.
    response.once('close', () => follower.close());
    // A proxy that gathers answers would keep the records back.
    response.setHeader('X-Accel-Buffering', 'no');
    return new StreamableFile(stream, { type: 'text/event-stream; charset=utf-8' });
  }

  /** What a client says that it got last decides; else what was asked for; else what comes next. */
  async #beginning(lastEventId: string | undefined, after: number | undefined): Promise<number> {
    if (lastEventId !== undefined && !SEQUENCE.test(lastEventId))
      throw invalidFields([{ field: 'Last-Event-ID', problem: 'must be a sequence' }]);
    const size = await this.followers.size();
    const last = lastEventId === undefined ? after : Number(lastEventId);
    if (last === undefined) return size;
    if (last >= size)
      throw invalidFields([
        {
          field: lastEventId === undefined ? 'after' : 'Last-Event-ID',
          problem: 'must be the sequence of a record that a checkpoint covers',
        },
      ]);
    return last + 1;
  }

  #follow(): Follower {
    try {
      return this.followers.follow();
    } catch (error) {
      if (!(error instanceof TooManyStreamsError)) throw error;
      throw new Problem(503, 'This instance serves no more streams at the moment.', {
        cause: error,
        headers: { 'Retry-After': RETRY_AFTER },
      });
    }
  }

  /** Milliseconds until the token ends; 0 when it, or what it allows, was taken back. */
  async #allowed(request: AdminRequest): Promise<number> {
    try {
      const { token, scope } = await this.guard.actOf(request);
      return scope.has('audit:read') ? token.expiresAt * 1000 - this.clock.now() : 0;
    } catch (error) {
      if (error instanceof Problem) return 0;
      throw error;
    }
  }
}
