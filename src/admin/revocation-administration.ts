import { Injectable } from '@nestjs/common';

import { AuditReader } from '../audit/audit-log.js';
import type { AuditRecord, RecordedRevocation } from '../audit/audit-record.js';
import {
  CountedRevocation,
  type NamedToken,
  type ToRevoke,
} from '../aftercare/counted-revocation.js';
import { recordedToll, type Toll } from '../aftercare/toll.js';
import { Clock } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { CLOCK_MARGIN } from '../tokens/revocation.js';
import { readTokenId } from '../delegation/token-id.js';
import type { AdministrativeAct } from './administrative-act.js';
import { invalidFields, notFound } from './problem.js';
import { namesOf, targetOf, tellableReason } from './revocation-names.js';
import type { NamedRevocation, ReasonedRevocation } from './revocation.dto.js';

/** Milliseconds in which every token of a chain expires: no client's `tokenLifetime` is longer. */
const LONGEST = 24 * 60 * 60_000;

/** What was revoked, or would be, and what died of it. */
export interface Revoked {
  readonly kind: string;
  readonly names: Readonly<Record<string, string>>;
  /** Undefined when it could not be counted. */
  readonly toll: Toll | undefined;
}

/** What administrators revoke. */
@Injectable()
export class RevocationAdministration {
  constructor(
    private readonly tokens: CountedRevocation,
    private readonly reader: AuditReader,
    private readonly settings: IssuerSettings,
    private readonly clock: Clock,
  ) {}

  /**
   * What would die. Nothing is changed.
   * @throws Problem (400, 404)
   */
  async plan(named: NamedRevocation, act: AdministrativeAct): Promise<Revoked> {
    const all = await this.#find(named);
    const revoked = { ...wordsOf(named, all), toll: await this.tokens.plan(all) };
    act.facts.revocation = recorded(revoked);
    return revoked;
  }

  /**
   * Revokes, and tells what died; the second time that is nothing.
   * @throws Problem (400, 404)
   */
  async revoke(named: ReasonedRevocation, act: AdministrativeAct): Promise<Revoked> {
    if (named.kind === 'all' && named.confirm !== 'all')
      throw invalidFields([{ field: 'confirm', problem: 'must be "all"' }]);
    if (named.kind !== 'all' && named.confirm !== undefined)
      throw invalidFields([{ field: 'confirm', problem: 'goes with the kind "all" alone' }]);
    act.facts.requested = { purpose: tellableReason(named.reason) };
    const all = await this.#find(named);
    const words = wordsOf(named, all);
    // Before it is done: if it fails it may be done nevertheless.
    act.facts.revocation = words;
    const revoked = { ...words, toll: await this.tokens.revoke(all) };
    act.facts.revocation = recorded(revoked);
    return revoked;
  }

  async #find(named: NamedRevocation): Promise<readonly ToRevoke[]> {
    const target = targetOf(named, this.settings.issuer);
    if (target.kind === 'jti') return this.#tokens(target.jti);
    if (target.kind !== 'chain') return [{ target }];
    const { entries } = await this.reader.search({ chainId: target.chainId }, { limit: 1 });
    if (entries.length === 0) throw notFound('chain');
    return [{ target, expiresAt: this.clock.now() + LONGEST + CLOCK_MARGIN }];
  }

  /** Every token of this `jti`: the one that was issued here, or else those of others that were presented. */
  async #tokens(jti: string): Promise<readonly ToRevoke[]> {
    const records = (await this.reader.byJti(jti)).map(({ record }) => record);
    const issued = records.filter(({ issuedToken }) => issuedToken?.jti === jti);
    const known = issued.length > 0 ? issued.map(issuedIn) : records.map(presentedIn);
    const tokens = new Map(
      known.flatMap((each) => (each === undefined ? [] : [[each.target.hash, each] as const])),
    );
    if (tokens.size === 0) throw notFound('token');
    return [...tokens.values()];
  }
}

type TokenToRevoke = ToRevoke & {
  readonly target: { readonly kind: 'token'; readonly hash: string };
};

/** Nothing that comes of a token outlives it. */
function issuedIn({ issuedToken, subject, actors = [] }: AuditRecord): TokenToRevoke | undefined {
  if (issuedToken?.jti === undefined || subject === undefined) return undefined;
  const { hash, jti, expiresAt } = issuedToken;
  const chainId = readTokenId(jti)?.chainId;
  const token: NamedToken = { jti, chainId, subject, isDelegated: actors.length > 0 };
  const end = expiresAt === undefined ? undefined : expiresAt * 1_000 + CLOCK_MARGIN;
  return { target: { kind: 'token', hash }, token, expiresAt: end };
}

function presentedIn({
  subjectToken,
  subject,
  inboundActors = [],
}: AuditRecord): TokenToRevoke | undefined {
  if (subjectToken?.jti === undefined || subject === undefined) return undefined;
  const { hash, jti } = subjectToken;
  const token: NamedToken = {
    jti,
    chainId: undefined,
    subject,
    isDelegated: inboundActors.length > 0,
  };
  return { target: { kind: 'token', hash }, token };
}

function wordsOf(
  { kind, jti }: NamedRevocation,
  all: readonly ToRevoke[],
): Pick<Revoked, 'kind' | 'names'> {
  const [first] = all;
  const names = first === undefined ? {} : namesOf(first.target);
  return { kind, names: jti === undefined ? names : { ...names, jti } };
}

function recorded({ kind, names, toll }: Revoked): RecordedRevocation {
  if (toll === undefined) return { kind, names };
  return { kind, names, died: recordedToll(toll) };
}
