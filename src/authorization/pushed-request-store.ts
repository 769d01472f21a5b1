/** An authorization request that a client sent ahead (RFC 9126). */
export interface PushedRequest {
  /** SHA-256 of the secret part of its `request_uri`, base64url. */
  readonly requestHash: string;
  readonly clientId: string;
  /** Name and value, in their order; `resource` may repeat. It holds no secret. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * Keeps pushed requests until they are used. Promises: each call is atomic; an acknowledged write is
 * durable and seen by every later call through any instance. Fails by rejecting.
 */
export abstract class PushedRequestStore {
  /** Rejects when its hash is taken. */
  abstract add(request: PushedRequest): Promise<void>;

  /**
   * Gives a request and forgets it: of several calls one gets it (RFC 9126 section 7.3).
   * @returns null when there is none, or it was taken, or it is of another client, which leaves it
   */
  abstract take(requestHash: string, clientId: string): Promise<PushedRequest | null>;

  /**
   * Removes requests that have expired at this time, some at a time.
   * @returns how many; fewer than `limit` when none is left
   */
  abstract removeExpired(now: number, limit: number): Promise<number>;
}
