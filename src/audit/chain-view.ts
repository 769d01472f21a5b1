import type { AuditEntry } from './audit-log.js';
import type { AuditRecord, RecordedParty, RecordedToken } from './audit-record.js';

/** What a hop took away: the right side is what the issued token still holds. */
export interface Narrowing {
  readonly scope: {
    readonly from: readonly string[];
    readonly to: readonly string[];
    readonly dropped: readonly string[];
  };
  readonly audience: { readonly from: readonly string[]; readonly to: readonly string[] };
  /** Seconds since the epoch. */
  readonly expiresAt: { readonly from: number | null; readonly to: number | null };
}

/** One attempt in a chain. */
export interface Hop {
  readonly sequence: string;
  /** The hop whose token this attempt presented; null where the chain begins. */
  readonly parentId: string | null;
  /** How many actors the chain has after it. */
  readonly depth: number;
  /** Null when it was refused: nothing was issued. */
  readonly narrowed: Narrowing | null;
  readonly record: AuditRecord;
}

/** A chain as an auditor reads it: who acted for whom, through whom, and what was tried in vain. */
export interface ChainView {
  readonly chainId: string;
  readonly subject: RecordedParty | null;
  /** The application that the first token was issued to. */
  readonly clientId: string | null;
  /** One line: `subject / client -> actor -> actor`, along the longest granted way. */
  readonly summary: string;
  /** Oldest first: a hop stands behind its parent, refused attempts included. */
  readonly hops: readonly Hop[];
}

/** Reads a chain from its entries, oldest first; undefined when there is none. */
export function viewChain(chainId: string, entries: readonly AuditEntry[]): ChainView | undefined {
  const first = entries[0]?.record;
  if (first === undefined) return undefined;
  const known = new Set(entries.map((entry) => entry.record.id));
  const clientId = first.subjectToken?.clientId ?? null;
  return {
    chainId,
    subject: first.subject ?? null,
    clientId,
    summary: summarise(first, clientId, entries),
    hops: entries.map(({ sequence, record }) => ({
      sequence,
      parentId:
        record.parentId !== undefined && known.has(record.parentId) ? record.parentId : null,
      depth: (record.actors ?? record.inboundActors ?? []).length,
      narrowed: narrowing(record),
      record,
    })),
  };
}

function narrowing({ outcome, subjectToken, issuedToken }: AuditRecord): Narrowing | null {
  if (outcome !== 'granted' || !subjectToken || !issuedToken) return null;
  const from = scopeOf(subjectToken);
  const to = scopeOf(issuedToken);
  return {
    scope: { from, to, dropped: from.filter((value) => !to.includes(value)) },
    audience: { from: subjectToken.audience ?? [], to: issuedToken.audience ?? [] },
    expiresAt: { from: subjectToken.expiresAt ?? null, to: issuedToken.expiresAt ?? null },
  };
}

function scopeOf(token: RecordedToken): readonly string[] {
  return token.scope ?? [];
}

function summarise(
  first: AuditRecord,
  clientId: string | null,
  entries: readonly AuditEntry[],
): string {
  const granted = entries.filter(({ record }) => record.outcome === 'granted');
  const longest = granted.reduce<readonly RecordedParty[]>((most, { record }) => {
    const actors = record.actors ?? [];
    return actors.length > most.length ? actors : most;
  }, []);
  const names = longest.map((actor) => actor.clientId ?? actor.sub).toReversed();
  const subject = first.subject?.sub ?? 'unknown';
  return [clientId === null ? subject : `${subject} / ${clientId}`, ...names].join(' -> ');
}
