import { Injectable } from '@nestjs/common';

import { Clock } from '../oauth/clock.js';
import { FRESH, FreshLookup } from '../oauth/fresh-lookup.js';
import { ClientStore } from './client-store.js';
import type { Client } from './client.js';

/** Clients as the hot path reads them, at most a second old. Fails with the store. */
@Injectable()
export class ClientDirectory {
  readonly #byId: FreshLookup<Client | null>;
  readonly #byIdentifier: FreshLookup<Client | null>;

  constructor(store: ClientStore, clock: Clock) {
    this.#byId = new FreshLookup((id) => store.find(id), clock, FRESH);
    this.#byIdentifier = new FreshLookup(
      (identifier) => store.findByIdentifier(identifier),
      clock,
      FRESH,
    );
  }

  /** The client with this id, or null; what cannot be an id is not looked up. */
  find(clientId: string): Promise<Client | null> {
    return isName(clientId) ? this.#byId.get(clientId) : Promise.resolve(null);
  }

  /** Whether `find` would answer from memory. */
  remembers(clientId: string): boolean {
    return this.#byId.has(clientId);
  }

  /** The client with this id as it is stored now, or null. */
  renew(clientId: string): Promise<Client | null> {
    return isName(clientId) ? this.#byId.renew(clientId) : Promise.resolve(null);
  }

  /** The client that answers to this identifier, or null. */
  findByIdentifier(identifier: string): Promise<Client | null> {
    return isName(identifier) ? this.#byIdentifier.get(identifier) : Promise.resolve(null);
  }

  /** Forgets everything, so that a change made here takes effect here at once. */
  forget(): void {
    this.#byId.forget();
    this.#byIdentifier.forget();
  }
}

/** Visible ASCII of a length that a name can have. */
function isName(text: string): boolean {
  return text.length <= 512 && /^[\x21-\x7E]+$/.test(text);
}
