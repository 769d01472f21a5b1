/** Why a sign-in was refused: for the record alone, never for the person who tried. */
export const SIGN_IN_REASONS = [
  'too_many_requests',
  'account_unknown',
  'account_disabled',
  'account_without_password',
  'password_wrong',
  'account_changed',
] as const;

export type SignInReason = (typeof SIGN_IN_REASONS)[number];

/** A refused sign-in: one for every reason, but for the time to wait, which unknown accounts have too. */
export class SignInRefusedError extends Error {
  override readonly name = 'SignInRefusedError';

  /**
   * @param reason for the record
   * @param accountId for the record: whom it was about, when there is such an account
   * @param retryAfter seconds to wait when there were too many attempts
   */
  constructor(
    readonly reason: SignInReason,
    readonly accountId?: string,
    readonly retryAfter?: number,
  ) {
    super('The username or the password is not right.');
  }
}
