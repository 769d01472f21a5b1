import type { AuditEntry } from '../audit/audit-log.js';
import { placeOfPart, readLeaf } from '../audit/ledger/leaf.js';
import { openPart } from '../audit/ledger/part-seal.js';
import { putTogether, type PersonalField } from '../audit/ledger/personal-fields.js';
import type { TypeormSubjectKeys } from './typeorm-subject-keys.js';

/** A row as it is read: the leaf, and beside it what the leaf commits to. */
export interface StoredRecord {
  readonly sequence: string | number;
  readonly document: string;
  readonly sealed: readonly string[];
}

/** The records behind rows, with everything about a person whose key is still there. */
export async function openRecords(
  rows: readonly StoredRecord[],
  keys: TypeormSubjectKeys,
): Promise<readonly AuditEntry[]> {
  const leaves = rows.map(({ document }) => readLeaf(document));
  const ids = new Set(leaves.flatMap(({ sealed }) => sealed.map(({ key }) => key)));
  const found = await keys.find([...ids].filter((id) => id !== null));
  return rows.map(({ sequence, sealed }, row) => {
    const leaf = leaves[row] ?? readLeaf('');
    const parts = leaf.sealed.map(({ key: id }, at) => {
      const key = id === null ? null : found.get(id);
      const place = placeOfPart(leaf.record, at);
      const opened = key === undefined ? undefined : openPart(key, place, sealed[at] ?? '');
      return opened && (JSON.parse(opened.text) as PersonalField[]);
    });
    const keyIds = leaf.sealed.map(({ key }) => key);
    return { sequence: String(sequence), record: putTogether(leaf.record, parts, keyIds) };
  });
}
