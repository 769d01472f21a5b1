import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import type { Attempt } from '../audit/attempt.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { GrantRegistry } from '../grants/grant-registry.js';
import type { TokenResponse } from '../oauth/token-response.js';
import { originOf, type OriginRequest } from './attempt-origin.js';
import { CallingClient } from './calling-client.js';
import { readForm, type FormRequest } from './form.js';
import { sendJson } from './send-json.js';
import { sendRefusal } from './send-refusal.js';

export type TokenHttpRequest = OriginRequest & FormRequest;

/** What the token endpoint does (RFC 6749 section 3.2), whoever routes a request to it. */
@Injectable()
export class TokenEndpoint {
  constructor(
    private readonly trail: AuditTrail,
    private readonly caller: CallingClient,
    private readonly grants: GrantRegistry,
  ) {}

  /** Answers a POST. Never rejects: every refusal is worded and sent. */
  async answer(request: TokenHttpRequest, response: ServerResponse): Promise<void> {
    try {
      const answer = await this.trail.witness(originOf(request), (attempt) =>
        this.#grant(request, attempt),
      );
      sendJson(response, 200, answer);
    } catch (error) {
      sendRefusal(response, error);
    }
  }

  async #grant(request: TokenHttpRequest, attempt: Attempt): Promise<TokenResponse> {
    const parameters = await readForm(request);
    const grantType = parameters.require('grant_type');
    // Only a known one: any other text could be a secret in the wrong field.
    if (this.grants.types.includes(grantType)) attempt.note({ grantType });
    const client = await this.caller.of(request, parameters, attempt);
    const grant = this.grants.choose(grantType, client);
    return grant.issue({ client, parameters, attempt });
  }
}
