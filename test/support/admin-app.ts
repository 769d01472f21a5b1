import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';

import { Module, type DynamicModule, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { ADMIN_SCOPES, adminAudience } from '../../src/admin/admin-scopes.js';
import { AdminModule } from '../../src/admin/admin.module.js';
import { LedgerReader } from '../../src/audit/ledger/ledger-reader.js';
import { setUpDocumentation } from '../../src/app/documentation.js';
import { hashSecret } from '../../src/clients/client-secret.js';
import { newClient, type Client } from '../../src/clients/client.js';
import type { JsonObject } from '../../src/oauth/claims.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { uuidv7 } from '../../src/oauth/uuid.js';
import {
  InMemoryAuditLog,
  InMemoryClientStore,
  InMemoryStoresModule,
} from '../../src/testing/index.js';
import { TokenExchangeModule } from '../../src/token-exchange.module.js';
import { OwnTokens } from '../../src/tokens/own-tokens.js';
import { FakeClock } from './fake-clock.js';
import { basic, ISSUER } from './protocol.js';

/** An answer of the admin API. */
export interface AdminAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: JsonObject;
}

/** What to send; an object body goes as JSON, `token: null` sends none. */
export interface AdminSend {
  readonly token?: string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

@Module({})
class LedgerModule {
  static with(reader: LedgerReader): DynamicModule {
    return {
      module: LedgerModule,
      providers: [{ provide: LedgerReader, useValue: reader }],
      exports: [LedgerReader],
    };
  }
}

/** The service's admin API over HTTP, with stores in memory and a clock that stands. */
export class AdminApp {
  token = '';

  private constructor(
    readonly app: INestApplication,
    readonly clock: FakeClock,
    readonly url: string,
  ) {}

  /**
   * Starts it and signs in an administrator with every scope.
   * @param ledger what reads its ledger, if it has one
   */
  static async start(ledger?: LedgerReader): Promise<AdminApp> {
    const clock = new FakeClock();
    const ownTargets = [{ identifier: adminAudience(ISSUER), offeredScopes: ADMIN_SCOPES }];
    const exchange = TokenExchangeModule.forRoot({
      issuer: ISSUER,
      keys: { encryptionKey: randomBytes(32) },
      fetch: { allowLoopbackHttp: true },
      tokens: { ownTargets },
      signIn: {},
      clock,
      adapters: [InMemoryStoresModule, ...(ledger ? [LedgerModule.with(ledger)] : [])],
    });
    @Module({ imports: [exchange, AdminModule] })
    class Service {}
    const app = await NestFactory.create(Service, { bodyParser: false, logger: false });
    setUpDocumentation(app, { issuer: ISSUER });
    await app.listen(0, '127.0.0.1');
    const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
    const admin = new AdminApp(app, clock, `http://127.0.0.1:${port}`);
    await admin.administrator('admin_cli', ADMIN_SCOPES);
    admin.token = await admin.signIn('admin_cli');
    return admin;
  }

  async stop(): Promise<void> {
    await this.app.close();
  }

  get store(): InMemoryClientStore {
    return this.app.get(InMemoryClientStore, { strict: false });
  }

  get log(): InMemoryAuditLog {
    return this.app.get(InMemoryAuditLog, { strict: false });
  }

  /** Registers a client of administrators whose secret is `<id>-secret`. */
  async administrator(clientId: string, scopes: readonly string[]): Promise<void> {
    await this.client({
      clientId,
      scopes,
      targets: [adminAudience(ISSUER)],
      defaultTarget: adminAudience(ISSUER),
    });
  }

  /** Registers a confidential client whose secret is `<id>-secret`. */
  async client(client: Partial<Client> & Pick<Client, 'clientId'>): Promise<void> {
    const hash = hashSecret(`${client.clientId}-secret`);
    await this.store.create(
      newClient({
        grantTypes: [GrantType.ClientCredentials, GrantType.TokenExchange],
        secrets: [{ id: 's1', hash, createdAt: 0, expiresAt: null }],
        ...client,
      }),
    );
  }

  /** A token through the real token endpoint. */
  async signIn(clientId: string, form: Readonly<Record<string, string>> = {}): Promise<string> {
    const answer = await this.ask(clientId, `${clientId}-secret`, form);
    if (answer.status !== 200) throw new Error(`no token for ${clientId}: ${answer.text}`);
    return textOf(answer, 'access_token');
  }

  /** A request at the token endpoint. */
  async ask(
    clientId: string,
    secret: string,
    form: Readonly<Record<string, string>> = {},
  ): Promise<AdminAnswer> {
    return this.send('POST', '/connect/token', {
      token: null,
      headers: { authorization: basic(clientId, secret) },
      body: new URLSearchParams({ grant_type: GrantType.ClientCredentials, ...form }),
    });
  }

  /** A token signed with our own key, of any kind and with any claims. */
  async ownToken(claims: Readonly<Record<string, unknown>>, type = 'at+jwt'): Promise<string> {
    const now = Math.floor(this.clock.now() / 1000);
    return this.app.get(OwnTokens, { strict: false }).sign(type, {
      iss: ISSUER,
      sub: 'admin_cli',
      aud: adminAudience(ISSUER),
      exp: now + 600,
      iat: now,
      jti: uuidv7(this.clock.now()),
      client_id: 'admin_cli',
      scope: ADMIN_SCOPES.join(' '),
      ...claims,
    });
  }

  async send(
    method: string,
    path: string,
    { token = this.token, body, headers = {} }: AdminSend = {},
  ): Promise<AdminAnswer> {
    const isJson =
      body !== undefined && !(body instanceof URLSearchParams) && typeof body !== 'string';
    const response = await fetch(this.url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(isJson ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isJson ? JSON.stringify(body) : body }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: readJson(text) };
  }

  get(path: string, send?: AdminSend): Promise<AdminAnswer> {
    return this.send('GET', path, send);
  }

  post(path: string, body?: unknown, send?: AdminSend): Promise<AdminAnswer> {
    return this.send('POST', path, { ...send, body });
  }

  patch(
    path: string,
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<AdminAnswer> {
    return this.send('PATCH', path, { body, headers });
  }
}

/** A text in an answer. */
export function textOf({ body }: AdminAnswer, name: string): string {
  const value = body[name];
  if (typeof value !== 'string') throw new Error(`there is no text ${name} in the answer`);
  return value;
}

/** The fields that a validation problem names. */
export function fieldsOf(answer: AdminAnswer): readonly string[] {
  const problems = answer.body['problems'] as readonly { field: string }[] | undefined;
  return (problems ?? []).map(({ field }) => field);
}

function readJson(text: string): JsonObject {
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    return {};
  }
}
