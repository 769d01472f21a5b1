import { Injectable } from '@nestjs/common';

import { readName } from '../delegation/actor.js';
import { DelegationChain } from '../delegation/delegation-chain.js';
import { Lineage } from '../delegation/lineage.js';
import type { JsonObject } from '../oauth/claims.js';
import { Clock, epochSeconds } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { InvalidRequestError, OAuthError } from '../oauth/oauth-error.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import { EMPTY_SCOPE } from '../oauth/scope.js';
import { TokenType } from '../oauth/token-type.js';
import { normalType } from './compact-jws.js';
import { OwnTokens, readJwsHeader, type JwsHeader } from './own-tokens.js';
import type { SecurityToken } from './security-token.js';
import { SecurityTokenValidator, type TokenToCheck } from './security-token-validator.js';

/** Whose session an ID token of ours was about. */
export interface IdTokenHint {
  /** The name by which the client knows the person. */
  readonly subject: string;
  readonly clientId: string;
  readonly sid: string | undefined;
}

/** An ID token that we signed, of whatever age. */
interface OwnIdToken extends IdTokenHint {
  readonly keyId: string;
  readonly claims: JsonObject;
}

/** Checks ID tokens of this server when they come back. */
@Injectable()
export class IdTokenValidator extends SecurityTokenValidator {
  constructor(
    private readonly tokens: OwnTokens,
    private readonly settings: IssuerSettings,
    private readonly clock: Clock,
  ) {
    super();
  }

  /**
   * What an `id_token_hint` says. It may have expired (OpenID Connect RP-Initiated Logout section 4);
   * its key may sign no more, but must verify still.
   * @returns undefined when it is no ID token of ours; rejects only when that cannot be known
   */
  async readHint(token: string): Promise<IdTokenHint | undefined> {
    try {
      const { subject, clientId, sid } = await this.#read(token, readJwsHeader(token));
      return { subject, clientId, sid };
    } catch (error) {
      if (error instanceof OAuthError) return undefined;
      throw error;
    }
  }

  /** It proves who signed in to its client, so that it brings no scope, and nobody acts in it. */
  async validate(
    { token, tokenType, hash }: TokenToCheck,
    header = readJwsHeader(token),
  ): Promise<SecurityToken> {
    const { subject, clientId, keyId, claims } = await this.#read(token, header);
    if (tokenType !== TokenType.IdToken) throw refuse('token_kind_mismatch');
    const { exp, acr, auth_time: authTime } = claims;
    if (!Number.isInteger(exp)) throw refuse('token_claims_invalid');
    if (Number(exp) <= epochSeconds(this.clock.now())) throw refuse('token_expired');
    const { issuer } = this.settings;
    return {
      issuer,
      isOwn: true,
      hash,
      jti: undefined,
      keyId,
      tokenId: undefined,
      issuedAt: typeof claims['iat'] === 'number' ? claims['iat'] * 1000 : 0,
      lineage: Lineage.NONE,
      clientId,
      clientIssuer: issuer,
      audience: [clientId],
      scope: EMPTY_SCOPE,
      expiresAt: Number(exp),
      chain: DelegationChain.of({ iss: issuer, sub: subject }),
      mayAct: undefined,
      acr: typeof acr === 'string' ? acr : undefined,
      authTime: typeof authTime === 'number' ? authTime : undefined,
      claims,
    };
  }

  async #read(token: string, header: JwsHeader | undefined): Promise<OwnIdToken> {
    const { type, keyId, claims } = await this.tokens.verify(token, header);
    if (normalType(type) !== 'jwt') throw refuse('token_kind_mismatch');
    if (claims['iss'] !== this.settings.issuer) throw refuse('token_issuer_unknown');
    const subject = readName(claims['sub']);
    const clientId = readName(claims['aud']);
    if (subject === undefined || clientId === undefined) throw refuse('token_claims_invalid');
    return { subject, clientId, sid: readName(claims['sid']), keyId, claims };
  }
}

function refuse(reason: RefusalReason): InvalidRequestError {
  return new InvalidRequestError(reason, 'A presented token is not acceptable.');
}
