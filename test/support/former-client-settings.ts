import { DelegationPolicy } from '../../src/delegation/delegation-policy.js';
import { MAX_DEPTH, type ExchangeRequest } from '../../src/delegation/exchange-request.js';
import { broughtScope } from '../../src/delegation/issuer-settings.js';
import { isSameParty } from '../../src/delegation/party.js';
import type { ActingMode, Refused, Verdict } from '../../src/delegation/verdict.js';
import type { RefusalReason } from '../../src/oauth/refusal-reason.js';
import { intersectScopes, isScopeWithin, type Scope } from '../../src/oauth/scope.js';

const POLICY = { policy: 'client-settings', version: '1' } as const;

/**
 * What the settings of a client said before there were policies as data: written in another way, so
 * that the two can be held against each other.
 */
export class FormerClientSettings extends DelegationPolicy {
  decide(request: ExchangeRequest): Verdict {
    const presenter = presenterRule(request);
    if (typeof presenter !== 'string') return presenter;
    const mode = actingMode(request);
    if (typeof mode !== 'string') return mode;
    const refusal = chainRefusal(request, mode) ?? targetRefusal(request);
    if (refusal) return refusal;
    const scope = grantedScope(request);
    if ('outcome' in scope) return scope;
    return {
      outcome: 'allowed',
      mode,
      audience: request.targets.map((target) => target.identifier),
      scope: scope.granted,
      expiresAt: expiry(request),
      basis: { ...POLICY, rule: presenter },
    };
  }
}

function refused(reason: RefusalReason, rule: string): Refused {
  return { outcome: 'refused', reason, basis: { ...POLICY, rule } };
}

/** Why this client may present this subject token, or the refusal. */
function presenterRule({ requester, subjectToken }: ExchangeRequest): string | Refused {
  if (!subjectToken.isOwn && !requester.exchange.subjectIssuers.includes(subjectToken.issuer)) {
    return refused('subject_issuer_not_allowed', 'subject-issuer');
  }
  if (subjectToken.audience.some((identifier) => requester.identifiers.includes(identifier)))
    return 'presenter-is-audience';
  if (subjectToken.mayAct?.names(requester.party)) return 'presenter-is-named-by-may-act';
  if (subjectToken.clientId !== undefined && subjectToken.clientIssuer === requester.party.iss) {
    if (subjectToken.clientId === requester.clientId) return 'presenter-is-client';
    if (requester.exchange.presentsTokensOf.includes(subjectToken.clientId))
      return 'presenter-by-settings';
  }
  return refused('presenter_not_allowed', 'presenter');
}

function actingMode({
  requester,
  subjectToken,
  actorToken,
  actor,
}: ExchangeRequest): ActingMode | Refused {
  if (subjectToken.mayAct && !subjectToken.mayAct.names(actor))
    return refused('actor_not_allowed', 'may-act');
  if (isSameParty(actor, subjectToken.chain.subject)) {
    if (actorToken) return refused('actor_is_subject', 'actor');
    return subjectToken.chain.depth === 0 ? 'self' : refused('delegation_loop', 'actor');
  }
  if (actorToken || requester.exchange.mode === 'delegation') return 'delegation';
  return 'impersonation';
}

function chainRefusal(request: ExchangeRequest, mode: ActingMode): Refused | undefined {
  const { chain } = request.subjectToken;
  const { maxDepth, allowLoops } = request.requester.exchange;
  const joins = mode === 'delegation' && !isCurrentActor(request);
  if (joins && hasActed(request) && !allowLoops) return refused('delegation_loop', 'chain');
  if (chain.depth + (joins ? 1 : 0) > Math.min(maxDepth, MAX_DEPTH))
    return refused('chain_too_deep', 'chain');
  return undefined;
}

/** A client is one actor, also where it acts under a name that another issuer gave it. */
function hasActed({ actor, requester, subjectToken }: ExchangeRequest): boolean {
  const { chain } = subjectToken;
  return (
    chain.contains(actor) || chain.actors.some(({ clientId }) => clientId === requester.clientId)
  );
}

function isCurrentActor({ actor, subjectToken }: ExchangeRequest): boolean {
  const current = subjectToken.chain.currentActor;
  return current !== undefined && isSameParty(current, actor);
}

function targetRefusal({ requester, targets }: ExchangeRequest): Refused | undefined {
  if (targets.length === 0) return refused('target_missing', 'target');
  if (targets.length > requester.exchange.maxTargets) return refused('too_many_targets', 'target');
  const allowed = targets.every((target) => requester.targets.includes(target.identifier));
  return allowed ? undefined : refused('target_not_allowed', 'target');
}

/** requested ∩ subject token ∩ client ∩ every target; all scopes mean something at all targets (RFC 8693 section 2.1.1). */
function grantedScope({
  requester,
  subjectToken,
  targets,
  requestedScope,
}: ExchangeRequest): { granted: Scope } | Refused {
  const ceiling = intersectScopes(
    broughtScope(subjectToken),
    requester.scope,
    ...targets.map((target) => target.offeredScope),
  );
  if (requestedScope && !isScopeWithin(requestedScope, ceiling))
    return refused('scope_not_allowed', 'scope');
  const granted = requestedScope ?? ceiling;
  return granted.size === 0 ? refused('scope_empty', 'scope') : { granted };
}

function expiry({
  now,
  requester,
  subjectToken,
  actorToken,
  chainLifetime,
}: ExchangeRequest): number {
  const limits = [now + requester.tokenLifetime, now + chainLifetime, subjectToken.expiresAt];
  if (actorToken) limits.push(actorToken.expiresAt);
  return Math.min(...limits);
}
