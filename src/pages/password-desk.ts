import { Injectable } from '@nestjs/common';

import type { Account } from '../accounts/account.js';
import { AccountConflictError } from '../accounts/account-store.js';
import { PasswordChange } from '../accounts/password-change.js';
import { SignInRefusedError } from '../accounts/sign-in-refused-error.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { SignOut } from '../authorization/sign-out.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import {
  InvalidRequestError,
  OAuthError,
  TemporarilyUnavailableError,
} from '../oauth/oauth-error.js';
import type { RequestParameters } from '../oauth/request-parameters.js';
import type { ChangePasswordError } from './page-views.js';
import { SignInDesk } from './sign-in-desk.js';
import type { Visitor } from './visitors.js';

/** Why a password was not changed, as the page says it. */
export interface PasswordProblem {
  readonly error: ChangePasswordError;
  readonly retryAfterSeconds?: number;
  /** Of the answer. */
  readonly status: number;
  /** Of the answer, besides the usual ones. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Changes the passwords of people who know the one they have. */
@Injectable()
export class PasswordDesk {
  constructor(
    private readonly signIn: SignInDesk,
    private readonly passwords: PasswordChange,
    private readonly signOut: SignOut,
    private readonly trail: AuditTrail,
    private readonly settings: IssuerSettings,
  ) {}

  /**
   * Gives an account the password of a form (`current-password`, `new-password`, `repeat-password`)
   * and ends its other sessions with everything that was ever allowed elsewhere than in this one.
   * @param spared the session that goes on
   * @returns the account with its new password, or what is wrong
   */
  async change(
    username: string,
    parameters: RequestParameters,
    visitor: Visitor,
    spared?: string,
  ): Promise<{ readonly account: Account } | PasswordProblem> {
    const current = parameters.get('current-password') ?? '';
    const next = parameters.get('new-password') ?? '';
    try {
      const account = await this.signIn.authenticate(username, current, visitor);
      const problem = this.#problem(account, current, next, parameters.get('repeat-password'));
      return { account: await this.#change(account, next, problem, visitor, spared) };
    } catch (error) {
      return problemOf(error);
    }
  }

  /** @throws OAuthError; whoever had the old password is out also when the change is on no record */
  async #change(
    account: Account,
    next: string,
    problem: ChangePasswordError | undefined,
    { origin }: Visitor,
    spared: string | undefined,
  ): Promise<Account> {
    const { accountId } = account;
    const operation = 'password-changed';
    let isWritten = false;
    try {
      return await this.trail.witness(
        origin,
        async (attempt) => {
          attempt.note({
            subject: { iss: this.settings.issuer, sub: accountId },
            operation: { name: operation },
          });
          if (problem !== undefined) throw new UnfitPasswordError(problem);
          const changed = await this.#write(account, next);
          isWritten = true;
          return changed;
        },
        'account_change',
      );
    } finally {
      if (isWritten) await this.signOut.endEverything(accountId, { origin, operation }, spared);
    }
  }

  #problem(
    account: Account,
    current: string,
    next: string,
    repeated: string | undefined,
  ): ChangePasswordError | undefined {
    if (next === current) return 'same-as-current';
    return this.passwords.fault(account, next) ?? (repeated === next ? undefined : 'mismatch');
  }

  async #write(account: Account, password: string): Promise<Account> {
    try {
      return await this.passwords.change(account, password);
    } catch (error) {
      if (!(error instanceof AccountConflictError)) throw error;
      throw new TemporarilyUnavailableError('account_changed', { cause: error });
    }
  }
}

class UnfitPasswordError extends InvalidRequestError {
  constructor(readonly problem: ChangePasswordError) {
    super('password_not_acceptable', 'The new password is not acceptable.');
  }
}

/** @throws the error itself when it is nothing that the page can say */
function problemOf(error: unknown): PasswordProblem {
  if (!(error instanceof OAuthError)) throw error;
  const { status, headers } = error;
  if (error instanceof UnfitPasswordError) return { error: error.problem, status, headers };
  if (error instanceof SignInRefusedError) {
    return error.retryAfter === undefined
      ? { error: 'wrong-current', status, headers }
      : { error: 'too-many-attempts', retryAfterSeconds: error.retryAfter, status, headers };
  }
  if (status >= 500) return { error: 'unavailable', status, headers };
  throw error;
}
