import { HttpCode, Param, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import { AccountAdministration } from './account-administration.js';
import { AccountView, NewPasswordView, viewAccount } from './account-view.dto.js';
import { SetPassword } from './account.dto.js';
import { AdminController } from './admin-controller.js';
import { Act, type AdministrativeAct } from './administrative-act.js';
import { JsonBody } from './json-body.js';
import { ApiProblems } from './problem.dto.js';
import { RequiresScope } from './requires-scope.js';

/** The password of an account, from an administrator. */
@AdminController('admin/accounts/:accountId/password', 'accounts')
export class AccountPasswordController {
  constructor(private readonly accounts: AccountAdministration) {}

  @Post()
  @HttpCode(200)
  @RequiresScope('accounts:write')
  @ApiOperation({
    summary: 'Set a password',
    description:
      'It must be changed at the next sign-in. The sessions of the account and what it allowed applications end at once.',
  })
  @ApiBody({ type: SetPassword })
  @ApiOkResponse({ type: AccountView })
  @ApiProblems(400, 404, 409, 413, 415)
  async set(
    @Param('accountId') accountId: string,
    @JsonBody() { password }: SetPassword,
    @Act() act: AdministrativeAct,
  ): Promise<AccountView> {
    return viewAccount(await this.accounts.setPassword(accountId, password, act));
  }

  @Post('reset')
  @HttpCode(200)
  @RequiresScope('accounts:write')
  @ApiOperation({
    summary: 'Reset a password',
    description:
      'Makes one up, which this answer alone shows and which must be changed at the next sign-in. The sessions of the account and what it allowed applications end at once.',
  })
  @ApiOkResponse({ type: NewPasswordView })
  @ApiProblems(404, 409)
  async reset(
    @Param('accountId') accountId: string,
    @Act() act: AdministrativeAct,
  ): Promise<NewPasswordView> {
    const { password } = await this.accounts.resetPassword(accountId, act);
    return { password };
  }
}
