import type { Account } from '../accounts/account.js';
import type { Client } from '../clients/client.js';
import { isScopeWithin } from '../oauth/scope.js';
import type { AdministrativeAct } from './administrative-act.js';
import { ADMIN_ROLE_SCOPES, ADMIN_SCOPES } from './admin-scopes.js';
import { Problem } from './problem.js';

/**
 * Refuses an act on a client that can do more at the admin API than who acts: its new secret or its
 * changed settings would be a way to more than they have.
 * @throws Problem (403)
 */
export function checkReachOverClient(
  { scope }: AdministrativeAct,
  audience: string,
  { targets, scopes }: Client,
): void {
  const held = targets.includes(audience) ? scopes.filter(isAdminScope) : [];
  if (!isScopeWithin(new Set(held), scope))
    throw new Problem(403, 'The client can do more at the admin API than you.');
}

/**
 * The same for an account, whose roles say what it can do: giving a role, or a new password to who
 * has one.
 * @throws Problem (403)
 */
export function checkReachOverAccount({ scope }: AdministrativeAct, { roles }: Account): void {
  const held = roles.flatMap((role) => ADMIN_ROLE_SCOPES[role]);
  if (!isScopeWithin(new Set(held), scope))
    throw new Problem(403, 'The account can do more at the admin API than you.');
}

/** Refuses whoever may not do everything. @throws Problem (403) */
export function checkReachOverEverything({ scope }: AdministrativeAct): void {
  if (!isScopeWithin(new Set<string>(ADMIN_SCOPES), scope))
    throw new Problem(403, 'Only who may do everything may use this name.');
}

function isAdminScope(scope: string): boolean {
  return (ADMIN_SCOPES as readonly string[]).includes(scope);
}
