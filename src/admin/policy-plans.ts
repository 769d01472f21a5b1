import { hash } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import { PolicySet } from '../delegation/policy-set.js';
import { PolicyStore, type KeptPolicy, type PolicyChange } from '../delegation/policy-store.js';
import type { Policy } from '../delegation/policy.js';
import type { AdministrativeAct } from './administrative-act.js';
import { PolicyAdministration } from './policy-administration.js';
import { differences, saidIn } from './policy-differences.js';
import { checkPolicies, policyOf } from './policy-fields.js';
import type {
  AppliedPolicies,
  PlannedChange,
  PolicyPlan,
  WantedPolicies,
} from './policy-plan.dto.js';
import { documentOf } from './policy-view.dto.js';
import { Problem } from './problem.js';

/** What becomes of a policy, with what is written for it. */
interface Step {
  readonly view: PlannedChange;
  readonly put?: Policy;
  readonly remove?: PolicyChange['remove'][number];
}

interface Plan {
  readonly view: PolicyPlan;
  readonly change: PolicyChange;
}

/** Brings all policies to what a file says, with a plan before it. */
@Injectable()
export class PolicyPlans {
  constructor(
    private readonly store: PolicyStore,
    private readonly policies: PolicyAdministration,
  ) {}

  /**
   * What would be written.
   * @throws Problem (400)
   */
  async plan(wanted: WantedPolicies): Promise<PolicyPlan> {
    return (await this.#plan(wanted)).view;
  }

  /**
   * The policies that there would be.
   * @throws Problem (400)
   */
  async result(wanted: WantedPolicies): Promise<PolicySet> {
    const { change } = await this.#plan(wanted);
    const gone = new Set([...change.put, ...change.remove].map(({ policyId }) => policyId));
    const stay = (await this.store.list()).map(({ policy }) => policy);
    return new PolicySet([...stay.filter(({ policyId }) => !gone.has(policyId)), ...change.put]);
  }

  /**
   * Writes it, all or nothing. What says the same as before is not written again.
   * @returns the plan as it was before
   * @throws Problem (400, 409)
   */
  async apply(
    { expected, ...wanted }: AppliedPolicies,
    act: AdministrativeAct,
  ): Promise<PolicyPlan> {
    const { view, change } = await this.#plan(wanted);
    if (expected !== undefined && expected !== view.digest)
      throw new Problem(409, 'Policies were changed since the plan was made: make it again.');
    const isChange = change.put.length > 0 || change.remove.length > 0;
    if (isChange) await this.policies.change(change, act);
    return view;
  }

  async #plan({ policies, prune = false }: WantedPolicies): Promise<Plan> {
    const wanted = policies.map(({ policyId, ...fields }) => policyOf(policyId, fields));
    checkPolicies('policies', wanted);
    const stored = await this.store.list();
    const byId = new Map(stored.map((kept) => [kept.policy.policyId, kept.policy]));
    const named = new Set(wanted.map(({ policyId }) => policyId));
    const left = [...byId.values()].filter(({ policyId }) => prune && !named.has(policyId));
    const steps = [
      ...(await Promise.all(wanted.map((policy) => this.#step(policy, byId.get(policy.policyId))))),
      ...left.map(removal),
    ].toSorted((a, b) => (a.view.policyId < b.view.policyId ? -1 : 1));
    return {
      view: { changes: steps.map(({ view }) => view), digest: digestOf(stored) },
      change: {
        put: steps.flatMap(({ put }) => put ?? []),
        remove: steps.flatMap(({ remove }) => remove ?? []),
      },
    };
  }

  async #step(wanted: Policy, stored: Policy | undefined): Promise<Step> {
    const { policyId } = wanted;
    const after = documentOf(wanted);
    if (stored === undefined) {
      // One that was deleted comes back as its next version.
      const before = await this.store.find(policyId);
      const version = (before?.policy.version ?? 0) + 1;
      const view = { policyId, change: 'create', fields: saidIn(after) } as const;
      return { view, put: { ...wanted, version } };
    }
    const fields = differences(documentOf(stored), after);
    if (fields.length === 0) return { view: { policyId, change: 'none', fields } };
    const put = { ...wanted, version: stored.version + 1 };
    return { view: { policyId, change: 'update', fields }, put };
  }
}

function removal({ policyId, version }: Policy): Step {
  return { view: { policyId, change: 'delete', fields: [] }, remove: { policyId, version } };
}

function digestOf(stored: readonly KeptPolicy[]): string {
  const versions = stored.map(({ policy }) => `${policy.policyId} ${policy.version}\n`);
  return hash('sha256', versions.join(''), 'base64url');
}
