import { Injectable } from '@nestjs/common';

import {
  isInForce,
  type Authorization,
  type RefreshToken,
} from '../../authorization/authorization.js';
import { AuthorizationDirectory } from '../../authorization/authorization-directory.js';
import { AuthorizationSettings } from '../../authorization/authorization-settings.js';
import { AuthorizationStore } from '../../authorization/authorization-store.js';
import { Clock } from '../../oauth/clock.js';
import { InvalidGrantError } from '../../oauth/oauth-error.js';
import { hashOpaqueSecret, isOpaqueSecret, makeOpaqueSecret } from '../../oauth/opaque-secret.js';
import type { RefusalReason } from '../../oauth/refusal-reason.js';

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
    private readonly directory: AuthorizationDirectory,
    private readonly settings: AuthorizationSettings,
    private readonly clock: Clock,
  ) {}

  /** The first refresh token of an authorization. */
  async begin(authorization: Authorization): Promise<string> {
    const { secret, hash } = makeOpaqueSecret();
    await this.store.addRefreshToken(this.#token(hash, authorization, this.clock.now()));
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

  /** Whether nothing but its reuse can come of a token: it was used, and the overlap is over. */
  isSpent({ usedAt }: RefreshToken): boolean {
    // Another instance, whose clock is ahead, may have noted the use: no time is less than none.
    const sinceUse = usedAt === null ? null : Math.max(0, this.clock.now() - usedAt);
    return sinceUse !== null && sinceUse >= this.settings.refreshOverlap;
  }

  /** Whether it is the one of its family that gives the next, and something can come of it. */
  isNewest({ token, authorization }: PresentedRefreshToken): boolean {
    const now = this.clock.now();
    return token.usedAt === null && token.expiresAt > now && isInForce(authorization, now);
  }

  /** Revokes everything of the authorization of a token. */
  async revoke({ authorization }: PresentedRefreshToken): Promise<void> {
    await this.store.revoke(authorization.authorizationId, this.clock.now());
    this.directory.forget();
  }

  /** Revokes everything of the authorization of a token. @throws InvalidGrantError always */
  async refuse(presented: PresentedRefreshToken, reason: RefusalReason): Promise<never> {
    await this.revoke(presented);
    throw new InvalidGrantError(reason);
  }

  /**
   * Uses a token. @returns the next one
   * @throws InvalidGrantError when it was used before and is not good again: then everything of its
   *   authorization is revoked
   */
  async rotate({ token, authorization }: PresentedRefreshToken): Promise<string> {
    const { secret, hash } = makeOpaqueSecret();
    const now = this.clock.now();
    const outcome = await this.store.rotateRefreshToken(
      token.tokenHash,
      this.#token(hash, authorization, now),
      { now, overlap: this.settings.refreshOverlap },
    );
    if (outcome === 'rotated') return secret;
    if (outcome === 'reused') this.directory.forget();
    throw new InvalidGrantError(outcome === null ? 'refresh_token_unknown' : REFUSALS[outcome]);
  }

  #token(
    tokenHash: string,
    { authorizationId, expiresAt }: Authorization,
    now: number,
  ): RefreshToken {
    return {
      tokenHash,
      authorizationId,
      createdAt: now,
      expiresAt: Math.min(now + this.settings.refreshIdleLimit, expiresAt),
      usedAt: null,
    };
  }
}
