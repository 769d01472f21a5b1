import type { JsonObject } from '../oauth/claims.js';
import { readStrictJson } from './strict-json.js';

const MAX_LENGTH = 16_384;
const ABSENT_TYPE = 'none';
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A compact JWS of a stranger, read but not verified. */
export interface UnverifiedJws {
  readonly algorithm: string;
  readonly keyId: string | undefined;
  /** The header's `typ` in lower case without `application/`; `none` when it has none. */
  readonly type: string;
  readonly claims: JsonObject;
}

/**
 * Reads a compact JWS strictly (RFC 7515 section 7.1): three canonical base64url parts, objects of
 * plain JSON, no extension that must be understood. Keys in the header are never looked at.
 * @returns undefined when it is anything else
 */
export function readCompactJws(token: string): UnverifiedJws | undefined {
  if (token.length > MAX_LENGTH) return undefined;
  const parts = token.split('.');
  const [encodedHeader, encodedClaims, signature] = parts;
  if (parts.length !== 3 || !encodedHeader || !encodedClaims || !signature) return undefined;
  if (decode(signature) === undefined) return undefined;
  const header = readPart(encodedHeader);
  const claims = readPart(encodedClaims);
  if (header === undefined || claims === undefined) return undefined;
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64'))
    return undefined;
  if (kid !== undefined && typeof kid !== 'string') return undefined;
  const type = readType(typ);
  return type === undefined ? undefined : { algorithm: alg, keyId: kid, type, claims };
}

/** The kind of token that a `typ` names (RFC 7515 section 4.1.9). */
export function normalType(type: string): string {
  return type.toLowerCase().replace(/^application\//, '');
}

function readType(typ: unknown): string | undefined {
  if (typ === undefined) return ABSENT_TYPE;
  const type = typeof typ === 'string' ? normalType(typ) : ABSENT_TYPE;
  // A header that spells out the word for an absent type is not one without a type.
  return type === ABSENT_TYPE ? undefined : type;
}

function readPart(encoded: string): JsonObject | undefined {
  const bytes = decode(encoded);
  if (bytes === undefined) return undefined;
  try {
    return readStrictJson(utf8.decode(bytes));
  } catch {
    return undefined;
  }
}

/** Only the one canonical spelling, so that a token has one hash. */
function decode(encoded: string): Buffer | undefined {
  const bytes = Buffer.from(encoded, 'base64url');
  return bytes.toString('base64url') === encoded ? bytes : undefined;
}
