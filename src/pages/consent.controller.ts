import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';

import { Controller, Get, Post, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';

import { AuditTrail } from '../audit/audit-trail.js';
import { AuthorizationFlow, type Step } from '../authorization/authorization-flow.js';
import {
  AuthorizationRefusedError,
  type AuthorizationRequest,
} from '../authorization/authorization-request.js';
import { ClientDirectory } from '../clients/client-directory.js';
import { readForm, readQuery } from '../endpoints/form.js';
import type { TokenHttpRequest } from '../endpoints/token-endpoint.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { AuthorizationError } from '../oauth/oauth-error.js';
import { AuthorizationDesk, type Waiting } from './authorization-desk.js';
import { FORM_TOKEN, FormTokens, staleForm } from './form-tokens.js';
import { PageErrorFilter } from './page-error.filter.js';
import { PageSender } from './page-sender.js';
import { Visitors, type Visitor } from './visitors.js';
import { localesOf, WaitingRequests } from './waiting-requests.js';

const FORM = '/consent';

type ConsentStep = Extract<Step, { step: 'consent' }>;

/** Asks a person whether an application may have what it wants. */
@Controller('consent')
@UseFilters(PageErrorFilter)
@ApiExcludeController()
export class ConsentController {
  constructor(
    private readonly visitors: Visitors,
    private readonly waiting: WaitingRequests,
    private readonly desk: AuthorizationDesk,
    private readonly flow: AuthorizationFlow,
    private readonly clients: ClientDirectory,
    private readonly trail: AuditTrail,
    private readonly tokens: FormTokens,
    private readonly sender: PageSender,
    private readonly settings: IssuerSettings,
  ) {}

  @Get()
  async show(@Req() request: TokenHttpRequest, @Res() response: ServerResponse): Promise<void> {
    const visitor = await this.visitors.of(request, response);
    const sealed = readQuery(request).require('request');
    const waiting = await this.waiting.find(sealed, visitor, response);
    if (waiting === undefined) return;
    if (waiting.step.step === 'consent')
      await this.#ask(waiting, waiting.step, sealed, visitor, response);
    else await this.desk.proceed(waiting.interaction, visitor, response);
  }

  @Post()
  async decide(@Req() request: TokenHttpRequest, @Res() response: ServerResponse): Promise<void> {
    const visitor = await this.visitors.of(request, response);
    const parameters = await readForm(request);
    const sealed = parameters.require('request');
    const decision = parameters.require('decision');
    const waiting = await this.waiting.find(sealed, visitor, response);
    if (waiting === undefined) return;
    const { step } = waiting;
    if (step.step !== 'consent') {
      await this.desk.proceed(waiting.interaction, visitor, response);
      return;
    }
    // Exactly what was shown is agreed to: when it changed meanwhile the page is shown again.
    if (!this.tokens.isOurs(FORM, visitor, parameters, digestOf(waiting.request, step)))
      await this.#ask(waiting, step, sealed, visitor, response);
    else if (decision === 'allow') await this.#allow(waiting, step, visitor, response);
    else if (decision === 'deny') await this.#deny(waiting, step, visitor, response);
    else throw staleForm();
  }

  async #ask(
    waiting: Waiting,
    step: ConsentStep,
    sealed: string,
    visitor: Visitor,
    response: ServerResponse,
  ): Promise<void> {
    const { request } = waiting;
    const { client, redirectUri } = request;
    const { name, username } = step.person.account;
    const { host, protocol } = new URL(redirectUri);
    const view = {
      action: FORM,
      hidden: {
        [FORM_TOKEN]: this.tokens.make(FORM, visitor, digestOf(request, step)),
        request: sealed,
      },
      clientName: client.name,
      clientHost: host === '' ? protocol.slice(0, -1) : host,
      name,
      username,
      scopes: step.scope.map((value) => ({ value })),
      targets: await this.#namesOf(step.targets),
      offline: step.scope.includes('offline_access'),
    };
    this.sender.send(response, 'consent', view, {
      locales: localesOf(visitor, waiting),
      leadsTo: redirectUri,
    });
  }

  async #allow(
    waiting: Waiting,
    step: ConsentStep,
    visitor: Visitor,
    response: ServerResponse,
  ): Promise<void> {
    const { request } = waiting;
    const before = await this.flow.agreedBefore(request, step);
    try {
      await this.#witness(request.client.clientId, step, visitor, () =>
        this.flow.agree(request, step, before),
      );
    } catch (error) {
      // What is on no record was not agreed to.
      await this.flow.takeBack(request, step, before);
      throw error;
    }
    await this.desk.answer(waiting, step, visitor, response);
  }

  async #deny(
    { request, interaction }: Waiting,
    step: ConsentStep,
    visitor: Visitor,
    response: ServerResponse,
  ): Promise<void> {
    const refusal = new AuthorizationError(
      'access_denied',
      'consent_refused',
      'The person does not agree.',
    );
    const recorded: unknown = await this.#witness(request.client.clientId, step, visitor, () =>
      Promise.reject(refusal),
    ).catch((error: unknown) => error);
    if (recorded !== refusal) throw recorded;
    const refused = new AuthorizationRefusedError(refusal, request);
    await this.desk.refuse(refused, interaction.parameters, visitor, response);
  }

  /** One record of what the person decided. */
  #witness(
    clientId: string,
    step: ConsentStep,
    visitor: Visitor,
    work: () => Promise<void>,
  ): Promise<void> {
    return this.trail.witness(
      visitor.origin,
      (attempt) => {
        attempt.note({
          client: { clientId },
          requested: { scope: step.scope, audience: step.targets },
          ...this.desk.factsOf(step.person),
        });
        return work();
      },
      'consent',
    );
  }

  /** The names of the services that answer to these identifiers; our own UserInfo is told by the scope. */
  async #namesOf(targets: readonly string[]): Promise<readonly string[]> {
    const others = targets.filter((identifier) => identifier !== this.settings.userInfo);
    return Promise.all(
      others.map(
        async (identifier) => (await this.clients.findByIdentifier(identifier))?.name ?? identifier,
      ),
    );
  }
}

/** What a person agrees to and for whom, in short. */
function digestOf(
  { client, redirectUri }: AuthorizationRequest,
  { scope, targets }: ConsentStep,
): string {
  return createHash('sha256')
    .update(JSON.stringify([client.clientId, redirectUri, scope, targets]))
    .digest('base64url');
}
