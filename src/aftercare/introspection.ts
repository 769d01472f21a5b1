import { Injectable } from '@nestjs/common';

import type { Attempt } from '../audit/attempt.js';
import type { Watched } from '../audit/audit-trail.js';
import { PersonNames } from '../authorization/person-names.js';
import type { Client } from '../clients/client.js';
import { mayLearnOf } from '../clients/token-part.js';
import { mayRefresh, personFacts, PersonTokens } from '../grants/person-tokens.js';
import { presentedFacts } from '../grants/recorded.js';
import {
  RefreshTokens,
  type PresentedRefreshToken,
} from '../grants/refresh-token/refresh-tokens.js';
import type { JsonObject } from '../oauth/claims.js';
import { epochSeconds } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { TokenType } from '../oauth/token-type.js';
import type { SecurityToken } from '../tokens/security-token.js';
import { SecurityTokens } from '../tokens/security-tokens.js';
import { PresentedTokens } from './presented-tokens.js';
import { unlessRefused } from './unless-refused.js';

/** All that is said of a token which is not good, or not for the caller to know (RFC 7662 section 2.2). */
const INACTIVE: JsonObject = { active: false };

/**
 * What is told of an access token (RFC 7662 section 2.2, RFC 8693 section 4). Never its lineage, nor what
 * a person allowed; nor a username, for a service knows people by the `sub` that it can ask about.
 */
const TOLD = [
  'iss',
  'sub',
  'aud',
  'client_id',
  'scope',
  'exp',
  'iat',
  'nbf',
  'jti',
  'act',
  'may_act',
  'sub_id',
  'acr',
  'auth_time',
  'amr',
  'sid',
] as const;

/** Tells whoever may know it whether a token is good, and what it says (RFC 7662). */
@Injectable()
export class Introspection {
  constructor(
    private readonly presented: PresentedTokens,
    private readonly tokens: SecurityTokens,
    private readonly refreshTokens: RefreshTokens,
    private readonly persons: PersonTokens,
    private readonly names: PersonNames,
    private readonly settings: IssuerSettings,
  ) {}

  /**
   * The answer about a token, which is recorded when the caller may not know it. Rejects when it cannot
   * be known whether the token is good.
   * @param client one that has proven itself and can keep a secret
   */
  async answer(client: Client, text: string, attempt: Attempt): Promise<Watched<JsonObject>> {
    const found = await this.presented.find(text);
    if (found.kind === 'access') return this.#ofAccessToken(client, found.token, attempt);
    if (found.kind === 'refresh') return this.#ofRefreshToken(client, found.presented, attempt);
    return { answer: INACTIVE };
  }

  async #ofAccessToken(
    client: Client,
    token: SecurityToken,
    attempt: Attempt,
  ): Promise<Watched<JsonObject>> {
    if (!mayLearnOf(client, token, this.settings.issuer)) {
      attempt.note(presentedFacts(token));
      return { answer: INACTIVE, recorded: 'introspection_not_allowed' };
    }
    const isAlive = await unlessRefused(async () => {
      await this.tokens.refuseDead(token);
      return true;
    });
    return { answer: isAlive === true ? told(token) : INACTIVE };
  }

  /** A refresh token says nothing to anybody but its client. */
  async #ofRefreshToken(
    client: Client,
    presented: PresentedRefreshToken,
    attempt: Attempt,
  ): Promise<Watched<JsonObject>> {
    const { token, authorization } = presented;
    const { issuer } = this.settings;
    if (authorization.clientId !== client.clientId) {
      const subjectToken = { hash: token.tokenHash, type: TokenType.RefreshToken };
      attempt.note({ ...personFacts(authorization, issuer), subjectToken });
      return { answer: INACTIVE, recorded: 'introspection_not_allowed' };
    }
    if (!mayRefresh(client) || !this.refreshTokens.isNewest(presented)) return { answer: INACTIVE };
    const person = await unlessRefused(() => this.persons.personOf(client, authorization));
    if (person === undefined) return { answer: INACTIVE };
    const answer = {
      active: true,
      iss: issuer,
      sub: this.names.of(person.account.accountId, client),
      client_id: client.clientId,
      scope: authorization.scope.join(' '),
      exp: epochSeconds(Math.min(token.expiresAt, authorization.expiresAt)),
      iat: epochSeconds(token.createdAt),
      acr: authorization.acr,
      auth_time: epochSeconds(authorization.authTime),
      amr: [...authorization.amr],
      sid: authorization.sid,
    };
    return { answer };
  }
}

function told({ claims, tokenId }: SecurityToken): JsonObject {
  const said = TOLD.filter((name) => claims[name] !== undefined);
  return {
    active: true,
    token_type: 'Bearer',
    ...Object.fromEntries(said.map((name) => [name, claims[name] ?? null])),
    ...(tokenId?.chainId === undefined ? {} : { chain_id: tokenId.chainId }),
  };
}
