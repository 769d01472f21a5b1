/** What became of one item of a batch: its result, or why it has none. */
export type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/** Writes a batch; the outcomes are in the order of the items. A rejection is the outcome of them all. */
export type WriteBatch<Item, Result> = (
  items: readonly Item[],
) => Promise<readonly Outcome<Result>[]>;

/** Limits of a queue. */
export interface BatchLimits {
  /** How many items may wait; more are refused. */
  readonly queue: number;
  /** How many items a batch has at most. */
  readonly items: number;
  /** How much the items of a batch weigh at most, unless a single one is heavier. */
  readonly weight: number;
  /** Milliseconds after which an item that still waits is refused. */
  readonly patience: number;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly weight: number;
  readonly since: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Natural batching: what arrives while one write is under way makes up the next. A lone item is
 * written at once, a crowd shares a write, and nobody waits for a timer.
 */
export class BatchQueue<Item, Result> {
  #waiting: Waiting<Item, Result>[] = [];
  #draining: Promise<void> | undefined;

  constructor(
    private readonly write: WriteBatch<Item, Result>,
    private readonly limits: BatchLimits,
  ) {}

  /** Resolves when the item is written; rejects when it is not, or when that is not known. */
  add(item: Item, weight: number): Promise<Result> {
    if (this.#waiting.length >= this.limits.queue)
      return Promise.reject(new Error('Too many records wait to be written'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, weight, since: performance.now(), resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  async settle(): Promise<void> {
    while (this.#draining) await this.#draining;
  }

  async #drain(): Promise<void> {
    // Whoever runs in the same turn of the event loop joins the first batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#writeSome(this.#take());
    this.#draining = undefined;
  }

  /** The next batch, oldest first. */
  #take(): readonly Waiting<Item, Result>[] {
    const { items, weight } = this.limits;
    let count = 0;
    let total = 0;
    for (const each of this.#waiting) {
      total += each.weight;
      if (count === items || (count > 0 && total > weight)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #writeSome(taken: readonly Waiting<Item, Result>[]): Promise<void> {
    const oldest = performance.now() - this.limits.patience;
    const batch = taken.filter(({ since, reject }) => {
      if (since < oldest) reject(new Error('The record waited too long to be written'));
      return since >= oldest;
    });
    if (batch.length === 0) return;
    try {
      const outcomes = await this.write(batch.map(({ item }) => item));
      batch.forEach(({ resolve, reject }, index) => {
        const outcome = outcomes[index] ?? { error: new Error('The record was not written') };
        if ('value' in outcome) resolve(outcome.value);
        else reject(outcome.error);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
