import { Injectable, Optional } from '@nestjs/common';

import { isAccountId } from '../accounts/account-rules.js';
import { AccountStore } from '../accounts/account-store.js';
import { RecordErasure, type RecordedPerson } from '../audit/erasure.js';
import { ClientDirectory } from '../clients/client-directory.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import type { AdministrativeAct } from './administrative-act.js';
import type { ErasurePlanView, ErasureView, NamedPerson } from './erasure.dto.js';
import { Problem } from './problem.js';

/** Erases people from the records. The record of it names the key that was destroyed, and nobody else. */
@Injectable()
export class ErasureAdministration {
  constructor(
    private readonly accounts: AccountStore,
    private readonly clients: ClientDirectory,
    private readonly settings: IssuerSettings,
    @Optional() private readonly records?: RecordErasure,
  ) {}

  /**
   * What would be erased. Nothing is changed.
   * @throws Problem (409) for a client, and where records are not sealed
   */
  async plan(named: NamedPerson, act: AdministrativeAct): Promise<ErasurePlanView> {
    const person = await this.#personOf(named);
    const [accountExists, extent] = await Promise.all([
      this.#hasAccount(person),
      this.#erasure().extentOf(person),
    ]);
    act.facts.erasure = { keyId: extent.keyId };
    return { accountExists, ...extent };
  }

  /**
   * Erases; a second time there is nothing to erase.
   * @throws Problem (409) while the account exists, for a client, and where records are not sealed
   */
  async erase(named: NamedPerson, act: AdministrativeAct): Promise<ErasureView> {
    const person = await this.#personOf(named);
    if (await this.#hasAccount(person))
      throw new Problem(409, 'The account still exists: delete it first, then erase the person.');
    // Before it is done: if it fails it may be done nevertheless.
    act.facts.erasure = { keyId: await this.#erasure().keyOf(person) };
    const keyId = await this.#erasure().erase(person);
    act.facts.erasure = { keyId };
    return { erased: keyId !== null, keyId };
  }

  async #personOf({ iss = this.settings.issuer, sub }: NamedPerson): Promise<RecordedPerson> {
    const isClient = iss === this.settings.issuer && (await this.clients.renew(sub)) !== null;
    if (isClient) throw new Problem(409, 'This is a client: records name clients for ever.');
    return { iss, sub };
  }

  async #hasAccount({ iss, sub }: RecordedPerson): Promise<boolean> {
    if (iss !== this.settings.issuer || !isAccountId(sub)) return false;
    return (await this.accounts.find(sub)) !== null;
  }

  #erasure(): RecordErasure {
    if (this.records === undefined)
      throw new Problem(409, 'The records of this server are not sealed: nobody can be erased.');
    return this.records;
  }
}
