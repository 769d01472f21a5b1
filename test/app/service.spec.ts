import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Agent, request as httpRequest } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import {
  ConfigurationError,
  describeSettings,
  readConfiguration,
} from '../../src/app/configuration.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { basic } from '../support/protocol.js';
import { TestWitness } from '../support/test-witness.js';
import {
  CuttableWay,
  dumpOf,
  RunningService,
  SERVICE_ISSUER,
  tokenOf,
  type ServiceAnswer,
} from '../support/running-service.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const KEY = randomBytes(32).toString('base64');
const ADMIN_SECRET = randomBytes(32).toString('base64url');
const PRODUCTION = {
  NODE_ENV: 'production',
  ISSUER: 'https://idp.example',
  DATABASE_URL: 'postgres://idp:secret@db.example/idp',
  KEY_ENCRYPTION_KEY: KEY,
};
const CLIENT_CREDENTIALS = { grant_type: GrantType.ClientCredentials };

const databases: TestDatabase[] = [];
const services: RunningService[] = [];

afterEach(async () => {
  for (const service of services.splice(0)) await service.remove();
  for (const database of databases.splice(0)) await database.drop();
}, 60_000);

async function emptyDatabase(): Promise<string> {
  const database = await createTestDatabase();
  databases.push(database);
  return database.url;
}

/** The service with a database of its own, in the mode for tests: it migrates, it seeds nothing. */
async function start(environment: Readonly<Record<string, string>> = {}): Promise<RunningService> {
  const service = await RunningService.start({
    NODE_ENV: 'test',
    DATABASE_URL: environment['DATABASE_URL'] ?? (await emptyDatabase()),
    KEY_ENCRYPTION_KEY: KEY,
    FIRST_ADMIN_SECRET: ADMIN_SECRET,
    ...environment,
  });
  services.push(service);
  return service;
}

