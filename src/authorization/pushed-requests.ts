import { Injectable } from '@nestjs/common';

import { Clock } from '../oauth/clock.js';
import { AuthorizationError } from '../oauth/oauth-error.js';
import { hashOpaqueSecret, isOpaqueSecret, makeOpaqueSecret } from '../oauth/opaque-secret.js';
import { RequestParameters } from '../oauth/request-parameters.js';
import { AuthorizationSettings } from './authorization-settings.js';
import { PushedRequestStore } from './pushed-request-store.js';

/** How the names of pushed requests begin (RFC 9126 section 2.2). */
const REQUEST_URI = 'urn:ietf:params:oauth:request_uri:';

/** What a client proves itself with: kept by nobody. */
const CREDENTIALS: ReadonlySet<string> = new Set([
  'client_secret',
  'client_assertion',
  'client_assertion_type',
]);

/** Requests that clients send ahead (RFC 9126). */
@Injectable()
export class PushedRequests {
  constructor(
    private readonly store: PushedRequestStore,
    private readonly settings: AuthorizationSettings,
    private readonly clock: Clock,
  ) {}

  /** Keeps a request that was checked. @returns its name, and the seconds in which it can be used */
  async push(
    clientId: string,
    parameters: RequestParameters,
  ): Promise<{ readonly requestUri: string; readonly expiresIn: number }> {
    const { secret, hash } = makeOpaqueSecret();
    const lifetime = this.settings.pushedRequestLifetime;
    await this.store.add({
      requestHash: hash,
      clientId,
      parameters: parameters.entries().filter(([name]) => !CREDENTIALS.has(name)),
      expiresAt: this.clock.now() + lifetime,
    });
    return { requestUri: `${REQUEST_URI}${secret}`, expiresIn: Math.floor(lifetime / 1000) };
  }

  /** Whether this names a pushed request. */
  isName(requestUri: string | undefined): requestUri is string {
    return requestUri?.startsWith(REQUEST_URI) === true;
  }

  /**
   * Gives the parameters of a pushed request, once.
   * @throws AuthorizationError `invalid_request_uri` when there is none of this client, or it has expired
   */
  async take(requestUri: string, clientId: string): Promise<RequestParameters> {
    const secret = requestUri.slice(REQUEST_URI.length);
    const found = isOpaqueSecret(secret)
      ? await this.store.take(hashOpaqueSecret(secret), clientId)
      : null;
    if (found === null || found.expiresAt <= this.clock.now()) {
      throw new AuthorizationError(
        'invalid_request_uri',
        'pushed_request_unknown',
        'The request_uri is unknown, used or expired.',
      );
    }
    return RequestParameters.of(found.parameters);
  }
}
