import type { AuditRecord } from '../audit-record.js';
import { readLeaf } from '../ledger/leaf.js';
import type { PlacedLeaf } from '../ledger/ledger-reader.js';
import { putTogether, type PersonalField } from '../ledger/personal-fields.js';

/** A record with everything that proves it: whoever has the public key needs nothing else. */
export interface ProvenRecord {
  /** Its place in the log, from 0 on: its `sequence`. */
  readonly index: number;
  readonly record: AuditRecord;
  /** Whether something that named a person is left out, because their key was destroyed. */
  readonly isErased: boolean;
  /** The signed checkpoint that the proof leads to. */
  readonly checkpoint: string;
  /** How many leaves the log has at the checkpoint. */
  readonly size: number;
  /** The root of the log at the checkpoint. */
  readonly root: Buffer;
  /** The text that was hashed, and what it commits to. */
  readonly leaf: PlacedLeaf;
  /** The hashes that lead from the leaf to the root (RFC 6962 section 2.1.1). */
  readonly path: readonly Buffer[];
}

/** The record behind a leaf, with whatever of it can be read still. */
export function recordOf({ text, parts }: PlacedLeaf): AuditRecord {
  const { record, sealed } = readLeaf(text);
  const fields = parts.map((part) =>
    typeof part === 'string' ? undefined : (JSON.parse(part.text) as PersonalField[]),
  );
  return putTogether(
    record,
    fields,
    sealed.map(({ key }) => key),
  );
}
