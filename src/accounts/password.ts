import { randomBytes } from 'node:crypto';

import { Injectable } from '@nestjs/common';
import { hash, parseOptions, verify } from '@node-rs/argon2';

import { TemporarilyUnavailableError } from '../oauth/oauth-error.js';
import { MAX_PASSWORD_BYTES, normalPassword } from './password-rules.js';

/** argon2id with 19 MiB, two passes and one lane: OWASP Password Storage Cheat Sheet. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 } as const;

/**
 * Half of libuv's four threads, which file access, name look-ups and RSA signatures share; a flood
 * of sign-ins then has 38 MiB and no more.
 */
const AT_ONCE = 2;
/** About three seconds of work; whoever comes later is told to come again. */
const WAITING = 128;

/** Hashes passwords and checks them, at most two at a time. */
@Injectable()
export class Passwords {
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  /** A hash that no password has, with today's cost: what an unknown account is checked against. */
  readonly #nobodys = `$argon2id$v=19$m=${COST.memoryCost},t=${COST.timeCost},p=${COST.parallelism}$${base64(16)}$${base64(COST.outputLen)}`;

  /**
   * The PHC string to keep of a password.
   * @throws RangeError when it is longer than 256 bytes; TemporarilyUnavailableError when too many wait
   */
  async hash(password: string): Promise<string> {
    const normal = normalPassword(password);
    if (normal === undefined) throw new RangeError(`More than ${MAX_PASSWORD_BYTES} bytes`);
    return this.#inTurn(() => hash(normal, COST));
  }

  /**
   * Whether this is the password of the hash. The same work is done when there is no hash, and when
   * the password is one that nobody can have.
   * @throws TemporarilyUnavailableError when too many wait
   */
  async verify(password: string, kept: string | null): Promise<boolean> {
    const normal = normalPassword(password);
    const isRight = await this.#inTurn(() => verify(kept ?? this.#nobodys, normal ?? ''));
    return isRight && kept !== null && normal !== undefined;
  }

  /** Whether the hash was made at another cost than new ones are. */
  needsRehash(kept: string): boolean {
    const { memoryCost, timeCost, parallelism, outputLen, saltLen } = parseOptions(kept);
    return !(
      kept.startsWith('$argon2id$v=19$') &&
      memoryCost === COST.memoryCost &&
      timeCost === COST.timeCost &&
      parallelism === COST.parallelism &&
      outputLen === COST.outputLen &&
      saltLen >= 16
    );
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < AT_ONCE) this.#running += 1;
    else if (this.#waiting.length < WAITING)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else throw new TemporarilyUnavailableError('overloaded', { retryAfterSeconds: 3 });
    try {
      return await work();
    } finally {
      // The place goes to whoever waits longest, or is free.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }
}

/** A password of 144 random bits that nobody chose, for a person who must change it. */
export function makePassword(): string {
  return randomBytes(18).toString('base64url');
}

function base64(bytes: number): string {
  return randomBytes(bytes).toString('base64').replace(/=+$/, '');
}
