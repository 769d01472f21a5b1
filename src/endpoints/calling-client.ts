import { Injectable } from '@nestjs/common';

import type { Attempt } from '../audit/attempt.js';
import { ClientAuthenticator } from '../clients/client-authenticator.js';
import type { Client } from '../clients/client.js';
import { InvalidClientError, InvalidRequestError } from '../oauth/oauth-error.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import type { RequestParameters } from '../oauth/request-parameters.js';
import { headerValues, type OriginRequest } from './attempt-origin.js';

/** Who sends a request: the same at every endpoint at which clients prove themselves. */
@Injectable()
export class CallingClient {
  constructor(private readonly authenticator: ClientAuthenticator) {}

  /**
   * The client that proves itself with a request; noted for the record on the way.
   * @throws InvalidClientError and others
   */
  async of(
    request: OriginRequest,
    parameters: RequestParameters,
    attempt: Attempt,
  ): Promise<Client> {
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
    const { client, method, secretId } = await this.authenticator.authenticate(
      presented,
      (clientId) => attempt.note({ client: { clientId } }),
    );
    attempt.note({
      client: {
        clientId: client.clientId,
        method,
        ...(secretId === undefined ? {} : { secretId }),
      },
    });
    return client;
  }

  /**
   * The same, where only a client that can keep a secret may ask. A refusal always says how to prove
   * oneself (RFC 9110 section 15.5.2), for there is no other way.
   * @throws InvalidClientError and others
   */
  async confidential(
    request: OriginRequest,
    parameters: RequestParameters,
    attempt: Attempt,
  ): Promise<Client> {
    const client = await this.of(request, parameters, attempt).catch((error: unknown) => {
      throw error instanceof InvalidClientError ? challenged(error.reason) : error;
    });
    if (client.kind === 'public') throw challenged('client_public');
    return client;
  }
}

function challenged(reason: RefusalReason): InvalidClientError {
  return new InvalidClientError(reason, { challenge: true });
}
