import { Module, type DynamicModule, type Provider } from '@nestjs/common';

import { SessionSettings } from './accounts/session.js';
import { AuthorizationSettings } from './authorization/authorization-settings.js';
import { ID_TOKEN_ALGORITHMS } from './clients/client.js';
import { ClientSettingsPolicy } from './delegation/client-settings-policy.js';
import { DelegationPolicy } from './delegation/delegation-policy.js';
import { PolicyStore } from './delegation/policy-store.js';
import { StoredPolicies } from './delegation/stored-policies.js';
import { EndpointsModule } from './endpoints/endpoints.module.js';
import { KeySettings } from './keys/key-store.js';
import { keepsPolicies, missingPorts } from './missing-ports.js';
import { Clock, SystemClock } from './oauth/clock.js';
import { IssuerSettings } from './oauth/issuer-settings.js';
import {
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  type Adapter,
  type TokenExchangeAsyncOptions,
  type TokenExchangeExtras,
  type TokenExchangeOptions,
} from './token-exchange.options.js';
import { FetchSettings } from './tokens/guarded-fetch.js';
import { RevocationSettings } from './tokens/revocations.js';

/** The host's options, as the rooms know them. */
const SETTINGS = [
  {
    provide: IssuerSettings,
    useFactory: ({ issuer, tokens, signIn }: TokenExchangeOptions) =>
      new IssuerSettings({ ...tokens, issuer, hasSignIn: signIn !== undefined }),
    inject: [MODULE_OPTIONS_TOKEN],
  },
  {
    provide: KeySettings,
    useFactory: ({ keys, signIn }: TokenExchangeOptions) =>
      new KeySettings({ others: signIn ? ID_TOKEN_ALGORITHMS : [], ...keys }),
    inject: [MODULE_OPTIONS_TOKEN],
  },
  {
    provide: SessionSettings,
    useFactory: ({ signIn }: TokenExchangeOptions) => new SessionSettings(signIn?.sessions),
    inject: [MODULE_OPTIONS_TOKEN],
  },
  {
    provide: AuthorizationSettings,
    useFactory: ({ signIn }: TokenExchangeOptions) =>
      new AuthorizationSettings(signIn?.authorizations),
    inject: [MODULE_OPTIONS_TOKEN],
  },
  {
    provide: FetchSettings,
    useFactory: ({ fetch }: TokenExchangeOptions) => new FetchSettings(fetch),
    inject: [MODULE_OPTIONS_TOKEN],
  },
  { provide: RevocationSettings, useFactory: () => new RevocationSettings() },
  {
    provide: StoredPolicies,
    useFactory: (store: PolicyStore, clock: Clock) => new StoredPolicies(store, clock),
    inject: [PolicyStore, Clock],
  },
  {
    provide: Clock,
    useFactory: ({ clock }: TokenExchangeOptions) => clock ?? new SystemClock(),
    inject: [MODULE_OPTIONS_TOKEN],
  },
] satisfies Provider[];

/** What every room needs from the host: its settings and its adapters of the ports. */
@Module({})
class HostModule {}

/**
 * The authorization server inside a Nest application: the token endpoint with client credentials
 * and token exchange, the key set and the discovery documents. The host brings the ports in
 * `adapters`; a port that none of them provides is named at start.
 */
@Module({})
export class TokenExchangeModule extends ConfigurableModuleClass {
  /** With options that are known now. */
  static override forRoot(options: TokenExchangeOptions & TokenExchangeExtras): DynamicModule {
    return assemble(super.forRoot(options), options);
  }

  /** With options that a factory makes; `adapters` are named beside it. */
  static override forRootAsync(
    options: TokenExchangeAsyncOptions & TokenExchangeExtras,
  ): DynamicModule {
    return assemble(super.forRootAsync(options), options);
  }
}

function assemble(
  definition: DynamicModule,
  { adapters = [] }: TokenExchangeExtras,
): DynamicModule {
  const own = [...SETTINGS, policyFor(adapters), ...missingPorts(adapters)];
  const host: DynamicModule = {
    module: HostModule,
    global: true,
    imports: [...(definition.imports ?? []), ...adapters],
    providers: [...(definition.providers ?? []), ...own],
    exports: [...adapters, ...own],
  };
  return {
    module: TokenExchangeModule,
    imports: [host, EndpointsModule],
    exports: [host, EndpointsModule],
  };
}

/** The host's own rules; else the stored policies, where they are kept; else the clients' settings. */
function policyFor(adapters: readonly Adapter[]): Provider {
  const stored = keepsPolicies(adapters);
  return {
    provide: DelegationPolicy,
    useFactory: ({ policy }: TokenExchangeOptions, policies: StoredPolicies) =>
      policy ?? (stored ? policies : new ClientSettingsPolicy()),
    inject: [MODULE_OPTIONS_TOKEN, StoredPolicies],
  };
}
