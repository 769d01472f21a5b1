import {
  Catch,
  HttpException,
  Logger,
  NotFoundException,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import {
  InvalidRequestError,
  NothingHereError,
  OAuthError,
  TemporarilyUnavailableError,
} from '../oauth/oauth-error.js';
import { sendJson } from './send-json.js';

/** Words every refusal of the protocol's endpoints as RFC 6749 section 5.2 does; never a stack trace. */
@Catch()
export class OAuthErrorFilter implements ExceptionFilter {
  readonly #logger = new Logger(OAuthErrorFilter.name);

  catch(thrown: unknown, host: ArgumentsHost): void {
    const refusal = refusalOf(thrown);
    if (refusal.status >= 500)
      this.#logger.error({ reason: refusal.reason, cause: causeOf(refusal) });
    const response = host.switchToHttp().getResponse<ServerResponse>();
    if (response.headersSent) return;
    sendJson(
      response,
      refusal.status,
      { error: refusal.error, error_description: refusal.description },
      refusal.headers,
    );
  }
}

function refusalOf(thrown: unknown): OAuthError {
  if (thrown instanceof OAuthError) return thrown;
  if (thrown instanceof NotFoundException) return new NothingHereError();
  if (thrown instanceof HttpException && thrown.getStatus() < 500) {
    return new InvalidRequestError('malformed_request', 'The request is malformed.');
  }
  return new TemporarilyUnavailableError('internal_error', { cause: thrown });
}

function causeOf(error: Error): string {
  const { cause } = error;
  if (!(cause instanceof Error)) return typeof cause;
  return `${cause.name}: ${cause.message}${cause.cause === undefined ? '' : ` (${causeOf(cause)})`}`;
}
