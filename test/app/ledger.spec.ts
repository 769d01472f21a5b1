import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { runAuditCommand } from '../../src/app/audit-command.js';
import { hashLeaf } from '../../src/audit/ledger/hashing.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { RunningService, tokenOf, type ServiceAnswer } from '../support/running-service.js';

let database: TestDatabase;
let service: RunningService;
let folder: string;
let secret: string;
let key: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nest-token-exchange-ledger-'));
  database = await createTestDatabase();
  service = await RunningService.start({ DATABASE_URL: database.url });
  secret = await service.demoSecret('admin_cli');
  for (let count = 0; count < 5; count += 1) await signIn('audit:read');
  await signed();
  key = (await audit(['key'])).out;
}, 120_000);

afterAll(async () => {
  await service?.remove();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

async function signIn(scope: string): Promise<string> {
  const response = await fetch(`${service.url}/connect/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`admin_cli:${secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { access_token: string }).access_token;
}

/** An exchange by a client of the demo, for its own target. */
async function exchange(clientId: string, token: string): Promise<ServiceAnswer> {
  const form = {
    grant_type: GrantType.TokenExchange,
    subject_token: token,
    subject_token_type: TokenType.AccessToken,
  };
  return service.token(form, clientId, await service.demoSecret(clientId));
}

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${service.url}/ledger/${path}`, init);
}

async function sizeOf(): Promise<number> {
  const response = await ask('checkpoint');
  return response.status === 200 ? Number((await response.text()).split('\n')[1]) : 0;
}

/** Waits until a checkpoint covers whatever was recorded. */
async function signed(): Promise<void> {
  const token = await signIn('audit:read');
  const answer = await fetch(`${service.url}/admin/audit/records?limit=1`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const { items } = (await answer.json()) as { items: { sequence: string }[] };
  while ((await sizeOf()) <= Number(items[0]!.sequence))
    await new Promise((resolve) => setTimeout(resolve, 50));
}

async function audit([action = '', ...rest]: readonly string[]): Promise<{
  code: number;
  out: string;
  error: string;
}> {
  let [out, error] = ['', ''];
  const terminal = {
    out: (text: string) => void (out += text),
    error: (text: string) => void (error += text),
  };
  const isOffline = rest.includes('--file');
  const access = ['--demo', join(service.dataDir, 'demo.json'), '--server', service.url];
  const words = [action, ...rest, ...(isOffline ? [] : access)];
  const code = await runAuditCommand(words, terminal, { DATA_DIR: folder });
  expect(out + error).not.toContain(secret);
  expect(error).not.toMatch(/^\s+at /m);
  return { code, out, error };
}

async function fileOf(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

describe('The ledger over HTTP refuses', () => {
  it.each([
    ['tile/0/001', 404],
    ['tile/0/000.p/255', 404],
    ['tile/0/0', 404],
    ['tile/64/000', 404],
    ['tile/0/..%2f000', 404],
    ['tile/x', 404],
    ['proofs/inclusion', 400],
    ['proofs/inclusion?index=x', 400],
    ['proofs/inclusion?index=-1', 400],
    ['proofs/inclusion?index=0&index=1', 400],
    ['proofs/inclusion?index=0&record=x', 400],
    ['proofs/inclusion?index=0&size=99999', 404],
    ['proofs/inclusion?index=99999', 404],
    ['proofs/inclusion?record=nobody', 404],
    ['proofs/consistency', 400],
    ['proofs/consistency?older=0', 400],
    ['proofs/consistency?older=3&newer=2', 400],
    ['proofs/consistency?older=1e1', 400],
    ['proofs/consistency?older=1&newer=99999', 404],
  ])('%s with %d', async (path, status) => {
    const response = await ask(path);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: 'invalid_request' });
  });

  it('other methods', async () => {
    const response = await ask('checkpoint', { method: 'POST' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('leaves to everybody without the scope audit:read', async () => {
    const path = `tile/entries/000.p/${await sizeOf()}`;
    expect((await ask(path)).status).toBe(401);
    const token = await signIn('keys:read');
    const refused = await ask(path, { headers: { authorization: `Bearer ${token}` } });
    expect(refused.status).toBe(403);
  });
});

describe('The ledger over HTTP', () => {
  it('signs with a key that is not in the key set', async () => {
    const jwks = await (await fetch(`${service.url}/.well-known/jwks.json`)).text();
    expect(key).toMatch(/^localhost:4000\/ledger\+[0-9a-f]{8}\+A[A-Za-z0-9+/]{43}\n$/);
    const bytes = Buffer.from(key.trim().split('+').slice(2).join('+'), 'base64').subarray(1);
    expect(jwks).not.toContain(bytes.toString('base64url'));
  });

  it('gives out what it signed as the standards have it', async () => {
    await signed();
    const size = await sizeOf();
    const checkpoint = await ask('checkpoint');
    expect(checkpoint.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    const tile = await ask(`tile/0/000.p/${size}`);
    expect(tile.headers.get('content-type')).toBe('application/octet-stream');
    expect(tile.headers.get('cache-control')).toContain('immutable');
    const hashes = Buffer.from(await tile.arrayBuffer());
    expect(hashes).toHaveLength(size * 32);
    const token = await signIn('audit:read');
    const entries = await ask(`tile/entries/000.p/${size}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(entries.headers.get('content-type')).toBe('application/octet-stream');
    const bundle = Buffer.from(await entries.arrayBuffer());
    const leaves: Buffer[] = [];
    for (let at = 0; at < bundle.length;) {
      const end = at + 2 + bundle.readUInt16BE(at);
      leaves.push(hashLeaf(bundle.subarray(at + 2, end)));
      at = end;
    }
    expect(Buffer.concat(leaves)).toEqual(hashes);
    const proof = await (await ask('proofs/inclusion?index=1&size=3')).json();
    expect(proof).toMatchObject({ index: 1, size: 3, leafHash: leaves[1]!.toString('base64') });
    expect((await (await ask('proofs/consistency?older=1&newer=2')).json()) as object).toEqual({
      older: 1,
      newer: 2,
      proof: [leaves[1]!.toString('base64')],
    });
  });
});

