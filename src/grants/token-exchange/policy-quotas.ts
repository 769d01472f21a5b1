import { Injectable } from '@nestjs/common';

import type { Decision } from '../../delegation/decision.js';
import { PolicyUseStore, type PolicyUse } from '../../delegation/policy-use-store.js';
import { InvalidRequestError } from '../../oauth/oauth-error.js';
import type { SecurityToken } from '../../tokens/security-token.js';

/** Counts what policies limit by number: exchanges in all, and of one subject token. */
@Injectable()
export class PolicyQuotas {
  constructor(private readonly store: PolicyUseStore) {}

  /** @throws InvalidRequestError (`policy_used_up`) when a quota of the policy that decided is used up */
  async take({ basis, quota }: Decision, subjectToken: SecurityToken): Promise<void> {
    if (quota === undefined) return;
    const uses: PolicyUse[] = [];
    if (quota.uses !== undefined)
      uses.push({ key: `uses ${basis.policy}`, limit: quota.uses, until: null });
    if (quota.fanOut !== undefined) {
      uses.push({
        key: `fan-out ${basis.policy} ${subjectToken.hash}`,
        limit: quota.fanOut,
        until: Math.ceil(subjectToken.expiresAt * 1000),
      });
    }
    if (!(await this.store.take(uses)))
      throw new InvalidRequestError('policy_used_up', 'A presented token is not acceptable.');
  }
}
