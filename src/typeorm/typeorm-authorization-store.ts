import { Injectable } from '@nestjs/common';
import {
  And,
  Any,
  DataSource,
  IsNull,
  LessThan,
  MoreThanOrEqual,
  Not,
  type EntityManager,
  type FindManyOptions,
  type FindOptionsWhere,
} from 'typeorm';

import { isAccountId } from '../accounts/account-rules.js';
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
import type { ClaimsRequest } from '../authorization/claims-request.js';
import { isUuid } from '../delegation/token-id.js';
import { AuthorizationCodeEntity } from './entities/authorization-code.entity.js';
import { AuthorizationEntity } from './entities/authorization.entity.js';
import { RefreshTokenEntity } from './entities/refresh-token.entity.js';
import { isStorable } from './storable-text.js';
import { inDurableTransaction } from './write-transaction.js';

/**
 * What people allowed, in PostgreSQL. Whoever changes a code or a token locks its authorization
 * first, and whoever locks several does it in one order, so that nobody waits in a circle.
 */
@Injectable()
export class TypeormAuthorizationStore extends AuthorizationStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async create(authorization: Authorization, code: AuthorizationCode): Promise<void> {
    await this.#write(async (manager) => {
      await manager.insert(AuthorizationEntity, rowOf(authorization));
      await manager.insert(AuthorizationCodeEntity, { ...code, usedAt: null });
    });
  }

  async redeemCode(
    codeHash: string,
    now: number,
  ): Promise<{
    readonly code: AuthorizationCode;
    readonly authorization: Authorization;
    readonly isFirst: boolean;
  } | null> {
    if (!isStorable(codeHash)) return null;
    return this.#write(async (manager) => {
      const code = await manager.findOneBy(AuthorizationCodeEntity, { codeHash });
      const row = code && (await locked(manager, code));
      if (!row) return null;
      const unused = { codeHash, usedAt: IsNull() };
      const { affected } = await manager.update(AuthorizationCodeEntity, unused, { usedAt: now });
      const isFirst = affected === 1;
      const revokedAt = isFirst ? row.revokedAt : await revoked(manager, row, now);
      return { code: toCode(code), authorization: { ...toAuthorization(row), revokedAt }, isFirst };
    });
  }

  async find(authorizationId: string): Promise<Authorization | null> {
    if (!isUuid(authorizationId)) return null;
    const row = await this.dataSource.manager.findOneBy(AuthorizationEntity, { authorizationId });
    return row && toAuthorization(row);
  }

  async addRefreshToken(token: RefreshToken): Promise<void> {
    await this.#write((manager) => manager.insert(RefreshTokenEntity, { ...token }));
  }

  async findRefreshToken(tokenHash: string): Promise<{
    readonly token: RefreshToken;
    readonly authorization: Authorization;
  } | null> {
    if (!isStorable(tokenHash)) return null;
    const row = await this.dataSource.manager
      .createQueryBuilder(RefreshTokenEntity, 'token')
      .innerJoinAndSelect('token.authorization', 'given')
      .where('token.tokenHash = :tokenHash', { tokenHash })
      .getOne();
    if (!row?.authorization) return null;
    const { authorization, ...token } = row;
    return { token, authorization: toAuthorization(authorization) };
  }

  async rotateRefreshToken(
    tokenHash: string,
    successor: RefreshToken,
    { now, overlap }: { readonly now: number; readonly overlap: number },
  ): Promise<'rotated' | 'reused' | 'revoked' | null> {
    if (!isStorable(tokenHash)) return null;
    return this.#write(async (manager) => {
      const token = await manager.findOneBy(RefreshTokenEntity, { tokenHash });
      const row = token && (await locked(manager, token));
      if (!row) return null;
      if (row.revokedAt !== null) return 'revoked';
      const usedBefore = await firstUse(manager, tokenHash, now);
      const usedAt = usedBefore ?? now;
      // The clock of another instance may be ahead of this one: no time is less than none.
      const isOver = Math.max(0, now - usedAt) >= overlap;
      if (usedBefore !== null && (isOver || (await wentOn(manager, token, usedAt)))) {
        await revoked(manager, row, now);
        return 'reused';
      }
      const createdAt = Math.max(successor.createdAt, usedAt);
      await manager.insert(RefreshTokenEntity, { ...successor, createdAt });
      return 'rotated';
    });
  }

  async revoke(authorizationId: string, at: number): Promise<boolean> {
    if (!isUuid(authorizationId)) return false;
    const inForce = { authorizationId, revokedAt: IsNull() };
    const { affected } = await this.#write((manager) =>
      manager.update(AuthorizationEntity, inForce, { revokedAt: at }),
    );
    return affected === 1;
  }

  async revokeAll(filter: AuthorizationFilter, at: number): Promise<readonly string[]> {
    const where = conditionsOf(filter);
    if (where === null) return [];
    return this.#write(async (manager) => {
      const rows = await manager.find(AuthorizationEntity, {
        ...inLockOrder,
        select: { authorizationId: true, expiresAt: true },
        where: { ...where, revokedAt: IsNull() },
        lock: { mode: 'for_no_key_update' },
      });
      const ids = idsOf(rows);
      if (ids.length > 0)
        await manager.update(AuthorizationEntity, { authorizationId: Any(ids) }, { revokedAt: at });
      return ids;
    });
  }

  async list(accountId: string, limit: number): Promise<readonly Authorization[]> {
    if (!isAccountId(accountId)) return [];
    const rows = await this.dataSource.manager.find(AuthorizationEntity, {
      where: { accountId, revokedAt: IsNull() },
      order: { createdAt: 'DESC', authorizationId: 'ASC' },
      take: limit,
    });
    return rows.map(toAuthorization);
  }

  async clientsOf(accountId: string): Promise<readonly AuthorizedClient[]> {
    if (!isAccountId(accountId)) return [];
    const rows = await this.dataSource.manager.query<
      { clientId: string; scope: string[]; createdAt: string }[]
    >(
      `select client_id as "clientId", max(created_at) as "createdAt",
          coalesce(array_agg(distinct value collate "C" order by value collate "C")
            filter (where value is not null), '{}') as scope
        from nte_authorization left join unnest(scope) as value on true
        where account_id = $1 and revoked_at is null
        group by client_id order by client_id`,
      [accountId],
    );
    return rows.map((row) => ({ ...row, createdAt: Number(row.createdAt) }));
  }

  async removeExpired(before: number, limit: number): Promise<number> {
    return this.#write(async (manager) => {
      const rows = await manager.find(AuthorizationEntity, {
        ...inLockOrder,
        select: { authorizationId: true, expiresAt: true },
        where: [{ expiresAt: LessThan(before) }, { revokedAt: LessThan(before) }],
        take: limit,
        lock: { mode: 'pessimistic_write' },
      });
      if (rows.length > 0)
        await manager.delete(AuthorizationEntity, { authorizationId: Any(idsOf(rows)) });
      return rows.length;
    });
  }

  #write<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return inDurableTransaction(this.dataSource, work);
  }
}

