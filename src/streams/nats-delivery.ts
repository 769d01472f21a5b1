import { isIP, isIPv6 } from 'node:net';

import { Injectable } from '@nestjs/common';

import { FetchRefusedError, GuardedFetch } from '../tokens/guarded-fetch.js';
import { DeliveryError, type Delivery } from './delivery.js';
import { loadNats, type NatsConnection, type NatsPackages } from './nats-packages.js';
import type { SinkBatch } from './sink-batch.js';
import { SinkSecrets, type NatsCredentials } from './sink-secrets.js';
import type { SinkSettings } from './sink.js';

/** Milliseconds that a delivery may take, connecting included. */
const TIMEOUT = 10_000;
const PORT = '4222';
const UNREACHABLE = 'NATS cannot be reached';
const NO_STREAM = 'no stream of NATS takes the subject';

/** A connection for a sink as it is, of this version. */
interface Connected {
  readonly version: number;
  readonly connection: NatsConnection;
}

/**
 * Publishes to JetStream, one record after the other, each acknowledged before the next: its
 * `Nats-Msg-Id` is the record's id, so that the server drops what comes again.
 */
@Injectable()
export class NatsDelivery implements Delivery {
  readonly #connected = new Map<string, Connected>();

  constructor(
    private readonly fetch: GuardedFetch,
    private readonly secrets: SinkSecrets,
  ) {}

  async deliver(sink: SinkSettings, batch: SinkBatch): Promise<void> {
    const end = performance.now() + TIMEOUT;
    await this.#with(sink, async (connection, { jetstream }) => {
      const stream = jetstream(connection);
      for (const { id, text } of batch.messages) {
        const timeout = Math.round(end - performance.now());
        if (timeout < 1) throw new DeliveryError('NATS was too slow');
        await stream.publish(sink.subject ?? '', text, { msgID: id, timeout });
      }
    });
  }

  async test(sink: SinkSettings): Promise<void> {
    await this.#with(sink, async (connection, { jetstreamManager }) => {
      const manager = await jetstreamManager(connection);
      await manager.streams.find(sink.subject ?? '').catch((cause: unknown) => {
        throw new DeliveryError(NO_STREAM, false, 0, { cause });
      });
    });
  }

  /** Gives every connection up. */
  async close(): Promise<void> {
    await Promise.all([...this.#connected.keys()].map((id) => this.#forget(id)));
  }

  async #with(
    sink: SinkSettings,
    work: (connection: NatsConnection, packages: NatsPackages) => Promise<void>,
  ): Promise<void> {
    try {
      const packages = await loadNats();
      await work(await this.#connectionOf(sink, packages), packages);
    } catch (error) {
      // The next try begins with a new connection.
      await this.#forget(sink.id);
      throw failureOf(error);
    }
  }

  async #connectionOf(sink: SinkSettings, packages: NatsPackages): Promise<NatsConnection> {
    const known = this.#connected.get(sink.id);
    if (known?.version === sink.version && !known.connection.isClosed()) return known.connection;
    await this.#forget(sink.id);
    const { protocol, hostname, port } = new URL(sink.url);
    const host = hostname.replace(/^\[|\]$/g, '');
    const addresses = await this.fetch.addressesOf(host);
    const connection = await packages.connect({
      // Those that were looked at, and no others that the server tells of.
      servers: addresses.map((each) => `${isIPv6(each) ? `[${each}]` : each}:${port || PORT}`),
      ignoreClusterUpdates: true,
      name: 'nest-token-exchange',
      reconnect: false,
      timeout: TIMEOUT / 2,
      ...(protocol === 'tls:' ? { tls: tlsFor(host) } : {}),
      ...credentialsOf(this.secrets.nats(sink), packages),
    });
    this.#connected.set(sink.id, { version: sink.version, connection });
    return connection;
  }

  async #forget(id: string): Promise<void> {
    const known = this.#connected.get(id);
    this.#connected.delete(id);
    await known?.connection.close().catch(() => undefined);
  }
}

/** Without TLS there is no connection, and the certificate must be that of the name. */
function tlsFor(host: string): { readonly rejectUnauthorized: true; readonly servername?: string } {
  return { rejectUnauthorized: true, ...(isIP(host) > 0 ? {} : { servername: host }) };
}

function credentialsOf(
  credentials: NatsCredentials | undefined,
  { nkeyAuthenticator }: NatsPackages,
): object {
  switch (credentials?.kind) {
    case 'password':
      return { user: credentials.user, pass: credentials.password };
    case 'token':
      return { token: credentials.token };
    case 'nkey':
      return { authenticator: nkeyAuthenticator(Buffer.from(credentials.seed)) };
    default:
      return {};
  }
}

/** What happened, in words of ours: those of a server may hold anything. */
function failureOf(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  if (error instanceof FetchRefusedError)
    return new DeliveryError(error.message, false, 0, { cause: error });
  const { name = '', code = '' } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  const what: Readonly<Record<string, string>> = {
    AuthorizationError: 'NATS refuses the credentials',
    PermissionViolationError: 'NATS refuses to publish there',
    // Nobody hears it: a server without JetStream is not told from one without the stream.
    JetStreamNotEnabled: NO_STREAM,
    JetStreamApiError: 'NATS does not keep it',
    JetStreamError: NO_STREAM,
    NoResponders: NO_STREAM,
    TimeoutError: 'NATS was too slow',
    ConnectionError: UNREACHABLE,
    ClosedConnectionError: UNREACHABLE,
  };
  const fallback = /^E[A-Z]+$/.test(code) ? UNREACHABLE : 'NATS did not acknowledge';
  const message = what[name] ?? fallback;
  return new DeliveryError(message, false, 0, { cause: error });
}
