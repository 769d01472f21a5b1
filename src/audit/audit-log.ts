import type { AuditEvent, AuditRecord } from './audit-record.js';

/** A record with its place in the log. */
export interface AuditEntry {
  /** Ascending in the order of the log. */
  readonly sequence: string;
  readonly record: AuditRecord;
}

/**
 * Keeps what happened. Promises: when `append` resolves, the record is durable and every later read
 * through any instance sees it; records are never changed. Fails by rejecting, and then the record
 * may or may not be kept; nobody may be given a token on it.
 */
export abstract class AuditLog {
  abstract append(record: AuditRecord): Promise<AuditEntry>;
}

/** What to look for; every field given must match. Times in milliseconds since the epoch. */
export interface AuditSearch {
  /** The subject's `sub`, with `subjectIssuer` to tell it from another issuer's. */
  readonly subject?: string | undefined;
  readonly subjectIssuer?: string | undefined;
  /**
   * The `sub` of a person whom the record names anywhere: as its subject, as an actor, or as somebody
   * whose records were read.
   */
  readonly person?: string | undefined;
  /** A `sub` or client id that acts at any depth. */
  readonly actor?: string | undefined;
  /** The client that sent the request. */
  readonly client?: string | undefined;
  /** An audience that was granted or asked for. */
  readonly audience?: string | undefined;
  readonly event?: AuditEvent | undefined;
  readonly outcome?: 'granted' | 'refused' | undefined;
  readonly reason?: string | undefined;
  readonly grantType?: string | undefined;
  readonly chainId?: string | undefined;
  /** A value of the scope that was granted or asked for. */
  readonly scope?: string | undefined;
  /** The policy that decided, and its version. */
  readonly policy?: string | undefined;
  readonly policyVersion?: string | undefined;
  readonly traceId?: string | undefined;
  /** SHA-256, base64url, of a token that was presented or issued. */
  readonly tokenHash?: string | undefined;
  /** The `jti` of a token that was presented or issued, whoever issued it. */
  readonly jti?: string | undefined;
  /** From this time on. */
  readonly from?: number | undefined;
  /** Before this time. */
  readonly until?: number | undefined;
}

/** What a token was in an attempt: presented for the subject or for the actor, or given. */
export type TokenRole = 'subject' | 'actor' | 'issued';

/** A piece of a long list, newest first. */
export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  /**
   * Where the next page begins; null when this is the last. A search may stop before its page is full,
   * even with none found, when it has looked at much: then it goes on here.
   */
  readonly next: string | null;
}

/** Reads what the log keeps. Fails by rejecting. */
export abstract class AuditReader {
  /**
   * @param page.before the `sequence` before which to begin; page.limit how many at most
   * @throws RangeError when `before` is no sequence or `limit` is below 1
   */
  abstract search(
    search: AuditSearch,
    page: { readonly before?: string | undefined; readonly limit: number },
  ): Promise<AuditPage>;

  /** The entry with this record id, or null. */
  abstract find(recordId: string): Promise<AuditEntry | null>;

  /** Every entry of a chain, oldest first; refused attempts too. At most 10 000. */
  abstract chain(chainId: string): Promise<readonly AuditEntry[]>;

  /**
   * Entries that a token's `jti` leads to, oldest first, at most 1 000: where it was issued, where a
   * chain began with it, and where it was presented again within its chain.
   */
  abstract byJti(jti: string): Promise<readonly AuditEntry[]>;

  /**
   * Entries in which one of some tokens plays a part, newest first.
   * @param hashes SHA-256 of each token, base64url; at most 1 000
   * @param page.before, page.after only below and only above such a `sequence`; page.limit how many
   * @throws RangeError as `search` does
   */
  abstract ofTokens(
    hashes: readonly string[],
    role: TokenRole,
    page: {
      readonly before?: string | undefined;
      readonly after?: string | undefined;
      readonly limit: number;
    },
  ): Promise<AuditPage>;
}
