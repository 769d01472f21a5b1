import { Injectable, Optional } from '@nestjs/common';

import { AuditReader } from '../audit/audit-log.js';
import type { AuditEntry } from '../audit/audit-log.js';
import type { AuditRecord, RecordedRevocation } from '../audit/audit-record.js';
import { Lineage, tokenMark } from '../delegation/lineage.js';
import { Clock, epochSeconds } from '../oauth/clock.js';
import type { SecurityToken } from '../tokens/security-token.js';
import { revocationKey } from '../tokens/revocation.js';
import { Revocations } from '../tokens/revocations.js';

/** What died, as a record keeps it. */
export type Toll = NonNullable<RecordedRevocation['died']>;

/** Entries that are read at most, and those that the reader gives at most about one token. */
const MOST_ENTRIES = 10_000;
const MOST_OF_TOKEN = 1_000;
/** Milliseconds. */
const TIME_LIMIT = 2_000;

/** Counts from the audit log what died with a token; it never fails a revocation. */
@Injectable()
export class DeathToll {
  constructor(
    private readonly revocations: Revocations,
    private readonly clock: Clock,
    @Optional() private readonly reader?: AuditReader,
  ) {}

  /**
   * How many tokens were alive but for the revocation of this one, itself among them.
   * @returns undefined when the log cannot be read here, or not in time
   */
  async of(token: SecurityToken): Promise<Toll | undefined> {
    const { reader } = this;
    if (reader === undefined) return undefined;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), TIME_LIMIT);
    });
    const counted = this.#count(token, reader).catch(() => undefined);
    return Promise.race([counted, late]).finally(() => clearTimeout(timer));
  }

  async #count(token: SecurityToken, reader: AuditReader): Promise<Toll> {
    const { entries, isComplete } = await descendantsOf(token, reader);
    const tokens = new Set([token.hash]);
    const chains = new Set(token.tokenId?.chainId === undefined ? [] : [token.tokenId.chainId]);
    for (const { record } of entries) {
      const { issuedToken, chainId } = record;
      if (issuedToken === undefined || !(await this.#didDie(record, token))) continue;
      tokens.add(issuedToken.hash);
      if (chainId !== undefined) chains.add(chainId);
    }
    return { tokens: tokens.size, chains: chains.size, isComplete };
  }

  async #didDie(
    { time, issuedToken, subject, actors = [], chainId }: AuditRecord,
    { hash }: SecurityToken,
  ): Promise<boolean> {
    const lineage = Lineage.read(issuedToken?.lineage);
    if (issuedToken === undefined || subject === undefined) return false;
    if (lineage?.marks.includes(tokenMark(hash)) !== true) return false;
    if ((issuedToken.expiresAt ?? 0) <= epochSeconds(this.clock.now())) return false;
    const revocable = {
      hash: issuedToken.hash,
      issuedAt: time,
      lineage,
      issuer: issuedToken.issuer ?? '',
      isOwn: true,
      chainId,
      subject,
      clientId: issuedToken.clientId,
      actors,
    };
    const key = revocationKey({ kind: 'token', hash });
    return (await this.revocations.reasonAgainst(revocable, key)) === undefined;
  }
}

/** The entries of the chain that a token is in, or of those that began with it. */
async function descendantsOf(
  { tokenId, jti, chain, clientId }: SecurityToken,
  reader: AuditReader,
): Promise<{ readonly entries: readonly AuditEntry[]; readonly isComplete: boolean }> {
  const chainIds = new Set(tokenId?.chainId === undefined ? [] : [tokenId.chainId]);
  // What was done with a client's own token as an actor token is in chains of others.
  let isComplete = chain.depth > 0 || chain.subject.sub !== clientId;
  if (chainIds.size === 0 && jti !== undefined) {
    const began = await reader.byJti(jti);
    isComplete &&= began.length < MOST_OF_TOKEN;
    for (const { record } of began) if (record.chainId !== undefined) chainIds.add(record.chainId);
  }
  const entries: AuditEntry[] = [];
  for (const chainId of chainIds) {
    if (entries.length >= MOST_ENTRIES) return { entries, isComplete: false };
    const found = await reader.chain(chainId);
    isComplete &&= found.length < MOST_ENTRIES;
    entries.push(...found);
  }
  return { entries, isComplete };
}
