import type { AttemptFacts } from '../audit/attempt.js';
import type { RecordedParty, RecordedToken } from '../audit/audit-record.js';
import type { Actor } from '../delegation/actor.js';
import type { Decision } from '../delegation/decision.js';
import { TokenType } from '../oauth/token-type.js';
import type { SecurityToken } from '../tokens/security-token.js';
import type { IssuedToken } from '../tokens/token-issuer.js';

/** What a record keeps of an actor. */
export function recordedActor({
  iss,
  sub,
  clientId,
}: Pick<Actor, 'iss' | 'sub' | 'clientId'>): RecordedParty {
  return { iss, sub, ...(clientId === undefined ? {} : { clientId }) };
}

/** What a record keeps of a token that was presented and checked. */
export function recordedToken(token: SecurityToken, type: string): RecordedToken {
  return {
    hash: token.hash,
    type,
    issuer: token.issuer,
    ...(token.jti === undefined ? {} : { jti: token.jti }),
    ...(token.clientId === undefined ? {} : { clientId: token.clientId }),
    audience: token.audience,
    ...(token.scope === undefined ? {} : { scope: [...token.scope] }),
    expiresAt: token.expiresAt,
    ...(token.acr === undefined ? {} : { acr: token.acr }),
    ...(token.authTime === undefined ? {} : { authTime: token.authTime }),
    ...(token.mayAct === undefined ? {} : { mayAct: token.mayAct.party ?? null }),
  };
}

/** What a record keeps of a token of ours about which something was asked, and where in its chain it stands. */
export function presentedFacts(token: SecurityToken): AttemptFacts {
  const { chain, tokenId } = token;
  return {
    subjectToken: recordedToken(token, TokenType.AccessToken),
    subject: { ...chain.subject },
    inboundActors: chain.actors.map(recordedActor),
    ...(tokenId?.chainId === undefined
      ? {}
      : { chainId: tokenId.chainId, parentId: tokenId.recordId }),
  };
}

/** What a record keeps of a token that was issued, and of the decision behind it. */
export function issuedFacts(
  decision: Decision,
  { hash, claims }: IssuedToken,
  type: string,
): AttemptFacts {
  const actors = decision.chain.actors.map(recordedActor);
  return {
    mode: decision.mode,
    actors,
    ...(decision.reauthorized === undefined ? {} : { reauthorized: decision.reauthorized }),
    ...(claims.act === undefined ? {} : { act: claims.act }),
    issuedToken: {
      hash,
      type,
      issuer: claims.iss,
      jti: claims.jti,
      clientId: claims.client_id,
      audience: decision.audience,
      scope: [...decision.scope],
      expiresAt: decision.expiresAt,
      ...(claims.lineage === undefined ? {} : { lineage: claims.lineage }),
    },
  };
}
