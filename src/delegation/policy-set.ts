import { isScopeWithin, type Scope } from '../oauth/scope.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import type { ExchangeRequest } from './exchange-request.js';
import { clientSettingsPolicies } from './client-settings-policies.js';
import { ceilingOf, isDelegation, isSelf, POLICY_CHECKS, presenterOf } from './policy-checks.js';
import type { Policy } from './policy.js';
import type { ActingMode, Allowed, Basis, Refused, Verdict } from './verdict.js';

/** How one policy judges one request, check by check. */
export interface ConsideredPolicy {
  readonly policy: string;
  readonly version: string;
  readonly effect: 'allow' | 'deny';
  /** For `allow`: whether it would grant. For `deny`: whether it forbids. */
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
  /** Every policy that speaks of the actor, in ascending order of their ids. */
  readonly considered: readonly ConsideredPolicy[];
}

/**
 * The policies at a moment. Their order never matters: what one of them allows by itself, and none
 * denies, is granted; of several that allow it the one that grants most decides, then the one whose
 * id comes first. Where a policy names the acting client and one of the targets, it takes the place
 * of that client's own settings.
 */
export class PolicySet {
  readonly #byClient = new Map<string, Policy[]>();
  readonly #byGroup = new Map<string, Policy[]>();
  readonly #forAll: Policy[] = [];

  constructor(policies: readonly Policy[]) {
    for (const policy of policies.filter(({ disabled }) => !disabled)) this.#index(policy);
  }

  /** Decides a request: the same verdict as `explain` gives, without the reasons why. */
  evaluate(request: ExchangeRequest): Verdict {
    const policies = this.#speakingOf(request);
    const denial = policies.find((policy) => isDenying(policy, request));
    if (denial !== undefined) return refused('policy_denied', denial, 'deny');
    const forbidden = forbiddenScope(policies, request);
    const { requestedScope } = request;
    const touched = forbidden.find(({ scopes }) =>
      scopes?.some((value) => requestedScope?.has(value)),
    );
    if (touched !== undefined) return refused('policy_denied', touched, 'deny');
    const taken = new Set(forbidden.flatMap(({ scopes = [] }) => scopes));
    return best(
      policies
        .filter(({ effect }) => effect === 'allow')
        .map((policy) => judge(policy, request, taken)),
    );
  }

