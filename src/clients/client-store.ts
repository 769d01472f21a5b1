import type { Client } from './client.js';

/**
 * Keeps clients. Promises: an acknowledged write is durable and seen by every later read through
 * any instance; identifiers are unique among all clients, client ids included; a rejected call
 * changed nothing. Fails by rejecting.
 */
export abstract class ClientStore {
  /** The client with this id, or null. */
  abstract find(clientId: string): Promise<Client | null>;

  /** The client that answers to this identifier (its id is one of them), or null. */
  abstract findByIdentifier(identifier: string): Promise<Client | null>;

  /**
   * Clients in ascending order of their ids.
   * @param page.after the id behind which to begin; page.limit how many at most
   */
  abstract list(page: {
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<readonly Client[]>;

  /** @throws ClientConflictError when its id or an identifier is taken */
  abstract create(client: Client): Promise<void>;

  /**
   * Writes a changed client, whose `version` is one above the stored one.
   * @throws ClientConflictError when an identifier is taken, or the stored version is another
   */
  abstract update(client: Client): Promise<void>;

  /** @returns whether there was one */
  abstract delete(clientId: string): Promise<boolean>;
}

/** A write that would collide with what is stored. */
export class ClientConflictError extends Error {
  override readonly name = 'ClientConflictError';

  constructor(readonly conflict: 'client_id' | 'identifier' | 'version') {
    super(`The client's ${conflict} is in conflict with what is stored`);
  }
}
