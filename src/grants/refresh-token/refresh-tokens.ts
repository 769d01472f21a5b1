import { Injectable } from '@nestjs/common';

import type { Authorization, RefreshToken } from '../../authorization/authorization.js';
import { AuthorizationSettings } from '../../authorization/authorization-settings.js';
import { AuthorizationStore } from '../../authorization/authorization-store.js';
import { Clock } from '../../oauth/clock.js';
import { InvalidGrantError } from '../../oauth/oauth-error.js';
import { hashOpaqueSecret, isOpaqueSecret, makeOpaqueSecret } from '../../oauth/opaque-secret.js';

/** A refresh token that was presented, with what it is a way to use. */
export interface PresentedRefreshToken {
  readonly token: RefreshToken;
  readonly authorization: Authorization;
}

/** Why a token that is known gives no successor. */
const REFUSALS = { reused: 'refresh_token_used', revoked: 'authorization_revoked' } as const;

/** The family of refresh tokens of an authorization: each is used once and gives the next (RFC 9700 section 4.14.2). */
@Injectable()
export class RefreshTokens {
  constructor(
    private readonly store: AuthorizationStore,
    private readonly settings: AuthorizationSettings,
    private readonly clock: Clock,
  ) {}

  /** The first refresh token of an authorization. */
  async begin(authorization: Authorization): Promise<string> {
    const { secret, hash } = makeOpaqueSecret();
    await this.store.addRefreshToken(this.#token(hash, authorization));
    return secret;
  }

  /** @throws InvalidGrantError when there is no such token */
  async find(presented: string): Promise<PresentedRefreshToken> {
    const found = isOpaqueSecret(presented)
      ? await this.store.findRefreshToken(hashOpaqueSecret(presented))
      : null;
    if (found === null) throw new InvalidGrantError('refresh_token_unknown');
    return found;
  }

  /**
   * Uses a token. @returns the next one
   * @throws InvalidGrantError when it was used before: then everything of its authorization is revoked
   */
  async rotate({ token, authorization }: PresentedRefreshToken): Promise<string> {
    const { secret, hash } = makeOpaqueSecret();
    const outcome = await this.store.rotateRefreshToken(
      token.tokenHash,
      this.#token(hash, authorization),
      { now: this.clock.now(), overlap: this.settings.refreshOverlap },
    );
    if (outcome === 'rotated') return secret;
    throw new InvalidGrantError(outcome === null ? 'refresh_token_unknown' : REFUSALS[outcome]);
  }

  #token(tokenHash: string, { authorizationId, expiresAt }: Authorization): RefreshToken {
    const now = this.clock.now();
    return {
      tokenHash,
      authorizationId,
      createdAt: now,
      expiresAt: Math.min(now + this.settings.refreshIdleLimit, expiresAt),
      usedAt: null,
    };
  }
}
