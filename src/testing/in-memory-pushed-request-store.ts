import { Injectable } from '@nestjs/common';

import { PushedRequestStore, type PushedRequest } from '../authorization/pushed-request-store.js';
import { frozenCopy } from './frozen-copy.js';

/** Pushed requests in the memory of this process: for tests, gone with it. */
@Injectable()
export class InMemoryPushedRequestStore extends PushedRequestStore {
  readonly #requests = new Map<string, PushedRequest>();

  async add(request: PushedRequest): Promise<void> {
    if (this.#requests.has(request.requestHash))
      throw new Error('A pushed request of this hash is kept already');
    this.#requests.set(request.requestHash, frozenCopy(request));
  }

  async take(requestHash: string, clientId: string): Promise<PushedRequest | null> {
    const request = this.#requests.get(requestHash);
    if (request?.clientId !== clientId) return null;
    this.#requests.delete(requestHash);
    return request;
  }

  async removeExpired(now: number, limit: number): Promise<number> {
    const expired = [...this.#requests.values()]
      .filter(({ expiresAt }) => expiresAt <= now)
      .slice(0, limit);
    for (const { requestHash } of expired) this.#requests.delete(requestHash);
    return expired.length;
  }
}
