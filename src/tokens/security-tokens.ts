import { hash as digest } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import { InvalidRequestError } from '../oauth/oauth-error.js';
import { TokenType } from '../oauth/token-type.js';
import { AccessTokenValidator } from './access-token-validator.js';
import { IdTokenValidator } from './id-token-validator.js';
import { oneSpelling } from './one-spelling.js';
import { OpaqueTokens } from './opaque-tokens.js';
import { OwnTokens, readJwsHeader, type JwsHeader } from './own-tokens.js';
import { PartyStanding } from './party-standing.js';
import type { Revocable } from './revocable.js';
import { Revocations } from './revocations.js';
import type { TokenToCheck } from './security-token-validator.js';
import type { SecurityToken } from './security-token.js';
import { TrustedIssuerValidator } from './trusted-issuer-validator.js';

const SUPPORTED: ReadonlySet<string> = new Set([
  TokenType.AccessToken,
  TokenType.Jwt,
  TokenType.IdToken,
]);
const KNOWN: ReadonlySet<string> = new Set(Object.values(TokenType));

/** The one door for presented tokens, whoever issued them. */
@Injectable()
export class SecurityTokens {
  constructor(
    private readonly ownTokens: OwnTokens,
    private readonly opaque: OpaqueTokens,
    private readonly own: AccessTokenValidator,
    private readonly ownIdTokens: IdTokenValidator,
    private readonly trusted: TrustedIssuerValidator,
    private readonly standing: PartyStanding,
    private readonly revocations: Revocations,
  ) {}

  /**
   * Checks a presented token as the type it is said to be (RFC 8693 section 2.1).
   * @param parameter the request parameter that names the type, for the refusal
   * @throws InvalidRequestError when it is not acceptable, with the reason for the record
   */
  async check(token: string, tokenType: string, parameter: string): Promise<SecurityToken> {
    if (!SUPPORTED.has(tokenType)) {
      const named = KNOWN.has(tokenType)
        ? `${tokenType} is not supported as ${parameter}.`
        : `The ${parameter} is not supported.`;
      throw new InvalidRequestError('token_type_not_supported', named);
    }
    const checked = await this.#identify({ token, tokenType, hash: hashToken(token) });
    await this.refuseDead(checked);
    return checked;
  }

  /**
   * An access token of this server that has not expired, whatever was revoked or disabled since: for
   * whoever asks about it or takes it back.
   * @throws InvalidRequestError when it is anything else, with the reason for the record
   */
  async recognise(token: string): Promise<SecurityToken> {
    const tokenType = TokenType.AccessToken;
    const checked = await this.#identify({ token, tokenType, hash: hashToken(token) });
    if (!checked.isOwn)
      throw new InvalidRequestError('token_issuer_unknown', 'A presented token is not acceptable.');
    return checked;
  }

  /**
   * Refuses a token that is what it says and may be used no more. Rejects when that cannot be known.
   * @throws InvalidRequestError when it was revoked, or somebody whom it names is disabled or gone
   */
  async refuseDead(checked: SecurityToken): Promise<void> {
    const reason = await this.revocations.reasonAgainst(revocableOf(checked));
    if (reason !== undefined)
      throw new InvalidRequestError(reason, 'A presented token is not acceptable.');
    if (!(await this.standing.isGood(checked))) {
      throw new InvalidRequestError('token_party_disabled', 'A presented token is not acceptable.');
    }
  }

  /** Whether a text names a key of ours, as every JWT of this server does. */
  namesOurKey(token: string): Promise<boolean> {
    return this.#isOurs(readJwsHeader(token));
  }

  async #isOurs(header: JwsHeader | undefined): Promise<boolean> {
    return header !== undefined && this.ownTokens.isOurs(header.keyId);
  }

  async #identify(presented: TokenToCheck): Promise<SecurityToken> {
    return (await this.own.recall(presented)) ?? this.#validate(presented);
  }

  /**
   * Our keys are known by their ids, so that nobody's claim decides who checks a token. A token of
   * ours is an access token or an ID token, and each validator refuses what is another kind: an ID
   * token presented as any JWT, too, for it says nothing to anybody but its client.
   */
  async #validate(presented: TokenToCheck): Promise<SecurityToken> {
    if (this.opaque.isOpaque(presented.token)) return this.own.validateOpaque(presented);
    const header = readJwsHeader(presented.token);
    if (!(await this.#isOurs(header))) return this.trusted.validate(presented);
    const validator = presented.tokenType === TokenType.IdToken ? this.ownIdTokens : this.own;
    return validator.validate(presented, header);
  }
}

/** Everything by which a checked token can be revoked. */
export function revocableOf(token: SecurityToken): Revocable {
  const { chain, tokenId } = token;
  return { ...token, chainId: tokenId?.chainId, subject: chain.subject, actors: chain.actors };
}

/** What a record keeps of a token: SHA-256 of its one spelling, base64url. */
export function hashToken(token: string): string {
  return digest('sha256', oneSpelling(token), 'base64url');
}
