import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { ClientSettingsPolicy } from '../../src/delegation/client-settings-policy.js';
import { Decision } from '../../src/delegation/decision.js';
import { DelegationPolicy } from '../../src/delegation/delegation-policy.js';
import {
  MAX_DEPTH,
  type ExchangeRequest,
  type PresentedToken,
} from '../../src/delegation/exchange-request.js';
import { isSameParty } from '../../src/delegation/party.js';
import { POLICY_CHECKS } from '../../src/delegation/policy-checks.js';
import { isPolicyId, policyProblems } from '../../src/delegation/policy-rules.js';
import { PolicySet } from '../../src/delegation/policy-set.js';
import { newPolicy, type Policy } from '../../src/delegation/policy.js';
import type { Allowed, Refused, Verdict } from '../../src/delegation/verdict.js';
import { OAuthError } from '../../src/oauth/oauth-error.js';
import { isScopeWithin } from '../../src/oauth/scope.js';
import {
  allowPolicies,
  denyPolicies,
  exchangeRequest,
  NOW,
  OURS,
  policySets,
  requests,
  THEIRS,
  type Changes,
} from '../support/exchange-requests.js';
import { FormerClientSettings } from '../support/former-client-settings.js';

const RUNS = { numRuns: 2_000 };
const TOKEN_ID = {
  recordId: '0199aaaa-0000-7000-8000-000000000001',
  chainId: '0199aaaa-0000-7000-8000-000000000002',
};

/** `a` may act for everybody at `x`: what each example below changes. */
function allow(policy: Partial<Policy> = {}): Policy {
  return newPolicy({
    policyId: 'allow',
    version: 7,
    actor: { clients: ['a'] },
    targets: ['x'],
    ...policy,
  });
}

function deny(policy: Partial<Policy> = {}): Policy {
  return newPolicy({ policyId: 'deny', version: 4, effect: 'deny', ...policy });
}

function evaluate(policies: readonly Policy[], request: ExchangeRequest): Verdict {
  return new PolicySet(policies).evaluate(request);
}

/** The verdict on the simplest exchange, with what is changed. */
function verdictOn(policy: Policy | readonly Policy[], changes: Changes = {}): Verdict {
  return evaluate(Array.isArray(policy) ? policy : [policy as Policy], exchangeRequest(changes));
}

function expectAllowed(verdict: Verdict, what: Partial<Allowed> = {}): void {
  expect(verdict).toMatchObject({ outcome: 'allowed', ...what });
}

function expectRefused(verdict: Verdict, what: Partial<Refused>): void {
  expect(verdict).toMatchObject({ outcome: 'refused', ...what });
}

/** A policy that says what it is asked to. */
class Fixed extends DelegationPolicy {
  constructor(private readonly verdict: Verdict) {
    super();
  }

  decide(): Verdict {
    return this.verdict;
  }
}

async function decided(verdict: Verdict, request: ExchangeRequest): Promise<Decision | OAuthError> {
  try {
    const options = { tokenId: TOKEN_ID, clientId: 'web' };
    return await Decision.ofExchange(new Fixed(verdict), request, options);
  } catch (error) {
    if (error instanceof OAuthError) return error;
    throw error;
  }
}

/** Counts what the random cases came to, so that none of a kind goes without being seen. */
class Seen {
  readonly #counts = new Map<string, number>();

