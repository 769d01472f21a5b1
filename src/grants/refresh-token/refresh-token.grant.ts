import { Injectable } from '@nestjs/common';

import { isInForce } from '../../authorization/authorization.js';
import type { Client } from '../../clients/client.js';
import { Clock } from '../../oauth/clock.js';
import { GrantType } from '../../oauth/grant-type.js';
import { IssuerSettings } from '../../oauth/issuer-settings.js';
import { InvalidGrantError } from '../../oauth/oauth-error.js';
import type { TokenResponse } from '../../oauth/token-response.js';
import { Grant, type GrantRequest } from '../grant.js';
import { personFacts, PersonTokens } from '../person-tokens.js';
import { requestedFacts } from '../requested.js';
import { RefreshTokens, type PresentedRefreshToken } from './refresh-tokens.js';

/** An application goes on with what a person allowed it (RFC 6749 section 6). */
@Injectable()
export class RefreshTokenGrant extends Grant {
  readonly grantType = GrantType.RefreshToken;

  constructor(
    private readonly refreshTokens: RefreshTokens,
    private readonly tokens: PersonTokens,
    private readonly settings: IssuerSettings,
    private readonly clock: Clock,
  ) {
    super();
  }

  async issue(request: GrantRequest): Promise<TokenResponse> {
    const { client, parameters, attempt } = request;
    attempt.note(requestedFacts(parameters));
    const presented = await this.refreshTokens.find(parameters.require('refresh_token'));
    const { authorization } = presented;
    attempt.note(personFacts(authorization, this.settings.issuer));
    await this.#check(client, presented);
    const person = await this.tokens.personOf(client, authorization);
    const requestedScope = this.tokens.requestedScope(parameters);
    const asked = { ...request, ...person, authorization, requestedScope };
    // What is refused here leaves the token as it is.
    const decision = await this.tokens.decide(asked);
    const next = await this.refreshTokens.rotate(presented);
    const answer = await this.tokens.issue(decision, asked, undefined);
    return { ...answer, refresh_token: next };
  }

  async #check({ clientId }: Client, presented: PresentedRefreshToken): Promise<void> {
    const { token, authorization } = presented;
    const now = this.clock.now();
    // It is in the wrong hands (RFC 9700 section 4.14).
    if (authorization.clientId !== clientId)
      await this.refreshTokens.refuse(presented, 'refresh_token_not_of_client');
    if (authorization.revokedAt !== null) throw new InvalidGrantError('authorization_revoked');
    if (!isInForce(authorization, now)) throw new InvalidGrantError('authorization_expired');
    // Whatever else is asked for, somebody has a token that is not theirs (RFC 9700 section 4.14.2).
    if (this.refreshTokens.isSpent(token))
      await this.refreshTokens.refuse(presented, 'refresh_token_used');
    if (token.usedAt === null && token.expiresAt <= now)
      throw new InvalidGrantError('refresh_token_expired');
  }
}
