import { Module } from '@nestjs/common';

import { KeysModule } from '../keys/keys.module.js';
import { AccessTokenValidator } from './access-token-validator.js';
import { GuardedFetch } from './guarded-fetch.js';
import { IdTokenIssuer } from './id-token-issuer.js';
import { IdTokenValidator } from './id-token-validator.js';
import { IntrospectionSigner } from './introspection-signer.js';
import { IssuerKeys } from './issuer-keys.js';
import { LogoutTokenIssuer } from './logout-token-issuer.js';
import { OpaqueTokens } from './opaque-tokens.js';
import { OwnTokens } from './own-tokens.js';
import { Revocations } from './revocations.js';
import { StatusLists } from './status-lists.js';
import { SubjectNames } from './subject-names.js';
import { TokenIssuer } from './token-issuer.js';
import { TrustedIssuerValidator } from './trusted-issuer-validator.js';

/**
 * The only room that verifies or mints a token. Needs the ports `TrustedIssuerStore`, `RevocationStore`,
 * `StatusListStore`,
 * `DelegationPolicy` and `Clock`, `IssuerSettings`, `KeySettings`, `RevocationSettings` and `FetchSettings`.
 */
@Module({
  imports: [KeysModule],
  providers: [
    OpaqueTokens,
    OwnTokens,
    Revocations,
    StatusLists,
    AccessTokenValidator,
    IdTokenValidator,
    GuardedFetch,
    IssuerKeys,
    TrustedIssuerValidator,
    TokenIssuer,
    IdTokenIssuer,
    LogoutTokenIssuer,
    IntrospectionSigner,
    SubjectNames,
  ],
  exports: [
    KeysModule,
    OpaqueTokens,
    OwnTokens,
    Revocations,
    StatusLists,
    AccessTokenValidator,
    IdTokenValidator,
    GuardedFetch,
    TrustedIssuerValidator,
    TokenIssuer,
    IdTokenIssuer,
    LogoutTokenIssuer,
    IntrospectionSigner,
    SubjectNames,
  ],
})
export class TokensModule {}
