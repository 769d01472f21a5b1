import { InvalidScopeError } from './oauth-error.js';

/** A set of scope values, in the order in which they were named. */
export type Scope = ReadonlySet<string>;

export const EMPTY_SCOPE: Scope = new Set();

/** scope-token of RFC 6749 section 3.3. */
const SCOPE_TOKEN = /^[\x21\x23-\x5B\x5D-\x7E]+$/;
const MAX_SCOPE_LENGTH = 4096;

/** Whether this is one well-formed scope value (RFC 6749 section 3.3). */
export function isScopeValue(value: string): boolean {
  return value.length <= 256 && SCOPE_TOKEN.test(value);
}

/**
 * Reads a `scope` string: values separated by exactly one space (RFC 6749 section 3.3).
 * @throws InvalidScopeError when it is malformed or over 4096 characters
 */
export function parseScope(text: string): Scope {
  const values = text.length <= MAX_SCOPE_LENGTH ? text.split(' ') : [];
  if (values.length === 0 || !values.every(isScopeValue)) {
    throw new InvalidScopeError('scope_malformed', 'The scope is malformed.');
  }
  return new Set(values);
}

/** The wire form: one space-separated string (RFC 8693 section 4.2). */
export function formatScope(scope: Scope): string {
  return [...scope].join(' ');
}

/** The values of the first scope that every other one holds too. */
export function intersectScopes(first: Scope, ...others: readonly Scope[]): Scope {
  return new Set([...first].filter((value) => others.every((other) => other.has(value))));
}

/** Whether every value of `inner` is in `outer`. */
export function isScopeWithin(inner: Scope, outer: Scope): boolean {
  for (const value of inner) if (!outer.has(value)) return false;
  return true;
}
