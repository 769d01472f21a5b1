import { Injectable } from '@nestjs/common';

import { KeySettings } from '../keys/key-store.js';
import type { SigningAlgorithm } from '../keys/signing-key.js';
import type { JsonObject } from '../oauth/claims.js';
import { Clock, epochSeconds } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { OwnTokens } from './own-tokens.js';

/** Signs answers about tokens (RFC 9701 section 5), which are no tokens themselves: without subject and end. */
@Injectable()
export class IntrospectionSigner {
  /** RS256 where there is a key for it, which callers expect who were told nothing (RFC 9701 section 6). */
  readonly algorithm: SigningAlgorithm;

  constructor(
    private readonly tokens: OwnTokens,
    private readonly settings: IssuerSettings,
    private readonly clock: Clock,
    { algorithm, others }: KeySettings,
  ) {
    this.algorithm = others.includes('RS256') ? 'RS256' : algorithm;
  }

  /**
   * Rejects when no key of that algorithm can sign.
   * @param clientId whom the answer is for, and nobody else
   */
  sign(clientId: string, answer: JsonObject): Promise<string> {
    const claims = {
      iss: this.settings.issuer,
      aud: clientId,
      iat: epochSeconds(this.clock.now()),
      token_introspection: answer,
    };
    return this.tokens.sign('token-introspection+jwt', claims, this.algorithm);
  }
}
