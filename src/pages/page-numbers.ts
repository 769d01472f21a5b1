/** Dates, times and durations as one language writes them. */
export class PageNumbers {
  readonly #numbers: Intl.NumberFormat;
  readonly #times: Intl.DateTimeFormat;

  constructor(private readonly language: string) {
    this.#numbers = new Intl.NumberFormat(language);
    this.#times = new Intl.DateTimeFormat(language, {
      year: 'numeric',
      month: 'short',
      day: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
      timeZone: 'UTC',
      timeZoneName: 'short',
    });
  }

  number(value: number): string {
    return this.#numbers.format(value);
  }

  /** In UTC, and says so: a page knows nothing of where its reader is. */
  time(milliseconds: number): string {
    return this.#times.format(milliseconds);
  }

  /** Rounded up, in the unit that reads best. */
  duration(seconds: number): string {
    if (seconds < 90) return this.#units(seconds, 'second');
    if (seconds < 90 * 60) return this.#units(seconds / 60, 'minute');
    return this.#units(seconds / 3600, 'hour');
  }

  #units(value: number, unit: 'second' | 'minute' | 'hour'): string {
    return new Intl.NumberFormat(this.language, {
      style: 'unit',
      unit,
      unitDisplay: 'long',
    }).format(Math.max(1, Math.ceil(value)));
  }
}
