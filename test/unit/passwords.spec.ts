import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import {
  MAX_PASSWORD_BYTES,
  MIN_PASSWORD_LENGTH,
  normalPassword,
  passwordProblem,
} from '../../src/accounts/password-rules.js';
import { makePassword, Passwords } from '../../src/accounts/password.js';

const GOOD = 'quiet otters juggle';
/** The same password at a cost of long ago. */
const OLD =
  '$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';

describe('a password is refused', () => {
  const own = ['alice.liddell', 'Alice Liddell', 'alice@wonderland.example'];
  test.each([
    ['fourteen chars', 'at least 15'],
    ['😀'.repeat(14), 'at least 15'],
    ['x'.repeat(257), 'at most 256 bytes'],
    ['ü'.repeat(129), 'at most 256 bytes'],
    [`${GOOD}\u0000`, 'control characters'],
    [`${GOOD}\ud800`, 'control characters'],
    ['aaaaaaaaaaaaaaaaaaaa', 'too easy'],
    ['abcabcabcabcabcabc', 'too easy'],
    ['123456789012345', 'too easy'],
    ['abcdefghijklmnopqrstuvwxyz', 'too easy'],
    ['qwertyuiopasdfghjkl', 'too easy'],
    ['1q2w3e4r5t6y7u8i9o', 'too easy'],
    ['!@#$%^&*()_+!@#$%^&*()_+', 'too easy'],
    ['passwordpassword', 'too easy'],
    ['Password1234567!', 'too easy'],
    ['P@ssw0rd-P@ssw0rd', 'too easy'],
    ['ＰＡＳＳＷＯＲＤpassword', 'too easy'],
    ['correcthorsebatterystaple', 'too easy'],
    ['alice.liddell.2026', 'too easy'],
    ['LiddellAlice123456', 'too easy'],
    ['wonderland-alice!!', 'too easy'],
  ])('%j: %s', (password, problem) => {
    expect(passwordProblem(password, own)).toContain(problem);
  });

  test('never for want of a kind of character', () => {
    const scripts = [
      GOOD,
      'ленивая собака спит',
      '静かなカワウソが三匹で石を投げて遊ぶ',
      makePassword(),
    ];
    for (const password of scripts) expect(passwordProblem(password, own)).toBeUndefined();
    const word = fc.string({
      unit: fc.constantFrom(...'bdfgkmprtvz'.split('')),
      minLength: 5,
      maxLength: 9,
    });
    fc.assert(
      fc.property(fc.uniqueArray(word, { minLength: 4, maxLength: 6 }), (words) => {
        const password = words.join(' ');
        fc.pre(new Set(password).size >= 9);
        return passwordProblem(password, own) === undefined;
      }),
    );
  });

  test('whatever it is, without an error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.string(), (password, name) => {
        const problem = passwordProblem(password, [name]);
        const normal = normalPassword(password);
        const mayPass =
          normal !== undefined &&
          Array.from(normal).length >= MIN_PASSWORD_LENGTH &&
          Buffer.byteLength(normal) <= MAX_PASSWORD_BYTES;
        return mayPass || problem !== undefined;
      }),
    );
  });
});

describe('Passwords', () => {
  const passwords = new Passwords();

  test('refuses a wrong password, a missing hash and a password that nobody can have', async () => {
    const hash = await passwords.hash(GOOD);
    for (const wrong of ['', `${GOOD} `, GOOD.toUpperCase(), 'x'.repeat(1_000_000)])
      expect(await passwords.verify(wrong, hash)).toBe(false);
    for (const any of ['', GOOD, 'x'.repeat(1_000_000)])
      expect(await passwords.verify(any, null)).toBe(false);
    await expect(passwords.hash('x'.repeat(257))).rejects.toThrow(RangeError);
  });

  test('keeps argon2id at the cost that OWASP names, salted anew each time', async () => {
    const [one, two] = await Promise.all([passwords.hash(GOOD), passwords.hash(GOOD)]);
    expect(one).toMatch(
      /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/,
    );
    expect(two).not.toBe(one);
    expect(await passwords.verify(GOOD, one)).toBe(true);
    expect(passwords.needsRehash(one)).toBe(false);
    expect(passwords.needsRehash(OLD)).toBe(true);
    expect(passwords.needsRehash(one.replace('argon2id', 'argon2i'))).toBe(true);
  });

  test('takes every spelling of the same characters', async () => {
    const hash = await passwords.hash('Zürich öffnet früh'.normalize('NFD'));
    expect(await passwords.verify('Zürich öffnet früh'.normalize('NFC'), hash)).toBe(true);
  });

  test('lets so many wait and no more, and goes on afterwards', async () => {
    const crowd = await Promise.allSettled(
      Array.from({ length: 200 }, () => passwords.verify('wrong', OLD)),
    );
    const refused = crowd.filter((each) => each.status === 'rejected');
    expect(refused).toHaveLength(200 - 130);
    for (const { reason } of refused)
      expect(reason).toMatchObject({ status: 503, reason: 'overloaded' });
    const again = Array.from({ length: 20 }, () => passwords.verify('wrong', OLD));
    expect(await Promise.all(again)).toEqual(Array.from({ length: 20 }, () => false));
  });

  test('goes on after a hash that cannot be read', async () => {
    for (let count = 0; count < 3; count += 1)
      await expect(passwords.verify(GOOD, 'nonsense')).rejects.toThrow();
    expect(await passwords.verify(GOOD, null)).toBe(false);
  });
});
