import type { IncomingMessage, ServerResponse } from 'node:http';

import type { NestExpressApplication } from '@nestjs/platform-express';

import { TokenEndpoint } from '../endpoints/token-endpoint.js';
import type { Middleware } from './middleware.js';

const PATH = '/connect/token';

type Trusts = (address: string, distance: number) => boolean;

/**
 * Answers token requests ahead of Express, with the same steps before and the same endpoint behind
 * it. Express gives every request and response another prototype, after which all of node:http runs
 * slower on them: together with its router that costs more than the rest of an exchange. Whatever is
 * not exactly a POST to the endpoint goes to Express, which has it too.
 */
export function openTokenDoor(app: NestExpressApplication, steps: readonly Middleware[]): void {
  const server = app.getHttpServer();
  const endpoint = app.get(TokenEndpoint);
  const trusts = app.getHttpAdapter().getInstance().get('trust proxy fn') as Trusts;
  const others = server.listeners('request') as ((
    request: IncomingMessage,
    response: ServerResponse,
  ) => void)[];
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage & { ip?: string }, response: ServerResponse) => {
    if (request.method !== 'POST' || request.url !== PATH) {
      for (const other of others) other.call(server, request, response);
      return;
    }
    request.ip = addressOf(request, trusts);
    pass(request, response, steps, () => void endpoint.answer(request, response));
  });
}

function pass(
  request: IncomingMessage,
  response: ServerResponse,
  [step, ...steps]: readonly Middleware[],
  arrive: () => void,
): void {
  if (step === undefined) arrive();
  else step(request, response, () => pass(request, response, steps, arrive));
}

/** The first address, from ours outwards, that is no trusted proxy: what Express calls `ip`. */
function addressOf(request: IncomingMessage, trusts: Trusts): string {
  let address = request.socket.remoteAddress ?? '';
  const forwarded = request.headers['x-forwarded-for'];
  if (typeof forwarded !== 'string') return address;
  for (const [distance, next] of forwarded.split(',').toReversed().entries()) {
    if (!trusts(address, distance)) return address;
    address = next.trim();
  }
  return address;
}
