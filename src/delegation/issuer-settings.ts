import { EMPTY_SCOPE, intersectScopes, type Scope } from '../oauth/scope.js';
import type { PresentedToken } from './exchange-request.js';

/** What the settings of a trusted issuer are called among the policies. */
export const ISSUER_SETTINGS = 'issuer-settings';

/** What a token says that it holds; where it is silent, what its issuer means by that. */
export function heldScope({ scope, terms }: PresentedToken): Scope {
  return scope ?? new Set(terms?.impliedScopes);
}

/**
 * What a token brings here: what it holds, as far as its issuer is trusted with it. A token of another
 * issuer brings nothing where no terms are known.
 */
export function broughtScope(token: PresentedToken): Scope {
  const { isOwn, scope, terms } = token;
  if (isOwn) return scope ?? EMPTY_SCOPE;
  if (terms === undefined) return EMPTY_SCOPE;
  return scope === undefined ? heldScope(token) : intersectScopes(scope, new Set(terms.scopes));
}

/** Whether the actors that a token tells of may be believed; there is nothing to believe of none. */
export function isChainBelieved({ isOwn, chain, terms }: PresentedToken): boolean {
  return isOwn || chain.depth === 0 || terms?.trustsChains === true;
}
