import { Injectable } from '@nestjs/common';
import { DataSource, In, Not } from 'typeorm';

import { KeyStore } from '../keys/key-store.js';
import type { StoredSigningKey } from '../keys/signing-key.js';
import { SigningKeyEntity } from './entities/signing-key.entity.js';
import { inWriteTransaction, Lock } from './write-transaction.js';

/** Signing keys in PostgreSQL. */
@Injectable()
export class TypeormKeyStore extends KeyStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async list(): Promise<readonly StoredSigningKey[]> {
    const rows = await this.dataSource.manager.find(SigningKeyEntity);
    return rows.map(toKey);
  }

  async add(key: StoredSigningKey): Promise<void> {
    await inWriteTransaction(this.dataSource, Lock.SigningKeys, (manager) =>
      manager.insert(SigningKeyEntity, key),
    );
  }

  async addUnlessNews(key: StoredSigningKey, seen: readonly string[]): Promise<boolean> {
    return inWriteTransaction(this.dataSource, Lock.SigningKeys, async (manager) => {
      const { algorithm } = key;
      const isNews = await manager.existsBy(SigningKeyEntity, { algorithm, kid: Not(In(seen)) });
      if (isNews) return false;
      await manager.insert(SigningKeyEntity, key);
      return true;
    });
  }

  async revoke(kid: string, at: number): Promise<StoredSigningKey | null> {
    return inWriteTransaction(this.dataSource, Lock.SigningKeys, async (manager) => {
      const key = await manager.findOneBy(SigningKeyEntity, { kid });
      if (key === null || key.revokedAt !== null) return key && toKey(key);
      await manager.update(SigningKeyEntity, { kid }, { revokedAt: at });
      return { ...toKey(key), revokedAt: at };
    });
  }
}

/** Plain, without the entity's class. */
function toKey(row: StoredSigningKey): StoredSigningKey {
  return { ...row };
}
