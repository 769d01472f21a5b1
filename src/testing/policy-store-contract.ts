import assert from 'node:assert/strict';

import {
  PolicyConflictError,
  type KeptPolicy,
  type PolicyChange,
  type PolicyStore,
} from '../delegation/policy-store.js';
import { newPolicy, type Policy } from '../delegation/policy.js';
import { assertSame } from './assert-same.js';
import { samplePolicy, unique } from './samples.js';
import { aroundTests, globalFramework, type Opened, type TestFramework } from './test-framework.js';

const AUTHOR = { writtenAt: 1_800_000_000_123, writtenBy: { sub: 'alice', clientId: 'console' } };
const HOSTILE = ['', 'x', '\0', 'a\0b', '\ud800', "' or 1=1 --", 'x'.repeat(10_000)];
const NO_VERSIONS = [-1, 0, 0.5, 1.5, 2, 2 ** 31, 2 ** 53, Number.NaN, Infinity];

/** The promises of the port `PolicyStore`, as tests of the adapter that `open` gives. */
export function policyStoreContract(
  name: string,
  open: () => Promise<Opened & { readonly store: PolicyStore }>,
  framework: TestFramework = globalFramework(),
): void {
  const { describe, it } = framework;
  describe(`${name} keeps the promises of PolicyStore`, () => {
    const adapter = aroundTests(open, framework);
    const store = (): PolicyStore => adapter().store;
    const change = ({ put = [], remove = [] }: Partial<PolicyChange>): Promise<void> =>
      store().change({ put, remove }, AUTHOR);
    const listed = async (prefix: string): Promise<readonly KeptPolicy[]> =>
      (await store().list()).filter(({ policy }) => policy.policyId.startsWith(prefix));
    const history = (policyId: string): Promise<readonly KeptPolicy[]> =>
      store().versions(policyId, { limit: 100 });
    const refuses = async (write: Partial<PolicyChange>, policyId: string): Promise<void> => {
      const policyIds = [...(write.put ?? []), ...(write.remove ?? [])].map(
        (each) => each.policyId,
      );
      const kept = (): Promise<unknown> => Promise.all(policyIds.map(history));
      const before = await kept();
      await assert.rejects(change(write), (error) => {
        assert.ok(error instanceof PolicyConflictError, String(error));
        assert.equal(error.policyId, policyId);
        return true;
      });
      assertSame(await kept(), before);
    };
    /** A policy that is kept in each of so many versions. */
    const created = async (versions: number, policy: Partial<Policy> = {}): Promise<Policy> => {
      let whole = samplePolicy(policy);
      await change({ put: [whole] });
      while (whole.version < versions) {
        whole = next(whole);
        await change({ put: [whole] });
      }
      return whole;
    };

    it('refuses a new policy in another version than the first', async () => {
      for (const version of NO_VERSIONS) {
        const policy = samplePolicy({ version });
        await refuses({ put: [policy] }, policy.policyId);
      }
    });

    it('refuses a version that is not the next', async () => {
      const policy = await created(3);
      for (const version of [0, 1, 2, 3, 5, 3.5])
        await refuses({ put: [{ ...policy, version }] }, policy.policyId);
    });

    it('refuses to remove what is not there, or not in this version', async () => {
      const policy = await created(3);
      const { policyId } = policy;
      for (const version of [0, 1, 2, 4])
        await refuses({ remove: [{ policyId, version }] }, policyId);
      for (const nobody of [...HOSTILE, unique('policy')])
        for (const version of [0, 1]) {
          const write = store().change(
            { put: [], remove: [{ policyId: nobody, version }] },
            AUTHOR,
          );
          await assert.rejects(write, PolicyConflictError);
        }
    });

    it('refuses to remove a policy twice', async () => {
      const { policyId, version } = await created(1);
      await change({ remove: [{ policyId, version }] });
      for (const known of [version, version + 1])
        await refuses({ remove: [{ policyId, version: known }] }, policyId);
    });

    it('refuses a change that names a policy twice', async () => {
      const policy = await created(1);
      const { policyId, version } = policy;
      const removal = { policyId, version };
      const fresh = samplePolicy();
      await refuses({ put: [fresh, next(fresh)] }, fresh.policyId);
      await refuses({ put: [fresh, fresh] }, fresh.policyId);
      await refuses({ put: [next(policy), next(next(policy))] }, policyId);
      await refuses({ put: [next(policy)], remove: [removal] }, policyId);
      await refuses({ remove: [removal, removal] }, policyId);
      await refuses({ remove: [removal, { policyId, version: version + 1 }] }, policyId);
    });

    it('writes nothing of a change of which one part is refused', async () => {
      const [changed, removed, conflict] = [await created(2), await created(2), await created(2)];
      const fine = { put: [samplePolicy(), next(changed)], remove: [removed] };
      for (const bad of [conflict, next(next(conflict))]) {
        const put = [...fine.put, bad, samplePolicy()];
        await refuses({ put, remove: fine.remove }, conflict.policyId);
      }
      const { policyId } = conflict;
      const remove = [removed, { policyId, version: 1 }, changed];
      await refuses({ put: fine.put.slice(0, 1), remove }, policyId);
      await change(fine);
    });

    it('finds nothing where there is nothing, whatever is asked for', async () => {
      const { policyId } = await created(1);
      for (const text of [...HOSTILE, unique('policy')]) {
        assert.equal(await store().find(text), null);
        assert.equal(await store().find(text, 1), null);
        assertSame(await store().versions(text, { limit: 10 }), []);
        assertSame(await store().versions(text, { before: 10, limit: 10 }), []);
      }
      for (const version of NO_VERSIONS) assert.equal(await store().find(policyId, version), null);
    });

    it('keeps a policy as it was given, with who wrote it and when', async () => {
      const prefix = unique('policy');
      const careful = newPolicy({ policyId: `${prefix}-careful` });
      const nothing = { subject: { issuers: [] }, targets: [], scopes: [], scopeMapping: {} };
      const empty = newPolicy({ policyId: `${prefix}-empty`, effect: 'deny', ...nothing });
      const full = samplePolicy({ policyId: `${prefix}-full` });
      await change({ put: [full, empty, careful] });
      for (const policy of [careful, empty, full])
        assertSame(await store().find(policy.policyId), kept(policy));
      assertSame(
        await listed(prefix),
        [careful, empty, full].map((policy) => kept(policy)),
      );
      const seeded = { writtenAt: 0, writtenBy: { sub: 'seed' } };
      await store().change({ put: [next(full)], remove: [] }, seeded);
      assertSame(await store().find(full.policyId), { ...kept(next(full)), ...seeded });
    });

    it('keeps text that a database could stumble over', async () => {
      const hostile = 'a\0b\ud800c\'"\\{}\n🏠';
      const scopeMapping = { b: [hostile], 1: [], [hostile]: ['a'], a: ['b'] };
      const policy = samplePolicy({ description: hostile, subject: { subjects: [hostile] } });
      await change({ put: [{ ...policy, scopeMapping }] });
      const found = await store().find(policy.policyId);
      assertSame(found, kept({ ...policy, scopeMapping }));
      assertSame(Object.keys(found?.policy.scopeMapping ?? {}), Object.keys(scopeMapping));
    });

    it('keeps every version as it was, newest first', async () => {
      const first = await created(1);
      const second = { ...next(first), disabled: false, targets: ['https://other.example'] };
      const third = newPolicy({ policyId: first.policyId, version: 3 });
      for (const policy of [second, third]) {
        await change({ put: [policy] });
        assertSame(await store().find(first.policyId), kept(policy));
        assertSame(await listed(first.policyId), [kept(policy)]);
      }
      for (const policy of [first, second, third])
        assertSame(await store().find(first.policyId, policy.version), kept(policy));
      assertSame(
        await history(first.policyId),
        [third, second, first].map((policy) => kept(policy)),
      );
    });

    it('gives the versions of a policy page by page, and of no other', async () => {
      const { policyId } = await created(5);
      await created(2, { policyId: `${policyId}-longer` });
      const page = async (limit: number, before?: number): Promise<readonly number[]> =>
        (await store().versions(policyId, { before, limit })).map(({ policy }) => policy.version);
      assertSame(await page(2), [5, 4]);
      assertSame(await page(2, 4), [3, 2]);
      assertSame(await page(2, 2), [1]);
      assertSame(await page(10, 3), [2, 1]);
      for (const before of [1, 0, -1, -(2 ** 53)]) assertSame(await page(10, before), []);
      for (const before of [6, 2 ** 31, 2 ** 53, Infinity])
        assertSame(await page(10, before), [5, 4, 3, 2, 1]);
    });

    it('says with a version of its own that a policy is gone', async () => {
      for (const disabled of [true, false]) {
        const policy = await created(2, { disabled });
        const { policyId, version } = policy;
        await change({ remove: [{ policyId, version }] });
        const gone = { ...kept({ ...policy, version: 3 }), isDeleted: true };
        assertSame(await store().find(policyId), gone);
        assertSame(await store().find(policyId, 3), gone);
        assertSame(await store().find(policyId, 2), kept(policy));
        assertSame(await listed(policyId), []);
        assert.equal((await history(policyId)).length, 3);
      }
    });

    it('brings a policy back with the version after that', async () => {
      const policy = await created(1);
      const { policyId, version } = policy;
      await change({ remove: [{ policyId, version }] });
      await refuses({ put: [policy] }, policyId);
      await refuses({ put: [{ ...policy, version: 2 }] }, policyId);
      const back = { ...policy, description: 'back', version: 3 };
      await change({ put: [back] });
      assertSame(await listed(policyId), [kept(back)]);
      assertSame(
        (await history(policyId)).map((each) => [each.policy.version, each.isDeleted]),
        [
          [3, false],
          [2, true],
          [1, false],
        ],
      );
      await change({ remove: [{ policyId, version: 3 }] });
      assertSame(await listed(policyId), []);
    });

    it('writes several policies with one change', async () => {
      const prefix = unique('policy');
      const ids = ['changed', 'removed', 'untouched'].map((suffix) => `${prefix}-${suffix}`);
      const [changed, removed, untouched] = await Promise.all([
        created(1, { policyId: ids[0] ?? '' }),
        created(2, { policyId: ids[1] ?? '' }),
        created(1, { policyId: ids[2] ?? '' }),
      ]);
      const fresh = samplePolicy({ policyId: `${prefix}-fresh` });
      const { policyId, version } = removed;
      await change({ put: [fresh, next(changed)], remove: [{ policyId, version }] });
      const expected = [next(changed), fresh, untouched].map((policy) => kept(policy));
      assertSame(await listed(prefix), expected);
    });

    it('writes more policies with one change than a statement can hold', async () => {
      const prefix = unique('many');
      const ids = Array.from({ length: 2_500 }, (_, index) => `${prefix}-${index + 10_000}`);
      await change({ put: ids.map((policyId) => newPolicy({ policyId })) });
      const found = (await listed(prefix)).map(({ policy }) => policy.policyId);
      assertSame(found, ids);
      await change({ remove: ids.map((policyId) => ({ policyId, version: 1 })) });
      assertSame(await listed(prefix), []);
    });

    it('takes a change of nothing', async () => {
      await change({});
    });

    it('lists in ascending order of ids, by code point', async () => {
      const prefix = unique('list');
      const suffixes = [
        '',
        '-',
        '.',
        '0',
        'A',
        'B',
        '_',
        'a',
        'b',
        '\u{e9}',
        '\u{ff41}',
        '\u{1f600}',
      ];
      const ids = suffixes.map((suffix) => prefix + suffix);
      for (const policyId of ids.toReversed()) await created(2, { policyId });
      const found = (await listed(prefix)).map(({ policy }) => policy.policyId);
      assertSame(found, ids);
    });

    it('lets one of many writers of the same version through', async () => {
      const policy = await created(1);
      const { policyId, version } = policy;
      const rivals = Array.from({ length: 20 }, (_, index) =>
        index % 4 === 3
          ? { remove: [{ policyId, version }] }
          : { put: [{ ...next(policy), description: `rival ${index}` }, samplePolicy()] },
      );
      const results = await Promise.allSettled(rivals.map((rival) => change(rival)));
      const refused = results.filter((result) => result.status === 'rejected');
      assert.equal(refused.length, rivals.length - 1);
      for (const { reason } of refused)
        assert.ok(reason instanceof PolicyConflictError, String(reason));
      assert.equal((await history(policyId)).length, 2);
      const winner = rivals[results.findIndex(({ status }) => status === 'fulfilled')];
      const { policy: newest, isDeleted } = (await store().find(policyId)) ?? kept(policy);
      assert.equal(isDeleted, winner?.put === undefined);
      if (winner?.put) assertSame(newest, winner.put[0]);
      const companions = rivals.flatMap(({ put = [] }) => put.slice(1));
      for (const companion of companions)
        assert.equal(
          (await history(companion.policyId)).length,
          winner?.put?.[1] === companion ? 1 : 0,
        );
    });

    it('does not share what it keeps with its callers', async () => {
      const targets = ['https://postal.example'];
      const policy = await created(1, { targets });
      targets.push('https://billing.example');
      const found = await store().find(policy.policyId);
      assertSame(found?.policy.targets, ['https://postal.example']);
    });
  });
}

/** As the suite writes it. */
function kept(policy: Policy): KeptPolicy {
  return { policy, ...AUTHOR, isDeleted: false };
}

/** The version after this one, with another description. */
function next(policy: Policy): Policy {
  const version = policy.version + 1;
  return { ...policy, version, description: `version ${version}` };
}