describe('The command audit', () => {
  it('verifies an export in another folder with only the key, and names the changed record', async () => {
    const checkpoint = await fileOf('checkpoint', await (await ask('checkpoint')).text());
    await signIn('audit:read');
    await signed();
    const exported = await audit(['export']);
    expect(exported).toMatchObject({ code: 0, error: '' });
    const words = ['--key', await fileOf('key', key), '--checkpoint', checkpoint];
    const file = await fileOf('export.jsonl', exported.out);
    const verified = await audit(['verify', ...words, '--file', file]);
    expect(verified).toMatchObject({ code: 0, error: '' });
    expect(verified.out).toMatch(
      /^Proved:\n {2}- the \d+ records are exactly those that localhost:4000\/ledger signed/,
    );
    const changed = exported.out.replace(/("index":2,.*?)granted/, '$1refused');
    const bad = await fileOf('changed.jsonl', changed);
    const found = await audit(['verify', ...words, '--file', bad]);
    expect(found.code).toBe(2);
    expect(found.out).toMatch(/^NOT what was signed:\n {2}- record 2 was changed\n/);
    expect(await audit(['verify', '--key', key.trim()])).toMatchObject({ code: 0, error: '' });
  });

  it('exports one chain, each record with its proof, which verifies with only the key', async () => {
    const administrator = await signIn('clients:write audit:read');
    const made = await service.admin(administrator, 'POST', '/clients', {
      clientId: 'robot',
      name: 'Robot',
      grantTypes: [GrantType.ClientCredentials],
      scopes: ['address:read'],
      targets: ['my_gateway'],
      defaultTarget: 'my_gateway',
    });
    const robot = (made.body['newSecret'] as { secret: string }).secret;
    const grant = { grant_type: GrantType.ClientCredentials };
    const root = tokenOf(await service.token(grant, 'robot', robot));
    const hop = await exchange('my_gateway', root);
    expect([hop.status, (await exchange('address_service', tokenOf(hop))).status]).toEqual([
      200, 200,
    ]);
    expect((await exchange('my_gateway', tokenOf(hop))).status).toBe(400);
    await signed();
    const records = await service.admin(administrator, 'GET', '/audit/records?limit=20');
    const items = records.body['items'] as unknown as { record: { chainId?: string } }[];
    const chainId = items.find(({ record }) => record.chainId !== undefined)?.record.chainId ?? '';

    const exported = await audit(['export', '--chain', chainId]);
    expect(exported).toMatchObject({ code: 0, error: '' });
    const lines = exported.out.trimEnd().split('\n');
    const entries = lines.slice(1).map((line) => JSON.parse(line) as { leaf: string; proof: [] });
    expect(entries.length).toBeGreaterThanOrEqual(2);
    for (const { leaf, proof } of entries) {
      expect(leaf).toContain(`"chainId":"${chainId}"`);
      expect(proof.length).toBeGreaterThan(2);
    }
    const file = await fileOf('chain.jsonl', exported.out);
    const verified = await audit(['verify', '--key', key.trim(), '--file', file]);
    expect(verified.code).toBe(0);
    expect(verified.out).toContain(`- each of these ${entries.length} records is in the log of`);
    expect(verified.out).toContain('- that no record is left out: this export has only some of');
    const changed = exported.out.replace('\\"outcome\\":\\"granted', '\\"outcome\\":\\"refused');
    expect(changed).not.toBe(exported.out);
    const bad = await audit([
      'verify',
      '--key',
      key.trim(),
      '--file',
      await fileOf('bad', changed),
    ]);
    expect(bad.code).toBe(2);
    expect(bad.out).toMatch(/- record \d+ was changed, or is not in the log of/);
  });

  it('refuses to export a chain that nobody knows', async () => {
    const found = await audit(['export', '--chain', 'nobody']);
    expect([found.code, found.out]).toEqual([1, '']);
  });

  it('says what it needs', async () => {
    expect(await audit(['verify'])).toMatchObject({
      code: 1,
      error: 'Name the public key with --key.\n',
    });
    expect((await audit(['verify', '--key', 'a+b'])).error).toMatch(/^The key is no verifier key/);
    expect((await audit(['verify', '--key', key, '--file', '/nowhere'])).error).toBe(
      'The file /nowhere cannot be read.\n',
    );
    expect((await audit(['other'])).error).toMatch(/^Usage: nest-token-exchange audit/);
  });
});

