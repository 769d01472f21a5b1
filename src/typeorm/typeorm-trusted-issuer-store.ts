import { Injectable } from '@nestjs/common';
import { DataSource, MoreThan } from 'typeorm';

import type { TrustedIssuer } from '../tokens/trusted-issuer.js';
import { TrustedIssuerConflictError, TrustedIssuerStore } from '../tokens/trusted-issuer-store.js';
import { TrustedIssuerEntity } from './entities/trusted-issuer.entity.js';
import { isStorable } from './storable-text.js';
import { inWriteTransaction, isUniqueViolation, Lock } from './write-transaction.js';

/** Trusted issuers in PostgreSQL. */
@Injectable()
export class TypeormTrustedIssuerStore extends TrustedIssuerStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async find(issuer: string): Promise<TrustedIssuer | null> {
    if (!isStorable(issuer)) return null;
    const row = await this.dataSource.manager.findOneBy(TrustedIssuerEntity, { issuer });
    return row && toIssuer(row);
  }

  async list(page: {
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<readonly TrustedIssuer[]> {
    const rows = await this.dataSource.manager.find(TrustedIssuerEntity, {
      where: page.after === undefined ? {} : { issuer: MoreThan(page.after) },
      order: { issuer: 'ASC' },
      take: page.limit,
    });
    return rows.map(toIssuer);
  }

  async create(issuer: TrustedIssuer): Promise<void> {
    try {
      await inWriteTransaction(this.dataSource, Lock.TrustedIssuers, (manager) =>
        manager.insert(TrustedIssuerEntity, rowOf(issuer)),
      );
    } catch (error) {
      if (isUniqueViolation(error)) throw new TrustedIssuerConflictError('issuer');
      throw error;
    }
  }

  async update(issuer: TrustedIssuer): Promise<void> {
    const known = { issuer: issuer.issuer, version: issuer.version - 1 };
    const { affected } = await inWriteTransaction(this.dataSource, Lock.TrustedIssuers, (manager) =>
      manager.update(TrustedIssuerEntity, known, rowOf(issuer)),
    );
    if (affected !== 1) throw new TrustedIssuerConflictError('version');
  }

  async delete(issuer: string): Promise<boolean> {
    if (!isStorable(issuer)) return false;
    const { affected } = await inWriteTransaction(this.dataSource, Lock.TrustedIssuers, (manager) =>
      manager.delete(TrustedIssuerEntity, { issuer }),
    );
    return affected === 1;
  }
}

/** Plain, without the entity's class. */
function toIssuer(row: TrustedIssuer): TrustedIssuer {
  return { ...row };
}

function rowOf(issuer: TrustedIssuer): TrustedIssuerEntity {
  return {
    ...issuer,
    algorithms: [...issuer.algorithms],
    accepts: [...issuer.accepts],
    clientIdClaims: [...issuer.clientIdClaims],
    scopes: [...issuer.scopes],
    impliedScopes: [...issuer.impliedScopes],
  };
}
