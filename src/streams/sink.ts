import type { AuditSearch } from '../audit/audit-log.js';

/** How records are delivered. */
export const SINK_KINDS = ['webhook', 'nats'] as const;
export type SinkKind = (typeof SINK_KINDS)[number];

/** The forms that a sink gets records in. */
export const SINK_FORMATS = ['cloudevents', 'ocsf', 'jsonl'] as const;
export type SinkFormat = (typeof SINK_FORMATS)[number];

/**
 * `active` is delivered to; `paused` by an administrator; `stopped` because a batch could not be
 * delivered; `gone` because the receiver said so (410).
 */
export const SINK_STATES = ['active', 'paused', 'stopped', 'gone'] as const;
export type SinkState = (typeof SINK_STATES)[number];

/** What becomes of a batch after its last try: passed over and kept as a dead letter, or waited for. */
export const EXHAUSTED = ['skip', 'stop'] as const;

/** What administrators say of a receiver of records. */
export interface SinkSettings {
  /** A UUID. */
  readonly id: string;
  readonly name: string;
  readonly kind: SinkKind;
  readonly url: string;
  /** Where in NATS; null for a webhook. */
  readonly subject: string | null;
  readonly format: SinkFormat;
  /** Which records it gets. */
  readonly filter: AuditSearch;
  /** Sealed, for this sink alone; null when it needs none. */
  readonly sealedSecret: string | null;
  /** How often a batch is tried at most. */
  readonly maxAttempts: number;
  readonly onExhausted: (typeof EXHAUSTED)[number];
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Counts the changes of the settings. */
  readonly version: number;
}

/** How far a sink has come. Times in milliseconds since the epoch. */
export interface SinkProgress {
  readonly state: SinkState;
  /** The place in the log that is delivered next: every record before it was, or passed over. */
  readonly cursor: number;
  /** Tries of the next batch that failed. */
  readonly failures: number;
  /** Before this time nothing is tried. */
  readonly nextAttempt: number;
  /** Why the last try failed, without anything of the answer; null after one that did not. */
  readonly lastError: string | null;
  readonly deliveredAt: number | null;
}

/** A receiver of records: its settings, and a place of its own in the log. */
export type Sink = SinkSettings & SinkProgress;

/** A piece of the log that could not be delivered. */
export interface DeadLetter {
  /** A UUIDv7. */
  readonly id: string;
  readonly sinkId: string;
  /** The sequence of the first record, and of the last. */
  readonly first: number;
  readonly last: number;
  readonly attempts: number;
  /** Why the last try failed. */
  readonly error: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
}
