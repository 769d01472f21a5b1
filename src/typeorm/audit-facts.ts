import { placeOfPart, readLeaf } from '../audit/ledger/leaf.js';
import { openPart } from '../audit/ledger/part-seal.js';
import { putTogether, type PersonalField } from '../audit/ledger/personal-fields.js';
import { clearFacts, fact, type Fact, type FactSink } from '../audit/questions/facts.js';
import type { StoredRecord } from './audit-entries.js';

/** The columns by which a record can be found. */
export interface FactColumns {
  readonly event: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly grant_type: string | null;
  readonly client_id: string | null;
  readonly subject_key: string | null;
  readonly actors: readonly string[];
  readonly audience: readonly string[];
}

/** A row with all by which it can be found. */
export interface FactRow extends StoredRecord, FactColumns {
  readonly time: string;
  readonly subject_sub: string | null;
  readonly subject_iss: string | null;
  /** The keyed hash of the issuer of the subject, while its key is there. */
  readonly subject_issuer: string | null;
}

/** The beginning of a statement that reads such rows, ready to be opened. */
export const SELECT_FACTS = select('sealed');

/** The same for whoever only wants the facts: of what is sealed no more than is open to everybody. */
export const SELECT_ONLY_FACTS = select(
  `case when strpos(document, '"key":null') > 0 then sealed else '{}' end as sealed`,
);

/** Everything that a record says and that can be asked for; some of it twice. */
export function factsOf(row: FactRow): readonly Fact[] {
  const facts: Fact[] = [];
  eachFact(row, (kind, value) => facts.push(fact(kind, value)));
  return facts;
}

/** The same one by one. */
export function eachFact(row: FactRow, take: FactSink): void {
  factsOfColumns(row, row.subject_issuer, take);
  factsOfLeaf(row, take);
  if (row.subject_iss !== null) take('subject_iss', row.subject_iss);
  if (row.subject_sub !== null) take('subject', row.subject_sub);
}

/** The facts that the columns of every record tell; some of them twice. */
export function factsOfColumns(
  columns: FactColumns,
  subjectIssuer: string | null,
  take: FactSink,
): void {
  take('event', columns.event);
  take('outcome', columns.outcome);
  if (columns.reason !== null) take('reason', columns.reason);
  if (columns.grant_type !== null) take('grant_type', columns.grant_type);
  if (columns.subject_key !== null) take('subject_key', columns.subject_key);
  if (subjectIssuer !== null) take('subject_issuer', subjectIssuer);
  if (columns.client_id !== null) take('client', columns.client_id);
  for (const actor of columns.actors) take('actor', actor);
  for (const audience of columns.audience) take('audience', audience);
}

/** What the part of the leaf says that names nobody, and what only was too long for it. */
function factsOfLeaf({ document, sealed }: StoredRecord, take: FactSink): void {
  try {
    const leaf = readLeaf(document);
    const keys = leaf.sealed.map(({ key }) => key);
    for (const key of keys) if (key !== null) take('person', key);
    if (!keys.includes(null)) return clearFacts(leaf.record, take);
    const parts = keys.map((key, at) => {
      if (key !== null) return undefined;
      const opened = openPart(null, placeOfPart(leaf.record, at), sealed[at] ?? '');
      return opened && (JSON.parse(opened.text) as PersonalField[]);
    });
    clearFacts(putTogether(leaf.record, parts, keys), take);
  } catch {
    // Whoever changed it changed its hash too: to find that out is the verifier's part.
  }
}

function select(sealed: string): string {
  return `
    select sequence, time, event, outcome, reason, grant_type, client_id, subject_key, subject_sub,
           subject_iss, to_json(actors) as actors, to_json(audience) as audience, document, ${sealed},
           (select iss_reference from nte_subject_key where key_id = subject_key) as subject_issuer
      from nte_audit_record`;
}
