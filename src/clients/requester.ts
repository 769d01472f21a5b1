import { identifiersOf, type Client } from './client.js';
import type { Requester } from '../delegation/exchange-request.js';

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
  };
}
