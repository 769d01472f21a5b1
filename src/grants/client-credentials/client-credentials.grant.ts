import { Injectable } from '@nestjs/common';

import { Decision } from '../../delegation/decision.js';
import { epochSeconds } from '../../oauth/clock.js';
import { GrantType } from '../../oauth/grant-type.js';
import { IssuerSettings } from '../../oauth/issuer-settings.js';
import { UnauthorizedClientError } from '../../oauth/oauth-error.js';
import { parseScope } from '../../oauth/scope.js';
import type { TokenResponse } from '../../oauth/token-response.js';
import { TokenType } from '../../oauth/token-type.js';
import { TokenIssuer } from '../../tokens/token-issuer.js';
import { Grant, type GrantRequest } from '../grant.js';
import { bearerResponse } from '../bearer-response.js';
import { issuedFacts } from '../recorded.js';
import { requesterOf } from '../../clients/requester.js';
import { requestedFacts } from '../requested.js';
import { Targets } from '../../clients/targets.js';

/** A client asks in its own name (RFC 6749 section 4.4). */
@Injectable()
export class ClientCredentialsGrant extends Grant {
  readonly grantType = GrantType.ClientCredentials;

  constructor(
    private readonly targets: Targets,
    private readonly issuer: TokenIssuer,
    private readonly settings: IssuerSettings,
  ) {
    super();
  }

  async issue({ client, parameters, attempt }: GrantRequest): Promise<TokenResponse> {
    attempt.note(requestedFacts(parameters));
    if (client.kind === 'public') {
      throw new UnauthorizedClientError('client_public', 'The client may not use this grant_type.');
    }
    const requester = requesterOf(client, this.settings.issuer);
    attempt.note({ subject: { ...requester.party, clientId: client.clientId } });
    const scope = parameters.get('scope');
    const request = {
      now: epochSeconds(attempt.time),
      tokenId: { recordId: attempt.id, chainId: undefined },
      requester,
      requestedScope: scope === undefined ? undefined : parseScope(scope),
      targets: await this.targets.find(client, parameters),
    };
    const decision = Decision.ofClient(request, (basis) => attempt.note({ basis }));
    const issued = await this.issuer.issue(decision);
    attempt.note(issuedFacts(decision, issued, TokenType.AccessToken));
    return bearerResponse(decision, issued);
  }
}
