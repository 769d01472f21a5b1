import { Injectable } from '@nestjs/common';

import { SessionStore } from '../accounts/session-store.js';
import type { Session } from '../accounts/session.js';
import type { AttemptOrigin } from '../audit/attempt.js';
import type { RecordedParty } from '../audit/audit-record.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { Clock } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { AuthorizationStore } from './authorization-store.js';
import { LogoutNotices } from './logout-notices.js';

/** Why a session ends, and where that came from. */
export interface SignOutCause {
  readonly origin: AttemptOrigin;
  /** `sign-out`, `end-session`, `password-changed`, `account-disabled` and so on; for the record. */
  readonly operation: string;
  /** Who ends it, when it is not its person. */
  readonly administrator?: RecordedParty | undefined;
}

/**
 * Ends sessions, and with them what was allowed in them but for what outlives a session (scope
 * `offline_access`). Each end leaves a record; the clients are told afterwards.
 */
@Injectable()
export class SignOut {
  constructor(
    private readonly sessions: SessionStore,
    private readonly authorizations: AuthorizationStore,
    private readonly notices: LogoutNotices,
    private readonly trail: AuditTrail,
    private readonly settings: IssuerSettings,
    private readonly clock: Clock,
  ) {}

  /** Ends one session; one of another account than the one that is named stays. @returns whether there was one */
  async end(sid: string, cause: SignOutCause, accountId?: string): Promise<boolean> {
    const ended = await this.sessions.end(sid, accountId);
    if (ended !== null) await this.#conclude([ended], cause);
    return ended !== null;
  }

  /** Ends every session of an account but the one that is spared. @returns how many */
  async endAll(accountId: string, cause: SignOutCause, spared?: string): Promise<number> {
    const ended = await this.sessions.endAll(accountId, spared);
    await this.#conclude(ended, cause);
    return ended.length;
  }

  /** Ends every session of an account and everything that was ever allowed by it. */
  async endEverything(accountId: string, cause: SignOutCause): Promise<number> {
    const count = await this.endAll(accountId, cause);
    await this.authorizations.revokeAll({ accountId }, this.clock.now());
    return count;
  }

  async #conclude(ended: readonly Session[], cause: SignOutCause): Promise<void> {
    if (ended.length === 0) return;
    const sids = ended.map(({ sid }) => sid);
    await this.authorizations.revokeAll({ sids, onlyOnline: true }, this.clock.now());
    await Promise.all(ended.map((session) => this.#record(session, cause)));
    for (const session of ended) this.notices.send(session, cause.origin);
  }

  #record(
    { sid, accountId }: Session,
    { origin, operation, administrator }: SignOutCause,
  ): Promise<void> {
    return this.trail.witness(
      origin,
      (attempt) => {
        attempt.note({
          subject: { iss: this.settings.issuer, sub: accountId },
          sid,
          operation: { name: operation },
          ...(administrator === undefined ? {} : { actor: administrator }),
        });
        return Promise.resolve();
      },
      'session_end',
    );
  }
}
