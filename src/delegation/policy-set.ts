import { EMPTY_SCOPE, isScopeWithin, type Scope } from '../oauth/scope.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import type { ExchangeRequest, PresentedToken } from './exchange-request.js';
import { clientSettingsPolicies } from './client-settings-policies.js';
import { broughtScope, ISSUER_SETTINGS, isChainBelieved } from './issuer-settings.js';
import { ActorPolicies } from './actor-policies.js';
import { policyHalf } from './lineage.js';
import {
  ceilingOf,
  isDelegation,
  isSelf,
  ISSUER_CHECKS,
  ISSUER_SCOPE_CHECKS,
  POLICY_CHECKS,
  presenterOf,
  type PolicyCheck,
} from './policy-checks.js';
import { newPolicy, type Policy } from './policy.js';
import type { ActingMode, Basis, Refused, Verdict } from './verdict.js';

/** How one policy judges one request, check by check. */
export interface ConsideredPolicy {
  readonly policy: string;
  readonly version: string;
  /** `limit`: the settings of the token's issuer, which give nothing and hold back. */
  readonly effect: 'allow' | 'deny' | 'limit';
  /** For `allow`: whether it would grant. For `deny`: whether it forbids. For `limit`: whether it holds nothing back that is asked for. */
  readonly applies: boolean;
  readonly checks: readonly {
    readonly rule: string;
    readonly passed: boolean;
    /** What a refusal would be called. */
    readonly reason: RefusalReason;
  }[];
}

/** A verdict with everything that led to it. */
export interface Explanation {
  readonly verdict: Verdict;
  /**
   * Every policy that speaks of the actor, in ascending order of their ids; the settings of the token's
   * issuer, when it is another one, among them, with what they ask of the policy that decides.
   */
  readonly considered: readonly ConsideredPolicy[];
}

/**
 * The policies at a moment. Their order never matters: of several that allow a request by themselves
 * the one that grants most decides, then the one whose id comes first; what another one denies is
 * taken from its grant. Where a policy names the acting client and one of the targets, it takes the
 * place of that client's own settings. No policy takes the place of the settings of the token's issuer.
 */
export class PolicySet {
  readonly #allowing: ActorPolicies;
  readonly #denying: ActorPolicies;
  readonly #inForce: ReadonlySet<string>;

  constructor(policies: readonly Policy[]) {
    const enabled = policies.filter(({ disabled }) => !disabled);
    const allowing = enabled.filter(({ effect }) => effect === 'allow');
    this.#allowing = new ActorPolicies(allowing);
    this.#inForce = new Set(allowing.map(({ policyId }) => policyHalf(policyId)));
    this.#denying = new ActorPolicies(enabled.filter(({ effect }) => effect === 'deny'));
  }

  /** Whether a policy is there that allows and is not disabled, by what `policyHalf` makes of its id. */
  isInForce(half: string): boolean {
    return this.#inForce.has(half);
  }

  /** Decides a request: the same verdict as `explain` gives, without the reasons why. */
  evaluate(request: ExchangeRequest): Verdict {
    const { requester, targets, subjectToken } = request;
    if (!isChainBelieved(subjectToken))
      return refused('token_chain_not_trusted', issuerSettings(subjectToken), 'chain');
    const denials = this.#denying
      .about(requester, targets)
      .filter((policy) => isDenying(policy, request));
    const denial = firstOf(
      denials.filter(({ scopes }) => scopes === undefined || request.requestedScope !== undefined),
    );
    if (denial !== undefined) return refused('policy_denied', denial, 'deny');
    const chosen = this.#best(request);
    if (chosen === undefined) return NOBODY_SPEAKS;
    const { policy, failed } = chosen;
    if (failed === undefined) return granted(chosen, denials, request);
    return ISSUER_CHECKS.includes(failed)
      ? refused(failed.reason, issuerSettings(subjectToken), failed.rule)
      : refusedBy(failed, policy);
  }

