import { isJsonObject, type JsonObject } from '../oauth/claims.js';

const MAX_CLAIMS = 50;

/** What is said of a claim that is asked for by name: null, or whether it is essential and which values would do. */
export type RequestedClaim = JsonObject | null;

/** The `claims` parameter (OpenID Connect Core section 5.5). */
export interface ClaimsRequest {
  readonly idToken: Readonly<Record<string, RequestedClaim>>;
  readonly userInfo: Readonly<Record<string, RequestedClaim>>;
}

/** Nothing is asked for by name. */
export const NO_CLAIMS: ClaimsRequest = { idToken: {}, userInfo: {} };

/** Reads the parsed `claims` parameter; undefined when it is malformed. Unknown members are ignored. */
export function readClaimsRequest(value: JsonObject): ClaimsRequest | undefined {
  const idToken = readMember(value['id_token']);
  const userInfo = readMember(value['userinfo']);
  return idToken && userInfo ? { idToken, userInfo } : undefined;
}

/** The values of a claim that would do; undefined when any would. */
export function wantedValues(claim: RequestedClaim | undefined): readonly unknown[] | undefined {
  if (claim === null || claim === undefined) return undefined;
  const { value, values } = claim;
  if (Array.isArray(values)) return values;
  return value === undefined ? undefined : [value];
}

function readMember(member: unknown): Readonly<Record<string, RequestedClaim>> | undefined {
  if (member === undefined || member === null) return {};
  if (!isJsonObject(member) || Object.keys(member).length > MAX_CLAIMS) return undefined;
  const claims: Record<string, RequestedClaim> = {};
  for (const [name, claim] of Object.entries(member)) {
    if (claim !== null && !isJsonObject(claim)) return undefined;
    claims[name] = claim;
  }
  return claims;
}
