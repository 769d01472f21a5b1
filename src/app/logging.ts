import type { IncomingMessage } from 'node:http';

import type { LoggerService } from '@nestjs/common';
import { destination, pino, type DestinationStream, type Logger } from 'pino';

import { looksLikeSecret } from '../oauth/secret-shape.js';
import { uuidv7 } from '../oauth/uuid.js';
import type { Middleware } from './middleware.js';

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
 * Gives each request an id and one line: method, path, status, time, id. Never a header, a body or a
 * query string: they carry secrets.
 */
export function accessLog(logger: Logger): Middleware {
  return (request: IncomingMessage & { id?: string }, response, next) => {
    const began = performance.now();
    const { method, url = '' } = request;
    const given = request.headers['x-request-id'];
    const id = typeof given === 'string' && REQUEST_ID.test(given) ? given : uuidv7();
    request.id = id;
    response.setHeader('X-Request-Id', id);
    response.once('close', () => {
      const completed = response.writableFinished;
      const line = {
        req: { id, method, path: tellablePath(url) },
        res: { status: response.statusCode },
        responseTime: Math.round(performance.now() - began),
      };
      if (!completed) logger.error(line, 'request aborted');
      else if (response.statusCode >= 500) logger.error(line, 'request failed');
      else if (url.startsWith('/health/')) logger.debug(line, 'request completed');
      else logger.info(line, 'request completed');
    });
    next();
  };
}

/** The path without its query, and without what may be a secret in the wrong place. */
function tellablePath(url: string): string {
  const [path = ''] = url.split('?', 1);
  const segments = path.slice(0, 200).split('/');
  return segments.map((each) => (looksLikeSecret(each) ? '[cut]' : each)).join('/');
}

/** Whose lines tell how the application is put together: of interest to its developers only. */
const FRAMEWORK: ReadonlySet<unknown> = new Set([
  'InstanceLoader',
  'NestApplication',
  'NestFactory',
  'RouterExplorer',
  'RoutesResolver',
]);

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
