export { AccountConflictError, AccountStore } from './accounts/account-store.js';
export { ACCOUNT_ROLES, newAccount } from './accounts/account.js';
export type { Account, AccountRole, KeptPassword } from './accounts/account.js';
export { SessionStore } from './accounts/session-store.js';
export { SessionSettings } from './accounts/session.js';
export type { Authentication, Session } from './accounts/session.js';
export { AuditLog, AuditReader } from './audit/audit-log.js';
export type { AuditEntry, AuditPage, AuditSearch, TokenRole } from './audit/audit-log.js';
export { AUDIT_EVENTS } from './audit/audit-record.js';
export type {
  AuditEvent,
  AuditRecord,
  RecordedParty,
  RecordedToken,
} from './audit/audit-record.js';
export { RecordErasure, type PersonalExtent, type RecordedPerson } from './audit/erasure.js';
export { RecordRetention, type RetiredRange } from './audit/retention.js';
export { LedgerReader } from './audit/ledger/ledger-reader.js';
export type { LeafPart, PlacedLeaf } from './audit/ledger/ledger-reader.js';
export type { EntryBundle, Tile } from './audit/ledger/tile.js';
export { viewChain } from './audit/chain-view.js';
export type { ChainView, Hop, Narrowing } from './audit/chain-view.js';
export { AuthorizationSettings } from './authorization/authorization-settings.js';
export { AuthorizationStore } from './authorization/authorization-store.js';
export type { AuthorizationFilter, AuthorizedClient } from './authorization/authorization-store.js';
export type {
  Authorization,
  AuthorizationCode,
  RefreshToken,
} from './authorization/authorization.js';
export type { ClaimsRequest, RequestedClaim } from './authorization/claims-request.js';
export { ConsentStore } from './authorization/consent-store.js';
export type { Consent } from './authorization/consent-store.js';
export { PushedRequestStore } from './authorization/pushed-request-store.js';
export type { PushedRequest } from './authorization/pushed-request-store.js';
export { hashSecret, makeClientSecret } from './clients/client-secret.js';
export { ClientConflictError, ClientStore } from './clients/client-store.js';
export { clientProblems } from './clients/client-rules.js';
export type { ClientProblem } from './clients/client-rules.js';
export {
  DEFAULT_ACCESS_TOKEN_SETTINGS,
  DEFAULT_SIGN_IN_SETTINGS,
  newClient,
} from './clients/client.js';
export type {
  AccessTokenFormat,
  AccessTokenSettings,
  AuthenticationMethod,
  Client,
  ClientKind,
  ClientSecret,
  IdTokenAlgorithm,
  SignInSettings,
} from './clients/client.js';
export type { Actor } from './delegation/actor.js';
export { ClientSettingsPolicy } from './delegation/client-settings-policy.js';
export type { DelegationChain } from './delegation/delegation-chain.js';
export { DelegationPolicy } from './delegation/delegation-policy.js';
export { DEFAULT_EXCHANGE_SETTINGS } from './delegation/exchange-request.js';
export type {
  ExchangeRequest,
  ExchangeSettings,
  IssuerTerms,
  PresentedToken,
  Requester,
  Target,
} from './delegation/exchange-request.js';
export { broughtScope } from './delegation/issuer-settings.js';
export type { MayAct } from './delegation/may-act.js';
export type { Party } from './delegation/party.js';
export type { ActingMode, Allowed, Basis, Refused, Verdict } from './delegation/verdict.js';
export { KeySettings, KeyStore } from './keys/key-store.js';
export type { SigningAlgorithm, StoredSigningKey } from './keys/signing-key.js';
export type { AccessTokenClaims, Json, JsonObject } from './oauth/claims.js';
export { Clock, SystemClock } from './oauth/clock.js';
export { GrantType } from './oauth/grant-type.js';
export { IssuerSettings } from './oauth/issuer-settings.js';
export type { OwnTarget } from './oauth/issuer-settings.js';
export { OAuthError } from './oauth/oauth-error.js';
export type { RefusalReason } from './oauth/refusal-reason.js';
export type { Scope } from './oauth/scope.js';
export type { TokenResponse } from './oauth/token-response.js';
export { TokenType } from './oauth/token-type.js';
export { TokenExchangeModule } from './token-exchange.module.js';
export type {
  SignInOptions,
  TokenExchangeAsyncOptions,
  TokenExchangeExtras,
  TokenExchangeOptions,
} from './token-exchange.options.js';
export { RevocationStore } from './tokens/revocation-store.js';
export type { RevocationsSince } from './tokens/revocation-store.js';
export type { Revocation } from './tokens/revocation.js';
export { StatusListStore } from './tokens/status-list-store.js';
export type { StatusEntry } from './tokens/status-list-store.js';
export { TrustedIssuerConflictError, TrustedIssuerStore } from './tokens/trusted-issuer-store.js';
export { newTrustedIssuer } from './tokens/trusted-issuer.js';
export type { AcceptedToken, TrustedAlgorithm, TrustedIssuer } from './tokens/trusted-issuer.js';
