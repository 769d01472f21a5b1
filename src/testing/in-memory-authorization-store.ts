import { Injectable } from '@nestjs/common';

import {
  AuthorizationStore,
  type AuthorizationFilter,
  type AuthorizedClient,
} from '../authorization/authorization-store.js';
import type {
  Authorization,
  AuthorizationCode,
  RefreshToken,
} from '../authorization/authorization.js';
import { ascending, frozenCopy } from './frozen-copy.js';

/** What people allowed, in the memory of this process: for tests, gone with it. */
@Injectable()
export class InMemoryAuthorizationStore extends AuthorizationStore {
  readonly #authorizations = new Map<string, Authorization>();
  readonly #codes = new Map<string, AuthorizationCode>();
  readonly #usedCodes = new Set<string>();
  readonly #tokens = new Map<string, RefreshToken>();

  async create(authorization: Authorization, code: AuthorizationCode): Promise<void> {
    const { authorizationId } = authorization;
    if (this.#authorizations.has(authorizationId) || this.#codes.has(code.codeHash))
      throw new Error('An authorization or a code of this name is kept already');
    this.#authorizations.set(authorizationId, frozenCopy(authorization));
    this.#codes.set(code.codeHash, frozenCopy(code));
  }

  async redeemCode(
    codeHash: string,
    now: number,
  ): Promise<{
    readonly code: AuthorizationCode;
    readonly authorization: Authorization;
    readonly isFirst: boolean;
  } | null> {
    const code = this.#codes.get(codeHash);
    if (!code) return null;
    const isFirst = !this.#usedCodes.has(codeHash);
    this.#usedCodes.add(codeHash);
    if (!isFirst) this.#revoke(code.authorizationId, now);
    return { code, authorization: this.#authorizationOf(code), isFirst };
  }

  async find(authorizationId: string): Promise<Authorization | null> {
    return this.#authorizations.get(authorizationId) ?? null;
  }

  async addRefreshToken(token: RefreshToken): Promise<void> {
    this.#add(token);
  }

  async findRefreshToken(tokenHash: string): Promise<{
    readonly token: RefreshToken;
    readonly authorization: Authorization;
  } | null> {
    const token = this.#tokens.get(tokenHash);
    return token ? { token, authorization: this.#authorizationOf(token) } : null;
  }

  async rotateRefreshToken(
    tokenHash: string,
    successor: RefreshToken,
    { now, overlap }: { readonly now: number; readonly overlap: number },
  ): Promise<'rotated' | 'reused' | 'revoked' | null> {
    const token = this.#tokens.get(tokenHash);
    if (!token) return null;
    if (this.#authorizationOf(token).revokedAt !== null) return 'revoked';
    const usedAt = token.usedAt ?? now;
    // The time may have been told by a clock that is behind: no time is less than none.
    const isOver = Math.max(0, now - usedAt) >= overlap;
    if (token.usedAt !== null && (isOver || this.#wentOn(token, usedAt))) {
      this.#revoke(token.authorizationId, now);
      return 'reused';
    }
    this.#add({ ...successor, createdAt: Math.max(successor.createdAt, usedAt) });
    this.#tokens.set(tokenHash, frozenCopy({ ...token, usedAt }));
    return 'rotated';
  }

  async revoke(authorizationId: string, at: number): Promise<boolean> {
    return this.#revoke(authorizationId, at);
  }

  async revokeAll(filter: AuthorizationFilter, at: number): Promise<readonly string[]> {
    const { accountId, clientId, sids, sparedSid, onlyOnline = false } = filter;
    if (accountId === undefined && clientId === undefined && sids === undefined && !onlyOnline)
      throw new RangeError('A filter of authorizations names at least one thing');
    return [...this.#authorizations.values()]
      .filter(
        (each) =>
          (accountId === undefined || each.accountId === accountId) &&
          (clientId === undefined || each.clientId === clientId) &&
          (sids === undefined || sids.includes(each.sid)) &&
          each.sid !== sparedSid &&
          !(onlyOnline && each.isOffline),
      )
      .map(({ authorizationId }) => authorizationId)
      .filter((authorizationId) => this.#revoke(authorizationId, at));
  }

  async list(accountId: string, limit: number): Promise<readonly Authorization[]> {
    return [...this.#authorizations.values()]
      .filter((each) => each.accountId === accountId && each.revokedAt === null)
      .toSorted(
        (a, b) => b.createdAt - a.createdAt || ascending(a.authorizationId, b.authorizationId),
      )
      .slice(0, limit);
  }

  async clientsOf(accountId: string): Promise<readonly AuthorizedClient[]> {
    const all = await this.list(accountId, Infinity);
    const clientIds = [...new Set(all.map(({ clientId }) => clientId))].toSorted(ascending);
    return clientIds.map((clientId) => {
      const given = all.filter((each) => each.clientId === clientId);
      return {
        clientId,
        scope: [...new Set(given.flatMap(({ scope }) => scope))].toSorted(ascending),
        createdAt: Math.max(...given.map(({ createdAt }) => createdAt)),
      };
    });
  }

  async removeExpired(before: number, limit: number): Promise<number> {
    const ended = [...this.#authorizations.values()]
      .filter(({ expiresAt, revokedAt }) => Math.min(expiresAt, revokedAt ?? expiresAt) < before)
      .slice(0, limit);
    for (const { authorizationId } of ended) this.#remove(authorizationId);
    return ended.length;
  }

  #authorizationOf({ authorizationId }: Pick<Authorization, 'authorizationId'>): Authorization {
    const authorization = this.#authorizations.get(authorizationId);
    if (!authorization) throw new Error('The authorization is not kept');
    return authorization;
  }

  #add(token: RefreshToken): void {
    this.#authorizationOf(token);
    if (this.#tokens.has(token.tokenHash))
      throw new Error('A refresh token of this hash is kept already');
    this.#tokens.set(token.tokenHash, frozenCopy(token));
  }

  /** Whether a token of the same authorization was used that was created at this time or later. */
  #wentOn({ tokenHash, authorizationId }: RefreshToken, since: number): boolean {
    return [...this.#tokens.values()].some(
      (each) =>
        each.authorizationId === authorizationId &&
        each.tokenHash !== tokenHash &&
        each.createdAt >= since &&
        each.usedAt !== null,
    );
  }

  #revoke(authorizationId: string, at: number): boolean {
    const authorization = this.#authorizations.get(authorizationId);
    if (authorization?.revokedAt !== null) return false;
    this.#authorizations.set(authorizationId, frozenCopy({ ...authorization, revokedAt: at }));
    return true;
  }

  #remove(authorizationId: string): void {
    this.#authorizations.delete(authorizationId);
    for (const [codeHash, code] of this.#codes) {
      if (code.authorizationId !== authorizationId) continue;
      this.#codes.delete(codeHash);
      this.#usedCodes.delete(codeHash);
    }
    for (const [tokenHash, token] of this.#tokens)
      if (token.authorizationId === authorizationId) this.#tokens.delete(tokenHash);
  }
}
