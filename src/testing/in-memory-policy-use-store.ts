import { Injectable } from '@nestjs/common';

import { PolicyUseStore, type PolicyUse } from '../delegation/policy-use-store.js';

/** How many were taken under a key, and when that can be forgotten. */
interface Count {
  readonly count: number;
  readonly until: number | null;
}

/** The uses of policies in the memory of this process: for tests, gone with it. */
@Injectable()
export class InMemoryPolicyUseStore extends PolicyUseStore {
  readonly #counts = new Map<string, Count>();

  async take(uses: readonly PolicyUse[]): Promise<boolean> {
    const taken = new Map<string, Count>();
    for (const { key, limit, until } of uses) {
      const kept = taken.get(key) ?? this.#counts.get(key) ?? { count: 0, until };
      if (kept.count >= limit) return false;
      taken.set(key, { count: kept.count + 1, until: later(kept.until, until) });
    }
    for (const [key, count] of taken) this.#counts.set(key, count);
    return true;
  }

  async count(key: string): Promise<number> {
    return this.#counts.get(key)?.count ?? 0;
  }

  async removeExpired(now: number, limit: number): Promise<number> {
    const expired = [...this.#counts]
      .filter(([, { until }]) => until !== null && until <= now)
      .slice(0, limit);
    for (const [key] of expired) this.#counts.delete(key);
    return expired.length;
  }
}

/** Null is never, and nothing is later. */
function later(one: number | null, other: number | null): number | null {
  return one === null || other === null ? null : Math.max(one, other);
}
