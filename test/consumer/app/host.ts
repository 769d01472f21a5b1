// A foreign application. The consumer test copies it into an ESM and a CommonJS package, compiles it
// there against the packed tarball and runs it: without an argument it answers with a report in JSON,
// with `without-ports` it starts as a host that forgot its adapters.
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';

import {
  Injectable,
  Module,
  type DynamicModule,
  type INestApplication,
  type OnModuleInit,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  broughtScope,
  ClientSettingsPolicy,
  ClientStore,
  DelegationPolicy,
  GrantType,
  hashSecret,
  newClient,
  TokenExchangeModule,
  TokenType,
  TrustedIssuerStore,
  type AuditRecord,
  type ExchangeRequest,
  type JsonObject,
  type TokenExchangeExtras,
  type TokenExchangeOptions,
  type Verdict,
} from 'nest-token-exchange';
import {
  InMemoryAuditLog,
  InMemoryClientStore,
  InMemoryStoresModule,
  InMemoryTrustedIssuerStore,
} from 'nest-token-exchange/testing';

const ISSUER = 'https://idp.example';
const GRANTS = [GrantType.ClientCredentials, GrantType.TokenExchange];

/** What came back over HTTP. */
export interface Answer {
  readonly status: number;
  readonly body: JsonObject;
  /** The token in it, or nothing. */
  readonly token: string;
  /** The claims of that token. */
  readonly claims: JsonObject;
}

/** What one application did from start to end. */
export interface Story {
  readonly own: Answer;
  readonly exchanged: Answer;
  readonly repeated: Answer;
  readonly keys: number;
  readonly issuer: unknown;
  readonly records: readonly AuditRecord[];
}

/** Everything that the test reads. */
export interface Report {
  readonly stories: Readonly<Record<string, Story>>;
  readonly policies: Readonly<Record<'narrowing' | 'widening', Story>>;
  /** What a start said that should not have come about; null where it did. */
  readonly refusals: Readonly<Record<string, string | null>>;
}

/** A service of the host that uses a port: it registers the clients. */
@Injectable()
class Registry implements OnModuleInit {
  constructor(private readonly clients: ClientStore) {}

  async onModuleInit(): Promise<void> {
    const scopes = ['address:read', 'address:write'];
    await this.clients.create(
      newClient({
        clientId: 'my_gateway',
        grantTypes: GRANTS,
        scopes,
        targets: ['address_service'],
        secrets: secret('my_gateway'),
      }),
    );
    await this.clients.create(
      newClient({
        clientId: 'address_service',
        grantTypes: GRANTS,
        scopes,
        offeredScopes: scopes,
        targets: ['postal_service'],
        secrets: secret('address_service'),
      }),
    );
    await this.clients.create(newClient({ clientId: 'postal_service', offeredScopes: scopes }));
  }
}

function secret(clientId: string) {
  return [{ id: 's1', hash: hashSecret(`${clientId}-secret`), createdAt: 0, expiresAt: null }];
}

/** The host's configuration, in a module of its own. */
@Injectable()
class Configuration {
  readonly issuer = ISSUER;
  readonly encryptionKey = randomBytes(32);
}

@Module({ providers: [Configuration], exports: [Configuration] })
class ConfigurationModule {}

/** Stores without `KeyStore` and `AuditLog`. */
@Module({
  providers: [
    { provide: ClientStore, useClass: InMemoryClientStore },
    { provide: TrustedIssuerStore, useClass: InMemoryTrustedIssuerStore },
  ],
  exports: [ClientStore, TrustedIssuerStore],
})
class HalfOfTheStoresModule {}

/** A module that provides nothing itself. */
@Module({ exports: [InMemoryStoresModule] })
class HandingOnModule {}

/** Stores that are there, one of which cannot be made. */
@Module({
  providers: [
    {
      provide: ClientStore,
      useFactory: () => {
        throw new Error('the directory of clients is closed');
      },
    },
  ],
  exports: [ClientStore],
})
class BrokenClientsModule {}

