import { Injectable } from '@nestjs/common';

import { readName } from '../delegation/actor.js';
import { DelegationChain } from '../delegation/delegation-chain.js';
import { Lineage } from '../delegation/lineage.js';
import { MayAct } from '../delegation/may-act.js';
import type { Party } from '../delegation/party.js';
import { issuedAtOf, readTokenId } from '../delegation/token-id.js';
import { isJsonObject, type JsonObject } from '../oauth/claims.js';
import { Clock, epochSeconds } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { InvalidRequestError } from '../oauth/oauth-error.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import { EMPTY_SCOPE, parseScope } from '../oauth/scope.js';
import { TokenType } from '../oauth/token-type.js';
import { OpaqueTokens } from './opaque-tokens.js';
import { OwnTokens, readJwsHeader } from './own-tokens.js';
import type { SecurityToken } from './security-token.js';
import { SecurityTokenValidator, type TokenToCheck } from './security-token-validator.js';

const REMEMBERED = 10_000;
/** RFC 9068 section 4, in any case (RFC 7515 section 4.1.9). */
const ACCESS_TOKEN = /^(?:application\/)?at\+jwt$/i;

/**
 * Checks access tokens of this server (RFC 9068). A verified one is remembered by its hash, so that
 * presenting it again costs no second signature check; its time and its key are checked every time.
 */
@Injectable()
export class AccessTokenValidator extends SecurityTokenValidator {
  readonly #verified = new Map<string, SecurityToken>();

  constructor(
    private readonly tokens: OwnTokens,
    private readonly opaque: OpaqueTokens,
    private readonly settings: IssuerSettings,
    private readonly clock: Clock,
  ) {
    super();
  }

  /** A token that was verified before, if it is acceptable still; undefined when it is new. */
  async recall({ tokenType, hash }: TokenToCheck): Promise<SecurityToken | undefined> {
    const known = this.#verified.get(hash);
    if (known === undefined) return undefined;
    // An opaque one has none: it was sealed.
    if (known.keyId !== undefined && !(await this.tokens.isUsable(known.keyId))) return undefined;
    this.#check(known, tokenType);
    return known;
  }

  async validate(
    { token, tokenType, hash }: TokenToCheck,
    header = readJwsHeader(token),
  ): Promise<SecurityToken> {
    const jwt = await this.tokens.verify(token, header);
    if (!ACCESS_TOKEN.test(jwt.type)) throw refuse('token_kind_mismatch');
    const checked = this.#read(jwt, hash);
    this.#check(checked, tokenType);
    this.#remember(checked);
    return checked;
  }

  /** Checks an access token that only this server can read. */
  async validateOpaque({ token, tokenType, hash }: TokenToCheck): Promise<SecurityToken> {
    const claims = this.opaque.open(token);
    if (claims === undefined) throw refuse('token_malformed');
    const checked = this.#read({ claims, keyId: undefined }, hash);
    this.#check(checked, tokenType);
    this.#remember(checked);
    return checked;
  }

  #read(
    { claims, keyId }: { readonly claims: JsonObject; readonly keyId: string | undefined },
    hash: string,
  ): SecurityToken {
    const { issuer } = this.settings;
    const { aud, exp, iat, scope } = claims;
    const jti = readName(claims['jti']);
    const clientId = readName(claims['client_id']);
    const audience = typeof aud === 'string' ? [aud] : aud;
    const subject = this.#subject(claims);
    if (claims['iss'] !== issuer) throw refuse('token_issuer_unknown');
    if (subject === undefined || clientId === undefined || jti === undefined)
      throw refuse('token_claims_invalid');
    if (!isStringList(audience) || !Number.isInteger(exp) || !Number.isInteger(iat))
      throw refuse('token_claims_invalid');
    if (scope !== undefined && typeof scope !== 'string') throw refuse('token_claims_invalid');
    const tokenId = readTokenId(jti);
    const lineage = Lineage.read(claims['lineage']);
    if (lineage === undefined) throw refuse('token_claims_invalid');
    return {
      issuer,
      isOwn: true,
      hash,
      jti,
      keyId,
      tokenId,
      issuedAt: issuedAtOf(tokenId, Number(iat)),
      lineage,
      clientId,
      clientIssuer: this.settings.exchangedClientId === 'original' ? subject.iss : issuer,
      audience,
      scope: scope ? parseScope(scope) : EMPTY_SCOPE,
      expiresAt: Number(exp),
      chain: DelegationChain.read(subject, claims['act'], issuer),
      mayAct: MayAct.read(claims['may_act'], issuer),
      acr: typeof claims['acr'] === 'string' ? claims['acr'] : undefined,
      authTime: typeof claims['auth_time'] === 'number' ? claims['auth_time'] : undefined,
      claims,
    };
  }

  /** The subject in its own name space: `sub_id` says whose name `sub` is when it is not ours (RFC 9493). */
  #subject(claims: JsonObject): Party | undefined {
    const sub = readName(claims['sub']);
    const foreign = claims['sub_id'];
    if (foreign === undefined && sub !== undefined) return { iss: this.settings.issuer, sub };
    const iss = isJsonObject(foreign) ? readName(foreign['iss']) : undefined;
    return sub === undefined || iss === undefined ? undefined : { iss, sub };
  }

  #check({ expiresAt, claims, keyId }: SecurityToken, tokenType: string): void {
    const isJwt = keyId !== undefined;
    if (tokenType !== TokenType.AccessToken && !(isJwt && tokenType === TokenType.Jwt))
      throw refuse('token_kind_mismatch');
    const now = epochSeconds(this.clock.now());
    const notBefore = claims['nbf'];
    if (expiresAt <= now) throw refuse('token_expired');
    if (notBefore !== undefined && !(typeof notBefore === 'number' && notBefore <= now))
      throw refuse('token_not_yet_valid');
  }

  #remember(token: SecurityToken): void {
    this.#verified.set(token.hash, token);
    if (this.#verified.size <= REMEMBERED) return;
    const oldest = this.#verified.keys().next();
    if (!oldest.done) this.#verified.delete(oldest.value);
  }
}

function isStringList(value: unknown): value is string[] {
  return (
    Array.isArray(value) && value.length > 0 && value.every((each) => readName(each) !== undefined)
  );
}

function refuse(reason: RefusalReason): InvalidRequestError {
  return new InvalidRequestError(reason, 'A presented token is not acceptable.');
}
