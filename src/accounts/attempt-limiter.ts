import { createHash } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import { Clock } from '../oauth/clock.js';
import { usernameKey } from './account.js';
import { networkPlace } from './network-place.js';

/** How attempts that failed slow down the next one. Milliseconds. */
interface Slope {
  /** How many may fail before there is a delay. */
  readonly free: number;
  /** The longest delay; the first is one second, and each is twice the one before. */
  readonly longest: number;
  /** How long after the last attempt it is forgotten. */
  readonly memory: number;
}

const MINUTE = 60_000;
/** One username from one place: the usual case of guessing, and of forgetting. */
const HERE: Slope = { free: 5, longest: 15 * MINUTE, memory: 60 * MINUTE };
/** All usernames from one place, which may be a company's only address. */
const PLACE: Slope = { free: 100, longest: MINUTE, memory: 15 * MINUTE };
/** One username from everywhere: many machines at once. Short, so that they lock nobody out for long. */
const EVERYWHERE: Slope = { free: 50, longest: MINUTE / 2, memory: 24 * 60 * MINUTE };
/** How many of each are remembered; what was tried longest ago is forgotten first. */
const SIZE = 50_000;
/** How long a place from which somebody signed in is known as theirs. */
const TRUST = 30 * 24 * 60 * MINUTE;

/** An attempt that may go on. It counts as failed until it is said to be otherwise. */
export interface Admission {
  /** The password was right. */
  succeeded(): void;
  /** Nobody knows whether it was right: it does not count. */
  abandoned(): void;
}

/**
 * Slows down guessing of passwords. It knows what was typed and never whether there is such an
 * account, so that it tells nobody. An attempt is counted before it is checked, so that many at the
 * same moment are many. A right password clears what was counted against its username; where it was
 * given before, attempts from elsewhere cannot delay it. In the memory of one instance.
 */
@Injectable()
export class AttemptLimiter {
  readonly #here = new Failures(HERE);
  readonly #place = new Failures(PLACE);
  readonly #everywhere = new Failures(EVERYWHERE);
  readonly #trusted = new Map<string, number>();

  constructor(private readonly clock: Clock) {}

  /**
   * Lets an attempt go on.
   * @returns the admission, or the milliseconds to wait
   */
  admit(username: string, address: string | undefined): Admission | number {
    const now = this.clock.now();
    const place = networkPlace(address);
    const name = nameOf(username);
    const here = `${name} ${place}`;
    const isTrusted = now - (this.#trusted.get(here) ?? -Infinity) < TRUST;
    const counted: [Failures, string][] = [
      [this.#here, here],
      [this.#place, place],
      ...(isTrusted ? [] : [[this.#everywhere, name] satisfies [Failures, string]]),
    ];
    const wait = Math.max(...counted.map(([failures, key]) => failures.wait(key, now)));
    if (wait > 0) return wait;
    for (const [failures, key] of counted) failures.count(key, now);
    return {
      succeeded: () => {
        this.#here.forget(here);
        this.#everywhere.forget(name);
        this.#place.takeBack(place);
        remember(this.#trusted, here, this.clock.now());
      },
      abandoned: () => {
        for (const [failures, key] of counted) failures.takeBack(key);
      },
    };
  }
}

interface Counted {
  readonly count: number;
  readonly last: number;
}

class Failures {
  readonly #counted = new Map<string, Counted>();

  constructor(private readonly slope: Slope) {}

  /** Milliseconds until the next attempt may go on; 0 when it may now. */
  wait(key: string, now: number): number {
    const known = this.#known(key, now);
    const above = (known?.count ?? 0) - this.slope.free;
    if (known === undefined || above < 0) return 0;
    return Math.max(0, known.last + Math.min(this.slope.longest, 1000 * 2 ** above) - now);
  }

  count(key: string, now: number): void {
    remember(this.#counted, key, { count: (this.#known(key, now)?.count ?? 0) + 1, last: now });
  }

  takeBack(key: string): void {
    const known = this.#counted.get(key);
    if (known === undefined) return;
    if (known.count > 1) this.#counted.set(key, { ...known, count: known.count - 1 });
    else this.#counted.delete(key);
  }

  forget(key: string): void {
    this.#counted.delete(key);
  }

  #known(key: string, now: number): Counted | undefined {
    const known = this.#counted.get(key);
    return known && now - known.last < this.slope.memory ? known : undefined;
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.size > SIZE ? map.keys().next() : undefined;
  if (oldest?.done === false) map.delete(oldest.value);
}

/** Of one length, however long the text is that somebody sent. */
function nameOf(username: string): string {
  return createHash('sha256')
    .update(usernameKey(username.slice(0, 512)))
    .digest('base64url');
}
