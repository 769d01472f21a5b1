import { isResourceUri, isTargetIdentifier } from '../oauth/resource.js';
import { isScopeValue } from '../oauth/scope.js';
import { TokenType } from '../oauth/token-type.js';
import { TRUSTED_ALGORITHMS, type AcceptedToken, type TrustedIssuer } from './trusted-issuer.js';

const CLAIM_NAME = /^[A-Za-z0-9_:/.-]{1,128}$/;
const HEADER_TYPE = /^[a-z0-9!#$&^_.+-]{1,64}$/;
const MAX_LIST = 100;
/** Kinds of JWT that prove or report something else (RFC 8725 section 3.11). */
const NEVER_PRESENTED: ReadonlySet<string> = new Set([
  'dpop+jwt',
  'logout+jwt',
  'secevent+jwt',
  'statuslist+jwt',
  'token-introspection+jwt',
  'oauth-authz-req+jwt',
  'client-authentication+jwt',
]);

/** One thing that is wrong with a trusted issuer, with the field it is about. */
export interface TrustedIssuerProblem {
  readonly field: string;
  readonly problem: string;
}

/** Everything that is wrong with a trusted issuer as it would be stored. */
export function trustedIssuerProblems(
  issuer: TrustedIssuer,
  ownIssuer: string,
  allowLoopbackHttp: boolean,
): readonly TrustedIssuerProblem[] {
  const problems: TrustedIssuerProblem[] = [];
  const check = (right: boolean, field: string, problem: string): void => {
    if (!right) problems.push({ field, problem });
  };
  const isAddress = (url: string): boolean => isFetchable(url, allowLoopbackHttp);
  check(
    isAddress(issuer.issuer) && !/[?#]/.test(issuer.issuer),
    'issuer',
    'must be an https URL without query or fragment',
  );
  check(
    withoutSlash(issuer.issuer) !== withoutSlash(ownIssuer),
    'issuer',
    'must not be this server itself',
  );
  check(
    issuer.name.length > 0 && issuer.name.length <= 200 && !/\p{Cc}/u.test(issuer.name),
    'name',
    'must be 1 to 200 characters without control characters',
  );
  check(issuer.jwksUri === null || isAddress(issuer.jwksUri), 'jwksUri', 'must be an https URL');
  check(issuer.algorithms.length > 0, 'algorithms', 'must name at least one algorithm');
  check(
    issuer.algorithms.every((name) => TRUSTED_ALGORITHMS.includes(name)),
    'algorithms',
    `must be of ${TRUSTED_ALGORITHMS.join(', ')}`,
  );
  check(
    new Set(issuer.accepts.map((each) => each.tokenType)).size === issuer.accepts.length,
    'accepts',
    'must name each tokenType once',
  );
  issuer.accepts.forEach((accepted, index) => {
    const field = `accepts.${index}`;
    check(
      accepted.tokenType === TokenType.Jwt || accepted.tokenType === TokenType.IdToken,
      `${field}.tokenType`,
      `must be ${TokenType.Jwt} or ${TokenType.IdToken}`,
    );
    check(
      isList(accepted.types) && accepted.types.every((type) => HEADER_TYPE.test(type)),
      `${field}.types`,
      'must be lower-case typ values, or none',
    );
    check(
      !accepted.types.some((type) => NEVER_PRESENTED.has(type)),
      `${field}.types`,
      'must not name a kind that says nothing about who may do what',
    );
    check(
      isList(accepted.audiences) && accepted.audiences.every(isTargetIdentifier),
      `${field}.audiences`,
      'must be absolute URIs without fragment, or names',
    );
  });
  check(
    !issuer.accepts.some((one, index) =>
      issuer.accepts.slice(index + 1).some((other) => isSameKind(one, other)),
    ),
    'accepts',
    'must not accept the same type for the same audience as two kinds',
  );
  check(CLAIM_NAME.test(issuer.subjectClaim), 'subjectClaim', 'must be a claim name');
  check(
    issuer.clientIdClaims.length <= 10 &&
      issuer.clientIdClaims.every((name) => CLAIM_NAME.test(name)),
    'clientIdClaims',
    'must be claim names, ten at most',
  );
  check(CLAIM_NAME.test(issuer.scopeClaim), 'scopeClaim', 'must be a claim name');
  check(
    issuer.scopes.length <= MAX_LIST && issuer.scopes.every(isScopeValue),
    'scopes',
    'must be scope values (RFC 6749 section 3.3)',
  );
  check(
    issuer.impliedScopes.length <= MAX_LIST && issuer.impliedScopes.every(isScopeValue),
    'impliedScopes',
    'must be scope values (RFC 6749 section 3.3)',
  );
  check(
    Number.isInteger(issuer.clockSkew) && issuer.clockSkew >= 0 && issuer.clockSkew <= 60,
    'clockSkew',
    'must be 0 to 60 seconds',
  );
  return problems;
}

/** Whether a token could be taken for either, so that nothing would tell an ID token from another JWT. */
function isSameKind(one: AcceptedToken, other: AcceptedToken): boolean {
  return (
    one.types.some((type) => other.types.includes(type)) &&
    one.audiences.some((audience) => other.audiences.includes(audience))
  );
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '').toLowerCase();
}

function isList(values: readonly string[]): boolean {
  return values.length > 0 && values.length <= MAX_LIST;
}

function isFetchable(text: string, allowLoopbackHttp: boolean): boolean {
  if (!isResourceUri(text)) return false;
  const url = new URL(text);
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return (
    url.username === '' &&
    url.password === '' &&
    (url.protocol === 'https:' || (allowLoopbackHttp && isLoopback && url.protocol === 'http:'))
  );
}
