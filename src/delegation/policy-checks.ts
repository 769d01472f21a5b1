import type { RefusalReason } from '../oauth/refusal-reason.js';
import { EMPTY_SCOPE, intersectScopes, isScopeWithin, type Scope } from '../oauth/scope.js';
import type { Actor } from './actor.js';
import { MAX_DEPTH, type ExchangeRequest } from './exchange-request.js';
import { isSameParty } from './party.js';
import { broughtScope, heldScope, isChainBelieved } from './issuer-settings.js';
import type { Policy } from './policy.js';

/** One thing that a policy asks of a request. */
export interface PolicyCheck {
  readonly rule: string;
  /** Why the request is refused when the check fails. */
  readonly reason: RefusalReason;
  readonly holds: (policy: Policy, request: ExchangeRequest) => boolean;
}

/** Everything that a policy asks, in the order in which a refusal is told: the first that fails. */
export const POLICY_CHECKS: readonly PolicyCheck[] = [
  { rule: 'subject-issuer', reason: 'subject_issuer_not_allowed', holds: isIssuerAllowed },
  { rule: 'subject', reason: 'subject_not_allowed', holds: isSubjectMeant },
  {
    rule: 'presenter',
    reason: 'presenter_not_allowed',
    holds: (p, r) => presenterOf(p, r) !== undefined,
  },
  { rule: 'may-act', reason: 'actor_not_allowed', holds: isNamedByMayAct },
  { rule: 'actor', reason: 'actor_is_subject', holds: isActorOther },
  { rule: 'actor', reason: 'delegation_loop', holds: isSubjectNotActedFor },
  { rule: 'actor-token', reason: 'actor_token_not_allowed', holds: isActorTokenRight },
  { rule: 'actor-place', reason: 'actor_place_not_allowed', holds: isPlaceRight },
  { rule: 'chain', reason: 'delegation_loop', holds: isLoopAllowed },
  { rule: 'chain', reason: 'chain_too_deep', holds: isDepthAllowed },
  { rule: 'chain', reason: 'chain_too_old', holds: isChainYoungEnough },
  { rule: 'target', reason: 'target_missing', holds: (_, { targets }) => targets.length > 0 },
  {
    rule: 'target',
    reason: 'too_many_targets',
    holds: (p, r) => r.targets.length <= p.limits.targets,
  },
  { rule: 'target', reason: 'target_not_allowed', holds: areTargetsAllowed },
  { rule: 'validity', reason: 'policy_not_in_force', holds: isInForce },
  {
    rule: 'purpose',
    reason: 'purpose_missing',
    holds: (p, r) => p.purposeRequired !== true || r.purpose !== undefined,
  },
  {
    rule: 'proof',
    reason: 'proof_missing',
    holds: (p, r) => !p.acting.proofRequired || r.isProven === true,
  },
  { rule: 'step-up', reason: 'authentication_insufficient', holds: isSignInGoodEnough },
  { rule: 'scope', reason: 'scope_not_allowed', holds: isRequestedScopeHeld },
  {
    rule: 'scope',
    reason: 'scope_empty',
    holds: (p, r) => (r.requestedScope ?? ceilingOf(p, r, heldScope(r.subjectToken))).size > 0,
  },
];

/** What the settings of the token's issuer ask of the scope that a policy would grant, in its words. */
export const ISSUER_SCOPE_CHECKS: readonly PolicyCheck[] = [
  { rule: 'scope', reason: 'scope_not_allowed', holds: isRequestedScopeBrought },
  { rule: 'scope', reason: 'scope_empty', holds: isAnythingBrought },
];

/** What the settings of the token's issuer ask, in the order in which a refusal is told. */
export const ISSUER_CHECKS: readonly PolicyCheck[] = [
  {
    rule: 'chain',
    reason: 'token_chain_not_trusted',
    holds: (_, { subjectToken }) => isChainBelieved(subjectToken),
  },
  ...ISSUER_SCOPE_CHECKS,
];

