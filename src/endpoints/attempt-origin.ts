import type { IncomingMessage } from 'node:http';

import type { AttemptOrigin } from '../audit/attempt.js';
import { uuidv7 } from '../oauth/uuid.js';

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;
const NO_TRACE = '0'.repeat(32);

/** A request with what a host's middleware may have added. */
export type OriginRequest = IncomingMessage & {
  readonly id?: unknown;
  readonly ip?: string | undefined;
};

/** Where an attempt comes from: the request's id, its W3C trace, its address. */
export function originOf(request: OriginRequest): AttemptOrigin {
  const header = request.headers['traceparent'];
  const traceId = typeof header === 'string' ? TRACEPARENT.exec(header)?.[1] : undefined;
  return {
    requestId: typeof request.id === 'string' && request.id.length <= 128 ? request.id : uuidv7(),
    traceId: traceId === NO_TRACE ? undefined : traceId,
    address: request.ip ?? request.socket.remoteAddress,
  };
}

/** Every value that a header was sent with: Node keeps only one of some, so a second would be hidden. */
export function headerValues(request: IncomingMessage, name: string): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    if (request.rawHeaders[index]?.toLowerCase() === name)
      values.push(request.rawHeaders[index + 1] ?? '');
  }
  return values;
}
