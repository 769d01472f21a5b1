import { identifiersOf, type AccessTokenFormat, type Client } from './client.js';
import type { Requester, TokenForm } from '../delegation/exchange-request.js';

/** The authenticated client as a policy sees it. */
export function requesterOf(client: Client, issuer: string): Requester {
  return {
    clientId: client.clientId,
    isPublic: client.kind === 'public',
    party: { iss: issuer, sub: client.clientId },
    identifiers: identifiersOf(client),
    scope: new Set(client.scopes),
    targets: client.targets,
    tokenLifetime: client.tokenLifetime,
    exchange: client.exchange,
    groups: client.groups,
    version: client.version,
    tokenForm: tokenFormOf(client, client.accessTokens.gets),
  };
}

/** What access tokens look like that a client gets, or takes. */
export function tokenFormOf({ accessTokens }: Client, format: AccessTokenFormat): TokenForm {
  return { isOpaque: format === 'opaque', hasStatus: accessTokens.statusList };
}