/** Why the actor may present the subject token, as the record says it; undefined when it may not. */
export function presenterOf(
  { subject }: Policy,
  { requester, subjectToken }: ExchangeRequest,
): string | undefined {
  if (subjectToken.audience.some((identifier) => requester.identifiers.includes(identifier)))
    return 'presenter-is-audience';
  if (subjectToken.mayAct?.names(requester.party)) return 'presenter-is-named-by-may-act';
  const isOfOurs = subjectToken.clientIssuer === requester.party.iss;
  if (isOfOurs && subjectToken.clientId === requester.clientId) return 'presenter-is-client';
  return subject.presentedByAnyone === true ? 'presenter-by-settings' : undefined;
}

/** Whether the actor would join the chain, and is not its current actor already. */
export function joins(policy: Policy, request: ExchangeRequest): boolean {
  return isDelegation(policy, request) && !isCurrentActor(request);
}

/** An actor token says who acts, and so does the mode of the policy. */
export function isDelegation({ acting }: Policy, request: ExchangeRequest): boolean {
  if (isSelf(request)) return false;
  return request.actorToken !== undefined || acting.mode === 'delegation';
}

/** Whether the subject itself asks, for itself. */
export function isSelf({ actor, subjectToken }: ExchangeRequest): boolean {
  return isSameParty(actor, subjectToken.chain.subject);
}

/**
 * What can be granted at most: what the subject token brings, in the words of the targets, as far as the
 * policy, the client and every target hold it (RFC 8693 section 2.1.1).
 */
export function ceilingOf(
  policy: Policy,
  { requester, subjectToken, targets }: ExchangeRequest,
  scope: Scope = broughtScope(subjectToken),
): Scope {
  const held = translated(scope, policy.scopeMapping);
  const named = policy.scopes === undefined ? [] : [new Set(policy.scopes)];
  return targets.length === 0
    ? EMPTY_SCOPE
    : intersectScopes(
        held,
        requester.scope,
        ...named,
        ...targets.map((target) => target.offeredScope),
      );
}

/** A scope in the words of the targets: values that the mapping names become others, the rest stays. */
export function translated(scope: Scope, mapping: Policy['scopeMapping']): Scope {
  if (mapping === undefined) return scope;
  return new Set(
    [...scope].flatMap((value) =>
      Object.hasOwn(mapping, value) ? (mapping[value] ?? []) : [value],
    ),
  );
}

function isIssuerAllowed(policy: Policy, { requester, subjectToken }: ExchangeRequest): boolean {
  if (isIssuerMeant(policy, subjectToken.issuer, requester.party.iss)) return true;
  // What is forbidden of a foreign subject stays so in the tokens that were issued here for it.
  const { iss } = subjectToken.chain.subject;
  return policy.effect === 'deny' && isIssuerMeant(policy, iss, requester.party.iss);
}

/**
 * Names mean something within their issuer alone. Where none is named, a right is about this server's
 * own, and what is forbidden is forbidden whoever gave the name.
 */
function isIssuerMeant(
  { effect, subject: { issuers } }: Policy,
  issuer: string,
  own: string,
): boolean {
  if (issuers !== undefined) return issuers.includes(issuer);
  return effect === 'deny' || issuer === own;
}

function isSubjectMeant(
  policy: Policy,
  { requester, subjectToken, subjectGroups = [] }: ExchangeRequest,
): boolean {
  const { clients, subjects, groups } = policy.subject;
  const { clientId, clientIssuer, chain } = subjectToken;
  const own = requester.party.iss;
  return (
    (clients === undefined ||
      (clientId !== undefined &&
        isIssuerMeant(policy, clientIssuer, own) &&
        clients.includes(clientId))) &&
    (subjects === undefined ||
      (isIssuerMeant(policy, chain.subject.iss, own) && subjects.includes(chain.subject.sub))) &&
    (groups === undefined || groups.some((group) => subjectGroups.includes(group)))
  );
}

function isNamedByMayAct(_: Policy, { subjectToken, actor }: ExchangeRequest): boolean {
  return subjectToken.mayAct === undefined || subjectToken.mayAct.names(actor);
}

function isActorOther(_: Policy, request: ExchangeRequest): boolean {
  return !isSelf(request) || request.actorToken === undefined;
}

