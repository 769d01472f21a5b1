import type { RefusalReason } from '../oauth/refusal-reason.js';
import type { Scope } from '../oauth/scope.js';

/** Which rule of which policy in which version decided: what an auditor reads years later. */
export interface Basis {
  readonly policy: string;
  readonly version: string;
  readonly rule: string;
}

/**
 * delegation: the actor joins the chain, or is its current actor already; impersonation: the actor
 * leaves no link; self: the subject itself narrows its own token, nobody acts for it.
 */
export type ActingMode = 'delegation' | 'impersonation' | 'self';

/** A policy's yes, with what it allows. */
export interface Allowed {
  readonly outcome: 'allowed';
  readonly mode: ActingMode;
  readonly audience: readonly string[];
  readonly scope: Scope;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  readonly basis: Basis;
  /** Where the targets have words of their own for what the subject token holds. */
  readonly reauthorized?: Readonly<Record<string, readonly string[]>> | undefined;
  /** How often it may be used, in all and for one subject token. */
  readonly quota?: { readonly uses?: number | undefined; readonly fanOut?: number | undefined };
}

/** A policy's no, with a stable reason. */
export interface Refused {
  readonly outcome: 'refused';
  readonly reason: RefusalReason;
  readonly basis: Basis;
  /** With `authentication_insufficient`: the sign-in that is needed (RFC 9470 section 3). */
  readonly stepUp?:
    | { readonly acr?: readonly string[] | undefined; readonly maxAge?: number | undefined }
    | undefined;
}

export type Verdict = Allowed | Refused;
