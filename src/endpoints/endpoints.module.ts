import { Module } from '@nestjs/common';

import { AftercareModule } from '../aftercare/aftercare.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { GrantsModule } from '../grants/grants.module.js';
import { KeysModule } from '../keys/keys.module.js';
import { IntrospectionController } from './introspection.controller.js';
import { JwksController } from './jwks.controller.js';
import { CallingClient } from './calling-client.js';
import { LedgerController } from './ledger.controller.js';
import { MetadataController } from './metadata.controller.js';
import { PushedRequestController } from './pushed-request.controller.js';
import { RevocationController } from './revocation.controller.js';
import { ServerMetadata } from './server-metadata.js';
import { StatusListController } from './status-list.controller.js';
import { TokenEndpoint } from './token-endpoint.js';
import { TokenController } from './token.controller.js';
import { UserInfoController } from './userinfo.controller.js';

/** The protocol over HTTP. */
@Module({
  imports: [AftercareModule, AuditModule, ClientsModule, GrantsModule, KeysModule],
  controllers: [
    TokenController,
    PushedRequestController,
    IntrospectionController,
    RevocationController,
    UserInfoController,
    JwksController,
    MetadataController,
    StatusListController,
    LedgerController,
  ],
  providers: [CallingClient, ServerMetadata, TokenEndpoint],
  exports: [TokenEndpoint, AftercareModule, AuditModule, ClientsModule, GrantsModule, KeysModule],
})
export class EndpointsModule {}
