import type { JsonObject } from '../oauth/claims.js';
import type { Scope } from '../oauth/scope.js';
import type { TokenType } from '../oauth/token-type.js';
import type { DelegationChain } from './delegation-chain.js';
import type { Ancestor } from './lineage.js';
import type { MayAct } from './may-act.js';
import type { Party } from './party.js';
import type { TokenId } from './token-id.js';

/** What a client's own settings say of its exchanges. An empty list means nothing, never anything. */
export interface ExchangeSettings {
  /** `delegation` adds the client to the chain; `impersonation` does not, and is recorded as such (RFC 8693 section 1.1). */
  readonly mode: 'delegation' | 'impersonation';
  /** Trusted issuers whose tokens it may present. */
  readonly subjectIssuers: readonly string[];
  /** Clients whose tokens it may present although it is neither their audience nor their client. */
  readonly presentsTokensOf: readonly string[];
  /** Names that the client has at trusted issuers, so that their tokens can be its actor tokens. */
  readonly actorIdentities: readonly Party[];
  /** How many actors a chain may have after its exchange: 1 to 16. */
  readonly maxDepth: number;
  /** Whether it may act again after another actor took over from it. */
  readonly allowLoops: boolean;
  /** How many targets one token may have: 1 to 16. */
  readonly maxTargets: number;
}

/** The most careful settings: delegation, own tokens only, five actors, one target. */
export const DEFAULT_EXCHANGE_SETTINGS: ExchangeSettings = {
  mode: 'delegation',
  subjectIssuers: [],
  presentsTokensOf: [],
  actorIdentities: [],
  maxDepth: 5,
  allowLoops: false,
  maxTargets: 1,
};

/** The deepest chain that any policy can allow. */
export const MAX_DEPTH = 16;

/** What access tokens look like that a client gets or takes. */
export interface TokenForm {
  /** Whether nobody but this server can read them. */
  readonly isOpaque: boolean;
  /** Whether they name a place in a Token Status List. */
  readonly hasStatus: boolean;
}

/** The authenticated client as a policy sees it. */
export interface Requester {
  readonly clientId: string;
  readonly isPublic: boolean;
  /** The client as an identity of this server. */
  readonly party: Party;
  /** Every identifier it answers to; its client id is one of them. */
  readonly identifiers: readonly string[];
  readonly scope: Scope;
  /** Identifiers of the targets it may ask for. */
  readonly targets: readonly string[];
  /** Seconds. */
  readonly tokenLifetime: number;
  readonly exchange: ExchangeSettings;
  /** The groups of clients that it is in. */
  readonly groups?: readonly string[];
  /** The version that its settings are stored in. */
  readonly version?: number;
  readonly tokenForm?: TokenForm;
}

/** What the settings of a trusted issuer say of the rights that its tokens bring. */
export interface IssuerTerms {
  /** The version that they are stored in. */
  readonly version: number;
  /** Whether the actors that its tokens tell of are believed. */
  readonly trustsChains: boolean;
  /** Scope values that its tokens can bring; others are dropped. */
  readonly scopes: readonly string[];
  /** Scope values that a token brings which says none. */
  readonly impliedScopes: readonly string[];
}

/** A presented token, after it has been checked, as a policy sees it. */
export interface PresentedToken extends Ancestor {
  /** Who issued the token itself. */
  readonly issuer: string;
  /** Whether this server issued it. */
  readonly isOwn: boolean;
  /** The application it was issued to. */
  readonly clientId: string | undefined;
  /** Whose name `clientId` is: a client of this server, or one that only another issuer knows. */
  readonly clientIssuer: string;
  readonly audience: readonly string[];
  /** What it says, undefined when it says nothing; what of it counts is told by `broughtScope`. */
  readonly scope: Scope | undefined;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  readonly chain: DelegationChain;
  readonly mayAct: MayAct | undefined;
  readonly acr: string | undefined;
  /** Seconds since the epoch. */
  readonly authTime: number | undefined;
  readonly claims: JsonObject;
  /** What its `jti` tells, when this server issued it. */
  readonly tokenId: TokenId | undefined;
  /** What its issuer is trusted with, when that is another one. */
  readonly terms?: IssuerTerms | undefined;
}

/** Somebody who takes tokens, by an identifier registered to it. */
export interface Target {
  readonly identifier: string;
  /** The client that answers to it; undefined for an interface of this server. */
  readonly clientId: string | undefined;
  readonly offeredScope: Scope;
  readonly tokenForm?: TokenForm;
}

/** Everything that decides an exchange. */
export interface ExchangeRequest {
  /** Seconds since the epoch. */
  readonly now: number;
  readonly requester: Requester;
  readonly subjectToken: PresentedToken;
  /** Absent when the client itself is the actor. */
  readonly actorToken: PresentedToken | undefined;
  /** Who acts, and what its link in the chain would say. */
  readonly actor: Party;
  /** Every target that was asked for. */
  readonly targets: readonly Target[];
  readonly requestedScope: Scope | undefined;
  readonly requestedTokenType: TokenType;
  /** Seconds a chain may live from its first exchange. */
  readonly chainLifetime: number;
  /** When the chain began, as far as it is known; now when it begins here. Seconds since the epoch. */
  readonly chainStart?: number | undefined;
  /** The groups of the subject's account. */
  readonly subjectGroups?: readonly string[] | undefined;
  /** What for, in the words of the request. */
  readonly purpose?: string | undefined;
  /** Whether the caller proved to have the key that the tokens are bound to. */
  readonly isProven?: boolean | undefined;
}