/** Allows what the clients' settings allow, but never more than reading. */
class ReadOnlyPolicy extends DelegationPolicy {
  readonly #settings = new ClientSettingsPolicy();

  decide(request: ExchangeRequest): Verdict {
    const verdict = this.#settings.decide(request);
    if (verdict.outcome !== 'allowed') return verdict;
    const scope = new Set([...verdict.scope].filter((value) => value.endsWith(':read')));
    return {
      ...verdict,
      scope,
      basis: { policy: 'read-only', version: '7', rule: 'reading' },
    };
  }
}

/** Allows everything, and more than the subject token holds. */
class GenerousPolicy extends DelegationPolicy {
  decide({ targets, subjectToken }: ExchangeRequest): Verdict {
    return {
      outcome: 'allowed',
      mode: 'delegation',
      audience: targets.map((target) => target.identifier),
      scope: new Set([...broughtScope(subjectToken), 'address:delete']),
      expiresAt: subjectToken.expiresAt,
      basis: { policy: 'generous', version: '1', rule: 'everybody' },
    };
  }
}

function options(changes: Partial<TokenExchangeOptions> = {}): TokenExchangeOptions {
  return { issuer: ISSUER, keys: { encryptionKey: randomBytes(32) }, ...changes };
}

const stores: TokenExchangeExtras = { adapters: [InMemoryStoresModule] };

function known(changes?: Partial<TokenExchangeOptions>, extras = stores): DynamicModule {
  return TokenExchangeModule.forRoot({ ...options(changes), ...extras });
}

function made(changes?: Partial<TokenExchangeOptions>, extras = stores): DynamicModule {
  return TokenExchangeModule.forRootAsync({
    imports: [ConfigurationModule],
    inject: [Configuration],
    useFactory: async ({ issuer, encryptionKey }: Configuration) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return options({ issuer, keys: { encryptionKey }, ...changes });
    },
    ...extras,
  });
}

/** The host's own root module. Its services come before ours, and need our ports. */
function hostModule(exchange: DynamicModule): DynamicModule {
  return { module: HostAppModule, imports: [exchange], providers: [Registry] };
}

@Module({})
class HostAppModule {}

async function start(exchange: DynamicModule, parser?: false): Promise<INestApplication> {
  return NestFactory.create(hostModule(exchange), {
    logger: false,
    abortOnError: false,
    ...(parser === false ? { bodyParser: false } : {}),
  });
}

async function story(exchange: DynamicModule, parser?: false): Promise<Story> {
  const app = await start(exchange, parser);
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  const base = `http://127.0.0.1:${port}`;
  try {
    const own = await askToken(base, 'my_gateway', [
      ['grant_type', GrantType.ClientCredentials],
      ['audience', 'address_service'],
    ]);
    const exchange: [string, string][] = [
      ['grant_type', GrantType.TokenExchange],
      ['subject_token', own.token],
      ['subject_token_type', TokenType.AccessToken],
      ['audience', 'postal_service'],
    ];
    const exchanged = await askToken(base, 'address_service', exchange);
    const repeated = await askToken(base, 'address_service', [
      ...exchange,
      ['scope', 'address:read'],
      ['scope', 'address:write'],
    ]);
    const keys = (await read(`${base}/.well-known/jwks.json`))['keys'] as readonly unknown[];
    const metadata = await read(`${base}/.well-known/oauth-authorization-server`);
    const records = app
      .get(InMemoryAuditLog, { strict: false })
      .entries.map(({ record }) => record);
    return { own, exchanged, repeated, keys: keys.length, issuer: metadata['issuer'], records };
  } finally {
    await app.close();
  }
}

async function read(url: string): Promise<JsonObject> {
  const response = await fetch(url);
  return (await response.json()) as JsonObject;
}

