import { createHash } from 'node:crypto';

import { cloudEventOf } from '../audit/export/cloud-event.js';
import { ocsfEventOf } from '../audit/export/ocsf-event.js';
import type { ProvenRecord } from '../audit/export/proven-record.js';
import { checkpointLine, entryLine } from '../audit/ledger/ledger-export.js';
import type { SinkFormat } from './sink.js';

/** Records that a batch has at most, and characters unless a single one has more. */
const MOST_RECORDS = 100;
const MOST_CHARACTERS = 1_000_000;

/** A record as a sink gets it. */
export interface SinkMessage {
  /** The record's id: whoever gets it twice knows it by this. */
  readonly id: string;
  readonly index: number;
  readonly text: string;
}

/** Records that are delivered together, in the order of the log. */
export interface SinkBatch {
  readonly format: SinkFormat;
  readonly messages: readonly SinkMessage[];
  /** What stands before them where they stand in one text. */
  readonly head: string;
}

/** As many of the records as one delivery takes. */
export function batchOf(
  records: readonly ProvenRecord[],
  format: SinkFormat,
  issuer: string,
): SinkBatch {
  const messages: SinkMessage[] = [];
  let characters = 0;
  for (const proven of records.slice(0, MOST_RECORDS)) {
    const text = textOf(proven, format, issuer);
    characters += text.length;
    if (messages.length > 0 && characters > MOST_CHARACTERS) break;
    messages.push({ id: proven.record.id, index: proven.index, text });
  }
  const note = records[0]?.checkpoint;
  const head = format === 'jsonl' && note !== undefined ? `${checkpointLine(note)}\n` : '';
  return { format, messages, head };
}

/** The batch as the body of a request, with its media type. */
export function bodyOf({ format, messages, head }: SinkBatch): {
  readonly type: string;
  readonly body: string;
} {
  const texts = messages.map(({ text }) => text);
  if (format === 'jsonl')
    return { type: 'application/x-ndjson', body: head + texts.map((text) => `${text}\n`).join('') };
  const type = format === 'cloudevents' ? 'application/cloudevents-batch+json' : 'application/json';
  return { type: `${type}; charset=utf-8`, body: `[${texts.join(',')}]` };
}

/** The same for the same records, so that a batch that comes again is known. */
export function batchId({ messages }: SinkBatch): string {
  const hash = createHash('sha256');
  for (const { id } of messages) hash.update(id);
  return `msg_${hash.digest('base64url').slice(0, 32)}`;
}

function textOf(proven: ProvenRecord, format: SinkFormat, issuer: string): string {
  switch (format) {
    case 'jsonl':
      return entryLine(proven.leaf, proven.path);
    case 'ocsf':
      return JSON.stringify(ocsfEventOf(proven, issuer));
    default:
      return JSON.stringify(cloudEventOf(proven, issuer));
  }
}
