import type { AuditRecord, RecordedToken } from '../audit/audit-record.js';
import type { Client } from '../clients/client.js';
import { requesterOf } from '../clients/requester.js';
import type { IssuerTerms } from '../delegation/exchange-request.js';
import { Actor } from '../delegation/actor.js';
import { DelegationChain } from '../delegation/delegation-chain.js';
import type { ExchangeRequest, PresentedToken, Target } from '../delegation/exchange-request.js';
import { UNKNOWN_ORIGIN } from '../delegation/lineage.js';
import { MayAct } from '../delegation/may-act.js';
import { epochSeconds } from '../oauth/clock.js';
import type { IssuerSettings } from '../oauth/issuer-settings.js';
import { TokenType } from '../oauth/token-type.js';
import { timeOfUuidv7 } from '../oauth/uuid.js';

/** What is known today of those whom a record names. */
export interface Replayed {
  readonly client: Client;
  readonly targets: readonly Target[];
  readonly subjectGroups: readonly string[];
  /** What the issuer of the subject token is trusted with, when that is another one. */
  readonly terms: IssuerTerms | undefined;
}

/**
 * The request that a record of an exchange tells, as the policies saw it; undefined when it did not
 * come so far. Whom it names is taken as they are today: their settings of then are not kept.
 */
export function replayedRequest(
  record: AuditRecord,
  { client, targets, subjectGroups, terms }: Replayed,
  settings: IssuerSettings,
): ExchangeRequest | undefined {
  const { actor, actorToken, chainId, parentId, requested = {} } = record;
  const subjectToken = presentedToken(record, settings.issuer);
  if (subjectToken === undefined || actor === undefined) return undefined;
  const began = parentId === undefined ? undefined : timeOfUuidv7(chainId ?? '');
  return {
    now: epochSeconds(record.time),
    requester: requesterOf(client, settings.issuer),
    subjectToken: { ...subjectToken, terms },
    actorToken: actorToken && plainToken(actorToken, actor, settings.issuer),
    actor: { iss: actor.iss, sub: actor.sub },
    targets,
    requestedScope: requested.scope && new Set(requested.scope),
    requestedTokenType: TokenType.AccessToken,
    chainLifetime: settings.chainLifetime,
    chainStart: began === undefined ? undefined : epochSeconds(began),
    subjectGroups,
    purpose: requested.purpose,
  };
}

function presentedToken(
  { subject, subjectToken, inboundActors = [] }: AuditRecord,
  own: string,
): PresentedToken | undefined {
  if (subject === undefined || subjectToken?.issuer === undefined) return undefined;
  const token = plainToken(subjectToken, subject, own);
  const chain = inboundActors.reduceRight(
    (older, { iss, sub, clientId }) => older.extend(Actor.of({ iss, sub }, clientId)),
    DelegationChain.of({ iss: subject.iss, sub: subject.sub }),
  );
  return { ...token, chain };
}

function plainToken(
  token: RecordedToken,
  party: { readonly iss: string; readonly sub: string },
  own: string,
): PresentedToken {
  const { issuer = own, mayAct } = token;
  return {
    issuer,
    isOwn: issuer === own,
    clientId: token.clientId,
    clientIssuer: issuer === own ? party.iss : issuer,
    audience: token.audience ?? [],
    scope: token.scope && new Set(token.scope),
    expiresAt: token.expiresAt ?? 0,
    chain: DelegationChain.of({ iss: party.iss, sub: party.sub }),
    mayAct:
      mayAct === undefined
        ? undefined
        : MayAct.read(mayAct && { iss: mayAct.iss, sub: mayAct.sub }, issuer),
    acr: token.acr,
    authTime: token.authTime,
    claims: {},
    tokenId: undefined,
    ...UNKNOWN_ORIGIN,
  };
}
