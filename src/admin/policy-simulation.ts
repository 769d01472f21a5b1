import { Injectable } from '@nestjs/common';

import { AccountDirectory } from '../accounts/account-directory.js';
import { AuditReader, type AuditEntry } from '../audit/audit-log.js';
import type { AuditRecord } from '../audit/audit-record.js';
import { ClientDirectory } from '../clients/client-directory.js';
import type { Client } from '../clients/client.js';
import { Targets } from '../clients/targets.js';
import type { ExchangeRequest, IssuerTerms, Target } from '../delegation/exchange-request.js';
import type { PolicySet } from '../delegation/policy-set.js';
import type { Basis, Verdict } from '../delegation/verdict.js';
import { GrantType } from '../oauth/grant-type.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { OAuthError } from '../oauth/oauth-error.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import { isScopeWithin } from '../oauth/scope.js';
import { TrustedIssuerStore } from '../tokens/trusted-issuer-store.js';
import { termsOf } from '../tokens/trusted-issuer.js';
import { replayedRequest } from './replayed-request.js';

/** Records that are read at a time. */
const PAGE = 1_000;
/** Milliseconds after which a simulation answers with what it has looked at: well before its request times out. */
const TIME = 15_000;
/** Records of a kind that are named in the answer. */
const NAMED = 100;

/** Why attempts are refused that the policies had allowed. */
const AFTERWARDS: ReadonlySet<RefusalReason | undefined> = new Set<RefusalReason>([
  'policy_used_up',
  'policy_widened',
  'record_not_written',
  'request_timed_out',
  'overloaded',
  'internal_error',
]);

/** An attempt whose verdict would be another. */
export interface ChangedVerdict {
  readonly recordId: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly client: string;
  readonly was: string;
  readonly would: string;
  readonly basis: Basis;
}

/** How the attempts of a time would fare under other policies. */
export interface Simulation {
  /** Attempts at an exchange in that time. */
  readonly examined: number;
  /** Of these, attempts that the policies decided and whose parties are still known. */
  readonly replayed: number;
  readonly unchanged: number;
  readonly nowRefused: Changed;
  readonly nowGranted: Changed;
  /** Granted as before, with less scope. */
  readonly narrowed: Changed;
  /** Whether there were more attempts than it had time for: older ones were not looked at. */
  readonly isCut: boolean;
}

/** Attempts of one kind: how many, and the newest of them. */
export interface Changed {
  readonly count: number;
  readonly newest: readonly ChangedVerdict[];
}

type Kind = 'unchanged' | 'nowRefused' | 'nowGranted' | 'narrowed';

/** Replays recorded attempts against other policies. */
@Injectable()
export class PolicySimulation {
  constructor(
    private readonly reader: AuditReader,
    private readonly clients: ClientDirectory,
    private readonly accounts: AccountDirectory,
    private readonly issuers: TrustedIssuerStore,
    private readonly targets: Targets,
    private readonly settings: IssuerSettings,
  ) {}

  /**
   * What the policies would have decided, from the newest attempt on.
   * @param span from (inclusive) and until (exclusive), in milliseconds since the epoch
   */
  async run(
    policies: PolicySet,
    span: { readonly from: number; readonly until: number },
  ): Promise<Simulation> {
    const tally = new Tally();
    const known = new KnownParties(
      this.clients,
      this.accounts,
      this.issuers,
      this.targets,
      this.settings,
    );
    const end = performance.now() + TIME;
    let before: string | undefined;
    do {
      const { entries, next } = await this.reader.search(
        { event: 'grant', grantType: GrantType.TokenExchange, ...span },
        { limit: PAGE, ...(before === undefined ? {} : { before }) },
      );
      for (const entry of entries) await this.#replay(entry, policies, known, tally);
      before = next ?? undefined;
    } while (before !== undefined && performance.now() < end);
    return tally.result(before !== undefined);
  }

  async #replay(
    { record }: AuditEntry,
    policies: PolicySet,
    known: KnownParties,
    tally: Tally,
  ): Promise<void> {
    tally.examined += 1;
    // Without a basis no policy was asked: the request failed before.
    const isDecided = record.basis !== undefined && !AFTERWARDS.has(record.reason);
    const request = isDecided ? await known.requestOf(record) : undefined;
    if (request !== undefined) tally.note(record, request, policies.evaluate(request));
  }
}

/** Whom records name, looked up once. */
class KnownParties {
  readonly #clients = new Map<string, Promise<Client | null>>();
  readonly #targets = new Map<string, Promise<readonly Target[] | undefined>>();
  readonly #groups = new Map<string, Promise<readonly string[]>>();
  readonly #terms = new Map<string, Promise<IssuerTerms | null>>();

