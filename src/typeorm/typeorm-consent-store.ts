import { Injectable } from '@nestjs/common';
import { DataSource, type FindOptionsWhere } from 'typeorm';

import { isAccountId } from '../accounts/account-rules.js';
import { ConsentStore, type Consent } from '../authorization/consent-store.js';
import { ConsentEntity } from './entities/consent.entity.js';
import { isStorable } from './storable-text.js';
import { inDurableTransaction } from './write-transaction.js';

/** Consents in PostgreSQL. */
@Injectable()
export class TypeormConsentStore extends ConsentStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async find(accountId: string, clientId: string): Promise<Consent | null> {
    if (!isAccountId(accountId) || !isStorable(clientId)) return null;
    const row = await this.dataSource.manager.findOneBy(ConsentEntity, { accountId, clientId });
    return row && toConsent(row);
  }

  async list(accountId: string): Promise<readonly Consent[]> {
    if (!isAccountId(accountId)) return [];
    const rows = await this.dataSource.manager.find(ConsentEntity, {
      where: { accountId },
      order: { clientId: 'ASC' },
    });
    return rows.map(toConsent);
  }

  async save(consent: Consent): Promise<void> {
    const row = { ...consent, scope: [...consent.scope], targets: [...consent.targets] };
    await inDurableTransaction(this.dataSource, (manager) =>
      manager.upsert(ConsentEntity, row, ['accountId', 'clientId']),
    );
  }

  async delete(accountId: string, clientId: string): Promise<boolean> {
    if (!isAccountId(accountId) || !isStorable(clientId)) return false;
    return (await this.#delete({ accountId, clientId })) === 1;
  }

  async deleteAllOf(clientId: string): Promise<number> {
    return isStorable(clientId) ? this.#delete({ clientId }) : 0;
  }

  async deleteAll(accountId: string): Promise<number> {
    return isAccountId(accountId) ? this.#delete({ accountId }) : 0;
  }

  async #delete(which: FindOptionsWhere<ConsentEntity>): Promise<number> {
    const { affected } = await inDurableTransaction(this.dataSource, (manager) =>
      manager.delete(ConsentEntity, which),
    );
    return affected ?? 0;
  }
}

/** Plain, without the entity's class. */
function toConsent(row: Consent): Consent {
  return { ...row };
}