  note(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  count(what: string): number {
    return this.#counts.get(what) ?? 0;
  }
}

describe('Without policies', () => {
  it('the verdict is what the settings of the client always said', () => {
    const former = new FormerClientSettings();
    const now = new ClientSettingsPolicy();
    const seen = new Seen();
    fc.assert(
      fc.property(requests, (request) => {
        const verdict = now.decide(request);
        const { basis, ...rest } = former.decide(request);
        const version = String(request.requester.version);
        const settings = String(request.subjectToken.terms?.version);
        if (verdict.basis.policy !== 'issuer-settings')
          expect(verdict).toEqual({ ...rest, basis: { ...basis, version } });
        else if (verdict.basis.rule === 'chain')
          expect(verdict).toEqual({
            outcome: 'refused',
            reason: 'token_chain_not_trusted',
            basis: { policy: 'issuer-settings', version: settings, rule: 'chain' },
          });
        else
          expect(verdict).toEqual({
            ...rest,
            basis: { policy: 'issuer-settings', version: settings, rule: 'scope' },
          });
        seen.note(`by ${verdict.basis.policy}, ${verdict.basis.rule}`);
        seen.note(verdict.outcome === 'allowed' ? verdict.mode : verdict.reason);
      }),
      { numRuns: 10_000 },
    );
    for (const what of [
      'delegation',
      'impersonation',
      'self',
      'subject_issuer_not_allowed',
      'presenter_not_allowed',
      'actor_not_allowed',
      'actor_is_subject',
      'delegation_loop',
      'chain_too_deep',
      'target_missing',
      'too_many_targets',
      'target_not_allowed',
      'scope_not_allowed',
      'scope_empty',
      'by issuer-settings, chain',
      'by issuer-settings, scope',
    ])
      expect({ what, count: seen.count(what) }).not.toMatchObject({ count: 0 });
  });

  it('a client whose version nobody knows is decided by version 1 of its settings', () => {
    const { requester, ...rest } = exchangeRequest();
    const { version: _version, ...nameless } = requester;
    expect(evaluate([], { ...rest, requester: nameless }).basis).toEqual({
      policy: 'client-settings',
      version: '1',
      rule: 'presenter-is-audience',
    });
  });
});

/** What a token may bring here, said another way. */
function broughtBy({ isOwn, scope, terms }: PresentedToken): Set<string> {
  if (isOwn) return new Set(scope);
  const most = scope === undefined ? terms?.impliedScopes : terms?.scopes;
  return new Set((most ?? []).filter((value) => scope?.has(value) ?? true));
}

/** What values of a scope mean at the targets, said another way. */
function meantBy(scope: Iterable<string>, mapping: Policy['scopeMapping'] = {}): Set<string> {
  const meant = new Set<string>();
  for (const value of scope)
    for (const each of value in mapping ? (mapping[value] ?? []) : [value]) meant.add(each);
  return meant;
}

/** Expects of what is issued that every party to it allows it. */
function expectOnlyAllowed(
  decision: Decision,
  request: ExchangeRequest,
  policies: readonly Policy[],
): void {
  const { requester, subjectToken, actorToken, targets } = request;
  const { basis, chain } = decision;
  const policy = policies.find(({ policyId }) => policyId === basis.policy);
  if (policy === undefined) expect(basis.policy).toBe('client-settings');
  else expect(policy).toMatchObject({ effect: 'allow', disabled: false });

  // No more scope than the subject token, the client, the targets, the policy and the request hold.
  const bounds = [
    meantBy(broughtBy(subjectToken), policy?.scopeMapping),
    requester.scope,
    ...targets.map((target) => target.offeredScope),
    ...(policy?.scopes === undefined ? [] : [new Set(policy.scopes)]),
    ...(request.requestedScope === undefined ? [] : [request.requestedScope]),
  ];
  expect(decision.scope.size).toBeGreaterThan(0);
  for (const bound of bounds) expect(isScopeWithin(decision.scope, bound)).toBe(true);
  if (decision.reauthorized === undefined)
    expect(isScopeWithin(decision.scope, broughtBy(subjectToken))).toBe(true);
  else expect(decision.reauthorized).toBe(policy?.scopeMapping);

  // No longer a life than anybody gives it.
  const { lifetime = Infinity, chainLifetime = Infinity } = policy?.limits ?? {};
  const start = Math.min(request.chainStart ?? NOW, NOW);
  for (const end of [
    subjectToken.expiresAt,
    actorToken?.expiresAt ?? Infinity,
    NOW + requester.tokenLifetime,
    NOW + request.chainLifetime,
    NOW + lifetime,
    start + chainLifetime,
  ])
    expect(decision.expiresAt).toBeLessThanOrEqual(end);
  expect(decision.expiresAt).toBeGreaterThan(NOW);

  // No other targets than were asked for, and these by the one that decided.
  expect(decision.audience).toEqual(targets.map(({ identifier }) => identifier));
  const permitted = policy?.targets ?? requester.targets;
  for (const each of decision.audience) expect(permitted).toContain(each);
  const most = policy?.limits ?? {
    depth: requester.exchange.maxDepth,
    targets: requester.exchange.maxTargets,
  };
  expect(decision.audience.length).toBeLessThanOrEqual(most.targets);

  // No shorter nor another chain, and one actor more at most.
  const isBelieved = subjectToken.isOwn || subjectToken.terms?.trustsChains === true;
  expect(isBelieved || subjectToken.chain.depth === 0).toBe(true);
  const added = chain.depth - subjectToken.chain.depth;
  expect(chain.subject).toEqual(subjectToken.chain.subject);
  expect(chain.actors.slice(added)).toEqual(subjectToken.chain.actors);
  expect([0, 1]).toContain(added);
  expect(chain.depth).toBeLessThanOrEqual(Math.min(most.depth, MAX_DEPTH));
  if (added === 1) expect(chain.currentActor).toMatchObject({ ...request.actor });
  else if (decision.mode === 'delegation')
    expect(chain.currentActor).toMatchObject({ ...request.actor });

  // The sign-in stays what it was.
  expect(decision.subjectClaims).toBe(subjectToken.claims);
}

describe('What is issued under policies', () => {
  it('is only what every one of subject token, client, targets and policy allows', async () => {
    const seen = new Seen();
    await fc.assert(
      fc.asyncProperty(policySets, requests, async (policies, request) => {
        const verdict = evaluate(policies, request);
        const decision = await decided(verdict, request);
        if (decision instanceof OAuthError) {
          // What a policy allows is never more than can be issued.
          expect(verdict).toMatchObject({ outcome: 'refused', reason: decision.reason });
          seen.note('refused');
          return;
        }
        expect(verdict.outcome).toBe('allowed');
        expectOnlyAllowed(decision, request, policies);
        seen.note(decision.basis.policy === 'client-settings' ? 'by settings' : 'by policy');
        if (decision.reauthorized !== undefined) seen.note('reauthorized');
        if (decision.quota !== undefined) seen.note('quota');
        seen.note(decision.mode);
      }),
      { numRuns: 6_000 },
    );
    for (const what of [
      'refused',
      'by settings',
      'by policy',
      'reauthorized',
      'quota',
      'delegation',
      'impersonation',
      'self',
    ])
      expect({ what, isSeen: seen.count(what) > 5 }).toEqual({ what, isSeen: true });
  });

  it('is granted by one policy alone as well, or by the settings where no policy takes their place', () => {
    fc.assert(
      fc.property(policySets, requests, (policies, request) => {
        const verdict = evaluate(policies, request);
        if (verdict.outcome !== 'allowed') return;
        const decider = policies.filter(({ policyId }) => policyId === verdict.basis.policy);
        const alone = evaluate(decider, request);
        expect(alone).toMatchObject({ outcome: 'allowed', mode: verdict.mode });
        if (alone.outcome !== 'allowed') return;
        expect(isScopeWithin(verdict.scope, alone.scope)).toBe(true);
        expect(verdict.expiresAt).toBe(alone.expiresAt);
        if (decider.length === 0) expect(isTakenOver(policies, request)).toBe(false);
      }),
      RUNS,
    );
  });
});

/** Whether a policy that allows names the acting client and one of the targets. */
function isTakenOver(
  policies: readonly Policy[],
  { requester, targets }: ExchangeRequest,
): boolean {
  return policies.some(({ effect, disabled, actor, targets: named }) => {
    const isNamed =
      (actor.clients === undefined || actor.clients.includes(requester.clientId)) &&
      (actor.groups === undefined || actor.groups.some((each) => requester.groups?.includes(each)));
    const isAbout = targets.some(({ identifier }) => named?.includes(identifier));
    return effect === 'allow' && !disabled && isNamed && isAbout;
  });
}

/** A policy with an empty list in place of one of its conditions. */
const EMPTY: readonly (readonly [string, (policy: Policy) => Policy])[] = [
  ['subject.issuers', (p) => ({ ...p, subject: { ...p.subject, issuers: [] } })],
  ['subject.clients', (p) => ({ ...p, subject: { ...p.subject, clients: [] } })],
  ['subject.subjects', (p) => ({ ...p, subject: { ...p.subject, subjects: [] } })],
  ['subject.groups', (p) => ({ ...p, subject: { ...p.subject, groups: [] } })],
  ['actor.clients', (p) => ({ ...p, actor: { ...p.actor, clients: [] } })],
  ['actor.groups', (p) => ({ ...p, actor: { ...p.actor, groups: [] } })],
  ['targets', (p) => ({ ...p, targets: [] })],
  ['scopes', (p) => ({ ...p, scopes: [] })],
];

/** The names that explain a verdict on a client that may present the tokens of these. */
function explainedBy(presentsTokensOf: readonly string[]): readonly string[] {
  const request = exchangeRequest({ exchange: { presentsTokensOf } });
  return new PolicySet([]).explain(request).considered.map(({ policy }) => policy);
}

describe('A set of policies', () => {
  it('gives the same verdict in whatever order the policies come', () => {
    const shuffled = policySets.chain((policies) =>
      fc.tuple(
        fc.constant(policies),
        fc.shuffledSubarray([...policies], { minLength: policies.length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, requests, ([policies, others], request) => {
        const one = new PolicySet(policies).explain(request);
        expect(new PolicySet(others).explain(request)).toEqual(one);
      }),
      RUNS,
    );
  });

  it('does not hear a disabled policy', () => {
    fc.assert(
      fc.property(policySets, policySets, requests, (policies, others, request) => {
        const disabled = others.map((policy) => ({ ...policy, disabled: true }));
        const one = new PolicySet(policies).explain(request);
        expect(new PolicySet([...disabled, ...policies]).explain(request)).toEqual(one);
      }),
      RUNS,
    );
  });

  it('never grants more for a policy that denies', () => {
    const seen = new Seen();
    fc.assert(
      fc.property(policySets, denyPolicies, requests, (policies, denial, request) => {
        const others = policies.filter(({ policyId }) => policyId !== denial.policyId);
        const before = evaluate(others, request);
        const after = evaluate([...others, denial], request);
        seen.note(`${before.outcome}, then ${after.outcome}`);
        if (after.outcome === 'refused') return;
        expectAllowed(before, { mode: after.mode, audience: after.audience, basis: after.basis });
        if (before.outcome !== 'allowed') return;
        expect(isScopeWithin(after.scope, before.scope)).toBe(true);
        expect(after.expiresAt).toBeLessThanOrEqual(before.expiresAt);
        if (after.scope.size < before.scope.size) seen.note('narrowed');
      }),
      { numRuns: 6_000 },
    );
    expect(seen.count('refused, then allowed')).toBe(0);
    expect(seen.count('allowed, then allowed')).toBeGreaterThan(100);
    expect(seen.count('allowed, then refused')).toBeGreaterThan(20);
    expect(seen.count('narrowed')).toBeGreaterThan(5);
  });

  it('without one that allows grants to nobody whom no other one nor the settings allow', () => {
    fc.assert(
      fc.property(policySets, allowPolicies, requests, (policies, gone, request) => {
        const others = policies.filter(({ policyId }) => policyId !== gone.policyId);
        const after = evaluate(others, request);
        if (after.outcome === 'refused') return;
        const { basis } = evaluate([...others, gone], request);
        if (after.basis.policy === 'client-settings') {
          expectAllowed(evaluate([], request));
          expect(isTakenOver(others, request)).toBe(false);
        } else {
          const left = others.filter(({ policyId }) => policyId === after.basis.policy);
          expectAllowed(evaluate(left, request));
          // The settings do not come back beside it, so nothing else is granted than before.
          expect([after.basis.policy, gone.policyId]).toContain(basis.policy);
        }
      }),
      RUNS,
    );
  });

  it.each(EMPTY)('gives and takes nothing by a policy whose %s is an empty list', (_, empty) => {
    fc.assert(
      fc.property(policySets, allowPolicies, denyPolicies, requests, (policies, a, d, request) => {
        const others = policies.filter(
          ({ policyId }) => ![a.policyId, d.policyId].includes(policyId),
        );
        expect(evaluate([empty(a)], request).basis).not.toMatchObject({
          policy: a.policyId,
          rule: expect.stringMatching(/^presenter-/),
        });
        expect(evaluate([...others, empty(d)], request)).toEqual(evaluate(others, request));
      }),
      { numRuns: 1_500 },
    );
  });

  it('explains exactly what it decides, and which policy did', () => {
    const seen = new Seen();
    fc.assert(
      fc.property(policySets, requests, (policies, request) => {
        const set = new PolicySet(policies);
        const { verdict, considered } = set.explain(request);
        expect(verdict).toEqual(set.evaluate(request));
        expect(considered.map(({ policy }) => policy)).toEqual(
          considered.map(({ policy }) => policy).toSorted(),
        );
        for (const { effect, applies, checks } of considered)
          if (effect !== 'deny') expect(applies).toBe(checks.every(({ passed }) => passed));
        if (verdict.basis.policy === 'none') {
          expect(considered.filter(({ effect }) => effect === 'allow')).toEqual([]);
          return;
        }
        const deciders = considered.filter(
          ({ policy, version }) =>
            policy === verdict.basis.policy && version === verdict.basis.version,
        );
        const limits = considered.filter(({ effect }) => effect === 'limit');
        expect(limits.map(({ policy }) => policy)).toEqual(
          request.subjectToken.isOwn ? [] : ['issuer-settings'],
        );
        if (verdict.outcome === 'allowed') {
          expect(limits.every(({ applies }) => applies)).toBe(true);
          expect(deciders).toContainEqual(
            expect.objectContaining({ effect: 'allow', applies: true }),
          );
          seen.note('allowed');
        } else if (verdict.reason === 'policy_denied') {
          expect(deciders).toEqual([expect.objectContaining({ effect: 'deny', applies: true })]);
          seen.note('denied');
        } else {
          // The refusal is the first check that failed, and nobody else would have granted it.
          const firsts = deciders.map(({ checks }) => checks.find(({ passed }) => !passed));
          expect(firsts).toContainEqual({
            rule: verdict.basis.rule,
            reason: verdict.reason,
            passed: false,
          });
          const isLimited = verdict.basis.policy === 'issuer-settings';
          const granting = considered.filter(
            ({ effect, applies }) => effect === 'allow' && applies,
          );
          if (!isLimited) expect(granting).toEqual([]);
          seen.note(isLimited ? 'limited' : 'refused');
        }
      }),
      RUNS,
    );
    for (const what of ['allowed', 'denied', 'refused'])
      expect(seen.count(what)).toBeGreaterThan(20);
    expect(seen.count('limited')).toBeGreaterThan(2);
  });

  it('explains by every policy that names the actor, once each, and by the settings where they count', () => {
    const policies = [
      allow(),
      allow({ policyId: 'both', targets: ['x', 'y'], limits: limits({ targets: 2 }) }),
      allow({ policyId: 'elsewhere', targets: ['z'] }),
      allow({ policyId: 'in-group', actor: { groups: ['g', 'h'] } }),
      allow({ policyId: 'off', disabled: true }),
      allow({ policyId: 'other', actor: { clients: ['b'] } }),
      deny({ targets: ['x', 'z'], scopes: ['pay'] }),
      deny({ policyId: 'deny-z', targets: ['z'] }),
      deny({ policyId: 'deny-other', actor: { clients: ['b'] } }),
    ];
    const explained = (targets: Changes['targets']) =>
      new PolicySet(policies)
        .explain(
          exchangeRequest({ requester: { groups: ['h', 'g'] }, ...(targets && { targets }) }),
        )
        .considered.map(({ policy, effect, applies, checks }) => [
          policy,
          effect,
          applies,
          checks.length,
        ]);
    const all = POLICY_CHECKS.length;
    expect(explained({ x: ['read'], y: ['read'] })).toEqual([
      ['allow', 'allow', false, all],
      ['both', 'allow', true, all],
      ['deny', 'deny', true, 0],
      ['deny-z', 'deny', false, 0],
      ['elsewhere', 'allow', false, all],
      ['in-group', 'allow', false, all],
    ]);
    expect(explained({ nowhere: ['read'] })).toContainEqual([
      'client-settings',
      'allow',
      false,
      all,
    ]);
  });

  it('explains by the settings as often as they say something', () => {
    expect(explainedBy([])).toEqual(['client-settings']);
    expect(explainedBy(['web'])).toEqual(['client-settings', 'client-settings']);
  });

  it('refuses what nobody speaks of', () => {
    const request = exchangeRequest({ requester: { groups: ['g'] } });
    const nobody = allow({ actor: { clients: ['a'], groups: ['h'] }, targets: ['x'] });
    // It names neither this client nor this group together, so the settings still decide.
    expectAllowed(evaluate([nobody], request), {
      basis: { policy: 'client-settings', version: '3', rule: 'presenter-is-audience' },
    });
    const verdict = evaluate([deny({ scopes: ['write'] })], {
      ...request,
      requester: { ...request.requester, targets: [] },
    });
    expectRefused(verdict, { reason: 'target_not_allowed' });
  });
});

describe('The settings of a client', () => {
  const generous = { requester: { targets: ['x', 'y'] }, targets: { x: ['read'] } };

  it('give way to a policy that names it and one of the targets, also where it says no', () => {
    const strict = allow({ purposeRequired: true });
    expectAllowed(verdictOn([], generous));
    expectRefused(verdictOn(strict, generous), {
      reason: 'purpose_missing',
      basis: { policy: 'allow', version: '7', rule: 'purpose' },
    });
    expectRefused(
      verdictOn(strict, {
        ...generous,
        exchange: { maxTargets: 2 },
        targets: { x: ['read'], y: ['read'] },
      }),
      { basis: { policy: 'allow', version: '7', rule: 'target' } },
    );
  });

  it('let it present the tokens of the clients that they name, and of no other one', () => {
    const elsewhere = { audience: ['b'] };
    const exchange = { presentsTokensOf: ['web'], subjectIssuers: [THEIRS] };
    expectAllowed(verdictOn([], { exchange, subjectToken: elsewhere }), {
      basis: { policy: 'client-settings', version: '3', rule: 'presenter-by-settings' },
    });
    for (const subjectToken of [
      { ...elsewhere, clientId: 'other' },
      { ...elsewhere, clientId: undefined },
      { ...elsewhere, clientIssuer: THEIRS },
      { ...elsewhere, issuer: THEIRS },
    ])
      expectRefused(verdictOn([], { exchange, subjectToken }), {
        reason: 'presenter_not_allowed',
        basis: { policy: 'client-settings', version: '3', rule: 'presenter' },
      });
  });

  it('stay where the policy names another client, group or target, is disabled, or only denies', () => {
    for (const policy of [
      allow({ actor: { clients: ['b'] }, purposeRequired: true }),
      allow({ actor: { groups: ['g'] }, purposeRequired: true }),
      allow({ actor: { clients: ['a'], groups: ['g'] }, purposeRequired: true }),
      allow({ targets: ['y'], purposeRequired: true }),
      allow({ disabled: true, purposeRequired: true }),
      deny({ targets: ['y'] }),
    ])
      expectAllowed(verdictOn(policy, generous), {
        basis: { policy: 'client-settings', version: '3', rule: 'presenter-is-audience' },
      });
  });
});

interface Example {
  readonly rule: string;
  readonly reason: string;
  /** What passes, as far as it is not the simplest. */
  readonly passes?: readonly [Partial<Policy>, Changes];
  readonly fails: readonly [Partial<Policy>, Changes];
}

const B_ACTED = { iss: OURS, sub: 'b', clientId: 'b' };
const A_ACTED = { iss: OURS, sub: 'a', clientId: 'a' };
const SELF = { subject: { iss: OURS, sub: 'a' } };

/** One example for each check, in the order of the checks. */
const EXAMPLES: readonly Example[] = [
  {
    rule: 'subject-issuer',
    reason: 'subject_issuer_not_allowed',
    passes: [{ subject: { issuers: [THEIRS] } }, { subjectToken: { issuer: THEIRS } }],
    fails: [{}, { subjectToken: { issuer: THEIRS } }],
  },
  {
    rule: 'subject',
    reason: 'subject_not_allowed',
    passes: [{ subject: { subjects: ['alice'] } }, {}],
    fails: [{ subject: { subjects: ['alice'] } }, { subject: { iss: OURS, sub: 'bob' } }],
  },
  {
    rule: 'presenter',
    reason: 'presenter_not_allowed',
    passes: [{ subject: { presentedByAnyone: true } }, { subjectToken: { audience: ['b'] } }],
    fails: [{ subject: { presentedByAnyone: false } }, { subjectToken: { audience: ['b'] } }],
  },
  {
    rule: 'may-act',
    reason: 'actor_not_allowed',
    passes: [{}, { mayAct: { sub: 'a' } }],
    fails: [{}, { mayAct: { sub: 'b' } }],
  },
  {
    rule: 'actor',
    reason: 'actor_is_subject',
    passes: [{}, SELF],
    fails: [{}, { ...SELF, actorRemaining: 60 }],
  },
  {
    rule: 'actor',
    reason: 'delegation_loop',
    passes: [{}, SELF],
    fails: [{ limits: limits({ loops: true }) }, { ...SELF, actors: [B_ACTED] }],
  },
  {
    rule: 'actor-token',
    reason: 'actor_token_not_allowed',
    passes: [{ acting: acting({ actorToken: 'required' }) }, { actorRemaining: 60 }],
    fails: [{ acting: acting({ actorToken: 'required' }) }, {}],
  },
  {
    rule: 'actor-place',
    reason: 'actor_place_not_allowed',
    passes: [{ actor: { clients: ['a'], after: ['b'] } }, { actors: [B_ACTED] }],
    fails: [{ actor: { clients: ['a'], after: ['b'] } }, {}],
  },
  {
    rule: 'chain',
    reason: 'delegation_loop',
    passes: [{ limits: limits({ loops: true }) }, { actors: [B_ACTED, A_ACTED] }],
    fails: [{}, { actors: [B_ACTED, A_ACTED] }],
  },
  {
    rule: 'chain',
    reason: 'chain_too_deep',
    passes: [{ limits: limits({ depth: 2 }) }, { actors: [B_ACTED] }],
    fails: [{ limits: limits({ depth: 1 }) }, { actors: [B_ACTED] }],
  },
  {
    rule: 'chain',
    reason: 'chain_too_old',
    passes: [{ limits: limits({ chainLifetime: 60 }) }, { rest: { chainStart: NOW - 59 } }],
    fails: [{ limits: limits({ chainLifetime: 60 }) }, { rest: { chainStart: NOW - 60 } }],
  },
  {
    rule: 'target',
    reason: 'target_missing',
    // No such policy can be stored: one that names a target does not speak where there is none.
    fails: [{ targets: undefined }, { targets: {} }],
  },
  {
    rule: 'target',
    reason: 'too_many_targets',
    passes: [
      { targets: ['x', 'y'], limits: limits({ targets: 2 }) },
      { targets: { x: ['read'], y: ['read'] } },
    ],
    fails: [{ targets: ['x', 'y'] }, { targets: { x: ['read'], y: ['read'] } }],
  },
  {
    rule: 'target',
    reason: 'target_not_allowed',
    passes: [{ targets: ['x', 'y'] }, { targets: { y: ['read'] } }],
    fails: [{ limits: limits({ targets: 2 }) }, { targets: { x: ['read'], y: ['read'] } }],
  },
  {
    rule: 'validity',
    reason: 'policy_not_in_force',
    passes: [{ validity: { from: NOW, until: NOW + 1 } }, {}],
    fails: [{ validity: { until: NOW } }, {}],
  },
  {
    rule: 'purpose',
    reason: 'purpose_missing',
    passes: [{ purposeRequired: true }, { rest: { purpose: 'parcel 7' } }],
    fails: [{ purposeRequired: true }, {}],
  },
  {
    rule: 'proof',
    reason: 'proof_missing',
    passes: [{ acting: acting({ proofRequired: true }) }, { rest: { isProven: true } }],
    fails: [{ acting: acting({ proofRequired: true }) }, { rest: { isProven: false } }],
  },
  {
    rule: 'step-up',
    reason: 'authentication_insufficient',
    passes: [{ stepUp: { acr: ['2'] } }, { subjectToken: { acr: '2' } }],
    fails: [{ stepUp: { acr: ['2'] } }, { subjectToken: { acr: '1' } }],
  },
  {
    rule: 'scope',
    reason: 'scope_not_allowed',
    passes: [{ scopes: ['read'] }, { requested: ['read'] }],
    fails: [{ scopes: ['read'] }, { requested: ['read', 'write'] }],
  },
  {
    rule: 'scope',
    reason: 'scope_empty',
    passes: [{ scopes: ['read'] }, {}],
    fails: [{ scopes: ['admin'] }, {}],
  },
];

function limits(changes: Partial<Policy['limits']>): Policy['limits'] {
  return { depth: 5, targets: 1, loops: false, ...changes };
}

function acting(changes: Partial<Policy['acting']>): Policy['acting'] {
  return { mode: 'delegation', actorToken: 'optional', proofRequired: false, ...changes };
}

/** For `a` at this place of the chain alone. */
function at(
  place: number,
  actor: Policy['actor'] = {},
  mode: Policy['acting']['mode'] = 'delegation',
): Policy {
  return allow({
    actor: { clients: ['a'], position: { from: place, to: place }, ...actor },
    acting: acting({ mode }),
  });
}

/** For `a` right after one of these alone. */
function after(clients: readonly string[]): Policy {
  return allow({ actor: { clients: ['a'], after: clients } });
}

function provenBy(actorToken: Policy['acting']['actorToken']): Policy {
  return allow({ acting: acting({ actorToken }) });
}

/** A chain of this many actors of another issuer. */
function strangers(count: number): Changes {
  return {
    actors: Array.from({ length: count }, (_, index) => ({ iss: THEIRS, sub: `w${index}` })),
  };
}

describe('Each thing that a policy asks', () => {
  it('has an example here', () => {
    expect(EXAMPLES.map(({ rule, reason }) => `${rule}: ${reason}`)).toEqual(
      POLICY_CHECKS.map(({ rule, reason }) => `${rule}: ${reason}`),
    );
  });

  it.each(EXAMPLES)('$rule is granted, or refused as $reason', ({ rule, reason, ...example }) => {
    const [policy, changes] = example.passes ?? [{}, {}];
    expectAllowed(verdictOn(allow(policy), changes), {
      basis: { policy: 'allow', version: '7', rule: expect.any(String) as unknown as string },
    });
    const [strict, other] = example.fails;
    const set = new PolicySet([allow(strict)]);
    const { verdict, considered } = set.explain(exchangeRequest(other));
    expectRefused(verdict, {
      reason: reason as Refused['reason'],
      basis: { policy: 'allow', version: '7', rule },
    });
    // Everything before it held, so it is this check alone that refused.
    const checks = considered.find(({ policy: id }) => id === 'allow')?.checks ?? [];
    const first = checks.findIndex(({ passed }) => !passed);
    expect(checks[first]).toEqual({ rule, reason, passed: false });
    expect(first).toBe(EXAMPLES.findIndex((each) => each.rule === rule && each.reason === reason));
  });
});

describe('A policy about subjects', () => {
  const foreign = { iss: THEIRS, sub: 'alice' };

  it('means the people of its issuers alone, not those of another who have the same name', () => {
    const policy = allow({ subject: { subjects: ['alice'] } });
    expectAllowed(verdictOn(policy));
    expectRefused(verdictOn(policy, { subject: foreign }), { reason: 'subject_not_allowed' });
    expectRefused(verdictOn(policy, { subject: foreign, subjectToken: { issuer: THEIRS } }), {
      reason: 'subject_issuer_not_allowed',
    });
    const theirs = allow({ subject: { subjects: ['alice'], issuers: [THEIRS] } });
    expectAllowed(verdictOn(theirs, { subject: foreign, subjectToken: { issuer: THEIRS } }));
    expectRefused(verdictOn(theirs, { subjectToken: { issuer: THEIRS } }), {
      reason: 'subject_not_allowed',
    });
    expectRefused(verdictOn(theirs), { reason: 'subject_issuer_not_allowed' });
    const both = allow({ subject: { subjects: ['alice'], issuers: [OURS, THEIRS] } });
    expectAllowed(verdictOn(both, { subject: foreign }));
  });

  it('means the applications of its issuers alone', () => {
    const policy = allow({ subject: { clients: ['web'] } });
    expectAllowed(verdictOn(policy));
    for (const subjectToken of [
      { clientId: 'other' },
      { clientId: undefined },
      { clientIssuer: THEIRS },
    ])
      expectRefused(verdictOn(policy, { subjectToken }), { reason: 'subject_not_allowed' });
    const both = allow({ subject: { clients: ['web'], issuers: [OURS, THEIRS] } });
    expectAllowed(verdictOn(both, { subjectToken: { clientIssuer: THEIRS } }));
  });

  it('means whoever is in one of its groups', () => {
    const policy = allow({ subject: { groups: ['staff', 'board'] } });
    expectAllowed(verdictOn(policy, { rest: { subjectGroups: ['guests', 'board'] } }));
    for (const subjectGroups of [undefined, [], ['guests'], ['Staff']])
      expectRefused(verdictOn(policy, { rest: { subjectGroups } }), {
        reason: 'subject_not_allowed',
      });
  });

  it('asks for every condition that it names', () => {
    const subject = { subjects: ['alice'], clients: ['web'], groups: ['staff'] };
    const good = { rest: { subjectGroups: ['staff'] } };
    expectAllowed(verdictOn(allow({ subject }), good));
    for (const changes of [
      {},
      { ...good, subject: { iss: OURS, sub: 'bob' } },
      { ...good, subjectToken: { clientId: 'other' } },
    ])
      expectRefused(verdictOn(allow({ subject }), changes), { reason: 'subject_not_allowed' });
  });

  it('tells why the actor may present the token', () => {
    const anyone = allow({ subject: { presentedByAnyone: true } });
    const elsewhere = { audience: ['b'] };
    for (const [changes, rule] of [
      [{}, 'presenter-is-audience'],
      [{ requester: { identifiers: ['a', 'https://a.example'] } }, 'presenter-is-audience'],
      [{ subjectToken: elsewhere, mayAct: { sub: 'a' } }, 'presenter-is-named-by-may-act'],
      [{ subjectToken: { ...elsewhere, clientId: 'a' } }, 'presenter-is-client'],
      [{ subjectToken: elsewhere }, 'presenter-by-settings'],
      [
        { subjectToken: { ...elsewhere, clientId: 'a', clientIssuer: THEIRS } },
        'presenter-by-settings',
      ],
    ] as const)
      expectAllowed(verdictOn(anyone, changes), {
        basis: { policy: 'allow', version: '7', rule },
      });
  });
});

describe('A policy about actors', () => {
  it('means a client that is named and in one of the groups, where it names both', () => {
    const both = allow({ actor: { clients: ['a', 'b'], groups: ['g', 'h'] } });
    const inGroup = { requester: { groups: ['other', 'h'], targets: [] } };
    expectAllowed(verdictOn(both, inGroup));
    for (const requester of [
      { groups: [], targets: [] },
      { groups: ['other'], targets: [] },
      { targets: [] },
      { clientId: 'c', groups: ['g'], targets: [] },
    ])
      expectRefused(verdictOn(both, { requester }), {
        reason: 'target_not_allowed',
        basis: { policy: 'client-settings', version: '3', rule: 'target' },
      });
    const group = allow({ actor: { groups: ['g'] } });
    expectAllowed(verdictOn(group, { requester: { clientId: 'c', groups: ['g'], targets: [] } }));
  });

  it('means the place that the actor would have in the chain', () => {
    const actors = [B_ACTED, { iss: THEIRS, sub: 'w' }];
    for (const [position, isAllowed] of [
      [{ from: 3, to: 3 }, true],
      [{ from: 3 }, true],
      [{ to: 3 }, true],
      [{}, true],
      [{ from: 4 }, false],
      [{ to: 2 }, false],
    ] as const) {
      const policy = allow({ actor: { clients: ['a'], position } });
      const verdict = verdictOn(policy, { actors });
      expect({ position, outcome: verdict.outcome }).toEqual({
        position,
        outcome: isAllowed ? 'allowed' : 'refused',
      });
    }
  });

  it('leaves the current actor where it is, behind the one before it', () => {
    const changes = { actors: [A_ACTED, B_ACTED] };
    expectAllowed(verdictOn(at(2, { after: ['b'] }), changes));
    expectRefused(verdictOn(at(2, { after: ['a'] }), changes), {
      reason: 'actor_place_not_allowed',
    });
    expectRefused(verdictOn(at(3, { after: ['b'] }), changes), {
      reason: 'actor_place_not_allowed',
    });
    expectAllowed(verdictOn(at(1, { after: [] }), { actors: [A_ACTED] }));
  });

  it('gives an impersonator the place of the last actor, and the subject itself none', () => {
    expectAllowed(verdictOn(at(1, {}, 'impersonation'), { actors: [B_ACTED] }));
    expectRefused(verdictOn(at(2, {}, 'impersonation'), { actors: [B_ACTED] }), {
      reason: 'actor_place_not_allowed',
    });
    expectRefused(verdictOn(at(1), SELF), { reason: 'actor_place_not_allowed' });
  });

  it('knows who acted before by the client, not by what another issuer calls somebody', () => {
    expectAllowed(verdictOn(after(['b']), { actors: [{ iss: OURS, sub: 'b' }] }));
    expectAllowed(
      verdictOn(after(['b']), { actors: [{ iss: THEIRS, sub: 'svc', clientId: 'b' }] }),
    );
    for (const actors of [
      [],
      [{ iss: THEIRS, sub: 'b' }],
      [{ iss: OURS, sub: 'c' }],
      [{ iss: OURS, sub: 'c' }, B_ACTED],
      [{ iss: OURS, sub: 'b', clientId: 'c' }],
    ])
      expectRefused(verdictOn(after(['b']), { actors }), { reason: 'actor_place_not_allowed' });
    expectAllowed(verdictOn(after([]), {}));
    for (const actors of [[B_ACTED], [{ iss: THEIRS, sub: 'w' }]])
      expectRefused(verdictOn(after([]), { actors }), { reason: 'actor_place_not_allowed' });
  });

  it('needs an actor token, takes one or takes none, as it says, but none of the subject itself', () => {
    for (const [actorToken, actorRemaining, isAllowed] of [
      ['required', 60, true],
      ['required', undefined, false],
      ['optional', 60, true],
      ['optional', undefined, true],
      ['forbidden', 60, false],
      ['forbidden', undefined, true],
    ] as const)
      expect({
        actorToken,
        actorRemaining,
        outcome: verdictOn(provenBy(actorToken), { actorRemaining }).outcome,
      }).toEqual({ actorToken, actorRemaining, outcome: isAllowed ? 'allowed' : 'refused' });
    expectAllowed(verdictOn(provenBy('required'), SELF), { mode: 'self' });
  });
});

describe('Impersonation', () => {
  it('is only by an explicit policy, and leaves no link', async () => {
    const mode = 'impersonation';
    const request = exchangeRequest({ actors: [B_ACTED] });
    const policy = allow({ acting: acting({ mode }), limits: limits({ depth: 1 }) });
    const verdict = evaluate([policy], request);
    expectAllowed(verdict, { mode });
    expect(await decided(verdict, request)).toMatchObject({ mode, chain: { depth: 1 } });
    expectAllowed(verdictOn(allow()), { mode: 'delegation' });
    expectAllowed(verdictOn([]), { mode: 'delegation' });
  });

  it('is never with an actor token, nor where the policy or the settings that decided do not say so', () => {
    fc.assert(
      fc.property(policySets, requests, (policies, request) => {
        const verdict = evaluate(policies, request);
        if (verdict.outcome !== 'allowed') return;
        const policy = policies.find(({ policyId }) => policyId === verdict.basis.policy);
        const mode = policy?.acting.mode ?? request.requester.exchange.mode;
        const isSelf = isSameParty(request.actor, request.subjectToken.chain.subject);
        const expected = request.actorToken === undefined ? mode : 'delegation';
        expect(verdict.mode).toBe(isSelf ? 'self' : expected);
      }),
      RUNS,
    );
  });

  it('is delegation when the actor proves itself with a token', () => {
    const policy = allow({ acting: acting({ mode: 'impersonation' }) });
    expectAllowed(verdictOn(policy, { actorRemaining: 60 }), {
      mode: 'delegation',
      expiresAt: NOW + 60,
    });
  });
});

describe('A step-up', () => {
  it('is by the sign-in’s acr, its age at most and to the second, or both', () => {
    for (const [stepUp, subjectToken, isAllowed] of [
      [{ acr: ['2', '3'] }, { acr: '3' }, true],
      [{ acr: ['2', '3'] }, { acr: '1' }, false],
      [{ acr: ['2', '3'] }, {}, false],
      [{ acr: [] }, { acr: '2' }, false],
      [{ maxAge: 60 }, { authTime: NOW - 60 }, true],
      [{ maxAge: 60 }, { authTime: NOW - 61 }, false],
      [{ maxAge: 60 }, {}, false],
      [{ maxAge: 0 }, { authTime: NOW }, true],
      [{ maxAge: 0 }, { authTime: NOW - 1 }, false],
      [{ acr: ['2'], maxAge: 60 }, { acr: '2', authTime: NOW - 60 }, true],
      [{ acr: ['2'], maxAge: 60 }, { acr: '2', authTime: NOW - 61 }, false],
      [{ acr: ['2'], maxAge: 60 }, { acr: '1', authTime: NOW }, false],
      [{}, {}, true],
    ] as const) {
      const verdict = verdictOn(allow({ stepUp }), { subjectToken });
      expect({ stepUp, subjectToken, outcome: verdict.outcome }).toEqual({
        stepUp,
        subjectToken,
        outcome: isAllowed ? 'allowed' : 'refused',
      });
      if (!isAllowed)
        expectRefused(verdict, { reason: 'authentication_insufficient', stepUp: { ...stepUp } });
    }
  });

  it('is asked for from a number of actors on', () => {
    const policy = allow({ stepUp: { acr: ['2'], fromDepth: 2 } });
    expectAllowed(verdictOn(policy));
    expectAllowed(verdictOn(policy, { actors: [A_ACTED] }));
    expectRefused(verdictOn(policy, { actors: [B_ACTED] }), {
      reason: 'authentication_insufficient',
    });
    const impersonating = { ...policy, acting: acting({ mode: 'impersonation' }) };
    expectAllowed(verdictOn(impersonating, { actors: [B_ACTED] }));
  });

  it('is told only where it was what refused', () => {
    const policy = allow({ stepUp: { acr: ['2'] }, purposeRequired: true });
    expect(verdictOn(policy)).toEqual({
      outcome: 'refused',
      reason: 'purpose_missing',
      basis: { policy: 'allow', version: '7', rule: 'purpose' },
    });
  });
});

describe('Time', () => {
  it('puts a policy in force from its first second until before its last', () => {
    const policy = allow({ validity: { from: NOW, until: NOW + 10 } });
    for (const [now, isAllowed] of [
      [NOW - 1, false],
      [NOW, true],
      [NOW + 9, true],
      [NOW + 10, false],
      [NOW + 11, false],
    ] as const)
      expect({ now, outcome: verdictOn(policy, { rest: { now } }).outcome }).toEqual({
        now,
        outcome: isAllowed ? 'allowed' : 'refused',
      });
    for (const validity of [{ from: NOW }, { until: NOW + 1 }, {}])
      expectAllowed(verdictOn(allow({ validity })));
    for (const validity of [{ from: NOW + 1 }, { until: NOW }])
      expectRefused(verdictOn(allow({ validity })), { reason: 'policy_not_in_force' });
  });

  it('keeps a denial to its validity', () => {
    for (const [validity, isDenied] of [
      [{ from: NOW }, true],
      [{ from: NOW + 1 }, false],
      [{ until: NOW + 1 }, true],
      [{ until: NOW }, false],
    ] as const)
      expect(verdictOn([allow(), deny({ validity })]).outcome).toBe(
        isDenied ? 'refused' : 'allowed',
      );
  });

  it('is the shortest of what anybody gives', () => {
    for (const [policy, changes, seconds] of [
      [{}, {}, 600],
      [{ limits: limits({ lifetime: 599 }) }, {}, 599],
      [{ limits: limits({ lifetime: 601 }) }, {}, 600],
      [{}, { subjectToken: { expiresAt: NOW + 59 } }, 59],
      [{}, { actorRemaining: 58 }, 58],
      [{}, { rest: { chainLifetime: 57 } }, 57],
      [{}, { requester: { tokenLifetime: 56 } }, 56],
      [{ limits: limits({ chainLifetime: 55 }) }, {}, 55],
      [{ limits: limits({ chainLifetime: 55 }) }, { rest: { chainStart: NOW - 54 } }, 1],
      [{ limits: limits({ chainLifetime: 55 }) }, { rest: { chainStart: NOW + 30 } }, 55],
    ] as const)
      expectAllowed(verdictOn(allow(policy), changes), { expiresAt: NOW + seconds });
  });
});

describe('A loop', () => {
  it('is the same client again, whatever name another issuer gave it, or the same party', () => {
    for (const link of [
      A_ACTED,
      { iss: OURS, sub: 'a' },
      { iss: THEIRS, sub: 'svc', clientId: 'a' },
    ]) {
      const actors = [B_ACTED, link];
      expectRefused(verdictOn(allow(), { actors }), { reason: 'delegation_loop' });
      expectAllowed(verdictOn(allow({ limits: limits({ loops: true }) }), { actors }));
      const impersonating = allow({ acting: acting({ mode: 'impersonation' }) });
      expectAllowed(verdictOn(impersonating, { actors }), { mode: 'impersonation' });
    }
    expectAllowed(verdictOn(allow(), { actors: [B_ACTED, { iss: THEIRS, sub: 'a' }] }));
  });

  it('is none when the current actor goes on, which adds no link', async () => {
    const request = exchangeRequest({ actors: [A_ACTED, B_ACTED] });
    const verdict = evaluate([allow({ limits: limits({ depth: 2 }) })], request);
    expectAllowed(verdict, { mode: 'delegation' });
    expect(await decided(verdict, request)).toMatchObject({ chain: { depth: 2 } });
  });

  it('is none where the subject itself narrows its token, which a chain behind it forbids', () => {
    expectAllowed(verdictOn(allow(), SELF), { mode: 'self' });
    expectRefused(
      verdictOn(allow({ limits: limits({ loops: true }) }), { ...SELF, actors: [B_ACTED] }),
      { reason: 'delegation_loop', basis: { policy: 'allow', version: '7', rule: 'actor' } },
    );
  });

  it('never makes a chain deeper than sixteen', () => {
    const policy = allow({ limits: limits({ depth: 1_000 }) });
    expectAllowed(verdictOn(policy, strangers(MAX_DEPTH - 1)));
    expectRefused(verdictOn(policy, strangers(MAX_DEPTH)), { reason: 'chain_too_deep' });
  });
});

describe('The scope', () => {
  const offered = { targets: { x: ['read', 'write', 'parcels', 'labels'] } };
  const wide: Changes = {
    ...offered,
    requester: { scope: new Set(['read', 'write', 'parcels', 'labels']) },
  };
  const mapped = allow({ scopeMapping: { read: ['parcels', 'labels'], gone: ['read'] } });

  it('is translated where the targets have words of their own, and the verdict says so', async () => {
    const verdict = verdictOn(mapped, wide);
    expectAllowed(verdict, {
      scope: new Set(['parcels', 'labels', 'write']),
      reauthorized: mapped.scopeMapping,
    });
    expect(await decided(verdict, exchangeRequest(wide))).toMatchObject({
      reauthorized: mapped.scopeMapping,
    });
  });

  it('is not said to be translated where the subject token holds it anyway', () => {
    const verdict = verdictOn(mapped, { ...wide, requested: ['write'] });
    expectAllowed(verdict, { scope: new Set(['write']) });
    expect(verdict).not.toHaveProperty('reauthorized');
    const narrowed = verdictOn([mapped, deny({ scopes: ['parcels', 'labels'] })], wide);
    expectAllowed(narrowed, { scope: new Set(['write']) });
    expect(narrowed).not.toHaveProperty('reauthorized');
  });

  it('of a translation is no more than the client and every target hold', () => {
    expectAllowed(verdictOn(mapped, { ...offered, requester: { scope: new Set(['labels']) } }), {
      scope: new Set(['labels']),
    });
    expectAllowed(verdictOn(mapped, { ...wide, targets: { x: ['parcels', 'pay'] } }), {
      scope: new Set(['parcels']),
    });
    for (const value of ['read', 'gone'])
      expectRefused(verdictOn(mapped, { ...wide, requested: [value] }), {
        reason: 'scope_not_allowed',
      });
    expectAllowed(verdictOn(mapped, { ...wide, requested: ['labels'] }));
  });

  it('is translated once, never again what came of it, and not by names that every object has', () => {
    const chained = allow({ scopeMapping: { read: ['write'], write: ['parcels'] } });
    expectAllowed(verdictOn(chained, { ...wide, subjectToken: { scope: new Set(['read']) } }), {
      scope: new Set(['write']),
    });
    const inherited = 'constructor';
    expectAllowed(
      verdictOn(mapped, {
        requester: { scope: new Set([inherited]) },
        subjectToken: { scope: new Set([inherited]) },
        targets: { x: [inherited] },
      }),
      { scope: new Set([inherited]) },
    );
  });

  it('is held at every target, when there are several', () => {
    const policy = allow({ targets: ['x', 'y'], limits: limits({ targets: 2 }) });
    const targets = { x: ['read', 'write'], y: ['read', 'admin'] };
    expectAllowed(verdictOn(policy, { targets }), {
      scope: new Set(['read']),
      audience: ['x', 'y'],
    });
    expectRefused(verdictOn(policy, { targets, requested: ['write'] }), {
      reason: 'scope_not_allowed',
    });
  });

  it('is refused when nothing is asked for by name', () => {
    expectRefused(verdictOn(allow(), { requested: [] }), { reason: 'scope_empty' });
  });
});

describe('A policy that denies', () => {
  it('wins over whatever allows, and is named', () => {
    for (const changes of [
      {},
      { targets: ['x'] },
      { actor: { clients: ['a'] } },
      { actor: { groups: ['g'] } },
      { subject: { subjects: ['alice'] } },
      { subject: { clients: ['web'], issuers: [OURS] } },
      { subject: { groups: ['staff'] } },
      { actor: { position: { from: 1 } } },
      { actor: { after: [] } },
    ]) {
      const request = { requester: { groups: ['g'] }, rest: { subjectGroups: ['staff'] } };
      expectRefused(verdictOn([allow(), deny(changes)], request), {
        reason: 'policy_denied',
        basis: { policy: 'deny', version: '4', rule: 'deny' },
      });
      expectRefused(verdictOn([deny(changes)], request), { reason: 'policy_denied' });
    }
  });

  it('takes nothing from others: every condition that it names must hold', () => {
    for (const changes of [
      { targets: ['y'] },
      { actor: { clients: ['b'] } },
      { actor: { groups: ['g'] } },
      { actor: { clients: ['a'], groups: ['g'] } },
      { actor: { after: ['b'] } },
      { actor: { position: { from: 2 } } },
      { subject: { subjects: ['bob'] } },
      { subject: { clients: ['other'] } },
      { subject: { groups: ['staff'] } },
      { subject: { issuers: [THEIRS] } },
      { subject: { issuers: [THEIRS], subjects: ['alice'] } },
      { scopes: [] },
    ])
      expectAllowed(verdictOn([allow(), deny(changes)]), { scope: new Set(['read', 'write']) });
  });

  it('is about a subject whoever issued the token that names it', () => {
    const foreign = { iss: THEIRS, sub: 'alice' };
    const everywhere = allow({ subject: { issuers: [OURS, THEIRS] } });
    for (const subject of [
      { subjects: ['alice'] },
      { subjects: ['alice'], issuers: [THEIRS] },
      { issuers: [THEIRS] },
      {},
    ])
      for (const subjectToken of [{}, { issuer: THEIRS }])
        expectRefused(
          verdictOn([everywhere, deny({ subject })], { subject: foreign, subjectToken }),
          { reason: 'policy_denied' },
        );
    const clients = deny({ subject: { clients: ['web'] } });
    expectRefused(verdictOn([everywhere, clients], { subjectToken: { clientIssuer: THEIRS } }), {
      reason: 'policy_denied',
    });
  });

  it('is about one of several targets as well', () => {
    const policy = allow({ targets: ['x', 'y'], limits: limits({ targets: 2 }) });
    const targets = { x: ['read'], y: ['read'] };
    expectRefused(verdictOn([policy, deny({ targets: ['y'] })], { targets }), {
      reason: 'policy_denied',
    });
  });

  it('of scope values takes these from what is granted, and refuses who asks for one', () => {
    const denial = deny({ scopes: ['write', 'admin'] });
    expectAllowed(verdictOn([allow(), denial]), {
      scope: new Set(['read']),
      basis: { policy: 'allow', version: '7', rule: 'presenter-is-audience' },
    });
    expectAllowed(verdictOn([allow(), denial], { requested: ['read'] }));
    for (const requested of [['write'], ['read', 'write'], ['admin']])
      expectRefused(verdictOn([allow(), denial], { requested }), {
        reason: 'policy_denied',
        basis: { policy: 'deny', version: '4', rule: 'deny' },
      });
    const beside = deny({ policyId: 'beside', scopes: ['admin'] });
    for (const denials of [[denial], [beside, denial]])
      expectRefused(verdictOn([allow({ scopes: ['write'] }), ...denials]), {
        reason: 'policy_denied',
        basis: { policy: 'deny', version: '4', rule: 'deny' },
      });
  });

  it('does not let another policy step in that grants something else', () => {
    const both = allow({ policyId: 'both', limits: limits({ lifetime: 30 }) });
    const longer = allow({ policyId: 'longer', scopes: ['read'] });
    expectAllowed(verdictOn([both, longer]), { expiresAt: NOW + 30 });
    expectAllowed(verdictOn([both, longer, deny({ scopes: ['write'] })]), {
      scope: new Set(['read']),
      expiresAt: NOW + 30,
    });
  });

  it('names the first of several, in the order of their ids', () => {
    const several = ['d2', 'd1', 'd3'].map((policyId) => deny({ policyId }));
    expectRefused(verdictOn([...several, allow()]), {
      basis: { policy: 'd1', version: '4', rule: 'deny' },
    });
  });
});

describe('Of several policies that allow', () => {
  it('the one decides that grants the most scope, then the longest life, then the first id', () => {
    const short = allow({ policyId: 'b-short', limits: limits({ lifetime: 60 }) });
    const narrow = allow({ policyId: 'a-narrow', scopes: ['read'] });
    const same = allow({ policyId: 'c-same', limits: limits({ lifetime: 60 }) });
    const long = allow({ policyId: 'd-long', limits: limits({ lifetime: 61 }) });
    for (const [policies, policy] of [
      [[short, narrow], 'b-short'],
      [[same, short], 'b-short'],
      [[short, same, long], 'd-long'],
      [[narrow], 'a-narrow'],
    ] as const)
      for (const each of [policies, policies.toReversed()])
        expect(verdictOn(each).basis.policy).toBe(policy);
  });

  it('that all refuse, the one tells why that came furthest', () => {
    const early = allow({ policyId: 'early', subject: { subjects: ['bob'] } });
    const late = allow({ policyId: 'late', purposeRequired: true });
    expectRefused(verdictOn([early, late]), {
      reason: 'purpose_missing',
      basis: { policy: 'late', version: '7', rule: 'purpose' },
    });
    // How much it would have granted is no reason.
    const first = allow({
      policyId: 'first',
      purposeRequired: true,
      scopes: ['read'],
      limits: limits({ lifetime: 30 }),
    });
    for (const each of [
      [late, first],
      [first, late],
    ])
      expectRefused(verdictOn(each), {
        basis: { policy: 'first', version: '7', rule: 'purpose' },
      });
  });
});

describe('A quota', () => {
  it('comes with the verdict of the policy that has it, and with no other', async () => {
    const limited = allow({ limits: limits({ uses: 3, fanOut: 2 }) });
    expectAllowed(verdictOn(limited), { quota: { uses: 3, fanOut: 2 } });
    expectAllowed(verdictOn(allow({ limits: limits({ uses: 3 }) })), { quota: { uses: 3 } });
    expectAllowed(verdictOn(allow({ limits: limits({ fanOut: 2 }) })), { quota: { fanOut: 2 } });
    expect(verdictOn(allow())).not.toHaveProperty('quota');
    const decision = await decided(verdictOn(limited), exchangeRequest());
    expect(decision).toMatchObject({ quota: { uses: 3, fanOut: 2 } });
  });
});

const GOOD: Policy = newPolicy({
  policyId: 'good-1.a_b',
  description: 'Gateways send parcels 🏠',
  subject: {
    issuers: [THEIRS],
    clients: ['web'],
    subjects: ['alice'],
    groups: ['Zürich'],
    presentedByAnyone: true,
  },
  actor: { clients: ['a'], groups: ['g'], after: ['b'], position: { from: 1, to: 16 } },
  targets: ['https://x.example/parcels', 'parcels'],
  scopes: ['read'],
  scopeMapping: { read: ['parcels.read'], write: [] },
  limits: {
    lifetime: 30,
    chainLifetime: 30,
    depth: 16,
    targets: 16,
    loops: true,
    uses: 1,
    fanOut: 1,
  },
  validity: { from: 1, until: 2 },
  stepUp: { acr: ['2'], maxAge: 0, fromDepth: 1 },
});

/** What a policy that denies does not say. */
const BARE = { acting: acting({}), stepUp: undefined } as const;

const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `n${index}`);

/** What is right and what is wrong of each field, as a rule says. */
const RULES: readonly (readonly [
  field: string,
  right: readonly Partial<Policy>[],
  wrong: readonly Partial<Policy>[],
])[] = [
  [
    'policyId',
    [{ policyId: '0' }, { policyId: 'a'.repeat(100) }],
    [
      '',
      'A',
      '-a',
      'a b',
      'a'.repeat(101),
      'client-settings',
      'issuer-settings',
      'none',
      'a\n',
    ].map((policyId) => ({
      policyId,
    })),
  ],
  [
    'description',
    [{ description: '' }, { description: 'd'.repeat(500) }],
    [
      { description: 'd'.repeat(501) },
      { description: 'two\nlines' },
      { description: '\u0000' },
      { description: '\ud800' },
    ],
  ],
  [
    'targets',
    [{ targets: ['urn:x:y'] }, { effect: 'deny', ...BARE, targets: undefined }],
    [
      { targets: undefined },
      { targets: [] },
      { targets: ['a b'] },
      { targets: ['https://x.example/#f'] },
      { targets: [''] },
      { targets: ['x', 'x'] },
      { targets: many(501) },
      { effect: 'deny', ...BARE, targets: ['a b'] },
    ],
  ],
  [
    'actor',
    [{ actor: { groups: ['g'] } }, { actor: { clients: [] } }, { effect: 'deny', ...BARE }],
    [{ actor: {} }, { actor: { after: ['b'] } }],
  ],
  [
    'scopes',
    [{ scopes: undefined }, { scopes: [] }],
    [{ scopes: ['a b'] }, { scopes: [''] }, { scopes: ['a', 'a'] }, { scopes: many(501) }],
  ],
  [
    'subject.issuers',
    [{ subject: { issuers: ['http://127.0.0.1:1'] } }],
    [
      { subject: { issuers: ['login'] } },
      { subject: { issuers: [THEIRS, THEIRS] } },
      { subject: { issuers: many(501).map((name) => `https://${name}.example`) } },
    ],
  ],
  [
    'actor.clients',
    [{ actor: { clients: ['A-b_1', 'a'.repeat(128)] } }, { actor: { clients: many(500) } }],
    [
      { actor: { clients: ['a b'] } },
      { actor: { clients: ['a'.repeat(129)] } },
      { actor: { clients: [''] } },
      { actor: { clients: ['a', 'a'] } },
      { actor: { clients: many(501) } },
    ],
  ],
  [
    'actor.after',
    [{ actor: { clients: ['a'], after: [] } }],
    [
      { actor: { clients: ['a'], after: ['https://b'] } },
      { actor: { clients: ['a'], after: ['b', 'b'] } },
    ],
  ],
  ...(['clients', 'subjects', 'groups'] as const).map(
    (name) =>
      [
        `subject.${name}`,
        [{ subject: { [name]: ['n'.repeat(512)] } }],
        [['n'.repeat(513)], [''], ['a\tb'], ['a', 'a'], many(501)].map((list) => ({
          subject: { [name]: list },
        })),
      ] as const,
  ),
  [
    'actor.groups',
    [{ actor: { groups: ['Zone:a'] } }],
    [['n'.repeat(513)], [''], ['g', 'g'], many(501)].map((groups) => ({ actor: { groups } })),
  ],
  [
    'stepUp.acr',
    [{ stepUp: { acr: ['urn:x'] } }],
    [['n'.repeat(513)], [''], ['2', '2'], many(501)].map((acr) => ({ stepUp: { acr } })),
  ],
  [
    'scopeMapping',
    [{ scopeMapping: undefined }, { scopeMapping: Object.fromEntries(mapEntries(500)) }],
    [
      { scopeMapping: { 'a b': ['a'] } },
      { scopeMapping: { a: ['a b'] } },
      { scopeMapping: Object.fromEntries(mapEntries(501)) },
    ],
  ],
  ...(
    [
      ['limits.lifetime', 'lifetime', 30, 86_400],
      ['limits.chainLifetime', 'chainLifetime', 30, 30 * 86_400],
      ['limits.depth', 'depth', 1, MAX_DEPTH],
      ['limits.targets', 'targets', 1, 16],
      ['limits.uses', 'uses', 1, 1_000_000_000],
      ['limits.fanOut', 'fanOut', 1, 1_000_000],
    ] as const
  ).map(
    ([field, name, least, most]) =>
      [
        field,
        [least, most].map((value) => ({ limits: limits({ [name]: value }) })),
        [least - 1, most + 1, least + 0.5, Number.NaN, Infinity, -1].map((value) => ({
          limits: limits({ [name]: value }),
        })),
      ] as const,
  ),
  ...(['from', 'to'] as const).map(
    (name) =>
      [
        `actor.position.${name}`,
        [1, MAX_DEPTH].map((value) => ({ actor: { clients: ['a'], position: { [name]: value } } })),
        [0, MAX_DEPTH + 1, 1.5].map((value) => ({
          actor: { clients: ['a'], position: { [name]: value } },
        })),
      ] as const,
  ),
  [
    'actor.position',
    [{ actor: { clients: ['a'], position: { from: 2, to: 2 } } }],
    [{ actor: { clients: ['a'], position: { from: 3, to: 2 } } }],
  ],
  [
    'stepUp.maxAge',
    [{ stepUp: { maxAge: 10 * 366 * 86_400 } }],
    [{ stepUp: { maxAge: -1 } }, { stepUp: { maxAge: 10 * 366 * 86_400 + 1 } }],
  ],
  [
    'stepUp.fromDepth',
    [{ stepUp: { fromDepth: MAX_DEPTH } }],
    [{ stepUp: { fromDepth: 0 } }, { stepUp: { fromDepth: MAX_DEPTH + 1 } }],
  ],
  [
    'validity',
    [{ validity: {} }, { validity: { from: 2 } }, { validity: { until: 1 } }],
    [
      { validity: { from: 2, until: 2 } },
      { validity: { from: 3, until: 2 } },
      { validity: { from: Number.NaN } },
    ],
  ],
  [
    'effect',
    [{ effect: 'deny', ...BARE }],
    [
      { effect: 'deny', ...BARE, acting: acting({ mode: 'impersonation' }) },
      { effect: 'deny', ...BARE, acting: acting({ actorToken: 'required' }) },
      { effect: 'deny', ...BARE, acting: acting({ proofRequired: true }) },
      { effect: 'deny', ...BARE, stepUp: {} },
    ],
  ],
];

function mapEntries(count: number): [string, string[]][] {
  return many(count).map((name) => [name, []]);
}

describe('What can be stored as a policy', () => {
  it('is the fullest there is, and the barest', () => {
    expect(policyProblems(GOOD)).toEqual([]);
    expect(policyProblems(allow())).toEqual([]);
    expect(policyProblems(deny())).toEqual([]);
  });

  it.each(RULES)('is right and wrong of %s', (field, right, wrong) => {
    for (const changes of right) expect(policyProblems({ ...GOOD, ...changes })).toEqual([]);
    for (const changes of wrong) {
      const problems = policyProblems({ ...GOOD, ...changes });
      expect({ changes, fields: [...new Set(problems.map((each) => each.field))] }).toEqual({
        changes,
        fields: [field],
      });
      for (const { problem } of problems) expect(problem).toMatch(/^[a-z].{10,}$/);
    }
  });

  it('has no name that something else has', () => {
    expect(isPolicyId('parcels')).toBe(true);
    for (const taken of ['client-settings', 'issuer-settings', 'none', '', 'Parcels'])
      expect(isPolicyId(taken)).toBe(false);
  });

  it('can be evaluated', () => {
    const seen = new Seen();
    const damaged = fc.tuple(
      fc.oneof(allowPolicies, denyPolicies, fc.constant(GOOD)),
      fc.constantFrom(...RULES.flatMap(([, right, wrong]) => [...right, ...wrong])),
      fc.boolean(),
    );
    fc.assert(
      fc.property(fc.array(damaged, { maxLength: 4 }), requests, (made, request) => {
        const policies = made
          .map(([policy, changes, isChanged]) => (isChanged ? { ...policy, ...changes } : policy))
          .filter((policy) => policyProblems(policy).length === 0);
        seen.note(policies.length > 0 ? 'accepted' : 'refused');
        const { outcome } = new PolicySet(policies).explain(request).verdict;
        expect(['allowed', 'refused']).toContain(outcome);
      }),
      RUNS,
    );
    expect(seen.count('accepted')).toBeGreaterThan(500);
  });
});
