import { Injectable } from '@nestjs/common';

import { AuditReader } from '../audit/audit-log.js';
import { Clock } from '../oauth/clock.js';
import { uuidv7 } from '../oauth/uuid.js';
import { Deliveries } from '../streams/deliveries.js';
import { DeliveryError } from '../streams/delivery.js';
import { LedgerFollower } from '../streams/ledger-follower.js';
import { sinkProblems } from '../streams/sink-rules.js';
import { makeWebhookSecret, SinkSecrets, type NatsCredentials } from '../streams/sink-secrets.js';
import { SinkConflictError, SinkStore } from '../streams/sink-store.js';
import { SinkWorker } from '../streams/sink-worker.js';
import type { DeadLetter, Sink, SinkKind, SinkSettings, SinkState } from '../streams/sink.js';
import { FetchSettings, GuardedFetch } from '../tokens/guarded-fetch.js';
import { checkIfMatch } from './etag.js';
import { namedFields } from './named-fields.js';
import { invalidFields, notFound, Problem } from './problem.js';
import type {
  ChangeSink,
  CreateSink,
  NatsCredentialFields,
  ReplaySink,
  RotateSinkSecret,
} from './sink.dto.js';

const MAX_ATTEMPTS = 12;
/** Seconds that a secret signs beside the one after it. */
const OVERLAP = 86_400;

/** A sink, with its secret where it was made this moment. */
export interface SinkWithSecret {
  readonly sink: Sink;
  readonly secret?: string;
}

/** What administrators do with the receivers of records. Every write checks the whole that would be stored. */
@Injectable()
export class SinkAdministration {
  constructor(
    private readonly store: SinkStore,
    private readonly secrets: SinkSecrets,
    private readonly worker: SinkWorker,
    private readonly deliveries: Deliveries,
    private readonly followers: LedgerFollower,
    private readonly reader: AuditReader,
    private readonly fetch: GuardedFetch,
    private readonly settings: FetchSettings,
    private readonly clock: Clock,
  ) {}

  /** @throws Problem (404) */
  async get(id: string): Promise<Sink> {
    const sink = await this.store.find(id);
    if (sink === null) throw notFound('sink');
    return sink;
  }

  /** In ascending order of the id, which is the order of their making. */
  list(after: string | undefined, limit: number): Promise<readonly Sink[]> {
    return this.store.list({ after, limit });
  }

  /** It gets what comes next; a replay gives it what was before. @throws Problem (400) */
  async create({ kind, credentials, ...fields }: CreateSink): Promise<SinkWithSecret> {
    const id = uuidv7(this.clock.now());
    const sealed = this.#sealed(id, kind, credentials);
    const secret = kind === 'webhook' ? makeWebhookSecret() : undefined;
    const sealedSecret = secret === undefined ? sealed : this.secrets.seal(id, { current: secret });
    const sink: Sink = {
      id,
      kind,
      subject: null,
      format: 'cloudevents',
      maxAttempts: MAX_ATTEMPTS,
      onExhausted: 'skip',
      ...namedFields(fields),
      name: fields.name,
      url: fields.url,
      filter: { ...namedFields(fields.filter ?? {}) },
      sealedSecret: sealedSecret ?? null,
      createdAt: this.clock.now(),
      version: 1,
      state: 'active',
      cursor: await this.followers.size(),
      failures: 0,
      nextAttempt: 0,
      lastError: null,
      deliveredAt: null,
    };
    this.#check(sink);
    await this.store.create(sink);
    return secret === undefined ? { sink } : { sink, secret };
  }

  /** @throws Problem (400, 404, 409, 412) */
  async change(id: string, changes: ChangeSink, ifMatch?: string): Promise<Sink> {
    const sink = await this.get(id);
    checkIfMatch(ifMatch, sink.version);
    const { credentials, filter, ...fields } = changes;
    const sealedSecret = this.#sealed(id, sink.kind, credentials) ?? sink.sealedSecret;
    const kept = filter === undefined ? sink.filter : { ...namedFields(filter) };
    return this.#update({ ...sink, ...namedFields(fields), filter: kept, sealedSecret });
  }

  /** @throws Problem (404) */
  async delete(id: string): Promise<void> {
    if (!(await this.store.delete(id))) throw notFound('sink');
  }

  /** Pauses a sink, or goes on with it at once. @throws Problem (404) */
  setState(id: string, state: Extract<SinkState, 'active' | 'paused'>): Promise<Sink> {
    return this.#move(id, { state });
  }

