import { All, Controller, Post, Req, Res, UseFilters } from '@nestjs/common';
import {
  ApiBasicAuth,
  ApiBody,
  ApiConsumes,
  ApiExcludeEndpoint,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { ServerResponse } from 'node:http';

import type { Attempt } from '../audit/attempt.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { AuthorizationRefusedError } from '../authorization/authorization-request.js';
import { AuthorizationRequests } from '../authorization/authorization-requests.js';
import { PushedRequests } from '../authorization/pushed-requests.js';
import { requestedFacts } from '../grants/requested.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import {
  InvalidRequestError,
  MethodNotAllowedError,
  NothingHereError,
} from '../oauth/oauth-error.js';
import { originOf } from './attempt-origin.js';
import { CallingClient } from './calling-client.js';
import { readForm } from './form.js';
import { OAuthErrorFilter } from './oauth-error.filter.js';
import { sendJson } from './send-json.js';
import type { TokenHttpRequest } from './token-endpoint.js';

/** Where clients send authorization requests ahead (RFC 9126). */
@Controller('connect/par')
@UseFilters(OAuthErrorFilter)
@ApiTags('protocol')
export class PushedRequestController {
  constructor(
    private readonly trail: AuditTrail,
    private readonly caller: CallingClient,
    private readonly requests: AuthorizationRequests,
    private readonly pushed: PushedRequests,
    private readonly settings: IssuerSettings,
  ) {}

  @Post()
  @ApiOperation({
    summary: 'Push an authorization request',
    description:
      'RFC 9126: the parameters of an authorization request, from a client that proves itself. The answer names the request for one use at the authorization endpoint.',
  })
  @ApiBasicAuth('client')
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiBody({
    schema: {
      type: 'object',
      required: ['client_id', 'response_type', 'redirect_uri', 'code_challenge'],
      properties: {
        client_id: { type: 'string', example: 'web_app' },
        response_type: { type: 'string', enum: ['code'] },
        redirect_uri: { type: 'string', example: 'http://127.0.0.1/callback' },
        scope: { type: 'string', example: 'openid' },
        state: { type: 'string', example: '' },
        nonce: { type: 'string', example: '' },
        code_challenge: { type: 'string', example: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM' },
        code_challenge_method: { type: 'string', enum: ['S256'] },
      },
    },
  })
  @ApiResponse({
    status: 201,
    description: 'The name of the request, and the seconds in which it can be used.',
    schema: {
      type: 'object',
      required: ['request_uri', 'expires_in'],
      properties: { request_uri: { type: 'string' }, expires_in: { type: 'integer' } },
    },
  })
  @ApiResponse({ status: 400, description: 'The request would be refused.' })
  @ApiResponse({ status: 401, description: 'The client did not prove itself.' })
  async push(@Req() request: TokenHttpRequest, @Res() response: ServerResponse): Promise<void> {
    if (!this.settings.hasSignIn) throw new NothingHereError();
    const answer = await this.trail.witness(
      originOf(request),
      (attempt) => this.#push(request, attempt),
      'pushed_authorization',
    );
    sendJson(response, 201, answer);
  }

  @All()
  @ApiExcludeEndpoint()
  async otherMethod(@Req() request: TokenHttpRequest): Promise<never> {
    if (!this.settings.hasSignIn) throw new NothingHereError();
    return this.trail.witness(
      originOf(request),
      () => Promise.reject(new MethodNotAllowedError('POST')),
      'pushed_authorization',
    );
  }

  async #push(
    request: TokenHttpRequest,
    attempt: Attempt,
  ): Promise<{ readonly request_uri: string; readonly expires_in: number }> {
    const parameters = await readForm(request);
    const client = await this.caller.of(request, parameters, attempt);
    attempt.note(requestedFacts(parameters));
    if (parameters.get('request_uri') !== undefined) {
      throw new InvalidRequestError(
        'parameter_not_supported',
        'A pushed request cannot name another one.',
      );
    }
    // With HTTP Basic the id may stand in the header alone.
    const whole = parameters.with('client_id', client.clientId);
    await this.#check(whole);
    const { requestUri, expiresIn } = await this.pushed.push(client.clientId, whole);
    return { request_uri: requestUri, expires_in: expiresIn };
  }

  async #check(parameters: Parameters<AuthorizationRequests['read']>[0]): Promise<void> {
    try {
      await this.requests.read(parameters, { isPushed: true });
    } catch (error) {
      throw error instanceof AuthorizationRefusedError ? error.refusal : error;
    }
  }
}
