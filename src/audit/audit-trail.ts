import { Injectable } from '@nestjs/common';

import { Clock } from '../oauth/clock.js';
import { OAuthError, TemporarilyUnavailableError } from '../oauth/oauth-error.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import { Attempt, type AttemptOrigin } from './attempt.js';
import { AuditLog } from './audit-log.js';
import type { AuditEvent, AuditRecord } from './audit-record.js';

/** Milliseconds that an attempt may take; whatever hangs, its record is written and its caller answered. */
const TIME_LIMIT = 20_000;

/** How something ended that need not leave a record. */
export interface Watched<T> {
  readonly answer: T;
  /** `granted`, or why it counts as refused although its caller is not told so; absent for no record. */
  readonly recorded?: 'granted' | RefusalReason | undefined;
}

type RecordedRefusal = Pick<OAuthError, 'reason'> & Partial<Pick<OAuthError, 'error'>>;

/** Sees to it that every attempt leaves exactly one record, and that no answer leaves before it. */
@Injectable()
export class AuditTrail {
  constructor(
    private readonly log: AuditLog,
    private readonly clock: Clock,
  ) {}

  /**
   * Runs the work of one attempt, writes its record durably, then answers or rethrows.
   * @throws OAuthError: the refusal; or `temporarily_unavailable` when the record cannot be written
   *   or the work failed in a way nobody meant, and then nothing was issued
   */
  async witness<T>(
    origin: AttemptOrigin,
    work: (attempt: Attempt) => Promise<T>,
    event: AuditEvent = 'grant',
  ): Promise<T> {
    const attempt = new Attempt(event, origin, this.clock.now());
    const answer = await this.#done(attempt, work);
    await this.#write(attempt, undefined);
    return answer;
  }

  /**
   * The same for what is no attempt to get anything: a refusal leaves a record, an answer only when the
   * work says so.
   * @throws OAuthError as `witness` does
   */
  async watch<T>(
    origin: AttemptOrigin,
    event: AuditEvent,
    work: (attempt: Attempt) => Promise<Watched<T>>,
  ): Promise<T> {
    const attempt = new Attempt(event, origin, this.clock.now());
    const { answer, recorded } = await this.#done(attempt, work);
    if (recorded !== undefined)
      await this.#write(attempt, recorded === 'granted' ? undefined : { reason: recorded });
    return answer;
  }

  async #done<T>(attempt: Attempt, work: (attempt: Attempt) => Promise<T>): Promise<T> {
    try {
      return await withinTime(work(attempt));
    } catch (error) {
      const refusal =
        error instanceof OAuthError
          ? error
          : new TemporarilyUnavailableError('internal_error', { cause: error });
      await this.#write(attempt, refusal);
      throw refusal;
    }
  }

  async #write(attempt: Attempt, refusal: RecordedRefusal | undefined): Promise<void> {
    try {
      await this.log.append(recordOf(attempt, refusal));
    } catch (cause) {
      throw new TemporarilyUnavailableError('record_not_written', { cause });
    }
  }
}

function recordOf(attempt: Attempt, refusal: RecordedRefusal | undefined): AuditRecord {
  const { requestId, traceId, address } = attempt.origin;
  return {
    id: attempt.id,
    schema: 1,
    time: attempt.time,
    event: attempt.event,
    outcome: refusal ? 'refused' : 'granted',
    ...(refusal ? { reason: refusal.reason } : {}),
    ...(refusal?.error === undefined ? {} : { error: refusal.error }),
    requestId,
    ...(traceId === undefined ? {} : { traceId }),
    ...(address === undefined ? {} : { address }),
    ...attempt.facts,
    ...(refusal ? { issuedToken: undefined } : {}),
  } as AuditRecord;
}

/** Rejects when the work is not done in time; what it still does is not answered any more. */
async function withinTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new TemporarilyUnavailableError('request_timed_out')),
      TIME_LIMIT,
    );
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
