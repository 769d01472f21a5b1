import type { AuditRecord } from '../audit-record.js';
import { ERASED } from '../ledger/personal-fields.js';
import type { ProvenRecord } from './proven-record.js';
import { typeNameOf } from './record-kind.js';
import { proofOf, type RecordProof } from './record-proof.js';

/** A record as a CloudEvent (CloudEvents 1.0.2, JSON format); numbers of the log are texts of digits. */
export interface CloudEvent {
  readonly specversion: '1.0';
  /** The record's id: who gets an event twice knows it by this. */
  readonly id: string;
  /** The issuer. */
  readonly source: string;
  readonly type: string;
  /** The `sub` of the subject, or the client; absent where nobody is known, or was erased. */
  readonly subject?: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  /** The place in the log, as the extension `sequence` has it. */
  readonly sequence: string;
  readonly sequencetype: 'Integer';
  readonly treesize: string;
  /** The root of the log of that size, base64. */
  readonly treeroot: string;
  readonly chainid?: string;
  /** Whether something that named a person is left out. */
  readonly erased?: true;
  readonly data: { readonly record: AuditRecord; readonly proof: RecordProof };
}

/** @param issuer of the server whose log it is */
export function cloudEventOf(proven: ProvenRecord, issuer: string): CloudEvent {
  const { record, index, size, root, isErased } = proven;
  const subject = subjectOf(record);
  return {
    specversion: '1.0',
    id: record.id,
    source: issuer,
    type: typeNameOf(record),
    ...(subject ? { subject } : {}),
    time: new Date(record.time).toISOString(),
    datacontenttype: 'application/json',
    sequence: String(index),
    sequencetype: 'Integer',
    treesize: String(size),
    treeroot: root.toString('base64'),
    ...(record.chainId === undefined ? {} : { chainid: record.chainId }),
    ...(isErased ? { erased: true } : {}),
    data: { record, proof: proofOf(proven) },
  };
}

function subjectOf({ subject, client }: AuditRecord): string | undefined {
  if (subject === undefined) return client?.clientId;
  return subject.iss === ERASED ? undefined : subject.sub;
}
