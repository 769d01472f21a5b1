import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';

import { DEFAULT_ACCESS_TOKEN_SETTINGS } from '../../src/clients/client.js';
import { PolicyConflictError } from '../../src/delegation/policy-store.js';
import {
  InMemoryPolicyStore,
  InMemoryPolicyUseStore,
  policyStoreContract,
  policyUseStoreContract,
} from '../../src/testing/index.js';
import { sampleClient, samplePolicy, samplePolicyUse, unique } from '../../src/testing/samples.js';
import {
  runMigrations,
  tokenExchangeSchema,
  TypeormClientStore,
  TypeormPolicyStore,
  TypeormPolicyUseStore,
} from '../../src/typeorm/index.js';
import { Policies1795651200000 } from '../../src/typeorm/migrations/1795651200000-policies.js';
import { createTestDataSource, dataSourceOf, type TestDataSource } from '../support/data-source.js';

const AUTHOR = { writtenAt: 1_800_000_000_000, writtenBy: { sub: 'alice', clientId: 'console' } };

policyStoreContract('InMemoryPolicyStore', async () => ({ store: new InMemoryPolicyStore() }));

policyUseStoreContract('InMemoryPolicyUseStore', async () => ({
  store: new InMemoryPolicyUseStore(),
}));

policyStoreContract('TypeormPolicyStore', async () => {
  const { dataSource, close } = await createTestDataSource();
  return { store: new TypeormPolicyStore(dataSource), close };
});

policyUseStoreContract('TypeormPolicyUseStore', async () => {
  const { dataSource, close } = await createTestDataSource();
  return { store: new TypeormPolicyUseStore(dataSource), close };
});

