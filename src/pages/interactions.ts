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

/** An authorization request that waits for a person, and how far they have come. */
export interface Interaction {
  readonly parameters: RequestParameters;
  readonly isPushed: boolean;
  readonly progress: Progress;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/**
 * Carries waiting requests from page to page, sealed in the URL: nothing is kept for whoever never
 * comes back. A request is bound to the browser that brought it.
 */
@Injectable()
export class Interactions {
  constructor(
    private readonly values: SealedValues,
    private readonly clock: Clock,
  ) {}

  /** A request that has just come. */
  begin(parameters: RequestParameters, isPushed: boolean): Interaction {
    return { parameters, isPushed, progress: {}, until: this.clock.now() + LIFETIME };
  }

  seal({ parameters, isPushed, progress, until }: Interaction, { browserHash }: Visitor): string {
    const entries = parameters.entries().map(([name, value]): Json => [name, value]);
    return this.values.seal(PURPOSE, {
      entries,
      pushed: isPushed,
      proven: progress.provenSid ?? '',
      chosen: progress.chosenSid ?? '',
      browser: browserHash,
      until,
    });
  }

  /** Undefined when it is not ours, of another browser, or too old. */
  open(sealed: string | undefined, { browserHash }: Visitor): Interaction | undefined {
    const value = sealed === undefined ? undefined : this.values.open(PURPOSE, sealed);
    if (!isJsonObject(value) || value['browser'] !== browserHash) return undefined;
    const { entries, pushed, proven, chosen, until } = value;
    if (!Array.isArray(entries) || typeof until !== 'number' || until <= this.clock.now())
      return undefined;
    return {
      parameters: RequestParameters.of(entries as unknown as [string, string][]),
      isPushed: pushed === true,
      progress: { provenSid: textOf(proven), chosenSid: textOf(chosen) },
      until,
    };
  }
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
