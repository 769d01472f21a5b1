import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';

import { SessionStore } from '../accounts/session-store.js';
import { AuthorizationStore } from '../authorization/authorization-store.js';
import { PushedRequestStore } from '../authorization/pushed-request-store.js';
import { StatusListStore } from '../tokens/status-list-store.js';
import { PolicyUseStore } from '../delegation/policy-use-store.js';
import { Clock } from '../oauth/clock.js';
import { RevocationStore } from '../tokens/revocation-store.js';

/** Milliseconds between two rounds. */
const INTERVAL = 5 * 60_000;
/** How many are removed at a time, so that nothing is locked for long. */
const BATCH = 500;
/** Milliseconds that what was revoked is kept, so that a replay is known for what it is. */
const REMEMBERED = 7 * 24 * 60 * 60_000;

/** Milliseconds that a revocation is kept beyond its end, whatever the clocks of the instances say. */
const FORGOTTEN = 60_000;

/**
 * Removes what is over: sessions, authorizations, pushed requests, counted uses of tokens, revocations and
 * places in status lists. Several instances may do it at once.
 */
@Injectable()
export class ExpiredRemoval implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #logger = new Logger(ExpiredRemoval.name);
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #isLeaving = false;

  constructor(
    private readonly sessions: SessionStore,
    private readonly authorizations: AuthorizationStore,
    private readonly pushed: PushedRequestStore,
    private readonly statusLists: StatusListStore,
    private readonly uses: PolicyUseStore,
    private readonly revocations: RevocationStore,
    private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => {
      this.#round = this.run().catch((error: unknown) =>
        this.#logger.warn({ event: 'expired_removal_failed', cause: String(error) }),
      );
    }, INTERVAL);
    this.#timer.unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#isLeaving = true;
    clearInterval(this.#timer);
    await this.#round;
  }

  /** One round. Rejects when a store fails. */
  async run(): Promise<void> {
    const now = this.clock.now();
    await this.#all(() => this.sessions.removeExpired(now, BATCH));
    await this.#all(() => this.statusLists.removeExpired(now, BATCH));
    await this.#all(() => this.pushed.removeExpired(now, BATCH));
    await this.#all(() => this.uses.removeExpired(now, BATCH));
    await this.#all(() => this.revocations.removeExpired(now - FORGOTTEN, BATCH));
    await this.#all(() => this.authorizations.removeExpired(now - REMEMBERED, BATCH));
  }

  async #all(removeSome: () => Promise<number>): Promise<void> {
    while (!this.#isLeaving && (await removeSome()) === BATCH);
  }
}