  /** Decides a request, and says how each policy that speaks of the actor judges it. */
  explain(request: ExchangeRequest): Explanation {
    const { requester, targets } = request;
    const isTaken = this.#allowing.about(requester, targets).length > 0;
    const speaking = [
      ...this.#allowing.of(requester),
      ...this.#denying.of(requester),
      ...(isTaken ? [] : clientSettingsPolicies(requester)),
    ];
    const considered = speaking.map((policy): ConsideredPolicy => {
      const { effect } = policy;
      if (effect === 'allow') return consideredBy(policy, effect, POLICY_CHECKS, policy, request);
      return { ...nameOf(policy), effect, applies: isDenying(policy, request), checks: [] };
    });
    if (!request.subjectToken.isOwn) {
      const { policy } = this.#best(request) ?? { policy: newPolicy({ policyId: 'none' }) };
      const settings = issuerSettings(request.subjectToken);
      considered.push(consideredBy(settings, 'limit', ISSUER_CHECKS, policy, request));
    }
    return {
      verdict: this.evaluate(request),
      considered: considered.toSorted((a, b) => compared(a.policy, b.policy)),
    };
  }

  /** What the policies that name actor and target make of a request, or else the client's settings. */
  #best(request: ExchangeRequest): Judgement | undefined {
    const { requester, targets } = request;
    const named = this.#allowing.about(requester, targets);
    return best(named.length > 0 ? named : clientSettingsPolicies(requester), request);
  }
}

/** What records call by a name and a version. */
type Named = Pick<Policy, 'policyId' | 'version'>;

/** How what has this name judges the grant of a policy that allows. */
function consideredBy(
  named: Named,
  effect: ConsideredPolicy['effect'],
  asked: readonly PolicyCheck[],
  policy: Policy,
  request: ExchangeRequest,
): ConsideredPolicy {
  const checks = asked.map(({ rule, reason, holds }) => ({
    rule,
    reason,
    passed: holds(policy, request),
  }));
  const applies = checks.every(({ passed }) => passed);
  return { ...nameOf(named), effect, applies, checks };
}

/** What one policy that allows says of a request. */
interface Judgement {
  readonly policy: Policy;
  /** The first check that does not hold; undefined when it grants. */
  readonly failed: PolicyCheck | undefined;
  /** How many checks held. */
  readonly progress: number;
  /** What it grants. */
  readonly scope: Scope;
  readonly expiresAt: number;
}

const NOBODY_SPEAKS: Refused = {
  outcome: 'refused',
  reason: 'policy_missing',
  basis: { policy: 'none', version: '0', rule: 'default-deny' },
};

/** What is asked of a policy's grant: by itself, and by the settings of the token's issuer. */
const CHECKS: readonly PolicyCheck[] = [...POLICY_CHECKS, ...ISSUER_SCOPE_CHECKS];

/** How many checks hold, up to the first that does not. */
function progressOf(policy: Policy, request: ExchangeRequest): number {
  let progress = 0;
  for (const { holds } of CHECKS) {
    if (!holds(policy, request)) break;
    progress += 1;
  }
  return progress;
}

function judgementOf(policy: Policy, progress: number, request: ExchangeRequest): Judgement {
  const failed = CHECKS[progress];
  if (failed !== undefined)
    return { policy, failed, progress, scope: EMPTY_SCOPE, expiresAt: request.now };
  const scope = request.requestedScope ?? ceilingOf(policy, request);
  return { policy, failed, progress, scope, expiresAt: expiryOf(policy, request) };
}

/** What the best policy grants, without the scope values that others deny. */
function granted(
  { policy, scope: most, expiresAt }: Judgement,
  denials: readonly Policy[],
  request: ExchangeRequest,
): Verdict {
  const taken = new Set(denials.flatMap(({ scopes = [] }) => scopes));
  const scope = new Set([...most].filter((value) => !taken.has(value)));
  const denial = firstOf(denials.filter(({ scopes }) => scopes?.some((value) => most.has(value))));
  if (scope.size === 0 && denial !== undefined) return refused('policy_denied', denial, 'deny');
  const { uses, fanOut } = policy.limits;
  const isMapped =
    policy.scopeMapping !== undefined && !isScopeWithin(scope, broughtScope(request.subjectToken));
  return {
    outcome: 'allowed',
    mode: modeOf(policy, request),
    audience: request.targets.map(({ identifier }) => identifier),
    scope,
    expiresAt,
    basis: basisOf(policy, presenterOf(policy, request) ?? 'presenter'),
    ...(isMapped ? { reauthorized: policy.scopeMapping } : {}),
    ...(uses === undefined && fanOut === undefined ? {} : { quota: { uses, fanOut } }),
  };
}

