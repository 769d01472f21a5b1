import type { RefusalReason } from './refusal-reason.js';

/**
 * A refusal on purpose: what the caller may read (`error`, `description`) and what only the record
 * keeps (`reason`). The description is a constant sentence in the characters that RFC 6749
 * section 5.2 allows; it never repeats what the caller sent.
 */
export abstract class OAuthError extends Error {
  /** The wire code, `error` in the answer. */
  abstract readonly error: string;
  /** The HTTP status of the answer. */
  abstract readonly status: number;
  /** Headers that the answer carries besides the usual ones. */
  readonly headers: Readonly<Record<string, string>> = {};
  /** Members that the answer carries besides the usual ones. */
  readonly members: Readonly<Record<string, string | number>> = {};

  constructor(
    readonly reason: RefusalReason,
    readonly description: string,
    options?: ErrorOptions,
  ) {
    super(`${reason}: ${description}`, options);
    this.name = new.target.name;
  }
}

/** `invalid_request` (RFC 6749 section 5.2); also a bad subject or actor token (RFC 8693 section 2.2.2). */
export class InvalidRequestError extends OAuthError {
  readonly error = 'invalid_request';
  readonly status: number = 400;
}

/** `invalid_client` (RFC 6749 section 5.2). Answers a Basic attempt with a Basic challenge. */
export class InvalidClientError extends OAuthError {
  readonly error = 'invalid_client';
  readonly status = 401;
  override readonly headers: Readonly<Record<string, string>>;

  constructor(reason: RefusalReason, options: { challenge: boolean } & ErrorOptions) {
    super(reason, 'Client authentication failed.', options);
    this.headers = options.challenge
      ? { 'WWW-Authenticate': 'Basic realm="token", charset="UTF-8"' }
      : {};
  }
}

/** `invalid_grant` (RFC 6749 section 5.2): a code or a refresh token that is not acceptable. */
export class InvalidGrantError extends OAuthError {
  readonly error = 'invalid_grant';
  readonly status = 400;

  constructor(reason: RefusalReason, options?: ErrorOptions) {
    super(reason, 'The code or the refresh token is not acceptable.', options);
  }
}

/** `unauthorized_client` (RFC 6749 section 5.2): the client may not use this grant. */
export class UnauthorizedClientError extends OAuthError {
  readonly error = 'unauthorized_client';
  readonly status = 400;
}

/** `unsupported_grant_type` (RFC 6749 section 5.2). */
export class UnsupportedGrantTypeError extends OAuthError {
  readonly error = 'unsupported_grant_type';
  readonly status = 400;
}

/** `unsupported_token_type` (RFC 7009 section 2.2.1): tokens of this kind cannot be revoked here. */
export class UnsupportedTokenTypeError extends OAuthError {
  readonly error = 'unsupported_token_type';
  readonly status = 400;

  constructor(reason: RefusalReason) {
    super(reason, 'Tokens of this kind cannot be revoked here.');
  }
}

/** `invalid_scope` (RFC 6749 section 5.2). */
export class InvalidScopeError extends OAuthError {
  readonly error = 'invalid_scope';
  readonly status = 400;
}

/** `invalid_target` (RFC 8693 section 2.2.2, RFC 8707 section 2). */
export class InvalidTargetError extends OAuthError {
  readonly error = 'invalid_target';
  readonly status = 400;
}

/** `insufficient_user_authentication` (RFC 9470 section 3): the subject must sign in better, or again. */
export class InsufficientAuthenticationError extends OAuthError {
  readonly error = 'insufficient_user_authentication';
  readonly status = 400;
  override readonly members: Readonly<Record<string, string | number>>;

  constructor(
    reason: RefusalReason,
    {
      acr,
      maxAge,
    }: { readonly acr?: readonly string[] | undefined; readonly maxAge?: number | undefined },
  ) {
    super(reason, 'The subject must sign in in another way, or again.');
    this.members = {
      ...(acr === undefined ? {} : { acr_values: acr.join(' ') }),
      ...(maxAge === undefined ? {} : { max_age: maxAge }),
    };
  }
}

/** `invalid_request` for a method that the endpoint does not take: 405 with `Allow`. */
export class MethodNotAllowedError extends InvalidRequestError {
  override readonly status = 405;
  override readonly headers: Readonly<Record<string, string>>;

  constructor(allow: string) {
    super('method_not_allowed', 'This endpoint takes another method.');
    this.headers = { Allow: allow };
  }
}

/** `invalid_request` for a path where nothing is: 404. */
export class NothingHereError extends InvalidRequestError {
  override readonly status = 404;

  constructor() {
    super('malformed_request', 'There is nothing at this path.');
  }
}

/** `invalid_request` for a body above the limit: 413. */
export class BodyTooLargeError extends InvalidRequestError {
  override readonly status = 413;
  override readonly headers = { Connection: 'close' };

  constructor() {
    super('body_too_large', 'The request body is too large.');
  }
}

/** `temporarily_unavailable`: nothing was issued; the same request may be tried again. */
export class TemporarilyUnavailableError extends OAuthError {
  readonly error = 'temporarily_unavailable';
  readonly status: number = 503;
  override readonly headers: Readonly<Record<string, string>>;

  constructor(reason: RefusalReason, options?: ErrorOptions & { retryAfterSeconds?: number }) {
    super(reason, 'The server cannot answer this request now. Try again later.', options);
    this.headers = { 'Retry-After': String(options?.retryAfterSeconds ?? 1) };
  }
}

/** `temporarily_unavailable` for a caller that tries too often: 429 with `Retry-After` in seconds. */
export class TooManyRequestsError extends TemporarilyUnavailableError {
  override readonly status = 429;

  constructor(retryAfterSeconds: number) {
    super('too_many_requests', { retryAfterSeconds });
  }
}

/** The codes that only an authorization response has (RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6, RFC 9101). */
export type AuthorizationErrorCode =
  | 'access_denied'
  | 'consent_required'
  | 'invalid_request_uri'
  | 'login_required'
  | 'registration_not_supported'
  | 'request_not_supported'
  | 'request_uri_not_supported'
  | 'unmet_authentication_requirements'
  | 'unsupported_response_type';

/** A refusal of an authorization request, with its own code. */
export class AuthorizationError extends OAuthError {
  readonly status: number = 400;

  constructor(
    readonly error: AuthorizationErrorCode,
    reason: RefusalReason,
    description: string,
  ) {
    super(reason, description);
  }
}
