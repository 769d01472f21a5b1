import { hash } from 'node:crypto';

import type { TokenRole } from '../audit-log.js';
import type { AuditRecord } from '../audit-record.js';

const TERM_BYTES = 6;

/** What can be asked of a record. Of tokens there is a kind for each part that they can play. */
export type FactKind =
  /** The id of the subject's key, or what its keyed hash of the issuer is. */
  | 'subject_key'
  | 'subject_issuer'
  /** Names of subjects, only in records of before there was a ledger. */
  | 'subject'
  | 'subject_iss'
  /** The id of the key of somebody whom the record names anywhere. */
  | 'person'
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

/** All parts that a token can play. */
export const TOKEN_ROLES = ['subject', 'actor', 'issued'] as const satisfies TokenRole[];

/** What a record says, or what is asked, as one text. */
export type Fact = string;

/** Takes facts as they are found. */
export type FactSink = (kind: FactKind, value: string) => void;

/** The text of a fact; a kind has no space. */
export function fact(kind: FactKind, value: string): Fact {
  return `${kind} ${value}`;
}

/**
 * The number by which an index knows a fact: 48 bits of its SHA-256. Two facts may have one number, so
 * whoever finds a record by it looks at the record.
 */
export function termOf(text: Fact): number {
  const bytes = hash('sha256', text, 'binary');
  let term = 0;
  for (let at = 0; at < TERM_BYTES; at += 1) term = term * 256 + bytes.charCodeAt(at);
  return term;
}

/** What the part of a record says that names nobody; some of it twice. */
export function clearFacts(record: Partial<AuditRecord>, take: FactSink): void {
  const { basis, issuedToken, requested, traceId } = record;
  for (const scope of [issuedToken?.scope, requested?.scope])
    for (const value of listOf(scope)) take('scope', value);
  if (basis !== undefined) {
    take('policy', basis.policy);
    take('policy_version', basis.version);
  }
  if (traceId !== undefined) take('trace', traceId);
  for (const role of TOKEN_ROLES) {
    const token = record[`${role}Token`];
    if (token !== undefined) take(`${role}_hash`, token.hash);
    if (token?.jti !== undefined) take(`${role}_jti`, token.jti);
  }
}

/** A host's record may hold anything. */
function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
