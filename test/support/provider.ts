import { createHash, randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Module, type INestApplication, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { decodeJwt } from 'jose';

import { newAccount, type Account } from '../../src/accounts/account.js';
import { Passwords } from '../../src/accounts/password.js';
import type { AuditEvent, AuditRecord } from '../../src/audit/audit-record.js';
import { hashSecret } from '../../src/clients/client-secret.js';
import { newClient, type Client } from '../../src/clients/client.js';
import type { JsonObject } from '../../src/oauth/claims.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { OPENID_SCOPES } from '../../src/oauth/openid.js';
import { PageSettings } from '../../src/pages/page-settings.js';
import { PagesModule } from '../../src/pages/pages.module.js';
import {
  InMemoryAccountStore,
  InMemoryAuditLog,
  InMemoryAuthorizationStore,
  InMemoryClientStore,
  InMemoryConsentStore,
  InMemoryPushedRequestStore,
  InMemorySessionStore,
  InMemoryStoresModule,
} from '../../src/testing/index.js';
import { TokenExchangeModule } from '../../src/token-exchange.module.js';
import type { TokenExchangeOptions } from '../../src/token-exchange.options.js';
import { TextBrowser, type Visit } from './browser.js';
import { FakeClock } from './fake-clock.js';
import { basic, encode, type Answer } from './protocol.js';

export const ISSUER = 'https://idp.example';
export const CALLBACK = 'https://app.example/callback';
export const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
export const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');

/** The passwords of the people here. */
export const PASSWORDS = {
  alice: 'seven-green-bottles-hang',
  bob: 'nine-red-balloons-fly-up',
  admin: 'eleven-blue-boats-sail-on',
} as const;

export type PersonName = keyof typeof PASSWORDS;

let hashes: Readonly<Record<PersonName, string>> | undefined;

@Module({})
class ProviderModule {}

/** The whole provider over HTTP, with its pages, stores in memory, and a clock that stands. */
export class Provider {
  private constructor(
    readonly app: INestApplication,
    readonly clock: FakeClock,
    readonly port: number,
    readonly issuer: string,
  ) {}

  /**
   * Starts it with the clients and people of the story: alice, bob and admin, who is an administrator.
   * @param place a port that the issuer names, what time it is, and rooms besides the pages; any port and a
   *   fixed day without
   */
  static async start(
    options: Partial<TokenExchangeOptions> = {},
    {
      port: wanted = 0,
      clock = new FakeClock(),
      rooms = [],
    }: { port?: number; clock?: FakeClock; rooms?: readonly Type[] } = {},
  ): Promise<Provider> {
    const module = TokenExchangeModule.forRoot({
      issuer: ISSUER,
      keys: { encryptionKey: randomBytes(32) },
      fetch: { allowLoopbackHttp: true },
      signIn: {},
      clock,
      ...options,
      adapters: [InMemoryStoresModule],
    });
    const pages = PagesModule.with(new PageSettings());
    const app = await NestFactory.create(
      { module: ProviderModule, imports: [module, pages, ...rooms] },
      { bodyParser: false, logger: false, abortOnError: false },
    );
    await app.listen(wanted, '127.0.0.1');
    const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
    const provider = new Provider(app, clock, port, options.issuer ?? ISSUER);
    await provider.#storyClients();
    await provider.#people();
    return provider;
  }

  async stop(): Promise<void> {
    await this.app.close();
  }

  get clients(): InMemoryClientStore {
    return this.app.get(InMemoryClientStore, { strict: false });
  }

  get accounts(): InMemoryAccountStore {
    return this.app.get(InMemoryAccountStore, { strict: false });
  }

  get sessions(): InMemorySessionStore {
    return this.app.get(InMemorySessionStore, { strict: false });
  }

  get authorizations(): InMemoryAuthorizationStore {
    return this.app.get(InMemoryAuthorizationStore, { strict: false });
  }

  get consents(): InMemoryConsentStore {
    return this.app.get(InMemoryConsentStore, { strict: false });
  }

  get pushedRequests(): InMemoryPushedRequestStore {
    return this.app.get(InMemoryPushedRequestStore, { strict: false });
  }

  /** Every record, oldest first. */
  get records(): readonly AuditRecord[] {
    const log = this.app.get(InMemoryAuditLog, { strict: false });
    return log.entries.map((entry) => entry.record);
  }

  /** The records that some work leaves, besides those of notices that go out afterwards. */
  async recorded<T>(
    work: () => Promise<T>,
  ): Promise<{ readonly result: T; readonly records: readonly AuditRecord[] }> {
    const before = this.records.length;
    const result = await work();
    return { result, records: this.records.slice(before) };
  }

  /** Does some work while records of an event cannot be written. */
  async withoutRecord<T>(event: AuditEvent, work: () => Promise<T>): Promise<T> {
    const log = this.app.get(InMemoryAuditLog, { strict: false });
    const append = log.append.bind(log);
    log.append = (record) =>
      record.event === event ? Promise.reject(new Error('no room left')) : append(record);
    try {
      return await work();
    } finally {
      log.append = append;
    }
  }

  /** Registers a client; a confidential one has the secret `<id>-secret`. */
  async client(client: Parameters<typeof newClient>[0]): Promise<Client> {
    const secrets = [
      { id: 's1', hash: hashSecret(`${client.clientId}-secret`), createdAt: 0, expiresAt: null },
    ];
    const made = newClient({ ...(client.kind === 'public' ? {} : { secrets }), ...client });
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

  /** The account of somebody. */
  async account(name: PersonName): Promise<Account> {
    const account = await this.accounts.findByUsername(name);
    if (!account) throw new Error(`no account ${name}`);
    return account;
  }

  /** Changes an account and lets every memory of it age. */
  async changeAccount(name: PersonName, changes: Partial<Account>): Promise<void> {
    const stored = await this.account(name);
    await this.accounts.update({ ...stored, ...changes, version: stored.version + 1 });
    this.clock.advance(1_000);
  }

  browser(options: { languages?: string } = {}): TextBrowser {
    return new TextBrowser(this.issuer, this.port, options);
  }

  /** The address of an authorization request of `web_app`, with what is changed; undefined leaves a parameter out. */
  authorizeUrl(
    parameters: Readonly<Record<string, string | readonly string[] | undefined>> = {},
  ): string {
    const all = {
      client_id: 'web_app',
      response_type: 'code',
      redirect_uri: CALLBACK,
      scope: 'openid address:read',
      state: 'state-1',
      nonce: 'nonce-1',
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
      ...parameters,
    };
    const kept = Object.entries(all).filter(([, value]) => value !== undefined);
    return `${this.issuer}/connect/authorize?${encode(Object.fromEntries(kept))}`;
  }

  /** Opens an authorization request and signs in where it is asked; ends before consent, or at the application. */
  async signIn(
    browser: TextBrowser,
    name: PersonName = 'alice',
    parameters: Readonly<Record<string, string | readonly string[] | undefined>> = {},
  ): Promise<Visit> {
    const page = await browser.open(this.authorizeUrl(parameters));
    if (page.status !== 200 || !page.text.includes('id="password"')) return page;
    return browser.submit({ username: name, password: PASSWORDS[name] });
  }

  /** The same, and agrees where it is asked. @returns the answer that the application gets */
  async authorize(
    browser: TextBrowser,
    name: PersonName = 'alice',
    parameters: Readonly<Record<string, string | readonly string[] | undefined>> = {},
  ): Promise<URLSearchParams> {
    let visit = await this.signIn(browser, name, parameters);
    if (visit.text.includes('id="allow"')) visit = await browser.submit({ decision: 'allow' });
    if (visit.location === undefined)
      throw new Error(`no answer: ${visit.status} ${visit.text.slice(0, 2000)}`);
    return visit.location.searchParams;
  }

  /** A code for `web_app`, from a new browser unless one is given. */
  async code(
    parameters: Readonly<Record<string, string | readonly string[] | undefined>> = {},
    browser = this.browser(),
    name: PersonName = 'alice',
  ): Promise<string> {
    const answer = await this.authorize(browser, name, parameters);
    const code = answer.get('code');
    if (code === null) throw new Error(`no code: ${answer.toString()}`);
    return code;
  }

  /** Redeems a code, as `web_app` unless something else is said. */
  redeem(
    code: string,
    form: Readonly<Record<string, string | readonly string[] | undefined>> = {},
    clientId: string | null = null,
  ): Promise<Answer> {
    return this.token(
      {
        grant_type: GrantType.AuthorizationCode,
        code,
        redirect_uri: CALLBACK,
        code_verifier: VERIFIER,
        ...(clientId === null ? { client_id: 'web_app' } : {}),
        ...form,
      },
      clientId,
    );
  }

  /** Refreshes, as `web_app` unless something else is said. */
  refresh(
    refreshToken: unknown,
    form: Readonly<Record<string, string | readonly string[] | undefined>> = {},
    clientId: string | null = null,
  ): Promise<Answer> {
    return this.token(
      {
        grant_type: GrantType.RefreshToken,
        refresh_token: String(refreshToken),
        ...(clientId === null ? { client_id: 'web_app' } : {}),
        ...form,
      },
      clientId,
    );
  }

  /** An exchange of `my_gateway` for `address_service`. */
  exchange(
    subjectToken: unknown,
    form: Readonly<Record<string, string | undefined>> = {},
  ): Promise<Answer> {
    return this.token(
      {
        grant_type: GrantType.TokenExchange,
        subject_token: String(subjectToken),
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        audience: 'address_service',
        ...form,
      },
      'my_gateway',
    );
  }

  /** A token request; with a client id it comes with HTTP Basic. */
  token(
    form: Readonly<Record<string, string | readonly string[] | undefined>>,
    clientId: string | null,
  ): Promise<Answer> {
    return this.post('/connect/token', form, clientId);
  }

  /** A form to a path; with a client id it comes with HTTP Basic. */
  post(
    path: string,
    form: Readonly<Record<string, string | readonly string[] | undefined>>,
    clientId: string | null = null,
  ): Promise<Answer> {
    const kept = Object.fromEntries(
      Object.entries(form).filter(([, value]) => value !== undefined),
    );
    return this.send(path, {
      method: 'POST',
      body: encode(kept),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        ...(clientId === null ? {} : { authorization: basic(clientId, `${clientId}-secret`) }),
      },
    });
  }

  send(
    path: string,
    {
      method = 'GET',
      headers = {},
      body = '',
    }: { method?: string; headers?: Readonly<Record<string, string>>; body?: string } = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = httpRequest(
        { host: '127.0.0.1', port: this.port, method, path, agent: false, headers },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
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
      sent.end(body);
    });
  }

  userInfo(token: unknown): Promise<Answer> {
    return this.send('/connect/userinfo', {
      headers: { authorization: `Bearer ${String(token)}` },
    });
  }

  async #storyClients(): Promise<void> {
    const scopes = ['address:read', 'address:write'];
    const grantTypes = [GrantType.ClientCredentials, GrantType.TokenExchange];
    await this.client({
      clientId: 'web_app',
      name: 'Web application',
      kind: 'public',
      grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
      scopes: [...OPENID_SCOPES, ...scopes],
      targets: ['my_gateway'],
      defaultTarget: 'my_gateway',
      signIn: { redirectUris: [CALLBACK], postLogoutRedirectUris: ['https://app.example/bye'] },
    });
    await this.client({
      clientId: 'my_gateway',
      name: 'API gateway',
      grantTypes,
      scopes,
      offeredScopes: scopes,
      targets: ['address_service'],
      identifiers: ['https://api.example/gateway'],
    });
    await this.client({
      clientId: 'address_service',
      name: 'Address service',
      grantTypes,
      scopes: ['address:read'],
      offeredScopes: scopes,
      targets: ['postal_service'],
    });
    await this.client({ clientId: 'postal_service', offeredScopes: ['address:read'] });
  }

  async #people(): Promise<void> {
    const passwords = this.app.get(Passwords, { strict: false });
    hashes ??= {
      alice: await passwords.hash(PASSWORDS.alice),
      bob: await passwords.hash(PASSWORDS.bob),
      admin: await passwords.hash(PASSWORDS.admin),
    };
    for (const [index, name] of (Object.keys(PASSWORDS) as PersonName[]).entries()) {
      await this.accounts.create(
        newAccount({
          accountId: `0000000${index}-0000-4000-8000-000000000000`,
          username: name,
          name: `${name[0]?.toUpperCase()}${name.slice(1)} Example`,
          email: `${name}@example.com`,
          emailVerified: true,
          roles: name === 'admin' ? ['administrator'] : [],
          password: { hash: hashes[name], changedAt: 0, mustChange: false },
        }),
      );
    }
  }
}

/** The events of records, in their order, with how they ended. */
export function eventsOf(records: readonly AuditRecord[]): readonly `${AuditEvent} ${string}`[] {
  return records.map(({ event, outcome, reason }): `${AuditEvent} ${string}` =>
    outcome === 'granted' ? `${event} granted` : `${event} ${reason}`,
  );
}

/** The claims of a token in an answer. */
export function claimsIn(answer: Answer, member: 'access_token' | 'id_token'): JsonObject {
  return decodeJwt(String(answer.body[member])) as JsonObject;
}

/** A claim of a token in an answer, which must be text. */
export function textClaim(
  answer: Answer,
  member: 'access_token' | 'id_token',
  name: string,
): string {
  const value = claimsIn(answer, member)[name];
  if (typeof value !== 'string') throw new Error(`no text ${name} in the ${member}`);
  return value;
}

function readJson(text: string): JsonObject {
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    return {};
  }
}
