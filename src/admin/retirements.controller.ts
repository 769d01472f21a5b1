import { HttpCode, Optional, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import { RecordRetention } from '../audit/retention.js';
import { Clock } from '../oauth/clock.js';
import { AdminController } from './admin-controller.js';
import { JsonBody } from './json-body.js';
import { ApiProblems } from './problem.dto.js';
import { invalidFields, Problem } from './problem.js';
import { RequiresScope } from './requires-scope.js';
import { RetiredBefore, RetirementView } from './retirement.dto.js';

const NOTHING: RetirementView = { first: null, until: null };

/** Old records that go. */
@AdminController('admin/ledger/retirements', 'ledger')
export class RetirementsController {
  constructor(
    private readonly clock: Clock,
    @Optional() private readonly records?: RecordRetention,
  ) {}

  @Post('plan')
  @HttpCode(200)
  @RequiresScope('audit:retire')
  @ApiOperation({
    summary: 'Plan to retire records',
    description: 'Which ones would go. Nothing is changed.',
  })
  @ApiBody({ type: RetiredBefore })
  @ApiOkResponse({ type: RetirementView })
  @ApiProblems(400, 409, 413, 415)
  async plan(@JsonBody() { before }: RetiredBefore): Promise<RetirementView> {
    return (await this.#retention(before).plan(before)) ?? NOTHING;
  }

  @Post()
  @HttpCode(200)
  @RequiresScope('audit:retire')
  @ApiOperation({
    summary: 'Retire records',
    description:
      'Whole partitions go of which every record is older, the oldest first; their hashes stay, so that every proof stays valid. A record says which ones went. It cannot be taken back.',
  })
  @ApiBody({ type: RetiredBefore })
  @ApiOkResponse({ type: RetirementView })
  @ApiProblems(400, 409, 413, 415)
  async retire(@JsonBody() { before }: RetiredBefore): Promise<RetirementView> {
    return (await this.#retention(before).retire(before)) ?? NOTHING;
  }

  #retention(before: number): RecordRetention {
    if (before > this.clock.now())
      throw invalidFields([{ field: 'before', problem: 'must not be in the future' }]);
    if (this.records === undefined)
      throw new Problem(409, 'The records of this server are kept for ever.');
    return this.records;
  }
}
