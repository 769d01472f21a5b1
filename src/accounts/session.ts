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

/** A user agent as it is kept: short, and storable anywhere. */
export function keptUserAgent(text: string | undefined): string | null {
  const kept = (text ?? '').slice(0, MAX_USER_AGENT).replaceAll(/[\p{Cc}\p{Cs}]/gu, '\u{fffd}');
  return kept === '' ? null : kept;
}
