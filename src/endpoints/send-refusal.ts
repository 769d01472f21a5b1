import { HttpException, Logger, NotFoundException } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import {
  InvalidRequestError,
  NothingHereError,
  OAuthError,
  TemporarilyUnavailableError,
} from '../oauth/oauth-error.js';
import { sendJson } from './send-json.js';

const logger = new Logger('Refusal');

/** Words a refusal as RFC 6749 section 5.2 does; never a stack trace. */
export function sendRefusal(response: ServerResponse, thrown: unknown): void {
  const refusal = refusalOf(thrown);
  if (refusal.status >= 500) logger.error({ reason: refusal.reason, cause: wordsOfCause(refusal) });
  if (response.headersSent) return;
  sendJson(
    response,
    refusal.status,
    { error: refusal.error, error_description: refusal.description, ...refusal.members },
    refusal.headers,
  );
}

/** What was thrown, as a refusal that can be told. */
export function refusalOf(thrown: unknown): OAuthError {
  if (thrown instanceof OAuthError) return thrown;
  if (thrown instanceof NotFoundException) return new NothingHereError();
  if (thrown instanceof HttpException && thrown.getStatus() < 500) {
    return new InvalidRequestError('malformed_request', 'The request is malformed.');
  }
  return new TemporarilyUnavailableError('internal_error', { cause: thrown });
}

/** Why a refusal came to be, in words for the log. */
export function wordsOfCause(error: Error): string {
  const { cause } = error;
  if (!(cause instanceof Error)) return typeof cause;
  return `${cause.name}: ${cause.message}${cause.cause === undefined ? '' : ` (${wordsOfCause(cause)})`}`;
}
