import { HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import { AdminController } from './admin-controller.js';
import { Act, type AdministrativeAct } from './administrative-act.js';
import { ErasureAdministration } from './erasure-administration.js';
import { ErasurePlanView, ErasureView, NamedPerson } from './erasure.dto.js';
import { JsonBody } from './json-body.js';
import { ApiProblems } from './problem.dto.js';
import { RequiresScope } from './requires-scope.js';

const EXAMPLES = {
  own: { value: { sub: '3f0c2b5e-8a41-4c0e-9d57-0b6f4f6a2c11' } },
  foreign: { value: { iss: 'https://login.example', sub: 'alice' } },
};

/** The right to be forgotten. */
@AdminController('admin/erasures', 'erasures')
export class ErasuresController {
  constructor(private readonly erasures: ErasureAdministration) {}

  @Post('plan')
  @HttpCode(200)
  @RequiresScope('accounts:erase')
  @ApiOperation({
    summary: 'Plan to erase a person',
    description: 'How many records name the person, and what is in the way. Nothing is changed.',
  })
  @ApiBody({ type: NamedPerson, examples: EXAMPLES })
  @ApiOkResponse({ type: ErasurePlanView })
  @ApiProblems(400, 409, 413, 415)
  plan(@JsonBody() named: NamedPerson, @Act() act: AdministrativeAct): Promise<ErasurePlanView> {
    return this.erasures.plan(named, act);
  }

  @Post()
  @HttpCode(200)
  @RequiresScope('accounts:erase')
  @ApiOperation({
    summary: 'Erase a person',
    description:
      'Destroys the key and every salt of what records say of the person: nobody can read it any more, and every proof stays valid. An account must be deleted first. It cannot be taken back.',
  })
  @ApiBody({ type: NamedPerson, examples: EXAMPLES })
  @ApiOkResponse({ type: ErasureView })
  @ApiProblems(400, 409, 413, 415)
  erase(@JsonBody() named: NamedPerson, @Act() act: AdministrativeAct): Promise<ErasureView> {
    return this.erasures.erase(named, act);
  }
}
