import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const INFO = {
  server_id: 'fake',
  server_name: 'fake',
  version: '2.12.0',
  proto: 1,
  headers: true,
  jetstream: true,
  max_payload: 1_048_576,
};

/** A message that the fake has stored. */
export interface StoredMessage {
  readonly id: string;
  readonly text: string;
}

/**
 * Speaks as much of the protocol of NATS as a publisher to JetStream hears: INFO, CONNECT, PING, SUB,
 * HPUB and the acknowledgement. It does not drop what comes twice, so that a test can see it.
 */
export class FakeNats {
  readonly messages: StoredMessage[] = [];
  /** What clients said when they connected. */
  readonly connects: Readonly<Record<string, unknown>>[] = [];
  /** Whether to die after a message was stored, before it is acknowledged. */
  dies: () => boolean = () => false;
  readonly #sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {
    server.on('connection', (socket) => this.#serve(socket));
  }

  static async start(): Promise<FakeNats> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FakeNats(server);
  }

  get url(): string {
    return `nats://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket)).on('error', () => undefined);
    socket.write(`INFO ${JSON.stringify(INFO)}\r\n`);
    let inbox = '';
    let rest = Buffer.alloc(0);
    socket.on('data', (piece: Buffer) => {
      rest = Buffer.concat([rest, piece]);
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const [word = '', ...words] = rest.subarray(0, end).toString().split(' ');
        const size = word === 'HPUB' ? Number(words.at(-1)) : -2;
        if (rest.length < end + 2 + size + 2) return;
        const payload = rest.subarray(end + 2, end + 2 + Math.max(size, 0));
        rest = rest.subarray(end + 4 + size);
        if (word === 'CONNECT')
          this.connects.push(JSON.parse(words.join(' ')) as Record<string, unknown>);
        if (word === 'PING') socket.write('PONG\r\n');
        if (word === 'SUB') inbox = words.at(-1) ?? '';
        if (word === 'HPUB') this.#store(socket, inbox, words, payload);
      }
    });
  }

  #store(socket: Socket, sid: string, words: readonly string[], payload: Buffer): void {
    const headers = Number(words.at(-2));
    const [, id = ''] = /Nats-Msg-Id: ?(\S+)/.exec(payload.toString('utf8', 0, headers)) ?? [];
    this.messages.push({ id, text: payload.toString('utf8', headers) });
    if (this.dies()) {
      socket.destroy();
      return;
    }
    const ack = JSON.stringify({ stream: 'AUDIT', seq: this.messages.length });
    socket.write(`MSG ${words[1]} ${sid} ${ack.length}\r\n${ack}\r\n`);
  }
}
