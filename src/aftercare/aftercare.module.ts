import { Module } from '@nestjs/common';

import { AuthorizationModule } from '../authorization/authorization.module.js';
import { GrantsModule } from '../grants/grants.module.js';
import { DeathToll } from './death-toll.js';
import { Introspection } from './introspection.js';
import { PresentedTokens } from './presented-tokens.js';
import { TokenRevocation } from './token-revocation.js';

/** What clients ask of tokens after they were issued. Counts what died where the port `AuditReader` is provided. */
@Module({
  imports: [AuthorizationModule, GrantsModule],
  providers: [DeathToll, Introspection, PresentedTokens, TokenRevocation],
  exports: [Introspection, TokenRevocation],
})
export class AftercareModule {}
