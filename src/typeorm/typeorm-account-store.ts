import { Injectable } from '@nestjs/common';
import { DataSource, MoreThan, type EntityManager } from 'typeorm';

import { isAccountId } from '../accounts/account-rules.js';
import { AccountConflictError, AccountStore } from '../accounts/account-store.js';
import { usernameKey, type Account } from '../accounts/account.js';
import type { JsonObject } from '../oauth/claims.js';
import { AccountEntity } from './entities/account.entity.js';
import { isStorable } from './storable-text.js';
import { inWriteTransaction, isUniqueViolation, Lock } from './write-transaction.js';

/** Accounts in PostgreSQL. */
@Injectable()
export class TypeormAccountStore extends AccountStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async find(accountId: string): Promise<Account | null> {
    if (!isAccountId(accountId)) return null;
    const row = await this.dataSource.manager.findOneBy(AccountEntity, { accountId });
    return row && toAccount(row);
  }

  async findByUsername(username: string): Promise<Account | null> {
    if (!isStorable(username)) return null;
    const row = await this.dataSource.manager.findOneBy(AccountEntity, {
      usernameKey: usernameKey(username),
    });
    return row && toAccount(row);
  }

  async list(page: {
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<readonly Account[]> {
    const rows = await this.dataSource.manager.find(AccountEntity, {
      where: page.after === undefined ? {} : { usernameKey: MoreThan(usernameKey(page.after)) },
      order: { usernameKey: 'ASC' },
      take: page.limit,
    });
    return rows.map(toAccount);
  }

  async create(account: Account): Promise<void> {
    await this.#write(async (manager) => {
      const { accountId } = account;
      if (await manager.existsBy(AccountEntity, { accountId }))
        throw new AccountConflictError('account_id');
      await manager.insert(AccountEntity, rowOf(account));
    });
  }

  async update(account: Account): Promise<void> {
    await this.#write(async (manager) => {
      const { accountId, version } = account;
      const known = { accountId, version: version - 1 };
      const { affected } = await manager.update(AccountEntity, known, rowOf(account));
      if (affected !== 1) throw new AccountConflictError('version');
    });
  }

  async delete(accountId: string): Promise<boolean> {
    if (!isAccountId(accountId)) return false;
    const { affected } = await this.#write((manager) =>
      manager.delete(AccountEntity, { accountId }),
    );
    return affected === 1;
  }

  async #write<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    try {
      return await inWriteTransaction(this.dataSource, Lock.Accounts, work);
    } catch (error) {
      if (isUniqueViolation(error)) throw new AccountConflictError('username');
      throw error;
    }
  }
}

/** Plain, without the entity's class and the key of the username. */
function toAccount(row: AccountEntity): Account {
  const { usernameKey: _key, claims, ...account } = row;
  return { ...account, claims: claims as JsonObject };
}

function rowOf(account: Account): AccountEntity {
  return {
    ...account,
    usernameKey: usernameKey(account.username),
    groups: [...account.groups],
    roles: [...account.roles],
  };
}
