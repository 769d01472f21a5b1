import type { ServerResponse } from 'node:http';

import { Controller, Get, Post, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';

import { MIN_PASSWORD_LENGTH } from '../accounts/password-rules.js';
import { AuditTrail } from '../audit/audit-trail.js';
import type { Person } from '../authorization/authorization-flow.js';
import { AuthorizationDirectory } from '../authorization/authorization-directory.js';
import { AuthorizationStore } from '../authorization/authorization-store.js';
import { ConsentStore } from '../authorization/consent-store.js';
import { SignOut } from '../authorization/sign-out.js';
import { readForm, readQuery } from '../endpoints/form.js';
import type { TokenHttpRequest } from '../endpoints/token-endpoint.js';
import { Clock } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import type { RequestParameters } from '../oauth/request-parameters.js';
import { AccountDesk } from './account-desk.js';
import { BrowserCookies } from './browser-cookies.js';
import { FORM_TOKEN, FormTokens, staleForm } from './form-tokens.js';
import { PageErrorFilter } from './page-error.filter.js';
import { PagePaths } from './page-paths.js';
import { PageSender } from './page-sender.js';
import type { AccountPage } from './page-views.js';
import { PasswordDesk, type PasswordProblem } from './password-desk.js';
import { SignInDesk } from './sign-in-desk.js';
import { Visitors, type Visitor } from './visitors.js';
import { localesOf } from './waiting-requests.js';

const FORM = '/account';
const PASSWORD = '/account/password';

const PATHS = {
  endSession: '/account/sessions/end',
  signOutEverywhere: '/account/sign-out-everywhere',
  withdraw: '/account/applications/withdraw',
  changePassword: PASSWORD,
  signOut: '/account/sign-out',
} as const;

const MESSAGES: ReadonlySet<unknown> = new Set<AccountPage['message']>([
  'password-changed',
  'session-ended',
  'access-withdrawn',
]);

/** A visitor who is signed in. */
type Resident = Visitor & { readonly person: Person };

/** A person's own account: sessions, applications, password, and who acted for them. */
@Controller('account')
@UseFilters(PageErrorFilter)
@ApiExcludeController()
export class AccountController {
  constructor(
    private readonly visitors: Visitors,
    private readonly desk: AccountDesk,
    private readonly passwords: PasswordDesk,
    private readonly signIn: SignInDesk,
    private readonly signOut: SignOut,
    private readonly authorizations: AuthorizationStore,
    private readonly directory: AuthorizationDirectory,
    private readonly consents: ConsentStore,
    private readonly trail: AuditTrail,
    private readonly cookies: BrowserCookies,
    private readonly tokens: FormTokens,
    private readonly sender: PageSender,
    private readonly paths: PagePaths,
    private readonly settings: IssuerSettings,
    private readonly clock: Clock,
  ) {}

  @Get()
  async show(@Req() request: TokenHttpRequest, @Res() response: ServerResponse): Promise<void> {
    const visitor = await this.#resident(request, response);
    if (visitor === undefined) return;
    const query = readQuery(request);
    const { person } = visitor;
    const { name, username, email, roles } = person.account;
    const [sessions, applications, { activity, next }] = await Promise.all([
      this.desk.sessionsOf(person),
      this.desk.applicationsOf(person),
      this.desk.activityOf(person, query.get('before')),
    ]);
    const done = query.get('done');
    const view: AccountPage = {
      name,
      username,
      ...(email === null ? {} : { email }),
      roles,
      hidden: { [FORM_TOKEN]: this.tokens.make(FORM, visitor) },
      paths: PATHS,
      sessions,
      applications,
      activity,
      ...(next === null ? {} : { nextHref: `/account?before=${next}` }),
      ...(MESSAGES.has(done) ? { message: done as NonNullable<AccountPage['message']> } : {}),
    };
    this.sender.send(response, 'account', view, { locales: localesOf(visitor) });
  }

  @Post('sessions/end')
  async endSession(
    @Req() request: TokenHttpRequest,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const sent = await this.#sent(request, response);
    if (sent === undefined) return;
    const { visitor, parameters } = sent;
    const { account, session } = visitor.person;
    const sid = parameters.require('sid');
    const cause = { origin: visitor.origin, operation: 'session-ended' };
    await this.signOut.end(sid, cause, account.accountId);
    if (sid === session.sid) this.#leave(response);
    else this.#back(response, 'session-ended');
  }

  @Post('sign-out-everywhere')
  async signOutEverywhere(
    @Req() request: TokenHttpRequest,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const sent = await this.#sent(request, response);
    if (sent === undefined) return;
    const { origin, person } = sent.visitor;
    const cause = { origin, operation: 'sign-out-everywhere' };
    await this.signOut.endAll(person.account.accountId, cause);
    this.#leave(response);
  }

  @Post('sign-out')
  async signOutHere(
    @Req() request: TokenHttpRequest,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const sent = await this.#sent(request, response);
    if (sent === undefined) return;
    const { origin, person } = sent.visitor;
    await this.signOut.end(person.session.sid, { origin, operation: 'sign-out' });
    this.#leave(response);
  }

  /** Takes back what an application may have; what it got in the person's name is refused at once. */
  @Post('applications/withdraw')
  async withdraw(@Req() request: TokenHttpRequest, @Res() response: ServerResponse): Promise<void> {
    const sent = await this.#sent(request, response);
    if (sent === undefined) return;
    const { visitor, parameters } = sent;
    const { account, session } = visitor.person;
    const filter = { accountId: account.accountId, clientId: parameters.require('client_id') };
    await this.trail.witness(
      visitor.origin,
      async (attempt) => {
        attempt.note({
          subject: { iss: this.settings.issuer, sub: account.accountId },
          sid: session.sid,
          operation: { name: 'consent-withdrawn' },
        });
        let isKnown = false;
        try {
          isKnown = await this.consents.delete(filter.accountId, filter.clientId);
        } finally {
          // Also when the consent could not be deleted.
          const revoked = await this.authorizations.revokeAll(filter, this.clock.now());
          this.directory.forget();
          // Only one that there was: any other text could be anything.
          if (isKnown || revoked.length > 0)
            attempt.note({ client: { clientId: filter.clientId } });
        }
      },
      'consent',
    );
    this.#back(response, 'access-withdrawn');
  }

  @Get('password')
  async showPassword(
    @Req() request: TokenHttpRequest,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const visitor = await this.#resident(request, response);
    if (visitor) this.#sendPassword(response, visitor);
  }

  @Post('password')
  async changePassword(
    @Req() request: TokenHttpRequest,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const sent = await this.#sent(request, response, PASSWORD);
    if (sent === undefined) return;
    const { visitor, parameters } = sent;
    const { account, session } = visitor.person;
    const outcome = await this.passwords.change(account.username, parameters, visitor, session.sid);
    if ('account' in outcome) {
      // Under another secret: whoever had the old one is out, too.
      await this.signIn.arrive(outcome.account, visitor, response);
      this.#back(response, 'password-changed');
    } else this.#sendPassword(response, visitor, outcome);
  }

  /** Who is signed in; undefined when nobody is, and then the browser was led to the sign-in page. */
  async #resident(
    request: TokenHttpRequest,
    response: ServerResponse,
  ): Promise<Resident | undefined> {
    const visitor = await this.visitors.of(request, response);
    const { person } = visitor;
    if (person) return { ...visitor, person };
    this.sender.lead(response, this.paths.to('/sign-in'));
    return undefined;
  }

  /** @throws InvalidRequestError when the form is not of this page */
  async #sent(
    request: TokenHttpRequest,
    response: ServerResponse,
    form: string = FORM,
  ): Promise<{ readonly visitor: Resident; readonly parameters: RequestParameters } | undefined> {
    const visitor = await this.#resident(request, response);
    if (visitor === undefined) return undefined;
    const parameters = await readForm(request);
    if (!this.tokens.isOurs(form, visitor, parameters)) throw staleForm();
    return { visitor, parameters };
  }

  #sendPassword(response: ServerResponse, visitor: Resident, problem?: PasswordProblem): void {
    const { status, headers, ...words } = problem ?? {};
    const view = {
      action: PASSWORD,
      hidden: { [FORM_TOKEN]: this.tokens.make(PASSWORD, visitor) },
      username: visitor.person.account.username,
      mustChange: false,
      minLength: MIN_PASSWORD_LENGTH,
      ...words,
    };
    this.sender.send(response, 'change-password', view, {
      locales: localesOf(visitor),
      status,
      headers,
    });
  }

  #back(response: ServerResponse, done: NonNullable<AccountPage['message']>): void {
    this.sender.lead(response, this.paths.to('/account', { done }));
  }

  #leave(response: ServerResponse): void {
    this.cookies.end(response);
    this.sender.lead(response, this.paths.to('/connect/endsession'));
  }
}
