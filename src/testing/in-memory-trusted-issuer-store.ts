import { Injectable } from '@nestjs/common';

import type { TrustedIssuer } from '../tokens/trusted-issuer.js';
import { TrustedIssuerConflictError, TrustedIssuerStore } from '../tokens/trusted-issuer-store.js';
import { ascending, frozenCopy } from './frozen-copy.js';

/** Trusted issuers in the memory of this process: for tests, gone with it. */
@Injectable()
export class InMemoryTrustedIssuerStore extends TrustedIssuerStore {
  readonly #issuers = new Map<string, TrustedIssuer>();

  async find(issuer: string): Promise<TrustedIssuer | null> {
    return this.#issuers.get(issuer) ?? null;
  }

  async list(page: {
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<readonly TrustedIssuer[]> {
    const { after, limit } = page;
    return [...this.#issuers.values()]
      .filter(({ issuer }) => after === undefined || ascending(issuer, after) > 0)
      .toSorted((a, b) => ascending(a.issuer, b.issuer))
      .slice(0, limit);
  }

  async create(issuer: TrustedIssuer): Promise<void> {
    if (this.#issuers.has(issuer.issuer)) throw new TrustedIssuerConflictError('issuer');
    this.#issuers.set(issuer.issuer, frozenCopy(issuer));
  }

  async update(issuer: TrustedIssuer): Promise<void> {
    const stored = this.#issuers.get(issuer.issuer);
    if (stored?.version !== issuer.version - 1) throw new TrustedIssuerConflictError('version');
    this.#issuers.set(issuer.issuer, frozenCopy(issuer));
  }

  async delete(issuer: string): Promise<boolean> {
    return this.#issuers.delete(issuer);
  }
}
