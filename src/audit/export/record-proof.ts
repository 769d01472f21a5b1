import type { ProvenRecord } from './proven-record.js';

/** What proves a record, in JSON: with the public key nothing else is needed. */
export interface RecordProof {
  /** The signed note (c2sp.org/tlog-checkpoint) that the proof leads to. */
  readonly checkpoint: string;
  /** The record as a line of an export has it: `audit verify` takes both, one line each. */
  readonly entry: {
    readonly type: 'entry';
    readonly index: number;
    /** The text that was hashed. */
    readonly leaf: string;
    /** What the leaf commits to. */
    readonly parts: ProvenRecord['leaf']['parts'];
    /** The hashes that lead to the root, base64. */
    readonly proof: readonly string[];
  };
}

export function proofOf({ checkpoint, leaf, path }: ProvenRecord): RecordProof {
  const proof = path.map((hash) => hash.toString('base64'));
  const { index, text, parts } = leaf;
  return { checkpoint, entry: { type: 'entry', index, leaf: text, parts, proof } };
}
