import { Injectable } from '@nestjs/common';

import {
  RefreshTokens,
  type PresentedRefreshToken,
} from '../grants/refresh-token/refresh-tokens.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { OAuthError } from '../oauth/oauth-error.js';
import type { SecurityToken } from '../tokens/security-token.js';
import { SecurityTokens } from '../tokens/security-tokens.js';
import { unlessRefused } from './unless-refused.js';

/** What a text turned out to be. */
export type FoundToken =
  /** An access token of ours that has not expired, whatever was revoked since. */
  | { readonly kind: 'access'; readonly token: SecurityToken }
  | { readonly kind: 'refresh'; readonly presented: PresentedRefreshToken }
  /** Something else that we signed: an ID token, say. */
  | { readonly kind: 'other' }
  | { readonly kind: 'none' };

/** Finds out which token of this server a text is, from nothing but the text: a hint changes nothing. */
@Injectable()
export class PresentedTokens {
  constructor(
    private readonly tokens: SecurityTokens,
    private readonly refreshTokens: RefreshTokens,
    private readonly settings: IssuerSettings,
  ) {}

  /** Rejects when it cannot be known. */
  async find(text: string): Promise<FoundToken> {
    try {
      return { kind: 'access', token: await this.tokens.recognise(text) };
    } catch (error) {
      if (!(error instanceof OAuthError) || error.status >= 500) throw error;
      // The kind is looked at when the signature is known to be good.
      const isOtherKind = error.reason === 'token_kind_mismatch';
      if (isOtherKind && (await this.tokens.namesOurKey(text))) return { kind: 'other' };
    }
    if (!this.settings.hasSignIn) return { kind: 'none' };
    const presented = await unlessRefused(() => this.refreshTokens.find(text));
    return presented === undefined ? { kind: 'none' } : { kind: 'refresh', presented };
  }
}
