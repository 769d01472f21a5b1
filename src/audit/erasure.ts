import type { RecordedParty } from './audit-record.js';

/** A person of whom records tell: whoever named them, and the name. */
export type RecordedPerson = Pick<RecordedParty, 'iss' | 'sub'>;

/** How much the records say of a person. */
export interface PersonalExtent {
  /** The id of the key that opens what they say: it is all that is left of the person without it. */
  readonly keyId: string | null;
  /** Records that name the person, sealed. */
  readonly records: number;
  /** Records of before the ledger that name the person in clear, which nobody can erase. */
  readonly unsealed: number;
  /** Whether every record was looked at; otherwise there was no time for the oldest. */
  readonly isComplete: boolean;
}

/**
 * Makes a person unreadable in the records behind an `AuditLog`. Promises: when `erase` resolves, no
 * instance can read any more what the records kept so far say of the person, no search finds it, and no
 * record was changed. Whoever acts again after it is recorded as somebody new. Fails by rejecting.
 */
export abstract class RecordErasure {
  /** What would be erased. Changes nothing. */
  abstract extentOf(person: RecordedPerson): Promise<PersonalExtent>;

  /** The id of the person's key; null when no record names them. */
  abstract keyOf(person: RecordedPerson): Promise<string | null>;

  /** @returns the id of the key that was destroyed; null when there was none */
  abstract erase(person: RecordedPerson): Promise<string | null>;
}
