import { Module, type Type } from '@nestjs/common';

import { ClientsModule } from '../clients/clients.module.js';
import { PartyStanding } from '../tokens/party-standing.js';
import { SecurityTokens } from '../tokens/security-tokens.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { ClientCredentialsGrant } from './client-credentials/client-credentials.grant.js';
import { ClientStanding } from './client-standing.js';
import { GrantRegistry } from './grant-registry.js';
import type { Grant } from './grant.js';
import { Targets } from './targets.js';
import { TokenExchangeGrant } from './token-exchange/token-exchange.grant.js';

/** The grants of this server: to add one, add its folder and its line here. */
const GRANTS: readonly Type<Grant>[] = [ClientCredentialsGrant, TokenExchangeGrant];

/** Ways to ask for a token. Needs the port `DelegationPolicy`, `IssuerSettings` and `Clock`. */
@Module({
  imports: [ClientsModule, TokensModule],
  providers: [
    ...GRANTS,
    Targets,
    SecurityTokens,
    { provide: PartyStanding, useClass: ClientStanding },
    {
      provide: GrantRegistry,
      useFactory: (...grants: Grant[]) => new GrantRegistry(grants),
      inject: [...GRANTS],
    },
  ],
  exports: [GrantRegistry, SecurityTokens, PartyStanding, ClientsModule, TokensModule],
})
export class GrantsModule {}
