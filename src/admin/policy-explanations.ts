import { Injectable } from '@nestjs/common';

import { AccountDirectory } from '../accounts/account-directory.js';
import { ClientDirectory } from '../clients/client-directory.js';
import type { Client } from '../clients/client.js';
import { requesterOf } from '../clients/requester.js';
import { Targets } from '../clients/targets.js';
import { Actor } from '../delegation/actor.js';
import { DelegationChain } from '../delegation/delegation-chain.js';
import type { ExchangeRequest, PresentedToken, Target } from '../delegation/exchange-request.js';
import { UNKNOWN_ORIGIN } from '../delegation/lineage.js';
import { PolicySet, type Explanation } from '../delegation/policy-set.js';
import { PolicyStore } from '../delegation/policy-store.js';
import { Clock, epochSeconds } from '../oauth/clock.js';
import { GrantType } from '../oauth/grant-type.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { InvalidRequestError, OAuthError } from '../oauth/oauth-error.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import { RequestParameters } from '../oauth/request-parameters.js';
import { parseScope } from '../oauth/scope.js';
import { TokenType } from '../oauth/token-type.js';
import { TrustedIssuerStore } from '../tokens/trusted-issuer-store.js';
import { knownAudience, termsOf, type TrustedIssuer } from '../tokens/trusted-issuer.js';
import type { ExplanationView } from './explanation-view.dto.js';
import { DEFAULT_EXPIRY, type ImaginedToken, type Question } from './explanation.dto.js';
import { checkPolicies, policyOf } from './policy-fields.js';
import { invalidFields } from './problem.js';

/** Says what an exchange would be answered, and why, without a token. */
@Injectable()
export class PolicyExplanations {
  constructor(
    private readonly store: PolicyStore,
    private readonly clients: ClientDirectory,
    private readonly accounts: AccountDirectory,
    private readonly issuers: TrustedIssuerStore,
    private readonly targets: Targets,
    private readonly settings: IssuerSettings,
    private readonly clock: Clock,
  ) {}

  /** @throws Problem (400) when nobody could ask this */
  async explain(question: Question): Promise<ExplanationView> {
    const client = await this.clients.renew(question.actor);
    if (client === null)
      throw invalidFields([{ field: 'actor', problem: 'must be the id of a client' }]);
    const policies = await this.#policies(question);
    const refusal = clientRefusal(client);
    if (refusal !== undefined) return refused(refusal);
    let request: ExchangeRequest;
    try {
      request = await this.#request(question, client);
    } catch (error) {
      if (error instanceof OAuthError && error.status < 500) return refused(error.reason);
      throw error;
    }
    if (request.targets.some(({ identifier }) => this.settings.isProtected(identifier)))
      return refused('target_not_allowed');
    return viewExplanation(policies.explain(request), request.now);
  }

