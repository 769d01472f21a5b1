import { randomUUID } from 'node:crypto';

/**
 * A UUIDv7 (RFC 9562 section 5.7): the milliseconds in front, then random bits. Node.js keeps a store
 * of them for `randomUUID`, so that an id does not cost a call into the random number generator.
 */
export function uuidv7(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

/** When a UUIDv7 was made, in milliseconds since the epoch; undefined for a UUID of another version. */
export function timeOfUuidv7(uuid: string): number | undefined {
  const time = Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16);
  return uuid[14] === '7' && Number.isSafeInteger(time) ? time : undefined;
}
