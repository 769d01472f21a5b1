import { Injectable } from '@nestjs/common';

import type { Attempt } from '../audit/attempt.js';
import type { Watched } from '../audit/audit-trail.js';
import type { Client } from '../clients/client.js';
import { isIssuedTo } from '../clients/token-part.js';
import { personFacts } from '../grants/person-tokens.js';
import { presentedFacts } from '../grants/recorded.js';
import {
  RefreshTokens,
  type PresentedRefreshToken,
} from '../grants/refresh-token/refresh-tokens.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { UnauthorizedClientError, UnsupportedTokenTypeError } from '../oauth/oauth-error.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import { TokenType } from '../oauth/token-type.js';
import { revocableOf } from '../tokens/security-tokens.js';
import type { SecurityToken } from '../tokens/security-token.js';
import { CLOCK_MARGIN } from '../tokens/revocation.js';
import { Revocations } from '../tokens/revocations.js';
import { CountedRevocation } from './counted-revocation.js';
import { recordedToll } from './toll.js';
import { PresentedTokens } from './presented-tokens.js';

/** A client waits for the answer, so that little is counted. */
const BOUND = { records: 10_000, milliseconds: 2_000 } as const;

/** Lets clients take back their own tokens, with everything that came of them (RFC 7009). */
@Injectable()
export class TokenRevocation {
  constructor(
    private readonly presented: PresentedTokens,
    private readonly refreshTokens: RefreshTokens,
    private readonly revocations: Revocations,
    private readonly revocation: CountedRevocation,
    private readonly settings: IssuerSettings,
  ) {}

  /**
   * Revokes a token of the client; what is no token of ours, or has expired, is none already (RFC 7009
   * section 2.2) and leaves no record. One that was revoked before is revoked again, so that whoever had
   * no answer can repeat the request and its record is written; what died is counted the first time.
   * @throws UnauthorizedClientError for a token of another client; UnsupportedTokenTypeError for one that
   *   cannot be revoked
   */
  async revoke(client: Client, text: string, attempt: Attempt): Promise<Watched<undefined>> {
    const found = await this.presented.find(text);
    if (found.kind === 'none') return { answer: undefined };
    if (found.kind === 'other') throw new UnsupportedTokenTypeError('token_kind_mismatch');
    if (found.kind === 'access') await this.#revokeAccessToken(client, found.token, attempt);
    else await this.#revokeAuthorization(client, found.presented, attempt);
    return { answer: undefined, recorded: 'granted' };
  }

  async #revokeAccessToken(client: Client, token: SecurityToken, attempt: Attempt): Promise<void> {
    attempt.note(presentedFacts(token));
    if (!this.revocations.isKept) throw new UnsupportedTokenTypeError('revocation_not_kept');
    if (!isIssuedTo(client, token, this.settings.issuer)) throw notOfClient('token_not_of_client');
    const wasDead = (await this.revocations.reasonAgainst(revocableOf(token))) !== undefined;
    const { hash, jti, expiresAt, chain, tokenId } = token;
    const toRevoke = {
      target: { kind: 'token', hash },
      token:
        jti === undefined
          ? undefined
          : {
              jti,
              chainId: tokenId?.chainId,
              subject: chain.subject,
              isDelegated: chain.depth > 0,
            },
      // Nothing that came of it lives longer, by the clock of any instance.
      expiresAt: expiresAt * 1000 + CLOCK_MARGIN,
    } as const;
    const died = await this.revocation.revoke([toRevoke], BOUND);
    attempt.note({
      revocation: {
        kind: 'token',
        names: { hash },
        ...(died === undefined || wasDead ? {} : { died: recordedToll(died) }),
      },
    });
  }

  /** With every token that came of it and will not come of it any more (RFC 7009 section 2.1). */
  async #revokeAuthorization(
    client: Client,
    presented: PresentedRefreshToken,
    attempt: Attempt,
  ): Promise<void> {
    const { token, authorization } = presented;
    attempt.note({
      ...personFacts(authorization, this.settings.issuer),
      subjectToken: { hash: token.tokenHash, type: TokenType.RefreshToken },
    });
    if (authorization.clientId !== client.clientId)
      throw notOfClient('refresh_token_not_of_client');
    await this.refreshTokens.revoke(presented);
    const { authorizationId } = authorization;
    attempt.note({ revocation: { kind: 'authorization', names: { authorizationId } } });
  }
}

function notOfClient(reason: RefusalReason): UnauthorizedClientError {
  return new UnauthorizedClientError(reason, 'The token was issued to another client.');
}
