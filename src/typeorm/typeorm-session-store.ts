import { Injectable } from '@nestjs/common';
import {
  DataSource,
  In,
  LessThan,
  LessThanOrEqual,
  Not,
  type EntityManager,
  type FindOptionsWhere,
} from 'typeorm';

import { isAccountId } from '../accounts/account-rules.js';
import { SessionStore } from '../accounts/session-store.js';
import type { Authentication, Session } from '../accounts/session.js';
import { SessionEntity } from './entities/session.entity.js';
import { isStorable } from './storable-text.js';
import { inDurableTransaction } from './write-transaction.js';

/** Sign-in sessions in PostgreSQL. */
@Injectable()
export class TypeormSessionStore extends SessionStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async create(session: Session): Promise<void> {
    const row = { ...session, amr: [...session.amr], clients: [...session.clients] };
    await this.#write((manager) => manager.insert(SessionEntity, row));
  }

  async find(sid: string): Promise<Session | null> {
    if (!isStorable(sid)) return null;
    const row = await this.dataSource.manager.findOneBy(SessionEntity, { sid });
    return row && toSession(row);
  }

  async findBySecretHash(secretHash: string): Promise<Session | null> {
    if (!isStorable(secretHash)) return null;
    const row = await this.dataSource.manager.findOneBy(SessionEntity, { secretHash });
    return row && toSession(row);
  }

  async list(accountId: string, limit: number): Promise<readonly Session[]> {
    if (!isAccountId(accountId)) return [];
    const rows = await this.dataSource.manager.find(SessionEntity, {
      where: { accountId },
      order: { createdAt: 'DESC', sid: 'ASC' },
      take: limit,
    });
    return rows.map(toSession);
  }

  async touch(
    sid: string,
    { at, address }: { readonly at: number; readonly address: string | null },
  ): Promise<void> {
    if (!isStorable(sid)) return;
    const earlier = { sid, lastSeenAt: LessThan(at) };
    await this.dataSource.manager.update(SessionEntity, earlier, { lastSeenAt: at, address });
  }

  async rotate(
    { from, to }: { readonly from: string; readonly to: string },
    { authTime, acr, amr }: Authentication,
  ): Promise<Session | null> {
    if (!isStorable(from)) return null;
    return this.#write(async (manager) => {
      const proven = { secretHash: to, authTime, acr, amr: [...amr] };
      const { affected } = await manager.update(SessionEntity, { secretHash: from }, proven);
      if (affected !== 1) return null;
      return toSession(await manager.findOneByOrFail(SessionEntity, { secretHash: to }));
    });
  }

  async addClient(sid: string, clientId: string): Promise<boolean> {
    if (!isStorable(sid)) return false;
    return this.#write(async (manager) => {
      const [session] = await locked(manager, { sid });
      if (session?.clients.includes(clientId) === false)
        await manager.update(SessionEntity, { sid }, { clients: [...session.clients, clientId] });
      return session !== undefined;
    });
  }

  async end(sid: string, accountId?: string): Promise<Session | null> {
    if (!isStorable(sid) || (accountId !== undefined && !isAccountId(accountId))) return null;
    const [ended] = await this.#end(accountId === undefined ? { sid } : { sid, accountId });
    return ended ?? null;
  }

  async endAll(accountId: string, spared?: string): Promise<readonly Session[]> {
    if (!isAccountId(accountId)) return [];
    return this.#end(spared === undefined ? { accountId } : { accountId, sid: Not(spared) });
  }

  async removeExpired(now: number, limit: number): Promise<number> {
    const rows = await this.dataSource.manager.find(SessionEntity, {
      select: { sid: true },
      where: { expiresAt: LessThanOrEqual(now) },
      order: { expiresAt: 'ASC' },
      take: limit,
    });
    if (rows.length > 0)
      await this.dataSource.manager.delete(SessionEntity, { sid: In(rows.map(({ sid }) => sid)) });
    return rows.length;
  }

  #end(which: FindOptionsWhere<SessionEntity>): Promise<readonly Session[]> {
    return this.#write(async (manager) => {
      const ended = await locked(manager, which);
      if (ended.length > 0)
        await manager.delete(SessionEntity, { sid: In(ended.map(({ sid }) => sid)) });
      return ended.map(toSession);
    });
  }

  #write<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return inDurableTransaction(this.dataSource, work);
  }
}

/** The rows, which nobody else changes until the transaction ends. */
function locked(
  manager: EntityManager,
  where: FindOptionsWhere<SessionEntity>,
): Promise<SessionEntity[]> {
  // In one order, so that two that lock several do not wait for each other.
  return manager.find(SessionEntity, {
    where,
    order: { sid: 'ASC' },
    lock: { mode: 'pessimistic_write' },
  });
}

/** Plain, without the entity's class. */
function toSession(row: Session): Session {
  return { ...row };
}
