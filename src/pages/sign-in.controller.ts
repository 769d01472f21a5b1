import type { ServerResponse } from 'node:http';

import { Controller, Get, Logger, Post, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';

import type { Account } from '../accounts/account.js';
import { MIN_PASSWORD_LENGTH } from '../accounts/password-rules.js';
import { SignInRefusedError } from '../accounts/sign-in-refused-error.js';
import { readForm, readQuery } from '../endpoints/form.js';
import { wordsOfCause } from '../endpoints/send-refusal.js';
import type { TokenHttpRequest } from '../endpoints/token-endpoint.js';
import { SealedValues } from '../keys/sealed-values.js';
import { InvalidRequestError, OAuthError } from '../oauth/oauth-error.js';
import type { RequestParameters } from '../oauth/request-parameters.js';
import { AuthorizationDesk, type Waiting } from './authorization-desk.js';
import { FORM_TOKEN, FormTokens, staleForm } from './form-tokens.js';
import { PageErrorFilter } from './page-error.filter.js';
import { PagePaths } from './page-paths.js';
import { PageSender } from './page-sender.js';
import type { SignInPage } from './page-views.js';
import { PasswordDesk, type PasswordProblem } from './password-desk.js';
import { SignInDesk } from './sign-in-desk.js';
import { Visitors, type Visitor } from './visitors.js';
import { localesOf, WaitingRequests } from './waiting-requests.js';

const SIGN_IN = '/sign-in';
const PASSWORD = '/sign-in/password';
/** Where somebody goes whom no application sent, by the names that a form may say. */
const PAGES = { account: '/account', ledger: '/console/ledger' } as const;
const USERNAME = 'username of a password that must be changed';

type Page = keyof typeof PAGES;

/** What a sign-in page has to say besides. */
type Remark = Partial<Pick<SignInPage, 'username' | 'error' | 'retryAfterSeconds'>>;

/** The page at which people sign in, for an application or to their own account. */
@Controller('sign-in')
@UseFilters(PageErrorFilter)
@ApiExcludeController()
export class SignInController {
  readonly #logger = new Logger(SignInController.name);

  constructor(
    private readonly visitors: Visitors,
    private readonly waiting: WaitingRequests,
    private readonly desk: AuthorizationDesk,
    private readonly signIn: SignInDesk,
    private readonly passwords: PasswordDesk,
    private readonly tokens: FormTokens,
    private readonly values: SealedValues,
    private readonly sender: PageSender,
    private readonly paths: PagePaths,
  ) {}

  @Get()
  async show(@Req() request: TokenHttpRequest, @Res() response: ServerResponse): Promise<void> {
    const visitor = await this.visitors.of(request, response);
    const query = readQuery(request);
    if (query.get('request') === undefined && visitor.person) {
      this.sender.lead(response, this.paths.to(PAGES[pageIn(query)]));
      return;
    }
    const arrival = await this.#arrival(query, visitor, response);
    if (arrival) this.#send(response, arrival, {});
  }

  @Post()
  async enter(@Req() request: TokenHttpRequest, @Res() response: ServerResponse): Promise<void> {
    const visitor = await this.visitors.of(request, response);
    const parameters = await readForm(request);
    const username = parameters.get('username') ?? '';
    const arrival = await this.#arrival(parameters, visitor, response);
    if (arrival === undefined) return;
    try {
      if (!this.tokens.isOurs(SIGN_IN, anonymous(visitor), parameters))
        await this.signIn.refuseStaleForm(visitor);
      const password = parameters.get('password') ?? '';
      const account = await this.signIn.authenticate(username, password, visitor);
      if (account.password?.mustChange === true) this.#sendPassword(response, arrival, username);
      else await this.#goOn(account, arrival, response);
    } catch (error) {
      const remark = remarkOf(error);
      if (remark.error === 'unavailable' && error instanceof OAuthError)
        this.#logger.error({ reason: error.reason, cause: wordsOfCause(error) });
      this.#send(response, arrival, { username, ...remark }, error);
    }
  }

  /** Somebody else knows the password: its person chooses another one, and is let in with it. */
  @Post('password')
  async choosePassword(
    @Req() request: TokenHttpRequest,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const visitor = await this.visitors.of(request, response);
    const parameters = await readForm(request);
    const username = this.values.open(USERNAME, parameters.get('ticket') ?? '');
    if (
      typeof username !== 'string' ||
      !this.tokens.isOurs(PASSWORD, anonymous(visitor), parameters)
    )
      throw staleForm();
    const arrival = await this.#arrival(parameters, visitor, response);
    if (arrival === undefined) return;
    const outcome = await this.passwords.change(username, parameters, visitor);
    if ('account' in outcome) await this.#goOn(outcome.account, arrival, response);
    else this.#sendPassword(response, arrival, username, outcome);
  }

  async #arrival(
    parameters: RequestParameters,
    visitor: Visitor,
    response: ServerResponse,
  ): Promise<Arrival | undefined> {
    const sealed = parameters.get('request');
    const page = pageIn(parameters);
    if (sealed === undefined) return { visitor, page, waiting: undefined };
    const waiting = await this.waiting.find(sealed, visitor, response);
    return waiting && { visitor, page, waiting: { ...waiting, sealed } };
  }

  /** The person is in: to what they came for. */
  async #goOn(
    account: Account,
    { visitor, page, waiting }: Arrival,
    response: ServerResponse,
  ): Promise<void> {
    const arrived = await this.signIn.arrive(account, visitor, response);
    if (waiting === undefined) {
      this.sender.lead(response, this.paths.to(PAGES[page]));
      return;
    }
    const { interaction } = waiting;
    const progress = { ...interaction.progress, provenSid: arrived.person?.session.sid };
    await this.desk.proceed({ ...interaction, progress }, arrived, response);
  }

  #send(response: ServerResponse, arrival: Arrival, remark: Remark, error?: unknown): void {
    const { visitor, waiting } = arrival;
    const isAgain = waiting?.step.step === 'sign-in' && waiting.step.isAgain;
    const hint = isAgain ? visitor.person?.account.username : waiting?.request.loginHint;
    const view: SignInPage = {
      action: SIGN_IN,
      hidden: this.#hidden(SIGN_IN, arrival),
      username: hint ?? '',
      ...(waiting ? { clientName: waiting.request.client.name } : {}),
      ...(isAgain ? { reason: 'reauthenticate' } : {}),
      ...remark,
    };
    this.sender.send(response, 'sign-in', view, {
      locales: localesOf(visitor, waiting),
      leadsTo: waiting?.request.redirectUri,
      ...(error instanceof OAuthError ? { status: error.status, headers: error.headers } : {}),
    });
  }

  #sendPassword(
    response: ServerResponse,
    arrival: Arrival,
    username: string,
    problem?: PasswordProblem,
  ): void {
    const { visitor, waiting } = arrival;
    const { status, headers, ...words } = problem ?? {};
    const view = {
      action: PASSWORD,
      hidden: {
        ...this.#hidden(PASSWORD, arrival),
        ticket: this.values.seal(USERNAME, username),
      },
      username,
      mustChange: true,
      minLength: MIN_PASSWORD_LENGTH,
      ...words,
    };
    this.sender.send(response, 'change-password', view, {
      locales: localesOf(visitor, waiting),
      leadsTo: waiting?.request.redirectUri,
      status,
      headers,
    });
  }

  #hidden(form: string, { visitor, page, waiting }: Arrival): Record<string, string> {
    return {
      [FORM_TOKEN]: this.tokens.make(form, anonymous(visitor)),
      ...(waiting ? { request: waiting.sealed } : { page }),
    };
  }
}

/** Somebody at the sign-in page, and the request that waits for them. */
interface Arrival {
  readonly visitor: Visitor;
  /** Where they go when no request waits. */
  readonly page: Page;
  readonly waiting: (Waiting & { readonly sealed: string }) | undefined;
}

function pageIn(parameters: RequestParameters): Page {
  return parameters.get('page') === 'ledger' ? 'ledger' : 'account';
}

/** Whoever is signed in meanwhile, in another tab: the form is the browser's. */
function anonymous(visitor: Visitor): Visitor {
  return { ...visitor, person: null };
}

/** @throws the error itself when it is nothing that the page can say */
function remarkOf(error: unknown): Remark {
  if (error instanceof SignInRefusedError) {
    return error.retryAfter === undefined
      ? { error: 'refused' }
      : { error: 'too-many-attempts', retryAfterSeconds: error.retryAfter };
  }
  if (error instanceof InvalidRequestError && error.reason === 'form_stale')
    return { error: 'stale-form' };
  if (error instanceof OAuthError && error.status >= 500) return { error: 'unavailable' };
  throw error;
}
