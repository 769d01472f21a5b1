import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';

import { RecordRetention } from '../audit/retention.js';
import { Clock } from '../oauth/clock.js';

/** Milliseconds between two rounds. */
const INTERVAL = 60 * 60_000;

/** How long records are kept. */
export class RetentionSettings {
  /** @param age milliseconds; undefined to keep them for ever */
  constructor(readonly age: number | undefined) {}
}

/** Lets records go that are older than they are to be kept. Several instances may do it at once. */
@Injectable()
export class RecordRetirement implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #logger = new Logger(RecordRetirement.name);
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();

  constructor(
    private readonly records: RecordRetention,
    private readonly clock: Clock,
    private readonly settings: RetentionSettings,
  ) {}

  onApplicationBootstrap(): void {
    if (this.settings.age === undefined) return;
    this.#timer = setInterval(() => {
      this.#round = this.run().catch((error: unknown) =>
        this.#logger.warn({ event: 'retirement_failed', cause: String(error) }),
      );
    }, INTERVAL);
    this.#timer.unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
  }

  /** One round. Rejects when the records cannot be retired. */
  async run(): Promise<void> {
    const age = this.settings.age;
    if (age === undefined) return;
    const gone = await this.records.retire(this.clock.now() - age);
    if (gone) this.#logger.log({ event: 'records_retired', ...gone });
  }
}
