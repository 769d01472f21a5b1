import type { ServerResponse } from 'node:http';

import { All, Controller, Get, Post, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';

import { AuditTrail } from '../audit/audit-trail.js';
import { AuthorizationRefusedError } from '../authorization/authorization-request.js';
import { refuseTooLong } from '../authorization/authorization-requests.js';
import { PushedRequests } from '../authorization/pushed-requests.js';
import { originOf } from '../endpoints/attempt-origin.js';
import { isCredential, readForm, readQuery } from '../endpoints/form.js';
import type { TokenHttpRequest } from '../endpoints/token-endpoint.js';
import { MethodNotAllowedError, OAuthError } from '../oauth/oauth-error.js';
import { RequestParameters } from '../oauth/request-parameters.js';
import { AuthorizationDesk } from './authorization-desk.js';
import { Interactions, type Interaction } from './interactions.js';
import { PageErrorFilter } from './page-error.filter.js';
import { PagePaths } from './page-paths.js';
import { PageSender } from './page-sender.js';
import { Visitors, type Visitor } from './visitors.js';

const NOTHING = RequestParameters.of([]);

/** Where applications send people to sign in (RFC 6749 section 3.1, OpenID Connect Core section 3.1.2). */
@Controller('connect/authorize')
@UseFilters(PageErrorFilter)
@ApiTags('protocol')
export class AuthorizeController {
  constructor(
    private readonly visitors: Visitors,
    private readonly pushed: PushedRequests,
    private readonly interactions: Interactions,
    private readonly desk: AuthorizationDesk,
    private readonly trail: AuditTrail,
    private readonly sender: PageSender,
    private readonly paths: PagePaths,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'Sign a person in',
    description:
      'The authorization endpoint, for browsers: code with PKCE (S256). Leads to the pages that are needed and then back to the application, always with `iss` (RFC 9207). A pushed request needs `client_id` and `request_uri` alone.',
  })
  @ApiQuery({ name: 'client_id', example: 'web_app' })
  @ApiQuery({ name: 'response_type', required: false, enum: ['code'] })
  @ApiQuery({ name: 'redirect_uri', required: false, example: 'http://127.0.0.1/callback' })
  @ApiQuery({ name: 'scope', required: false, example: 'openid profile' })
  @ApiQuery({ name: 'state', required: false })
  @ApiQuery({ name: 'nonce', required: false })
  @ApiQuery({ name: 'code_challenge', required: false })
  @ApiQuery({ name: 'code_challenge_method', required: false, enum: ['S256'] })
  @ApiQuery({ name: 'prompt', required: false, example: 'login' })
  @ApiQuery({ name: 'max_age', required: false, description: 'Seconds.' })
  @ApiQuery({ name: 'login_hint', required: false })
  @ApiQuery({ name: 'ui_locales', required: false, example: 'de' })
  @ApiQuery({ name: 'resource', required: false, isArray: true, type: String })
  @ApiQuery({ name: 'request_uri', required: false })
  @ApiResponse({ status: 303, description: 'To a page, or back to the application.' })
  @ApiResponse({ status: 400, description: 'A page: the application or its address is not known.' })
  async authorize(
    @Req() request: TokenHttpRequest,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const visitor = await this.visitors.of(request, response);
    const interaction = await this.#receive(request, visitor, response);
    await this.desk.proceed(interaction, visitor, response);
  }

  /**
   * The same by POST. A browser does not bring its session with a form of another site, so it is led
   * to come again with GET.
   */
  @Post()
  @ApiExcludeEndpoint()
  async authorizeByPost(
    @Req() request: TokenHttpRequest,
    @Res() response: ServerResponse,
  ): Promise<void> {
    let query: string;
    try {
      const parameters = await readForm(request);
      refuseTooLong(parameters);
      query = queryOf(parameters);
    } catch (error) {
      return this.#refuse(request, error);
    }
    this.sender.lead(response, `${this.paths.to('/connect/authorize')}?${query}`);
  }

  @All()
  @ApiExcludeEndpoint()
  otherMethod(@Req() request: TokenHttpRequest): Promise<never> {
    return this.#refuse(request, new MethodNotAllowedError('GET, HEAD, POST'));
  }

  /** Records a refusal of whoever cannot be recognised, because a browser brings no cookie with such a request. */
  #refuse(request: TokenHttpRequest, refusal: unknown): Promise<never> {
    return this.trail.witness(originOf(request), () => Promise.reject(refusal), 'authorization');
  }

  async #receive(
    request: TokenHttpRequest,
    visitor: Visitor,
    response: ServerResponse,
  ): Promise<Interaction> {
    let parameters = NOTHING;
    try {
      parameters = readQuery(request);
      const requestUri = parameters.get('request_uri');
      if (!this.pushed.isName(requestUri)) return this.interactions.begin(parameters, false);
      const taken = await this.pushed.take(requestUri, parameters.get('client_id') ?? '');
      return this.interactions.begin(taken, true);
    } catch (error) {
      // Nothing says where the application is.
      if (!(error instanceof OAuthError)) throw error;
      const refused = new AuthorizationRefusedError(error, undefined);
      await this.desk.refuse(refused, parameters, visitor, response);
      throw error;
    }
  }
}

/** The parameters for the URL that the browser is led to, without what must not stand in one. */
function queryOf(parameters: RequestParameters): string {
  const pairs = parameters.entries().filter(([name]) => !isCredential(name));
  return new URLSearchParams(
    pairs.map(([name, value]): [string, string] => [name, value]),
  ).toString();
}
