import type { DeadLetter, Sink, SinkProgress, SinkSettings } from './sink.js';

/** Who delivers to a sink, and until when nobody else does. Times in milliseconds since the epoch. */
export interface SinkClaim {
  /** Which worker: a UUID. */
  readonly owner: string;
  readonly now: number;
  readonly until: number;
  /** How many leaves the log has that may be delivered. */
  readonly size: number;
}

/** What came of a try. */
export interface SinkOutcome extends Omit<SinkProgress, 'deliveredAt'> {
  /** When it was delivered; absent when it was not. */
  readonly deliveredAt?: number | undefined;
  /** Until when the worker keeps the sink; null to let others have it. */
  readonly until: number | null;
  readonly deadLetter?: DeadLetter | undefined;
}

/**
 * Keeps sinks, how far each has come, and what could not be delivered. Promises: an acknowledged write is
 * durable and seen by every later read through any instance; a rejected call changed nothing; a sink is
 * claimed by one worker at a time. Fails by rejecting.
 */
export abstract class SinkStore {
  abstract find(id: string): Promise<Sink | null>;

  /** In ascending order of the id. */
  abstract list(page: {
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<readonly Sink[]>;

  /** @throws SinkConflictError when the id is taken */
  abstract create(sink: Sink): Promise<void>;

  /**
   * Writes changed settings, whose `version` is one above the stored one; how far the sink has come stays.
   * @throws SinkConflictError when the stored version is another
   */
  abstract update(settings: SinkSettings): Promise<void>;

  /** Deletes a sink with its dead letters. @returns whether there was one */
  abstract delete(id: string): Promise<boolean>;

  /**
   * Moves a sink to another state or place, with its failures forgotten; whoever delivers to it at the
   * moment may not settle any more when the place is another.
   * @returns the sink as it is then, or null when there is none
   */
  abstract move(
    id: string,
    to: Partial<Pick<SinkProgress, 'state' | 'cursor'>>,
  ): Promise<Sink | null>;

  /** Takes an active sink that is due, that has something to get and that nobody holds; null when there is none. */
  abstract claim(claim: SinkClaim): Promise<Sink | null>;

  /**
   * Writes what came of a try, if the worker still holds the sink and it is where it was. A state that
   * was changed meanwhile stays.
   * @returns whether it was written
   */
  abstract settle(
    held: { readonly id: string; readonly owner: string; readonly cursor: number },
    outcome: SinkOutcome,
  ): Promise<boolean>;

  /** Dead letters of a sink, the newest first. */
  abstract deadLetters(
    sinkId: string,
    page: { readonly before?: string | undefined; readonly limit: number },
  ): Promise<readonly DeadLetter[]>;

  abstract findDeadLetter(sinkId: string, id: string): Promise<DeadLetter | null>;

  /** @returns whether there was one */
  abstract deleteDeadLetter(sinkId: string, id: string): Promise<boolean>;
}

/** A write that would collide with what is stored. */
export class SinkConflictError extends Error {
  override readonly name = 'SinkConflictError';

  constructor(readonly conflict: 'id' | 'version') {
    super(`The sink's ${conflict} is in conflict with what is stored`);
  }
}
