import { randomUUID } from 'node:crypto';

import type { AccountStore } from '../accounts/account-store.js';
import { newAccount, type Account } from '../accounts/account.js';
import { makePassword, type Passwords } from '../accounts/password.js';

/** A demo person with the password that only `demo.json` knows. */
export interface DemoPerson {
  readonly username: string;
  readonly password: string;
  readonly accountId: string;
  readonly purpose: string;
}

/** What is needed to seed people. */
export interface PeopleStores {
  readonly accounts: AccountStore;
  readonly passwords: Passwords;
}

interface Character {
  readonly account: Pick<Account, 'username'> & Partial<Account>;
  readonly purpose: string;
}

const CHARACTERS: readonly Character[] = [
  {
    account: {
      username: 'alice',
      name: 'Alice Liddell',
      email: 'alice@example.com',
      emailVerified: true,
      groups: ['staff'],
    },
    purpose: 'a person who opens the web application',
  },
  {
    account: {
      username: 'bob',
      name: 'Bob Barker',
      email: 'bob@example.com',
      emailVerified: true,
      groups: ['staff'],
    },
    purpose: 'another person',
  },
  {
    account: { username: 'admin', name: 'Demo Administrator', roles: ['administrator'] },
    purpose: 'a person who administers this server',
  },
];

/**
 * Seeds the demo people. Who exists and is known is left as they are; who exists and is not known
 * any more gets a new password.
 * @param known what `demo.json` holds
 */
export async function seedPeople(
  { accounts, passwords }: PeopleStores,
  known: readonly DemoPerson[],
  now: number,
): Promise<{ readonly people: readonly DemoPerson[]; readonly changed: boolean }> {
  let changed = false;
  const people: DemoPerson[] = [];
  for (const { account, purpose } of CHARACTERS) {
    const stored = await accounts.findByUsername(account.username);
    const kept = known.find(({ accountId }) => accountId === stored?.accountId);
    if (kept) {
      people.push(kept);
      continue;
    }
    changed = true;
    const plain = makePassword();
    const password = { hash: await passwords.hash(plain), changedAt: now, mustChange: false };
    const accountId = stored?.accountId ?? randomUUID();
    if (stored) await accounts.update({ ...stored, password, version: stored.version + 1 });
    else await accounts.create(newAccount({ ...account, accountId, password, createdAt: now }));
    people.push({ username: account.username, password: plain, accountId, purpose });
  }
  return { people, changed };
}
