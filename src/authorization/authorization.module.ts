import { Module } from '@nestjs/common';

import { AccountsModule } from '../accounts/accounts.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AuthorizationDirectory } from './authorization-directory.js';
import { AuthorizationFlow } from './authorization-flow.js';
import { AuthorizationRequests } from './authorization-requests.js';
import { LogoutNotices } from './logout-notices.js';
import { PersonNames } from './person-names.js';
import { PushedRequests } from './pushed-requests.js';
import { SignOut } from './sign-out.js';

/**
 * What people allow applications. Needs the ports `AuthorizationStore`, `ConsentStore` and
 * `PushedRequestStore`, `AuthorizationSettings`, and what the rooms it imports need.
 */
@Module({
  imports: [AccountsModule, AuditModule, ClientsModule, TokensModule],
  providers: [
    AuthorizationDirectory,
    AuthorizationFlow,
    AuthorizationRequests,
    LogoutNotices,
    PersonNames,
    PushedRequests,
    SignOut,
  ],
  exports: [
    AuthorizationDirectory,
    AuthorizationFlow,
    AuthorizationRequests,
    PersonNames,
    PushedRequests,
    SignOut,
  ],
})
export class AuthorizationModule {}
