import { hash } from 'node:crypto';

import type { AuditRecord, RecordedToken } from '../audit-record.js';

const TERM_BYTES = 6;

/** What can be asked of a record. Of tokens there is a kind for each part that they can play. */
export type FactKind =
  /** The id of the subject's key, or what its keyed hash of the issuer is. */
  | 'subject_key'
  | 'subject_issuer'
  /** Names of subjects, only in records of before there was a ledger. */
  | 'subject'
  | 'subject_iss'
  | 'actor'
  | 'client'
  | 'audience'
  | 'scope'
  | 'event'
  | 'outcome'
  | 'reason'
  | 'grant_type'
  | 'policy'
  | 'policy_version'
  | 'trace'
  | `${TokenRole}_hash`
  | `${TokenRole}_jti`;

/** What a token was in an attempt: presented for the subject or for the actor, or given. */
export type TokenRole = 'subject' | 'actor' | 'issued';

/** All of them. */
export const TOKEN_ROLES = ['subject', 'actor', 'issued'] as const satisfies TokenRole[];

/** What a record says, or what is asked, as one text. */
export type Fact = string;

/** The text of a fact; a kind has no space. */
export function fact(kind: FactKind, value: string): Fact {
  return `${kind} ${value}`;
}

/**
 * The number by which an index knows a fact: 48 bits of its SHA-256. Two facts may have one number, so
 * whoever finds a record by it looks at the record.
 */
export function termOf(text: Fact): number {
  return hash('sha256', text, 'buffer').readUIntBE(0, TERM_BYTES);
}

/** What the part of a record says that names nobody. */
export function* clearFacts(record: Partial<AuditRecord>): Generator<Fact> {
  const { basis, issuedToken, requested, traceId } = record;
  for (const value of new Set([...listOf(issuedToken?.scope), ...listOf(requested?.scope)]))
    yield fact('scope', value);
  if (basis !== undefined) {
    yield fact('policy', basis.policy);
    yield fact('policy_version', basis.version);
  }
  if (traceId !== undefined) yield fact('trace', traceId);
  for (const role of TOKEN_ROLES) yield* tokenFacts(role, record[`${role}Token`]);
}

function* tokenFacts(role: TokenRole, token: RecordedToken | undefined): Generator<Fact> {
  if (token === undefined) return;
  yield fact(`${role}_hash`, token.hash);
  if (token.jti !== undefined) yield fact(`${role}_jti`, token.jti);
}

/** A host's record may hold anything. */
function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
