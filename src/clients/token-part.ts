import type { PresentedToken } from '../delegation/exchange-request.js';
import { isSameParty } from '../delegation/party.js';
import { identifiersOf, type Client } from './client.js';

/**
 * Whether a client may learn what a token of ours says (RFC 7662 section 2.1): it is meant for the
 * client, or was issued to it, or names it as the application, or the client's settings say so.
 */
export function mayLearnOf(client: Client, token: PresentedToken, issuer: string): boolean {
  return (
    client.accessTokens.introspectsAll ||
    identifiersOf(client).some((identifier) => token.audience.includes(identifier)) ||
    (token.clientIssuer === issuer && token.clientId === client.clientId) ||
    isIssuedTo(client, token, issuer)
  );
}

/**
 * Whether a token of ours was issued to a client: to its current actor; where nobody acts, to the
 * application it names; or to one that it names only in its lineage, as an impersonation does.
 */
export function isIssuedTo(client: Client, token: PresentedToken, issuer: string): boolean {
  const { chain, lineage, clientId, clientIssuer } = token;
  const { marks } = lineage;
  // What others made of such a token afterwards is theirs.
  if (lineage.isAskedBy(client.clientId) || isCurrentActor(client, token, issuer)) return true;
  if (chain.depth > 0 || clientId !== client.clientId) return false;
  // Another issuer's application may have the name of ours: then who asked for the token has a mark.
  return clientIssuer === issuer || !marks.some((mark) => mark.startsWith('c'));
}

/** Under its own name, or under one that it has at another issuer. */
function isCurrentActor(
  { clientId, exchange }: Client,
  { chain }: PresentedToken,
  issuer: string,
): boolean {
  const actor = chain.currentActor;
  if (actor === undefined) return false;
  if (actor.iss === issuer) return (actor.clientId ?? actor.sub) === clientId;
  return (
    actor.clientId === clientId &&
    exchange.actorIdentities.some((identity) => isSameParty(identity, actor))
  );
}
