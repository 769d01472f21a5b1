import { Get, Optional, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import { AnchorSettings, AnchorStore, isLate } from '../audit/ledger/anchor-store.js';
import { LedgerStanding } from '../audit/ledger/ledger-continuity.js';
import { LedgerReader } from '../audit/ledger/ledger-reader.js';
import { TILE_WIDTH, widthOf } from '../audit/ledger/tile.js';
import { Clock } from '../oauth/clock.js';
import { AdminController } from './admin-controller.js';
import { Act, type AdministrativeAct } from './administrative-act.js';
import { isoTime } from './iso-time.js';
import { LedgerAnchorList, LedgerBundle, LedgerCheckpoints, LedgerQuery } from './ledger.dto.js';
import { ApiProblems } from './problem.dto.js';
import { notFound, retired } from './problem.js';
import { readOfLeaves } from './recorded-read.js';
import { RequiresScope } from './requires-scope.js';
import { ShowsRecords } from './shows-records.js';

/** What an export of the ledger is made of: checkpoints, and leaves with what they commit to. */
@AdminController('admin/ledger', 'ledger')
export class LedgerExportController {
  constructor(
    private readonly clock: Clock,
    @Optional() private readonly reader?: LedgerReader,
    @Optional() private readonly anchors?: AnchorStore,
    @Optional() private readonly settings: AnchorSettings = new AnchorSettings(),
    @Optional() private readonly standing: LedgerStanding = new LedgerStanding(),
  ) {}

  @Get('checkpoints')
  @RequiresScope('audit:read')
  @ApiOperation({ summary: 'Read checkpoints', description: 'The smallest first, at most 1 000.' })
  @ApiOkResponse({ type: LedgerCheckpoints })
  @ApiProblems(400)
  async checkpoints(@Query() { from = 0 }: LedgerQuery): Promise<LedgerCheckpoints> {
    const notes = (await this.reader?.checkpoints(from)) ?? [];
    return { notes, first: (await this.reader?.first()) ?? 0 };
  }

  @Get('anchors')
  @RequiresScope('audit:read')
  @ApiOperation({
    summary: 'Read where checkpoints are kept',
    description: 'How old the last checkpoint is that each place outside of the database has.',
  })
  @ApiOkResponse({ type: LedgerAnchorList })
  async anchorList(): Promise<LedgerAnchorList> {
    const size = (await this.reader?.size()) ?? 0;
    const now = this.clock.now();
    const states = (await this.anchors?.list()) ?? [];
    const items = states.map((state) => ({
      name: state.name,
      size: state.size,
      anchoredAt: state.anchoredAt === null ? null : isoTime(state.anchoredAt),
      age: state.anchoredAt === null ? null : Math.floor((now - state.anchoredAt) / 1000),
      lag: size - state.size,
      isLate: isLate(state, size, now, this.settings),
      error: state.error,
    }));
    return { size, broken: this.standing.broken, items };
  }

  @Get('leaves/:bundle')
  @ShowsRecords()
  @ApiOperation({
    summary: 'Read leaves',
    description: 'The 256 from 256 times the number on, as far as a checkpoint covers them.',
  })
  @ApiOkResponse({ type: LedgerBundle })
  @ApiProblems(404, 410)
  async leaves(
    @Param('bundle') text: string,
    @Act() act: AdministrativeAct,
  ): Promise<LedgerBundle> {
    const index = /^(?:0|[1-9]\d{0,12})$/.test(text) ? Number(text) : Number.NaN;
    const width = widthOf({ level: 0, index }, (await this.reader?.size()) ?? 0);
    const leaves = width > 0 ? await this.reader?.leaves({ index, width }) : null;
    if (leaves === 'retired') throw retired();
    if (!leaves) throw notFound('bundle');
    Object.assign(act.facts, readOfLeaves(leaves));
    return { first: index * TILE_WIDTH, leaves };
  }
}
