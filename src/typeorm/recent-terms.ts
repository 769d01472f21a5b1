import { Injectable } from '@nestjs/common';

import { fact, termOf, type FactKind, type FactSink } from '../audit/questions/facts.js';

/** Facts of a kind of which terms are remembered, and records: a few blocks of the index. */
const FACTS = 5_000;
const RECORDS = 4_096;
/** Kinds of which many records say the same. */
const COMMON = [
  'subject_issuer',
  'actor',
  'client',
  'audience',
  'scope',
  'event',
  'outcome',
  'reason',
  'grant_type',
  'policy',
  'policy_version',
] as const satisfies FactKind[];

/** What the index keeps of a record. */
export interface RecordTerms {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly terms: readonly number[];
}

/** The same with the place of the record in the log. */
export interface PlacedTerms extends RecordTerms {
  readonly sequence: number;
}

/**
 * The terms of the records that this process wrote last, so that whoever indexes them need not read
 * them back. It only saves time: a record that is not here is in the log.
 */
@Injectable()
export class RecentTerms {
  readonly #common = new Map<FactKind, Map<string, number>>(
    COMMON.map((kind) => [kind, new Map()]),
  );
  readonly #slots: (PlacedTerms | undefined)[] = [];
  /** The place behind the last record. */
  #end = 0;

  /** The terms of the facts that `tell` tells; those of common ones are remembered. */
  terms(tell: (take: FactSink) => void): readonly number[] {
    const terms: number[] = [];
    tell((kind, value) => terms.push(this.#termOf(kind, value)));
    return terms;
  }

  /**
   * Takes note of records that were written.
   * @param first the place of the first of them in the log
   */
  keep(first: number, records: readonly RecordTerms[]): void {
    // Only a database that was put back begins again before its end.
    if (first < this.#end) this.#slots.length = 0;
    records.forEach(({ time, terms }, at) => {
      const sequence = first + at;
      this.#slots[sequence % RECORDS] = { sequence, time, terms };
    });
    this.#end = first + records.length;
  }

  /** What is known of the record at a place of the log. */
  at(sequence: number): PlacedTerms | undefined {
    const found = this.#slots[sequence % RECORDS];
    return found?.sequence === sequence ? found : undefined;
  }

  #termOf(kind: FactKind, value: string): number {
    const common = this.#common.get(kind);
    const known = common?.get(value);
    if (known !== undefined) return known;
    const term = termOf(fact(kind, value));
    if (common === undefined) return term;
    if (common.size >= FACTS) common.clear();
    common.set(value, term);
    return term;
  }
}
