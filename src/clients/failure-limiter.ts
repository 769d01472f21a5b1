import { Injectable } from '@nestjs/common';

import { Clock } from '../oauth/clock.js';
import { TooManyRequestsError } from '../oauth/oauth-error.js';

/** Milliseconds. */
const WINDOW = 60_000;
const FAILURES = 10;
const PLACES = 10_000;

/**
 * Slows down guessing: after ten failures within a minute for the same client from the same place,
 * further failures are answered with 429. The right secret is never locked out, so that nobody can
 * lock out a client behind the same proxy. Bounded memory: the places that failed longest ago are
 * forgotten first.
 */
@Injectable()
export class FailureLimiter {
  readonly #failures = new Map<string, { count: number; since: number }>();

  constructor(private readonly clock: Clock) {}

  /**
   * Counts a failure.
   * @throws TooManyRequestsError when there were too many already
   */
  failed(place: string): void {
    const now = this.clock.now();
    const known = this.#failures.get(place);
    const counted = known && now - known.since < WINDOW ? known : { count: 0, since: now };
    counted.count += 1;
    this.#failures.delete(place);
    this.#failures.set(place, counted);
    this.#forgetOldest();
    if (counted.count > FAILURES) {
      throw new TooManyRequestsError(Math.max(1, Math.ceil((counted.since + WINDOW - now) / 1000)));
    }
  }

  #forgetOldest(): void {
    if (this.#failures.size <= PLACES) return;
    const oldest = this.#failures.keys().next();
    if (!oldest.done) this.#failures.delete(oldest.value);
  }
}
