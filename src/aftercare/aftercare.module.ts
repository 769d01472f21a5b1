import { Module } from '@nestjs/common';

import { AuthorizationModule } from '../authorization/authorization.module.js';
import { GrantsModule } from '../grants/grants.module.js';
import { CountedRevocation } from './counted-revocation.js';
import { Introspection } from './introspection.js';
import { PresentedTokens } from './presented-tokens.js';
import { TokenRevocation } from './token-revocation.js';

/** What clients ask of tokens after they were issued. Counts what died where the port `AuditReader` is provided. */
@Module({
  imports: [AuthorizationModule, GrantsModule],
  providers: [CountedRevocation, Introspection, PresentedTokens, TokenRevocation],
  exports: [CountedRevocation, Introspection, TokenRevocation],
})
export class AftercareModule {}
