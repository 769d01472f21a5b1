import { Injectable } from '@nestjs/common';

import { AccountConflictError, AccountStore } from '../accounts/account-store.js';
import { usernameKey, type Account } from '../accounts/account.js';
import { frozenCopy } from './frozen-copy.js';

/** Accounts in the memory of this process: for tests, gone with it. */
@Injectable()
export class InMemoryAccountStore extends AccountStore {
  readonly #accounts = new Map<string, Account>();

  async find(accountId: string): Promise<Account | null> {
    return this.#accounts.get(accountId) ?? null;
  }

  async findByUsername(username: string): Promise<Account | null> {
    const key = usernameKey(username);
    const accounts = [...this.#accounts.values()];
    return accounts.find((account) => usernameKey(account.username) === key) ?? null;
  }

  async list(page: {
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<readonly Account[]> {
    const { after, limit } = page;
    return [...this.#accounts.values()]
      .filter(({ username }) => after === undefined || byUsername(username, after) > 0)
      .toSorted((a, b) => byUsername(a.username, b.username))
      .slice(0, limit);
  }

  async create(account: Account): Promise<void> {
    if (this.#accounts.has(account.accountId)) throw new AccountConflictError('account_id');
    this.#refuseTakenUsername(account);
    this.#accounts.set(account.accountId, frozenCopy(account));
  }

  async update(account: Account): Promise<void> {
    const stored = this.#accounts.get(account.accountId);
    if (stored?.version !== account.version - 1) throw new AccountConflictError('version');
    this.#refuseTakenUsername(account);
    this.#accounts.set(account.accountId, frozenCopy(account));
  }

  async delete(accountId: string): Promise<boolean> {
    return this.#accounts.delete(accountId);
  }

  #refuseTakenUsername({ accountId, username }: Account): void {
    const key = usernameKey(username);
    for (const other of this.#accounts.values()) {
      if (other.accountId !== accountId && usernameKey(other.username) === key)
        throw new AccountConflictError('username');
    }
  }
}

/** By code point, as the bytes of UTF-8 sort. */
function byUsername(a: string, b: string): number {
  return Buffer.compare(Buffer.from(usernameKey(a)), Buffer.from(usernameKey(b)));
}