describe('The stores of policies in PostgreSQL', () => {
  let database: TestDataSource;
  let other: DataSource;
  let policies: readonly [TypeormPolicyStore, TypeormPolicyStore];
  let uses: readonly [TypeormPolicyUseStore, TypeormPolicyUseStore];
  beforeAll(async () => {
    database = await createTestDataSource();
    other = await dataSourceOf(database.url).initialize();
    policies = [new TypeormPolicyStore(database.dataSource), new TypeormPolicyStore(other)];
    uses = [new TypeormPolicyUseStore(database.dataSource), new TypeormPolicyUseStore(other)];
  });
  afterAll(async () => {
    await other.destroy();
    await database.close();
  });

  it.each([
    'update nte_policy_version set is_deleted = is_deleted',
    'update nte_policy_version set is_deleted = is_deleted where false',
    'delete from nte_policy_version',
    'truncate nte_policy_version',
  ])('refuse to change what is kept: %s', async (statement) => {
    const policy = samplePolicy();
    await policies[0].change({ put: [policy], remove: [] }, AUTHOR);
    await expect(other.query(statement)).rejects.toThrow('versions of policies are never changed');
    expect(await policies[1].find(policy.policyId)).toEqual({
      policy,
      ...AUTHOR,
      isDeleted: false,
    });
  });

  it('let one of two instances write the next version, with everything beside it', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { policyId } = samplePolicy();
      const rivals = Array.from({ length: 8 }, (_, index) => [
        samplePolicy({ policyId: unique('beside') }),
        samplePolicy({ policyId, description: `rival ${index}` }),
        samplePolicy({ policyId: unique('beside') }),
      ]);
      const results = await Promise.allSettled(
        rivals.map((put, index) => policies[index % 2]!.change({ put, remove: [] }, AUTHOR)),
      );
      const winner = results.findIndex(({ status }) => status === 'fulfilled');
      for (const [index, result] of results.entries()) {
        if (index !== winner)
          expect(result).toMatchObject({
            status: 'rejected',
            reason: expect.any(PolicyConflictError) as unknown,
          });
        for (const { policyId: beside } of [rivals[index]![0]!, rivals[index]![2]!])
          expect((await policies[index % 2]!.find(beside)) !== null).toBe(index === winner);
      }
      for (const store of policies) {
        const versions = await store.versions(policyId, { limit: 10 });
        expect(versions.map(({ policy }) => policy)).toEqual([rivals[winner]![1]]);
      }
    }
  });

  it('show a write to the other instance at once', async () => {
    const policy = samplePolicy();
    await policies[0].change({ put: [policy], remove: [] }, AUTHOR);
    const kept = { policy, ...AUTHOR, isDeleted: false };
    expect(await policies[1].list()).toContainEqual(kept);
    await policies[1].change({ put: [], remove: [policy] }, AUTHOR);
    expect(await policies[0].list()).not.toContainEqual(kept);
    expect((await policies[0].find(policy.policyId))?.isDeleted).toBe(true);
  });

  it('list all policies with one statement', async () => {
    const statements: string[] = [];
    const counted = await dataSourceOf(database.url, {
      logging: ['query'],
      logger: {
        logQuery: (statement: string) => void statements.push(statement),
        logQueryError() {},
        logQuerySlow() {},
        logSchemaBuild() {},
        logMigration() {},
        log() {},
      },
    }).initialize();
    statements.length = 0;
    await new TypeormPolicyStore(counted).list();
    expect(statements).toHaveLength(1);
    await counted.destroy();
  });

  it('give two instances exactly what a quota has', async () => {
    for (let round = 0; round < 20; round += 1) {
      const use = samplePolicyUse({ limit: 5 });
      const results = await Promise.all(
        Array.from({ length: 12 }, (_, index) => uses[index % 2]!.take([use])),
      );
      expect(results.filter(Boolean)).toHaveLength(5);
      for (const store of uses) expect(await store.count(use.key)).toBe(5);
    }
  });

  it('never wait for each other in a circle, and never take half', async () => {
    for (let round = 0; round < 10; round += 1) {
      const [one, two, three] = [1, 2, 3].map(() =>
        samplePolicyUse({ limit: 10, until: Number.MAX_SAFE_INTEGER }),
      );
      const ways = [
        [one!, two!],
        [two!, one!],
        [two!, three!],
        [three!, one!, two!],
      ];
      const work = Array.from({ length: 24 }, (_, index) => ({
        way: ways[index % ways.length]!,
        taken: uses[(index >> 1) % 2]!.take(ways[index % ways.length]!),
      }));
      const sweeps = uses.map((store) => store.removeExpired(Number.MAX_SAFE_INTEGER - 1, 100));
      expect(await Promise.all(sweeps)).toEqual([0, 0]);
      const taken = await Promise.all(
        work.map(async ({ way, taken: isTaken }) => ((await isTaken) ? way : [])),
      );
      for (const { key, limit } of [one!, two!, three!]) {
        const count = taken.flat().filter((use) => use.key === key).length;
        expect(count).toBeLessThanOrEqual(limit);
        expect(await uses[0].count(key)).toBe(count);
      }
    }
  });

  it('take and forget side by side without waiting in a circle', async () => {
    const quotas = Array.from({ length: 6 }, (_, index) =>
      samplePolicyUse({ limit: 1_000, until: 1_000 - index }),
    );
    const work = Array.from({ length: 120 }, (_, index) =>
      index % 3 === 0
        ? uses[index % 2]!.removeExpired(1_000, 4)
        : uses[index % 2]!.take(index % 2 ? quotas : quotas.toReversed()),
    );
    const results = await Promise.allSettled(work);
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
  });
});

describe('The clients that were there before policies could name their groups', () => {
  it('are in none, also where an instance writes that does not know groups', async () => {
    const { dataSource, close } = await createTestDataSource();
    const clients = new TypeormClientStore(dataSource);
    const client = sampleClient();
    await clients.create(client);
    const { migrations } = tokenExchangeSchema;
    for (const _ of migrations.slice(migrations.indexOf(Policies1795651200000)))
      await dataSource.undoLastMigration();
    await runMigrations(dataSource);
    expect(await clients.find(client.clientId)).toEqual({
      ...client,
      groups: [],
      accessTokens: DEFAULT_ACCESS_TOKEN_SETTINGS,
    });
    await dataSource.query(
      `insert into nte_client (client_id, name, kind, disabled, grant_types, scopes,
         authentication_methods, secrets, identifiers, offered_scopes, targets, token_lifetime,
         exchange, sign_in, created_at, version)
       select 'older', name, kind, disabled, grant_types, scopes,
         authentication_methods, secrets, identifiers, offered_scopes, targets, token_lifetime,
         exchange, sign_in, created_at, version
       from nte_client`,
    );
    expect((await clients.find('older'))?.groups).toEqual([]);
    await close();
  });
});
