import { createHash, randomBytes } from 'node:crypto';

const SECRET = /^[A-Za-z0-9_-]{43}$/;
const MAX_USER_AGENT = 200;

/** A person's sign-in at one browser. */
export interface Session {
  /** Its name, the `sid` of tokens that come of it; not enough to use it. */
  readonly sid: string;
  /** SHA-256 of the cookie's secret, base64url. */
  readonly secretHash: string;
  readonly accountId: string;
  /** When the person last proved who they are. Milliseconds since the epoch. */
  readonly authTime: number;
  /** How well they did: Authentication Context Class Reference (OpenID Connect Core section 2). */
  readonly acr: string;
  /** By what means (RFC 8176). */
  readonly amr: readonly string[];
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Milliseconds since the epoch; exact to a minute. */
  readonly lastSeenAt: number;
  /** When it is over, whatever happens. Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Milliseconds without being seen after which it is over. */
  readonly idleLimit: number;
  /** Where it was last seen. */
  readonly address: string | null;
  /** At most 200 characters. */
  readonly userAgent: string | null;
  /** The clients that got tokens in it, in the order of their first time. */
  readonly clients: readonly string[];
}

/** How and when a person proved who they are. */
export type Authentication = Pick<Session, 'authTime' | 'acr' | 'amr'>;

/** How long sessions live. Milliseconds. */
export class SessionSettings {
  readonly lifetime: number;
  readonly idleLimit: number;

  constructor(settings: Partial<SessionSettings> = {}) {
    this.lifetime = settings.lifetime ?? 12 * 60 * 60_000;
    this.idleLimit = settings.idleLimit ?? 2 * 60 * 60_000;
  }
}

/** Whether a session can be used at this time. */
export function isLive(session: Session, now: number): boolean {
  return now < session.expiresAt && now - session.lastSeenAt < session.idleLimit;
}

/** A secret of 256 bits for the cookie, with the hash that may be kept of it. */
export function makeSessionSecret(): { readonly secret: string; readonly hash: string } {
  const secret = randomBytes(32).toString('base64url');
  return { secret, hash: hashSessionSecret(secret) };
}

/** SHA-256, base64url: enough for 256 random bits. */
export function hashSessionSecret(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('base64url');
}

/** Whether this can be the secret of a session. */
export function isSessionSecret(text: string): boolean {
  return SECRET.test(text);
}

/** A user agent as it is kept: short, and storable anywhere. */
export function keptUserAgent(text: string | undefined): string | null {
  const kept = (text ?? '').slice(0, MAX_USER_AGENT).replaceAll(/[\p{Cc}\p{Cs}]/gu, '\u{fffd}');
  return kept === '' ? null : kept;
}
