import { isResourceUri, isTargetIdentifier } from '../oauth/resource.js';
import { isScopeValue } from '../oauth/scope.js';
import { CLIENT_SETTINGS } from './client-settings-policies.js';
import { MAX_DEPTH } from './exchange-request.js';
import { ISSUER_SETTINGS } from './issuer-settings.js';
import type { Policy } from './policy.js';

const POLICY_ID = /^[a-z0-9][a-z0-9._-]{0,99}$/;
/** What decides without being a stored policy is called so in records. */
const TAKEN_IDS: ReadonlySet<string> = new Set([CLIENT_SETTINGS, ISSUER_SETTINGS, 'none']);
const CLIENT_ID = /^[A-Za-z0-9_-]{1,128}$/;
const MAX_LIST = 500;
const YEARS = 10 * 366 * 86_400;

/** One thing that is wrong with a policy, with the field it is about. */
export interface PolicyProblem {
  readonly field: string;
  readonly problem: string;
}

/** Whether this can be the id of a policy that is stored. */
export function isPolicyId(text: string): boolean {
  return POLICY_ID.test(text) && !TAKEN_IDS.has(text);
}

/** Everything that is wrong with a policy as it would be stored. */
export function policyProblems(policy: Policy): readonly PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const check = (right: boolean, field: string, problem: string): void => {
    if (!right) problems.push({ field, problem });
  };
  const { effect, subject, actor, targets, scopes, limits, acting, validity, stepUp } = policy;
  check(
    isPolicyId(policy.policyId),
    'policyId',
    'must be 1 to 100 of a-z 0-9 . _ - and begin with a letter or digit; client-settings, issuer-settings and none are taken',
  );
  check(isText(policy.description, 0, 500), 'description', 'must be at most 500 characters');
  check(
    effect === 'deny' || (targets !== undefined && targets.length > 0),
    'targets',
    'must name at least one target in a policy that allows',
  );
  check(
    effect === 'deny' || actor.clients !== undefined || actor.groups !== undefined,
    'actor',
    'must name clients or groups in a policy that allows',
  );
  check(
    (targets ?? []).every(isTargetIdentifier),
    'targets',
    'must be absolute URIs without fragment, or names',
  );
  check(
    (scopes ?? []).every(isScopeValue),
    'scopes',
    'must be scope values (RFC 6749 section 3.3)',
  );
  check((subject.issuers ?? []).every(isResourceUri), 'subject.issuers', 'must be issuer URLs');
  for (const [field, names] of [
    ['actor.clients', actor.clients],
    ['actor.after', actor.after],
  ] as const)
    check(
      (names ?? []).every((name) => CLIENT_ID.test(name)),
      field,
      'must be client ids',
    );
  for (const [field, names] of [
    ['subject.clients', subject.clients],
    ['subject.subjects', subject.subjects],
    ['subject.groups', subject.groups],
    ['actor.groups', actor.groups],
    ['stepUp.acr', stepUp?.acr],
  ] as const)
    check(
      (names ?? []).every((name) => isText(name, 1, 512)),
      field,
      'must be names of 1 to 512 characters',
    );
  const mapping = Object.entries(policy.scopeMapping ?? {});
  check(
    mapping.every(([from, to]) => isScopeValue(from) && to.every(isScopeValue)) &&
      mapping.length <= MAX_LIST,
    'scopeMapping',
    'must map scope values to scope values',
  );
  const between = (field: string, value: number | undefined, least: number, most: number): void =>
    check(
      value === undefined || isWithin(value, least, most),
      field,
      `must be ${least} to ${most}`,
    );
  between('limits.lifetime', limits.lifetime, 30, 86_400);
  between('limits.chainLifetime', limits.chainLifetime, 30, 30 * 86_400);
  between('limits.depth', limits.depth, 1, MAX_DEPTH);
  between('limits.targets', limits.targets, 1, 16);
  between('limits.uses', limits.uses, 1, 1_000_000_000);
  between('limits.fanOut', limits.fanOut, 1, 1_000_000);
  between('actor.position.from', actor.position?.from, 1, MAX_DEPTH);
  between('actor.position.to', actor.position?.to, 1, MAX_DEPTH);
  between('stepUp.maxAge', stepUp?.maxAge, 0, YEARS);
  between('stepUp.fromDepth', stepUp?.fromDepth, 1, MAX_DEPTH);
  const { from: first = -Infinity, to: last = Infinity } = actor.position ?? {};
  check(first <= last, 'actor.position', 'must begin before it ends');
  const { from = -Infinity, until = Infinity } = validity ?? {};
  check(from < until, 'validity', 'must begin before it ends');
  check(
    effect === 'allow' ||
      (acting.mode === 'delegation' &&
        acting.actorToken === 'optional' &&
        !acting.proofRequired &&
        stepUp === undefined),
    'effect',
    'a policy that denies names whom and what it denies, not how',
  );
  for (const [field, list] of listsOf(policy)) {
    check(list.length <= MAX_LIST, field, `must have at most ${MAX_LIST} entries`);
    check(new Set(list).size === list.length, field, 'must not repeat an entry');
  }
  return problems;
}

function listsOf({
  subject,
  actor,
  targets,
  scopes,
  stepUp,
}: Policy): readonly (readonly [string, readonly string[]])[] {
  return [
    ['subject.issuers', subject.issuers ?? []],
    ['subject.clients', subject.clients ?? []],
    ['subject.subjects', subject.subjects ?? []],
    ['subject.groups', subject.groups ?? []],
    ['actor.clients', actor.clients ?? []],
    ['actor.groups', actor.groups ?? []],
    ['actor.after', actor.after ?? []],
    ['targets', targets ?? []],
    ['scopes', scopes ?? []],
    ['stepUp.acr', stepUp?.acr ?? []],
  ];
}

function isText(value: string, least: number, most: number): boolean {
  return value.length >= least && value.length <= most && !/[\p{Cc}\p{Cs}]/u.test(value);
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
