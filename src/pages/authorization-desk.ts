import type { ServerResponse } from 'node:http';

import { Injectable } from '@nestjs/common';

import type { AttemptFacts } from '../audit/attempt.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { AuthorizationFlow, type Person, type Step } from '../authorization/authorization-flow.js';
import {
  AuthorizationRefusedError,
  type AuthorizationRequest,
} from '../authorization/authorization-request.js';
import { AuthorizationRequests } from '../authorization/authorization-requests.js';
import { requestedFacts } from '../grants/requested.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { OAuthError } from '../oauth/oauth-error.js';
import type { RequestParameters } from '../oauth/request-parameters.js';
import { Interactions, type Interaction } from './interactions.js';
import { PageSender } from './page-sender.js';
import { PagePaths } from './page-paths.js';
import type { Visitor } from './visitors.js';

/** A waiting request that was checked again, with what has to happen next. */
export interface Waiting {
  readonly interaction: Interaction;
  readonly request: AuthorizationRequest;
  readonly step: Step;
}

/** Brings authorization requests on: to the page that is needed, or to their answer. */
@Injectable()
export class AuthorizationDesk {
  constructor(
    private readonly requests: AuthorizationRequests,
    private readonly flow: AuthorizationFlow,
    private readonly interactions: Interactions,
    private readonly trail: AuditTrail,
    private readonly sender: PageSender,
    private readonly paths: PagePaths,
    private readonly settings: IssuerSettings,
  ) {}

  /**
   * Leads the browser to the next page, or back to the application.
   * @throws OAuthError when the application cannot be told: for a page
   */
  async proceed(
    interaction: Interaction,
    visitor: Visitor,
    response: ServerResponse,
  ): Promise<void> {
    const waiting = await this.look(interaction, visitor, response);
    if (waiting === undefined) return;
    const { step } = waiting;
    if (step.step === 'answer') await this.answer(waiting, step, visitor, response);
    else this.sender.lead(response, this.pageOf(step.step, interaction, visitor));
  }

  /**
   * The request of an interaction, checked anew, and its next step; undefined when it was refused and
   * the application was told.
   * @throws OAuthError when the application cannot be told
   */
  async look(
    interaction: Interaction,
    visitor: Visitor,
    response: ServerResponse,
  ): Promise<Waiting | undefined> {
    const { parameters, progress } = interaction;
    try {
      const request = await this.requests.read(parameters, interaction);
      try {
        return {
          interaction,
          request,
          step: await this.flow.next(request, visitor.person, progress),
        };
      } catch (error) {
        throw error instanceof OAuthError ? new AuthorizationRefusedError(error, request) : error;
      }
    } catch (error) {
      if (!(error instanceof AuthorizationRefusedError)) throw error;
      await this.refuse(error, parameters, visitor, response);
      return undefined;
    }
  }

  /** Answers with a code, once; the record is written before. */
  async answer(
    { request, interaction }: Waiting,
    step: Extract<Step, { step: 'answer' | 'consent' }>,
    visitor: Visitor,
    response: ServerResponse,
  ): Promise<void> {
    try {
      const location = await this.trail.witness(
        visitor.origin,
        (attempt) => {
          attempt.note({
            client: { clientId: request.client.clientId },
            requested: { scope: [...request.scope], audience: request.targets },
            ...this.factsOf(step.person),
          });
          return this.flow.answer(request, step, attempt);
        },
        'authorization',
      );
      this.interactions.close(interaction);
      this.sender.lead(response, location);
    } catch (error) {
      // What was refused at the last moment is told as well; it is on record already.
      if (!(error instanceof OAuthError) || error.status >= 500) throw error;
      this.#tell(error, request, response);
    }
  }

  /**
   * Records that a request was refused, and tells the application.
   * @throws OAuthError when it cannot be told
   */
  async refuse(
    { refusal, destination }: AuthorizationRefusedError,
    parameters: RequestParameters,
    visitor: Visitor,
    response: ServerResponse,
  ): Promise<void> {
    const recorded: unknown = await this.trail
      .witness(
        visitor.origin,
        (attempt) => {
          const clientId = parameters.get('client_id');
          attempt.note({
            ...requestedFacts(parameters),
            // Only a client that is known: any other text could be anything.
            ...(destination && clientId !== undefined ? { client: { clientId } } : {}),
            ...(visitor.person ? this.factsOf(visitor.person) : {}),
          });
          return Promise.reject(refusal);
        },
        'authorization',
      )
      .catch((error: unknown) => error);
    if (recorded !== refusal || destination === undefined) throw recorded;
    this.#tell(refusal, destination, response);
  }

  /** The address of the page for a step. */
  pageOf(
    step: Exclude<Step['step'], 'answer'>,
    interaction: Interaction,
    visitor: Visitor,
  ): string {
    return this.paths.to(`/${step}`, { request: this.interactions.seal(interaction, visitor) });
  }

  /** What a record keeps of a person who is signed in. */
  factsOf({ session, account }: Person): AttemptFacts {
    return {
      subject: { iss: this.settings.issuer, sub: account.accountId },
      sid: session.sid,
      authentication: { acr: session.acr, amr: session.amr },
    };
  }

  #tell(
    { error, description }: OAuthError,
    destination: Pick<AuthorizationRequest, 'redirectUri' | 'state'>,
    response: ServerResponse,
  ): void {
    const answer = { error, error_description: description };
    this.sender.lead(response, this.flow.redirect(destination, answer));
  }
}
