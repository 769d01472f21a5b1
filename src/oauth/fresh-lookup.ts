import type { Clock } from './clock.js';

interface Remembered<T> {
  readonly value: Promise<T>;
  readonly since: number;
}

/**
 * Look-ups that are remembered for a short time, misses too: a crowd shares one, and a change takes
 * effect within the age. Bounded, oldest forgotten first; a failed look-up is not remembered.
 */
export class FreshLookup<T> {
  readonly #remembered = new Map<string, Remembered<T>>();

  /** @param settings.age milliseconds; settings.size how many are remembered at most */
  constructor(
    private readonly look: (key: string) => Promise<T>,
    private readonly clock: Clock,
    private readonly settings: { readonly age: number; readonly size: number },
  ) {}

  /** What the key stands for, at most `age` old. Rejects as the look-up does. */
  get(key: string): Promise<T> {
    return this.#recall(key) ?? this.renew(key);
  }

  /** Whether `get` would answer from memory. */
  has(key: string): boolean {
    return this.#recall(key) !== undefined;
  }

  /** What the key stands for now; it is remembered. Rejects as the look-up does. */
  renew(key: string): Promise<T> {
    const value = this.look(key);
    const remembered = { value, since: this.clock.now() };
    this.#remembered.delete(key);
    this.#remembered.set(key, remembered);
    value.catch(() => {
      if (this.#remembered.get(key) === remembered) this.#remembered.delete(key);
    });
    this.#forgetOldest();
    return value;
  }

  /** Forgets everything, so that a change made here takes effect here at once. */
  forget(): void {
    this.#remembered.clear();
  }

  #recall(key: string): Promise<T> | undefined {
    const known = this.#remembered.get(key);
    const isFresh = known && Math.abs(this.clock.now() - known.since) < this.settings.age;
    return isFresh ? known.value : undefined;
  }

  #forgetOldest(): void {
    if (this.#remembered.size <= this.settings.size) return;
    const oldest = this.#remembered.keys().next();
    if (!oldest.done) this.#remembered.delete(oldest.value);
  }
}

/** How long the settings that decide a request are remembered: a change takes effect everywhere within a second. */
export const FRESH = { age: 900, size: 20_000 } as const;
