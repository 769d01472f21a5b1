import type { Client } from '../clients/client.js';
import { UnauthorizedClientError, UnsupportedGrantTypeError } from '../oauth/oauth-error.js';
import type { Grant } from './grant.js';

/** The grants this server speaks. */
export class GrantRegistry {
  readonly #grants: ReadonlyMap<string, Grant>;

  /** @throws Error when two grants claim one type */
  constructor(grants: readonly Grant[]) {
    this.#grants = new Map(grants.map((grant) => [grant.grantType, grant]));
    if (this.#grants.size !== grants.length)
      throw new Error('Two grants claim the same grant_type');
  }

  /** The `grant_type` values, for the discovery documents. */
  get types(): readonly string[] {
    return [...this.#grants.keys()];
  }

  /**
   * The grant of this type, if this client may use it.
   * @throws UnsupportedGrantTypeError, UnauthorizedClientError (RFC 6749 section 5.2)
   */
  choose(grantType: string, client: Client): Grant {
    const grant = this.#grants.get(grantType);
    if (grant === undefined) {
      throw new UnsupportedGrantTypeError(
        'grant_not_supported',
        'The grant_type is not supported.',
      );
    }
    if (!client.grantTypes.includes(grantType)) {
      throw new UnauthorizedClientError(
        'grant_not_allowed',
        'The client may not use this grant_type.',
      );
    }
    return grant;
  }
}
