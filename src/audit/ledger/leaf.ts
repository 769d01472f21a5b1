import type { Json, JsonObject } from '../../oauth/claims.js';
import type { AuditRecord } from '../audit-record.js';
import type { PersonalField } from './personal-fields.js';

/** Bytes that a leaf has at most: bundles of entries say the length in 16 bits (c2sp.org/tlog-tiles). */
export const LEAF_LIMIT = 65_535;

/** What a leaf says of a part that is kept beside the log. */
export interface SealedPart {
  /** The id of the key that opens it; null when it is not encrypted. */
  readonly key: string | null;
  /** Binds its fields and their salt: SHA-256, base64url. */
  readonly commitment: string;
}

/** What a leaf holds. */
export interface Leaf {
  /** The version of this form. */
  readonly format: 1;
  /** `true` for a record that was kept before there was a ledger, which took it in as it was. */
  readonly before?: true;
  /** What of the record names no person. */
  readonly record: JsonObject;
  readonly sealed: readonly SealedPart[];
}

/**
 * The text of a leaf, of which the UTF-8 bytes are hashed; it is never written a second time.
 * @param record the JSON of what names no person
 */
export function leafText(record: string, sealed: readonly SealedPart[], before = false): string {
  const head = before ? '"format":1,"before":true' : '"format":1';
  return `{${head},"record":${record},"sealed":${JSON.stringify(sealed)}}`;
}

/** The leaf behind a text of ours. */
export function readLeaf(text: string): Leaf {
  return JSON.parse(text) as Leaf;
}

/** The place that a part is sealed for, so that it opens at no other. */
export function placeOfPart({ id }: JsonObject, at: number): string {
  return `${typeof id === 'string' ? id : ''}/${at}`;
}

/** What even the shortest leaf says; for one that would be too long, the rest is kept beside the log. */
export function essentialsOf(record: JsonObject): {
  readonly essentials: JsonObject;
  readonly rest: readonly PersonalField[];
} {
  const names: readonly string[] = ESSENTIALS;
  const entries = Object.entries(record);
  return {
    essentials: Object.fromEntries(entries.filter(([name]) => names.includes(name))),
    rest: entries
      .filter(([name]) => !names.includes(name))
      .map(([name, value]: [string, Json]): PersonalField => [[name], value]),
  };
}

const ESSENTIALS = [
  'id',
  'schema',
  'time',
  'event',
  'outcome',
  'reason',
] as const satisfies (keyof AuditRecord)[];
