import { Injectable } from '@nestjs/common';

import { SUPPORTED_CLAIMS } from '../authorization/person-claims.js';
import { AUTHENTICATION_METHODS, ID_TOKEN_ALGORITHMS } from '../clients/client.js';
import { GrantRegistry } from '../grants/grant-registry.js';
import type { JsonObject } from '../oauth/claims.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { ACR_PASSWORD, OPENID_SCOPES, PROMPTS, UI_LOCALES } from '../oauth/openid.js';
import { CODE_CHALLENGE_METHOD } from '../oauth/pkce.js';
import { IntrospectionSigner } from '../tokens/introspection-signer.js';
import { StatusLists } from '../tokens/status-lists.js';

/** What this server says of itself (RFC 8414, OpenID Connect Discovery): only what is served. */
@Injectable()
export class ServerMetadata {
  constructor(
    private readonly settings: IssuerSettings,
    private readonly grants: GrantRegistry,
    private readonly statusLists: StatusLists,
    private readonly signer: IntrospectionSigner,
  ) {}

  /** The document, the same under every name it is served by. */
  document(): JsonObject {
    const { issuer, hasSignIn } = this.settings;
    const methods = AUTHENTICATION_METHODS.filter((method) => hasSignIn || method !== 'none');
    return {
      issuer,
      token_endpoint: `${issuer}/connect/token`,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      ...(this.statusLists.isKept
        ? { status_list_aggregation_endpoint: `${issuer}/connect/status-lists` }
        : {}),
      grant_types_supported: [...this.grants.types],
      // RFC 8414 section 2 requires the member, also where no response type is spoken.
      response_types_supported: hasSignIn ? ['code'] : [],
      token_endpoint_auth_methods_supported: methods,
      introspection_endpoint: `${issuer}/connect/introspect`,
      introspection_endpoint_auth_methods_supported: methods.filter((method) => method !== 'none'),
      introspection_signing_alg_values_supported: [this.signer.algorithm],
      revocation_endpoint: `${issuer}/connect/revocation`,
      revocation_endpoint_auth_methods_supported: methods,
      ...(hasSignIn ? this.#signIn() : {}),
    };
  }

  /** What an OpenID provider says besides (OpenID Connect Discovery section 3, RFC 9126 section 5, RFC 9207 section 3). */
  #signIn(): JsonObject {
    const { issuer, userInfo } = this.settings;
    return {
      authorization_endpoint: `${issuer}/connect/authorize`,
      pushed_authorization_request_endpoint: `${issuer}/connect/par`,
      userinfo_endpoint: userInfo,
      end_session_endpoint: `${issuer}/connect/endsession`,
      response_modes_supported: ['query'],
      code_challenge_methods_supported: [CODE_CHALLENGE_METHOD],
      authorization_response_iss_parameter_supported: true,
      scopes_supported: [...OPENID_SCOPES],
      claims_supported: [...SUPPORTED_CLAIMS],
      claim_types_supported: ['normal'],
      claims_parameter_supported: true,
      request_parameter_supported: false,
      request_uri_parameter_supported: false,
      subject_types_supported: ['public', 'pairwise'],
      id_token_signing_alg_values_supported: [...ID_TOKEN_ALGORITHMS],
      acr_values_supported: [ACR_PASSWORD],
      prompt_values_supported: [...PROMPTS],
      ui_locales_supported: [...UI_LOCALES],
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
    };
  }

  /** The path that the issuer has, as `/tenant`; empty when it has none. */
  get issuerPath(): string {
    return new URL(this.settings.issuer).pathname.replace(/\/$/, '');
  }
}
