import type { AddressInfo } from 'node:net';

import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import helmet from 'helmet';
import type { Logger } from 'pino';

import { AccountStore } from '../accounts/account-store.js';
import { Passwords } from '../accounts/password.js';
import { ClientStore } from '../clients/client-store.js';
import { OAuthErrorFilter } from '../endpoints/oauth-error.filter.js';
import { ADMIN_ROLE_SCOPES, ADMIN_SCOPES, adminAudience } from '../admin/admin-scopes.js';
import { AppModule } from './app.module.js';
import type { Configuration } from './configuration.js';
import { openDatabase, type Database } from './database.js';
import type { PeopleStores } from './demo-people.js';
import { describeDemo, seedDemo } from './demo.js';
import { DOCUMENTATION_CSP, setUpDocumentation } from './documentation.js';
import { createDataDirectory } from '../embedded/data-directory.js';
import { developmentEncryptionKey } from './encryption-key.js';
import { seedFirstAdministrator } from './first-administrator.js';
import { RetentionSettings } from './record-retirement.js';
import { Readiness } from './health/readiness.js';
import { accessLog, NestLog } from './logging.js';
import type { Middleware } from './middleware.js';
import { PageSettings } from '../pages/page-settings.js';
import { TypeormAuditSettings } from '../typeorm/typeorm-audit-settings.js';
import { openTokenDoor } from './token-door.js';

/** A running service. */
export interface Service {
  /** Where it listens. */
  readonly url: string;
  /** Says "not ready", waits, lets requests under way finish, flushes and closes. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts the service as configured.
 * @param print told what a newcomer should see once, such as the demo's secrets: never logged
 * @throws StartError and others, with everything closed again
 */
export async function startService(
  configuration: Configuration,
  logger: Logger,
  print: (text: string) => void,
): Promise<Service> {
  // Also with a database of its own: the encryption key and demo.json are kept there.
  if (configuration.mode !== 'production') await createDataDirectory(configuration.dataDir);
  const database = await openDatabase(configuration, {
    info: (text) => logger.info(text),
    warn: (text) => logger.warn(text),
  });
  let app: NestExpressApplication | undefined;
  try {
    const made = await createApp(configuration, database, logger);
    app = made;
    const stores = {
      clients: made.get(ClientStore),
      accounts: made.get(AccountStore),
      passwords: made.get(Passwords),
    };
    const said = await seed(configuration, stores);
    await made.listen(configuration.port, configuration.host);
    const { address, port, family } = made.getHttpServer().address() as AddressInfo;
    const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
    logger.info(
      { url, issuer: configuration.issuer, mode: configuration.mode },
      `listening on ${url}`,
    );
    if (said !== undefined) print(said);
    let stopped: Promise<void> | undefined;
    return { url, stop: () => (stopped ??= stop(configuration, made, database, logger)) };
  } catch (error) {
    await app?.close();
    await database.close();
    throw error;
  }
}

async function createApp(
  configuration: Configuration,
  database: Database,
  logger: Logger,
): Promise<NestExpressApplication> {
  const { issuer, keys, tokens, fetch, signIn, pages, anchors } = configuration;
  const encryptionKey =
    keys.encryptionKey ?? (await developmentEncryptionKey(configuration.dataDir));
  const options = {
    issuer,
    tokens: {
      ...tokens,
      ownTargets: [
        {
          identifier: adminAudience(issuer),
          offeredScopes: ADMIN_SCOPES,
          scopesOfRoles: ADMIN_ROLE_SCOPES,
        },
      ],
    },
    keys: { algorithm: keys.algorithm, announcement: keys.announcement, encryptionKey },
    fetch,
    signIn,
  };
  const basePath = new URL(issuer).pathname.replace(/\/$/, '');
  const app = await NestFactory.create<NestExpressApplication>(
    AppModule.with(
      options,
      new PageSettings({ ...pages, basePath }),
      database.dataSource,
      anchors,
      new RetentionSettings(configuration.auditRetention),
      new TypeormAuditSettings({ thread: configuration.auditThread }),
    ),
    {
      bodyParser: false,
      logger: new NestLog(logger),
      abortOnError: false,
    },
  );
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set(
    'trust proxy',
    configuration.trustProxy.length > 0 ? [...configuration.trustProxy] : false,
  );
  app.useGlobalFilters(new OAuthErrorFilter());
  const steps = [accessLog(logger), securityHeaders(issuer.startsWith('https:'))];
  app.use(...steps);
  setUpDocumentation(app, { issuer });
  openTokenDoor(app, steps);
  const server = app.getHttpServer();
  server.headersTimeout = 10_000;
  server.requestTimeout = 30_000;
  server.keepAliveTimeout = 65_000;
  return app;
}

function securityHeaders(isHttps: boolean): Middleware {
  const shared = {
    strictTransportSecurity: isHttps ? { maxAge: 31_536_000 } : false,
    referrerPolicy: { policy: 'no-referrer' as const },
    frameguard: { action: 'deny' as const },
  };
  const api = helmet({
    ...shared,
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
  });
  const documentation = (policy: 'same-origin-allow-popups' | 'unsafe-none') =>
    helmet({
      ...shared,
      contentSecurityPolicy: { useDefaults: false, directives: DOCUMENTATION_CSP },
      crossOriginOpenerPolicy: { policy },
    });
  // Its sign-in is a window of its own, which tells the page that opened it how it went.
  const pages = documentation('same-origin-allow-popups');
  const signedIn = documentation('unsafe-none');
  return (request, response, next) => {
    const { url = '' } = request;
    const isDocumentation = url.startsWith('/docs');
    const headers = url.startsWith('/docs/oauth2-redirect') ? signedIn : pages;
    (isDocumentation ? headers : api)(request, response, next);
  };
}

/** @returns what a newcomer should see once */
async function seed(
  configuration: Configuration,
  stores: PeopleStores & { readonly clients: ClientStore },
): Promise<string | undefined> {
  const { issuer, dataDir, firstAdminSecret: secret } = configuration;
  const settings = {
    adminTarget: adminAudience(issuer),
    adminScopes: ADMIN_SCOPES,
    now: Date.now(),
  };
  if (secret !== undefined) await seedFirstAdministrator(stores.clients, { ...settings, secret });
  if (configuration.mode !== 'development') return undefined;
  const demo = await seedDemo(stores, { ...settings, issuer, dataDir });
  return demo && describeDemo(demo);
}

async function stop(
  configuration: Configuration,
  app: NestExpressApplication,
  database: Database,
  logger: Logger,
): Promise<void> {
  const { delay, timeout } = configuration.shutdown;
  app.get(Readiness).leave();
  logger.info('stopping: not ready any more');
  if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
  const server = app.getHttpServer();
  const deadline = setTimeout(() => server.closeAllConnections(), timeout);
  server.closeIdleConnections();
  await app.close();
  clearTimeout(deadline);
  await database.close();
  logger.info('stopped');
}
