import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { accountProblems } from '../../src/accounts/account-rules.js';
import { newAccount, usernameKey, type Account } from '../../src/accounts/account.js';
import { networkPlace } from '../../src/accounts/network-place.js';

const accountId = '0a4cbb39-5d5e-4c0f-9b7e-3c5b6a1d2e3f';
const faults = (account: Partial<Account>): readonly string[] =>
  accountProblems(newAccount({ accountId, username: 'alice', ...account })).map(
    ({ field }) => field,
  );

describe('an account is refused', () => {
  test.each<[string, Partial<Account>]>([
    ['accountId', { accountId: 'alice' }],
    ['accountId', { accountId: accountId.toUpperCase() }],
    ['username', { username: '' }],
    ['username', { username: 'a b' }],
    ['username', { username: 'a\u00a0b' }],
    ['username', { username: 'a\u200bb' }],
    ['username', { username: 'a\u202eb' }],
    ['username', { username: 'a\nb' }],
    ['username', { username: '\ud800' }],
    ['username', { username: 'ﬁ' }],
    ['username', { username: 'x'.repeat(129) }],
    ['name', { name: '' }],
    ['name', { name: 'a\u0007' }],
    ['email', { email: 'alice' }],
    ['email', { email: 'a@b@c' }],
    ['email', { email: 'a b@c.example' }],
    ['email', { email: `a@${'x'.repeat(254)}` }],
    ['emailVerified', { emailVerified: true }],
    ['locale', { locale: 'de_CH' }],
    ['locale', { locale: 'DE-ch' }],
    ['locale', { locale: '' }],
    ['groups', { groups: ['a', 'a'] }],
    ['groups', { groups: [''] }],
    ['groups', { groups: Array.from({ length: 201 }, (_, index) => `g${index}`) }],
    ['roles', { roles: ['root'] as unknown as Account['roles'] }],
    ['roles', { roles: ['auditor', 'auditor'] }],
    ['claims', { claims: { sub: 'bob' } }],
    ['claims', { claims: { act: {} } }],
    ['claims', { claims: { roles: ['administrator'] } }],
    ['claims', { claims: { '': 1 } }],
    ['claims', { claims: { deep: { a: { b: { c: { d: 1 } } } } } }],
    ['claims', { claims: { long: 'ü'.repeat(4096) } }],
    ['claims', { claims: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`c${i}`, 1])) }],
    ['password', { password: { hash: 'plain', changedAt: 1, mustChange: false } }],
  ])('for its %s (%#)', (field, account) => {
    expect(faults(account)).toContain(field);
  });

  test('in nothing else', () => {
    expect(faults({})).toEqual([]);
    expect(faults({ username: 'Ålice@example.com', locale: 'de-CH', claims: { a: [{}] } })).toEqual(
      [],
    );
  });
});

describe('the key of a username', () => {
  test('is the same for upper and lower case and for every spelling', () => {
    for (const spelling of ['ÅLICE', 'a\u030alice', 'Å\u006cice', 'ＡＬＩＣＥ'.replace('Ａ', 'Å')])
      expect(usernameKey(spelling)).toBe('ålice');
  });

  test('is its own key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
        expect(usernameKey(usernameKey(text))).toBe(usernameKey(text));
        expect(usernameKey(text.normalize('NFKC'))).toBe(usernameKey(text));
      }),
    );
  });
});

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:0DB8:0001:0002::9', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['64:ff9b::192.0.2.7', '64:ff9b:0:0'],
  ['nonsense', 'elsewhere'],
  [undefined, 'elsewhere'],
])('the place of %s is %s', (address, place) => {
  expect(networkPlace(address)).toBe(place);
});
