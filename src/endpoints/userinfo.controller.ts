import { All, Controller, Get, Post, Req, Res, UseFilters } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiExcludeEndpoint,
  ApiOkResponse,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { ServerResponse } from 'node:http';

import { AccountDirectory } from '../accounts/account-directory.js';
import { AuthorizationStore } from '../authorization/authorization-store.js';
import { claimsByName, claimsOfScope } from '../authorization/person-claims.js';
import { PersonNames } from '../authorization/person-names.js';
import { ClientDirectory } from '../clients/client-directory.js';
import type { JsonObject } from '../oauth/claims.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { MethodNotAllowedError, NothingHereError, OAuthError } from '../oauth/oauth-error.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import { EMPTY_SCOPE } from '../oauth/scope.js';
import { TokenType } from '../oauth/token-type.js';
import type { SecurityToken } from '../tokens/security-token.js';
import { SecurityTokens } from '../tokens/security-tokens.js';
import { bearerCredentials } from './bearer-token.js';
import { readForm } from './form.js';
import { OAuthErrorFilter } from './oauth-error.filter.js';
import { sendJson } from './send-json.js';
import type { TokenHttpRequest } from './token-endpoint.js';

/** A refusal in the words of RFC 6750 section 3. */
class BearerError extends OAuthError {
  override readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly error: 'invalid_request' | 'invalid_token' | 'insufficient_scope',
    readonly status: 400 | 401 | 403,
    reason: RefusalReason,
    description: string,
    challenge: string,
  ) {
    super(reason, description);
    this.headers = { 'WWW-Authenticate': `Bearer realm="userinfo"${challenge}` };
  }
}

/** What an application may know of the person (OpenID Connect Core section 5.3). */
@Controller('connect/userinfo')
@UseFilters(OAuthErrorFilter)
@ApiTags('protocol')
export class UserInfoController {
  constructor(
    private readonly tokens: SecurityTokens,
    private readonly accounts: AccountDirectory,
    private readonly clients: ClientDirectory,
    private readonly authorizations: AuthorizationStore,
    private readonly names: PersonNames,
    private readonly settings: IssuerSettings,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'Who has signed in',
    description:
      'OpenID Connect Core section 5.3: the claims that the scope of the access token stands for, and those asked for by name.',
  })
  @ApiBearerAuth('token')
  @ApiOkResponse({
    description: 'The claims.',
    content: {
      'application/json': { schema: { type: 'object' }, example: { sub: '…', name: 'Alice' } },
    },
  })
  @ApiResponse({ status: 401, description: 'No access token, or one that is not acceptable.' })
  @ApiResponse({ status: 403, description: 'The token has no scope openid.' })
  async read(@Req() request: TokenHttpRequest, @Res() response: ServerResponse): Promise<void> {
    await this.#answer(request, response);
  }

  @Post()
  @ApiExcludeEndpoint()
  async readByPost(
    @Req() request: TokenHttpRequest,
    @Res() response: ServerResponse,
  ): Promise<void> {
    await this.#answer(request, response);
  }

  @All()
  @ApiExcludeEndpoint()
  otherMethod(): never {
    throw this.settings.hasSignIn
      ? new MethodNotAllowedError('GET, HEAD, POST')
      : new NothingHereError();
  }

  async #answer(request: TokenHttpRequest, response: ServerResponse): Promise<void> {
    if (!this.settings.hasSignIn) throw new NothingHereError();
    const token = await this.#check(await presentedToken(request));
    sendJson(response, 200, await this.#claims(token));
  }

  async #check(token: string): Promise<SecurityToken> {
    let checked: SecurityToken;
    try {
      checked = await this.tokens.check(token, TokenType.AccessToken, 'token');
    } catch (error) {
      throw error instanceof OAuthError && error.status < 500 ? invalidToken(error.reason) : error;
    }
    if (!checked.isOwn || !checked.audience.includes(this.settings.userInfo))
      throw invalidToken('token_audience_mismatch');
    if (checked.scope?.has('openid') !== true) {
      throw new BearerError(
        'insufficient_scope',
        403,
        'scope_not_allowed',
        'The access token has no scope openid.',
        ', error="insufficient_scope", scope="openid"',
      );
    }
    return checked;
  }

  async #claims({
    chain,
    clientId,
    scope = EMPTY_SCOPE,
    claims,
  }: SecurityToken): Promise<JsonObject> {
    const account = await this.accounts.find(chain.subject.sub);
    const client = clientId === undefined ? null : await this.clients.find(clientId);
    const authorizationId = claims['grant_id'];
    const authorization =
      typeof authorizationId === 'string' ? await this.authorizations.find(authorizationId) : null;
    if (account === null || account.disabled || client === null || authorization === null)
      throw invalidToken('token_party_disabled');
    // What is told here was allowed to this client by this person; one who took it back is heard at once.
    if (authorization.accountId !== account.accountId || authorization.clientId !== client.clientId)
      throw invalidToken('token_claims_invalid');
    if (authorization.revokedAt !== null) throw invalidToken('authorization_revoked');
    return {
      ...claimsOfScope(account, scope),
      ...claimsByName(account, authorization.claims.userInfo, client.scopes),
      sub: this.names.of(account.accountId, client),
    };
  }
}

/** The token of the header, or else of a form (RFC 6750 section 2.2), never of the query. */
async function presentedToken(request: TokenHttpRequest): Promise<string> {
  const credentials = bearerCredentials(request);
  const isForm =
    request.method === 'POST' &&
    /^application\/x-www-form/i.test(request.headers['content-type'] ?? '');
  const inForm = isForm ? (await readForm(request)).get('access_token') : undefined;
  if (credentials.kind === 'repeated' || (inForm !== undefined && credentials.kind !== 'none')) {
    throw new BearerError(
      'invalid_request',
      400,
      'malformed_request',
      'Send exactly one access token.',
      ', error="invalid_request"',
    );
  }
  if (credentials.kind === 'token') return credentials.token;
  if (credentials.kind === 'malformed') throw invalidToken('token_malformed');
  if (inForm !== undefined) return inForm;
  // RFC 6750 section 3.1: no error code in the challenge to a request without a token.
  throw new BearerError(
    'invalid_token',
    401,
    'client_not_authenticated',
    'This endpoint needs an access token.',
    '',
  );
}

function invalidToken(reason: RefusalReason): BearerError {
  return new BearerError(
    'invalid_token',
    401,
    reason,
    'The access token is not acceptable.',
    ', error="invalid_token"',
  );
}
