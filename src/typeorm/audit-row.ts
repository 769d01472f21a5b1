import type { AuditRecord } from '../audit/audit-record.js';
import { hashLeaf } from '../audit/ledger/hashing.js';
import {
  essentialsOf,
  LEAF_LIMIT,
  leafText,
  placeOfPart,
  type SealedPart,
} from '../audit/ledger/leaf.js';
import { sealPart } from '../audit/ledger/part-seal.js';
import { isPerson, takeApart } from '../audit/ledger/personal-fields.js';
import { clearFacts, type FactSink } from '../audit/questions/facts.js';
import { audienceOf } from '../audit/record-names.js';
import { factsOfColumns } from './audit-facts.js';
import type { JsonObject } from '../oauth/claims.js';
import { storable } from './storable-text.js';
import type { SubjectKey, SubjectReference, TypeormSubjectKeys } from './typeorm-subject-keys.js';

/** How much of a `jti` is indexed: whatever others put in there, an index entry has to fit a page. */
const INDEXED_JTI = 400;
/** Characters that a leaf may grow by what it says of one sealed part. */
const PART_LENGTH = 130;

/** What can be looked for, by the names of the columns. */
interface Columns {
  readonly id: string;
  readonly time: number;
  readonly event: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly grant_type: string | null;
  readonly client_id: string | null;
  readonly audience: readonly string[];
  readonly chain_id: string | null;
  readonly parent_id: string | null;
  readonly origin_jti: string | null;
}

/** A record as the columns of its row, by their names; all but its place in the log. */
export interface AuditRow extends Columns {
  readonly subject_key: string | null;
  readonly actors: readonly string[];
  /** The leaf, byte for byte as it was hashed. */
  readonly document: string;
  readonly leaf_hash: Buffer;
  /** What the leaf commits to, in its order. */
  readonly sealed: readonly string[];
}

/** A record on its way: as it was when it was appended, not sealed yet. */
export class PreparedRow {
  readonly #columns: Columns;
  readonly #clear: JsonObject;
  readonly #record: string;
  readonly #parts: readonly {
    readonly reference: SubjectReference | null;
    readonly text: string;
  }[];
  readonly #subject: SubjectReference | null;
  readonly #actors: readonly (string | SubjectReference)[];
  /** Whose keys it is sealed with, or looked for by. */
  readonly references: readonly SubjectReference[];

  /**
   * @param issuer of this server, whose clients are no people
   * @throws RangeError when its time is none
   */
  constructor(record: AuditRecord, keys: TypeormSubjectKeys, issuer: string | undefined) {
    const { clear, parts } = takeApart(record, issuer);
    this.#columns = columnsOf(record);
    this.#clear = clear;
    this.#subject = record.subject ? keys.referenceOf(record.subject, record.time) : null;
    this.#actors = actorsOf(record, keys, issuer);
    const sealed = parts.map(({ owner, fields }) => ({
      reference: keys.referenceOf(owner, record.time),
      text: JSON.stringify(fields),
    }));
    const text = JSON.stringify(clear);
    const length = Buffer.byteLength(text) + (sealed.length + 1) * PART_LENGTH;
    if (length <= LEAF_LIMIT) {
      this.#record = text;
      this.#parts = sealed;
    } else {
      const { essentials, rest } = essentialsOf(clear);
      this.#record = JSON.stringify(essentials);
      this.#parts = [...sealed, { reference: null, text: JSON.stringify(rest) }];
    }
    const references = new Set<SubjectReference>();
    if (this.#subject) references.add(this.#subject);
    for (const { reference } of sealed) references.add(reference);
    for (const actor of this.#actors) if (typeof actor === 'object') references.add(actor);
    this.references = [...references];
  }

  /** How many characters it writes, about. */
  get weight(): number {
    return this.#parts.reduce((sum, { text }) => sum + text.length, this.#record.length);
  }

  /** @param keys by their references */
  finish(keys: ReadonlyMap<string, SubjectKey>): AuditRow {
    const { id } = this.#columns;
    const parts: SealedPart[] = [];
    const sealed: string[] = [];
    for (const { reference, text } of this.#parts) {
      const key = reference && keyOf(reference, keys);
      const part = sealPart(key?.key ?? null, placeOfPart({ id }, parts.length), text);
      sealed.push(part.sealed);
      parts.push({ key: key?.id ?? null, commitment: part.commitment });
    }
    const document = leafText(this.#record, parts);
    return {
      ...this.#columns,
      subject_key: this.#subject && keyOf(this.#subject, keys).id,
      actors: this.#actors.map((each) => (typeof each === 'string' ? each : keyOf(each, keys).id)),
      document,
      leaf_hash: hashLeaf(document),
      sealed,
    };
  }

  /**
   * Tells by what its row can be found, as `eachFact` does of a row that is read.
   * @param keys by their references
   */
  facts(row: AuditRow, keys: ReadonlyMap<string, SubjectKey>, take: FactSink): void {
    factsOfColumns(row, this.#subject?.issuer ?? null, take);
    for (const { reference } of this.#parts)
      if (reference) take('person', keyOf(reference, keys).id);
    clearFacts(this.#clear, take);
  }
}

function keyOf({ reference }: SubjectReference, keys: ReadonlyMap<string, SubjectKey>): SubjectKey {
  const key = keys.get(reference);
  if (key === undefined) throw new Error('A subject of the record has no key');
  return key;
}

/** The part of a `jti` that the index knows. */
export function indexedJti(jti: string): string {
  return storable(jti.slice(0, INDEXED_JTI));
}

function columnsOf(record: AuditRecord): Columns {
  return {
    id: record.id,
    time: record.time,
    event: record.event,
    outcome: record.outcome,
    reason: record.reason ?? null,
    grant_type: orNull(record.grantType),
    client_id: orNull(record.client?.clientId),
    audience: audienceOf(record).map(storable),
    chain_id: record.chainId ?? null,
    parent_id: record.parentId ?? null,
    origin_jti: originJti(record),
  };
}

/** The names of every actor that is a client, and whose keys those of people have. */
function actorsOf(
  { actor, actors = [], inboundActors = [], time }: AuditRecord,
  keys: TypeormSubjectKeys,
  issuer: string | undefined,
): readonly (string | SubjectReference)[] {
  const names = new Set<string>();
  const people = new Set<SubjectReference>();
  for (const party of [...(actor ? [actor] : []), ...actors, ...inboundActors]) {
    // The client through which a person acts is named as every client is.
    if (party.clientId !== undefined) names.add(storable(party.clientId));
    if (isPerson(party, issuer)) people.add(keys.referenceOf(party, time));
  }
  return [...names, ...people];
}

function orNull(text: string | undefined): string | null {
  return text === undefined ? null : storable(text);
}

/** Only where a chain begins: later tokens of a chain name their record and chain themselves. */
function originJti({ chainId, parentId, subjectToken }: AuditRecord): string | null {
  const begins = chainId !== undefined && parentId === undefined;
  return begins && subjectToken?.jti !== undefined ? indexedJti(subjectToken.jti) : null;
}
