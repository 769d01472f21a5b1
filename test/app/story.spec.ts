import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { GrantType } from '../../src/oauth/grant-type.js';
import {
  collect,
  freePort,
  plainEnvironment,
  ROOT,
  ServiceProcess,
} from '../support/service-process.js';

const CHAIN = '/ web_app -> my_gateway -> address_service';

interface Finished {
  readonly code: number | null;
  readonly output: string;
}

let dataDir: string;
let port: number;
let service: ServiceProcess | undefined;

beforeAll(async () => {
  const built = await run(['scripts/ensure-built.js']);
  if (built.code !== 0) throw new Error(`The service could not be built:\n${built.output}`);
  dataDir = await mkdtemp(join(tmpdir(), 'nest-token-exchange-story-'));
  // As root, PostgreSQL runs as another user, who has to pass through.
  await chmod(dataDir, 0o711);
  port = await freePort();
}, 180_000);

afterAll(async () => {
  await service?.stop();
  await rm(dataDir, { recursive: true, force: true });
}, 60_000);

describe('npm run story', () => {
  it('says in one sentence what to do when nothing was ever started', async () => {
    const { code, output } = await story();
    expect(code).toBe(1);
    expect(output).toBe(
      `There is no ${join(dataDir, 'demo.json')} yet: run "npm start", which writes it.\n`,
    );
  });

  it('holds against the service as it is started, and again when it is played again', async () => {
    service = await ServiceProcess.start(dataDir, port);
    for (let time = 0; time < 2; time += 1) {
      const { code, output } = await story();
      expect(output).toContain(CHAIN);
      expect(output).toContain('The story held');
      expect(code).toBe(0);
    }
  }, 120_000);

  it('tells claims and refusals, but neither a token nor a secret', async () => {
    const { output } = await run(['scripts/story.js', '--demo', join(dataDir, 'demo.json')]);
    const { clients } = await readDemo();
    expect(output).toContain('invalid_scope');
    expect(output).not.toMatch(/eyJ[\w-]+\.eyJ/);
    for (const { clientSecret } of clients) {
      if (clientSecret !== undefined) expect(output).not.toContain(clientSecret);
    }
    expect((await stat(join(dataDir, 'demo.json'))).mode & 0o777).toBe(0o600);
  });

  it('tells what differed when the service grants what it should refuse', async () => {
    const both = ['address:read', 'address:write'];
    await change('address_service', { scopes: both });
    await change('postal_service', { offeredScopes: both });
    const { code, output } = await story();
    await change('address_service', { scopes: ['address:read'] });
    await change('postal_service', { offeredScopes: ['address:read'] });
    expect(output).toContain('The story did not hold. What differed:');
    expect(output).toMatch(/asks for address:write.*"status":400.*found.*"status":200/);
    expect(code).toBe(1);
  });

  it('leaves the trust as it was before', async () => {
    const { body } = await admin('/trusted-issuers');
    expect(body).toMatchObject({ items: [] });
    const gateway = await admin('/clients/my_gateway');
    expect(gateway.body).toMatchObject({ exchange: { subjectIssuers: [] } });
  });
});

describe('a service that is killed right after it granted', () => {
  it('has the record of every granted token when it runs again', async () => {
    const running = (service ??= await ServiceProcess.start(dataDir, port));
    const subject = await clientToken('my_gateway');
    const granted = new Set<string>();
    // Several ask at once, until nobody answers: it is killed among requests under way.
    const ask = async () => {
      for (;;) {
        const jti = await exchange(subject).catch(() => undefined);
        if (jti === undefined) return;
        granted.add(jti);
        if (granted.size === 40) await running.kill();
      }
    };
    await Promise.all(Array.from({ length: 8 }, ask));
    expect(granted.size).toBeGreaterThanOrEqual(40);

    service = await ServiceProcess.start(dataDir, port);
    const token = await clientToken('admin_cli');
    const own = await admin(`/audit/records/${jtiOf(subject)}`, {}, token);
    expect(own.body).toMatchObject({ record: { outcome: 'granted', mode: 'own' } });
    for (const jti of granted) {
      const { body } = await admin(`/audit/chains/by-jti/${jti}`, {}, token);
      expect(body).toMatchObject({
        jti,
        chains: [{ hops: [{ record: { outcome: 'granted', issuedToken: { jti } } }] }],
      });
    }
  }, 120_000);

  it('says so in one sentence when the story is played while it is down', async () => {
    await service?.stop();
    service = undefined;
    const { code, output } = await story();
    expect(code).toBe(1);
    expect(output).toBe(
      `Nothing answers at http://localhost:${port}: run "npm start" and try again.\n`,
    );
  }, 60_000);
});

function story(): Promise<Finished> {
  return run(['scripts/story.js'], { DATA_DIR: dataDir });
}

async function run(args: readonly string[], more: Record<string, string> = {}): Promise<Finished> {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: plainEnvironment(more),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = collect(child);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output: output() };
}

interface Demo {
  readonly clients: readonly { readonly clientId: string; readonly clientSecret?: string }[];
}

async function readDemo(): Promise<Demo> {
  return JSON.parse(await readFile(join(dataDir, 'demo.json'), 'utf8')) as Demo;
}

async function token(clientId: string, form: Record<string, string>): Promise<string> {
  const { clients } = await readDemo();
  const { clientSecret } = clients.find((client) => client.clientId === clientId) ?? {};
  const response = await fetch(`http://127.0.0.1:${port}/connect/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
    },
    body: new URLSearchParams(form),
  });
  const { access_token: accessToken } = (await response.json()) as { access_token?: string };
  if (accessToken === undefined) throw new Error(`${clientId} got ${response.status}`);
  return accessToken;
}

function clientToken(clientId: string): Promise<string> {
  return token(clientId, { grant_type: GrantType.ClientCredentials });
}

/** The `jti` of what address_service gets for a token of my_gateway. */
async function exchange(subjectToken: string): Promise<string> {
  const issued = await token('address_service', {
    grant_type: GrantType.TokenExchange,
    subject_token: subjectToken,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  });
  return jtiOf(issued);
}

function jtiOf(token: string): string {
  const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8');
  return (JSON.parse(claims) as { jti: string }).jti;
}

async function admin(
  path: string,
  request: RequestInit = {},
  bearer?: string,
): Promise<{ status: number; body: unknown }> {
  const authorization = `Bearer ${bearer ?? (await clientToken('admin_cli'))}`;
  const response = await fetch(`http://127.0.0.1:${port}/admin${path}`, {
    ...request,
    headers: { authorization, 'content-type': 'application/json' },
  });
  return { status: response.status, body: await response.json() };
}

async function change(clientId: string, fields: Record<string, unknown>): Promise<void> {
  const request = { method: 'PATCH', body: JSON.stringify(fields) };
  expect((await admin(`/clients/${clientId}`, request)).status).toBe(200);
}
