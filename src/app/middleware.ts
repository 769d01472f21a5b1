import type { IncomingMessage, ServerResponse } from 'node:http';

/** A step on the way of each request, that needs nothing of Express. */
export type Middleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: () => void,
) => void;
