import { Injectable } from '@nestjs/common';

import { SessionStore } from '../accounts/session-store.js';
import type { Session } from '../accounts/session.js';
import type { AttemptOrigin } from '../audit/attempt.js';
import type { RecordedParty } from '../audit/audit-record.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { Clock } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { AuthorizationDirectory } from './authorization-directory.js';
import { AuthorizationStore, type AuthorizationFilter } from './authorization-store.js';
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
 * `offline_access`). Each end leaves a record; the clients are told afterwards. Whatever fails on the
 * way, the same again ends and revokes what is left.
 */
@Injectable()
export class SignOut {
  constructor(
    private readonly sessions: SessionStore,
    private readonly authorizations: AuthorizationStore,
    private readonly directory: AuthorizationDirectory,
    private readonly notices: LogoutNotices,
    private readonly trail: AuditTrail,
    private readonly settings: IssuerSettings,
    private readonly clock: Clock,
  ) {}

  /** Ends one session; one of another account than the one that is named stays. @returns whether there was one */
  async end(sid: string, cause: SignOutCause, accountId?: string): Promise<boolean> {
    const revoked = {
      sids: [sid],
      onlyOnline: true,
      ...(accountId === undefined ? {} : { accountId }),
    };
    const end = async (): Promise<readonly Session[]> => {
      const ended = await this.sessions.end(sid, accountId);
      return ended === null ? [] : [ended];
    };
    return (await this.#end(end, revoked, cause)) > 0;
  }

  /** Ends every session of an account but the one that is spared. @returns how many */
  async endAll(accountId: string, cause: SignOutCause, spared?: string): Promise<number> {
    const revoked = { accountId, onlyOnline: true, sparedSid: spared };
    return this.#end(() => this.sessions.endAll(accountId, spared), revoked, cause);
  }

  /**
   * Ends every session of an account and everything that was ever allowed by it, but the session that
   * is spared and what was allowed in that. @returns how many sessions
   */
  async endEverything(accountId: string, cause: SignOutCause, spared?: string): Promise<number> {
    const revoked = { accountId, sparedSid: spared };
    return this.#end(() => this.sessions.endAll(accountId, spared), revoked, cause);
  }

  /**
   * Revokes before the sessions end, so that no end is without it, and again afterwards for what was
   * allowed in between.
   * @returns how many sessions ended
   */
  async #end(
    end: () => Promise<readonly Session[]>,
    revoked: AuthorizationFilter,
    cause: SignOutCause,
  ): Promise<number> {
    await this.authorizations.revokeAll(revoked, this.clock.now());
    const ended = await end();
    try {
      await this.authorizations.revokeAll(revoked, this.clock.now());
    } finally {
      this.directory.forget();
      await this.#conclude(ended, cause);
    }
    return ended.length;
  }

  /** Records each end and tells the clients, also of what could not be recorded. */
  async #conclude(ended: readonly Session[], cause: SignOutCause): Promise<void> {
    const records = Promise.all(ended.map((session) => this.#record(session, cause)));
    try {
      await records;
    } finally {
      for (const session of ended) this.notices.send(session, cause.origin);
    }
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
