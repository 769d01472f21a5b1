import { InvalidRequestError } from '../../oauth/oauth-error.js';
import { parseScope, type Scope } from '../../oauth/scope.js';
import { TokenType } from '../../oauth/token-type.js';
import type { RequestParameters } from '../../oauth/request-parameters.js';

/** Parameters that other profiles define and this server does not honour: refused, never ignored. */
const NOT_SUPPORTED = [
  'authorization_details',
  'request_context',
  'request_details',
  'actor_chain_profile',
] as const;

/** A token exchange request as RFC 8693 section 2.1 defines it; targets are read apart. */
export interface TokenExchangeRequest {
  readonly subjectToken: string;
  readonly subjectTokenType: string;
  readonly actor: { readonly token: string; readonly type: string } | undefined;
  readonly requestedTokenType: typeof TokenType.AccessToken;
  readonly requestedScope: Scope | undefined;
  /** What for: a word or a ticket, in the caller's own terms. A parameter of this server's own. */
  readonly purpose: string | undefined;
}

const PURPOSE = /^[^\p{Cc}\p{Cs}]{1,200}$/u;

/** @throws InvalidRequestError, InvalidScopeError */
export function readTokenExchangeRequest(parameters: RequestParameters): TokenExchangeRequest {
  const subjectToken = parameters.require('subject_token');
  const subjectTokenType = parameters.require('subject_token_type');
  const actorToken = parameters.get('actor_token');
  const actorTokenType = parameters.get('actor_token_type');
  const requestedTokenType = parameters.get('requested_token_type') ?? TokenType.AccessToken;
  const scope = parameters.get('scope');
  for (const name of NOT_SUPPORTED) {
    if (parameters.get(name) !== undefined) {
      throw new InvalidRequestError(
        'parameter_not_supported',
        `The parameter ${name} is not supported.`,
      );
    }
  }
  if (actorToken !== undefined && actorTokenType === undefined) {
    throw new InvalidRequestError(
      'missing_parameter',
      'The parameter actor_token_type is missing.',
    );
  }
  if (actorToken === undefined && actorTokenType !== undefined) {
    throw new InvalidRequestError(
      'missing_parameter',
      'The parameter actor_token_type needs an actor_token.',
    );
  }
  const purpose = parameters.get('purpose');
  if (purpose !== undefined && !PURPOSE.test(purpose)) {
    throw new InvalidRequestError(
      'parameter_malformed',
      'The purpose must be at most 200 characters without control characters.',
    );
  }
  if (actorToken === subjectToken) {
    throw new InvalidRequestError(
      'actor_token_is_subject_token',
      'A presented token is not acceptable.',
    );
  }
  if (requestedTokenType !== TokenType.AccessToken) {
    throw new InvalidRequestError(
      'token_type_not_supported',
      'The requested_token_type is not supported.',
    );
  }
  return {
    subjectToken,
    subjectTokenType,
    actor:
      actorToken === undefined || actorTokenType === undefined
        ? undefined
        : { token: actorToken, type: actorTokenType },
    requestedTokenType,
    requestedScope: scope === undefined ? undefined : parseScope(scope),
    purpose,
  };
}
