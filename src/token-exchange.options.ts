import {
  ConfigurableModuleBuilder,
  type ConfigurableModuleAsyncOptions,
  type DynamicModule,
  type Type,
} from '@nestjs/common';

import type { SessionSettings } from './accounts/session.js';
import type { AuthorizationSettings } from './authorization/authorization-settings.js';
import type { DelegationPolicy } from './delegation/delegation-policy.js';
import type { KeySettings } from './keys/key-store.js';
import type { Clock } from './oauth/clock.js';
import type { IssuerSettings } from './oauth/issuer-settings.js';
import type { FetchSettings } from './tokens/guarded-fetch.js';

/** How a host configures the module. */
export interface TokenExchangeOptions {
  /** The issuer identifier: `https` (or `http` on loopback), no trailing slash, query or fragment (RFC 8414 section 2). */
  readonly issuer: string;
  /** Everything else that is said of tokens and chains. */
  readonly tokens?:
    | Partial<
        Omit<IssuerSettings, 'issuer' | 'hasSignIn' | 'userInfo' | 'ownTarget' | 'isProtected'>
      >
    | undefined;
  /** How signing keys live; `encryptionKey` is 32 bytes that seal their private halves. */
  readonly keys: Partial<KeySettings> & Pick<KeySettings, 'encryptionKey'>;
  /**
   * People sign in here: this server is an OpenID provider. Needs the ports `AccountStore`,
   * `SessionStore`, `AuthorizationStore`, `ConsentStore` and `PushedRequestStore`, and pages at the
   * authorization and end session endpoints, which this module does not bring.
   */
  readonly signIn?: SignInOptions | undefined;
  /** How the keys of trusted issuers are fetched. */
  readonly fetch?: Partial<FetchSettings> | undefined;
  /** The rules of who may act for whom; the clients' settings when absent. */
  readonly policy?: DelegationPolicy | undefined;
  /** The time; the machine's own when absent. */
  readonly clock?: Clock | undefined;
}

/** How long sessions, codes and refresh tokens live. Milliseconds. */
export interface SignInOptions {
  readonly sessions?: Partial<SessionSettings>;
  readonly authorizations?: Partial<AuthorizationSettings>;
}

/** A module that exports ports. */
export type Adapter = Type | DynamicModule;

/** What must be known before the options are: the modules that provide the ports. */
export interface TokenExchangeExtras {
  /** Modules that provide and export `KeyStore`, `ClientStore`, `TrustedIssuerStore` and `AuditLog`, and those of `signIn`. */
  readonly adapters?: readonly Adapter[];
}

/** How a host configures the module with a factory or a class. */
export type TokenExchangeAsyncOptions = ConfigurableModuleAsyncOptions<TokenExchangeOptions>;

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<TokenExchangeOptions>({
    moduleName: 'TokenExchange',
  })
    .setClassMethodName('forRoot')
    .setExtras<TokenExchangeExtras>({ adapters: [] }, (definition) => definition)
    .build();
