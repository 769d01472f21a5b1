import { Injectable } from '@nestjs/common';

import { RevocationStore, type RevocationsSince } from '../tokens/revocation-store.js';
import { strongest, type Revocation } from '../tokens/revocation.js';

/** Revocations in the memory of this process: for tests, gone with it. */
@Injectable()
export class InMemoryRevocationStore extends RevocationStore {
  /** By key, in the order in which they were last written. */
  readonly #kept = new Map<string, Revocation & { readonly place: number }>();
  #places = 0;

  async add(revocations: readonly Revocation[]): Promise<void> {
    for (const { key } of revocations) {
      const [whole] = strongest([
        ...[this.#kept.get(key)].filter((each) => each !== undefined),
        ...revocations.filter((each) => each.key === key),
      ]);
      if (whole === undefined) continue;
      const { before, expiresAt } = whole;
      this.#kept.delete(key);
      this.#kept.set(key, { key, before, expiresAt, place: (this.#places += 1) });
    }
  }

  async since(position: string, limit: number): Promise<RevocationsSince> {
    if (!/^\d{1,15}$/.test(position) || Number(position) > this.#places)
      throw new RangeError('A position is what a read gave');
    const news = [...this.#kept.values()]
      .filter(({ place }) => place > Number(position))
      .slice(0, limit);
    const revocations = news.map(({ key, before, expiresAt }) => ({ key, before, expiresAt }));
    return { revocations, position: String(news.at(-1)?.place ?? position) };
  }

  async find(keys: readonly string[]): Promise<readonly Revocation[]> {
    return [...new Set(keys)].flatMap((key) => {
      const kept = this.#kept.get(key);
      return kept === undefined ? [] : [{ key, before: kept.before, expiresAt: kept.expiresAt }];
    });
  }

  async removeExpired(now: number, limit: number): Promise<number> {
    const expired = [...this.#kept.values()]
      .filter(({ expiresAt }) => expiresAt !== null && expiresAt <= now)
      .slice(0, limit);
    for (const { key } of expired) this.#kept.delete(key);
    return expired.length;
  }
}
