import type { JsonObject } from '../oauth/claims.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';

/** A party as a record keeps it. */
export interface RecordedParty {
  readonly iss: string;
  readonly sub: string;
  readonly clientId?: string;
}

/** What a record keeps of a token: enough to recognise it, never the token. */
export interface RecordedToken {
  /** SHA-256 of the whole token, base64url. */
  readonly hash: string;
  readonly type?: string;
  readonly issuer?: string;
  readonly jti?: string;
  readonly clientId?: string;
  readonly audience?: readonly string[];
  readonly scope?: readonly string[];
  /** Seconds since the epoch. */
  readonly expiresAt?: number;
  readonly acr?: string;
  /** Seconds since the epoch. */
  readonly authTime?: number;
  /** Whom its `may_act` names; null when it names nobody. */
  readonly mayAct?: RecordedParty | null;
  /** What it comes of, as it says itself. */
  readonly lineage?: string;
}

/** What was revoked, or would have been, and how much of what was alive died with it. */
export interface RecordedRevocation {
  readonly kind: string;
  /** What it names: a hash, an id, or an issuer and a name. */
  readonly names: Readonly<Record<string, string>>;
  /** Absent where it was not counted. */
  readonly died?: {
    readonly tokens: number;
    readonly chains: number;
    /** Whether all was looked at. */
    readonly isComplete: boolean;
  };
}

/** What somebody was shown of the records. */
export interface RecordedRead {
  /** How many of them; absent when they were on their way as the record was written. */
  readonly records?: number;
  /** The places in the log of the first and the last of them. */
  readonly first?: string;
  readonly last?: string;
  /** The names of the filters; never what they hold. */
  readonly filters?: readonly string[];
  readonly recordId?: string;
  readonly chainIds?: readonly string[];
}

/** What was attempted. */
export const AUDIT_EVENTS = [
  /** A request at the token endpoint. */
  'grant',
  /** An authorization request that was answered, with a code or an error. */
  'authorization',
  /** An authorization request that was pushed (RFC 9126). */
  'pushed_authorization',
  /** Somebody tried to sign in. */
  'authentication',
  /** A person was asked, or took back, what an application may have. */
  'consent',
  'session_start',
  'session_end',
  /** A client was told that a session ended (OpenID Connect Back-Channel Logout). */
  'logout_notice',
  /** A person changed their own account. */
  'account_change',
  /** An administrator changed something. */
  'administration',
  /** Somebody read records, chains or leaves. */
  'audit_read',
  /** Old records went. */
  'retention',
  /** A client asked about a token that was neither its own nor meant for it. */
  'introspection',
  /** A client revoked a token, or tried to (RFC 7009). */
  'revocation',
] as const;

export type AuditEvent = (typeof AUDIT_EVENTS)[number];

/**
 * What one attempt leaves behind, granted or refused. It holds no token, secret, code or
 * password; names and identifiers only after they were checked, or cut to what can be stored.
 */
export interface AuditRecord {
  /** UUIDv7 of its time; an issued token's `jti` begins with it. */
  readonly id: string;
  /** The version of this schema. */
  readonly schema: 1;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly event: AuditEvent;
  readonly outcome: 'granted' | 'refused';
  /** Why it was refused; absent when granted. */
  readonly reason?: RefusalReason;
  /** The wire code of the refusal. */
  readonly error?: string;
  readonly requestId: string;
  /** W3C trace id, when the request came with one. */
  readonly traceId?: string;
  readonly address?: string;
  readonly grantType?: string;
  readonly client?: {
    readonly clientId: string;
    readonly method?: string;
    readonly secretId?: string;
  };
  readonly subject?: RecordedParty;
  /** Who acts: the current actor that the issued token names, or would have named. */
  readonly actor?: RecordedParty;
  /** The actors before this attempt, newest first. */
  readonly inboundActors?: readonly RecordedParty[];
  /** The actors that the issued token tells, newest first. */
  readonly actors?: readonly RecordedParty[];
  /** The `act` claim of the issued token, as it was issued. */
  readonly act?: JsonObject;
  readonly subjectToken?: RecordedToken;
  readonly actorToken?: RecordedToken;
  readonly issuedToken?: RecordedToken;
  /** Given at the first exchange of a chain, then constant; refused attempts hang at the chain they tried to continue. */
  readonly chainId?: string;
  /** The record of the exchange that issued the subject token. */
  readonly parentId?: string;
  readonly requested?: {
    readonly scope?: readonly string[];
    readonly resource?: readonly string[];
    readonly audience?: readonly string[];
    readonly tokenType?: string;
    /** What for, in the caller's words. */
    readonly purpose?: string;
  };
  /** What a policy said that values of the subject token mean at the targets. */
  readonly reauthorized?: Readonly<Record<string, readonly string[]>>;
  readonly mode?: 'delegation' | 'impersonation' | 'self' | 'own';
  /** The sign-in session it happened in, or that it is about. */
  readonly sid?: string;
  /** What a person allowed an application: the `grant_id` of the tokens that come of it. */
  readonly authorizationId?: string;
  /** How well a person proved who they are, and by what means. */
  readonly authentication?: { readonly acr: string; readonly amr: readonly string[] };
  /** What was done at the admin API or to an account, with whom or what it was done to. */
  readonly operation?: {
    readonly name: string;
    readonly target?: string;
    /** The names of the fields that were sent; never what they hold. */
    readonly fields?: readonly string[];
  };
  readonly revocation?: RecordedRevocation;
  /** The key of a person that was destroyed, or would be; null when there was none. */
  readonly erasure?: { readonly keyId: string | null };
  readonly read?: RecordedRead;
  /** The records that went, from a place in the log on and before another; all older than a time. */
  readonly retired?: { readonly first: number; readonly until: number; readonly before: number };
  /** Whose records were read, where somebody was asked for or a chain was read. */
  readonly whose?: readonly RecordedParty[];
  readonly basis?: { readonly policy: string; readonly version: string; readonly rule: string };
}
