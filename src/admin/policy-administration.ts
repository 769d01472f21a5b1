import { Injectable } from '@nestjs/common';

import { isPolicyId } from '../delegation/policy-rules.js';
import {
  PolicyConflictError,
  PolicyStore,
  type KeptPolicy,
  type PolicyChange,
} from '../delegation/policy-store.js';
import { StoredPolicies } from '../delegation/stored-policies.js';
import { Clock } from '../oauth/clock.js';
import type { AdministrativeAct } from './administrative-act.js';
import { checkIfMatch } from './etag.js';
import { isSameDocument } from './policy-differences.js';
import { checkPolicy, policyOf } from './policy-fields.js';
import { documentOf } from './policy-view.dto.js';
import type { NamedPolicy, PolicyFields } from './policy.dto.js';
import { notFound, Problem } from './problem.js';

/** Versions that a path can name. */
const VERSION = /^[1-9]\d{0,8}$/;

type Author = Pick<KeptPolicy, 'writtenAt' | 'writtenBy'>;

/** What administrators do with policies. Every write checks the whole policy that would be stored. */
@Injectable()
export class PolicyAdministration {
  constructor(
    private readonly store: PolicyStore,
    private readonly policies: StoredPolicies,
    private readonly clock: Clock,
  ) {}

  /** @throws Problem (404) */
  async get(policyId: string): Promise<KeptPolicy> {
    const kept = await this.#newest(policyId);
    if (kept === null || kept.isDeleted) throw notFound('policy');
    return kept;
  }

  /** Policies in ascending order of their ids. */
  async list(after: string | undefined, limit: number): Promise<readonly KeptPolicy[]> {
    const all = await this.store.list();
    return all
      .filter(({ policy }) => after === undefined || policy.policyId > after)
      .slice(0, limit);
  }

  /**
   * The versions of a policy, newest first; also of one that was deleted.
   * @param before a version as a text
   * @throws Problem (404)
   */
  async versions(
    policyId: string,
    before: string | undefined,
    limit: number,
  ): Promise<readonly KeptPolicy[]> {
    if ((await this.#newest(policyId)) === null) throw notFound('policy');
    const page = before === undefined ? { limit } : { before: Number(before), limit };
    return this.store.versions(policyId, page);
  }

  /**
   * One version of a policy, as records name it; also of one that was deleted.
   * @throws Problem (404)
   */
  async version(policyId: string, version: string): Promise<KeptPolicy> {
    const isNamed = isPolicyId(policyId) && VERSION.test(version);
    const kept = isNamed ? await this.store.find(policyId, Number(version)) : null;
    if (kept === null) throw notFound('version');
    return kept;
  }

  /**
   * Makes a policy; one that was deleted comes back as its next version.
   * @throws Problem (400, 409)
   */
  async create({ policyId, ...fields }: NamedPolicy, act: AdministrativeAct): Promise<KeptPolicy> {
    checkPolicy(policyOf(policyId, fields));
    const before = await this.store.find(policyId);
    if (before !== null && !before.isDeleted) {
      throw new Problem(409, 'Another policy has this name.', {
        problems: [{ field: 'policyId', problem: 'is taken' }],
      });
    }
    return this.#put(policyId, fields, (before?.policy.version ?? 0) + 1, act);
  }

  /**
   * Puts a whole policy in the place of another one; one that says the same is no new version.
   * @throws Problem (400, 404, 409, 412)
   */
  async replace(
    policyId: string,
    fields: PolicyFields,
    act: AdministrativeAct,
    ifMatch?: string,
  ): Promise<KeptPolicy> {
    const kept = await this.get(policyId);
    const { version } = kept.policy;
    checkIfMatch(ifMatch, version);
    const policy = policyOf(policyId, fields, version);
    checkPolicy(policy);
    if (isSameDocument(documentOf(policy), documentOf(kept.policy))) return kept;
    return this.#put(policyId, fields, version + 1, act);
  }

  /** @throws Problem (404, 409, 412) */
  async delete(policyId: string, act: AdministrativeAct, ifMatch?: string): Promise<void> {
    const { policy } = await this.get(policyId);
    checkIfMatch(ifMatch, policy.version);
    await this.change({ put: [], remove: [{ policyId, version: policy.version }] }, act);
  }

  /**
   * Writes versions that were checked, all or none.
   * @throws Problem (409)
   */
  async change(change: PolicyChange, act: AdministrativeAct): Promise<Author> {
    const { sub, clientId } = act.administrator;
    const author = { writtenAt: this.clock.now(), writtenBy: { sub, clientId } };
    try {
      await this.store.change(change, author);
    } catch (error) {
      throw error instanceof PolicyConflictError ? changedMeanwhile(error) : error;
    } finally {
      // Also after a failure: the store may have kept the write before its answer was lost.
      this.policies.forget();
    }
    return author;
  }

  async #put(
    policyId: string,
    fields: PolicyFields,
    version: number,
    act: AdministrativeAct,
  ): Promise<KeptPolicy> {
    const policy = policyOf(policyId, fields, version);
    const author = await this.change({ put: [policy], remove: [] }, act);
    return { policy, ...author, isDeleted: false };
  }

  async #newest(policyId: string): Promise<KeptPolicy | null> {
    return isPolicyId(policyId) ? this.store.find(policyId) : null;
  }
}

function changedMeanwhile({ policyId }: PolicyConflictError): Problem {
  return new Problem(409, `The policy ${policyId} was changed meanwhile: read it again.`);
}
