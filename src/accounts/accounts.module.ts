import { Module } from '@nestjs/common';

import { AccountDirectory } from './account-directory.js';
import { AttemptLimiter } from './attempt-limiter.js';
import { PasswordChange } from './password-change.js';
import { Passwords } from './password.js';
import { Sessions } from './sessions.js';
import { SignIn } from './sign-in.js';

/**
 * People, how they sign in, and their sessions. Needs the ports `AccountStore`, `SessionStore` and
 * `Clock`, and `SessionSettings`.
 */
@Module({
  providers: [AccountDirectory, AttemptLimiter, PasswordChange, Passwords, Sessions, SignIn],
  exports: [AccountDirectory, PasswordChange, Passwords, Sessions, SignIn],
})
export class AccountsModule {}
