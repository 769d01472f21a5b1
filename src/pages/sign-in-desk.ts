import type { ServerResponse } from 'node:http';

import { Injectable } from '@nestjs/common';

import type { Account } from '../accounts/account.js';
import { Sessions } from '../accounts/sessions.js';
import { SignInRefusedError } from '../accounts/sign-in-refused-error.js';
import { SignIn } from '../accounts/sign-in.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { SignOut } from '../authorization/sign-out.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { ACR_PASSWORD, AMR_PASSWORD } from '../oauth/openid.js';
import { BrowserCookies } from './browser-cookies.js';
import { staleForm } from './form-tokens.js';
import type { Visitor } from './visitors.js';

const PROOF = { acr: ACR_PASSWORD, amr: [...AMR_PASSWORD] };

/** Lets people in, and keeps a record of each who tried. */
@Injectable()
export class SignInDesk {
  constructor(
    private readonly signIn: SignIn,
    private readonly sessions: Sessions,
    private readonly signOut: SignOut,
    private readonly cookies: BrowserCookies,
    private readonly trail: AuditTrail,
    private readonly settings: IssuerSettings,
  ) {}

  /**
   * The account that the username and the password are of.
   * @throws SignInRefusedError, TemporarilyUnavailableError
   */
  authenticate(username: string, password: string, { origin }: Visitor): Promise<Account> {
    return this.trail.witness(
      origin,
      async (attempt) => {
        const known = (accountId: string): void =>
          attempt.note({ subject: this.#partyOf(accountId) });
        try {
          const account = await this.signIn.authenticate(username, password, origin.address);
          known(account.accountId);
          attempt.note({ authentication: PROOF });
          return account;
        } catch (error) {
          if (error instanceof SignInRefusedError && error.accountId !== undefined)
            known(error.accountId);
          throw error;
        }
      },
      'authentication',
    );
  }

  /** Records that a form was refused before its password was looked at. @throws InvalidRequestError */
  refuseStaleForm({ origin }: Visitor): Promise<never> {
    return this.trail.witness(origin, () => Promise.reject(staleForm()), 'authentication');
  }

  /**
   * Gives the browser a session of the person who has just proved who they are; a session of the same
   * person goes on under another secret, one of somebody else ends.
   * @returns the visitor as they are now
   * @throws SignInRefusedError when the account was disabled or changed meanwhile
   */
  async arrive(account: Account, visitor: Visitor, response: ServerResponse): Promise<Visitor> {
    const { person, sessionSecret } = visitor;
    const isSame = person?.account.accountId === account.accountId;
    const renewed =
      isSame && sessionSecret !== undefined
        ? await this.sessions.renew(sessionSecret, PROOF)
        : null;
    if (person && !isSame)
      await this.signOut.end(person.session.sid, { origin: visitor.origin, operation: 'replaced' });
    const { session, secret } = renewed ?? (await this.#start(account, visitor));
    this.cookies.begin(response, secret);
    return { ...visitor, sessionSecret: secret, person: { session, account } };
  }

  #start(account: Account, { origin, userAgent }: Visitor): ReturnType<Sessions['start']> {
    return this.trail.witness(
      origin,
      async (attempt) => {
        attempt.note({ subject: this.#partyOf(account.accountId), authentication: PROOF });
        const whereabouts = { address: origin.address, userAgent };
        const started = await this.sessions.start(account, PROOF, whereabouts);
        attempt.note({ sid: started.session.sid });
        return started;
      },
      'session_start',
    );
  }

  #partyOf(accountId: string): { readonly iss: string; readonly sub: string } {
    return { iss: this.settings.issuer, sub: accountId };
  }
}
