import { hash as digest } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import { Decision } from '../delegation/decision.js';
import type { JsonObject } from '../oauth/claims.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { OwnTokens } from './own-tokens.js';

/** Facts of the sign-in that the client may rely on (OpenID Connect Core section 2). */
const SIGN_IN = ['auth_time', 'acr', 'amr', 'sid'] as const;
/**
 * What only the protocol says, whether it says it in this token or not: such a claim in the
 * description of a person would make the token look like something that it is not.
 */
const PROTOCOL_CLAIMS: ReadonlySet<string> = new Set([
  ...SIGN_IN,
  'iss',
  'sub',
  'sub_id',
  'aud',
  'azp',
  'exp',
  'nbf',
  'iat',
  'jti',
  'nonce',
  'at_hash',
  'c_hash',
  's_hash',
  'client_id',
  'scope',
  'grant_id',
  'act',
  'may_act',
  'cnf',
  'events',
]);

/** What an ID token says besides what was decided about the access token beside it. */
export interface IdTokenFacts {
  /** Who it is for, and nobody else. */
  readonly clientId: string;
  /** The name by which this client knows the person. */
  readonly subject: string;
  readonly algorithm: 'RS256' | 'ES256';
  /** The access token that is given out with it. */
  readonly accessToken: string;
  /** What the client sent to recognise the answer by. */
  readonly nonce: string | undefined;
  /** Further claims, about the person; one that belongs to the protocol is left out. */
  readonly claims: JsonObject;
}

/** Mints ID tokens: what tells a client who signed in, and when and how (OpenID Connect Core section 2). */
@Injectable()
export class IdTokenIssuer {
  constructor(
    private readonly tokens: OwnTokens,
    private readonly settings: IssuerSettings,
  ) {}

  /** Rejects when no key of that algorithm can sign. */
  async issue(decision: Decision, about: IdTokenFacts): Promise<string> {
    Decision.require(decision);
    const claims = {
      ...Object.fromEntries(
        Object.entries(about.claims).filter(([name]) => !PROTOCOL_CLAIMS.has(name)),
      ),
      iss: this.settings.issuer,
      sub: about.subject,
      aud: about.clientId,
      exp: decision.expiresAt,
      iat: decision.issuedAt,
      ...signInClaims(decision.subjectClaims),
      ...(about.nonce === undefined ? {} : { nonce: about.nonce }),
      at_hash: accessTokenHash(about.accessToken),
    };
    return this.tokens.sign('JWT', claims, about.algorithm);
  }
}

function signInClaims(claims: JsonObject): JsonObject {
  const known = SIGN_IN.filter((name) => claims[name] !== undefined);
  return Object.fromEntries(known.map((name) => [name, claims[name] ?? null]));
}

/** The left half of the hash that the algorithm uses, SHA-256 for both (OpenID Connect Core section 3.1.3.6). */
function accessTokenHash(accessToken: string): string {
  return digest('sha256', accessToken, 'buffer').subarray(0, 16).toString('base64url');
}
