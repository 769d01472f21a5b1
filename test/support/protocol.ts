import { randomBytes } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CompactSign, decodeJwt, type CompactJWSHeaderParameters } from 'jose';

import type { AuditRecord } from '../../src/audit/audit-record.js';
import { hashSecret } from '../../src/clients/client-secret.js';
import { newClient, type Client } from '../../src/clients/client.js';
import { KeyRing } from '../../src/keys/key-ring.js';
import type { JsonObject } from '../../src/oauth/claims.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { uuidv7 } from '../../src/oauth/uuid.js';
import { oneSpelling } from '../../src/tokens/one-spelling.js';
import { TokenType } from '../../src/oauth/token-type.js';
import {
  InMemoryAuditLog,
  InMemoryClientStore,
  InMemoryStoresModule,
  InMemoryTrustedIssuerStore,
} from '../../src/testing/index.js';
import { TokenExchangeModule } from '../../src/token-exchange.module.js';
import type { Adapter, TokenExchangeOptions } from '../../src/token-exchange.options.js';
import { FakeClock } from './fake-clock.js';

export const ISSUER = 'https://idp.example';

/** An answer as it came over the wire. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What to send; a string body goes as it is. */
export interface Send {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>> | readonly string[];
  readonly body?: string | Buffer;
}

type Form = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The protocol's endpoints over HTTP, with stores in memory and a clock that stands. */
export class Protocol {
  private constructor(
    readonly app: INestApplication,
    readonly clock: FakeClock,
    readonly port: number,
  ) {}

  static async start(
    options: Partial<TokenExchangeOptions> = {},
    adapters: readonly Adapter[] = [InMemoryStoresModule],
  ): Promise<Protocol> {
    const clock = new FakeClock();
    const module = TokenExchangeModule.forRoot({
      issuer: ISSUER,
      keys: { encryptionKey: randomBytes(32) },
      fetch: { allowLoopbackHttp: true },
      clock,
      ...options,
      adapters: [...adapters],
    });
    const app = await NestFactory.create(module, {
      bodyParser: false,
      logger: false,
      abortOnError: false,
    });
    await app.listen(0, '127.0.0.1');
    const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
    return new Protocol(app, clock, port);
  }

  async stop(): Promise<void> {
    await this.app.close();
  }

  get clients(): InMemoryClientStore {
    return this.app.get(InMemoryClientStore, { strict: false });
  }

  get trustedIssuers(): InMemoryTrustedIssuerStore {
    return this.app.get(InMemoryTrustedIssuerStore, { strict: false });
  }

  get ring(): KeyRing {
    return this.app.get(KeyRing, { strict: false });
  }

  get log(): InMemoryAuditLog {
    return this.app.get(InMemoryAuditLog, { strict: false });
  }

  /** Registers a client whose secret is `<id>-secret`. */
  async client(client: Parameters<typeof newClient>[0]): Promise<Client> {
    const isPublic = client.kind === 'public';
    const made = newClient({
      ...(isPublic
        ? {}
        : {
            secrets: [
              {
                id: 's1',
                hash: hashSecret(`${client.clientId}-secret`),
                createdAt: 0,
                expiresAt: null,
              },
            ],
          }),
      ...client,
    });
    await this.clients.create(made);
    return made;
  }

  /** Changes a client and lets every memory of it age. */
  async change(clientId: string, changes: Partial<Client>): Promise<void> {
    const stored = await this.clients.find(clientId);
    if (!stored) throw new Error(`no client ${clientId}`);
    await this.clients.update({ ...stored, ...changes, version: stored.version + 1 });
    this.clock.advance(1_000);
  }

  /** The story's clients: web_app, my_gateway, address_service, postal_service. */
  async storyClients(): Promise<void> {
    const scopes = ['address:read', 'address:write'];
    const grantTypes = [GrantType.ClientCredentials, GrantType.TokenExchange];
    await this.client({ clientId: 'web_app', kind: 'public', scopes, targets: ['my_gateway'] });
    await this.client({
      clientId: 'my_gateway',
      grantTypes,
      scopes,
      offeredScopes: scopes,
      targets: ['address_service'],
      identifiers: ['https://api.example/gateway'],
    });
    await this.client({
      clientId: 'address_service',
      grantTypes,
      scopes: ['address:read'],
      offeredScopes: scopes,
      targets: ['postal_service'],
      identifiers: ['https://api.example/addresses'],
    });
    await this.client({ clientId: 'postal_service', offeredScopes: ['address:read'] });
  }

