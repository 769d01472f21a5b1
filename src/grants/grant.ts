import type { Attempt } from '../audit/attempt.js';
import type { Client } from '../clients/client.js';
import type { TokenResponse } from '../oauth/token-response.js';
import type { RequestParameters } from '../oauth/request-parameters.js';

/** What a grant works with. It never sees HTTP. */
export interface GrantRequest {
  /** The client that has proven itself. */
  readonly client: Client;
  readonly parameters: RequestParameters;
  /** Where everything learned on the way is noted for the record. */
  readonly attempt: Attempt;
}

/** A way to ask for a token, named by `grant_type`. Refuses by throwing an `OAuthError`. */
export abstract class Grant {
  abstract readonly grantType: string;
  abstract issue(request: GrantRequest): Promise<TokenResponse>;
}
