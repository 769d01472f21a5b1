import type { Account } from '../accounts/account.js';
import { epochSeconds } from '../oauth/clock.js';
import type { Json, JsonObject } from '../oauth/claims.js';
import type { ClaimsRequest, RequestedClaim } from './claims-request.js';

/** The scope values that stand for claims (OpenID Connect Core section 5.4). */
const CLAIM_SCOPES = ['profile', 'email'] as const;

type ClaimScope = (typeof CLAIM_SCOPES)[number];

/** Claims that a scope value other than `profile` stands for. */
const EMAIL_CLAIMS: ReadonlySet<string> = new Set(['email', 'email_verified']);

/** Claims of every sign-in, which nobody has to ask for. */
const PROTOCOL_CLAIMS: ReadonlySet<string> = new Set(['sub', 'acr', 'amr', 'auth_time', 'sid']);

/** The names of the claims that accounts here can have (OpenID Connect Discovery, `claims_supported`). */
export const SUPPORTED_CLAIMS = [
  'sub',
  'name',
  'preferred_username',
  'locale',
  'updated_at',
  'groups',
  'email',
  'email_verified',
  'auth_time',
  'acr',
  'amr',
  'sid',
] as const;

/** Everything that the account says, sorted by the scope value that stands for it. */
function claimsOf(account: Account): Readonly<Record<ClaimScope, JsonObject>> {
  const { name, username, locale, groups, email, emailVerified, updatedAt } = account;
  return {
    profile: {
      ...account.claims,
      name,
      preferred_username: username,
      ...(locale === null ? {} : { locale }),
      ...(groups.length === 0 ? {} : { groups: [...groups] }),
      updated_at: epochSeconds(updatedAt),
    },
    email: email === null ? {} : { email, email_verified: emailVerified },
  };
}

/** The scope value that a claim is asked for with. */
function scopeOf(claim: string): ClaimScope {
  return EMAIL_CLAIMS.has(claim) ? 'email' : 'profile';
}

/** The claims that scope values stand for. */
export function claimsOfScope(account: Account, scope: ReadonlySet<string>): JsonObject {
  const claims = claimsOf(account);
  return Object.assign(
    {},
    ...CLAIM_SCOPES.filter((each) => scope.has(each)).map((each) => claims[each]),
  ) as JsonObject;
}

/**
 * The claims that are asked for by name and that the account has, as far as the client may have the
 * scope value that stands for them.
 */
export function claimsByName(
  account: Account,
  requested: Readonly<Record<string, RequestedClaim>>,
  allowed: readonly string[],
): JsonObject {
  const claims = claimsOf(account);
  const found: Record<string, Json> = {};
  for (const name of Object.keys(requested)) {
    const scope = scopeOf(name);
    const value = Object.hasOwn(claims[scope], name) ? claims[scope][name] : undefined;
    if (value !== undefined && allowed.includes(scope)) found[name] = value;
  }
  return found;
}

/** The scope values that stand for claims that are asked for by name: a person agrees to them too. */
export function scopesOfClaims(names: readonly string[]): readonly string[] {
  return [...new Set(names.filter((name) => !PROTOCOL_CLAIMS.has(name)).map(scopeOf))];
}

/** What is asked for by name, without what stands for a scope value that is not allowed. */
export function claimsWithin(
  { idToken, userInfo }: ClaimsRequest,
  allowed: readonly string[],
): ClaimsRequest {
  const within = (claims: ClaimsRequest['idToken']): ClaimsRequest['idToken'] =>
    Object.fromEntries(
      Object.entries(claims).filter(([name]) =>
        scopesOfClaims([name]).every((value) => allowed.includes(value)),
      ),
    );
  return { idToken: within(idToken), userInfo: within(userInfo) };
}
