import { Injectable } from '@nestjs/common';

import { Clock } from '../oauth/clock.js';
import { AccountDirectory } from './account-directory.js';
import { AccountStore } from './account-store.js';
import type { Account } from './account.js';
import { passwordFault, type PasswordFault } from './password-rules.js';
import { Passwords } from './password.js';

/** Gives people the passwords that they choose themselves. */
@Injectable()
export class PasswordChange {
  constructor(
    private readonly store: AccountStore,
    private readonly directory: AccountDirectory,
    private readonly passwords: Passwords,
    private readonly clock: Clock,
  ) {}

  /** Why the account cannot have this password; undefined when it can. */
  fault({ username, name, email }: Account, password: string): PasswordFault | undefined {
    return passwordFault(password, [username, name, email ?? '']);
  }

  /**
   * Gives an account, as it is stored, the password that its person chose. Their other sessions are
   * the caller's to end.
   * @throws AccountConflictError when the account was changed meanwhile; TemporarilyUnavailableError
   *   when too many wait
   */
  async change(account: Account, password: string): Promise<Account> {
    const hash = await this.passwords.hash(password);
    // Later than the one before, also where the clock stood or was put back.
    const changedAt = Math.max(this.clock.now(), (account.password?.changedAt ?? 0) + 1);
    const next = {
      ...account,
      password: { hash, changedAt, mustChange: false },
      version: account.version + 1,
    };
    try {
      await this.store.update(next);
    } finally {
      this.directory.forget();
    }
    return next;
  }
}
