import { randomUUID } from 'node:crypto';

/**
 * A UUIDv7 (RFC 9562 section 5.7): the milliseconds in front, then random bits. Node.js keeps a store
 * of them for `randomUUID`, so that an id does not cost a call into the random number generator.
 * @param time milliseconds since the epoch; now, by the machine's own clock, unless said otherwise
 */
export function uuidv7(time = Date.now()): string {
  const hex = time.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${randomUUID().slice(15)}`;
}

/** When a UUIDv7 was made, in milliseconds since the epoch; undefined for a UUID of another version. */
export function timeOfUuidv7(uuid: string): number | undefined {
  const time = Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16);
  return uuid[14] === '7' && Number.isSafeInteger(time) ? time : undefined;
}
