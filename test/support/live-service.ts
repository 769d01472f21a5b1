import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import type { AuditRecord } from '../../src/audit/audit-record.js';
import { ClientDirectory } from '../../src/clients/client-directory.js';
import { hashSecret } from '../../src/clients/client-secret.js';
import { newClient } from '../../src/clients/client.js';
import { Clock } from '../../src/oauth/clock.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import {
  InMemoryAuditLog,
  InMemoryClientStore,
  InMemoryStoresModule,
  InMemoryTrustedIssuerStore,
} from '../../src/testing/index.js';
import { TokenExchangeModule } from '../../src/token-exchange.module.js';
import { newTrustedIssuer, type TrustedIssuer } from '../../src/tokens/trusted-issuer.js';

const SCOPES = ['address:read', 'address:write'];
/** With every character that our ids and secrets may have and that form-encoding may change. */
export const SECRETS = {
  my_gateway: 'gateway-secret_-0123456789',
  address_service: 'address-secret_-0123456789',
} as const;

export type Caller = keyof typeof SECRETS;

/** The machine's own clock, which can be put forward. Milliseconds. */
class OffsetClock extends Clock {
  offset = 0;

  now(): number {
    return Date.now() + this.offset;
  }
}

/** The service as a foreign client meets it: a port on loopback, a clock that goes, its own address as issuer. */
export class LiveService {
  private constructor(
    readonly app: INestApplication,
    readonly issuer: string,
    readonly clock: OffsetClock,
  ) {}

  static async start(): Promise<LiveService> {
    const port = await freePort();
    const issuer = `http://127.0.0.1:${port}`;
    const clock = new OffsetClock();
    const module = TokenExchangeModule.forRoot({
      issuer,
      keys: { encryptionKey: randomBytes(32) },
      fetch: { allowLoopbackHttp: true, allowPrivateNetworks: true },
      clock,
      adapters: [InMemoryStoresModule],
    });
    const app = await NestFactory.create(module, { bodyParser: false, logger: false });
    await app.listen(port, '127.0.0.1');
    const service = new LiveService(app, issuer, clock);
    await service.#storyClients();
    return service;
  }

  get #clients(): InMemoryClientStore {
    return this.app.get(InMemoryClientStore, { strict: false });
  }

  get records(): readonly AuditRecord[] {
    const log = this.app.get(InMemoryAuditLog, { strict: false });
    return log.entries.map((entry) => entry.record);
  }

  get tokenEndpoint(): string {
    return `${this.issuer}/connect/token`;
  }

  async #storyClients(): Promise<void> {
    const confidential = (clientId: Caller) => ({
      clientId,
      grantTypes: [GrantType.ClientCredentials, GrantType.TokenExchange],
      offeredScopes: SCOPES,
      secrets: [{ id: 's1', hash: hashSecret(SECRETS[clientId]), createdAt: 0, expiresAt: null }],
    });
    await this.#clients.create(
      newClient({ ...confidential('my_gateway'), scopes: SCOPES, targets: ['address_service'] }),
    );
    await this.#clients.create(
      newClient({
        ...confidential('address_service'),
        scopes: ['address:read'],
        targets: ['postal_service'],
      }),
    );
    await this.#clients.create(
      newClient({ clientId: 'postal_service', offeredScopes: ['address:read'] }),
    );
  }

  /** Trusts an issuer's tokens for my_gateway, and lets my_gateway present them unless said otherwise. */
  async trust(
    issuer: Partial<TrustedIssuer> & Pick<TrustedIssuer, 'issuer'>,
    { isPresentable = true } = {},
  ): Promise<void> {
    await this.app.get(InMemoryTrustedIssuerStore, { strict: false }).create(
      newTrustedIssuer({
        accepts: [{ tokenType: TokenType.Jwt, types: ['at+jwt'], audiences: ['my_gateway'] }],
        scopes: SCOPES,
        ...issuer,
      }),
    );
    if (!isPresentable) return;
    const gateway = await this.#clients.find('my_gateway');
    if (!gateway) throw new Error('my_gateway is missing');
    const subjectIssuers = [...gateway.exchange.subjectIssuers, issuer.issuer];
    await this.#clients.update({
      ...gateway,
      exchange: { ...gateway.exchange, subjectIssuers },
      version: gateway.version + 1,
    });
    this.app.get(ClientDirectory, { strict: false }).forget();
  }

  /** Does what must leave exactly one record, and gives that record with the outcome. */
  async recorded<T>(work: () => Promise<T>): Promise<{ result: T; record: AuditRecord }> {
    const before = this.records.length;
    const result = await work();
    const left = this.records.slice(before);
    const [record] = left;
    if (!record || left.length > 1) throw new Error(`expected one record, found ${left.length}`);
    return { result, record };
  }

  /** A token request as curl and others send it: Basic credentials raw. */
  async request(caller: Caller, form: Record<string, string>): Promise<Answer> {
    return this.send(Buffer.from(`${caller}:${SECRETS[caller]}`).toString('base64'), form);
  }

  async send(credentials: string, form: Record<string, string>): Promise<Answer> {
    const response = await fetch(this.tokenEndpoint, {
      method: 'POST',
      headers: { authorization: `Basic ${credentials}` },
      body: new URLSearchParams(form),
    });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  }
}

/** An answer of the token endpoint. */
export interface Answer {
  readonly status: number;
  readonly body: { readonly access_token?: string; readonly error?: string };
}

/** A port that nobody listens on; the issuer must be known before the service can listen. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
