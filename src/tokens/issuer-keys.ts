import { Injectable } from '@nestjs/common';
import { importJWK, type CryptoKey, type JWK } from 'jose';

import { isJsonObject, type JsonObject } from '../oauth/claims.js';
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
const MAX_KEYS = 20;
const MAX_ISSUERS = 200;

const KEY_TYPES: readonly (readonly [RegExp, string])[] = [
  [/^ES/, 'EC'],
  [/^[RP]S/, 'RSA'],
  [/^EdDSA$/, 'OKP'],
];

interface KeySet {
  readonly keys: readonly JsonObject[];
  readonly fetchedAt: number;
  readonly imported: Map<string, Promise<CryptoKey>>;
}

interface Known {
  readonly source: string;
  set: KeySet | undefined;
  triedAt: number;
  fetching: Promise<void> | undefined;
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
      throw refuse('token_issuer_unreachable');
    let fitting = fittingKeys(known.set, algorithm, keyId);
    if (fitting.length === 0) {
      await this.#refresh(issuer, known);
      fitting = fittingKeys(known.set, algorithm, keyId);
    }
    const [key] = fitting;
    if (key === undefined || fitting.length > 1) throw refuse('token_key_unknown');
    return importOnce(known.set, key, algorithm);
  }

  #knownOf(issuer: TrustedIssuer): Known {
    const source = issuer.jwksUri ?? '';
    const known = this.#known.get(issuer.issuer);
    if (known?.source === source) return known;
    const fresh: Known = {
      source,
      set: undefined,
      triedAt: Number.NEGATIVE_INFINITY,
      fetching: undefined,
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
      if (Math.abs(this.clock.now() - known.triedAt) < COOL_DOWN) return;
      known.triedAt = this.clock.now();
      known.fetching = this.#read(issuer, known).finally(() => (known.fetching = undefined));
    }
    await known.fetching;
  }

  /** Keeps what was known when the issuer cannot be read: its age decides whether that is enough. */
  async #read(issuer: TrustedIssuer, known: Known): Promise<void> {
    try {
      const set = await this.fetch.getJson(issuer.jwksUri ?? (await this.#discover(issuer.issuer)));
      const keys = isJsonObject(set) ? set['keys'] : undefined;
      if (!Array.isArray(keys) || keys.length > MAX_KEYS) return;
      known.set = {
        keys: keys.filter(isJsonObject),
        fetchedAt: this.clock.now(),
        imported: new Map(),
      };
    } catch {
      // The caller sees what is still known.
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
        if (
          isJsonObject(metadata) &&
          metadata['issuer'] === issuer &&
          typeof metadata['jwks_uri'] === 'string'
        ) {
          return metadata['jwks_uri'];
        }
      } catch (error) {
        failure = error;
      }
    }
    throw new Error('The issuer has no usable discovery document', { cause: failure });
  }
}

function fittingKeys(
  set: KeySet,
  algorithm: string,
  keyId: string | undefined,
): readonly JsonObject[] {
  const type = KEY_TYPES.find(([pattern]) => pattern.test(algorithm))?.[1];
  return set.keys.filter(
    (key) =>
      key['kty'] === type &&
      (keyId === undefined || key['kid'] === keyId) &&
      (key['alg'] === undefined || key['alg'] === algorithm) &&
      (key['use'] === undefined || key['use'] === 'sig') &&
      isOfCurve(key, algorithm) &&
      isStrong(key),
  );
}

function isOfCurve(key: JsonObject, algorithm: string): boolean {
  if (key['kty'] === 'RSA') return true;
  const curves: Readonly<Record<string, string>> = {
    ES256: 'P-256',
    ES384: 'P-384',
    ES512: 'P-521',
    EdDSA: 'Ed25519',
  };
  return key['crv'] === curves[algorithm];
}

function isStrong(key: JsonObject): boolean {
  if (key['kty'] !== 'RSA') return true;
  return typeof key['n'] === 'string' && Buffer.from(key['n'], 'base64url').length >= 256;
}

function importOnce(set: KeySet, key: JsonObject, algorithm: string): Promise<CryptoKey> {
  const name = `${algorithm} ${set.keys.indexOf(key)}`;
  let imported = set.imported.get(name);
  if (imported === undefined) {
    imported = importPublic(key, algorithm);
    set.imported.set(name, imported);
  }
  return imported;
}

/** Public members only, by name: a private one that a careless issuer published is not used. */
async function importPublic(key: JsonObject, algorithm: string): Promise<CryptoKey> {
  const { kty, crv, x, y, n, e } = key;
  const publicKey =
    kty === 'RSA' ? { kty, n, e } : { kty, crv, x, ...(y === undefined ? {} : { y }) };
  try {
    return (await importJWK(publicKey as JWK, algorithm)) as CryptoKey;
  } catch {
    throw refuse('token_key_unknown');
  }
}

function refuse(reason: RefusalReason): InvalidRequestError {
  return new InvalidRequestError(reason, 'A presented token is not acceptable.');
}
