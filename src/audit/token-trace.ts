import { Injectable } from '@nestjs/common';

import { readTokenId } from '../delegation/token-id.js';
import { AuditReader, type AuditEntry, type TokenRole } from './audit-log.js';
import type { RecordedToken } from './audit-record.js';

/** Descendants that are told at most. */
const MOST = 200;
/** Entries in which the token acted that are told at most. */
const MOST_ACTS = 50;
/** Generations: more than any chain may have. */
const DEEPEST = 64;
/** Entries that are looked at for what is known of a token. */
const FEW = 20;
/** Pages that are asked for at most, each of which may be empty. */
const PAGES = 20;

/** What somebody knows of a token that they found. */
export interface FoundToken {
  /** SHA-256 of the token, base64url. */
  readonly hash?: string | undefined;
  readonly jti?: string | undefined;
  /** Who issued it, as it says itself. */
  readonly issuer?: string | undefined;
}

/** An attempt to use a token, or one that came of it. */
export interface Descendant extends AuditEntry {
  /** The record that issued the token that was presented; null when another issuer did. */
  readonly parentId: string | null;
}

/** Where a token came from, and what came of it. */
export interface TokenTrace {
  /**
   * `hash` when the log knows exactly this token; `jti` when it only knows one of this `jti`, which
   * anybody can write into a token of their own.
   */
  readonly match: 'hash' | 'jti';
  /** The token that the log knows. */
  readonly token: RecordedToken;
  /** Where it was issued; null when another issuer did. */
  readonly issued: AuditEntry | null;
  /** Where the tokens were issued that it came of, the nearest first. */
  readonly ancestry: readonly AuditEntry[];
  /** Attempts with it and with all that came of it, refused ones too, oldest first. */
  readonly descendants: readonly Descendant[];
  /** Attempts in which it said who acts, newest first. */
  readonly acts: readonly AuditEntry[];
  /** Whether that is all; otherwise the oldest are missing. */
  readonly isComplete: boolean;
}

/** Follows tokens through the log, in both directions. */
@Injectable()
export class TokenTraces {
  constructor(private readonly reader: AuditReader) {}

  /** Null when the log knows no such token. Rejects when the log cannot be read. */
  async of(found: FoundToken): Promise<TokenTrace | null> {
    const exact = found.hash === undefined ? undefined : await this.#byHash(found.hash);
    const token = exact ?? (await this.#byJti(found));
    if (token === undefined) return null;
    const issued = await this.#issuedAt(token);
    const acts = await this.#all([token.hash], 'actor', undefined, MOST_ACTS);
    const descent = await this.#descendants(token, issued);
    return {
      match: exact === undefined ? 'jti' : 'hash',
      token: issued?.record.issuedToken ?? token,
      issued,
      ancestry: issued === null ? [] : await this.#ancestry(issued),
      descendants: descent.entries,
      acts: acts.entries,
      isComplete: acts.isComplete && descent.isComplete,
    };
  }

  /** What is known best: a refused attempt may know no more than the hash. */
  async #byHash(hash: string): Promise<RecordedToken | undefined> {
    const { entries, next } = await this.reader.search({ tokenHash: hash }, { limit: FEW });
    const [known, best] = bestOf(entries, hash);
    if (best !== undefined || (known === undefined && next === null)) return best;
    let other = known;
    for (const role of ['issued', 'subject', 'actor'] as const) {
      const found = await this.#all([hash], role, undefined, FEW);
      const [some, better] = bestOf(found.entries, hash);
      if (better !== undefined) return better;
      other ??= some;
    }
    return other;
  }