  /** Decides a request, and says how each policy that speaks of the actor judges it. */
  explain(request: ExchangeRequest): Explanation {
    const considered = this.#speakingOf(request).map((policy): ConsideredPolicy => {
      const checks = POLICY_CHECKS.map(({ rule, reason, holds }) => ({
        rule,
        reason,
        passed: holds(policy, request),
      }));
      const { effect } = policy;
      const applies =
        effect === 'deny'
          ? isDenying(policy, request) || forbiddenScope([policy], request).length > 0
          : checks.every(({ passed }) => passed);
      return { ...nameOf(policy), effect, applies, checks: effect === 'deny' ? [] : checks };
    });
    return { verdict: this.evaluate(request), considered };
  }

  /** The policies that name the actor, with its client's own settings where none takes their place. */
  #speakingOf({ requester, targets }: ExchangeRequest): readonly Policy[] {
    const { groups = [] } = requester;
    const named = [
      ...(this.#byClient.get(requester.clientId) ?? []),
      ...groups.flatMap((group) => this.#byGroup.get(group) ?? []),
      ...this.#forAll,
    ];
    const found = [...new Set(named)];
    const isTaken = found.some(
      (policy) =>
        policy.effect === 'allow' &&
        targets.some(({ identifier }) => policy.targets?.includes(identifier) === true),
    );
    const all = isTaken ? found : [...found, ...clientSettingsPolicies(requester)];
    return all.toSorted(byId);
  }

  /** Under each client and each group that it names; one that names neither speaks of everybody. */
  #index(policy: Policy): void {
    const { clients, groups } = policy.actor;
    if (clients === undefined && groups === undefined) this.#forAll.push(policy);
    for (const [index, names] of [
      [this.#byClient, clients ?? []],
      [this.#byGroup, groups ?? []],
    ] as const) {
      for (const name of new Set(names)) index.set(name, [...(index.get(name) ?? []), policy]);
    }
  }
}

/** What one policy says of a request: its grant, or its refusal with how far it came. */
interface Judgement {
  readonly verdict: Verdict;
  /** How many checks held. */
  readonly progress: number;
}

function judge(policy: Policy, request: ExchangeRequest, taken: ReadonlySet<string>): Judgement {
  const failed = POLICY_CHECKS.findIndex(({ holds }) => !holds(policy, request));
  const check = POLICY_CHECKS[failed];
  if (check !== undefined) {
    const verdict = refused(check.reason, policy, check.rule);
    const { stepUp } = policy;
    return {
      verdict: check.rule === 'step-up' && stepUp !== undefined ? { ...verdict, stepUp } : verdict,
      progress: failed,
    };
  }
  const scope = grantedScope(policy, request, taken);
  if (scope.size === 0)
    return { verdict: refused('policy_denied', policy, 'deny'), progress: POLICY_CHECKS.length };
  return { verdict: allowed(policy, request, scope), progress: POLICY_CHECKS.length + 1 };
}

function allowed(policy: Policy, request: ExchangeRequest, scope: Scope): Allowed {
  const { uses, fanOut } = policy.limits;
  const mapped =
    policy.scopeMapping !== undefined && !isScopeWithin(scope, request.subjectToken.scope);
  return {
    outcome: 'allowed',
    mode: modeOf(policy, request),
    audience: request.targets.map(({ identifier }) => identifier),
    scope,
    expiresAt: expiryOf(policy, request),
    basis: basisOf(policy, presenterOf(policy, request) ?? 'presenter'),
    ...(mapped ? { reauthorized: policy.scopeMapping } : {}),
    ...(uses === undefined && fanOut === undefined ? {} : { quota: { uses, fanOut } }),
  };
}

/** What was asked for, or else everything that may be given and no policy takes away. */
function grantedScope(policy: Policy, request: ExchangeRequest, taken: ReadonlySet<string>): Scope {
  const { requestedScope } = request;
  if (requestedScope !== undefined) return requestedScope;
  return new Set([...ceilingOf(policy, request)].filter((value) => !taken.has(value)));
}

function modeOf(policy: Policy, request: ExchangeRequest): ActingMode {
  if (isSelf(request)) return 'self';
  return isDelegation(policy, request) ? 'delegation' : 'impersonation';
}

function expiryOf({ limits }: Policy, request: ExchangeRequest): number {
  const { now, requester, subjectToken, actorToken, chainLifetime, chainStart = now } = request;
  const ends = [
    now + requester.tokenLifetime,
    now + chainLifetime,
    subjectToken.expiresAt,
    now + (limits.lifetime ?? Infinity),
    chainStart + (limits.chainLifetime ?? Infinity),
    ...(actorToken ? [actorToken.expiresAt] : []),
  ];
  return Math.min(...ends);
}

/** The grant that gives most, or else the refusal that came furthest; ids decide between equals. */
function best(judgements: readonly Judgement[]): Verdict {
  let chosen: Judgement | undefined;
  for (const judgement of judgements)
    if (chosen === undefined || isBetter(judgement, chosen)) chosen = judgement;
  return (
    chosen?.verdict ?? {
      outcome: 'refused',
      reason: 'policy_missing',
      basis: { policy: 'none', version: '0', rule: 'default-deny' },
    }
  );
}

/** They come in ascending order of their ids, so that only who is really better takes over. */
function isBetter(one: Judgement, other: Judgement): boolean {
  if (one.progress !== other.progress) return one.progress > other.progress;
  const [a, b] = [one.verdict, other.verdict];
  if (a.outcome !== 'allowed' || b.outcome !== 'allowed') return false;
  return a.scope.size === b.scope.size ? a.expiresAt > b.expiresAt : a.scope.size > b.scope.size;
}

/** Whether a policy forbids the request as a whole: one that names scope values forbids these alone. */
function isDenying(policy: Policy, request: ExchangeRequest): boolean {
  return policy.effect === 'deny' && policy.scopes === undefined && isMeant(policy, request);
}

/** The policies that forbid scope values of the request. */
function forbiddenScope(policies: readonly Policy[], request: ExchangeRequest): readonly Policy[] {
  return policies.filter(
    (policy) => policy.effect === 'deny' && policy.scopes !== undefined && isMeant(policy, request),
  );
}

/** Whether a policy that denies is about this request: every condition that it names holds. */
function isMeant(policy: Policy, request: ExchangeRequest): boolean {
  const isAboutTarget =
    policy.targets === undefined ||
    request.targets.some(({ identifier }) => policy.targets?.includes(identifier) === true);
  return isAboutTarget && DENYING.every((holds) => holds(policy, request));
}

const DENYING = POLICY_CHECKS.filter(({ rule }) =>
  ['subject', 'actor-place', 'validity'].includes(rule),
).map(({ holds }) => holds);

function refused(reason: RefusalReason, policy: Policy, rule: string): Refused {
  return { outcome: 'refused', reason, basis: basisOf(policy, rule) };
}

function basisOf(policy: Policy, rule: string): Basis {
  return { ...nameOf(policy), rule };
}

function nameOf({ policyId, version }: Policy): Pick<Basis, 'policy' | 'version'> {
  return { policy: policyId, version: String(version) };
}

function byId(one: Policy, other: Policy): number {
  if (one.policyId !== other.policyId) return one.policyId < other.policyId ? -1 : 1;
  return 0;
}
