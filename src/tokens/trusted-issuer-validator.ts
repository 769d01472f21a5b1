import { Injectable } from '@nestjs/common';
import { compactVerify } from 'jose';

import { readName } from '../delegation/actor.js';
import { DelegationChain } from '../delegation/delegation-chain.js';
import { Lineage } from '../delegation/lineage.js';
import { MayAct } from '../delegation/may-act.js';
import type { Party } from '../delegation/party.js';
import type { JsonObject } from '../oauth/claims.js';
import { Clock, epochSeconds } from '../oauth/clock.js';
import { FRESH, FreshLookup } from '../oauth/fresh-lookup.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { InvalidRequestError } from '../oauth/oauth-error.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import { isScopeValue, type Scope } from '../oauth/scope.js';
import { readCompactJws, type UnverifiedJws } from './compact-jws.js';
import { IssuerKeys } from './issuer-keys.js';
import type { SecurityToken } from './security-token.js';
import { SecurityTokenValidator, type TokenToCheck } from './security-token-validator.js';
import { TrustedIssuerStore } from './trusted-issuer-store.js';
import {
  knownAudience,
  termsOf,
  type AcceptedToken,
  type TrustedAlgorithm,
  type TrustedIssuer,
} from './trusted-issuer.js';

/** Seconds: a token that says it lives longer is refused, so that nothing is kept for years. */
const MAX_LIFETIME = 24 * 60 * 60;
/** Claims of a token that is no bearer's: a security event (RFC 8417 section 2.2), a key's own (RFC 7800 section 3). */
const NOT_A_BEARER = ['events', 'cnf'] as const;
const MAX_AUDIENCES = 50;
const MAX_SCOPES = 500;

/** Checks tokens of the issuers that are trusted: ID tokens and other JWTs (RFC 7519 section 7.2, RFC 8725). */
@Injectable()
export class TrustedIssuerValidator extends SecurityTokenValidator {
  readonly #issuers: FreshLookup<TrustedIssuer | null>;

  constructor(
    store: TrustedIssuerStore,
    private readonly keys: IssuerKeys,
    private readonly settings: IssuerSettings,
    private readonly clock: Clock,
  ) {
    super();
    this.#issuers = new FreshLookup((issuer) => store.find(issuer), clock, FRESH);
  }

  async validate({ token, tokenType, hash }: TokenToCheck): Promise<SecurityToken> {
    const jws = readCompactJws(token);
    if (jws === undefined) throw refuse('token_malformed');
    const issuer = await this.#issuerOf(jws);
    const accepted = issuer.accepts.find((each) => each.tokenType === tokenType);
    if (!accepted?.types.includes(jws.type)) throw refuse('token_kind_mismatch');
    if (NOT_A_BEARER.some((name) => Object.hasOwn(jws.claims, name)))
      throw refuse('token_kind_mismatch');
    await this.#verify(token, jws, issuer);
    this.#checkTime(jws.claims, issuer);
    return this.#read(jws, issuer, accepted, hash);
  }

  /** Forgets what it remembers of the trusted issuers, so that a change made here takes effect at once. */
  forget(): void {
    this.#issuers.forget();
  }