function modeOf(policy: Policy, request: ExchangeRequest): ActingMode {
  if (isSelf(request)) return 'self';
  return isDelegation(policy, request) ? 'delegation' : 'impersonation';
}

function expiryOf({ limits }: Policy, request: ExchangeRequest): number {
  const { now, requester, subjectToken, actorToken, chainLifetime, chainStart = now } = request;
  // The clock of the instance that began the chain may be ahead of this one.
  const start = Math.min(chainStart, now);
  const ends = [
    now + requester.tokenLifetime,
    now + chainLifetime,
    subjectToken.expiresAt,
    now + (limits.lifetime ?? Infinity),
    start + (limits.chainLifetime ?? Infinity),
    ...(actorToken ? [actorToken.expiresAt] : []),
  ];
  return Math.min(...ends);
}

/** The grant that gives most, or else the refusal that came furthest; ids decide between equals. */
function best(policies: readonly Policy[], request: ExchangeRequest): Judgement | undefined {
  let chosen: Judgement | undefined;
  for (const policy of policies) {
    const progress = progressOf(policy, request);
    if (chosen !== undefined && progress < chosen.progress) continue;
    const judgement = judgementOf(policy, progress, request);
    if (chosen === undefined || isBetter(judgement, chosen)) chosen = judgement;
  }
  return chosen;
}

function isBetter(one: Judgement, other: Judgement): boolean {
  if (one.progress !== other.progress) return one.progress > other.progress;
  if (one.scope.size !== other.scope.size) return one.scope.size > other.scope.size;
  if (one.expiresAt !== other.expiresAt) return one.expiresAt > other.expiresAt;
  return one.policy.policyId < other.policy.policyId;
}

/** The one whose id comes first. */
function firstOf(policies: readonly Policy[]): Policy | undefined {
  return policies.toSorted((a, b) => compared(a.policyId, b.policyId))[0];
}

/** Whether a policy forbids the request, or scope values of it: one that names some forbids these alone. */
function isDenying(policy: Policy, request: ExchangeRequest): boolean {
  if (policy.effect !== 'deny' || !isMeant(policy, request)) return false;
  const { requestedScope } = request;
  if (policy.scopes === undefined) return true;
  return policy.scopes.some((value) => requestedScope?.has(value) ?? true);
}

/** Whether a policy that denies is about this request: every condition that it names holds. */
function isMeant(policy: Policy, request: ExchangeRequest): boolean {
  const isAboutTarget =
    policy.targets === undefined ||
    request.targets.some(({ identifier }) => policy.targets?.includes(identifier) === true);
  return isAboutTarget && DENYING.every((holds) => holds(policy, request));
}

const DENYING = POLICY_CHECKS.filter(({ rule }) =>
  ['subject-issuer', 'subject', 'actor-place', 'validity'].includes(rule),
).map(({ holds }) => holds);

function refusedBy({ reason, rule }: PolicyCheck, policy: Policy): Refused {
  const { stepUp } = policy;
  const verdict = refused(reason, policy, rule);
  return rule === 'step-up' && stepUp !== undefined ? { ...verdict, stepUp } : verdict;
}

function refused(reason: RefusalReason, policy: Named, rule: string): Refused {
  return { outcome: 'refused', reason, basis: basisOf(policy, rule) };
}

function basisOf(policy: Named, rule: string): Basis {
  return { ...nameOf(policy), rule };
}

function nameOf({ policyId, version }: Named): Pick<Basis, 'policy' | 'version'> {
  return { policy: policyId, version: String(version) };
}

/** The settings of another issuer, as a record names them. */
function issuerSettings({ terms }: PresentedToken): Named {
  return { policyId: ISSUER_SETTINGS, version: terms?.version ?? 0 };
}

function compared(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
