import { randomUUID } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import { AccountDirectory } from '../accounts/account-directory.js';
import { accountProblems, isAccountId } from '../accounts/account-rules.js';
import { AccountConflictError, AccountStore } from '../accounts/account-store.js';
import { newAccount, type Account, type KeptPassword } from '../accounts/account.js';
import { passwordProblem } from '../accounts/password-rules.js';
import { makePassword, Passwords } from '../accounts/password.js';
import { ConsentStore } from '../authorization/consent-store.js';
import { SignOut } from '../authorization/sign-out.js';
import { Clock } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { Revocations } from '../tokens/revocations.js';
import type { ChangeAccount, CreateAccount } from './account.dto.js';
import type { AdministrativeAct } from './administrative-act.js';
import { checkIfMatch } from './etag.js';
import { namedFields } from './named-fields.js';
import { invalidFields, notFound, Problem, type FieldProblem } from './problem.js';
import { checkReachOverAccount } from './reach.js';

/** What administrators do with accounts. Every write checks the whole account that would be stored. */
@Injectable()
export class AccountAdministration {
  constructor(
    private readonly store: AccountStore,
    private readonly consents: ConsentStore,
    private readonly signOut: SignOut,
    private readonly directory: AccountDirectory,
    private readonly passwords: Passwords,
    private readonly revocations: Revocations,
    private readonly settings: IssuerSettings,
    private readonly clock: Clock,
  ) {}

  /** @throws Problem (404) */
  async get(accountId: string): Promise<Account> {
    const account = isAccountId(accountId) ? await this.store.find(accountId) : null;
    if (account === null) throw notFound('account');
    return account;
  }

  /** Accounts in ascending order of their usernames, whatever their case. */
  list(after: string | undefined, limit: number): Promise<readonly Account[]> {
    return this.store.list({ after, limit });
  }

  /** @throws Problem (400, 403, 409) */
  async create(
    { username, password, ...fields }: CreateAccount,
    act: AdministrativeAct,
  ): Promise<Account> {
    const createdAt = this.clock.now();
    const blank = { accountId: randomUUID(), username: username.normalize('NFKC'), createdAt };
    const account = newAccount({ ...blank, ...namedFields(fields) });
    check(account, password);
    checkReachOverAccount(act, account);
    const made =
      password === undefined
        ? account
        : { ...account, password: await this.#keep(account, password) };
    await this.#write(() => this.store.create(made));
    return made;
  }

  /**
   * Merges the named fields into an account.
   * @throws Problem (400, 403, 404, 409, 412)
   */
  async change(
    accountId: string,
    changes: ChangeAccount,
    act: AdministrativeAct,
    ifMatch?: string,
  ): Promise<Account> {
    const account = await this.get(accountId);
    checkIfMatch(ifMatch, account.version);
    checkReachOverAccount(act, account);
    const changed = { ...account, ...namedFields(changes), updatedAt: this.clock.now() };
    return this.#update({ ...changed, username: changed.username.normalize('NFKC') }, act);
  }

  /**
   * Disables an account, which ends its sessions and everything it allowed and revokes every token that
   * names it, or enables it.
   * @throws Problem (400, 403, 404, 409)
   */
  async setDisabled(
    accountId: string,
    disabled: boolean,
    act: AdministrativeAct,
  ): Promise<Account> {
    const account = await this.get(accountId);
    checkReachOverAccount(act, account);
    if (disabled) return this.#disable(account, 'account-disabled', act);
    return account.disabled ? this.#update({ ...account, disabled }, act) : account;
  }

  /**
   * Gives an account a password that must be changed at the next sign-in, and ends its sessions and
   * everything it allowed.
   * @throws Problem (400, 403, 404, 409)
   */
  async setPassword(accountId: string, password: string, act: AdministrativeAct): Promise<Account> {
    const account = await this.get(accountId);
    check(account, password);
    checkReachOverAccount(act, account);
    const changed = { ...account, password: await this.#keep(account, password) };
    const next = await this.#update(changed, act);
    await this.#end(next, 'password-reset', act);
    return next;
  }

  /**
   * The same with a password that nobody chose.
   * @throws Problem (403, 404, 409)
   */
  async resetPassword(
    accountId: string,
    act: AdministrativeAct,
  ): Promise<{ account: Account; password: string }> {
    const password = makePassword();
    return { account: await this.setPassword(accountId, password, act), password };
  }

  /**
   * Ends its sessions and everything it allowed or agreed to, revokes every token that names it, and
   * deletes it.
   * @throws Problem (403, 404, 409)
   */
  async delete(accountId: string, act: AdministrativeAct): Promise<void> {
    const account = await this.get(accountId);
    checkReachOverAccount(act, account);
    // Whatever fails from here on, the account is still there to be deleted again, and gets nothing meanwhile.
    await this.#disable(account, 'account-deleted', act);
    let found = false;
    await this.#write(async () => {
      await this.consents.deleteAll(account.accountId);
      found = await this.store.delete(account.accountId);
      await this.#end(account, 'account-deleted', act);
      await this.consents.deleteAll(account.accountId);
    });
    if (!found) throw notFound('account');
  }

