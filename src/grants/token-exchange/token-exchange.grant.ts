import { Injectable } from '@nestjs/common';

import { AccountDirectory } from '../../accounts/account-directory.js';
import type { Attempt } from '../../audit/attempt.js';
import { Decision } from '../../delegation/decision.js';
import { DelegationPolicy } from '../../delegation/delegation-policy.js';
import type { ExchangeRequest, Requester } from '../../delegation/exchange-request.js';
import { epochSeconds } from '../../oauth/clock.js';
import { GrantType } from '../../oauth/grant-type.js';
import { IssuerSettings } from '../../oauth/issuer-settings.js';
import {
  InvalidRequestError,
  InvalidTargetError,
  UnauthorizedClientError,
} from '../../oauth/oauth-error.js';
import type { TokenResponse } from '../../oauth/token-response.js';
import { TokenType } from '../../oauth/token-type.js';
import type { SecurityToken } from '../../tokens/security-token.js';
import { hashToken, SecurityTokens } from '../../tokens/security-tokens.js';
import { TokenIssuer } from '../../tokens/token-issuer.js';
import { bearerResponse } from '../bearer-response.js';
import { Grant, type GrantRequest } from '../grant.js';
import { issuedFacts, recordedActor, recordedToken } from '../recorded.js';
import { requestedFacts } from '../requested.js';
import { requesterOf } from '../../clients/requester.js';
import { Targets } from '../../clients/targets.js';
import { actorClaimsOf, actorOf } from './actor-token.js';
import { readTokenExchangeRequest, type TokenExchangeRequest } from './token-exchange.request.js';
import { timeOfUuidv7, uuidv7 } from '../../oauth/uuid.js';
import { PolicyQuotas } from './policy-quotas.js';

/** A service trades the token it received for one that names it as the actor (RFC 8693). */
@Injectable()
export class TokenExchangeGrant extends Grant {
  readonly grantType = GrantType.TokenExchange;

  constructor(
    private readonly tokens: SecurityTokens,
    private readonly targets: Targets,
    private readonly policy: DelegationPolicy,
    private readonly quotas: PolicyQuotas,
    private readonly accounts: AccountDirectory,
    private readonly issuer: TokenIssuer,
    private readonly settings: IssuerSettings,
  ) {
    super();
  }

  async issue({ client, parameters, attempt }: GrantRequest): Promise<TokenResponse> {
    attempt.note(requestedFacts(parameters));
    if (client.kind === 'public') {
      throw new UnauthorizedClientError('client_public', 'The client may not use this grant_type.');
    }
    const asked = readTokenExchangeRequest(parameters);
    const subjectToken = await this.#subject(asked, attempt);
    const actorToken = await this.#actor(asked, attempt);
    const requester = requesterOf(client, this.settings.issuer);
    const actor = actorToken ? actorOf(actorToken, client, this.settings) : requester.party;
    attempt.note({ actor: recordedActor({ ...actor, clientId: client.clientId }) });
    const targets = await this.targets.find(client, parameters);
    if (targets.some(({ identifier }) => this.settings.isProtected(identifier))) {
      throw new InvalidTargetError('target_not_allowed', 'A requested target is not acceptable.');
    }
    const request: ExchangeRequest = {
      now: epochSeconds(attempt.time),
      requester,
      subjectToken,
      actorToken,
      actor,
      targets,
      requestedScope: asked.requestedScope,
      requestedTokenType: asked.requestedTokenType,
      chainLifetime: this.settings.chainLifetime,
      chainStart: chainStartOf(subjectToken),
      subjectGroups: await this.#groupsOf(subjectToken),
      purpose: asked.purpose,
    };
    const decision = await Decision.ofExchange(this.policy, request, {
      tokenId: { recordId: attempt.id, chainId: attempt.facts.chainId },
      clientId: this.#clientId(subjectToken, requester),
      actorClaims: actorClaimsOf(actorToken, this.settings),
      heard: (basis) => attempt.note({ basis }),
    });
    await this.quotas.take(decision, subjectToken);
    const issued = await this.issuer.issue(decision);
    attempt.note(issuedFacts(decision, issued, TokenType.AccessToken));
    return bearerResponse(decision, issued);
  }

  async #subject(asked: TokenExchangeRequest, attempt: Attempt): Promise<SecurityToken> {
    attempt.note({ subjectToken: { hash: hashToken(asked.subjectToken) } });
    const token = unbound(
      await this.tokens.check(asked.subjectToken, asked.subjectTokenType, 'subject_token_type'),
    );
    attempt.note({
      subjectToken: recordedToken(token, asked.subjectTokenType),
      subject: { ...token.chain.subject },
      inboundActors: token.chain.actors.map(recordedActor),
      chainId: token.tokenId?.chainId ?? uuidv7(attempt.time),
      ...(token.tokenId?.chainId === undefined ? {} : { parentId: token.tokenId.recordId }),
    });
    return token;
  }

  async #actor(
    { actor }: TokenExchangeRequest,
    attempt: Attempt,
  ): Promise<SecurityToken | undefined> {
    if (actor === undefined) return undefined;
    attempt.note({ actorToken: { hash: hashToken(actor.token) } });
    const token = unbound(await this.tokens.check(actor.token, actor.type, 'actor_token_type'));
    attempt.note({ actorToken: recordedToken(token, actor.type) });
    return token;
  }

  /** The groups of a person of ours, for policies that name groups. */
  async #groupsOf({ isOwn, chain }: SecurityToken): Promise<readonly string[]> {
    const { iss, sub } = chain.subject;
    if (!this.settings.hasSignIn || !isOwn || iss !== this.settings.issuer) return [];
    return (await this.accounts.find(sub))?.groups ?? [];
  }

  /** The original application's id, or the requester's, as the deployment says (RFC 8693 section 4.3). */
  #clientId(subjectToken: SecurityToken, requester: Requester): string {
    const original =
      this.settings.exchangedClientId === 'original' ? subjectToken.clientId : undefined;
    return original ?? requester.clientId;
  }
}

/** When the first exchange of the chain was, in seconds since the epoch; its id tells. */
function chainStartOf({ tokenId }: SecurityToken): number | undefined {
  const time = tokenId?.chainId === undefined ? undefined : timeOfUuidv7(tokenId.chainId);
  return time === undefined ? undefined : epochSeconds(time);
}

/** A token that is bound to a key (RFC 7800) is no bearer token, and no proof of the key can be given here. */
function unbound(token: SecurityToken): SecurityToken {
  if (Object.hasOwn(token.claims, 'cnf')) {
    throw new InvalidRequestError(
      'token_sender_constrained',
      'A presented token is not acceptable.',
    );
  }
  return token;
}
