import type { IssuerTerms } from '../delegation/exchange-request.js';
import type { TokenType } from '../oauth/token-type.js';

/** The signature algorithms that a trusted issuer may use: asymmetric ones only (RFC 8725 section 3.2). */
export const TRUSTED_ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
] as const;

export type TrustedAlgorithm = (typeof TRUSTED_ALGORITHMS)[number];

/** One kind of token that is accepted from a trusted issuer. */
export interface AcceptedToken {
  readonly tokenType: typeof TokenType.Jwt | typeof TokenType.IdToken;
  /** Header `typ` values, lower case and without `application/`; `none` stands for an absent one. */
  readonly types: readonly string[];
  /** The token must be meant for at least one of these. */
  readonly audiences: readonly string[];
}

/** Another issuer whose tokens may be subject or actor tokens. */
export interface TrustedIssuer {
  /** The exact `iss` of its tokens. */
  readonly issuer: string;
  readonly name: string;
  readonly disabled: boolean;
  /** Where its keys are; null to find them through its OpenID or OAuth discovery document. */
  readonly jwksUri: string | null;
  readonly algorithms: readonly TrustedAlgorithm[];
  readonly accepts: readonly AcceptedToken[];
  /** The claim that names the subject; the party is the issuer and this value. */
  readonly subjectClaim: string;
  /** The claims, tried in order, that name the client the token was issued to. */
  readonly clientIdClaims: readonly string[];
  /** The claim that carries the scope, as one string or a list. */
  readonly scopeClaim: string;
  /** Scope values that its tokens can bring here; others are dropped. */
  readonly scopes: readonly string[];
  /** Scope values that a token without the scope claim brings. */
  readonly impliedScopes: readonly string[];
  /** Whether the `act` claims of its tokens are believed; a token with one is refused otherwise. */
  readonly trustsChains: boolean;
  /** Seconds that its clock may be off: 0 to 60. */
  readonly clockSkew: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Counts the changes. */
  readonly version: number;
}

/** What the evaluation of an exchange needs to know of the issuer of a presented token. */
export function termsOf({
  version,
  trustsChains,
  scopes,
  impliedScopes,
}: TrustedIssuer): IssuerTerms {
  return { version, trustsChains, scopes, impliedScopes };
}

/** Those of a token's audiences that an issuer may mean; any other one is a name of its own. */
export function knownAudience(
  audience: readonly string[],
  { audiences }: AcceptedToken,
): readonly string[] {
  return audience.filter((each) => audiences.includes(each));
}

/** A trusted issuer with careful defaults. */
export function newTrustedIssuer(
  issuer: Partial<TrustedIssuer> & Pick<TrustedIssuer, 'issuer'>,
): TrustedIssuer {
  return {
    name: issuer.issuer,
    disabled: false,
    jwksUri: null,
    algorithms: ['ES256', 'RS256'],
    accepts: [],
    subjectClaim: 'sub',
    clientIdClaims: ['client_id', 'azp'],
    scopeClaim: 'scope',
    scopes: [],
    impliedScopes: [],
    trustsChains: false,
    clockSkew: 30,
    createdAt: 0,
    version: 1,
    ...issuer,
  };
}
