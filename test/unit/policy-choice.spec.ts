import { describe, expect, it } from '@jest/globals';

import { newPolicy, type Policy } from '../../src/delegation/policy.js';
import { policyHalf } from '../../src/delegation/lineage.js';
import { PolicySet } from '../../src/delegation/policy-set.js';
import { StoredPolicies } from '../../src/delegation/stored-policies.js';
import { InMemoryPolicyStore } from '../../src/testing/index.js';
import { exchangeRequest } from '../support/exchange-requests.js';
import { FakeClock } from '../support/fake-clock.js';

const request = exchangeRequest({ targets: { x: ['read', 'write'] } });

function allow(policyId: string, more: Partial<Policy> = {}): Policy {
  return newPolicy({ policyId, actor: { clients: ['a'] }, targets: ['x'], ...more });
}

/** Which policy decides, in either order. */
function deciderOf(...policies: readonly Policy[]): string {
  const [one, other] = [policies, policies.toReversed()].map(
    (each) => new PolicySet(each).evaluate(request).basis.policy,
  );
  expect(one).toBe(other);
  return one ?? '';
}

const life = (lifetime: number): Partial<Policy> => ({
  limits: { depth: 5, targets: 1, loops: false, lifetime },
});

describe('Of several policies that allow a request', () => {
  it('the one that grants more scope decides, though it is shorter and comes later', () => {
    const narrow = allow('a-narrow', { scopes: ['read'], ...life(500) });
    const wide = allow('b-wide', { scopes: ['read', 'write'], ...life(100) });
    expect(deciderOf(narrow, wide)).toBe('b-wide');
  });

  it('then the one that grants a longer life, though it comes later', () => {
    expect(deciderOf(allow('a-short', life(100)), allow('b-long', life(200)))).toBe('b-long');
  });

  it('then the one whose id comes first', () => {
    expect(deciderOf(allow('b'), allow('a'))).toBe('a');
  });

  it('one that is disabled, or that denies nothing of this, does not matter', () => {
    const denied = newPolicy({ policyId: '0-deny', effect: 'deny', actor: { clients: ['b'] } });
    const off = allow('1-off', { disabled: true });
    expect(deciderOf(allow('a'), denied, off)).toBe('a');
    const elsewhere = { ...denied, actor: { clients: ['a'] }, targets: ['y'] };
    expect(deciderOf(allow('a'), elsewhere)).toBe('a');
    expect(deciderOf(allow('a'), { ...elsewhere, targets: ['x'] })).toBe('0-deny');
  });
});

describe('What a verdict tells besides', () => {
  it('is a mapping only where one was needed', () => {
    const mapping = { read: ['write'] };
    const mapped = new PolicySet([allow('m', { scopeMapping: mapping, scopes: ['write'] })]);
    const held = exchangeRequest({ subjectToken: { scope: new Set(['read']) } });
    expect(mapped.evaluate(held)).toMatchObject({ outcome: 'allowed', reauthorized: mapping });
    const own = new PolicySet([allow('m', { scopeMapping: { none: ['write'] } })]);
    const verdict = own.evaluate(request);
    expect(verdict.outcome).toBe('allowed');
    expect(verdict).not.toHaveProperty('reauthorized');
  });

  it('is the sign-in that is needed only where that is what is missing', () => {
    const strict = allow('s', { stepUp: { acr: ['2'] }, scopes: ['other'] });
    expect(new PolicySet([strict]).evaluate(request)).toMatchObject({
      reason: 'authentication_insufficient',
      stepUp: { acr: ['2'] },
    });
    const elsewhere = { ...strict, subject: { subjects: ['bob'] } };
    const refused = new PolicySet([elsewhere]).evaluate(request);
    expect(refused).toMatchObject({ reason: 'subject_not_allowed' });
    expect(refused).not.toHaveProperty('stepUp');
  });
});

describe('Policies that are stored', () => {
  const author = { writtenAt: 1, writtenBy: { sub: 'admin' } };

  async function stored(...put: readonly Policy[]) {
    const store = new InMemoryPolicyStore();
    await store.change({ put, remove: [] }, author);
    const clock = new FakeClock();
    return { store, clock, policies: new StoredPolicies(store, clock) };
  }

  it('decide as they are stored, and a change counts within a second', async () => {
    const { store, clock, policies } = await stored(allow('a'));
    const decider = async () => (await policies.decide(request)).basis;
    expect(await decider()).toMatchObject({ policy: 'a', version: '1' });
    await store.change({ put: [allow('a', { version: 2 })], remove: [] }, author);
    expect(await decider()).toMatchObject({ policy: 'a', version: '1' });
    clock.advance(1_000);
    expect(await decider()).toMatchObject({ policy: 'a', version: '2' });
    await store.change({ put: [], remove: [{ policyId: 'a', version: 2 }] }, author);
    clock.advance(1_000);
    expect(await decider()).toMatchObject({ policy: 'client-settings' });
  });

  it('count at once when they are forgotten', async () => {
    const { store, policies } = await stored(allow('a'));
    const before = await policies.current();
    await store.change({ put: [allow('b')], remove: [] }, author);
    expect(await policies.current()).toBe(before);
    policies.forget();
    expect((await policies.current()).isInForce(policyHalf('b'))).toBe(true);
  });

  it('are made into a set again only when one changed', async () => {
    const { policies } = await stored(allow('a'), allow('b'));
    const before = await policies.current();
    policies.forget();
    expect(await policies.current()).toBe(before);
  });

  it('are in force while they allow: not once they are disabled, deny or are gone', async () => {
    const denial = newPolicy({ policyId: 'deny', effect: 'deny' });
    const { policies } = await stored(allow('a'), allow('off', { disabled: true }), denial);
    expect(await policies.isInForce(policyHalf('a'))).toBe(true);
    for (const policyId of ['off', 'deny', 'gone'])
      expect({ policyId, isInForce: await policies.isInForce(policyHalf(policyId)) }).toEqual({
        policyId,
        isInForce: false,
      });
  });
});
