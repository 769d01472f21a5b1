import { Module } from '@nestjs/common';

import { AccountsModule } from '../accounts/accounts.module.js';
import { AftercareModule } from '../aftercare/aftercare.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { TokenTraces } from '../audit/token-trace.js';
import { AuthorizationModule } from '../authorization/authorization.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { GrantsModule } from '../grants/grants.module.js';
import { KeysModule } from '../keys/keys.module.js';
import { StreamsModule } from '../streams/streams.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AccountAdministration } from './account-administration.js';
import { AccountApplications } from './account-applications.js';
import { AdminGuard } from './admin.guard.js';
import { AdministrationRecords } from './administration-records.js';
import { ClientAdministration } from './client-administration.js';
import { ClientRightsReader } from './client-rights.js';
import { ClientSecretAdministration } from './client-secret-administration.js';
import { Cursors } from './cursor.js';
import { ErasureAdministration } from './erasure-administration.js';
import { FoundTokens } from './found-tokens.js';
import { PolicyAdministration } from './policy-administration.js';
import { PolicyExplanations } from './policy-explanations.js';
import { PolicyPlans } from './policy-plans.js';
import { PolicySimulation } from './policy-simulation.js';
import { RevocationAdministration } from './revocation-administration.js';
import { SinkAdministration } from './sink-administration.js';
import { TokenStandings } from './token-standings.js';
import { TrustedIssuerAdministration } from './trusted-issuer-administration.js';
import { ADMIN_CONTROLLERS, UnknownPathController } from './unknown-path.controller.js';

/**
 * The JSON API for administrators, under `/admin`. Needs what `TokenExchangeModule` with `signIn`
 * shares, the ports `AuditReader`, `PolicyStore` and `SinkStore`, and `adminAudience` with `ADMIN_SCOPES` among the
 * issuer's own targets.
 */
@Module({
  imports: [
    AccountsModule,
    AftercareModule,
    AuditModule,
    AuthorizationModule,
    ClientsModule,
    GrantsModule,
    KeysModule,
    StreamsModule,
    TokensModule,
  ],
  // The last one answers what no other takes.
  controllers: [...ADMIN_CONTROLLERS, UnknownPathController],
  providers: [
    AccountAdministration,
    AccountApplications,
    AdminGuard,
    AdministrationRecords,
    ClientAdministration,
    ClientRightsReader,
    ClientSecretAdministration,
    Cursors,
    ErasureAdministration,
    FoundTokens,
    PolicyAdministration,
    PolicyExplanations,
    PolicyPlans,
    PolicySimulation,
    RevocationAdministration,
    SinkAdministration,
    TokenStandings,
    TokenTraces,
    TrustedIssuerAdministration,
  ],
})
export class AdminModule {}
