import type { AuditRecord, RecordedRevocation } from '../audit/audit-record.js';

/** Names that a list has, and tokens that are named. */
const MOST = 100;
const NAMED = 10;

/** How many tokens are somebody's. */
export interface Share {
  readonly name: string;
  readonly tokens: number;
}

/** What died of a revocation, or would: access tokens that were alive. */
export interface Toll {
  readonly tokens: number;
  /** Delegation chains that these belong to. */
  readonly chains: number;
  /** By the client that got the token; the hundred that have most. */
  readonly byClient: readonly Share[];
  /** A token for several counts at each; the hundred that have most. */
  readonly byAudience: readonly Share[];
  /** The records of the newest ten. */
  readonly newest: readonly AuditRecord[];
  /** Whether every record was looked at that could tell of one. */
  readonly isComplete: boolean;
}

/** What a record keeps of it. */
export function recordedToll({
  tokens,
  chains,
  isComplete,
}: Toll): NonNullable<RecordedRevocation['died']> {
  return { tokens, chains, isComplete };
}

/** Counts records of tokens, each token once. */
export class TollCount {
  readonly #hashes = new Set<string>();
  readonly #chains = new Set<string>();
  readonly #clients = new Map<string, number>();
  readonly #audiences = new Map<string, number>();
  #newest: readonly AuditRecord[] = [];

  /** @returns whether its token was counted already */
  has({ issuedToken }: AuditRecord): boolean {
    return issuedToken !== undefined && this.#hashes.has(issuedToken.hash);
  }

  add(record: AuditRecord): void {
    const { issuedToken, chainId, client } = record;
    if (issuedToken === undefined || this.has(record)) return;
    this.#hashes.add(issuedToken.hash);
    if (chainId !== undefined) this.#chains.add(chainId);
    if (client !== undefined) increase(this.#clients, client.clientId);
    for (const name of issuedToken.audience ?? []) increase(this.#audiences, name);
    const isNew = this.#newest.length < NAMED || record.time > (this.#newest.at(-1)?.time ?? 0);
    if (isNew)
      this.#newest = [...this.#newest, record]
        .toSorted((one, other) => other.time - one.time)
        .slice(0, NAMED);
  }

  toll(isComplete: boolean): Toll {
    return {
      tokens: this.#hashes.size,
      chains: this.#chains.size,
      byClient: largest(this.#clients),
      byAudience: largest(this.#audiences),
      newest: this.#newest,
      isComplete,
    };
  }
}

function increase(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function largest(counts: ReadonlyMap<string, number>): readonly Share[] {
  return [...counts]
    .map(([name, tokens]) => ({ name, tokens }))
    .toSorted((one, other) => other.tokens - one.tokens || (one.name < other.name ? -1 : 1))
    .slice(0, MOST);
}
