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

import { AccountAdministration } from './account-administration.js';
import { AccountPage, AccountView, viewAccount } from './account-view.dto.js';
import { ChangeAccount, CreateAccount } from './account.dto.js';
import { AdminController } from './admin-controller.js';
import { Act, type AdministrativeAct } from './administrative-act.js';
import { Cursors } from './cursor.js';
import { etagOf } from './etag.js';
import { JsonBody } from './json-body.js';
import { DEFAULT_LIMIT, PageQuery } from './page.dto.js';
import { ApiProblems } from './problem.dto.js';
import { RequiresScope } from './requires-scope.js';

/** The accounts of people. */
@AdminController('admin/accounts', 'accounts')
export class AccountsController {
  constructor(
    private readonly accounts: AccountAdministration,
    private readonly cursors: Cursors,
  ) {}

  @Post()
  @RequiresScope('accounts:write')
  @ApiOperation({
    summary: 'Create an account',
    description: 'A password that is given must be changed at the first sign-in.',
  })
  @ApiBody({ type: CreateAccount })
  @ApiCreatedResponse({ type: AccountView })
  @ApiProblems(400, 409, 413, 415)
  async create(
    @JsonBody() fields: CreateAccount,
    @Act() act: AdministrativeAct,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<AccountView> {
    const account = await this.accounts.create(fields, act);
    response.setHeader('Location', `/admin/accounts/${account.accountId}`);
    response.setHeader('ETag', etagOf(account.version));
    return viewAccount(account);
  }

  @Get()
  @RequiresScope('accounts:read')
  @ApiOperation({
    summary: 'List accounts',
    description: 'In ascending order of their usernames, whatever their case.',
  })
  @ApiOkResponse({ type: AccountPage })
  @ApiProblems(400)
  async list(@Query() { limit = DEFAULT_LIMIT, cursor }: PageQuery): Promise<AccountPage> {
    const found = await this.accounts.list(this.cursors.read('accounts', cursor), limit + 1);
    const items = found.slice(0, limit).map(viewAccount);
    const last = items.at(-1);
    const hasMore = found.length > limit && last !== undefined;
    return { items, next: hasMore ? this.cursors.write('accounts', last.username) : null };
  }

  @Get(':accountId')
  @RequiresScope('accounts:read')
  @ApiOperation({
    summary: 'Read an account',
    description: 'Its ETag is for If-Match of a change.',
  })
  @ApiOkResponse({ type: AccountView })
  @ApiProblems(404)
  async read(
    @Param('accountId') accountId: string,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<AccountView> {
    const account = await this.accounts.get(accountId);
    response.setHeader('ETag', etagOf(account.version));
    return viewAccount(account);
  }

  @Patch(':accountId')
  @RequiresScope('accounts:write')
  @ApiOperation({
    summary: 'Change an account',
    description:
      'Fields that are named replace those of the account, lists and claims as a whole. The whole result must be an account that could be created.',
  })
  @ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'The ETag that was read; another version is answered with 412.',
  })
  @ApiBody({ type: ChangeAccount })
  @ApiOkResponse({ type: AccountView })
  @ApiProblems(400, 404, 409, 412, 413, 415)
  async change(
    @Param('accountId') accountId: string,
    @JsonBody() changes: ChangeAccount,
    @Act() act: AdministrativeAct,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<AccountView> {
    const account = await this.accounts.change(accountId, changes, act, ifMatch);
    response.setHeader('ETag', etagOf(account.version));
    return viewAccount(account);
  }

  @Delete(':accountId')
  @HttpCode(204)
  @RequiresScope('accounts:write')
  @ApiOperation({
    summary: 'Delete an account',
    description:
      'Its sessions and what it allowed applications end at once. Its records stay, and its id is never given again.',
  })
  @ApiNoContentResponse({ description: 'It is gone.' })
  @ApiProblems(404, 409)
  async delete(
    @Param('accountId') accountId: string,
    @Act() act: AdministrativeAct,
  ): Promise<void> {
    await this.accounts.delete(accountId, act);
  }

  @Post(':accountId/disable')
  @HttpCode(200)
  @RequiresScope('accounts:write')
  @ApiOperation({
    summary: 'Disable an account',
    description:
      'It cannot sign in any more; its sessions and what it allowed applications end at once, and every token that names it is revoked.',
  })
  @ApiOkResponse({ type: AccountView })
  @ApiProblems(404, 409)
  async disable(
    @Param('accountId') accountId: string,
    @Act() act: AdministrativeAct,
  ): Promise<AccountView> {
    return viewAccount(await this.accounts.setDisabled(accountId, true, act));
  }

  @Post(':accountId/enable')
  @HttpCode(200)
  @RequiresScope('accounts:write')
  @ApiOperation({
    summary: 'Enable an account',
    description: 'Takes a disabling back; what ended stays over.',
  })
  @ApiOkResponse({ type: AccountView })
  @ApiProblems(404, 409)
  async enable(
    @Param('accountId') accountId: string,
    @Act() act: AdministrativeAct,
  ): Promise<AccountView> {
    return viewAccount(await this.accounts.setDisabled(accountId, false, act));
  }
}
