import { Injectable, Logger } from '@nestjs/common';

import type { Session } from '../accounts/session.js';
import type { AttemptOrigin } from '../audit/attempt.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { ClientStore } from '../clients/client-store.js';
import type { Client } from '../clients/client.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { TemporarilyUnavailableError } from '../oauth/oauth-error.js';
import { GuardedFetch } from '../tokens/guarded-fetch.js';
import { LogoutTokenIssuer } from '../tokens/logout-token-issuer.js';
import { PersonNames } from './person-names.js';

/** Milliseconds before the second and the third try. */
const PAUSES = [1_000, 10_000] as const;
/** Notices under way; more than that and the oldest ways of telling (short tokens) must do. */
const MOST = 1_000;

/** Tells clients that a session ended, when they asked to be told (OpenID Connect Back-Channel Logout). */
@Injectable()
export class LogoutNotices {
  readonly #logger = new Logger(LogoutNotices.name);
  readonly #underWay = new Set<Promise<void>>();
  readonly #leaving = new AbortController();

  constructor(
    private readonly clients: ClientStore,
    private readonly tokens: LogoutTokenIssuer,
    private readonly names: PersonNames,
    private readonly fetch: GuardedFetch,
    private readonly trail: AuditTrail,
    private readonly settings: IssuerSettings,
  ) {}

  /** Begins to tell every client of the session; each notice leaves a record when it is known how it went. */
  send(session: Session, origin: AttemptOrigin): void {
    if (session.clients.length === 0) return;
    if (this.#underWay.size >= MOST) {
      this.#logger.warn({ event: 'logout_notices_dropped', sid: session.sid });
      return;
    }
    const work = this.#sendAll(session, origin).catch((error: unknown) =>
      this.#logger.warn({ event: 'logout_notices_failed', sid: session.sid, cause: String(error) }),
    );
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  /** Lets notices under way come to an end, without further tries. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#leaving.abort();
    await Promise.all(this.#underWay);
  }

  async #sendAll(session: Session, origin: AttemptOrigin): Promise<void> {
    await Promise.all(
      session.clients.map(async (clientId) => {
        const client = await this.clients.find(clientId);
        const address = client?.signIn.backchannelLogoutUri;
        if (client && typeof address === 'string')
          await this.#send(client, address, session, origin);
      }),
    );
  }

  async #send(
    client: Client,
    address: string,
    { sid, accountId }: Session,
    origin: AttemptOrigin,
  ): Promise<void> {
    // Told before the record begins: an attempt may not take as long as all the tries do.
    const isHeard = await this.#isHeard(address, {
      clientId: client.clientId,
      subject: this.names.of(accountId, client),
      sid,
      algorithm: client.signIn.idTokenAlgorithm,
    });
    const notice = this.trail.witness(
      origin,
      (attempt) => {
        attempt.note({
          client: { clientId: client.clientId },
          subject: { iss: this.settings.issuer, sub: accountId },
          sid,
        });
        return isHeard
          ? Promise.resolve()
          : Promise.reject(new TemporarilyUnavailableError('logout_notice_not_heard'));
      },
      'logout_notice',
    );
    // How it went is in the record; nobody waits for it.
    await notice.catch(() => undefined);
  }

  async #isHeard(
    address: string,
    about: Parameters<LogoutTokenIssuer['issue']>[0],
  ): Promise<boolean> {
    for (const pause of [...PAUSES, 0]) {
      try {
        const token = await this.tokens.issue(about);
        const status = await this.fetch.postForm(address, { logout_token: token });
        if (status === 200 || status === 204) return true;
        // The client understood and refuses (section 2.8): the same again would not help.
        if (status === 400) return false;
      } catch (error) {
        this.#logger.debug({ event: 'logout_notice_failed', cause: String(error) });
      }
      if (pause === 0 || this.#leaving.signal.aborted) return false;
      await this.#sleep(pause);
    }
    return false;
  }

  #sleep(milliseconds: number): Promise<void> {
    const { signal } = this.#leaving;
    return new Promise((resolve) => {
      const timer = setTimeout(done, milliseconds);
      timer.unref();
      signal.addEventListener('abort', done);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
    });
  }
}
