import type { Clock } from '../oauth/clock.js';
import { FRESH, FreshLookup } from '../oauth/fresh-lookup.js';
import { DelegationPolicy } from './delegation-policy.js';
import type { ExchangeRequest } from './exchange-request.js';
import { PolicySet } from './policy-set.js';
import type { PolicyStore } from './policy-store.js';
import type { Policy } from './policy.js';
import type { Verdict } from './verdict.js';

const ALL = 'all';

/**
 * The stored policies with the clients' own settings, at most a second old. Rejects when the store
 * cannot be read: then nothing is issued.
 */
export class StoredPolicies extends DelegationPolicy {
  readonly #sets: FreshLookup<PolicySet>;
  #versions = '';
  #set = new PolicySet([]);

  constructor(store: PolicyStore, clock: Clock) {
    super();
    const look = async (): Promise<PolicySet> =>
      this.#setOf((await store.list()).map(({ policy }) => policy));
    this.#sets = new FreshLookup(look, clock, { ...FRESH, size: 1 });
  }

  async decide(request: ExchangeRequest): Promise<Verdict> {
    return (await this.current()).evaluate(request);
  }

  override async isInForce(half: string): Promise<boolean> {
    return (await this.current()).isInForce(half);
  }

  /** The policies as they are now, at most a second old. */
  current(): Promise<PolicySet> {
    return this.#sets.get(ALL);
  }

  /** Forgets them, so that a change made here takes effect here at once. */
  forget(): void {
    this.#sets.forget();
  }

  /** The set is made anew only when a version changed. */
  #setOf(policies: readonly Policy[]): PolicySet {
    const versions = policies.map(({ policyId, version }) => `${policyId} ${version}`).join('\n');
    if (versions !== this.#versions) {
      this.#set = new PolicySet(policies);
      this.#versions = versions;
    }
    return this.#set;
  }
}
