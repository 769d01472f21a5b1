import { Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { CompactSign, compactVerify } from 'jose';

import { KeyRing, type VerificationKey } from '../keys/key-ring.js';
import type { SigningAlgorithm } from '../keys/signing-key.js';
import { isJsonObject, type JsonObject } from '../oauth/claims.js';
import { InvalidRequestError } from '../oauth/oauth-error.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import { oneSpelling } from './one-spelling.js';

const MAX_TOKEN_LENGTH = 16_384;
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** The header of a JWS, read and not verified. */
export interface JwsHeader {
  readonly keyId: string;
  readonly algorithm: string;
  readonly type: string;
}

/** A JWT of ours whose signature has been verified; its time and kind have not. */
export interface VerifiedJwt {
  readonly type: string;
  readonly keyId: string;
  readonly claims: JsonObject;
}

/**
 * Signs our tokens and verifies them when they come back. ES256 goes through `JwtService` with a
 * key object and one explicit algorithm; RSA signs through `jose` because that uses the thread pool,
 * EdDSA because `JwtService` has none.
 */
@Injectable()
export class OwnTokens {
  readonly #jwt = new JwtService();

  constructor(private readonly ring: KeyRing) {}

  /**
   * Rejects when no key can sign.
   * @param type the header's `typ`, which says the kind of token (RFC 8725 section 3.11)
   * @param wanted the algorithm; that of access tokens unless said otherwise
   */
  async sign(type: string, claims: object, wanted?: SigningAlgorithm): Promise<string> {
    const { kid, algorithm, privateKey } = await this.ring.active(wanted);
    if (algorithm === 'ES256') {
      const token = this.#jwt.sign(claims, {
        algorithm,
        privateKey,
        keyid: kid,
        header: { alg: algorithm, typ: type },
      });
      // So that whoever hashes it as it is finds its record.
      return oneSpelling(token);
    }
    const payload = new TextEncoder().encode(JSON.stringify(claims));
    return new CompactSign(payload)
      .setProtectedHeader({ alg: algorithm, typ: type, kid })
      .sign(privateKey);
  }

  /** Whether a key of ours has this id, revoked ones included. */
  async isOurs(keyId: string): Promise<boolean> {
    return (await this.ring.verifying(keyId)) !== undefined || this.ring.isRevoked(keyId);
  }

  /** Whether what the key signed may be accepted now. */
  async isUsable(keyId: string): Promise<boolean> {
    return (await this.ring.verifying(keyId)) !== undefined;
  }

  /**
   * Verifies the signature with the key that the header names, with that key's one algorithm.
   * @throws InvalidRequestError when it is not ours (RFC 8693 section 2.2.2)
   */
  async verify(token: string, header: JwsHeader | undefined): Promise<VerifiedJwt> {
    if (header === undefined) throw refuse('token_malformed');
    const { keyId, algorithm, type } = header;
    const key = await this.ring.verifying(keyId);
    if (key === undefined)
      throw refuse(this.ring.isRevoked(keyId) ? 'token_key_revoked' : 'token_key_unknown');
    if (algorithm !== key.algorithm) throw refuse('token_algorithm_not_allowed');
    return { type, keyId, claims: await this.#verified(token, key) };
  }

  async #verified(token: string, key: VerificationKey): Promise<JsonObject> {
    let claims: unknown;
    try {
      if (key.algorithm === 'EdDSA') {
        const { payload } = await compactVerify(token, key.publicKey, { algorithms: ['EdDSA'] });
        claims = JSON.parse(new TextDecoder().decode(payload));
      } else {
        claims = this.#jwt.verify<JsonObject>(token, {
          // JwtService passes a key object through; its type names strings and buffers only.
          publicKey: key.publicKey as unknown as Buffer,
          algorithms: [key.algorithm],
          ignoreExpiration: true,
          ignoreNotBefore: true,
        });
      }
    } catch (cause) {
      throw refuse('token_signature_invalid', cause);
    }
    if (!isJsonObject(claims)) throw refuse('token_malformed');
    return claims;
  }
}

/**
 * Reads the header of a compact JWS as we write it: with a key id and a type, without anything that
 * must be understood (RFC 7515 section 4.1.11).
 * @returns undefined when the text is anything else
 */
export function readJwsHeader(token: string): JwsHeader | undefined {
  if (token.length > MAX_TOKEN_LENGTH || !COMPACT.test(token) || !hasCanonicalSignature(token))
    return undefined;
  try {
    const text = Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString('utf8');
    const header: unknown = JSON.parse(text);
    if (!isJsonObject(header) || header['crit'] !== undefined) return undefined;
    const { kid, alg, typ } = header;
    const isOurs = typeof kid === 'string' && typeof alg === 'string' && typeof typ === 'string';
    return isOurs ? { keyId: kid, algorithm: alg, type: typ } : undefined;
  } catch {
    return undefined;
  }
}

/** The bytes of a signature have one spelling, so that a token has one hash; `oneSpelling` sees to the rest. */
function hasCanonicalSignature(token: string): boolean {
  const signature = token.slice(token.lastIndexOf('.') + 1);
  return Buffer.from(signature, 'base64url').toString('base64url') === signature;
}

function refuse(reason: RefusalReason, cause?: unknown): InvalidRequestError {
  return new InvalidRequestError(reason, 'A presented token is not acceptable.', { cause });
}