  async #issuerOf({ claims, algorithm }: UnverifiedJws): Promise<TrustedIssuer> {
    const name = readName(claims['iss']);
    if (name === this.settings.issuer) throw refuse('token_key_unknown');
    const issuer = name === undefined ? null : await this.#issuers.get(name);
    if (issuer === null) throw refuse('token_issuer_unknown');
    if (issuer.disabled) throw refuse('token_issuer_disabled');
    if (!issuer.algorithms.includes(algorithm as TrustedAlgorithm))
      throw refuse('token_algorithm_not_allowed');
    return issuer;
  }

  async #verify(
    token: string,
    { algorithm, keyId }: UnverifiedJws,
    issuer: TrustedIssuer,
  ): Promise<void> {
    const key = await this.keys.find(issuer, algorithm, keyId);
    try {
      await compactVerify(token, key, { algorithms: [algorithm] });
    } catch (cause) {
      throw refuse('token_signature_invalid', cause);
    }
  }

  #checkTime(claims: JsonObject, { clockSkew }: TrustedIssuer): void {
    const now = epochSeconds(this.clock.now());
    const { exp, nbf, iat } = claims;
    if (typeof exp !== 'number' || !isTime(nbf) || !isTime(iat))
      throw refuse('token_claims_invalid');
    // What is issued from it never outlives it, so a token past its time has nothing to give.
    if (Math.floor(exp) <= now) throw refuse('token_expired');
    if (exp > now + MAX_LIFETIME) throw refuse('token_claims_invalid');
    if ((nbf ?? 0) > now + clockSkew || (iat ?? 0) > now + clockSkew)
      throw refuse('token_not_yet_valid');
  }

  #read(
    { claims, keyId }: UnverifiedJws,
    issuer: TrustedIssuer,
    accepted: AcceptedToken,
    hash: string,
  ): SecurityToken {
    const sub = readName(claims[issuer.subjectClaim]);
    const audience = readAudience(claims['aud']);
    const jti = claims['jti'] === undefined ? undefined : readName(claims['jti']);
    if (
      sub === undefined ||
      audience === undefined ||
      (claims['jti'] !== undefined && jti === undefined)
    ) {
      throw refuse('token_claims_invalid');
    }
    // Any other audience is a name of the issuer's own: it gives a client of that name nothing here.
    const known = knownAudience(audience, accepted);
    if (known.length === 0) throw refuse('token_audience_mismatch');
    const { acr, auth_time: authTime } = claims;
    if (!isText(acr) || !isTime(authTime) || !isText(claims['sid']) || !isTextList(claims['amr']))
      throw refuse('token_claims_invalid');
    return {
      issuer: issuer.issuer,
      isOwn: false,
      hash,
      jti,
      keyId,
      tokenId: undefined,
      issuedAt: issuedAt(claims['iat'], issuer),
      lineage: Lineage.NONE,
      clientId: readClientId(claims, issuer),
      clientIssuer: issuer.issuer,
      audience: known,
      scope: readScope(claims[issuer.scopeClaim]),
      expiresAt: Math.floor(Number(claims['exp'])),
      chain: this.#chain({ iss: issuer.issuer, sub }, claims['act']),
      mayAct: MayAct.read(claims['may_act'], issuer.issuer),
      acr,
      authTime,
      claims,
      terms: termsOf(issuer),
    };
  }

  /** None that speaks in our own name; whether any is believed is for the evaluation to say. */
  #chain(subject: Party, act: unknown): DelegationChain {
    const chain = DelegationChain.read(subject, act, subject.iss);
    if (chain.actors.some((actor) => actor.iss === this.settings.issuer))
      throw refuse('token_chain_not_trusted');
    return chain;
  }
}

/**
 * Whole milliseconds, whatever the issuer counts in; one that does not say when is taken for the oldest. Its
 * clock may be ahead, so that it may be older than it says: who is revoked by name must not live on by that.
 */
function issuedAt(iat: unknown, { clockSkew }: TrustedIssuer): number {
  return typeof iat === 'number' ? Math.max(0, Math.floor((iat - clockSkew) * 1000)) : 0;
}

/** The first claim that is there decides: one that is malformed is not passed over for the next. */
function readClientId(claims: JsonObject, { clientIdClaims }: TrustedIssuer): string | undefined {
  const claim = clientIdClaims.find((name) => Object.hasOwn(claims, name));
  if (claim === undefined) return undefined;
  const clientId = readName(claims[claim]);
  if (clientId === undefined) throw refuse('token_claims_invalid');
  return clientId;
}

function readAudience(aud: unknown): readonly string[] | undefined {
  const list: unknown = typeof aud === 'string' ? [aud] : aud;
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_AUDIENCES) return undefined;
  return list.every((each): each is string => readName(each) !== undefined) ? list : undefined;
}

/** What the token says; which of it counts here is for the evaluation to say. */
function readScope(claim: unknown): Scope | undefined {
  if (claim === undefined) return undefined;
  const values: unknown =
    typeof claim === 'string' ? claim.split(' ').filter((value) => value !== '') : claim;
  if (!Array.isArray(values) || values.length > MAX_SCOPES) throw refuse('token_claims_invalid');
  if (!values.every((value): value is string => typeof value === 'string' && isScopeValue(value)))
    throw refuse('token_claims_invalid');
  return new Set(values);
}

function isTime(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === 'number' && Number.isFinite(value));
}

function isText(value: unknown): value is string | undefined {
  return value === undefined || readName(value) !== undefined;
}

function isTextList(value: unknown): boolean {
  return (
    value === undefined ||
    (Array.isArray(value) &&
      value.length <= 20 &&
      value.every((each) => readName(each) !== undefined))
  );
}

function refuse(reason: RefusalReason, cause?: unknown): InvalidRequestError {
  return new InvalidRequestError(reason, 'A presented token is not acceptable.', { cause });
}
