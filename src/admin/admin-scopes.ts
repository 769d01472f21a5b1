import type { AccountRole } from '../accounts/account.js';

/** The scope values that mean something at the admin API, with what each allows. */
export const ADMIN_SCOPE_MEANINGS = {
  'clients:read': 'Read clients',
  'clients:write': 'Create, change, disable and delete clients; make client secrets',
  'accounts:read': 'Read the accounts of people, their sign-in sessions and applications',
  'accounts:write':
    'Create, change, disable and delete accounts; set passwords; end sign-in sessions; revoke what applications may have',
  'accounts:erase': 'Make people unreadable in every record, for good',
  'keys:read': 'Read the life of the signing keys',
  'keys:write': 'Rotate, import and revoke signing keys',
  'issuers:read': 'Read trusted issuers',
  'issuers:write': 'Create, change, disable and delete trusted issuers',
  'policies:read': 'Read who may act for whom: policies, their versions, and why',
  'policies:write':
    'Create, change and delete policies; whoever does can open any service to any client',
  'policies:explain':
    'Ask why an exchange of one’s own client is answered as it is, without a token',
  'tokens:read': 'Plan revocations: what would die',
  'tokens:revoke':
    'Revoke tokens with all that came of them, by what they name; everybody’s tokens at once, too',
  'audit:read': 'Read audit records and delegation chains',
  'audit:retire': 'Let old records go for good; their hashes stay',
  'sinks:read': 'Read which systems get the records, and what could not be delivered',
  'sinks:write': 'Say which systems get the records; whoever does can send all of them anywhere',
} as const;

/** A scope value of the admin API. */
export type AdminScope = keyof typeof ADMIN_SCOPE_MEANINGS;

/** Every scope value of the admin API: what its own target offers. */
export const ADMIN_SCOPES = Object.keys(ADMIN_SCOPE_MEANINGS) as readonly AdminScope[];

/** What each role of a person allows there, whatever an application was allowed. */
export const ADMIN_ROLE_SCOPES: Readonly<Record<AccountRole, readonly AdminScope[]>> = {
  administrator: ADMIN_SCOPES,
  auditor: ADMIN_SCOPES.filter((scope) => /:(?:read|explain)$/.test(scope)),
  client_manager: [
    'clients:read',
    'clients:write',
    'issuers:read',
    'policies:read',
    'policies:explain',
  ],
  token_administrator: ['tokens:read', 'tokens:revoke'],
};

/** The identifier of the admin API: the one audience that its tokens have. */
export function adminAudience(issuer: string): string {
  return `${issuer}/admin`;
}
