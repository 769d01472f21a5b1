import { Clock } from '../../src/oauth/clock.js';

/** A clock that stands until it is moved. Milliseconds since the epoch. */
export class FakeClock extends Clock {
  constructor(public time = Date.UTC(2026, 10, 22, 12)) {
    super();
  }

  now(): number {
    return this.time;
  }

  advance(milliseconds: number): void {
    this.time += milliseconds;
  }
}
