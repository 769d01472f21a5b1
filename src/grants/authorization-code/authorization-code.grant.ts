import { Injectable } from '@nestjs/common';

import type { Authorization, AuthorizationCode } from '../../authorization/authorization.js';
import { AuthorizationDirectory } from '../../authorization/authorization-directory.js';
import { AuthorizationStore } from '../../authorization/authorization-store.js';
import type { Client } from '../../clients/client.js';
import { Clock } from '../../oauth/clock.js';
import { GrantType } from '../../oauth/grant-type.js';
import { IssuerSettings } from '../../oauth/issuer-settings.js';
import {
  InvalidGrantError,
  InvalidRequestError,
  type OAuthError,
} from '../../oauth/oauth-error.js';
import { hashOpaqueSecret, isOpaqueSecret } from '../../oauth/opaque-secret.js';
import { matchesChallenge } from '../../oauth/pkce.js';
import type { RefusalReason } from '../../oauth/refusal-reason.js';
import type { RequestParameters } from '../../oauth/request-parameters.js';
import type { TokenResponse } from '../../oauth/token-response.js';
import { Grant, type GrantRequest } from '../grant.js';
import { mayRefresh, personFacts, PersonTokens } from '../person-tokens.js';
import { RefreshTokens } from '../refresh-token/refresh-tokens.js';
import { requestedFacts } from '../requested.js';

/** An application redeems the code that a person's browser brought it (RFC 6749 section 4.1.3). */
@Injectable()
export class AuthorizationCodeGrant extends Grant {
  readonly grantType = GrantType.AuthorizationCode;

  constructor(
    private readonly store: AuthorizationStore,
    private readonly directory: AuthorizationDirectory,
    private readonly tokens: PersonTokens,
    private readonly refreshTokens: RefreshTokens,
    private readonly settings: IssuerSettings,
    private readonly clock: Clock,
  ) {
    super();
  }

  async issue(request: GrantRequest): Promise<TokenResponse> {
    const { client, parameters, attempt } = request;
    attempt.note(requestedFacts(parameters));
    const { code, authorization, isFirst } = await this.#redeem(parameters.require('code'));
    attempt.note(personFacts(authorization, this.settings.issuer));
    if (!isFirst) {
      this.directory.forget();
      throw new InvalidGrantError('code_used');
    }
    const problem = this.#problem(client, parameters, code, authorization);
    if (problem !== undefined) {
      // Somebody has a code that is not theirs: nothing may come of it any more.
      await this.store.revoke(authorization.authorizationId, this.clock.now());
      throw refusalOf(problem);
    }
    const person = await this.tokens.personOf(client, authorization);
    const asked = { ...request, ...person, authorization, requestedScope: undefined };
    const decision = await this.tokens.decide(asked);
    const answer = await this.tokens.issue(decision, asked, code.nonce ?? undefined);
    if (!mayRefresh(client)) return answer;
    return { ...answer, refresh_token: await this.refreshTokens.begin(authorization) };
  }

  async #redeem(
    code: string,
  ): Promise<NonNullable<Awaited<ReturnType<AuthorizationStore['redeemCode']>>>> {
    const found = isOpaqueSecret(code)
      ? await this.store.redeemCode(hashOpaqueSecret(code), this.clock.now())
      : null;
    if (found === null) throw new InvalidGrantError('code_unknown');
    return found;
  }

  #problem(
    { clientId }: Client,
    parameters: RequestParameters,
    code: AuthorizationCode,
    authorization: Authorization,
  ): RefusalReason | undefined {
    if (authorization.clientId !== clientId) return 'code_not_of_client';
    if (authorization.revokedAt !== null) return 'authorization_revoked';
    if (code.expiresAt <= this.clock.now()) return 'code_expired';
    const redirectUri = parameters.get('redirect_uri');
    // A challenge binds as well as the URI does, so that it may be left out then (OAuth 2.1 section 4.1.3).
    const mayBeAbsent = code.codeChallenge !== null;
    if (redirectUri === undefined ? !mayBeAbsent : redirectUri !== code.redirectUri)
      return 'redirect_uri_mismatch';
    return verifierProblem(code.codeChallenge, parameters.get('code_verifier'));
  }
}

/** A verifier that no challenge asked for is a mistake of the request (OAuth 2.1 section 3.2.4), all else of the code. */
function refusalOf(problem: RefusalReason): OAuthError {
  return problem === 'code_verifier_unexpected'
    ? new InvalidRequestError(problem, 'There was no code_challenge for the code_verifier.')
    : new InvalidGrantError(problem);
}

/** A verifier exactly when there was a challenge, and the right one (RFC 7636 section 4.6, RFC 9700 section 4.8.2). */
function verifierProblem(
  challenge: string | null,
  verifier: string | undefined,
): RefusalReason | undefined {
  if (challenge === null) return verifier === undefined ? undefined : 'code_verifier_unexpected';
  if (verifier === undefined) return 'code_verifier_missing';
  return matchesChallenge(verifier, challenge) ? undefined : 'code_verifier_wrong';
}
