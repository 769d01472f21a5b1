import { randomUUID } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import { Clock } from '../oauth/clock.js';
import { hashOpaqueSecret, isOpaqueSecret, makeOpaqueSecret } from '../oauth/opaque-secret.js';
import { AccountDirectory } from './account-directory.js';
import { AccountStore } from './account-store.js';
import type { Account } from './account.js';
import { SessionStore } from './session-store.js';
import {
  isLive,
  keptUserAgent,
  SessionSettings,
  type Authentication,
  type Session,
} from './session.js';
import { SignInRefusedError } from './sign-in-refused-error.js';

/** Milliseconds between two notes that a session was seen. */
const TOUCH = 60_000;

/** Where a person is. */
export interface Whereabouts {
  readonly address: string | undefined;
  readonly userAgent: string | undefined;
}

/** Starts, recognises and ends the sign-in sessions of people. */
@Injectable()
export class Sessions {
  constructor(
    private readonly store: SessionStore,
    private readonly accounts: AccountStore,
    private readonly directory: AccountDirectory,
    private readonly settings: SessionSettings,
    private readonly clock: Clock,
  ) {}

  /**
   * A new session for who has just signed in, with the secret for the cookie. Never takes over a
   * secret that the browser brought: somebody else may have put it there.
   * @param account as it was when the person proved who they are
   * @throws SignInRefusedError when it was disabled, deleted or given another password meanwhile
   */
  async start(
    account: Account,
    { acr, amr }: Pick<Authentication, 'acr' | 'amr'>,
    { address, userAgent }: Whereabouts,
  ): Promise<{ readonly session: Session; readonly secret: string }> {
    const { secret, hash } = makeOpaqueSecret();
    const now = this.clock.now();
    const session: Session = {
      sid: randomUUID(),
      secretHash: hash,
      accountId: account.accountId,
      authTime: now,
      acr,
      amr,
      createdAt: now,
      lastSeenAt: now,
      expiresAt: now + this.settings.lifetime,
      idleLimit: this.settings.idleLimit,
      address: address ?? null,
      userAgent: keptUserAgent(userAgent),
      clients: [],
    };
    await this.store.create(session);
    // Whoever changes an account writes it and then ends its sessions: that write is seen here, or
    // this session is seen there.
    const fresh = await this.accounts.find(account.accountId);
    if (fresh === null || fresh.disabled || !isSamePassword(fresh, account)) {
      await this.store.end(session.sid);
      throw new SignInRefusedError('account_changed', account.accountId);
    }
    return { session, secret };
  }

  /**
   * Whose session a cookie is; null when it is over, or its account is disabled or gone.
   */
  async resume(
    secret: string,
    address: string | undefined,
  ): Promise<{ readonly session: Session; readonly account: Account } | null> {
    if (!isOpaqueSecret(secret)) return null;
    const session = await this.store.findBySecretHash(hashOpaqueSecret(secret));
    const now = this.clock.now();
    if (session === null || !isLive(session, now)) return null;
    const account = await this.directory.find(session.accountId);
    if (account === null || account.disabled) return null;
    await this.seen({ ...session, address: address ?? null });
    return { session, account };
  }

  /** The session with this name when it can be used, else null. That alone is no use of it: see `seen`. */
  async live(sid: string): Promise<Session | null> {
    const session = await this.store.find(sid);
    return session !== null && isLive(session, this.clock.now()) ? session : null;
  }

  /** Notes that a session was used, at its address, so that it is not idle. */
  async seen({ sid, lastSeenAt, address }: Session): Promise<void> {
    const now = this.clock.now();
    if (now - lastSeenAt >= TOUCH) await this.store.touch(sid, { at: now, address });
  }

  /**
   * The same session after its person proved themselves again, with another secret; null when the
   * old secret is not valid any more.
   */
  async renew(
    secret: string,
    { acr, amr }: Pick<Authentication, 'acr' | 'amr'>,
  ): Promise<{ readonly session: Session; readonly secret: string } | null> {
    const made = makeOpaqueSecret();
    const change = { from: hashOpaqueSecret(secret), to: made.hash };
    const session = await this.store.rotate(change, { authTime: this.clock.now(), acr, amr });
    return session && { session, secret: made.secret };
  }

  /** The sessions of an account that can be used, newest first. */
  async list(accountId: string, limit: number): Promise<readonly Session[]> {
    const now = this.clock.now();
    return (await this.store.list(accountId, limit)).filter((session) => isLive(session, now));
  }
}

function isSamePassword(one: Account, other: Account): boolean {
  return one.password?.changedAt === other.password?.changedAt;
}
