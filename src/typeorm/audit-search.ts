import type { AuditSearch } from '../audit/audit-log.js';
import type { TypeormSubjectKeys } from './typeorm-subject-keys.js';
import { storable } from './storable-text.js';

const SEQUENCE = /^\d{1,19}$/;
/** Milliseconds since the epoch that a UUIDv7 can hold. */
const LATEST_OF_ID = 2 ** 48 - 1;
const LARGEST_SEQUENCE = 2n ** 63n - 1n;

/**
 * The sequence number that a page begins before, as a stranger sent it.
 * @throws RangeError when it is none
 */
export function sequenceOf(cursor: string): string {
  if (!SEQUENCE.test(cursor) || BigInt(cursor) > LARGEST_SEQUENCE)
    throw new RangeError('A page begins before a sequence number');
  return cursor;
}

/** The `where` of a search, and its parameters: names of columns from here, values only as parameters. */
export function auditConditions(
  search: AuditSearch,
  keys: TypeormSubjectKeys,
  before: string | undefined,
): { readonly where: string; readonly parameters: readonly unknown[] } {
  const conditions: string[] = [];
  const parameters: unknown[] = [];
  const add = (value: string | number | undefined, condition: (parameter: string) => string) => {
    if (value === undefined) return;
    parameters.push(typeof value === 'string' ? storable(value) : value);
    conditions.push(condition(`$${parameters.length}`));
  };
  add(before, (p) => `sequence < ${p}::bigint`);
  // People are found by their keys; records of before the ledger name them themselves.
  const addPerson = (
    name: string | undefined,
    reference: (name: string) => string,
    condition: (name: string, reference: string) => string,
  ) => {
    if (name === undefined) return;
    parameters.push(storable(name), reference(name));
    conditions.push(condition(`$${parameters.length - 1}`, `$${parameters.length}`));
  };
  addPerson(
    search.subject,
    (sub) => keys.subReference(sub),
    (name, reference) => `(subject_key in (
      select key_id from nte_subject_key where sub_reference = ${reference}) or subject_sub = ${name})`,
  );
  addPerson(
    search.subjectIssuer,
    (iss) => keys.issReference(iss),
    (name, reference) => `(subject_key in (
      select key_id from nte_subject_key where iss_reference = ${reference}) or subject_iss = ${name})`,
  );
  addPerson(
    search.actor,
    (sub) => keys.subReference(sub),
    (name, reference) => `(actors && array(
      select key_id::text from nte_subject_key where sub_reference = ${reference}) or ${name} = any(actors))`,
  );
  add(search.client, (p) => `client_id = ${p}`);
  add(search.audience, (p) => `${p} = any(audience)`);
  add(search.event, (p) => `event = ${p}`);
  add(search.outcome, (p) => `outcome = ${p}`);
  add(search.reason, (p) => `reason = ${p}`);
  add(search.grantType, (p) => `grant_type = ${p}`);
  add(search.chainId, (p) => `chain_id = ${p}::uuid`);
  add(search.from, (p) => `time >= ${p}::bigint`);
  // Ids begin with the time (RFC 9562 section 5.7), and there is an index of them.
  add(search.from === undefined ? undefined : firstIdOf(search.from), (p) => `id >= ${p}::uuid`);
  add(search.until, (p) => `time < ${p}::bigint`);
  const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
  return { where, parameters };
}

/** The smallest id that a record of this time can have. */
export function firstIdOf(time: number): string {
  const hex = Math.min(Math.max(time, 0), LATEST_OF_ID).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}
