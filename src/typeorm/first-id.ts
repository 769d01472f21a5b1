/** Milliseconds since the epoch that a UUIDv7 can hold. */
const LATEST_OF_ID = 2 ** 48 - 1;

/** The smallest id that a record of this time can have: ids begin with the time (RFC 9562 section 5.7). */
export function firstIdOf(time: number): string {
  const hex = Math.min(Math.max(time, 0), LATEST_OF_ID).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}
