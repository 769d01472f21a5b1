import { HttpException, Injectable, type ExecutionContext } from '@nestjs/common';

import type { AuditEvent } from '../audit/audit-record.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { recordedToken } from '../grants/recorded.js';
import { OAuthError } from '../oauth/oauth-error.js';
import { TokenType } from '../oauth/token-type.js';
import type { AdminRequest, AdministrativeAct } from './administrative-act.js';
import { Problem } from './problem.js';
import { showsRecords } from './shows-records.js';
import { recordedOperation } from './recorded-operation.js';

/** The methods that change nothing (RFC 9110 section 9.2.1). */
const SAFE: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** What a record says of a refusal, by its status. */
const CODES: Readonly<Record<number, string>> = {
  403: 'insufficient_scope',
  404: 'not_found',
  405: 'method_not_allowed',
  409: 'conflict',
  410: 'gone',
  412: 'precondition_failed',
  413: 'content_too_large',
  415: 'unsupported_media_type',
};

/**
 * Sees to it that whatever is meant to change something through the admin API leaves one record, and
 * whatever shows what is recorded.
 */
@Injectable()
export class AdministrationRecords {
  constructor(private readonly trail: AuditTrail) {}

  /**
   * Does the work of a request, writes its record, then answers or rethrows what the work threw.
   * @throws OAuthError `temporarily_unavailable` when the work failed in a way nobody meant, or the
   *   record cannot be written: then a change may have been made nevertheless, and nothing is shown
   */
  async witness<T>(
    context: ExecutionContext,
    act: AdministrativeAct,
    work: () => Promise<T>,
  ): Promise<T> {
    const event = eventOf(context);
    if (event === undefined) return work();
    const { clientId } = act.token;
    try {
      return await this.trail.witness(
        act.origin,
        async (attempt) => {
          attempt.note({
            ...(clientId === undefined ? {} : { client: { clientId } }),
            subject: act.administrator,
            subjectToken: recordedToken(act.token, TokenType.AccessToken),
            operation: recordedOperation(context),
          });
          try {
            const body = await work();
            attempt.note({ ...act.facts, operation: recordedOperation(context, { body }) });
            return body;
          } catch (error) {
            attempt.note({ ...act.facts, operation: recordedOperation(context) });
            throw isRefusal(error) ? new AdministrationRefusedError(error) : error;
          }
        },
        event,
      );
    } catch (error) {
      throw error instanceof AdministrationRefusedError ? error.refusal : error;
    }
  }
}

/** What a request is recorded as; undefined when it leaves no record. */
function eventOf(context: ExecutionContext): AuditEvent | undefined {
  const { method } = context.switchToHttp().getRequest<AdminRequest>();
  if (showsRecords(context.getHandler())) return 'audit_read';
  return SAFE.has(method) ? undefined : 'administration';
}

/** A refusal of the admin API on its way through the trail, which knows it by this. */
class AdministrationRefusedError extends OAuthError {
  readonly error: string;
  readonly status: number;

  constructor(readonly refusal: Problem | HttpException) {
    super('administration_refused', 'The operation was refused.', { cause: refusal });
    this.status = statusOf(refusal);
    this.error = CODES[this.status] ?? 'invalid_request';
  }
}

function isRefusal(thrown: unknown): thrown is Problem | HttpException {
  return (thrown instanceof Problem || thrown instanceof HttpException) && statusOf(thrown) < 500;
}

function statusOf(refusal: Problem | HttpException): number {
  return refusal instanceof Problem ? refusal.status : refusal.getStatus();
}
