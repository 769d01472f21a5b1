import { Injectable } from '@nestjs/common';
import { importJWK, type CryptoKey, type JWK } from 'jose';

import { isJsonObject, type Json, type JsonObject } from '../oauth/claims.js';
import { Clock } from '../oauth/clock.js';
import { InvalidRequestError } from '../oauth/oauth-error.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import { GuardedFetch } from './guarded-fetch.js';
import type { TrustedIssuer } from './trusted-issuer.js';

/** Milliseconds: how old a key set may be, and how old while its issuer is out of reach. */
const FRESH = 10 * 60_000;
const STALE = 60 * 60_000;
/** Milliseconds between two fetches that a stranger's token or a failing issuer can cause. */
const COOL_DOWN = 30_000;
/** The same while nothing is known of an issuer: it may be starting. */
const FIRST_COOL_DOWN = 5_000;
const MAX_KEYS = 20;
const MAX_ISSUERS = 200;

const RSA_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
/** The one algorithm of each other key (RFC 7518 section 3.4, RFC 8037 section 3.1). */
const CURVE_ALGORITHMS = [
  ['EC', 'P-256', 'ES256'],
  ['EC', 'P-384', 'ES384'],
  ['EC', 'P-521', 'ES512'],
  ['OKP', 'Ed25519', 'EdDSA'],
] as const;

/** A key that can verify, with the algorithms that its parameters leave open. */
interface PublishedKey {
  readonly kid: unknown;
  readonly algorithms: readonly string[];
  readonly jwk: JsonObject;
  readonly imported: Map<string, Promise<CryptoKey>>;
}

interface KeySet {
  readonly keys: readonly PublishedKey[];
  readonly fetchedAt: number;
}

interface Known {
  readonly source: string;
  set: KeySet | undefined;
  triedAt: number;
  fetching: Promise<void> | undefined;
  /** Why the latest fetch gave nothing. */
  failure: unknown;
}

/**
 * The keys of trusted issuers, fetched through their discovery document or key set address, and
 * remembered. A `kid` that is not known causes one fetch per cool-down, so that no stranger can make
 * this server hammer another.
 */
@Injectable()
export class IssuerKeys {
  readonly #known = new Map<string, Known>();

  constructor(
    private readonly fetch: GuardedFetch,
    private readonly clock: Clock,
  ) {}

  /**
   * The one key of the issuer that verifies such a header.
   * @throws InvalidRequestError when the issuer cannot be reached, or no key or more than one fits
   */
  async find(
    issuer: TrustedIssuer,
    algorithm: string,
    keyId: string | undefined,
  ): Promise<CryptoKey> {
    const known = this.#knownOf(issuer);
    if (this.#isOlder(known.set, FRESH)) await this.#refresh(issuer, known);
    if (known.set === undefined || this.#isOlder(known.set, STALE))
      throw refuse('token_issuer_unreachable', known.failure);
    let fitting = fittingKeys(known.set, issuer, algorithm, keyId);
    if (fitting.length === 0) {
      await this.#refresh(issuer, known);
      fitting = fittingKeys(known.set, issuer, algorithm, keyId);
    }
    const [key] = fitting;
    if (key === undefined || fitting.length > 1) throw refuse('token_key_unknown');
    return importOnce(key, algorithm);
  }

  #knownOf(issuer: TrustedIssuer): Known {
    // Whatever an administrator changes, the keys are asked for anew.
    const source = `${issuer.createdAt} ${issuer.version} ${issuer.jwksUri ?? ''}`;
    const known = this.#known.get(issuer.issuer);
    if (known?.source === source) return known;
    const fresh: Known = {
      source,
      set: undefined,
      triedAt: Number.NEGATIVE_INFINITY,
      fetching: undefined,
      failure: undefined,
    };
    this.#known.delete(issuer.issuer);
    this.#known.set(issuer.issuer, fresh);
    const oldest = this.#known.size > MAX_ISSUERS ? this.#known.keys().next() : undefined;
    if (oldest && !oldest.done) this.#known.delete(oldest.value);
    return fresh;
  }

  #isOlder(set: KeySet | undefined, age: number): boolean {
    return set === undefined || Math.abs(this.clock.now() - set.fetchedAt) >= age;
  }

