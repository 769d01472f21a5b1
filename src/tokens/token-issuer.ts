import { Injectable } from '@nestjs/common';

import { Decision } from '../delegation/decision.js';
import { formatTokenId, issuedAtOf } from '../delegation/token-id.js';
import type { AccessTokenClaims, JsonObject } from '../oauth/claims.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { InvalidRequestError, TemporarilyUnavailableError } from '../oauth/oauth-error.js';
import { formatScope } from '../oauth/scope.js';
import { OpaqueTokens } from './opaque-tokens.js';
import { OwnTokens, readJwsHeader } from './own-tokens.js';
import type { Revocable } from './revocable.js';
import { Revocations } from './revocations.js';
import { hashToken } from './security-tokens.js';
import { StatusLists } from './status-lists.js';

/**
 * Facts of the subject's sign-in: carried over, never refreshed (RFC 9068 section 2.2.1). `grant_id`
 * is what the person allowed, as a UUID: every token that comes of one authorization names it, so
 * that all of them end with it.
 */
const CARRIED = ['auth_time', 'acr', 'amr', 'sid', 'grant_id'] as const;

/** A token that was just minted. */
export interface IssuedToken {
  readonly token: string;
  /** SHA-256 of the token, base64url. */
  readonly hash: string;
  readonly claims: AccessTokenClaims;
}

/** Mints access tokens (RFC 9068). It takes a decision and nothing else. */
@Injectable()
export class TokenIssuer {
  constructor(
    private readonly tokens: OwnTokens,
    private readonly opaque: OpaqueTokens,
    private readonly settings: IssuerSettings,
    private readonly revocations: Revocations,
    private readonly statusLists: StatusLists,
  ) {}

  /**
   * Rejects when no key can sign.
   * @throws InvalidRequestError when what it would come of was revoked meanwhile;
   *   TemporarilyUnavailableError when somebody was revoked this very second whom it would name
   */
  async issue(decision: Decision): Promise<IssuedToken> {
    Decision.require(decision);
    const revocable = this.#revocable(decision);
    await this.#refuseRevoked(decision, revocable);
    const { isOpaque, hasStatus } = decision.form;
    const isListed = hasStatus && !isOpaque && this.statusLists.isKept;
    const place = isListed ? await this.statusLists.place() : undefined;
    const claims = { ...this.#claims(decision), ...(place && { status: place.claim }) };
    const token = isOpaque ? this.opaque.seal(claims) : await this.tokens.sign('at+jwt', claims);
    const hash = hashToken(token);
    if (place) {
      const keyId = readJwsHeader(token)?.keyId;
      await this.statusLists.note(place, { ...revocable, hash, keyId }, decision.expiresAt);
    }
    return { token, hash, claims };
  }

  /** Nothing is issued that is dead already: so an exchange that took its time is not in time. */
  async #refuseRevoked(decision: Decision, revocable: Revocable): Promise<void> {
    const reason = await this.revocations.reasonAgainst(revocable);
    if (reason === undefined) return;
    if (decision.subjectToken === undefined) throw new TemporarilyUnavailableError(reason);
    throw new InvalidRequestError(reason, 'A presented token is not acceptable.');
  }

  #revocable({ chain, tokenId, lineage, clientId, issuedAt }: Decision): Revocable {
    return {
      hash: undefined,
      issuedAt: issuedAtOf(tokenId, issuedAt),
      lineage,
      issuer: this.settings.issuer,
      isOwn: true,
      chainId: tokenId.chainId,
      subject: chain.subject,
      clientId,
      actors: chain.actors,
    };
  }

  #claims(decision: Decision): AccessTokenClaims {
    const { chain, audience } = decision;
    const { issuer } = this.settings;
    const act = chain.toAct();
    const lineage = decision.lineage.toClaim();
    const [first = issuer, ...others] = audience;
    return {
      iss: issuer,
      sub: chain.subject.sub,
      ...(chain.subject.iss === issuer ? {} : { sub_id: { format: 'iss_sub', ...chain.subject } }),
      aud: others.length === 0 ? first : audience,
      exp: decision.expiresAt,
      iat: decision.issuedAt,
      jti: formatTokenId(decision.tokenId),
      client_id: decision.clientId,
      scope: formatScope(decision.scope),
      ...this.#carried(decision),
      ...(act === undefined ? {} : { act }),
      ...(lineage === undefined ? {} : { lineage }),
    };
  }

  #carried({ subjectClaims, subjectToken }: Decision): JsonObject {
    const { excludedSubjectClaims } = this.settings;
    const kept = CARRIED.filter((name) => {
      if (subjectClaims[name] === undefined) return false;
      // What was allowed here ends here: no setting drops its name, and no other issuer gives one.
      if (name === 'grant_id') return subjectToken?.isOwn !== false;
      return !excludedSubjectClaims.includes(name);
    });
    return Object.fromEntries(kept.map((name) => [name, subjectClaims[name] ?? null]));
  }
}
