import { Injectable } from '@nestjs/common';

import { ConsentStore, type Consent } from '../authorization/consent-store.js';
import { byCodePoint, frozenCopy } from './frozen-copy.js';

/** Consents in the memory of this process: for tests, gone with it. */
@Injectable()
export class InMemoryConsentStore extends ConsentStore {
  /** By account, then by client. */
  readonly #consents = new Map<string, Map<string, Consent>>();

  async find(accountId: string, clientId: string): Promise<Consent | null> {
    return this.#consents.get(accountId)?.get(clientId) ?? null;
  }

  async list(accountId: string): Promise<readonly Consent[]> {
    const consents = this.#consents.get(accountId)?.values() ?? [];
    return [...consents].toSorted((a, b) => byCodePoint(a.clientId, b.clientId));
  }

  async save(consent: Consent): Promise<void> {
    const { accountId, clientId } = consent;
    const consents = this.#consents.get(accountId) ?? new Map<string, Consent>();
    this.#consents.set(accountId, consents.set(clientId, frozenCopy(consent)));
  }

  async delete(accountId: string, clientId: string): Promise<boolean> {
    return this.#consents.get(accountId)?.delete(clientId) ?? false;
  }

  async deleteAllOf(clientId: string): Promise<number> {
    const owners = [...this.#consents.values()];
    return owners.filter((consents) => consents.delete(clientId)).length;
  }

  async deleteAll(accountId: string): Promise<number> {
    const count = this.#consents.get(accountId)?.size ?? 0;
    this.#consents.delete(accountId);
    return count;
  }
}