  async #refresh(issuer: TrustedIssuer, known: Known): Promise<void> {
    if (known.fetching === undefined) {
      const wait = known.set === undefined ? FIRST_COOL_DOWN : COOL_DOWN;
      if (Math.abs(this.clock.now() - known.triedAt) < wait) return;
      known.triedAt = this.clock.now();
      known.fetching = this.#read(issuer, known).finally(() => (known.fetching = undefined));
    }
    await known.fetching;
  }

  /** Keeps what was known when the issuer cannot be read: its age decides whether that is enough. */
  async #read(issuer: TrustedIssuer, known: Known): Promise<void> {
    try {
      const { keys } = await this.fetch.getJson(
        issuer.jwksUri ?? (await this.#discover(issuer.issuer)),
      );
      if (!Array.isArray(keys) || keys.length > MAX_KEYS)
        throw new Error(`A key set has a list of at most ${MAX_KEYS} keys`);
      known.set = { keys: keys.flatMap(publishedKey), fetchedAt: this.clock.now() };
    } catch (error) {
      known.failure = error;
    }
  }

  /** The key set address that the issuer's own document names (OpenID Connect Discovery, RFC 8414). */
  async #discover(issuer: string): Promise<string> {
    const { origin, pathname } = new URL(issuer);
    const path = pathname.replace(/\/$/, '');
    const documents = [
      `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
      `${origin}/.well-known/oauth-authorization-server${path}`,
    ];
    let failure: unknown;
    for (const document of documents) {
      try {
        const metadata = await this.fetch.getJson(document);
        const address = metadata['jwks_uri'];
        if (metadata['issuer'] === issuer && typeof address === 'string') return address;
      } catch (error) {
        failure = error;
      }
    }
    throw new Error('The issuer has no usable discovery document', { cause: failure });
  }
}

/** One key, one algorithm (RFC 8725 section 3.1): an open one serves the first that the issuer may use. */
function fittingKeys(
  set: KeySet,
  issuer: TrustedIssuer,
  algorithm: string,
  keyId: string | undefined,
): readonly PublishedKey[] {
  return set.keys.filter(
    (key) =>
      (keyId === undefined || key.kid === keyId) &&
      issuer.algorithms.find((each) => key.algorithms.includes(each)) === algorithm,
  );
}

/** None of what cannot verify: another use, a secret, a weak key, or one whose private half is public. */
function publishedKey(jwk: Json): readonly PublishedKey[] {
  if (!isJsonObject(jwk) || Object.hasOwn(jwk, 'd')) return [];
  const { kid, use, alg, key_ops: operations } = jwk;
  if (use !== undefined && use !== 'sig') return [];
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return [];
  const algorithms = algorithmsOf(jwk).filter((each) => alg === undefined || alg === each);
  return algorithms.length === 0 ? [] : [{ kid, algorithms, jwk, imported: new Map() }];
}

function algorithmsOf(jwk: JsonObject): readonly string[] {
  if (jwk['kty'] === 'RSA') return isStrong(jwk) ? RSA_ALGORITHMS : [];
  return CURVE_ALGORITHMS.filter(
    ([type, curve]) => type === jwk['kty'] && curve === jwk['crv'],
  ).map(([, , algorithm]) => algorithm);
}

/** At least 2048 bits (RFC 7518 section 3.3), and no exponent that makes forging easy. */
function isStrong({ n, e }: JsonObject): boolean {
  if (typeof n !== 'string' || typeof e !== 'string') return false;
  const modulus = Buffer.from(n, 'base64url');
  const exponent = Buffer.from(e, 'base64url');
  const leadingZeros = modulus.findIndex((byte) => byte !== 0);
  return (
    modulus.length - leadingZeros >= 256 &&
    exponent.length > 0 &&
    exponent.length <= 6 &&
    exponent.readUIntBE(0, exponent.length) >= 65_537
  );
}

function importOnce(key: PublishedKey, algorithm: string): Promise<CryptoKey> {
  let imported = key.imported.get(algorithm);
  if (imported === undefined) {
    imported = importPublic(key.jwk, algorithm);
    key.imported.set(algorithm, imported);
  }
  return imported;
}

/** Public members only, by name: the rest of what was published has no say. */
async function importPublic(jwk: JsonObject, algorithm: string): Promise<CryptoKey> {
  const { kty, crv, x, y, n, e } = jwk;
  const publicKey =
    kty === 'RSA' ? { kty, n, e } : { kty, crv, x, ...(y === undefined ? {} : { y }) };
  try {
    return (await importJWK(publicKey as JWK, algorithm)) as CryptoKey;
  } catch (cause) {
    throw refuse('token_key_unknown', cause);
  }
}

function refuse(reason: RefusalReason, cause?: unknown): InvalidRequestError {
  return new InvalidRequestError(reason, 'A presented token is not acceptable.', { cause });
}
