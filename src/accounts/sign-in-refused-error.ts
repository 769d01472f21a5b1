import { OAuthError } from '../oauth/oauth-error.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';

/** Why a sign-in was refused: for the record alone, never for the person who tried. */
export type SignInReason = Extract<
  RefusalReason,
  | 'too_many_requests'
  | 'account_unknown'
  | 'account_disabled'
  | 'account_without_password'
  | 'password_wrong'
  | 'account_changed'
>;

/** A refused sign-in: one for every reason, but for the time to wait, which unknown accounts have too. */
export class SignInRefusedError extends OAuthError {
  readonly error = 'access_denied';
  readonly status: number;
  override readonly headers: Readonly<Record<string, string>>;

  /**
   * @param reason for the record
   * @param accountId for the record: whom it was about, when there is such an account
   * @param retryAfter seconds to wait when there were too many attempts
   */
  constructor(
    reason: SignInReason,
    readonly accountId?: string,
    readonly retryAfter?: number,
  ) {
    super(reason, 'The username or the password is not right.');
    this.status = retryAfter === undefined ? 403 : 429;
    this.headers = retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) };
  }
}
