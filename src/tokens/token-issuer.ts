import { Injectable } from '@nestjs/common';

import { Decision } from '../delegation/decision.js';
import { formatTokenId } from '../delegation/token-id.js';
import type { AccessTokenClaims, JsonObject } from '../oauth/claims.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { formatScope } from '../oauth/scope.js';
import { OwnTokens } from './own-tokens.js';
import { hashToken } from './security-tokens.js';

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
    private readonly settings: IssuerSettings,
  ) {}

  /** Rejects when no key can sign. */
  async issue(decision: Decision): Promise<IssuedToken> {
    Decision.require(decision);
    const claims = this.#claims(decision);
    const token = await this.tokens.sign('at+jwt', claims);
    return { token, hash: hashToken(token), claims };
  }

  #claims(decision: Decision): AccessTokenClaims {
    const { chain, audience } = decision;
    const { issuer } = this.settings;
    const act = chain.toAct();
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