function isSubjectNotActedFor(_: Policy, request: ExchangeRequest): boolean {
  return !isSelf(request) || request.subjectToken.chain.depth === 0;
}

function isActorTokenRight({ acting }: Policy, request: ExchangeRequest): boolean {
  if (acting.actorToken === 'optional' || isSelf(request)) return true;
  return (acting.actorToken === 'required') === (request.actorToken !== undefined);
}

function isPlaceRight(policy: Policy, request: ExchangeRequest): boolean {
  const { after, position } = policy.actor;
  const { chain } = request.subjectToken;
  // Who is the current actor already keeps its place, behind the one before it.
  const [before] = isCurrentActor(request) ? chain.priorActors : chain.actors;
  const place = chain.depth + (joins(policy, request) ? 1 : 0);
  const isAfter = after === undefined || isOneOf(after, before, request.requester.party.iss);
  return isAfter && place >= (position?.from ?? 0) && place <= (position?.to ?? Infinity);
}

/** Whether an actor is one of these clients of ours; nobody is one of none. */
function isOneOf(clients: readonly string[], actor: Actor | undefined, own: string): boolean {
  if (actor === undefined) return clients.length === 0;
  const clientId = actor.clientId ?? (actor.iss === own ? actor.sub : undefined);
  return clientId !== undefined && clients.includes(clientId);
}

function isLoopAllowed(policy: Policy, request: ExchangeRequest): boolean {
  return policy.limits.loops || !joins(policy, request) || !hasActed(request);
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

function isDepthAllowed(policy: Policy, request: ExchangeRequest): boolean {
  const depth = request.subjectToken.chain.depth + (joins(policy, request) ? 1 : 0);
  return depth <= Math.min(policy.limits.depth, MAX_DEPTH);
}

function isChainYoungEnough(
  { limits }: Policy,
  { now, chainStart = now }: ExchangeRequest,
): boolean {
  return now < chainStart + (limits.chainLifetime ?? Infinity);
}

function areTargetsAllowed({ targets }: Policy, request: ExchangeRequest): boolean {
  return request.targets.every(({ identifier }) => targets?.includes(identifier) === true);
}

function isInForce({ validity }: Policy, { now }: ExchangeRequest): boolean {
  return now >= (validity?.from ?? -Infinity) && now < (validity?.until ?? Infinity);
}

function isSignInGoodEnough(policy: Policy, request: ExchangeRequest): boolean {
  const { stepUp } = policy;
  const { chain, acr, authTime } = request.subjectToken;
  if (stepUp === undefined) return true;
  const depth = chain.depth + (joins(policy, request) ? 1 : 0);
  if (depth < (stepUp.fromDepth ?? 0)) return true;
  return (
    (stepUp.acr === undefined || (acr !== undefined && stepUp.acr.includes(acr))) &&
    (stepUp.maxAge === undefined ||
      (authTime !== undefined && request.now - authTime <= stepUp.maxAge))
  );
}

function isRequestedScopeHeld(policy: Policy, request: ExchangeRequest): boolean {
  const { requestedScope, subjectToken } = request;
  if (requestedScope === undefined) return true;
  return isScopeWithin(requestedScope, ceilingOf(policy, request, heldScope(subjectToken)));
}

/** Whether the issuer withholds nothing that is requested; what the token does not hold is not its doing. */
function isRequestedScopeBrought(
  { scopeMapping }: Policy,
  { requestedScope = EMPTY_SCOPE, subjectToken }: ExchangeRequest,
): boolean {
  const held = translated(heldScope(subjectToken), scopeMapping);
  const brought = translated(broughtScope(subjectToken), scopeMapping);
  return isScopeWithin(intersectScopes(requestedScope, held), brought);
}

/** Whether the issuer leaves something of what could be granted where no scope is requested. */
function isAnythingBrought(policy: Policy, request: ExchangeRequest): boolean {
  const { requestedScope, subjectToken } = request;
  if (requestedScope !== undefined || ceilingOf(policy, request).size > 0) return true;
  return ceilingOf(policy, request, heldScope(subjectToken)).size === 0;
}
