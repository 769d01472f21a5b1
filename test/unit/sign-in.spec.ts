import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { AccountDirectory } from '../../src/accounts/account-directory.js';
import { newAccount, type Account } from '../../src/accounts/account.js';
import { AttemptLimiter } from '../../src/accounts/attempt-limiter.js';
import { Passwords } from '../../src/accounts/password.js';
import { SessionSettings } from '../../src/accounts/session.js';
import { Sessions } from '../../src/accounts/sessions.js';
import { SignInRefusedError } from '../../src/accounts/sign-in-refused-error.js';
import { SignIn } from '../../src/accounts/sign-in.js';
import { InMemoryAccountStore, InMemorySessionStore } from '../../src/testing/index.js';
import { FakeClock } from '../support/fake-clock.js';

const SECRET = 'quiet otters juggle';
const HERE = '192.0.2.1';
const MINUTE = 60_000;
const passwords = new Passwords();
const kept = {
  hash: await passwords.hash(SECRET),
  changedAt: 1,
  mustChange: false,
};

/** Passwords without the work; counts what would have been done. */
class CountedPasswords extends Passwords {
  readonly checked: boolean[] = [];

  override async verify(password: string, hash: string | null): Promise<boolean> {
    this.checked.push(hash !== null);
    return hash !== null && password === SECRET;
  }
}

let clock: FakeClock;
let accounts: InMemoryAccountStore;
let counted: CountedPasswords;
let signIn: SignIn;

beforeEach(async () => {
  clock = new FakeClock();
  accounts = new InMemoryAccountStore();
  counted = new CountedPasswords();
  signIn = new SignIn(accounts, counted, new AttemptLimiter(clock));
  const people: readonly (Pick<Account, 'username'> & Partial<Account>)[] = [
    { username: 'alice' },
    { username: 'disabled', disabled: true },
    { username: 'keyless', password: null },
  ];
  for (const person of people)
    await accounts.create(
      newAccount({ accountId: crypto.randomUUID(), password: kept, ...person }),
    );
});

async function refusal(
  username: string,
  password: string,
  address = HERE,
): Promise<SignInRefusedError> {
  const answer = await signIn
    .authenticate(username, password, address)
    .catch((error: unknown) => error);
  if (!(answer instanceof SignInRefusedError)) throw new Error(`not refused: ${String(answer)}`);
  return answer;
}

describe('a sign-in is refused', () => {
  const CASES = [
    ['nobody', SECRET, 'account_unknown'],
    ['', '', 'account_unknown'],
    ['x'.repeat(100_000), SECRET, 'account_unknown'],
    ['alice\0', SECRET, 'account_unknown'],
    ['alice', 'wrong', 'password_wrong'],
    ['disabled', SECRET, 'account_disabled'],
    ['disabled', 'wrong', 'password_wrong'],
    ['keyless', SECRET, 'account_without_password'],
  ] as const;

  test.each(CASES)('alike for %#, with the reason for the record', async (name, secret, reason) => {
    const answer = await refusal(name, secret);
    expect(answer.description).toBe('The username or the password is not right.');
    expect([answer.reason, answer.retryAfter]).toEqual([reason, undefined]);
    expect(counted.checked).toHaveLength(1);
  });

  test.each(CASES)('and delayed alike for %#', async (name, secret, _reason) => {
    const waits: (number | undefined)[] = [];
    for (let count = 0; count < 12; count += 1) {
      waits.push((await refusal(name, secret)).retryAfter);
      clock.advance(500);
    }
    const free = Array.from({ length: 5 }, () => undefined);
    expect(waits).toEqual([...free, 1, undefined, 2, 1, 1, undefined, 4]);
  });

  test('with the same work for everybody', async () => {
    const real = new SignIn(accounts, passwords, new AttemptLimiter(clock));
    const fastest = async (name: string): Promise<number> => {
      const times: number[] = [];
      for (let count = 0; count < 5; count += 1) {
        const start = performance.now();
        await real.authenticate(name, 'wrong', HERE).catch(() => undefined);
        times.push(performance.now() - start);
      }
      return Math.min(...times);
    };
    const [known, unknown] = [await fastest('alice'), await fastest('unknown')];
    expect(Math.max(known, unknown) / Math.min(known, unknown)).toBeLessThan(2.5);
  });

  test('without counting when nobody knows whether it was right', async () => {
    counted.verify = () => Promise.reject(new Error('too many wait'));
    for (let count = 0; count < 20; count += 1)
      await expect(signIn.authenticate('alice', SECRET, HERE)).rejects.toThrow('too many wait');
    delete (counted as Partial<CountedPasswords>).verify;
    expect((await signIn.authenticate('alice', SECRET, HERE)).username).toBe('alice');
  });

  test('when it comes too early, even with the right password, and many at once are many', async () => {
    const crowd = await Promise.all(Array.from({ length: 50 }, () => refusal('alice', 'wrong')));
    expect(crowd.filter(({ reason }) => reason === 'password_wrong')).toHaveLength(5);
    expect((await refusal('ALICE', SECRET)).retryAfter).toBe(1);
    clock.advance(1_000);
    expect((await signIn.authenticate('alice', SECRET, HERE)).username).toBe('alice');
    expect((await refusal('alice', 'wrong')).retryAfter).toBeUndefined();
  });
});

