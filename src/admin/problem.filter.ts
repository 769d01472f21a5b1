import type { ServerResponse } from 'node:http';

import {
  Catch,
  HttpException,
  Logger,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';

import { Problem } from './problem.js';

/** Words every refusal of the admin API as a problem document (RFC 9457); never a stack trace. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger = new Logger(ProblemFilter.name);

  catch(thrown: unknown, host: ArgumentsHost): void {
    const problem = problemOf(thrown);
    if (problem.status >= 500)
      this.#logger.error({ event: 'admin_failed', cause: wordsOf(thrown) });
    const response = host.switchToHttp().getResponse<ServerResponse>();
    if (response.headersSent) return;
    const text = JSON.stringify(problem.toDocument());
    // What a handler said of its own answer is not said of this one.
    for (const name of ['ETag', 'Location']) response.removeHeader(name);
    response.writeHead(problem.status, {
      'Content-Type': 'application/problem+json',
      'Content-Length': Buffer.byteLength(text),
      'Cache-Control': 'no-store',
      ...problem.headers,
    });
    response.end(text);
  }
}

function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  if (thrown instanceof HttpException && thrown.getStatus() < 500) {
    return new Problem(thrown.getStatus(), 'The request is malformed.');
  }
  // What nobody meant is mostly a store out of reach: the same request may be tried again.
  return new Problem(503, 'The server cannot answer this request now. Try again later.', {
    cause: thrown,
    headers: { 'Retry-After': '1' },
  });
}

function wordsOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return typeof thrown;
  const cause = thrown.cause === undefined ? '' : ` (${wordsOf(thrown.cause)})`;
  return `${thrown.name}: ${thrown.message}${cause}`;
}
