import { Injectable } from '@nestjs/common';

import { SessionStore } from '../accounts/session-store.js';
import type { Authentication, Session } from '../accounts/session.js';
import { ascending, frozenCopy } from './frozen-copy.js';

/** Sign-in sessions in the memory of this process: for tests, gone with it. */
@Injectable()
export class InMemorySessionStore extends SessionStore {
  readonly #sessions = new Map<string, Session>();

  async create(session: Session): Promise<void> {
    if (this.#sessions.has(session.sid) || this.#holderOf(session.secretHash))
      throw new Error('A session of this name or secret is kept already');
    this.#keep(session);
  }

  async find(sid: string): Promise<Session | null> {
    return this.#sessions.get(sid) ?? null;
  }

  async findBySecretHash(secretHash: string): Promise<Session | null> {
    return this.#holderOf(secretHash) ?? null;
  }

  async list(accountId: string, limit: number): Promise<readonly Session[]> {
    return [...this.#sessions.values()]
      .filter((session) => session.accountId === accountId)
      .toSorted((a, b) => b.createdAt - a.createdAt || ascending(a.sid, b.sid))
      .slice(0, limit);
  }

  async touch(
    sid: string,
    { at, address }: { readonly at: number; readonly address: string | null },
  ): Promise<void> {
    const session = this.#sessions.get(sid);
    if (session && session.lastSeenAt < at) this.#keep({ ...session, lastSeenAt: at, address });
  }

  async rotate(
    { from, to }: { readonly from: string; readonly to: string },
    { authTime, acr, amr }: Authentication,
  ): Promise<Session | null> {
    const session = this.#holderOf(from);
    return session ? this.#keep({ ...session, secretHash: to, authTime, acr, amr }) : null;
  }

  async addClient(sid: string, clientId: string): Promise<boolean> {
    const session = this.#sessions.get(sid);
    if (session?.clients.includes(clientId) === false)
      this.#keep({ ...session, clients: [...session.clients, clientId] });
    return session !== undefined;
  }

  async end(sid: string, accountId?: string): Promise<Session | null> {
    const session = this.#sessions.get(sid);
    if (!session || (accountId !== undefined && session.accountId !== accountId)) return null;
    this.#sessions.delete(sid);
    return session;
  }

  async endAll(accountId: string, spared?: string): Promise<readonly Session[]> {
    const ended = [...this.#sessions.values()].filter(
      (session) => session.accountId === accountId && session.sid !== spared,
    );
    for (const { sid } of ended) this.#sessions.delete(sid);
    return ended;
  }

  async removeExpired(now: number, limit: number): Promise<number> {
    const over = [...this.#sessions.values()]
      .filter(({ expiresAt }) => expiresAt <= now)
      .slice(0, limit);
    for (const { sid } of over) this.#sessions.delete(sid);
    return over.length;
  }

  #holderOf(secretHash: string): Session | undefined {
    return [...this.#sessions.values()].find((session) => session.secretHash === secretHash);
  }

  #keep(session: Session): Session {
    const kept = frozenCopy(session);
    this.#sessions.set(kept.sid, kept);
    return kept;
  }
}
