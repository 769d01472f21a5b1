import { Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import { AdminController } from './admin-controller.js';
import { ClientRights } from './client-rights.dto.js';
import { ClientRightsReader } from './client-rights.js';
import { ApiProblems } from './problem.dto.js';
import { RequiresScope } from './requires-scope.js';

/** What a client may do as an actor. */
@AdminController('admin/clients/:clientId/rights', 'policies')
export class ClientRightsController {
  constructor(private readonly rights: ClientRightsReader) {}

  @Get()
  @RequiresScope('policies:read')
  @ApiOperation({
    summary: 'Read the rights of a client',
    description:
      'Every policy in force that speaks of it as an actor: stored ones, and its own settings with those of their targets for which a stored policy counts instead.',
  })
  @ApiOkResponse({ type: ClientRights })
  @ApiProblems(404)
  read(@Param('clientId') clientId: string): Promise<ClientRights> {
    return this.rights.of(clientId);
  }
}