function problemsOf(environment: Readonly<Record<string, string>>): readonly string[] {
  try {
    readConfiguration(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

function expectProblems(
  environment: Readonly<Record<string, string>>,
  ...settings: readonly string[]
): void {
  const named = problemsOf(environment).map((problem) => problem.split(':')[0]);
  expect(new Set(named)).toEqual(new Set(settings));
  expect(named).toHaveLength(settings.length);
}

function askForToken(service: RunningService): Promise<ServiceAnswer> {
  return service.token(CLIENT_CREDENTIALS, 'admin_cli', ADMIN_SECRET);
}

function errorsOf(service: RunningService): readonly string[] {
  return service.lines.filter((line) => (JSON.parse(line) as { level: number }).level >= 50);
}

describe('A configuration is refused', () => {
  it('with everything that production needs and lacks, at once', () => {
    expectProblems({ NODE_ENV: 'production' }, 'ISSUER', 'DATABASE_URL', 'KEY_ENCRYPTION_KEY');
    expect(problemsOf({ NODE_ENV: 'production' }).join('\n')).toContain('openssl rand');
    expectProblems(
      { NODE_ENV: 'production', ISSUER: '', DATABASE_URL: '' },
      'ISSUER',
      'DATABASE_URL',
      'KEY_ENCRYPTION_KEY',
    );
  });

  it('with every mistake of every setting, at once', () => {
    const wrong = {
      ISSUER: 'http://idp.example',
      DATABASE_URL: 'mysql://db.example',
      KEY_ENCRYPTION_KEY: 'short',
      PORT: '99999',
      DATABASE_POOL_SIZE: 'many',
      SIGNING_ALGORITHM: 'HS256',
      KEY_ANNOUNCEMENT: '-1',
      CHAIN_LIFETIME: '1.5',
      EXCHANGED_CLIENT_ID: 'nobody',
      EXCLUDED_SUBJECT_CLAIMS: 'sid, act',
      PRIVATE_NETWORKS: 'yes',
      LEDGER_ANCHOR_INTERVAL: '0',
      LEDGER_ANCHOR_GIT_REMOTE: '--upload-pack=x',
      LEDGER_ANCHOR_WEBHOOK: 'https://user@idp.example',
      LEDGER_ANCHOR_WEBHOOK_SECRET: 'whsec_c2hvcnQ=',
      LEDGER_WITNESSES: 'https://witness.example',
      TRUST_PROXY: 'true',
      LOG_LEVEL: 'loud',
      SHUTDOWN_TIMEOUT: '0',
      FIRST_ADMIN_SECRET: 'changeme',
    };
    expectProblems({ NODE_ENV: 'production', ...wrong }, ...Object.keys(wrong));
  });

  it('for a mode that nobody knows, together with other mistakes', () => {
    expectProblems({ NODE_ENV: 'staging', PORT: 'x' }, 'NODE_ENV', 'PORT');
  });

  it.each([
    'http://idp.example',
    'https://idp.example/',
    'https://idp.example/tenant/',
    'https://idp.example?x=1',
    'https://idp.example#x',
    'https://user@idp.example',
    'https://IDP.example',
    'https://idp.example:443',
    'https://idp.example/a/../b',
    'idp.example',
    'ftp://idp.example',
  ])('for the issuer %s', (issuer) => {
    expect(problemsOf({ ISSUER: issuer })[0]).toMatch(/^ISSUER: /);
    expect(problemsOf({ ...PRODUCTION, ISSUER: issuer })[0]).toMatch(/^ISSUER: /);
  });

  it('for an issuer on loopback in production, which development may have', () => {
    for (const issuer of ['http://localhost:3000', 'http://127.0.0.1:3000', 'http://[::1]:3000']) {
      expectProblems({ ...PRODUCTION, ISSUER: issuer }, 'ISSUER');
      expectProblems({ ISSUER: issuer });
    }
  });

  it.each([
    'correct horse battery staple, and then some more of it',
    'A'.repeat(42),
    'A'.repeat(44),
    'f'.repeat(63),
    `${'A'.repeat(42)}!`,
  ])('for the encryption key %s', (key) => {
    expectProblems({ ...PRODUCTION, KEY_ENCRYPTION_KEY: key }, 'KEY_ENCRYPTION_KEY');
  });

  it('for anchors that lack something, and those that could be overheard in production', () => {
    const witness = new TestWitness('witness.example/w1').verifierKey;
    const secret = `whsec_${randomBytes(32).toString('base64')}`;
    const webhook = {
      LEDGER_ANCHOR_WEBHOOK: 'http://127.0.0.1:9',
      LEDGER_ANCHOR_WEBHOOK_SECRET: secret,
    };
    expectProblems({ LEDGER_ANCHOR_WEBHOOK: 'https://x.example' }, 'LEDGER_ANCHOR_WEBHOOK');
    expectProblems({ LEDGER_ANCHOR_WEBHOOK_SECRET: secret }, 'LEDGER_ANCHOR_WEBHOOK');
    expectProblems({ LEDGER_ANCHOR_GIT_REMOTE: 'origin' }, 'LEDGER_ANCHOR_GIT_REMOTE');
    const twice = `https://a.example ${witness}, https://b.example ${witness}`;
    expectProblems({ LEDGER_WITNESSES: twice }, 'LEDGER_WITNESSES');
    expectProblems({ ...webhook, LEDGER_WITNESSES: `http://127.0.0.1:9 ${witness}` });
    expectProblems({ ...PRODUCTION, ...webhook }, 'LEDGER_ANCHOR_WEBHOOK');
    const overheard = { LEDGER_WITNESSES: `http://127.0.0.1:9 ${witness}` };
    expectProblems({ ...PRODUCTION, ...overheard }, 'LEDGER_WITNESSES');
  });

  it.each(['10.0.0.1/33', '10.0.0', 'proxy.example', '10.0.0.1/8/8', '1', '::/129', '*'])(
    'for the proxy %s',
    (proxy) => {
      expectProblems({ TRUST_PROXY: `10.0.0.0/8, ${proxy}` }, 'TRUST_PROXY');
    },
  );

  it('for development that others could reach, and a port without an issuer', () => {
    expectProblems({ HOST: '0.0.0.0' }, 'HOST');
    expectProblems({ HOST: '::' }, 'HOST');
    expectProblems({ PORT: '0' }, 'PORT');
    expectProblems({ ...PRODUCTION, HOST: '0.0.0.0' });
  });

  it('and the problems never repeat a value', () => {
    const secret = 'hunter2-hunter2';
    const problems = problemsOf({
      NODE_ENV: secret,
      ISSUER: `https://${secret}@x`,
      DATABASE_URL: secret,
      KEY_ENCRYPTION_KEY: secret,
      FIRST_ADMIN_SECRET: secret,
      PORT: secret,
    });
    expect(problems.length).toBeGreaterThanOrEqual(6);
    expect(problems.join('\n')).not.toContain(secret);
  });
});

describe('A configuration', () => {
  it('takes empty values as absent and keys in base64, base64url and hex', () => {
    expect(readConfiguration({ PORT: '', NODE_ENV: '' })).toMatchObject({
      mode: 'development',
      port: 3000,
      host: '127.0.0.1',
      issuer: 'http://localhost:3000',
    });
    const key = randomBytes(32);
    for (const encoding of ['base64', 'base64url', 'hex'] as const) {
      const configuration = readConfiguration({
        ...PRODUCTION,
        KEY_ENCRYPTION_KEY: key.toString(encoding),
      });
      expect(configuration.keys.encryptionKey?.equals(key)).toBe(true);
    }
  });

  it('of production listens for everybody, fetches from no private network and drains slowly', () => {
    expect(readConfiguration(PRODUCTION)).toMatchObject({
      host: '0.0.0.0',
      fetch: { allowLoopbackHttp: false, allowPrivateNetworks: false },
      shutdown: { delay: 5_000, timeout: 20_000 },
      trustProxy: [],
      anchors: { interval: 60_000, file: undefined, git: undefined, witnesses: [] },
      firstAdminSecret: undefined,
    });
  });

  it('hands git what it needs to run, and none of the secrets', () => {
    const { anchors } = readConfiguration({
      ...PRODUCTION,
      LEDGER_ANCHOR_GIT: '/anchor',
      PATH: '/bin',
      HOME: '/home/idp',
    });
    expect(anchors.git).toEqual({
      folder: '/anchor',
      remote: undefined,
      environment: { PATH: '/bin', HOME: '/home/idp' },
    });
  });

  it('is documented: every setting with its meaning, no other', async () => {
    const text = await readFile(`${ROOT}/docs/configuration.md`, 'utf8');
    const documented = text
      .split(/^## /m)
      .slice(1)
      .map((section) => {
        const [name = '', ...meaning] = section.split('\n');
        return { name: name.replaceAll('`', '').trim(), meaning: meaning.join(' ').trim() };
      });
    expect(documented).toEqual(describeSettings());
  });
});

/** The service's own command, as a process of its own. */
async function run(
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<{ code: number | null; out: string; err: string }> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(
    process.execPath,
    ['--import', '@swc-node/register/esm-register', 'src/main.ts', ...words],
    { cwd: ROOT, env: { PATH, HOME, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

describe('The command', () => {
  it('ends with every mistake in plain words, and without a stack trace', async () => {
    const { code, out, err } = await run(['start'], { NODE_ENV: 'production', PORT: 'x' });
    expect({ code, out }).toEqual({ code: 1, out: '' });
    for (const name of ['PORT', 'ISSUER', 'DATABASE_URL', 'KEY_ENCRYPTION_KEY'])
      expect(err).toContain(`- ${name}: `);
    expect(err).not.toMatch(/^\s+at /m);
  }, 60_000);

  it('refuses to start production on a database with pending migrations and names the command that helps', async () => {
    const environment = { ...PRODUCTION, DATABASE_URL: await emptyDatabase(), PORT: '4999' };
    const refused = await run(['start'], environment);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('npx nest-token-exchange migrate');
    expect(refused.err).not.toMatch(/^\s+at /m);
    expect(await dumpOf(environment.DATABASE_URL)).toBe('');
    const migrated = await run(['migrate'], environment);
    expect(migrated).toMatchObject({ code: 0, err: '' });
    expect(await dumpOf(environment.DATABASE_URL)).toContain('nte_audit_record');
  }, 90_000);

  it('starts in production, drains at SIGTERM and ends with 0', async () => {
    const port = await freePort();
    const environment = {
      ...PRODUCTION,
      DATABASE_URL: await emptyDatabase(),
      HOST: '127.0.0.1',
      PORT: String(port),
      SHUTDOWN_DELAY: '1',
      FIRST_ADMIN_SECRET: ADMIN_SECRET,
    };
    expect((await run(['migrate'], environment)).code).toBe(0);
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn(
      process.execPath,
      ['--import', '@swc-node/register/esm-register', 'src/main.ts'],
      { cwd: ROOT, env: { PATH, HOME, ...environment }, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const ended = once(child, 'exit');
    try {
      let out = '';
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      const base = `http://127.0.0.1:${port}`;
      while (!(await isReady(base))) await sleep(100);
      const held = await heldRequest(port, ADMIN_SECRET);
      child.kill('SIGTERM');
      await sleep(300);
      expect((await fetch(`${base}/health/live`)).status).toBe(200);
      expect((await fetch(`${base}/health/ready`)).status).toBe(503);
      await sleep(1_000);
      expect(await held.finish()).toMatch(/^HTTP\/1\.1 200/);
      expect(await ended).toEqual([0, null]);
      expect(await dumpOf(environment.DATABASE_URL)).toContain('"outcome":"granted"');
      for (const line of out.trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
      expect(out).toContain('"stopped"');
    } finally {
      child.kill('SIGKILL');
    }
  }, 120_000);
});

async function isReady(base: string): Promise<boolean> {
  return fetch(`${base}/health/ready`).then(
    (answer) => answer.ok,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A token request whose body is only half sent. */
async function heldRequest(port: number, secret: string): Promise<{ finish(): Promise<string> }> {
  const body = new URLSearchParams(CLIENT_CREDENTIALS).toString();
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  socket.write(
    [
      'POST /connect/token HTTP/1.1',
      'Host: x',
      `Authorization: ${basic('admin_cli', secret)}`,
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${body.length}`,
      'Connection: close',
      '',
      body.slice(0, 5),
    ].join('\r\n'),
  );
  await sleep(100);
  return {
    finish: async () => {
      socket.write(body.slice(5));
      await closed;
      return text;
    },
  };
}

describe('The first administrator', () => {
  it('comes from the environment, once, and can do everything that the admin API offers', async () => {
    const url = await emptyDatabase();
    const service = await start({ DATABASE_URL: url });
    const answer = await askForToken(service);
    expect(answer.status).toBe(200);
    const clients = await service.admin(tokenOf(answer), 'GET', '/clients');
    expect(clients.body['items']).toMatchObject([{ clientId: 'admin_cli' }]);
    await service.stop();
    const other = randomBytes(32).toString('base64url');
    const again = await start({ DATABASE_URL: url, FIRST_ADMIN_SECRET: other });
    expect((await again.token(CLIENT_CREDENTIALS, 'admin_cli', other)).status).toBe(401);
    expect((await askForToken(again)).status).toBe(200);
  });

  it('is nobody without the setting, and nothing else is seeded', async () => {
    const url = await emptyDatabase();
    const service = await RunningService.start({ NODE_ENV: 'test', DATABASE_URL: url });
    services.push(service);
    expect((await askForToken(service)).status).toBe(401);
    expect(service.printed).toBe('');
    expect([...(await service.files()).keys()]).toEqual(['encryption.key']);
  });
});

describe('Development with a database of its own', () => {
  it('makes its data folder, seeds the demo once and prints it once', async () => {
    const url = await emptyDatabase();
    const service = await RunningService.start({ NODE_ENV: 'development', DATABASE_URL: url });
    services.push(service);
    expect(service.printed).toContain(await service.demoSecret('my_gateway'));
    const again = await service.token(
      CLIENT_CREDENTIALS,
      'my_gateway',
      await service.demoSecret('my_gateway'),
    );
    expect(again.status).toBe(200);
    expect(again.body['expires_in']).toBe(600);
  });
});

describe('Over HTTP the service', () => {
  let service: RunningService;
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
    service = await RunningService.start({
      NODE_ENV: 'test',
      DATABASE_URL: database.url,
      FIRST_ADMIN_SECRET: ADMIN_SECRET,
    });
  });

  afterAll(async () => {
    await service.remove();
    await database.drop();
  });

  const PATHS = [
    '/connect/token',
    '/.well-known/jwks.json',
    '/health/live',
    '/admin/clients',
    '/x',
  ];

  it.each(PATHS)(
    'sends the headers that protect a browser, and no X-Powered-By, at %s',
    async (path) => {
      const { headers } = await service.send(path);
      expect(headers).toMatchObject({
        'content-security-policy': "default-src 'none';frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
      });
      expect(headers).not.toHaveProperty('x-powered-by');
      expect(headers).not.toHaveProperty('access-control-allow-origin');
    },
  );

  it('gives every answer a request id, its own or the caller’s, and never an odd one', async () => {
    for (const path of PATHS) {
      const own = await service.send(path);
      expect(own.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
      const given = await service.send(path, { headers: { 'x-request-id': 'req_42' } });
      expect(given.headers['x-request-id']).toBe('req_42');
      for (const odd of ['a b', 'x'.repeat(41), 'é', '<script>', 'a.b.c']) {
        const answer = await service.send(path, {
          headers: { 'x-request-id': Buffer.from(odd).toString('latin1') },
        });
        expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
      }
    }
    await service.token(CLIENT_CREDENTIALS, 'admin_cli', ADMIN_SECRET, {
      'x-request-id': 'req_43',
    });
    expect(await dumpOf(database.url)).toContain('"requestId":"req_43"');
    expect(service.lines.some((line) => line.includes('"req_43"'))).toBe(true);
  });

  it('answers a token request alike whether it goes ahead of Express or through it', async () => {
    const authorization = basic('admin_cli', ADMIN_SECRET);
    const asks = [
      { headers: { authorization }, body: CLIENT_CREDENTIALS },
      { headers: { authorization }, body: { grant_type: 'nobody_knows' } },
      { headers: { authorization: basic('admin_cli', 'wrong') }, body: CLIENT_CREDENTIALS },
      { headers: { authorization, 'content-type': 'text/plain' }, body: 'x' },
    ];
    for (const ask of asks) {
      const [direct, through] = [
        await service.send('/connect/token', { method: 'POST', ...ask }),
        await service.send('/connect/token?through=express', { method: 'POST', ...ask }),
      ];
      expect(through.status).toBe(direct.status);
      expect(Object.keys(through.headers).toSorted()).toEqual(
        Object.keys(direct.headers).toSorted(),
      );
      expect(Object.keys(through.body)).toEqual(Object.keys(direct.body));
    }
  });

  it('answers an unknown path in JSON, without repeating it', async () => {
    for (const path of ['/nothing/here', '/connect/nothing', '/.well-known/nothing', '/health']) {
      const answer = await service.send(path);
      expect(answer.status).toBe(404);
      expect(answer.headers['content-type']).toBe('application/json');
      expect(answer.text).not.toContain('nothing/');
      expect(answer.text).not.toContain(path);
    }
  });

  it('believes no proxy that it was not told of', async () => {
    await service.token(CLIENT_CREDENTIALS, 'admin_cli', ADMIN_SECRET, {
      'x-forwarded-for': '203.0.113.9',
    });
    expect(await dumpOf(database.url)).not.toContain('203.0.113.9');
  });

  it('is alive and ready, and no cache keeps that', async () => {
    const live = await service.send('/health/live');
    expect(live).toMatchObject({ status: 200, body: { status: 'up' } });
    const ready = await service.send('/health/ready');
    expect(ready).toMatchObject({
      status: 200,
      body: { status: 'up', checks: { database: 'up', keys: 'up', ledger: 'up' } },
    });
    for (const { headers } of [live, ready]) expect(headers['cache-control']).toBe('no-store');
  });
});

describe('Behind a proxy that it was told of, the service', () => {
  it('records where the request came from', async () => {
    const url = await emptyDatabase();
    const service = await start({ DATABASE_URL: url, TRUST_PROXY: '127.0.0.0/8,::1' });
    await service.token(CLIENT_CREDENTIALS, 'admin_cli', ADMIN_SECRET, {
      'x-forwarded-for': '198.51.100.7, 203.0.113.9',
    });
    const administrator = tokenOf(await askForToken(service));
    const { text } = await service.admin(administrator, 'GET', '/audit/records?limit=10');
    expect(text).toContain('"address":"203.0.113.9"');
    expect(text).not.toContain('198.51.100.7');
    // Kept under a key that can be destroyed, because it is somebody's.
    const dump = await dumpOf(url);
    for (const address of ['203.0.113.9', '198.51.100.7']) expect(dump).not.toContain(address);
  });
});

describe('While its database is away, the service', () => {
  it('answers 503, issues nothing, says why once a request, and recovers by itself', async () => {
    const url = await emptyDatabase();
    const way = await CuttableWay.to(url);
    try {
      const service = await start({ DATABASE_URL: way.url });
      expect((await askForToken(service)).status).toBe(200);
      way.cut();
      await sleep(1_000);
      const errorsBefore = errorsOf(service).length;
      const refused = await askForToken(service);
      expect(refused.status).toBe(503);
      expect(refused.headers['retry-after']).toBe('1');
      expect(refused.body).toEqual({
        error: 'temporarily_unavailable',
        error_description: expect.any(String),
      });
      const errors = errorsOf(service).slice(errorsBefore);
      const reasons = errors.filter((line) => line.includes('record_not_written'));
      expect(reasons).toHaveLength(1);
      expect(reasons[0]).not.toMatch(/\bat .*\.ts:/);
      expect((await service.send('/health/ready')).status).toBe(503);
      expect((await service.send('/health/live')).status).toBe(200);
      way.mend();
      const deadline = Date.now() + 20_000;
      while ((await askForToken(service)).status !== 200) {
        expect(Date.now()).toBeLessThan(deadline);
        await sleep(200);
      }
      expect((await service.send('/health/ready')).status).toBe(200);
      await service.stop();
      const granted = service.answers.filter((answer) => 'access_token' in answer.body);
      const dump = await dumpOf(url);
      expect(dump.match(/"outcome":"granted"/g)).toHaveLength(granted.length);
    } finally {
      await way.close();
    }
  }, 60_000);
});

describe('When it is told to stop, the service', () => {
  it('is not ready any more, finishes what is under way, records it and then closes', async () => {
    const url = await emptyDatabase();
    const service = await start({ DATABASE_URL: url, SHUTDOWN_DELAY: '1' });
    const { port } = new URL(service.url);
    const held = await heldRequest(Number(port), ADMIN_SECRET);
    const stopped = service.stop();
    await sleep(100);
    expect((await service.send('/health/ready')).body).toMatchObject({
      status: 'down',
      checks: { service: 'down' },
    });
    expect((await askForToken(service)).status).toBe(200);
    await sleep(1_200);
    await expect(service.send('/health/live')).rejects.toThrow('ECONNREFUSED');
    expect(await held.finish()).toMatch(/^HTTP\/1\.1 200/);
    await stopped;
    expect((await dumpOf(url)).match(/"outcome":"granted"/g)).toHaveLength(2);
  });

  it('waits for nobody longer than it was told, and for no connection that is only kept', async () => {
    const service = await start({ SHUTDOWN_TIMEOUT: '1' });
    const { port } = new URL(service.url);
    const agent = new Agent({ keepAlive: true });
    await new Promise((resolve) => {
      httpRequest(`${service.url}/health/live`, { agent }, (response) => {
        response.resume().once('end', resolve);
      }).end();
    });
    const begun = Date.now();
    await heldRequest(Number(port), ADMIN_SECRET);
    await service.stop();
    expect(Date.now() - begun).toBeLessThan(5_000);
    agent.destroy();
  });

  it('stops once, however often it is told', async () => {
    const service = await start();
    await Promise.all([service.stop(), service.stop()]);
    await service.stop();
    expect(service.lines.filter((line) => line.includes('"stopped"'))).toHaveLength(1);
  });
});

describe('The issuer of the service', () => {
  it('is the configured one in every document and token', async () => {
    const service = await start();
    const token = tokenOf(await askForToken(service));
    const [, payload = ''] = token.split('.');
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      iss: SERVICE_ISSUER,
      aud: `${SERVICE_ISSUER}/admin`,
    });
    for (const name of ['oauth-authorization-server', 'openid-configuration']) {
      const { body } = await service.send(`/.well-known/${name}`, {
        headers: { host: 'evil.example' },
      });
      expect(body['issuer']).toBe(SERVICE_ISSUER);
    }
  });
});
