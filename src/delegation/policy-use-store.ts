/** A quota that one exchange takes from. */
export interface PolicyUse {
  /** What is counted: a policy, or a subject token under a policy. At most 200 characters of ASCII. */
  readonly key: string;
  /** How many are allowed. */
  readonly limit: number;
  /** When the count can be forgotten; null for never. Milliseconds since the epoch. */
  readonly until: number | null;
}

/**
 * Counts the uses of policies that are limited. Promises: each call is atomic among all instances; an
 * acknowledged use is durable. Fails by rejecting.
 */
export abstract class PolicyUseStore {
  /**
   * Takes one from each quota, or from none.
   * @returns whether every one had some left
   */
  abstract take(uses: readonly PolicyUse[]): Promise<boolean>;

  /** How many were taken under a key. */
  abstract count(key: string): Promise<number>;

  /**
   * Forgets counts that can be forgotten at this time, some at a time.
   * @returns how many; fewer than `limit` when none is left
   */
  abstract removeExpired(now: number, limit: number): Promise<number>;
}