/** By what never changes, and by what an index has in this order. */
const inLockOrder = {
  order: { expiresAt: 'ASC', authorizationId: 'ASC' },
} as const satisfies FindManyOptions<AuthorizationEntity>;

/** The authorization, which nobody else changes until the transaction ends. */
function locked(
  manager: EntityManager,
  { authorizationId }: Pick<Authorization, 'authorizationId'>,
): Promise<AuthorizationEntity | null> {
  return manager.findOne(AuthorizationEntity, {
    where: { authorizationId },
    lock: { mode: 'for_no_key_update' },
  });
}

/** Revokes a locked authorization now, unless it was before. @returns when it was revoked */
async function revoked(
  manager: EntityManager,
  { authorizationId, revokedAt }: AuthorizationEntity,
  now: number,
): Promise<number> {
  if (revokedAt !== null) return revokedAt;
  await manager.update(AuthorizationEntity, { authorizationId }, { revokedAt: now });
  return now;
}

/** Notes the first use of a token. @returns when it was used before; null when this use is the first */
async function firstUse(
  manager: EntityManager,
  tokenHash: string,
  now: number,
): Promise<number | null> {
  const unused = { tokenHash, usedAt: IsNull() };
  const { affected } = await manager.update(RefreshTokenEntity, unused, { usedAt: now });
  if (affected === 1) return null;
  return (await manager.findOneByOrFail(RefreshTokenEntity, { tokenHash })).usedAt;
}

/** Whether a token of the same authorization was used that was created at this time or later. */
function wentOn(
  manager: EntityManager,
  { tokenHash, authorizationId }: RefreshTokenEntity,
  since: number,
): Promise<boolean> {
  return manager.existsBy(RefreshTokenEntity, {
    authorizationId,
    tokenHash: Not(tokenHash),
    createdAt: MoreThanOrEqual(since),
    usedAt: Not(IsNull()),
  });
}

/**
 * What an authorization must match; null when nothing can.
 * @throws RangeError when the filter is empty: everything is too much for a slip
 */
function conditionsOf({
  accountId,
  clientId,
  sids,
  sparedSid,
  onlyOnline = false,
}: AuthorizationFilter): FindOptionsWhere<AuthorizationEntity> | null {
  if (accountId === undefined && clientId === undefined && sids === undefined && !onlyOnline)
    throw new RangeError('A filter of authorizations names at least one thing');
  if (accountId !== undefined && !isAccountId(accountId)) return null;
  if (clientId !== undefined && !isStorable(clientId)) return null;
  const storableSids = sids?.filter(isStorable);
  if (storableSids?.length === 0) return null;
  const ofSessions = [
    ...(storableSids === undefined ? [] : [Any(storableSids)]),
    // What cannot be stored is the name of none.
    ...(sparedSid === undefined || !isStorable(sparedSid) ? [] : [Not(sparedSid)]),
  ];
  return {
    ...(accountId === undefined ? {} : { accountId }),
    ...(clientId === undefined ? {} : { clientId }),
    ...(ofSessions.length === 0 ? {} : { sid: And(...ofSessions) }),
    ...(onlyOnline ? { isOffline: false } : {}),
  };
}

function idsOf(rows: readonly AuthorizationEntity[]): string[] {
  return rows.map(({ authorizationId }) => authorizationId);
}

/** Plain, without the entity's class. */
function toAuthorization({ claims, ...row }: AuthorizationEntity): Authorization {
  return { ...row, claims: claims as ClaimsRequest };
}

/** Plain, without the use of it. */
function toCode({ usedAt: _usedAt, ...code }: AuthorizationCodeEntity): AuthorizationCode {
  return code;
}

function rowOf(authorization: Authorization): AuthorizationEntity {
  return {
    ...authorization,
    scope: [...authorization.scope],
    targets: [...authorization.targets],
    amr: [...authorization.amr],
  };
}
