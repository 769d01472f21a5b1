import { availableParallelism } from 'node:os';

/** How the audit log writes. Times in milliseconds. */
export class TypeormAuditSettings {
  /** How long one write may take before it is given up, and how long a record may wait for its turn. */
  readonly timeout: number;
  /** How many records may wait; more are refused. */
  readonly queue: number;
  /** How many records one statement writes at most. */
  readonly batch: number;
  /** How many characters of records one statement writes at most, unless a single one is longer. */
  readonly batchCharacters: number;
  /**
   * Whether a thread of its own writes and indexes the records; by default where there is more than one
   * processor, as the operating system tells: it does not know the limits of a container. A data source
   * with functions or living objects in its options cannot be told there; parsers of types and listeners
   * of its pool do not count there.
   */
  readonly thread: boolean;

  constructor(
    settings: {
      readonly [Name in keyof TypeormAuditSettings]?: TypeormAuditSettings[Name] | undefined;
    } = {},
  ) {
    this.timeout = settings.timeout ?? 5_000;
    this.queue = settings.queue ?? 10_000;
    this.batch = settings.batch ?? 500;
    this.batchCharacters = settings.batchCharacters ?? 1_000_000;
    this.thread = settings.thread ?? availableParallelism() > 1;
  }
}
