import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A real server on loopback that answers as a test says, and remembers what it was asked. */
export class LoopbackServer {
  /** The paths that were asked for, oldest first. */
  readonly paths: string[] = [];

  private constructor(
    private readonly server: Server,
    public answer: RequestListener,
  ) {
    server.on('request', (request, response) => {
      this.paths.push(request.url ?? '');
      this.answer(request, response);
    });
  }

  static async start(answer: RequestListener = nothingHere): Promise<LoopbackServer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new LoopbackServer(server, answer);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Its origin, without a trailing slash. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves when nobody is connected any more. */
  async expectNobodyConnected(): Promise<void> {
    while (await this.#connections()) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  #connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  }
}

/** Answers with JSON. */
export function json(value: unknown, status = 200): RequestListener {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
}

function nothingHere(...[, response]: Parameters<RequestListener>): void {
  response.writeHead(404).end();
}