  /** Seconds since the epoch on the service's clock. */
  get now(): number {
    return Math.floor(this.clock.now() / 1000);
  }

  /** A token signed with our own key, of any kind and with any claims: what a sign-in would have issued. */
  async ownToken(claims: Readonly<Record<string, unknown>> = {}, type = 'at+jwt'): Promise<string> {
    const all = {
      iss: ISSUER,
      sub: 'alice',
      aud: 'my_gateway',
      exp: this.now + 3600,
      iat: this.now,
      jti: uuidv7(this.clock.now()),
      client_id: 'web_app',
      scope: 'address:read address:write',
      ...claims,
    };
    const kept = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    return this.signed(JSON.stringify(kept), { typ: type });
  }

  /** Any payload, signed with our own active key. */
  async signed(payload: string, header: Partial<CompactJWSHeaderParameters>): Promise<string> {
    const { kid, algorithm, privateKey } = await this.ring.active();
    const signer = new CompactSign(new TextEncoder().encode(payload));
    const all = { alg: algorithm, kid, ...header };
    return oneSpelling(await signer.setProtectedHeader(all).sign(privateKey));
  }

  async send({
    method = 'POST',
    path = '/connect/token',
    headers = {},
    body = '',
  }: Send): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = httpRequest(
        { host: '127.0.0.1', port: this.port, method, path, agent: false },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => (text += chunk));
          response.on('end', () => {
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text,
              body: readJson(text),
            });
          });
        },
      );
      sent.once('error', reject);
      if (Array.isArray(headers)) {
        for (let index = 0; index < headers.length; index += 2)
          sent.appendHeader(String(headers[index]), String(headers[index + 1]));
      } else for (const [name, value] of Object.entries(headers)) sent.setHeader(name, value);
      sent.end(body);
    });
  }

  /** A token request of a client with HTTP Basic; null for none. */
  async token(
    form: Form | string,
    clientId: string | null = 'my_gateway',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    return this.post('/connect/token', form, clientId, headers);
  }

  /** A form to a path of a client with HTTP Basic; null for none. */
  async post(
    path: string,
    form: Form | string,
    clientId: string | null = 'my_gateway',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    return this.send({
      path,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        ...(clientId === null ? {} : { authorization: basic(clientId, `${clientId}-secret`) }),
        ...headers,
      },
      body: typeof form === 'string' ? form : encode(form),
    });
  }

  /** A token exchange by `my_gateway` for `address_service`, with what is changed. */
  async exchange(form: Form = {}, clientId = 'my_gateway'): Promise<Answer> {
    const subject =
      form['subject_token'] ??
      (Object.hasOwn(form, 'subject_token') ? undefined : await this.ownToken());
    return this.token(
      {
        grant_type: GrantType.TokenExchange,
        subject_token_type: TokenType.AccessToken,
        audience: 'address_service',
        ...form,
        subject_token: subject,
      },
      clientId,
    );
  }

  /** Every record, oldest first. */
  get records(): readonly AuditRecord[] {
    return this.log.entries.map((entry) => entry.record);
  }

  /** Does something that must leave exactly one record, and gives it back. */
  async recorded(work: () => Promise<Answer>): Promise<{ answer: Answer; record: AuditRecord }> {
    const before = this.records.length;
    const answer = await work();
    const left = this.records.slice(before);
    const [record] = left;
    if (left.length !== 1 || record === undefined)
      throw new Error(`expected one record, found ${left.length}`);
    return { answer, record };
  }
}

/** The claims of the token in an answer. */
export function claimsOf(answer: Answer): JsonObject {
  return decodeJwt(String(answer.body['access_token'])) as JsonObject;
}

export function basic(clientId: string, secret: string): string {
  return `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`;
}

export function encode(form: Form): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(form)) {
    for (const each of typeof value === 'string' ? [value] : (value ?? []))
      pairs.append(name, each);
  }
  return pairs.toString();
}

function readJson(text: string): JsonObject {
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    return {};
  }
}
