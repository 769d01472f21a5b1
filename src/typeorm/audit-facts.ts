import { placeOfPart, readLeaf } from '../audit/ledger/leaf.js';
import { openPart } from '../audit/ledger/part-seal.js';
import { putTogether, type PersonalField } from '../audit/ledger/personal-fields.js';
import { clearFacts, fact, type Fact } from '../audit/questions/facts.js';
import type { StoredRecord } from './audit-entries.js';

/** A row with all by which it can be found. */
export interface FactRow extends StoredRecord {
  readonly time: string;
  readonly event: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly grant_type: string | null;
  readonly client_id: string | null;
  readonly subject_key: string | null;
  readonly subject_sub: string | null;
  readonly subject_iss: string | null;
  /** The keyed hash of the issuer of the subject, while its key is there. */
  readonly subject_issuer: string | null;
  readonly actors: readonly string[];
  readonly audience: readonly string[];
}

/** The beginning of a statement that reads such rows, ready to be opened. */
export const SELECT_FACTS = select('sealed');

/** The same for whoever only wants the facts: of what is sealed no more than is open to everybody. */
export const SELECT_ONLY_FACTS = select(
  `case when strpos(document, '"key":null') > 0 then sealed else '{}' end as sealed`,
);

/** Everything that a record says and that can be asked for; some of it twice. */
export function factsOf(row: FactRow): readonly Fact[] {
  const facts = [fact('event', row.event), fact('outcome', row.outcome), ...factsOfLeaf(row)];
  for (const kind of [
    'reason',
    'grant_type',
    'subject_key',
    'subject_issuer',
    'subject_iss',
  ] as const) {
    const value = row[kind];
    if (value !== null) facts.push(fact(kind, value));
  }
  if (row.client_id !== null) facts.push(fact('client', row.client_id));
  if (row.subject_sub !== null) facts.push(fact('subject', row.subject_sub));
  for (const actor of row.actors) facts.push(fact('actor', actor));
  for (const audience of row.audience) facts.push(fact('audience', audience));
  return facts;
}

/** What the part of the leaf says that names nobody, and what only was too long for it. */
function factsOfLeaf({ document, sealed }: StoredRecord): readonly Fact[] {
  try {
    const leaf = readLeaf(document);
    const keys = leaf.sealed.map(({ key }) => key);
    if (!keys.includes(null)) return clearFacts(leaf.record);
    const parts = keys.map((key, at) => {
      if (key !== null) return undefined;
      const opened = openPart(null, placeOfPart(leaf.record, at), sealed[at] ?? '');
      return opened && (JSON.parse(opened.text) as PersonalField[]);
    });
    return clearFacts(putTogether(leaf.record, parts, keys));
  } catch {
    // Whoever changed it changed its hash too: to find that out is the verifier's part.
    return [];
  }
}

function select(sealed: string): string {
  return `
    select sequence, time, event, outcome, reason, grant_type, client_id, subject_key, subject_sub,
           subject_iss, to_json(actors) as actors, to_json(audience) as audience, document, ${sealed},
           (select iss_reference from nte_subject_key where key_id = subject_key) as subject_issuer
      from nte_audit_record`;
}
