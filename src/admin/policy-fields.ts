import { policyProblems } from '../delegation/policy-rules.js';
import { newPolicy, type Policy } from '../delegation/policy.js';
import { namedFields } from './named-fields.js';
import type { PolicyFields } from './policy.dto.js';
import { invalidFields, type FieldProblem } from './problem.js';

/** Words that stand in a path where the id of a policy does. */
const TAKEN: ReadonlySet<string> = new Set(['schema', 'plan', 'apply', 'explain', 'simulate']);

/** The policy that a request says, with the defaults of what it does not say. */
export function policyOf(policyId: string, fields: PolicyFields, version = 1): Policy {
  const { subject = {}, actor = {}, acting = {}, limits = {}, validity, stepUp, ...rest } = fields;
  const { position, ...others } = actor;
  const blank = newPolicy({ policyId, version });
  return {
    ...blank,
    ...namedFields(rest),
    policyId,
    version,
    subject: namedFields(subject),
    actor: {
      ...namedFields(others),
      ...(position === undefined ? {} : { position: namedFields(position) }),
    },
    acting: { ...blank.acting, ...namedFields(acting) },
    limits: { ...blank.limits, ...namedFields(limits) },
    ...(validity === undefined ? {} : { validity: namedFields(validity) }),
    ...(stepUp === undefined ? {} : { stepUp: namedFields(stepUp) }),
  };
}

/** @throws Problem (400) with everything that is wrong with the policy */
export function checkPolicy(policy: Policy): void {
  const problems = problemsOf(policy);
  if (problems.length > 0) throw invalidFields(problems);
}

/**
 * Policies of a list in a request, with their places in it.
 * @param list the field that holds the list
 * @throws Problem (400) with everything that is wrong with them, and names that repeat
 */
export function checkPolicies(list: string, policies: readonly Policy[]): void {
  const seen = new Set<string>();
  const problems = policies.flatMap((policy, index): FieldProblem[] => {
    const place = `${list}.${index}.`;
    const wrong = problemsOf(policy).map(({ field, problem }) => ({
      field: place + field,
      problem,
    }));
    if (seen.has(policy.policyId))
      wrong.push({ field: `${place}policyId`, problem: 'is the name of another one in this list' });
    seen.add(policy.policyId);
    return wrong;
  });
  if (problems.length > 0) throw invalidFields(problems.slice(0, 50));
}

function problemsOf(policy: Policy): readonly FieldProblem[] {
  const problem = `must not be ${[...TAKEN].join(', ')}: paths of this API have these`;
  const isTaken = TAKEN.has(policy.policyId);
  return [...policyProblems(policy), ...(isTaken ? [{ field: 'policyId', problem }] : [])];
}