  /**
   * First its state, then what there is of it, and what an instance still gives that has not heard of it: a
   * revocation holds for a second more. Also when it is disabled already, for the last time may have
   * failed in between.
   */
  async #disable(account: Account, operation: string, act: AdministrativeAct): Promise<Account> {
    // Not checked: a rule that is younger than the account must not keep it from being disabled.
    const next = account.disabled ? account : await this.#replace({ ...account, disabled: true });
    await this.#end(next, operation, act);
    const person = { iss: this.settings.issuer, sub: account.accountId };
    await this.revocations.revokeAll([
      { target: { kind: 'subject', ...person }, expiresAt: null },
      { target: { kind: 'actor', ...person }, expiresAt: null },
    ]);
    return next;
  }

  async #end(
    { accountId }: Account,
    operation: string,
    { origin, administrator }: AdministrativeAct,
  ): Promise<void> {
    await this.signOut.endEverything(accountId, { origin, operation, administrator });
  }

  async #keep(account: Account, password: string): Promise<KeptPassword> {
    const hash = await this.passwords.hash(password);
    // Later than the one before, also where the clock stood or was put back.
    const changedAt = Math.max(this.clock.now(), (account.password?.changedAt ?? 0) + 1);
    return { hash, changedAt, mustChange: true };
  }

  async #update(account: Account, act: AdministrativeAct): Promise<Account> {
    check(account);
    checkReachOverAccount(act, account);
    return this.#replace(account);
  }

  async #replace(account: Account): Promise<Account> {
    const next = { ...account, version: account.version + 1 };
    await this.#write(() => this.store.update(next));
    return next;
  }

  async #write(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw error instanceof AccountConflictError ? conflict(error) : error;
    } finally {
      // Also after a failure: the store may have kept the write before its answer was lost.
      this.directory.forget();
    }
  }
}

/** @throws Problem (400) with everything that is wrong with the account and its new password */
function check(account: Account, password?: string): void {
  const problems: FieldProblem[] = [...accountProblems(account)];
  const { username, name, email } = account;
  const problem =
    password === undefined ? undefined : passwordProblem(password, [username, name, email ?? '']);
  if (problem !== undefined) problems.push({ field: 'password', problem });
  if (problems.length > 0) throw invalidFields(problems);
}

function conflict({ conflict: what }: AccountConflictError): Problem {
  if (what === 'version')
    return new Problem(409, 'The account was changed meanwhile: read it again.');
  const field = what === 'account_id' ? 'accountId' : 'username';
  return new Problem(409, 'Another account has this name.', {
    problems: [{ field, problem: 'is taken; upper and lower case are the same' }],
  });
}
