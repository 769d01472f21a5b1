import type { LoggerService } from '@nestjs/common';
import { destination, pino, type DestinationStream, type Logger } from 'pino';
import { pinoHttp, type HttpLogger } from 'pino-http';

import { looksLikeSecret } from '../oauth/secret-shape.js';
import { uuidv7 } from '../oauth/uuid.js';

const REQUEST_ID = /^[A-Za-z0-9_-]{1,40}$/;

/** The log of the service: one JSON line an event, on standard output unless told otherwise. */
export function makeLogger(
  level: string,
  to: DestinationStream = destination({ sync: false }),
): Logger {
  return pino(
    {
      level,
      base: null,
      redact: {
        paths: ['*.authorization', '*.cookie', '*.client_secret', '*.token'],
        censor: '[secret]',
      },
    },
    to,
  );
}

/**
 * One line a request: method, path, status, time, id. Never a header, a body or a query string: they
 * carry secrets.
 */
export function accessLog(logger: Logger): HttpLogger {
  return pinoHttp({
    logger,
    genReqId: (request, response) => {
      const given = request.headers['x-request-id'];
      const id = typeof given === 'string' && REQUEST_ID.test(given) ? given : uuidv7();
      response.setHeader('X-Request-Id', id);
      return id;
    },
    serializers: {
      req: (request: { id: string; method: string; url: string }) => ({
        id: request.id,
        method: request.method,
        path: tellablePath(request.url),
      }),
      res: (response: { statusCode: number }) => ({ status: response.statusCode }),
      err: (error: Error) => ({ type: error.name }),
    },
    customLogLevel: (request, response, error) => {
      if (error || response.statusCode >= 500) return 'error';
      return request.url?.startsWith('/health/') ? 'debug' : 'info';
    },
  });
}

/** Whose lines tell how the application is put together: of interest to its developers only. */
const FRAMEWORK: ReadonlySet<unknown> = new Set([
  'InstanceLoader',
  'NestApplication',
  'NestFactory',
  'RouterExplorer',
  'RoutesResolver',
]);

/** The path without its query, and without what may be a secret in the wrong place. */
function tellablePath(url: string): string {
  const [path = ''] = url.split('?', 1);
  const segments = path.slice(0, 200).split('/');
  return segments.map((each) => (looksLikeSecret(each) ? '[cut]' : each)).join('/');
}

/** Nest's own lines, through the same log. */
export class NestLog implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.#write(FRAMEWORK.has(rest.at(-1)) ? 'debug' : 'info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.#write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.#write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.#write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.#write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.#write('fatal', message, rest);
  }

  #write(
    level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal',
    message: unknown,
    rest: readonly unknown[],
  ): void {
    const context = typeof rest.at(-1) === 'string' ? rest.at(-1) : undefined;
    if (message instanceof Error)
      this.logger[level](
        { context, error: `${message.name}: ${message.message}` },
        message.message,
      );
    else if (typeof message === 'object' && message !== null)
      this.logger[level]({ context, ...message });
    else this.logger[level]({ context }, String(message));
  }
}
