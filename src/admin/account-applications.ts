import { Injectable } from '@nestjs/common';

import { AuthorizationDirectory } from '../authorization/authorization-directory.js';
import { AuthorizationStore } from '../authorization/authorization-store.js';
import { isInForce, type Authorization } from '../authorization/authorization.js';
import { ConsentStore } from '../authorization/consent-store.js';
import { Clock } from '../oauth/clock.js';
import { AccountAdministration } from './account-administration.js';
import { notFound } from './problem.js';

const CLIENT_ID = /^[A-Za-z0-9_-]{1,128}$/;
const MOST = 200;

/** What people allowed applications, for administrators. */
@Injectable()
export class AccountApplications {
  constructor(
    private readonly accounts: AccountAdministration,
    private readonly authorizations: AuthorizationStore,
    private readonly directory: AuthorizationDirectory,
    private readonly consents: ConsentStore,
    private readonly clock: Clock,
  ) {}

  /**
   * The authorizations of a person that are in force, newest first.
   * @throws Problem (404)
   */
  async list(accountId: string): Promise<readonly Authorization[]> {
    const account = await this.accounts.get(accountId);
    const now = this.clock.now();
    const all = await this.authorizations.list(account.accountId, MOST);
    return all.filter((authorization) => isInForce(authorization, now));
  }

  /**
   * Revokes everything that a person allowed an application, which must ask again from now on.
   * @throws Problem (404)
   */
  async revoke(id: string, clientId: string): Promise<void> {
    const { accountId } = await this.accounts.get(id);
    if (!CLIENT_ID.test(clientId)) throw notFound('application');
    // First the consent: what is still allowed by it meanwhile is revoked with the rest.
    const wasAgreed = await this.consents.delete(accountId, clientId);
    const revoked = await this.authorizations.revokeAll({ accountId, clientId }, this.clock.now());
    this.directory.forget();
    if (!wasAgreed && revoked.length === 0) throw notFound('application');
  }
}
