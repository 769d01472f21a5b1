import { Injectable } from '@nestjs/common';

import { identifiersOf, type Client } from '../clients/client.js';
import { ClientConflictError, ClientStore } from '../clients/client-store.js';
import { ascending, frozenCopy } from './frozen-copy.js';

/** Clients in the memory of this process: for tests, gone with it. */
@Injectable()
export class InMemoryClientStore extends ClientStore {
  readonly #clients = new Map<string, Client>();

  async find(clientId: string): Promise<Client | null> {
    return this.#clients.get(clientId) ?? null;
  }

  async findByIdentifier(identifier: string): Promise<Client | null> {
    return this.#holderOf(identifier) ?? null;
  }

  async list(page: {
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<readonly Client[]> {
    const { after, limit } = page;
    return [...this.#clients.values()]
      .filter(({ clientId }) => after === undefined || ascending(clientId, after) > 0)
      .toSorted((a, b) => ascending(a.clientId, b.clientId))
      .slice(0, limit);
  }

  async create(client: Client): Promise<void> {
    if (this.#holderOf(client.clientId)) throw new ClientConflictError('client_id');
    this.#refuseTakenIdentifiers(client);
    this.#clients.set(client.clientId, frozenCopy(client));
  }

  async update(client: Client): Promise<void> {
    const stored = this.#clients.get(client.clientId);
    if (stored?.version !== client.version - 1) throw new ClientConflictError('version');
    this.#refuseTakenIdentifiers(client);
    this.#clients.set(client.clientId, frozenCopy(client));
  }

  async delete(clientId: string): Promise<boolean> {
    return this.#clients.delete(clientId);
  }

  #holderOf(identifier: string): Client | undefined {
    return [...this.#clients.values()].find((client) => identifiersOf(client).includes(identifier));
  }

  #refuseTakenIdentifiers(client: Client): void {
    const isTaken = (identifier: string): boolean => {
      const holder = this.#holderOf(identifier);
      return holder !== undefined && holder.clientId !== client.clientId;
    };
    if (client.identifiers.some(isTaken)) throw new ClientConflictError('identifier');
  }
}