describe('guessing from elsewhere', () => {
  test('does not lock out the right password', async () => {
    for (let count = 0; count < 1_000; count += 1) await refusal('alice', 'wrong', '198.51.100.1');
    expect((await signIn.authenticate('alice', SECRET, HERE)).username).toBe('alice');
  });

  test('from many places slows down, but not where the person signed in before', async () => {
    await signIn.authenticate('alice', SECRET, HERE);
    for (let count = 0; count < 60; count += 1)
      await refusal('alice', 'wrong', `198.51.100.${count}`);
    const late = await refusal('alice', SECRET, '203.0.113.9');
    expect(late.reason).toBe('too_many_requests');
    expect((await signIn.authenticate('alice', SECRET, HERE)).username).toBe('alice');
    expect((await signIn.authenticate('alice', SECRET, '203.0.113.9')).username).toBe('alice');
  });

  test('of many names from one place is slowed down there', async () => {
    for (let count = 0; count < 100; count += 1) await refusal(`name-${count}`, 'x', '2001:db8::1');
    expect((await refusal('another', 'x', '2001:db8::ffff')).reason).toBe('too_many_requests');
    expect((await refusal('another', 'x', '2001:db8:0:1::1')).reason).toBe('account_unknown');
    clock.advance(MINUTE);
    expect((await refusal('another', 'x', '2001:db8::1')).reason).toBe('account_unknown');
  });
});

test('the delay never shrinks while attempts go on failing, and never passes its limit', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20 * MINUTE), { maxLength: 60 }), (pauses) => {
      const time = new FakeClock();
      const limiter = new AttemptLimiter(time);
      let longest = 0;
      for (const pause of pauses) {
        time.advance(pause);
        const admission = limiter.admit('alice', HERE);
        if (typeof admission === 'number') longest = Math.max(longest, admission);
        const wait = limiter.admit('alice', HERE);
        if (typeof wait !== 'number') continue;
        expect(wait).toBeGreaterThan(0);
        time.advance(wait);
        expect(typeof limiter.admit('alice', HERE)).toBe('object');
      }
      expect(longest).toBeLessThanOrEqual(15 * MINUTE);
    }),
  );
});

describe('the right password', () => {
  test('signs in, in every spelling of the username', async () => {
    for (const name of ['alice', 'ALICE', 'Ａlice'])
      expect((await signIn.authenticate(name, SECRET, HERE)).username).toBe('alice');
  });

  test('is hashed anew at the cost of today, and stays what it was', async () => {
    const { hash: cheap } = await import('@node-rs/argon2');
    const stored = (await accounts.findByUsername('alice'))!;
    const old = await cheap(SECRET, { memoryCost: 64, timeCost: 1 });
    await accounts.update({ ...stored, password: { ...kept, hash: old }, version: 2 });
    const real = new SignIn(accounts, passwords, new AttemptLimiter(clock));
    const account = await real.authenticate('alice', SECRET, HERE);
    expect(passwords.needsRehash(account.password!.hash)).toBe(false);
    expect(account).toMatchObject({ version: 3, password: { changedAt: 1, mustChange: false } });
    expect(await accounts.findByUsername('alice')).toEqual(account);
    expect(await real.authenticate('alice', SECRET, HERE)).toEqual(account);
  });
});

