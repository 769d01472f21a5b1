import { checkpointLine, entryLine } from '../ledger/ledger-export.js';
import { cloudEventOf } from './cloud-event.js';
import { CSV_HEADER, csvRowOf } from './csv-row.js';
import { ocsfEventOf } from './ocsf-event.js';
import type { ProvenRecord } from './proven-record.js';

/** The forms that records leave in. */
export const EXPORT_FORMATS = ['jsonl', 'csv', 'cloudevents', 'ocsf'] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** How a file of records is written: what comes first, then one text for each record. */
export interface RecordWriter {
  readonly mediaType: string;
  /** The ending of a file's name. */
  readonly extension: string;
  /** What a file begins with; `note` is the checkpoint that all records are proven by. */
  readonly head: (note: string) => string;
  readonly item: (proven: ProvenRecord) => string;
}

const LINES = 'application/x-ndjson';

/** @param issuer of the server whose log it is */
export function recordWriter(format: ExportFormat, issuer: string): RecordWriter {
  switch (format) {
    case 'jsonl':
      return {
        mediaType: LINES,
        extension: 'jsonl',
        head: (note) => `${checkpointLine(note)}\n`,
        item: ({ leaf, path }) => `${entryLine(leaf, path)}\n`,
      };
    case 'csv':
      return {
        mediaType: 'text/csv; charset=utf-8; header=present',
        extension: 'csv',
        head: () => CSV_HEADER,
        item: csvRowOf,
      };
    case 'cloudevents':
      return linesOf(format, (proven) => cloudEventOf(proven, issuer));
    default:
      return linesOf(format, (proven) => ocsfEventOf(proven, issuer));
  }
}

function linesOf(name: string, item: (proven: ProvenRecord) => object): RecordWriter {
  return {
    mediaType: LINES,
    extension: `${name}.jsonl`,
    head: () => '',
    item: (proven) => `${JSON.stringify(item(proven))}\n`,
  };
}
