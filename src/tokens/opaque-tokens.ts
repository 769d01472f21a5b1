import { Injectable } from '@nestjs/common';

import { SealedValues } from '../keys/sealed-values.js';
import { isJsonObject, type AccessTokenClaims, type JsonObject } from '../oauth/claims.js';

const PURPOSE = 'access token';
/** What every opaque token begins with, so that whoever looks for leaked secrets finds it. */
const PREFIX = 'nte_at_';

/**
 * Access tokens that nobody but this server can read: the claims, sealed. They are not kept anywhere, and
 * whoever takes one must introspect it (RFC 7662), so that it is dead everywhere once it is revoked.
 */
@Injectable()
export class OpaqueTokens {
  constructor(private readonly sealed: SealedValues) {}

  /** Whether a token says that it is one. */
  isOpaque(token: string): boolean {
    return token.startsWith(PREFIX);
  }

  /** @throws Error when the token would be longer than 16 kB */
  seal(claims: AccessTokenClaims): string {
    return PREFIX + this.sealed.seal(PURPOSE, claims);
  }

  /** The claims; undefined when it is none of ours, or changed in any place. */
  open(token: string): JsonObject | undefined {
    const claims = this.sealed.open(PURPOSE, token.slice(PREFIX.length));
    return isJsonObject(claims) ? claims : undefined;
  }
}
