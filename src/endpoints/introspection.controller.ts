import { All, Controller, HttpCode, Post, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiTags } from '@nestjs/swagger';
import type { ServerResponse } from 'node:http';

import { Introspection } from '../aftercare/introspection.js';
import type { Attempt } from '../audit/attempt.js';
import { AuditTrail, type Watched } from '../audit/audit-trail.js';
import { MethodNotAllowedError } from '../oauth/oauth-error.js';
import { IntrospectionSigner } from '../tokens/introspection-signer.js';
import { prefers } from './accept.js';
import { originOf } from './attempt-origin.js';
import { CallingClient } from './calling-client.js';
import { readForm } from './form.js';
import { ApiIntrospectionEndpoint } from './introspection.docs.js';
import { OAuthErrorFilter } from './oauth-error.filter.js';
import { sendUncached } from './send-json.js';
import type { TokenHttpRequest } from './token-endpoint.js';

const JSON_TYPE = 'application/json';
/** RFC 9701 section 4. */
const JWT_TYPE = 'application/token-introspection+jwt';

/** An answer in one of the forms it can have. */
interface Representation {
  readonly type: string;
  readonly text: string;
}

/** Where services ask whether a token is good (RFC 7662). */
@Controller('connect/introspect')
@UseFilters(OAuthErrorFilter)
@ApiTags('protocol')
export class IntrospectionController {
  constructor(
    private readonly trail: AuditTrail,
    private readonly caller: CallingClient,
    private readonly introspection: Introspection,
    private readonly signer: IntrospectionSigner,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiIntrospectionEndpoint()
  async introspect(
    @Req() request: TokenHttpRequest,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const { type, text } = await this.trail.watch(originOf(request), 'introspection', (attempt) =>
      this.#introspect(request, attempt),
    );
    sendUncached(response, 200, type, text);
  }

  @All()
  @ApiExcludeEndpoint()
  async otherMethod(@Req() request: TokenHttpRequest): Promise<never> {
    return this.trail.watch(originOf(request), 'introspection', () =>
      Promise.reject(new MethodNotAllowedError('POST')),
    );
  }

  async #introspect(request: TokenHttpRequest, attempt: Attempt): Promise<Watched<Representation>> {
    const parameters = await readForm(request);
    const client = await this.caller.confidential(request, parameters, attempt);
    const token = parameters.require('token');
    const { answer, recorded } = await this.introspection.answer(client, token, attempt);
    // Whoever accepts neither gets JSON all the same (RFC 9110 section 12.4.1).
    const isJwt = prefers(request.headers.accept, JWT_TYPE, JSON_TYPE);
    const text = isJwt ? await this.signer.sign(client.clientId, answer) : JSON.stringify(answer);
    return { answer: { type: isJwt ? JWT_TYPE : JSON_TYPE, text }, recorded };
  }
}
