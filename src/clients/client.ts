import {
  DEFAULT_EXCHANGE_SETTINGS,
  type ExchangeSettings,
} from '../delegation/exchange-request.js';

/** The ways a client can prove itself at the token endpoint (RFC 6749 section 2.3). */
export const AUTHENTICATION_METHODS = [
  'client_secret_basic',
  'client_secret_post',
  'none',
] as const;

export type AuthenticationMethod = (typeof AUTHENTICATION_METHODS)[number];

/** Public clients cannot keep a secret (RFC 6749 section 2.1). */
export type ClientKind = 'confidential' | 'public';

/** A secret as it is kept: never itself, only its SHA-256. */
export interface ClientSecret {
  readonly id: string;
  /** SHA-256 of the secret, base64url. */
  readonly hash: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Milliseconds since the epoch; null for no expiry. */
  readonly expiresAt: number | null;
}

/** What a client's own settings say of people who sign in to it. */
export interface SignInSettings {
  /** Where codes may be sent: exact strings, but for the port of a loopback address. */
  readonly redirectUris: readonly string[];
  /** Where a browser may be sent after signing out. */
  readonly postLogoutRedirectUris: readonly string[];
  /** Whether a request needs a PKCE challenge; only a confidential client can do without (RFC 9700 section 2.1.1). */
  readonly pkceRequired: boolean;
  /** Whether its requests must be pushed (RFC 9126). */
  readonly pushedRequestsRequired: boolean;
  /** Whether a person is asked before it gets anything; not for the company's own applications. */
  readonly consentRequired: boolean;
  /** The scope of a request that names none. */
  readonly defaultScopes: readonly string[];
  /** The algorithm of its ID tokens and logout tokens. */
  readonly idTokenAlgorithm: IdTokenAlgorithm;
  /** Whether it knows people by names of its own (OpenID Connect Core section 8). */
  readonly subjectType: 'public' | 'pairwise';
  /** The host whose clients share pairwise names; null for that of the redirect URIs. */
  readonly sectorHost: string | null;
  /** Where it hears that a session ended (OpenID Connect Back-Channel Logout section 2.2). */
  readonly backchannelLogoutUri: string | null;
}

/** Signs ID tokens: what relying parties expect unless told otherwise is RS256. */
export const ID_TOKEN_ALGORITHMS = ['RS256', 'ES256'] as const;

export type IdTokenAlgorithm = (typeof ID_TOKEN_ALGORITHMS)[number];

/** The most careful settings: nowhere to send a code to, PKCE and consent required. */
export const DEFAULT_SIGN_IN_SETTINGS: SignInSettings = {
  redirectUris: [],
  postLogoutRedirectUris: [],
  pkceRequired: true,
  pushedRequestsRequired: false,
  consentRequired: true,
  defaultScopes: [],
  idTokenAlgorithm: 'RS256',
  subjectType: 'public',
  sectorHost: null,
  backchannelLogoutUri: null,
};

/** What access tokens look like that a client gets or takes, and what it may learn of others. */
export interface AccessTokenSettings {
  /**
   * What it takes, when it is the target. `opaque`: nobody but this server can read them, so that it must
   * introspect them, and what is revoked is dead for it at once.
   */
  readonly takes: AccessTokenFormat;
  /** What it gets, when it asks: `opaque` only if every one of its targets introspects. */
  readonly gets: AccessTokenFormat;
  /** Whether its JWTs name a place in a Token Status List, where anybody can see that they were revoked. */
  readonly statusList: boolean;
  /** Whether it may introspect tokens that are neither its own nor meant for it (RFC 7662 section 2.1). */
  readonly introspectsAll: boolean;
}

export const ACCESS_TOKEN_FORMATS = ['jwt', 'opaque'] as const;

export type AccessTokenFormat = (typeof ACCESS_TOKEN_FORMATS)[number];

/** JWTs, and nothing of others. */
export const DEFAULT_ACCESS_TOKEN_SETTINGS: AccessTokenSettings = {
  takes: 'jwt',
  gets: 'jwt',
  statusList: false,
  introspectsAll: false,
};

/** An application that asks for tokens, or a service that takes them, or both. */
export interface Client {
  readonly clientId: string;
  readonly name: string;
  readonly kind: ClientKind;
  /** A disabled client gets nothing, and tokens that name it are refused. */
  readonly disabled: boolean;
  /** `grant_type` values it may use. */
  readonly grantTypes: readonly string[];
  /** Scope values it may obtain. */
  readonly scopes: readonly string[];
  readonly authenticationMethods: readonly AuthenticationMethod[];
  readonly secrets: readonly ClientSecret[];
  /** Audiences and resources it answers to, besides its client id. */
  readonly identifiers: readonly string[];
  /** Scope values that mean something at it, when it is the target. */
  readonly offeredScopes: readonly string[];
  /** Identifiers of the targets it may ask for. */
  readonly targets: readonly string[];
  /** The target of a request that names none; null when it must name one. */
  readonly defaultTarget: string | null;
  /** Seconds that an access token for it lives at most. */
  readonly tokenLifetime: number;
  readonly accessTokens: AccessTokenSettings;
  readonly exchange: ExchangeSettings;
  readonly signIn: SignInSettings;
  /** Groups of clients that it is in, for policies that name them. */
  readonly groups: readonly string[];
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Counts the changes; a store refuses to write over a version it does not know. */
  readonly version: number;
}

/** How long an access token lives when nobody says otherwise, in seconds. */
export const DEFAULT_TOKEN_LIFETIME = 600;

/** A client with careful defaults: it may do nothing that is not named. */
export function newClient(
  client: Partial<Omit<Client, 'accessTokens' | 'exchange' | 'signIn'>> &
    Pick<Client, 'clientId'> & {
      readonly accessTokens?: Partial<AccessTokenSettings>;
      readonly exchange?: Partial<ExchangeSettings>;
      readonly signIn?: Partial<SignInSettings>;
    },
): Client {
  const kind = client.kind ?? 'confidential';
  return {
    name: client.clientId,
    disabled: false,
    grantTypes: [],
    scopes: [],
    authenticationMethods:
      kind === 'public' ? ['none'] : ['client_secret_basic', 'client_secret_post'],
    secrets: [],
    identifiers: [],
    offeredScopes: [],
    targets: [],
    defaultTarget: null,
    tokenLifetime: DEFAULT_TOKEN_LIFETIME,
    groups: [],
    createdAt: 0,
    version: 1,
    ...client,
    kind,
    accessTokens: { ...DEFAULT_ACCESS_TOKEN_SETTINGS, ...client.accessTokens },
    exchange: { ...DEFAULT_EXCHANGE_SETTINGS, ...client.exchange },
    signIn: { ...DEFAULT_SIGN_IN_SETTINGS, ...client.signIn },
  };
}

/** Every identifier the client answers to; its own id is always one of them. */
export function identifiersOf(client: Pick<Client, 'clientId' | 'identifiers'>): readonly string[] {
  return [client.clientId, ...client.identifiers];
}
