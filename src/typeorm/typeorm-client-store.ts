import { Injectable } from '@nestjs/common';
import { DataSource, In, MoreThan, Not, type EntityManager } from 'typeorm';

import { identifiersOf, type Client } from '../clients/client.js';
import { ClientConflictError, ClientStore } from '../clients/client-store.js';
import { DEFAULT_EXCHANGE_SETTINGS } from '../delegation/exchange-request.js';
import { ClientIdentifierEntity } from './entities/client-identifier.entity.js';
import { ClientEntity } from './entities/client.entity.js';
import { isStorable } from './storable-text.js';
import { inWriteTransaction, isUniqueViolation, Lock } from './write-transaction.js';

/** Clients in PostgreSQL; one read is one statement. */
@Injectable()
export class TypeormClientStore extends ClientStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async find(clientId: string): Promise<Client | null> {
    if (!isStorable(clientId)) return null;
    const row = await this.dataSource.manager.findOneBy(ClientEntity, { clientId });
    return row && toClient(row);
  }

  async findByIdentifier(identifier: string): Promise<Client | null> {
    if (!isStorable(identifier)) return null;
    const row = await this.dataSource.manager
      .createQueryBuilder(ClientEntity, 'client')
      .innerJoin(ClientIdentifierEntity, 'held', 'held.clientId = client.clientId')
      .where('held.identifier = :identifier', { identifier })
      .getOne();
    return row && toClient(row);
  }

  async list(page: {
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<readonly Client[]> {
    const rows = await this.dataSource.manager.find(ClientEntity, {
      where: page.after === undefined ? {} : { clientId: MoreThan(page.after) },
      order: { clientId: 'ASC' },
      take: page.limit,
    });
    return rows.map(toClient);
  }

  async create(client: Client): Promise<void> {
    await this.#write(async (manager) => {
      const { clientId } = client;
      if (await manager.existsBy(ClientIdentifierEntity, { identifier: clientId }))
        throw new ClientConflictError('client_id');
      await manager.insert(ClientEntity, rowOf(client));
      await writeIdentifiers(manager, client);
    });
  }

  async update(client: Client): Promise<void> {
    await this.#write(async (manager) => {
      const { clientId, version } = client;
      const known = { clientId, version: version - 1 };
      const { affected } = await manager.update(ClientEntity, known, rowOf(client));
      if (affected !== 1) throw new ClientConflictError('version');
      await manager.delete(ClientIdentifierEntity, { clientId });
      await writeIdentifiers(manager, client);
    });
  }

  async delete(clientId: string): Promise<boolean> {
    if (!isStorable(clientId)) return false;
    const { affected } = await this.#write((manager) => manager.delete(ClientEntity, { clientId }));
    return affected === 1;
  }

  async #write<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    try {
      return await inWriteTransaction(this.dataSource, Lock.Clients, work);
    } catch (error) {
      // Only a writer that does not take the lock can get here.
      if (isUniqueViolation(error)) throw new ClientConflictError('identifier');
      throw error;
    }
  }
}

async function writeIdentifiers(manager: EntityManager, client: Client): Promise<void> {
  const { clientId } = client;
  const identifiers = [...new Set(identifiersOf(client))];
  const taken = { identifier: In(identifiers), clientId: Not(clientId) };
  if (await manager.existsBy(ClientIdentifierEntity, taken))
    throw new ClientConflictError('identifier');
  const rows = identifiers.map((identifier) => ({ identifier, clientId }));
  await manager.insert(ClientIdentifierEntity, rows);
}

/** Plain, without the entity's class. */
function toClient(row: Client): Client {
  // A setting that came after the row was written has its careful default.
  return { ...row, exchange: { ...DEFAULT_EXCHANGE_SETTINGS, ...row.exchange } };
}

function rowOf(client: Client): ClientEntity {
  return {
    ...client,
    grantTypes: [...client.grantTypes],
    scopes: [...client.scopes],
    authenticationMethods: [...client.authenticationMethods],
    secrets: [...client.secrets],
    identifiers: [...client.identifiers],
    offeredScopes: [...client.offeredScopes],
    targets: [...client.targets],
    groups: [...client.groups],
  };
}
