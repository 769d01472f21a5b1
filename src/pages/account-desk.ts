import { Injectable } from '@nestjs/common';

import { Sessions } from '../accounts/sessions.js';
import type { Session } from '../accounts/session.js';
import { AuditReader } from '../audit/audit-log.js';
import type { AuditRecord } from '../audit/audit-record.js';
import { audienceOf } from '../audit/record-names.js';
import { AuthorizationStore } from '../authorization/authorization-store.js';
import { ConsentStore } from '../authorization/consent-store.js';
import type { Person } from '../authorization/authorization-flow.js';
import { ClientDirectory } from '../clients/client-directory.js';
import { GrantType } from '../oauth/grant-type.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import type { ShownActivity, ShownApplication, ShownSession } from './page-views.js';
import { deviceOf } from './device.js';

/** Sessions that a page shows at most. */
const MOST = 100;
const PAGE = 20;
/** The place of a record in the log. */
const SEQUENCE = /^\d{1,18}$/;

/** Looks up what people see of their own accounts. */
@Injectable()
export class AccountDesk {
  constructor(
    private readonly sessions: Sessions,
    private readonly authorizations: AuthorizationStore,
    private readonly consents: ConsentStore,
    private readonly clients: ClientDirectory,
    private readonly reader: AuditReader,
    private readonly settings: IssuerSettings,
  ) {}

  /** Where the person is signed in, newest first. */
  async sessionsOf({ account, session }: Person): Promise<readonly ShownSession[]> {
    const sessions = await this.sessions.list(account.accountId, MOST);
    return sessions.map((each) => shown(each, each.sid === session.sid));
  }

  /** What applications may have of the person: agreed to, or in use. */
  async applicationsOf({ account: { accountId } }: Person): Promise<readonly ShownApplication[]> {
    const [consents, authorized] = await Promise.all([
      this.consents.list(accountId),
      this.authorizations.clientsOf(accountId),
    ]);
    const clientIds = new Set([...consents, ...authorized].map(({ clientId }) => clientId));
    return Promise.all(
      [...clientIds].map(async (clientId) => {
        const consent = consents.find((each) => each.clientId === clientId);
        const used = authorized.find((each) => each.clientId === clientId);
        const scopes = new Set([...(consent?.scope ?? []), ...(used?.scope ?? [])]);
        return {
          clientId,
          name: await this.#nameOf(clientId),
          scopes: [...scopes],
          grantedAt: consent?.grantedAt ?? used?.createdAt ?? 0,
          offline: scopes.has('offline_access'),
        };
      }),
    );
  }

  /**
   * Who acted for the person, newest first.
   * @param before where the page before this one ended
   */
  async activityOf(
    { account: { accountId } }: Person,
    before: string | undefined,
  ): Promise<{ readonly activity: readonly ShownActivity[]; readonly next: string | null }> {
    const { entries, next } = await this.reader.search(
      {
        subject: accountId,
        subjectIssuer: this.settings.issuer,
        grantType: GrantType.TokenExchange,
      },
      { limit: PAGE, ...(before !== undefined && SEQUENCE.test(before) ? { before } : {}) },
    );
    const activity = await Promise.all(entries.map(({ record }) => this.#activity(record)));
    return { activity, next };
  }

  async #activity(record: AuditRecord): Promise<ShownActivity> {
    const { time, outcome, subjectToken, inboundActors = [], issuedToken, requested } = record;
    // A refused attempt has no chain of its own: who wanted to act stands before those who did.
    const actors = record.actors ?? [...(record.actor ? [record.actor] : []), ...inboundActors];
    const [target] = audienceOf(record);
    return {
      time,
      outcome,
      application: await this.#nameOf(subjectToken?.clientId ?? record.client?.clientId ?? '?'),
      actors: await Promise.all(
        actors.toReversed().map(({ clientId, sub }) => this.#nameOf(clientId ?? sub)),
      ),
      scopes: issuedToken?.scope ?? requested?.scope ?? [],
      ...(target === undefined ? {} : { target: await this.#nameOfTarget(target) }),
    };
  }

  async #nameOf(clientId: string): Promise<string> {
    return (await this.clients.find(clientId))?.name ?? clientId;
  }

  async #nameOfTarget(identifier: string): Promise<string> {
    return (await this.clients.findByIdentifier(identifier))?.name ?? identifier;
  }
}

function shown(
  { sid, userAgent, address, createdAt, lastSeenAt }: Session,
  current: boolean,
): ShownSession {
  return {
    sid,
    current,
    device: deviceOf(userAgent),
    ...(address === null ? {} : { address }),
    startedAt: createdAt,
    lastSeenAt,
  };
}
