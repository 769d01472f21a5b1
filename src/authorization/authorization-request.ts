import type { Client } from '../clients/client.js';
import type { Prompt } from '../oauth/openid.js';
import type { OAuthError } from '../oauth/oauth-error.js';
import type { Scope } from '../oauth/scope.js';
import type { ClaimsRequest } from './claims-request.js';

/** Where the answer to an authorization request goes, once it is known that it may go there. */
export interface Destination {
  readonly redirectUri: string;
  readonly state: string | undefined;
}

/** What an application asks of a person (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2.1), after it was checked. */
export interface AuthorizationRequest extends Destination {
  readonly client: Client;
  /** What is asked for and the client may have; a person may hold less. */
  readonly scope: Scope;
  /** Identifiers of the targets: named by `resource`, or the client's default; UserInfo with scope `openid`. */
  readonly targets: readonly string[];
  /** Null for a client that needs none. */
  readonly codeChallenge: string | null;
  readonly nonce: string | undefined;
  readonly prompt: ReadonlySet<Prompt>;
  /** Seconds since the person proved who they are, at most. */
  readonly maxAge: number | undefined;
  readonly loginHint: string | undefined;
  /** Whom the application believes to be signed in: the subject of its ID token hint. */
  readonly subjectHint: string | undefined;
  /** Language tags (BCP 47) in order of preference. */
  readonly uiLocales: readonly string[];
  readonly claims: ClaimsRequest;
}

/** A refused authorization request: sent to the application when it is known where that is, else shown. */
export class AuthorizationRefusedError extends Error {
  override readonly name = 'AuthorizationRefusedError';

  constructor(
    readonly refusal: OAuthError,
    readonly destination: Destination | undefined,
  ) {
    super(refusal.message, { cause: refusal });
  }
}
