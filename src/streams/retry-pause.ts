/** Milliseconds before the second try, and between two tries at most. */
const FIRST = 1_000;
const LONGEST = 3_600_000;

/**
 * Milliseconds until the next try: twice as long after each failure, half of it by chance, so that
 * receivers are not asked by all at once; not before the receiver wants to be asked.
 * @param chance from 0 to 1
 */
export function pauseAfter(failures: number, retryAfter = 0, chance = Math.random()): number {
  const pause = Math.min(FIRST * 2 ** (failures - 1), LONGEST);
  return Math.max(Math.round(pause * (0.5 + chance / 2)), retryAfter);
}
