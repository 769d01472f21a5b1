import { Injectable } from '@nestjs/common';

import { Clock, epochSeconds } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { uuidv7 } from '../oauth/uuid.js';
import { OwnTokens } from './own-tokens.js';

/** Seconds: it is sent at once, and at most two minutes are advised. */
const LIFETIME = 120;
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';

/** Which session ended, and who is told. */
export interface LogoutTokenFacts {
  readonly clientId: string;
  /** The name by which this client knows the person. */
  readonly subject: string;
  readonly sid: string;
  readonly algorithm: 'RS256' | 'ES256';
}

/** Mints logout tokens: what tells a client that a session ended (OpenID Connect Back-Channel Logout section 2.4). */
@Injectable()
export class LogoutTokenIssuer {
  constructor(
    private readonly tokens: OwnTokens,
    private readonly settings: IssuerSettings,
    private readonly clock: Clock,
  ) {}

  /** Rejects when no key of that algorithm can sign. */
  issue({ clientId, subject, sid, algorithm }: LogoutTokenFacts): Promise<string> {
    const now = epochSeconds(this.clock.now());
    // Never a nonce: an ID token has one, and this must not be taken for one.
    const claims = {
      iss: this.settings.issuer,
      sub: subject,
      aud: clientId,
      iat: now,
      exp: now + LIFETIME,
      jti: uuidv7(),
      sid,
      events: { [LOGOUT_EVENT]: {} },
    };
    return this.tokens.sign('logout+jwt', claims, algorithm);
  }
}