  constructor(
    private readonly clients: ClientDirectory,
    private readonly accounts: AccountDirectory,
    private readonly issuers: TrustedIssuerStore,
    private readonly targets: Targets,
    private readonly settings: IssuerSettings,
  ) {}

  /** The request of a record; undefined when somebody in it is not known any more. */
  async requestOf(record: AuditRecord): Promise<ExchangeRequest | undefined> {
    const { client: caller, requested, issuedToken, subject, subjectToken } = record;
    const client = await once(this.#clients, caller?.clientId ?? '', (id) => this.clients.find(id));
    if (client === null) return undefined;
    const named = [...(requested?.resource ?? []), ...(requested?.audience ?? [])];
    const identifiers =
      named.length > 0 ? named : (issuedToken?.audience ?? [client.defaultTarget]);
    const targets = await once(this.#targets, JSON.stringify(identifiers), () =>
      this.#targetsOf(identifiers.filter((each) => each !== null)),
    );
    if (targets === undefined) return undefined;
    const subjectGroups = await once(
      this.#groups,
      subject?.iss === this.settings.issuer ? subject.sub : '',
      async (sub) => (await this.accounts.find(sub))?.groups ?? [],
    );
    const terms = await this.#termsOf(subjectToken?.issuer);
    if (terms === null) return undefined;
    return replayedRequest(record, { client, targets, subjectGroups, terms }, this.settings);
  }

  /** What another issuer is trusted with today; null when it is not trusted at all. */
  async #termsOf(issuer = this.settings.issuer): Promise<IssuerTerms | null | undefined> {
    if (issuer === this.settings.issuer) return undefined;
    return once(this.#terms, issuer, async () => {
      const trusted = await this.issuers.find(issuer);
      return trusted && termsOf(trusted);
    });
  }

  async #targetsOf(identifiers: readonly string[]): Promise<readonly Target[] | undefined> {
    try {
      return await this.targets.of([...new Set(identifiers)]);
    } catch (error) {
      if (error instanceof OAuthError && error.status < 500) return undefined;
      throw error;
    }
  }
}

function once<T>(
  known: Map<string, Promise<T>>,
  key: string,
  look: (key: string) => Promise<T>,
): Promise<T> {
  let value = known.get(key);
  if (value === undefined) known.set(key, (value = look(key)));
  return value;
}

/** Counts verdicts, and keeps the newest that differ. */
class Tally {
  examined = 0;
  readonly #counts = { unchanged: 0, nowRefused: 0, nowGranted: 0, narrowed: 0 };
  readonly #newest: Record<Exclude<Kind, 'unchanged'>, ChangedVerdict[]> = {
    nowRefused: [],
    nowGranted: [],
    narrowed: [],
  };

  note(record: AuditRecord, request: ExchangeRequest, verdict: Verdict): void {
    const kind = kindOf(record, verdict);
    this.#counts[kind] += 1;
    if (kind === 'unchanged' || this.#newest[kind].length === NAMED) return;
    this.#newest[kind].push({
      recordId: record.id,
      time: record.time,
      client: request.requester.clientId,
      was: record.outcome === 'granted' ? 'granted' : (record.reason ?? 'refused'),
      would: verdict.outcome === 'allowed' ? 'granted' : verdict.reason,
      basis: verdict.basis,
    });
  }

  result(isCut: boolean): Simulation {
    const { unchanged, nowRefused, nowGranted, narrowed } = this.#counts;
    const changed = (kind: Exclude<Kind, 'unchanged'>, count: number): Changed => ({
      count,
      newest: this.#newest[kind],
    });
    return {
      examined: this.examined,
      replayed: unchanged + nowRefused + nowGranted + narrowed,
      unchanged,
      nowRefused: changed('nowRefused', nowRefused),
      nowGranted: changed('nowGranted', nowGranted),
      narrowed: changed('narrowed', narrowed),
      isCut,
    };
  }
}

function kindOf({ outcome, issuedToken }: AuditRecord, verdict: Verdict): Kind {
  if (outcome === 'granted' && verdict.outcome === 'refused') return 'nowRefused';
  if (outcome === 'refused' && verdict.outcome === 'allowed') return 'nowGranted';
  const isNarrower =
    verdict.outcome === 'allowed' && !isScopeWithin(new Set(issuedToken?.scope), verdict.scope);
  return isNarrower ? 'narrowed' : 'unchanged';
}
