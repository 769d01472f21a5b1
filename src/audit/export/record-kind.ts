import { GrantType } from '../../oauth/grant-type.js';
import type { AuditRecord } from '../audit-record.js';

const GRANTS: Readonly<Record<string, string>> = {
  [GrantType.TokenExchange]: 'token_exchange',
  [GrantType.ClientCredentials]: 'client_credentials',
  [GrantType.AuthorizationCode]: 'authorization_code',
  [GrantType.RefreshToken]: 'refresh_token',
};

/** What was attempted, in one word: the grant, where it was one. */
export function kindOf({ event, grantType }: AuditRecord): string {
  return event === 'grant' ? (GRANTS[grantType ?? ''] ?? event) : event;
}

/** What happened, for whoever sorts by a name: `nest-token-exchange.token_exchange.granted`. */
export function typeNameOf(record: AuditRecord): string {
  return `nest-token-exchange.${kindOf(record)}.${record.outcome}`;
}
