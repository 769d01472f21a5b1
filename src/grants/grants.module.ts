import { Module, type Type } from '@nestjs/common';

import { AccountsModule } from '../accounts/accounts.module.js';
import { AuthorizationModule } from '../authorization/authorization.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { PartyStanding } from '../tokens/party-standing.js';
import { SecurityTokens } from '../tokens/security-tokens.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AuthorizationCodeGrant } from './authorization-code/authorization-code.grant.js';
import { ClientCredentialsGrant } from './client-credentials/client-credentials.grant.js';
import { RegisteredStanding } from './registered-standing.js';
import { GrantRegistry } from './grant-registry.js';
import type { Grant } from './grant.js';
import { PersonTokens } from './person-tokens.js';
import { RefreshTokenGrant } from './refresh-token/refresh-token.grant.js';
import { RefreshTokens } from './refresh-token/refresh-tokens.js';
import { TokenRevocation } from './token-revocation.js';
import { PolicyQuotas } from './token-exchange/policy-quotas.js';
import { TokenExchangeGrant } from './token-exchange/token-exchange.grant.js';

/** The grants of every server: to add one, add its folder and its line here. */
const GRANTS: readonly Type<Grant>[] = [ClientCredentialsGrant, TokenExchangeGrant];

/** The grants of a server at which people sign in. */
const SIGN_IN_GRANTS: readonly Type<Grant>[] = [AuthorizationCodeGrant, RefreshTokenGrant];

/** Ways to ask for a token. Needs the port `DelegationPolicy`, `IssuerSettings` and `Clock`. */
@Module({
  imports: [AccountsModule, AuthorizationModule, ClientsModule, TokensModule],
  providers: [
    ...GRANTS,
    ...SIGN_IN_GRANTS,
    PersonTokens,
    PolicyQuotas,
    RefreshTokens,
    SecurityTokens,
    TokenRevocation,
    { provide: PartyStanding, useClass: RegisteredStanding },
    {
      provide: GrantRegistry,
      useFactory: ({ hasSignIn }: IssuerSettings, ...grants: Grant[]) =>
        new GrantRegistry(hasSignIn ? grants : grants.slice(0, GRANTS.length)),
      inject: [IssuerSettings, ...GRANTS, ...SIGN_IN_GRANTS],
    },
  ],
  exports: [
    GrantRegistry,
    SecurityTokens,
    TokenRevocation,
    PartyStanding,
    AccountsModule,
    AuthorizationModule,
    ClientsModule,
    TokensModule,
  ],
})
export class GrantsModule {}
