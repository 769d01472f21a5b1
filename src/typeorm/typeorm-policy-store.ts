import { Injectable } from '@nestjs/common';
import { Any, DataSource, LessThan, type EntityManager, type SelectQueryBuilder } from 'typeorm';

import {
  PolicyConflictError,
  PolicyStore,
  type KeptPolicy,
  type PolicyChange,
} from '../delegation/policy-store.js';
import type { Policy } from '../delegation/policy.js';
import { PolicyVersionEntity } from './entities/policy-version.entity.js';
import { isStorable } from './storable-text.js';
import { inWriteTransaction, Lock } from './write-transaction.js';

/** The highest number of a column of type `integer`. */
const MAX_VERSION = 2 ** 31 - 1;
/** A statement has at most 65,535 parameters. */
const ROWS_OF_STATEMENT = 1_000;

/** Policies in PostgreSQL: a row for each version, which stays as it is. */
@Injectable()
export class TypeormPolicyStore extends PolicyStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async list(): Promise<readonly KeptPolicy[]> {
    const rows = await newest(this.dataSource.manager).getMany();
    return rows.filter(({ isDeleted }) => !isDeleted).map(toKept);
  }

  async find(policyId: string, version?: number): Promise<KeptPolicy | null> {
    if (!isStorable(policyId) || (version !== undefined && !isVersion(version))) return null;
    const row = await this.dataSource.manager.findOne(PolicyVersionEntity, {
      where: version === undefined ? { policyId } : { policyId, version },
      order: { version: 'DESC' },
    });
    return row && toKept(row);
  }

  async versions(
    policyId: string,
    { before = Infinity, limit }: { readonly before?: number | undefined; readonly limit: number },
  ): Promise<readonly KeptPolicy[]> {
    if (!isStorable(policyId) || before <= 1) return [];
    const rows = await this.dataSource.manager.find(PolicyVersionEntity, {
      where: before > MAX_VERSION ? { policyId } : { policyId, version: LessThan(before) },
      order: { version: 'DESC' },
      take: limit,
    });
    return rows.map(toKept);
  }

  async change(
    { put, remove }: PolicyChange,
    author: Pick<KeptPolicy, 'writtenAt' | 'writtenBy'>,
  ): Promise<void> {
    const policyIds = [...put, ...remove].map(({ policyId }) => policyId);
    refuseTwice(policyIds);
    if (policyIds.length === 0) return;
    await inWriteTransaction(this.dataSource, Lock.Policies, async (manager) => {
      const stored = await newestById(manager, policyIds);
      const versions = [
        ...put.map((policy) => successor(stored.get(policy.policyId), policy)),
        ...remove.map((removal) => tombstone(stored.get(removal.policyId), removal)),
      ];
      const rows = versions.map((version) => ({ ...version, ...author }));
      for (let start = 0; start < rows.length; start += ROWS_OF_STATEMENT)
        await manager.insert(PolicyVersionEntity, rows.slice(start, start + ROWS_OF_STATEMENT));
    });
  }
}

/** What a row says besides its author. */
type Version = Omit<PolicyVersionEntity, 'writtenAt' | 'writtenBy'>;

function refuseTwice(policyIds: readonly string[]): void {
  const named = new Set<string>();
  for (const policyId of policyIds) {
    if (named.has(policyId)) throw new PolicyConflictError(policyId);
    named.add(policyId);
  }
}

function successor(stored: PolicyVersionEntity | undefined, policy: Policy): Version {
  const { policyId, version } = policy;
  if (version !== (stored?.version ?? 0) + 1) throw new PolicyConflictError(policyId);
  return { policyId, version, document: policy, isDeleted: false };
}

function tombstone(
  stored: PolicyVersionEntity | undefined,
  { policyId, version: known }: PolicyChange['remove'][number],
): Version {
  if (stored === undefined || stored.isDeleted || stored.version !== known)
    throw new PolicyConflictError(policyId);
  const version = known + 1;
  return { policyId, version, document: { ...stored.document, version }, isDeleted: true };
}

/** The newest version of every policy, deleted ones too, in ascending order of their ids. */
function newest(manager: EntityManager): SelectQueryBuilder<PolicyVersionEntity> {
  return manager
    .createQueryBuilder(PolicyVersionEntity, 'kept')
    .distinctOn(['kept.policyId'])
    .orderBy({ 'kept.policyId': 'ASC', 'kept.version': 'DESC' });
}

async function newestById(
  manager: EntityManager,
  policyIds: readonly string[],
): Promise<ReadonlyMap<string, PolicyVersionEntity>> {
  const rows = await newest(manager)
    .where({ policyId: Any(policyIds.filter(isStorable)) })
    .getMany();
  return new Map(rows.map((row) => [row.policyId, row]));
}

function isVersion(version: number): boolean {
  return Number.isInteger(version) && version >= 1 && version <= MAX_VERSION;
}

function toKept({ document, writtenAt, writtenBy, isDeleted }: PolicyVersionEntity): KeptPolicy {
  return { policy: document as Policy, writtenAt, writtenBy, isDeleted };
}
