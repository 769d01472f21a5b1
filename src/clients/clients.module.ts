import { Module } from '@nestjs/common';

import { ClientAuthenticator } from './client-authenticator.js';
import { ClientDirectory } from './client-directory.js';
import { FailureLimiter } from './failure-limiter.js';
import { Targets } from './targets.js';

/** Who may call, how they prove it, and whom they may ask for. Needs `ClientStore`, `Clock`, `IssuerSettings`. */
@Module({
  providers: [ClientDirectory, ClientAuthenticator, FailureLimiter, Targets],
  exports: [ClientDirectory, ClientAuthenticator, Targets],
})
export class ClientsModule {}
