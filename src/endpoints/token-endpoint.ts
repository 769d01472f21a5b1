import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import type { Attempt } from '../audit/attempt.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { ClientAuthenticator, type AuthenticatedClient } from '../clients/client-authenticator.js';
import type { GrantParameters } from '../grants/grant-parameters.js';
import { GrantRegistry } from '../grants/grant-registry.js';
import { InvalidRequestError } from '../oauth/oauth-error.js';
import type { TokenResponse } from '../oauth/token-response.js';
import { headerValues, originOf, type OriginRequest } from './attempt-origin.js';
import { readForm, type FormRequest } from './form.js';
import { sendJson } from './send-json.js';
import { sendRefusal } from './send-refusal.js';

export type TokenHttpRequest = OriginRequest & FormRequest;

/** What the token endpoint does (RFC 6749 section 3.2), whoever routes a request to it. */
@Injectable()
export class TokenEndpoint {
  constructor(
    private readonly trail: AuditTrail,
    private readonly authenticator: ClientAuthenticator,
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
    const { client } = await this.#authenticate(request, parameters, attempt);
    const grant = this.grants.choose(grantType, client);
    return grant.issue({ client, parameters, attempt });
  }

  async #authenticate(
    request: TokenHttpRequest,
    parameters: GrantParameters,
    attempt: Attempt,
  ): Promise<AuthenticatedClient> {
    if (headerValues(request, 'dpop').length > 0) {
      throw new InvalidRequestError(
        'parameter_not_supported',
        'Proof of possession is not supported.',
      );
    }
    const presented = {
      authorization: headerValues(request, 'authorization'),
      clientId: parameters.get('client_id'),
      clientSecret: parameters.get('client_secret'),
      hasAssertion:
        parameters.get('client_assertion') !== undefined ||
        parameters.get('client_assertion_type') !== undefined,
      address: attempt.origin.address ?? '',
    };
    const authenticated = await this.authenticator.authenticate(presented, (clientId) =>
      attempt.note({ client: { clientId } }),
    );
    const { client, method, secretId } = authenticated;
    attempt.note({
      client: {
        clientId: client.clientId,
        method,
        ...(secretId === undefined ? {} : { secretId }),
      },
    });
    return authenticated;
  }
}