describe('Who read, and what went', () => {
  it('is recorded bundle by bundle, with who exported it', async () => {
    const token = await signIn('audit:read');
    const leaves = await fetch(`${service.url}/admin/ledger/leaves/0`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(leaves.status).toBe(200);
    const answer = await fetch(`${service.url}/admin/audit/records?event=audit_read&limit=1`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const { items } = (await answer.json()) as { items: { record: object }[] };
    expect(items[0]?.record).toMatchObject({
      outcome: 'granted',
      subject: { sub: 'admin_cli' },
      operation: { name: 'GET /admin/ledger/leaves/:bundle' },
      read: { records: expect.any(Number), first: '0' },
    });
  });

  it('is asked for with a time, and nothing goes that is not old', async () => {
    expect(await audit(['retire'])).toMatchObject({
      code: 1,
      error: 'Name a time with --before.\n',
    });
    expect(await audit(['retire', '--before', 'soon'])).toMatchObject({
      code: 1,
      error: 'before must be a time in ISO 8601 with its zone, or in milliseconds\n',
    });
    const answers = [
      await audit(['retire', '--plan', '--before', '2020-01-01']),
      await audit(['retire', '--before', '2020-01-01']),
    ];
    for (const answer of answers)
      expect(answer).toEqual({ code: 0, out: 'No record is old enough.\n', error: '' });
  });
});
