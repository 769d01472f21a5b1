import { Injectable } from '@nestjs/common';

import {
  PolicyConflictError,
  PolicyStore,
  type KeptPolicy,
  type PolicyChange,
} from '../delegation/policy-store.js';
import { byCodePoint, frozenCopy } from './frozen-copy.js';

/** Policies in the memory of this process: for tests, gone with it. */
@Injectable()
export class InMemoryPolicyStore extends PolicyStore {
  /** By policy, newest first. */
  readonly #versions = new Map<string, readonly KeptPolicy[]>();

  async list(): Promise<readonly KeptPolicy[]> {
    return [...this.#versions.values()]
      .flatMap((versions) => versions.slice(0, 1))
      .filter(({ isDeleted }) => !isDeleted)
      .toSorted((a, b) => byCodePoint(a.policy.policyId, b.policy.policyId));
  }

  async find(policyId: string, version?: number): Promise<KeptPolicy | null> {
    return (
      this.#of(policyId).find(({ policy }) => policy.version === (version ?? policy.version)) ??
      null
    );
  }

  async versions(
    policyId: string,
    { before = Infinity, limit }: { readonly before?: number | undefined; readonly limit: number },
  ): Promise<readonly KeptPolicy[]> {
    return this.#of(policyId)
      .filter(({ policy }) => policy.version < before)
      .slice(0, limit);
  }

  async change(
    { put, remove }: PolicyChange,
    author: Pick<KeptPolicy, 'writtenAt' | 'writtenBy'>,
  ): Promise<void> {
    const { writtenAt, writtenBy } = author;
    const added = new Map<string, KeptPolicy>();
    for (const policy of put) {
      const { policyId, version } = policy;
      const [stored] = this.#of(policyId);
      if (added.has(policyId) || version !== (stored?.policy.version ?? 0) + 1)
        throw new PolicyConflictError(policyId);
      added.set(policyId, { policy, writtenAt, writtenBy, isDeleted: false });
    }
    for (const { policyId, version } of remove) {
      const [stored] = this.#of(policyId);
      if (added.has(policyId) || stored?.policy.version !== version || stored.isDeleted)
        throw new PolicyConflictError(policyId);
      const policy = { ...stored.policy, version: version + 1 };
      added.set(policyId, { policy, writtenAt, writtenBy, isDeleted: true });
    }
    for (const [policyId, kept] of added)
      this.#versions.set(policyId, [frozenCopy(kept), ...this.#of(policyId)]);
  }

  #of(policyId: string): readonly KeptPolicy[] {
    return this.#versions.get(policyId) ?? [];
  }
}
