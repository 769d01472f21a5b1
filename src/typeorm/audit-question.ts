import type { AuditSearch } from '../audit/audit-log.js';
import { fact, TOKEN_ROLES, type Fact, type FactKind } from '../audit/questions/facts.js';
import type { FactRow } from './audit-facts.js';
import { storable } from './storable-text.js';
import type { Query, TypeormSubjectKeys } from './typeorm-subject-keys.js';

/** A search in the words of the index. */
export interface Question {
  /** Of each of these lists at least one fact must be there. */
  readonly all: readonly (readonly Fact[])[];
  readonly chainId?: string | undefined;
  /** Milliseconds since the epoch: from this time on, and before the other. */
  readonly from?: number | undefined;
  readonly until?: number | undefined;
}

/** Puts a search into the words of the index: people are looked up by their keys, never by name. */
export async function questionOf(
  search: AuditSearch,
  keys: TypeormSubjectKeys,
  query: Query,
): Promise<Question> {
  const { subject, subjectIssuer, person, actor, tokenHash, jti } = search;
  const all: (readonly Fact[])[] = [];
  const keysOf = async (sub: string): Promise<readonly string[]> => {
    const rows = await query<{ key_id: string }>(
      'select key_id from nte_subject_key where sub_reference = $1',
      [keys.subReference(sub)],
    );
    return rows.map(({ key_id: id }) => id);
  };
  // Records of before the ledger name people themselves.
  if (subject !== undefined)
    all.push([
      fact('subject', storable(subject)),
      ...(await keysOf(subject)).map((id) => fact('subject_key', id)),
    ]);
  if (subjectIssuer !== undefined)
    all.push([
      fact('subject_iss', storable(subjectIssuer)),
      fact('subject_issuer', keys.issReference(subjectIssuer)),
    ]);
  if (person !== undefined)
    all.push([
      fact('subject', storable(person)),
      ...(await keysOf(person)).map((id) => fact('person', id)),
    ]);
  if (actor !== undefined)
    all.push([storable(actor), ...(await keysOf(actor))].map((name) => fact('actor', name)));
  if (tokenHash !== undefined) all.push(TOKEN_ROLES.map((role) => fact(`${role}_hash`, tokenHash)));
  if (jti !== undefined) all.push(TOKEN_ROLES.map((role) => fact(`${role}_jti`, jti)));
  const named: readonly (readonly [FactKind, string | undefined])[] = [
    ['client', search.client],
    ['audience', search.audience],
    ['event', search.event],
    ['outcome', search.outcome],
    ['reason', search.reason],
    ['grant_type', search.grantType],
  ];
  for (const [kind, value] of named)
    if (value !== undefined) all.push([fact(kind, storable(value))]);
  const said: readonly (readonly [FactKind, string | undefined])[] = [
    ['scope', search.scope],
    ['policy', search.policy],
    ['policy_version', search.policyVersion],
    ['trace', search.traceId],
  ];
  for (const [kind, value] of said) if (value !== undefined) all.push([fact(kind, value)]);
  return { all, chainId: search.chainId, from: search.from, until: search.until };
}

/** Whether a record is an answer, by all that it says: what an index finds may be something else. */
export function isAnswer(
  { all, from = -Infinity, until = Infinity }: Question,
  { time }: FactRow,
  facts: readonly Fact[],
): boolean {
  return (
    Number(time) >= from &&
    Number(time) < until &&
    all.every((some) => some.some((each) => facts.includes(each)))
  );
}