async function askToken(base: string, clientId: string, form: [string, string][]): Promise<Answer> {
  const response = await fetch(`${base}/connect/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${clientId}:${clientId}-secret`).toString('base64')}`,
    },
    body: new URLSearchParams(form),
  });
  const body = (await response.json()) as JsonObject;
  const accessToken = body['access_token'];
  const token = typeof accessToken === 'string' ? accessToken : '';
  return { status: response.status, body, token, claims: claimsOf(token) };
}

function claimsOf(token: string): JsonObject {
  const [, claims] = token.split('.');
  if (claims === undefined) return {};
  return JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as JsonObject;
}

/** Starts what should not start, and gives back what was said. */
async function refusal(exchange: () => DynamicModule): Promise<string | null> {
  try {
    const app = await start(exchange());
    await app.init();
    await app.close();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function report(): Promise<Report> {
  const none: TokenExchangeExtras = {};
  const half: TokenExchangeExtras = { adapters: [HalfOfTheStoresModule] };
  const handedOn: TokenExchangeExtras = {
    adapters: [{ module: HandingOnModule, imports: [InMemoryStoresModule] }],
  };
  const unexported: TokenExchangeExtras = {
    adapters: [{ module: HostAppModule, imports: [InMemoryStoresModule] }],
  };
  const broken: TokenExchangeExtras = { adapters: [InMemoryStoresModule, BrokenClientsModule] };
  const brokenFirst: TokenExchangeExtras = {
    adapters: [BrokenClientsModule, InMemoryStoresModule],
  };
  const act = { excludedSubjectClaims: ['email', 'act'] };
  return {
    stories: {
      'forRoot with the default body parser': await story(known()),
      'forRoot with bodyParser: false': await story(known(), false),
      'forRootAsync with the default body parser': await story(made()),
      'forRootAsync with bodyParser: false': await story(made(), false),
    },
    policies: {
      narrowing: await story(known({ policy: new ReadOnlyPolicy() })),
      widening: await story(made({ policy: new GenerousPolicy() })),
    },
    refusals: {
      'forRoot without adapters': await refusal(() => known({}, none)),
      'forRoot with half of them': await refusal(() => known({}, half)),
      'forRoot with a module that hands them on': await refusal(() => known({}, handedOn)),
      'forRoot with adapters that export nothing': await refusal(() => known({}, unexported)),
      'forRootAsync without adapters': await refusal(() => made({}, none)),
      'forRootAsync with half of them': await refusal(() => made({}, half)),
      'forRoot with a broken adapter': await refusal(() => known({}, brokenFirst)),
      'forRoot with a broken adapter behind another': await refusal(() => known({}, broken)),
      'forRootAsync with a broken adapter': await refusal(() => made({}, brokenFirst)),
      'issuer with a trailing slash': await refusal(() => known({ issuer: `${ISSUER}/` })),
      'issuer with a query': await refusal(() => known({ issuer: `${ISSUER}?tenant=1` })),
      'issuer with a fragment': await refusal(() => made({ issuer: `${ISSUER}#top` })),
      'issuer with a user': await refusal(() => known({ issuer: 'https://me@idp.example' })),
      'issuer not in normal form': await refusal(() => known({ issuer: 'https://IDP.example' })),
      'issuer without https': await refusal(() => made({ issuer: 'http://idp.example' })),
      'issuer that is no URL': await refusal(() => known({ issuer: 'idp.example' })),
      'issuer on loopback': await refusal(() => known({ issuer: 'http://localhost:3000' })),
      'issuer with a path': await refusal(() => known({ issuer: `${ISSUER}/tenants/1` })),
      'short encryption key': await refusal(() =>
        known({ keys: { encryptionKey: randomBytes(16) } }),
      ),
      'long encryption key': await refusal(() =>
        made({ keys: { encryptionKey: randomBytes(33) } }),
      ),
      'excluded act': await refusal(() => known({ tokens: act })),
      'excluded act, from a factory': await refusal(() => made({ tokens: act })),
    },
  };
}

async function main(): Promise<void> {
  if (process.argv[2] === 'without-ports') await NestFactory.create(hostModule(made({}, {})));
  else process.stdout.write(JSON.stringify(await report()));
}

void main();
