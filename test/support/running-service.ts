import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client } from 'pg';

import { readConfiguration } from '../../src/app/configuration.js';
import { makeLogger } from '../../src/app/logging.js';
import { startService, type Service } from '../../src/app/service.js';
import type { JsonObject } from '../../src/oauth/claims.js';
import { basic } from './protocol.js';

export const SERVICE_ISSUER = 'http://localhost:4000';

/** An answer of the service as it came over the wire. */
export interface ServiceAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: JsonObject;
}

/** What to send; an object body goes as a form. */
export interface ServiceRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Readonly<Record<string, string>>;
}

/** A service as whoever speaks HTTP meets it, with its answers kept. */
export abstract class ServiceDoor {
  readonly answers: ServiceAnswer[] = [];
  /** Connections that are kept; every request has one of its own otherwise. */
  protected readonly agent: Agent | false = false;

  abstract get url(): string;

  async send(path: string, request: ServiceRequest = {}): Promise<ServiceAnswer> {
    const { method = 'GET', headers = {}, body = '' } = request;
    const isForm = typeof body !== 'string';
    const answer = await new Promise<ServiceAnswer>((resolve, reject) => {
      const sent = httpRequest(
        this.url + path,
        {
          method,
          agent: this.agent,
          headers: {
            ...(isForm ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
            ...headers,
          },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          response.once('error', reject);
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text,
              body: readJson(text),
            }),
          );
        },
      );
      sent.once('error', reject);
      sent.end(isForm ? new URLSearchParams(body).toString() : body);
    });
    this.answers.push(answer);
    return answer;
  }

  /** A request at the token endpoint, with HTTP Basic. */
  token(
    form: Readonly<Record<string, string>>,
    clientId: string,
    secret: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ServiceAnswer> {
    return this.send('/connect/token', {
      method: 'POST',
      headers: { authorization: basic(clientId, secret), ...headers },
      body: form,
    });
  }

  /** A request at the admin API, with JSON. */
  admin(token: string, method: string, path: string, body?: unknown): Promise<ServiceAnswer> {
    return this.send(`/admin${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}

/** A service in another process, with as many connections as are used at once. */
export class DistantService extends ServiceDoor {
  protected override readonly agent = new Agent({ keepAlive: true });

  constructor(readonly url: string) {
    super();
  }

  close(): void {
    this.agent.destroy();
  }
}

/** The real service in this process, with its log and its answers kept. */
export class RunningService extends ServiceDoor {
  /** Every line of the log, as it was written. */
  readonly lines: string[] = [];
  /** What was printed to the person at the terminal. */
  printed = '';
  #service: Service | undefined;

  private constructor(readonly dataDir: string) {
    super();
  }

  /** Starts it on any free port with these settings of the environment and the most talkative log. */
  static async start(environment: Readonly<Record<string, string>>): Promise<RunningService> {
    const dataDir = await mkdtemp(join(tmpdir(), 'nest-token-exchange-service-'));
    const running = new RunningService(dataDir);
    const configuration = readConfiguration({
      ISSUER: SERVICE_ISSUER,
      PORT: '0',
      DATA_DIR: dataDir,
      LOG_LEVEL: 'trace',
      ...environment,
    });
    const logger = makeLogger(configuration.logLevel, {
      write: (line) => void running.lines.push(line),
    });
    try {
      running.#service = await startService(configuration, logger, (text) => {
        running.printed += text;
      });
      return running;
    } catch (error) {
      await rm(dataDir, { recursive: true, force: true });
      throw error;
    }
  }

  get url(): string {
    return this.#service?.url ?? '';
  }

  /** Stops the service as a signal does; its data folder stays. */
  stop(): Promise<void> {
    return this.#service?.stop() ?? Promise.resolve();
  }

  /** Stops the service and removes its data folder. */
  async remove(): Promise<void> {
    await this.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  /** The secret of a demo client, as demo.json keeps it. */
  async demoSecret(clientId: string): Promise<string> {
    const demo = JSON.parse(await readFile(join(this.dataDir, 'demo.json'), 'utf8')) as {
      clients: readonly { clientId: string; clientSecret?: string }[];
    };
    const secret = demo.clients.find((client) => client.clientId === clientId)?.clientSecret;
    if (secret === undefined) throw new Error(`no secret of ${clientId}`);
    return secret;
  }

  /** The text of every file in the data folder, by its name. */
  async files(): Promise<ReadonlyMap<string, string>> {
    const names = await readdir(this.dataDir);
    const texts = names.map(
      async (name) => [name, await readFile(join(this.dataDir, name), 'utf8')] as const,
    );
    return new Map(await Promise.all(texts));
  }
}

/** The token in an answer; empty when there is none. */
export function tokenOf({ body }: Pick<ServiceAnswer, 'body'>): string {
  const { access_token: token } = body;
  return typeof token === 'string' ? token : '';
}

/** Every value of every table of a database, as text. */
export async function dumpOf(url: string): Promise<string> {
  const client = new Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      `select quote_ident(schemaname) || '.' || quote_ident(tablename) as name
       from pg_tables where schemaname not in ('pg_catalog', 'information_schema')
         and not (select relispartition from pg_class where oid = format('%I.%I', schemaname, tablename)::regclass)`,
    );
    const tables: string[] = [];
    for (const { name } of rows) {
      const found = await client.query<Record<string, unknown>>(`select * from ${name}`);
      const texts = found.rows.flatMap((row) => Object.values(row).map(textOf));
      tables.push([name, ...texts].join('\n'));
    }
    return tables.join('\n');
  } finally {
    await client.end();
  }
}

/** A way to the database that can be cut and mended. */
export class CuttableWay {
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(
    private readonly server: Server,
    /** The address of the database through this way. */
    readonly url: string,
  ) {}

  static async to(target: string): Promise<CuttableWay> {
    const { hostname, port } = new URL(target);
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const through = new URL(target);
    through.hostname = '127.0.0.1';
    through.port = String((server.address() as AddressInfo).port);
    const way = new CuttableWay(server, through.href);
    server.on('connection', (near) => way.#join(near, connect(Number(port), hostname)));
    return way;
  }

  #join(near: Socket, far: Socket): void {
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    if (this.#isCut) near.destroy();
    else near.pipe(far).pipe(near);
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString('latin1') : JSON.stringify(value);
}

function readJson(text: string): JsonObject {
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    return {};
  }
}
