import { Injectable, Logger } from '@nestjs/common';

import { AccountConflictError, AccountStore } from './account-store.js';
import type { Account } from './account.js';
import { AttemptLimiter } from './attempt-limiter.js';
import { Passwords } from './password.js';
import { SignInRefusedError } from './sign-in-refused-error.js';

/** Characters that a username can have in any spelling; nobody has a longer one. */
const MAX_USERNAME = 512;

/** Decides who signs in with a password. */
@Injectable()
export class SignIn {
  readonly #logger = new Logger(SignIn.name);

  constructor(
    private readonly accounts: AccountStore,
    private readonly passwords: Passwords,
    private readonly limiter: AttemptLimiter,
  ) {}

  /**
   * The account that the username and the password are of; it may have to change the password first
   * (`password.mustChange`).
   * @throws SignInRefusedError alike whatever was wrong; TemporarilyUnavailableError when too many
   *   wait; whatever the store fails with
   */
  async authenticate(
    username: string,
    password: string,
    address: string | undefined,
  ): Promise<Account> {
    const admission = this.limiter.admit(username, address);
    if (typeof admission === 'number')
      throw new SignInRefusedError('too_many_requests', undefined, Math.ceil(admission / 1000));
    try {
      const account =
        username.length <= MAX_USERNAME ? await this.accounts.findByUsername(username) : null;
      // The same work for everybody, so that the time tells nothing either.
      const isRight = await this.passwords.verify(password, account?.password?.hash ?? null);
      if (account === null) throw new SignInRefusedError('account_unknown');
      if (account.password === null)
        throw new SignInRefusedError('account_without_password', account.accountId);
      if (!isRight) throw new SignInRefusedError('password_wrong', account.accountId);
      if (account.disabled) throw new SignInRefusedError('account_disabled', account.accountId);
      admission.succeeded();
      return await this.#atTodaysCost(account, password);
    } catch (error) {
      if (!(error instanceof SignInRefusedError)) admission.abandoned();
      throw error;
    }
  }

  /** The account with its password hashed anew when new ones are hashed at another cost. */
  async #atTodaysCost(account: Account, password: string): Promise<Account> {
    const kept = account.password;
    if (kept === null || !this.passwords.needsRehash(kept.hash)) return account;
    try {
      const hash = await this.passwords.hash(password);
      const next = { ...account, password: { ...kept, hash }, version: account.version + 1 };
      await this.accounts.update(next);
      return next;
    } catch (error) {
      // The next sign-in tries again; this one is right all the same.
      if (!(error instanceof AccountConflictError))
        this.#logger.warn({ event: 'rehash_failed', accountId: account.accountId });
      return account;
    }
  }
}
