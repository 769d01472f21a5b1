import { newPolicy } from '../delegation/policy.js';
import { isJsonObject, type Json } from '../oauth/claims.js';
import { documentOf, type PolicyDocument } from './policy-view.dto.js';

/** A field whose value differs; null where it is absent. */
export interface FieldDifference {
  /** The names on the way to it, with dots. */
  readonly field: string;
  readonly from: Json;
  readonly to: Json;
}

/** Whether both say the same, whatever the order of their fields. */
export function isSameDocument(one: PolicyDocument, other: PolicyDocument): boolean {
  return differences(one, other).length === 0;
}

/** The fields in which a document differs from the one before, in ascending order of their names. */
export function differences(before: PolicyDocument, after: PolicyDocument): FieldDifference[] {
  const [from, to] = [leavesOf(before), leavesOf(after)];
  const fields = [...new Set([...from.keys(), ...to.keys()])].toSorted();
  return fields
    .map((field) => ({ field, from: from.get(field) ?? null, to: to.get(field) ?? null }))
    .filter((each) => JSON.stringify(each.from) !== JSON.stringify(each.to));
}

/** What a document says besides its name and the defaults, in ascending order of the fields. */
export function saidIn(document: PolicyDocument): FieldDifference[] {
  const { policyId } = document;
  const said = differences(documentOf(newPolicy({ policyId })), document);
  return said.map(({ field, to }) => ({ field, from: null, to }));
}

/** Every text, number, flag and list by the names on the way to it; an empty object says nothing. */
function leavesOf(document: PolicyDocument): ReadonlyMap<string, Json> {
  const leaves = new Map<string, Json>();
  const visit = (value: Json, path: string): void => {
    if (!isJsonObject(value)) leaves.set(path, value);
    else
      for (const [name, part] of Object.entries(value))
        visit(part, path === '' ? name : `${path}.${name}`);
  };
  visit(JSON.parse(JSON.stringify(document)) as Json, '');
  return leaves;
}
