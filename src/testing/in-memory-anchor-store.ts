import { Injectable } from '@nestjs/common';

import { AnchorStore, newAnchor, type AnchorState } from '../audit/ledger/anchor-store.js';

/** What is known of anchors in the memory of this process: for tests, gone with it. */
@Injectable()
export class InMemoryAnchorStore extends AnchorStore {
  readonly #states = new Map<string, AnchorState>();
  readonly #lines = new Map<string, string>();
  #isTaken = false;

  async declare(names: readonly string[]): Promise<void> {
    for (const name of this.#states.keys()) if (!names.includes(name)) this.#states.delete(name);
    for (const name of names) this.#states.set(name, this.#states.get(name) ?? newAnchor(name));
  }

  async list(): Promise<readonly AnchorState[]> {
    return [...this.#states.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  async save(state: AnchorState): Promise<void> {
    const kept = this.#states.get(state.name);
    if (kept && kept.size <= state.size) this.#states.set(state.name, { ...state });
  }

  async alone(work: () => Promise<void>): Promise<boolean> {
    if (this.#isTaken) return false;
    this.#isTaken = true;
    try {
      await work();
    } finally {
      this.#isTaken = false;
    }
    return true;
  }

  async addCosignature(size: number, witness: string, line: string): Promise<void> {
    this.#lines.set(`${size} ${witness}`, line);
  }

  async cosignatures(size: number): Promise<readonly string[]> {
    return [...this.#lines.keys()]
      .filter((key) => key.startsWith(`${size} `))
      .toSorted()
      .map((key) => this.#lines.get(key) ?? '');
  }
}
