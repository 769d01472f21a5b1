import type { AuditEntry, AuditReader, AuditSearch } from '../audit/audit-log.js';
import type { RecordedParty, RecordedRead } from '../audit/audit-record.js';
import { peopleOf } from '../audit/record-names.js';
import type { PlacedLeaf } from '../audit/ledger/ledger-reader.js';
import type { ActFacts } from './administrative-act.js';

/** Parties that a record of a read names at most. */
const MOST = 20;

/** What a record of a read says of entries that were shown, and of whom they are. */
export function recordedRead(
  entries: readonly Pick<AuditEntry, 'sequence'>[],
  more: Omit<RecordedRead, 'records' | 'first' | 'last'> = {},
  whose: readonly RecordedParty[] = [],
): Pick<ActFacts, 'read' | 'whose'> {
  const places = entries
    .map(({ sequence }) => BigInt(sequence))
    .toSorted((a, b) => (a < b ? -1 : 1));
  const [first, last] = [places.at(0), places.at(-1)];
  const range = first === undefined ? {} : { first: String(first), last: String(last) };
  const parties = distinct(whose).slice(0, MOST);
  return {
    read: { records: entries.length, ...range, ...more },
    ...(parties.length === 0 ? {} : { whose: parties }),
  };
}

/**
 * What a record of a read says of all that a search finds, which is on its way only then.
 * @param issuer of this server
 */
export async function readOfSearch(
  search: AuditSearch,
  reader: AuditReader,
  issuer: string | undefined,
): Promise<Pick<ActFacts, 'read' | 'whose'>> {
  const filters = Object.keys(search);
  const { entries } = await reader.search(search, { limit: 1 });
  const whose = distinct(askedFor(search, entries, issuer));
  return {
    read: {
      ...(filters.length === 0 ? {} : { filters }),
      ...(search.chainId === undefined ? {} : { chainIds: [search.chainId] }),
    },
    ...(whose.length === 0 ? {} : { whose }),
  };
}

/** What a record of a read says of leaves: whoever exports them reads everybody's. */
export function readOfLeaves(leaves: readonly PlacedLeaf[]): Pick<ActFacts, 'read'> {
  return recordedRead(leaves.map(({ index }) => ({ sequence: String(index) })));
}

/**
 * Of whom a search tells that asked for a person: those of this name whom it found.
 * @param issuer of this server
 */
export function askedFor(
  { subject, person, actor }: AuditSearch,
  entries: readonly AuditEntry[],
  issuer: string | undefined,
): readonly RecordedParty[] {
  const parties = entries.flatMap(({ record }) => [
    ...(record.subject?.sub === subject ? [record.subject] : []),
    ...(person === undefined ? [] : peopleOf(record, issuer).filter(({ sub }) => sub === person)),
    ...[record.actor, ...(record.actors ?? []), ...(record.inboundActors ?? [])].filter(
      (party) => actor !== undefined && party?.sub === actor,
    ),
  ]);
  return parties.filter((party) => party !== undefined);
}

function distinct(parties: readonly RecordedParty[]): readonly RecordedParty[] {
  const known = new Map(parties.map((party) => [JSON.stringify([party.iss, party.sub]), party]));
  return [...known.values()];
}
