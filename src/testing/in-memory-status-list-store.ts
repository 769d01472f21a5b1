import { Injectable } from '@nestjs/common';

import { StatusListStore, type StatusEntry } from '../tokens/status-list-store.js';

const COUNT = 4;

/** Status lists in the memory of this process: for tests, gone with it. */
@Injectable()
export class InMemoryStatusListStore extends StatusListStore {
  readonly #entries = new Map<number, StatusEntry>();
  #end = 0;

  async reserve(): Promise<{ readonly first: number; readonly count: number }> {
    const first = this.#end;
    this.#end += COUNT;
    return { first, count: COUNT };
  }

  async end(): Promise<number> {
    return this.#end;
  }

  async add(entry: StatusEntry): Promise<void> {
    if (this.#entries.has(entry.position)) throw new Error('The place is taken');
    this.#entries.set(entry.position, { ...entry, keys: [...entry.keys] });
  }

  async range(first: number, end: number): Promise<readonly StatusEntry[]> {
    return [...this.#entries.values()]
      .filter(({ position }) => position >= first && position < end)
      .toSorted((one, other) => one.position - other.position);
  }

  async removeExpired(now: number, limit: number): Promise<number> {
    const expired = [...this.#entries.values()]
      .filter(({ expiresAt }) => expiresAt <= now)
      .slice(0, limit);
    for (const { position } of expired) this.#entries.delete(position);
    return expired.length;
  }
}
