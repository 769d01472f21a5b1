import { randomUUID } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import type { Progress } from '../authorization/authorization-flow.js';
import { SealedValues } from '../keys/sealed-values.js';
import { isJsonObject, type Json } from '../oauth/claims.js';
import { Clock } from '../oauth/clock.js';
import { RequestParameters } from '../oauth/request-parameters.js';
import type { Visitor } from './visitors.js';

const PURPOSE = 'interaction';
/** Milliseconds from an authorization request to its answer. */
const LIFETIME = 60 * 60_000;
/** Milliseconds after an answer in which the same form answers again: somebody clicked twice. */
const GRACE = 5_000;
/** Answered requests that are remembered; with more than that the oldest are forgotten. */
const MOST = 50_000;

/** An authorization request that waits for a person, and how far they have come. */
export interface Interaction {
  /** Undefined before it was carried anywhere. */
  readonly id?: string | undefined;
  readonly parameters: RequestParameters;
  readonly isPushed: boolean;
  readonly progress: Progress;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/**
 * Carries waiting requests from page to page, sealed in the URL: nothing is kept for whoever never
 * comes back. A request is bound to the browser that brought it. One that was answered is over; each
 * instance knows that of those that it answered itself, for as long as they could wait.
 */
@Injectable()
export class Interactions {
  /** When they were answered, and until when they could have waited; oldest answer first. */
  readonly #answered = new Map<string, { readonly at: number; readonly until: number }>();

  constructor(
    private readonly values: SealedValues,
    private readonly clock: Clock,
  ) {}

  /** A request that has just come. */
  begin(parameters: RequestParameters, isPushed: boolean): Interaction {
    return { parameters, isPushed, progress: {}, until: this.clock.now() + LIFETIME };
  }

  seal(
    { id, parameters, isPushed, progress, until }: Interaction,
    { browserHash }: Visitor,
  ): string {
    const entries = parameters.entries().map(([name, value]): Json => [name, value]);
    return this.values.seal(PURPOSE, {
      id: id ?? randomUUID(),
      entries,
      pushed: isPushed,
      proven: progress.provenSid ?? '',
      chosen: progress.chosenSid ?? '',
      browser: browserHash,
      until,
    });
  }

  /** Undefined when it is not ours, of another browser, too old, or answered. */
  open(sealed: string | undefined, { browserHash }: Visitor): Interaction | undefined {
    const value = sealed === undefined ? undefined : this.values.open(PURPOSE, sealed);
    if (!isJsonObject(value) || value['browser'] !== browserHash) return undefined;
    const { id, entries, pushed, proven, chosen, until } = value;
    if (!Array.isArray(entries) || typeof until !== 'number' || until <= this.clock.now())
      return undefined;
    if (typeof id !== 'string' || this.#isOver(id)) return undefined;
    return {
      id,
      parameters: RequestParameters.of(entries as unknown as [string, string][]),
      isPushed: pushed === true,
      progress: { provenSid: textOf(proven), chosenSid: textOf(chosen) },
      until,
    };
  }

  /** It is over: in a moment what was carried of it opens no more. */
  close({ id, until }: Interaction): void {
    if (id === undefined || this.#answered.has(id)) return;
    const now = this.clock.now();
    this.#answered.set(id, { at: now, until });
    for (const [each, { until: end }] of this.#answered) {
      if (end > now && this.#answered.size <= MOST) break;
      this.#answered.delete(each);
    }
  }

  #isOver(id: string): boolean {
    const answered = this.#answered.get(id);
    return answered !== undefined && this.clock.now() - answered.at >= GRACE;
  }
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
