import { Delete, Get, HttpCode, Param } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import { Sessions } from '../accounts/sessions.js';
import { SignOut, type SignOutCause } from '../authorization/sign-out.js';
import { AccountAdministration } from './account-administration.js';
import { SessionList, viewSession } from './account-view.dto.js';
import { AdminController } from './admin-controller.js';
import { Act, type AdministrativeAct } from './administrative-act.js';
import { ApiProblems } from './problem.dto.js';
import { notFound } from './problem.js';
import { RequiresScope } from './requires-scope.js';

const MOST = 200;

/** The sign-in sessions of an account. */
@AdminController('admin/accounts/:accountId/sessions', 'accounts')
export class AccountSessionsController {
  constructor(
    private readonly accounts: AccountAdministration,
    private readonly sessions: Sessions,
    private readonly signOut: SignOut,
  ) {}

  @Get()
  @RequiresScope('accounts:read')
  @ApiOperation({ summary: 'List sessions', description: 'Those that are not over, newest first.' })
  @ApiOkResponse({ type: SessionList })
  @ApiProblems(404)
  async list(@Param('accountId') accountId: string): Promise<SessionList> {
    const account = await this.accounts.get(accountId);
    const sessions = await this.sessions.list(account.accountId, MOST);
    return { items: sessions.map(viewSession) };
  }

  @Delete()
  @HttpCode(204)
  @RequiresScope('accounts:write')
  @ApiOperation({
    summary: 'End all sessions',
    description: 'The person is signed out everywhere, at once.',
  })
  @ApiNoContentResponse({ description: 'They are over.' })
  @ApiProblems(404)
  async endAll(
    @Param('accountId') accountId: string,
    @Act() act: AdministrativeAct,
  ): Promise<void> {
    const account = await this.accounts.get(accountId);
    await this.signOut.endAll(account.accountId, causeOf(act));
  }

  @Delete(':sid')
  @HttpCode(204)
  @RequiresScope('accounts:write')
  @ApiOperation({ summary: 'End a session', description: 'The person is signed out there.' })
  @ApiNoContentResponse({ description: 'It is over.' })
  @ApiProblems(404)
  async end(
    @Param('accountId') accountId: string,
    @Param('sid') sid: string,
    @Act() act: AdministrativeAct,
  ): Promise<void> {
    const account = await this.accounts.get(accountId);
    const isEnded = await this.signOut.end(sid, causeOf(act), account.accountId);
    if (!isEnded) throw notFound('session');
  }
}

function causeOf({ origin, administrator }: AdministrativeAct): SignOutCause {
  return { origin, administrator, operation: 'session-ended' };
}
