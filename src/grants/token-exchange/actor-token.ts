import type { Client } from '../../clients/client.js';
import { isSameParty, type Party } from '../../delegation/party.js';
import type { JsonObject } from '../../oauth/claims.js';
import type { IssuerSettings } from '../../oauth/issuer-settings.js';
import { InvalidRequestError } from '../../oauth/oauth-error.js';
import type { RefusalReason } from '../../oauth/refusal-reason.js';
import type { SecurityToken } from '../../tokens/security-token.js';

/**
 * Who acts, by an actor token: it must be the authenticated client's own and not itself delegated,
 * so that nobody acts with an identity that another service lent it.
 * @throws InvalidRequestError (RFC 8693 section 2.2.2)
 */
export function actorOf(token: SecurityToken, client: Client, settings: IssuerSettings): Party {
  const party = token.chain.subject;
  if (token.chain.depth > 0) throw refuse('actor_token_delegated');
  if (settings.forbiddenActorClaims.some((name) => Object.hasOwn(token.claims, name)))
    throw refuse('actor_not_allowed');
  const isClient =
    isSameParty(party, { iss: settings.issuer, sub: client.clientId }) &&
    token.clientId === client.clientId;
  if (
    !isClient &&
    !client.exchange.actorIdentities.some((identity) => isSameParty(identity, party))
  ) {
    throw refuse('actor_token_not_of_client');
  }
  return party;
}

/** The claims of an actor token that the deployment wants in `act`. */
export function actorClaimsOf(
  token: SecurityToken | undefined,
  settings: IssuerSettings,
): JsonObject {
  const claims = token?.claims ?? {};
  const names = settings.actorClaims.filter((name) => Object.hasOwn(claims, name));
  return Object.fromEntries(names.map((name) => [name, claims[name] ?? null]));
}

function refuse(reason: RefusalReason): InvalidRequestError {
  return new InvalidRequestError(reason, 'A presented token is not acceptable.');
}
