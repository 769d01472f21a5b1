import type { AuditReader, AuditSearch } from '../audit-log.js';
import type { RecordWriter } from './export-format.js';
import type { RecordProver } from './record-prover.js';

/** How many records are read at once. */
const PAGE = 200;

/**
 * The records that a search finds, newest first, as far as the checkpoint covers them: first what the
 * form begins with, then a text for each page. It reads on only when the last text was taken.
 */
export async function* exportSearch(
  reader: Pick<AuditReader, 'search'>,
  prover: RecordProver,
  search: AuditSearch,
  writer: RecordWriter,
): AsyncGenerator<string> {
  const head = writer.head(prover.note);
  if (head !== '') yield head;
  let before: string | null = String(prover.size);
  while (before !== null) {
    const { entries, next } = await reader.search(search, { before, limit: PAGE });
    const records = await prover.prove(entries.map(({ sequence }) => Number(sequence)));
    if (records.length > 0)
      yield records
        .toReversed()
        .map((proven) => writer.item(proven))
        .join('');
    before = next;
  }
}
