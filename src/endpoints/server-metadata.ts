import { Injectable } from '@nestjs/common';

import { AUTHENTICATION_METHODS } from '../clients/client.js';
import { GrantRegistry } from '../grants/grant-registry.js';
import type { JsonObject } from '../oauth/claims.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';

/** What this server says of itself (RFC 8414, OpenID Connect Discovery): only what is served. */
@Injectable()
export class ServerMetadata {
  constructor(
    private readonly settings: IssuerSettings,
    private readonly grants: GrantRegistry,
  ) {}

  /** The document, the same under every name it is served by. */
  document(): JsonObject {
    const { issuer } = this.settings;
    return {
      issuer,
      token_endpoint: `${issuer}/connect/token`,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      grant_types_supported: [...this.grants.types],
      response_types_supported: [],
      token_endpoint_auth_methods_supported: AUTHENTICATION_METHODS.filter(
        (method) => method !== 'none',
      ),
    };
  }

  /** The path that the issuer has, as `/tenant`; empty when it has none. */
  get issuerPath(): string {
    return new URL(this.settings.issuer).pathname.replace(/\/$/, '');
  }
}
