/** The time, as a port, so that a test or a replay can set it. */
export abstract class Clock {
  /** Milliseconds since the epoch. */
  abstract now(): number;
}

/** The machine's own clock. */
export class SystemClock extends Clock {
  now(): number {
    return Date.now();
  }
}

/** Whole seconds since the epoch: the NumericDate of tokens (RFC 7519 section 2). */
export function epochSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