  /** Delivers from a place or a time on, again. @throws Problem (400, 404) */
  async replay(id: string, { sequence, time }: ReplaySink): Promise<Sink> {
    if ((sequence === undefined) === (time === undefined))
      throw invalidFields([{ field: 'sequence', problem: 'must be given, or else time' }]);
    await this.get(id);
    const cursor = sequence ?? (await this.#placeOf(time ?? 0));
    if (cursor > (await this.followers.size()))
      throw invalidFields([{ field: 'sequence', problem: 'is not in the log yet' }]);
    return this.#move(id, { cursor });
  }

  /** A new secret; the one before signs too for a while. @throws Problem (404, 409) */
  async rotate(
    id: string,
    { previousExpiresIn = OVERLAP }: RotateSinkSecret,
  ): Promise<SinkWithSecret> {
    const sink = await this.get(id);
    if (sink.kind !== 'webhook') throw new Problem(409, 'Only webhooks are signed.');
    const secret = makeWebhookSecret();
    const until = this.clock.now() + previousExpiresIn * 1000;
    const previous = { secret: this.secrets.webhook(sink).current, until };
    const sealedSecret = this.secrets.seal(id, { current: secret, previous });
    return { sink: await this.#update({ ...sink, sealedSecret }), secret };
  }

  /** Tries the way without any record. @returns what went wrong; null when nothing did */
  async test(id: string): Promise<string | null> {
    const sink = await this.get(id);
    return failureOf(() => this.deliveries.of(sink.kind).test(sink));
  }

  /** The newest first. @throws Problem (404) */
  async deadLetters(
    id: string,
    before: string | undefined,
    limit: number,
  ): Promise<readonly DeadLetter[]> {
    await this.get(id);
    return this.store.deadLetters(id, { before, limit });
  }

  /**
   * Delivers a dead letter at once, and forgets it when the receiver has it.
   * @returns what went wrong; null when nothing did
   * @throws Problem (404)
   */
  async redeliver(id: string, letterId: string): Promise<string | null> {
    const sink = await this.get(id);
    const letter = await this.store.findDeadLetter(id, letterId);
    if (letter === null) throw notFound('dead letter');
    const failure = await failureOf(async () => {
      for (let from = letter.first; from <= letter.last;) {
        const { batch, next } = await this.worker.read(sink, from, letter.last + 1);
        if (batch.messages.length > 0) await this.deliveries.of(sink.kind).deliver(sink, batch);
        if (next <= from) break;
        from = next;
      }
    });
    if (failure === null) await this.store.deleteDeadLetter(id, letterId);
    return failure;
  }

  /** The place of the first record of a time or later. */
  async #placeOf(time: number): Promise<number> {
    const { entries } = await this.reader.search({ until: time }, { limit: 1 });
    const [last] = entries;
    return last === undefined ? 0 : Number(last.sequence) + 1;
  }

  async #move(id: string, to: Parameters<SinkStore['move']>[1]): Promise<Sink> {
    const sink = await this.store.move(id, to);
    if (sink === null) throw notFound('sink');
    return sink;
  }

  async #update(sink: Sink): Promise<Sink> {
    const next = { ...sink, version: sink.version + 1 };
    this.#check(next);
    try {
      await this.store.update(next);
    } catch (error) {
      if (!(error instanceof SinkConflictError)) throw error;
      throw new Problem(409, 'The sink was changed meanwhile: read it again.');
    }
    return this.get(sink.id);
  }

  #check(sink: SinkSettings): void {
    const problems = sinkProblems(sink, this.fetch, this.settings.allowLoopbackHttp);
    if (problems.length > 0) throw invalidFields(problems);
  }

  #sealed(
    id: string,
    kind: SinkKind,
    fields: NatsCredentialFields | undefined,
  ): string | undefined {
    if (fields === undefined) return undefined;
    const credentials = kind === 'nats' ? credentialsOf(fields) : undefined;
    if (credentials === undefined)
      throw invalidFields([
        {
          field: 'credentials',
          problem: 'must be user and password, token, or nkeySeed, and for nats only',
        },
      ]);
    return this.secrets.seal(id, credentials);
  }
}

function credentialsOf(fields: NatsCredentialFields): NatsCredentials | undefined {
  const { user, password, token, nkeySeed, ...others } = namedFields(fields);
  const count = [user, token, nkeySeed].filter((each) => each !== undefined).length;
  if (count !== 1 || (user === undefined) !== (password === undefined)) return undefined;
  if (Object.keys(others).length > 0) return undefined;
  if (user !== undefined && password !== undefined) return { kind: 'password', user, password };
  if (token !== undefined) return { kind: 'token', token };
  return nkeySeed === undefined ? undefined : { kind: 'nkey', seed: nkeySeed };
}

async function failureOf(work: () => Promise<void>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (error instanceof DeliveryError) return error.message;
    throw error;
  }
}
