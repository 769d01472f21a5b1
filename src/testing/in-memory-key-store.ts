import { Injectable } from '@nestjs/common';

import { KeyStore } from '../keys/key-store.js';
import type { StoredSigningKey } from '../keys/signing-key.js';
import { frozenCopy } from './frozen-copy.js';

/** Signing keys in the memory of this process: for tests, gone with it. */
@Injectable()
export class InMemoryKeyStore extends KeyStore {
  readonly #keys = new Map<string, StoredSigningKey>();

  async list(): Promise<readonly StoredSigningKey[]> {
    return [...this.#keys.values()];
  }

  async add(key: StoredSigningKey): Promise<void> {
    if (this.#keys.has(key.kid)) throw new Error(`The signing key ${key.kid} is kept already`);
    this.#keys.set(key.kid, frozenCopy(key));
  }

  async addUnlessNews(key: StoredSigningKey, seen: readonly string[]): Promise<boolean> {
    const isNews = (kept: StoredSigningKey): boolean =>
      kept.algorithm === key.algorithm && !seen.includes(kept.kid);
    if ([...this.#keys.values()].some(isNews)) return false;
    await this.add(key);
    return true;
  }

  async revoke(kid: string, at: number): Promise<StoredSigningKey | null> {
    const key = this.#keys.get(kid);
    if (key === undefined) return null;
    if (key.revokedAt !== null) return key;
    const revoked = frozenCopy({ ...key, revokedAt: at });
    this.#keys.set(kid, revoked);
    return revoked;
  }
}
