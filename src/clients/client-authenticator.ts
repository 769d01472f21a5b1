import { Injectable } from '@nestjs/common';

import { Clock } from '../oauth/clock.js';
import { InvalidClientError, InvalidRequestError } from '../oauth/oauth-error.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import { readBasicCredentials } from './basic-credentials.js';
import { ClientDirectory } from './client-directory.js';
import { matchSecret } from './client-secret.js';
import type { AuthenticationMethod, Client } from './client.js';
import { FailureLimiter } from './failure-limiter.js';

/** What a request says of who sends it, as it was read. */
export interface PresentedCredentials {
  /** Every `Authorization` header that was sent. */
  readonly authorization: readonly string[];
  readonly clientId: string | undefined;
  readonly clientSecret: string | undefined;
  /** Whether a client assertion was sent as well, in any form. */
  readonly hasAssertion: boolean;
  /** Where it came from, for limiting failures. */
  readonly address: string;
}

/** A client that has proven itself. */
export interface AuthenticatedClient {
  readonly client: Client;
  readonly method: AuthenticationMethod;
  /** Which of its secrets it used. */
  readonly secretId: string | undefined;
}

interface Claim {
  readonly clientId: string;
  readonly secret: string | undefined;
  readonly method: AuthenticationMethod;
}

type Judgement =
  | { readonly client: Client; readonly refusal: undefined; readonly secretId: string | undefined }
  | { readonly client: Client | undefined; readonly refusal: RefusalReason };

/** Decides who is calling (RFC 6749 section 2.3): exactly one method per request. */
@Injectable()
export class ClientAuthenticator {
  constructor(
    private readonly directory: ClientDirectory,
    private readonly limiter: FailureLimiter,
    private readonly clock: Clock,
  ) {}

  /**
   * @param seen told the id of the client that is claimed, once it is known to exist
   * @throws InvalidClientError alike for an unknown client and a wrong secret; InvalidRequestError for
   *   more than one method; TooManyRequestsError for a failure after too many from the same place
   */
  async authenticate(
    presented: PresentedCredentials,
    seen: (clientId: string) => void = () => undefined,
  ): Promise<AuthenticatedClient> {
    const challenge = presented.authorization.length > 0;
    const refuse = (reason: RefusalReason) => new InvalidClientError(reason, { challenge });
    const claim = readClaim(presented, refuse);
    const place = `${claim.clientId.slice(0, 128)} ${presented.address}`;
    const verdict = await this.#judge(claim);
    if (verdict.client) seen(verdict.client.clientId);
    if (verdict.refusal !== undefined) {
      this.limiter.failed(place);
      throw refuse(verdict.refusal);
    }
    return { client: verdict.client, method: claim.method, secretId: verdict.secretId };
  }

  /**
   * A refusal always costs exactly one look-up in the store, so that the time does not tell whether a
   * client is one that others use just now; and a secret that was just made is good at once.
   */
  async #judge(claim: Claim): Promise<Judgement> {
    const isRemembered = this.directory.remembers(claim.clientId);
    const verdict = this.#verdict(await this.directory.find(claim.clientId), claim);
    if (verdict.refusal === undefined || !isRemembered) return verdict;
    return this.#verdict(await this.directory.renew(claim.clientId), claim);
  }

  #verdict(client: Client | null, claim: Claim): Judgement {
    const secret = matchSecret(claim.secret ?? '', client?.secrets ?? []);
    if (client === null) return { client: undefined, refusal: 'client_unknown' };
    const refusal = this.#refusal(client, claim, secret?.expiresAt);
    return refusal === undefined ? { client, refusal, secretId: secret?.id } : { client, refusal };
  }

  #refusal(
    client: Client,
    claim: Claim,
    expiresAt: number | null | undefined,
  ): RefusalReason | undefined {
    if (!client.authenticationMethods.includes(claim.method)) return 'client_method_not_allowed';
    if (claim.method !== 'none') {
      if (expiresAt === undefined) return 'client_secret_wrong';
      if (expiresAt !== null && expiresAt <= this.clock.now()) return 'client_secret_expired';
    }
    return client.disabled ? 'client_disabled' : undefined;
  }
}

function readClaim(
  presented: PresentedCredentials,
  refuse: (reason: RefusalReason) => InvalidClientError,
): Claim {
  const { authorization, clientId, clientSecret, hasAssertion } = presented;
  const ways = authorization.length + (clientSecret === undefined ? 0 : 1) + (hasAssertion ? 1 : 0);
  if (ways > 1)
    throw new InvalidRequestError(
      'client_methods_combined',
      'Use exactly one client authentication method.',
    );
  if (hasAssertion) throw refuse('client_method_not_allowed');
  const [header] = authorization;
  if (header !== undefined) {
    const basic = readBasicCredentials(header);
    if (basic === undefined) throw refuse('client_not_authenticated');
    if (clientId !== undefined && clientId !== basic.clientId) {
      throw new InvalidRequestError(
        'client_id_mismatch',
        'The client_id is not that of the authenticated client.',
      );
    }
    return { ...basic, method: 'client_secret_basic' };
  }
  if (clientId === undefined) throw refuse('client_not_authenticated');
  return {
    clientId,
    secret: clientSecret,
    method: clientSecret === undefined ? 'none' : 'client_secret_post',
  };
}
