import { Module } from '@nestjs/common';

import { AccountDirectory } from './account-directory.js';
import { AttemptLimiter } from './attempt-limiter.js';
import { Passwords } from './password.js';
import { SessionSettings } from './session.js';
import { Sessions } from './sessions.js';
import { SignIn } from './sign-in.js';

/** People, how they sign in, and their sessions. Needs the ports `AccountStore`, `SessionStore` and `Clock`. */
@Module({
  providers: [
    AccountDirectory,
    AttemptLimiter,
    Passwords,
    Sessions,
    SignIn,
    { provide: SessionSettings, useFactory: () => new SessionSettings() },
  ],
  exports: [AccountDirectory, Passwords, Sessions, SignIn, SessionSettings],
})
export class AccountsModule {}
