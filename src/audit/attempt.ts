import type { AuditEvent, AuditRecord } from './audit-record.js';
import { uuidv7 } from '../oauth/uuid.js';

/** Where an attempt came from. */
export interface AttemptOrigin {
  readonly requestId: string;
  readonly traceId?: string | undefined;
  readonly address?: string | undefined;
}

/** What may be learned of an attempt on its way. */
export type AttemptFacts = Omit<
  AuditRecord,
  | 'id'
  | 'schema'
  | 'time'
  | 'event'
  | 'outcome'
  | 'reason'
  | 'error'
  | 'requestId'
  | 'traceId'
  | 'address'
>;

/** One attempt, while it is under way: everybody who learns a fact notes it here. */
export class Attempt {
  /** UUIDv7: the id of the record that it will leave, and of the token that it may give. */
  readonly id: string;
  #facts: AttemptFacts = {};

  /** @param time milliseconds since the epoch */
  constructor(
    readonly event: AuditEvent,
    readonly origin: AttemptOrigin,
    readonly time: number,
  ) {
    this.id = uuidv7(time);
  }

  /** Adds facts; a later one of the same name replaces the earlier. */
  note(facts: AttemptFacts): void {
    Object.assign(this.#facts, facts);
  }

  get facts(): AttemptFacts {
    return this.#facts;
  }
}