describe('a session', () => {
  const PROOF = { acr: 'urn:example:password', amr: ['pwd'] };
  const AT = { address: HERE, userAgent: `Browser ${'x'.repeat(300)}\n` };
  let sessions: Sessions;
  let store: InMemorySessionStore;
  let directory: AccountDirectory;

  beforeEach(() => {
    store = new InMemorySessionStore();
    directory = new AccountDirectory(accounts, clock);
    sessions = new Sessions(store, accounts, directory, new SessionSettings(), clock);
  });

  test('is not started for who was disabled, deleted or given another password meanwhile', async () => {
    const alice = (await accounts.findByUsername('alice'))!;
    const changes = [{ disabled: true }, { disabled: false, password: { ...kept, changedAt: 2 } }];
    for (const [index, change] of changes.entries()) {
      await accounts.update({ ...alice, ...change, version: index + 2 });
      await expect(sessions.start(alice, PROOF, AT)).rejects.toMatchObject({
        reason: 'account_changed',
      });
    }
    await accounts.delete(alice.accountId);
    await expect(sessions.start(alice, PROOF, AT)).rejects.toThrow(SignInRefusedError);
    expect(await store.list(alice.accountId, 10)).toEqual([]);
  });

  test('is not resumed with anything but its secret, nor when it is over', async () => {
    const alice = (await accounts.findByUsername('alice'))!;
    const { session, secret } = await sessions.start(alice, PROOF, AT);
    for (const wrong of ['', session.sid, session.secretHash, `${secret}x`, 'A'.repeat(43)])
      expect(await sessions.resume(wrong, HERE)).toBeNull();
    for (let hour = 0; hour < 11; hour += 1) {
      clock.advance(60 * MINUTE);
      expect((await sessions.resume(secret, '192.0.2.2'))?.session.sid).toBe(session.sid);
    }
    expect(await sessions.list(alice.accountId, 10)).toMatchObject([{ address: '192.0.2.2' }]);
    clock.advance(60 * MINUTE);
    expect(await sessions.resume(secret, HERE)).toBeNull();
    expect(await sessions.list(alice.accountId, 10)).toEqual([]);
    const idle = await sessions.start(alice, PROOF, AT);
    clock.advance(2 * 60 * MINUTE);
    expect(await sessions.resume(idle.secret, HERE)).toBeNull();
  });

  test('keeps of its secret the hash alone, and another one after a new proof', async () => {
    const alice = (await accounts.findByUsername('alice'))!;
    const { session, secret } = await sessions.start(alice, PROOF, AT);
    expect(JSON.stringify(await store.list(alice.accountId, 1))).not.toContain(secret);
    expect(session.userAgent).toHaveLength(200);
    clock.advance(5_000);
    const renewed = (await sessions.renew(secret, { ...PROOF, amr: ['pwd', 'otp'] }))!;
    expect(renewed.session).toMatchObject({ sid: session.sid, authTime: clock.now() });
    expect(await sessions.resume(secret, HERE)).toBeNull();
    expect(await sessions.renew(secret, PROOF)).toBeNull();
    expect((await sessions.resume(renewed.secret, HERE))?.account.username).toBe('alice');
  });

  test('is refused when its account is disabled or gone', async () => {
    const alice = (await accounts.findByUsername('alice'))!;
    const { secret } = await sessions.start(alice, PROOF, AT);
    await accounts.update({ ...alice, disabled: true, version: 2 });
    directory.forget();
    expect(await sessions.resume(secret, HERE)).toBeNull();
    await accounts.delete(alice.accountId);
    directory.forget();
    expect(await sessions.resume(secret, HERE)).toBeNull();
  });
});
