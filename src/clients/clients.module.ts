import { Module } from '@nestjs/common';

import { ClientAuthenticator } from './client-authenticator.js';
import { ClientDirectory } from './client-directory.js';
import { FailureLimiter } from './failure-limiter.js';

/** Who may call, and how they prove it. Needs the ports `ClientStore` and `Clock`. */
@Module({
  providers: [ClientDirectory, ClientAuthenticator, FailureLimiter],
  exports: [ClientDirectory, ClientAuthenticator],
})
export class ClientsModule {}
