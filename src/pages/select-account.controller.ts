import type { ServerResponse } from 'node:http';

import { Controller, Get, Post, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';

import { readForm, readQuery } from '../endpoints/form.js';
import type { TokenHttpRequest } from '../endpoints/token-endpoint.js';
import { AuthorizationDesk } from './authorization-desk.js';
import { FORM_TOKEN, FormTokens, staleForm } from './form-tokens.js';
import { PageErrorFilter } from './page-error.filter.js';
import { PageSender } from './page-sender.js';
import { Visitors } from './visitors.js';
import { localesOf, WaitingRequests } from './waiting-requests.js';

const FORM = '/select-account';

/** Asks whether to go on as who is signed in (`prompt=select_account`). */
@Controller('select-account')
@UseFilters(PageErrorFilter)
@ApiExcludeController()
export class SelectAccountController {
  constructor(
    private readonly visitors: Visitors,
    private readonly waiting: WaitingRequests,
    private readonly desk: AuthorizationDesk,
    private readonly tokens: FormTokens,
    private readonly sender: PageSender,
  ) {}

  @Get()
  async show(@Req() request: TokenHttpRequest, @Res() response: ServerResponse): Promise<void> {
    const visitor = await this.visitors.of(request, response);
    const sealed = readQuery(request).require('request');
    const waiting = await this.waiting.find(sealed, visitor, response);
    if (waiting === undefined) return;
    const { step, interaction, request: asked } = waiting;
    if (step.step !== 'select-account') {
      await this.desk.proceed(interaction, visitor, response);
      return;
    }
    const { name, username } = step.person.account;
    const view = {
      action: FORM,
      hidden: { [FORM_TOKEN]: this.tokens.make(FORM, visitor), request: sealed },
      name,
      username,
      clientName: asked.client.name,
    };
    this.sender.send(response, 'select-account', view, {
      locales: localesOf(visitor, waiting),
      leadsTo: asked.redirectUri,
    });
  }

  @Post()
  async choose(@Req() request: TokenHttpRequest, @Res() response: ServerResponse): Promise<void> {
    const visitor = await this.visitors.of(request, response);
    const parameters = await readForm(request);
    if (!this.tokens.isOurs(FORM, visitor, parameters)) throw staleForm();
    const waiting = await this.waiting.find(parameters.require('request'), visitor, response);
    if (waiting === undefined) return;
    const { interaction } = waiting;
    if (parameters.get('choice') !== 'continue') {
      this.sender.lead(response, this.desk.pageOf('sign-in', interaction, visitor));
      return;
    }
    const progress = { ...interaction.progress, chosenSid: visitor.person?.session.sid };
    await this.desk.proceed({ ...interaction, progress }, visitor, response);
  }
}