  /** Whom its issuer is said to be decides only between tokens that have one `jti`. */
  async #byJti({ jti, issuer }: FoundToken): Promise<RecordedToken | undefined> {
    if (jti === undefined) return undefined;
    const own = await this.reader.find(readTokenId(jti)?.recordId ?? '');
    const { entries } = await this.reader.search({ jti }, { limit: FEW });
    const tokens = [...(own === null ? [] : [own]), ...entries]
      .flatMap(({ record: { issuedToken, subjectToken, actorToken } }) => [
        issuedToken,
        subjectToken,
        actorToken,
      ])
      .filter((token) => token?.jti === jti);
    return tokens.find((token) => token?.issuer === issuer) ?? tokens[0];
  }

  /** The id in its `jti` leads there at once, if it tells the truth. */
  async #issuedAt({ hash, jti }: RecordedToken): Promise<AuditEntry | null> {
    const named = await this.reader.find(readTokenId(jti ?? '')?.recordId ?? '');
    if (named?.record.issuedToken?.hash === hash) return named;
    const [entry] = (await this.#all([hash], 'issued', undefined, 1)).entries;
    return entry ?? null;
  }

  async #ancestry(issued: AuditEntry): Promise<readonly AuditEntry[]> {
    const path = [issued];
    for (let token = issued.record.subjectToken; token !== undefined;) {
      const parent = await this.#issuedAt(token);
      const isNew = path.every(({ sequence }) => sequence !== parent?.sequence);
      if (parent === null || !isNew || path.length > DEEPEST) break;
      path.push(parent);
      token = parent.record.subjectToken;
    }
    return path.slice(1);
  }

  async #descendants(
    token: RecordedToken,
    issued: AuditEntry | null,
  ): Promise<{ readonly entries: readonly Descendant[]; readonly isComplete: boolean }> {
    const found = new Map<string, Descendant>();
    let isComplete = true;
    // From each token of a generation to the record that issued it.
    let parents = new Map([[token.hash, issued]]);
    for (let depth = 0; parents.size > 0 && depth < DEEPEST; depth += 1) {
      const next = new Map<string, AuditEntry | null>();
      const generation = await this.#all(
        [...parents.keys()],
        'subject',
        earliestOf([...parents.values()]),
        MOST - found.size,
      );
      isComplete &&= generation.isComplete;
      for (const entry of generation.entries) {
        const { sequence, record } = entry;
        if (found.has(sequence)) continue;
        const parent = parents.get(record.subjectToken?.hash ?? '');
        found.set(sequence, { sequence, parentId: parent?.record.id ?? null, record });
        if (record.issuedToken !== undefined) next.set(record.issuedToken.hash, entry);
      }
      if (found.size >= MOST && next.size > 0)
        return { entries: inOrder(found), isComplete: false };
      parents = next;
    }
    return { entries: inOrder(found), isComplete: isComplete && parents.size === 0 };
  }

  /** All entries in which the tokens play a part, the newest `most` of them. */
  async #all(
    hashes: readonly string[],
    role: TokenRole,
    after: string | undefined,
    most: number,
  ): Promise<{ readonly entries: readonly AuditEntry[]; readonly isComplete: boolean }> {
    const entries: AuditEntry[] = [];
    let before: string | undefined;
    for (let page = 0; page < PAGES && entries.length < most; page += 1) {
      const limit = most - entries.length;
      const found = await this.reader.ofTokens(hashes, role, { before, after, limit });
      entries.push(...found.entries);
      if (found.next === null) return { entries, isComplete: true };
      before = found.next;
    }
    return { entries, isComplete: false };
  }
}

/** Any token of this hash, and one of which the `jti` is known. */
function bestOf(
  entries: readonly AuditEntry[],
  hash: string,
): readonly [RecordedToken | undefined, RecordedToken | undefined] {
  const tokens = entries
    .flatMap(({ record }) => [record.issuedToken, record.subjectToken, record.actorToken])
    .filter((token) => token?.hash === hash);
  return [tokens[0], tokens.find((token) => token?.jti !== undefined)];
}

/** The place before which none of the tokens was there; undefined when that is not known. */
function earliestOf(issued: readonly (AuditEntry | null)[]): string | undefined {
  if (issued.includes(null)) return undefined;
  const places = issued.flatMap((entry) => (entry === null ? [] : BigInt(entry.sequence)));
  return String(places.reduce((least, place) => (place < least ? place : least)));
}

function inOrder(found: ReadonlyMap<string, Descendant>): readonly Descendant[] {
  return [...found.values()].toSorted((a, b) => (BigInt(a.sequence) < BigInt(b.sequence) ? -1 : 1));
}
