import { Delete, Get, HttpCode, Param } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import { AccountApplications } from './account-applications.js';
import { AdminController } from './admin-controller.js';
import { ApplicationList, viewApplication } from './application-view.dto.js';
import { ApiProblems } from './problem.dto.js';
import { RequiresScope } from './requires-scope.js';

/** The applications that may act for a person. */
@AdminController('admin/accounts/:accountId/applications', 'accounts')
export class AccountApplicationsController {
  constructor(private readonly applications: AccountApplications) {}

  @Get()
  @RequiresScope('accounts:read')
  @ApiOperation({
    summary: 'List applications',
    description: 'What the person allowed at each sign-in and is still in force, newest first.',
  })
  @ApiOkResponse({ type: ApplicationList })
  @ApiProblems(404)
  async list(@Param('accountId') accountId: string): Promise<ApplicationList> {
    return { items: (await this.applications.list(accountId)).map(viewApplication) };
  }

  @Delete(':clientId')
  @HttpCode(204)
  @RequiresScope('accounts:write')
  @ApiOperation({
    summary: 'Revoke an application',
    description:
      'Its codes, refresh tokens and access tokens of this person are refused from now on, and it must ask again.',
  })
  @ApiNoContentResponse({ description: 'It may do nothing any more.' })
  @ApiProblems(404)
  async revoke(
    @Param('accountId') accountId: string,
    @Param('clientId') clientId: string,
  ): Promise<void> {
    await this.applications.revoke(accountId, clientId);
  }
}
