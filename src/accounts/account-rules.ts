import type { Json, JsonObject } from '../oauth/claims.js';
import { ACCOUNT_ROLES, usernameKey, type Account } from './account.js';

const ACCOUNT_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Letters, marks, digits, punctuation and symbols: nothing invisible, nothing blank. */
const USERNAME = /^[\p{L}\p{M}\p{N}\p{P}\p{S}]{1,128}$/u;
const EMAIL = /^[^\s@\p{C}]{1,64}@[^\s@\p{C}]{1,189}$/u;
const PASSWORD_HASH = /^\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$/;
const MAX_GROUPS = 200;
const MAX_CLAIMS = 50;
/** Bytes of their JSON in UTF-8. */
const MAX_CLAIMS_SIZE = 8192;
const MAX_CLAIMS_DEPTH = 4;

/** Claims that say something else already: of tokens, of the protocol, of the account's own fields. */
const RESERVED_CLAIMS: ReadonlySet<string> = new Set(
  `iss sub sub_id aud exp nbf iat jti typ act may_act client_id azp scope nonce auth_time acr amr
  at_hash c_hash s_hash sid cnf events toe txn trust_framework authorization_details
  name preferred_username email email_verified locale updated_at groups roles entitlements
  active token_type username password __proto__ constructor prototype`.split(/\s+/),
);

/** One thing that is wrong with an account, with the field it is about. */
export interface AccountProblem {
  readonly field: string;
  readonly problem: string;
}

/** Whether this can be the id of an account. */
export function isAccountId(text: string): boolean {
  return ACCOUNT_ID.test(text);
}

/**
 * Everything that is wrong with an account as it would be stored: each write checks the whole
 * result, so that a change is accepted exactly when creating the same account would be.
 */
export function accountProblems(account: Account): readonly AccountProblem[] {
  const problems: AccountProblem[] = [];
  const check = (right: boolean, field: string, problem: string): void => {
    if (!right) problems.push({ field, problem });
  };
  const { username, email, groups, roles, claims, password } = account;
  check(isAccountId(account.accountId), 'accountId', 'must be a UUID in lower case');
  check(
    USERNAME.test(username) && USERNAME.test(usernameKey(username)),
    'username',
    'must be 1 to 128 visible characters without blanks',
  );
  check(username === username.normalize('NFKC'), 'username', 'must be in Unicode form NFKC');
  check(
    isText(account.name, 200),
    'name',
    'must be 1 to 200 characters without control characters',
  );
  check(
    email === null || (email.length <= 254 && EMAIL.test(email)),
    'email',
    'must be an e-mail address of at most 254 characters',
  );
  check(email !== null || !account.emailVerified, 'emailVerified', 'must be false without email');
  check(isLocale(account.locale), 'locale', 'must be a language tag (BCP 47) such as de-CH');
  check(
    groups.every((group) => isText(group, 128)),
    'groups',
    'must be names of 1 to 128 characters without control characters',
  );
  check(groups.length <= MAX_GROUPS, 'groups', `must have at most ${MAX_GROUPS} entries`);
  check(new Set(groups).size === groups.length, 'groups', 'must not repeat an entry');
  check(
    roles.every((role) => ACCOUNT_ROLES.includes(role)),
    'roles',
    `must be of ${ACCOUNT_ROLES.join(', ')}`,
  );
  check(new Set(roles).size === roles.length, 'roles', 'must not repeat an entry');
  check(password === null || PASSWORD_HASH.test(password.hash), 'password', 'must be hashed');
  return [...problems, ...claimsProblems(claims)];
}

function claimsProblems(claims: JsonObject): readonly AccountProblem[] {
  const names = Object.keys(claims);
  const reserved = names.filter((name) => RESERVED_CLAIMS.has(name));
  const found: (string | false)[] = [
    names.length > MAX_CLAIMS && `must have at most ${MAX_CLAIMS} names`,
    !names.every((name) => isText(name, 64)) && 'must have names of 1 to 64 visible characters',
    reserved.length > 0 &&
      `must not name ${reserved.join(', ')}: these have a meaning of their own`,
    !isShallow(claims, MAX_CLAIMS_DEPTH) && `must be nested at most ${MAX_CLAIMS_DEPTH} deep`,
    Buffer.byteLength(JSON.stringify(claims)) > MAX_CLAIMS_SIZE &&
      `must be at most ${MAX_CLAIMS_SIZE} bytes of JSON`,
  ];
  return found
    .filter((problem) => problem !== false)
    .map((problem) => ({ field: 'claims', problem }));
}

function isShallow(value: Json, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((part) => isShallow(part, depth - 1));
}

function isLocale(locale: string | null): boolean {
  if (locale === null) return true;
  try {
    return locale.length <= 35 && Intl.getCanonicalLocales(locale)[0] === locale;
  } catch {
    return false;
  }
}

function isText(value: string, most: number): boolean {
  return value.length > 0 && value.length <= most && !/[\p{Cc}\p{Cs}]/u.test(value);
}
