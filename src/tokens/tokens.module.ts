import { Module } from '@nestjs/common';

import { KeysModule } from '../keys/keys.module.js';
import { AccessTokenValidator } from './access-token-validator.js';
import { GuardedFetch } from './guarded-fetch.js';
import { IssuerKeys } from './issuer-keys.js';
import { OwnTokens } from './own-tokens.js';
import { TokenIssuer } from './token-issuer.js';
import { TrustedIssuerValidator } from './trusted-issuer-validator.js';

/**
 * The only room that verifies or mints a token. Needs the ports `TrustedIssuerStore` and `Clock`,
 * `IssuerSettings` and `FetchSettings`.
 */
@Module({
  imports: [KeysModule],
  providers: [
    OwnTokens,
    AccessTokenValidator,
    GuardedFetch,
    IssuerKeys,
    TrustedIssuerValidator,
    TokenIssuer,
  ],
  exports: [KeysModule, OwnTokens, AccessTokenValidator, TrustedIssuerValidator, TokenIssuer],
})
export class TokensModule {}
