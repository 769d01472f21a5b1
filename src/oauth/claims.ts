/** A JSON value as it was read. */
export type Json = string | number | boolean | null | Json[] | JsonObject;

/** A JSON object as it was read. */
export interface JsonObject {
  readonly [name: string]: Json;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * A subject that another issuer names, in a token of ours (RFC 9493 section 3.2.2): `iss` says who
 * issued the token, `sub_id` says whose name `sub` is.
 */
export interface SubjectIdentifier {
  readonly format: 'iss_sub';
  readonly iss: string;
  readonly sub: string;
}

/** The claims of an access token of ours (RFC 9068 section 2.2, RFC 8693 section 4). */
export interface AccessTokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string | readonly string[];
  /** Seconds since the epoch. */
  readonly exp: number;
  /** Seconds since the epoch. */
  readonly iat: number;
  readonly jti: string;
  readonly client_id: string;
  readonly scope: string;
  readonly sub_id?: SubjectIdentifier;
  readonly act?: JsonObject;
  readonly auth_time?: number;
  readonly acr?: string;
  readonly amr?: readonly string[];
  readonly sid?: string;
  /** What a person allowed: every token that comes of it names it, so that all of them end with it. */
  readonly grant_id?: string;
  /** What an exchanged token comes of, so that it ends with any of it; opaque to everybody else. */
  readonly lineage?: string;
  /** Where it can be looked up whether it was revoked (Token Status List section 6.1). */
  readonly status?: { readonly status_list: { readonly idx: number; readonly uri: string } };
}