  /** The stored ones, but for those that a draft takes the place of. */
  async #policies({ draft = [] }: Question): Promise<PolicySet> {
    const drafts = draft.map(({ policyId, ...fields }) => policyOf(policyId, fields));
    checkPolicies('draft', drafts);
    const byId = new Map(
      (await this.store.list()).map(({ policy }) => [policy.policyId, policy] as const),
    );
    for (const policy of drafts) {
      const version = (byId.get(policy.policyId)?.version ?? 0) + 1;
      byId.set(policy.policyId, { ...policy, version });
    }
    return new PolicySet([...byId.values()]);
  }

  /** @throws OAuthError as a real request would be refused */
  async #request(question: Question, client: Client): Promise<ExchangeRequest> {
    const { subject, scope, purpose, actorToken = false, proven = false } = question;
    const now = epochSeconds(this.clock.now());
    const requester = requesterOf(client, this.settings.issuer);
    const subjectToken = await this.#subjectToken(subject, client, now);
    const own = { sub: client.clientId, clientId: client.clientId, scope: [] };
    return {
      now,
      requester,
      subjectToken,
      actorToken: actorToken ? this.#imagined(own, client, now) : undefined,
      actor: requester.party,
      requestedScope: scope === undefined ? undefined : parseScope(scope.join(' ')),
      targets: await this.#targets(question, client),
      requestedTokenType: TokenType.AccessToken,
      chainLifetime: this.settings.chainLifetime,
      subjectGroups: await this.#groupsOf(subject),
      purpose,
      isProven: proven,
    };
  }

  /** @throws InvalidRequestError when its issuer's tokens would not even be read */
  async #subjectToken(
    subject: ImaginedToken,
    client: Client,
    now: number,
  ): Promise<PresentedToken> {
    const token = this.#imagined(subject, client, now);
    if (token.isOwn) return token;
    const trusted = await this.issuers.find(token.issuer);
    if (trusted === null) throw unread('token_issuer_unknown');
    if (trusted.disabled) throw unread('token_issuer_disabled');
    const audience = readableAudience(token, trusted, subject.type);
    if (token.chain.actors.some(({ iss }) => iss === this.settings.issuer))
      throw unread('token_chain_not_trusted');
    return { ...token, audience, scope: subject.scope && token.scope, terms: termsOf(trusted) };
  }

  #imagined(subject: ImaginedToken, client: Client, now: number): PresentedToken {
    const { issuer = this.settings.issuer, sub, clientId, scope, acr, authTime } = subject;
    const { expiresIn = DEFAULT_EXPIRY, audience = [client.clientId], actors = [] } = subject;
    const chain = actors.reduceRight(
      (sofar, { iss = issuer, ...actor }) =>
        sofar.extend(Actor.of({ iss, sub: actor.sub }, actor.clientId)),
      DelegationChain.of({ iss: issuer, sub }),
    );
    return {
      issuer,
      isOwn: issuer === this.settings.issuer,
      clientId,
      clientIssuer: issuer,
      audience,
      scope: new Set(scope),
      expiresAt: now + expiresIn,
      chain,
      mayAct: undefined,
      acr,
      authTime,
      claims: {},
      tokenId: undefined,
      ...UNKNOWN_ORIGIN,
    };
  }

  /** What has a colon is a `resource`, the rest is an `audience`. */
  #targets({ targets }: Question, client: Client): Promise<readonly Target[]> {
    const parameters = targets.map(
      (target) => [target.includes(':') ? 'resource' : 'audience', target] as const,
    );
    return this.targets.find(client, RequestParameters.of(parameters));
  }

  async #groupsOf({ issuer, sub, groups }: ImaginedToken): Promise<readonly string[]> {
    if (groups !== undefined) return groups;
    const isOurs = issuer === undefined || issuer === this.settings.issuer;
    return isOurs ? ((await this.accounts.find(sub))?.groups ?? []) : [];
  }
}

/** @throws InvalidRequestError when the issuer's tokens are of no such kind, or not for anybody here */
function readableAudience(
  { audience }: PresentedToken,
  { accepts }: TrustedIssuer,
  type: ImaginedToken['type'],
): readonly string[] {
  const accepted = accepts.find(({ tokenType }) => type === undefined || tokenType === type);
  if (accepted === undefined) throw unread('token_kind_mismatch');
  const known = knownAudience(audience, accepted);
  if (known.length === 0) throw unread('token_audience_mismatch');
  return known;
}

function unread(reason: RefusalReason): InvalidRequestError {
  return new InvalidRequestError(reason, 'A presented token is not acceptable.');
}

/** Why the client would be refused whatever it asks for. */
function clientRefusal({ disabled, grantTypes, kind }: Client): RefusalReason | undefined {
  if (disabled) return 'client_disabled';
  if (!grantTypes.includes(GrantType.TokenExchange)) return 'grant_not_allowed';
  return kind === 'public' ? 'client_public' : undefined;
}

function refused(reason: RefusalReason): ExplanationView {
  return {
    verdict: 'refused',
    reason,
    mode: null,
    scope: null,
    audience: null,
    lifetime: null,
    basis: null,
    considered: [],
  };
}

function viewExplanation({ verdict, considered }: Explanation, now: number): ExplanationView {
  const { basis } = verdict;
  if (verdict.outcome === 'refused')
    return Object.assign(refused(verdict.reason), { basis, considered });
  const { mode, scope, audience, expiresAt } = verdict;
  const lifetime = expiresAt - now;
  return {
    verdict: 'granted',
    reason: null,
    mode,
    scope: [...scope],
    audience,
    lifetime,
    basis,
    considered,
  };
}
