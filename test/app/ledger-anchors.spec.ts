import { execFile } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { runAuditCommand } from '../../src/app/audit-command.js';
import { cosignatureIn, readWitnessKey } from '../../src/audit/ledger/cosignature.js';
import { splitNotes } from '../../src/audit/ledger/kept-notes.js';
import { openedText, readVerifierKey } from '../../src/audit/ledger/signed-note.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { LoopbackServer } from '../support/loopback-server.js';
import { RunningService, tokenOf } from '../support/running-service.js';
import { TestWitness } from '../support/test-witness.js';

const run = promisify(execFile);
const KEY = randomBytes(32).toString('base64');
const ADMIN_SECRET = randomBytes(32).toString('base64url');
const HOOK_SECRET = randomBytes(32);

let folder: string;
let database: TestDatabase;

interface Delivery {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface AnchorView {
  readonly name: string;
  readonly size: number;
  readonly anchoredAt: string | null;
  readonly age: number | null;
  readonly lag: number;
  readonly isLate: boolean;
  readonly error: string | null;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nest-token-exchange-anchoring-'));
  database = await createTestDatabase();
});

afterEach(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

function start(settings: Readonly<Record<string, string>>, at = database): Promise<RunningService> {
  return RunningService.start({
    NODE_ENV: 'test',
    LOG_LEVEL: 'info',
    DATABASE_URL: at.url,
    KEY_ENCRYPTION_KEY: KEY,
    FIRST_ADMIN_SECRET: ADMIN_SECRET,
    LEDGER_ANCHOR_INTERVAL: '1',
    ...settings,
  });
}

/** Leaves a record. */
async function signIn(service: RunningService, scope = 'audit:read'): Promise<string> {
  const grant = { grant_type: GrantType.ClientCredentials, scope };
  const answer = await service.token(grant, 'admin_cli', ADMIN_SECRET);
  expect(answer.status).toBe(200);
  return tokenOf(answer);
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function checkpointOf(service: RunningService): Promise<string> {
  return (await service.send('/ledger/checkpoint')).text;
}

async function sizeOf(service: RunningService): Promise<number> {
  return Number((await checkpointOf(service)).split('\n')[1] ?? 0);
}

/** What the admin API says of the anchors, with what it says of the log. */
async function anchorsOf(
  service: RunningService,
  token: string,
): Promise<{ size: number; broken: string | null; items: readonly AnchorView[] }> {
  const answer = await service.admin(token, 'GET', '/ledger/anchors');
  expect(answer.status).toBe(200);
  return JSON.parse(answer.text) as Awaited<ReturnType<typeof anchorsOf>>;
}

function linesWith(service: RunningService, event: string): readonly string[] {
  return service.lines.filter((line) => line.includes(`"${event}"`));
}

describe('Checkpoints of a running service', () => {
  let hook: LoopbackServer;
  let server: LoopbackServer;
  let witness: TestWitness;
  let service: RunningService;
  let hookStatus = 204;
  const deliveries: Delivery[] = [];

  beforeAll(async () => {
    hook = await LoopbackServer.start((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        deliveries.push({ headers: request.headers, body });
        response.writeHead(hookStatus).end();
      });
    });
    server = await LoopbackServer.start();
  });

  beforeEach(async () => {
    witness = new TestWitness('witness.example/w1');
    server.answer = witness.listener;
    service = await start({
      LEDGER_ANCHOR_FILE: join(folder, 'checkpoints'),
      LEDGER_ANCHOR_GIT: join(folder, 'repository'),
      LEDGER_ANCHOR_WEBHOOK: `${hook.url}/checkpoints`,
      LEDGER_ANCHOR_WEBHOOK_SECRET: `whsec_${HOOK_SECRET.toString('base64')}`,
      LEDGER_WITNESSES: `${server.url} ${witness.verifierKey}`,
    });
  }, 60_000);

  afterEach(async () => {
    await service.remove();
  }, 60_000);

  afterAll(async () => {
    await hook.stop();
    await server.stop();
  });

  it('are kept by a file, a git repository, a webhook and a witness, and whoever may read records sees how old', async () => {
    expect((await service.send('/admin/ledger/anchors')).status).toBe(401);
    const other = await signIn(service, 'keys:read');
    expect((await service.admin(other, 'GET', '/ledger/anchors')).status).toBe(403);

    const token = await signIn(service);
    const names = ['file', 'git', 'webhook', `witness ${witness.name}`];
    await until(async () => {
      const { size, items } = await anchorsOf(service, token);
      return size >= 2 && items.every((each) => each.size === size);
    });
    const { size, broken, items } = await anchorsOf(service, token);
    expect(broken).toBeNull();
    expect(items.map(({ name }) => name)).toEqual(names);
    for (const item of items) {
      expect(item).toMatchObject({ lag: size - item.size, isLate: false, error: null });
      expect(item.age).toBeGreaterThanOrEqual(0);
      expect(Date.parse(item.anchoredAt ?? '')).not.toBeNaN();
    }

    const note = await checkpointOf(service);
    const text = openedText(note);
    const bare = note.split('\n').slice(0, 5).join('\n').concat('\n');
    const kept = splitNotes(await readFile(join(folder, 'checkpoints'), 'utf8'));
    expect(kept.at(-1)?.startsWith(text)).toBe(true);
    const { stdout } = await run('git', ['show', 'HEAD:checkpoint'], {
      cwd: join(folder, 'repository'),
    });
    expect(stdout.startsWith(text)).toBe(true);

    witness.log = readVerifierKey((await service.send('/ledger/keys')).text);
    const lines = note.split('\n');
    const cosignature = cosignatureIn(lines, text, readWitnessKey(witness.verifierKey));
    expect(lines.slice(5)).toEqual([cosignature, '']);

    const { headers, body } = deliveries.at(-1)!;
    expect(body).toBe(bare);
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
    const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
    const hmac = createHmac('sha256', HOOK_SECRET).update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${hmac}`);
    const words = [
      '--checkpoint',
      join(folder, 'checkpoints'),
      '--checkpoint',
      join(folder, 'repository'),
    ];
    const key = (await service.send('/ledger/keys')).text.trim();
    const verify = ['verify', '--server', service.url, '--key', key, ...words];
    const verified = await audit([...verify, '--witness', witness.verifierKey]);
    expect(verified.code).toBe(0);
    expect(verified.out).toMatch(
      /- it continues the \d+ older checkpoints, of \d+ to \d+ records\n/,
    );
    expect(verified.out).toMatch(/- witness\.example\/w1 saw the same log up to \d+ records, at/);
    const stranger = new TestWitness('witness.example/w3').verifierKey;
    const lacking = await audit([...verify, '--witness', stranger]);
    expect(lacking.code).toBe(2);
    expect(lacking.out).toContain('no checkpoint of these is cosigned by witness.example/w3');
    expect(
      await audit(['verify', '--key', key, '--checkpoint', join(folder, 'nowhere')]),
    ).toMatchObject({ code: 1 });
    expect(service.lines.join('')).not.toContain(HOOK_SECRET.toString('base64'));
  }, 60_000);

  it('are given again to an anchor that failed, which is said once and stops nothing', async () => {
    hookStatus = 500;
    const before = deliveries.length;
    const token = await signIn(service);
    const hookOf = async (): Promise<AnchorView> =>
      (await anchorsOf(service, token)).items.find(({ name }) => name === 'webhook')!;
    await until(async () => (await hookOf()).error !== null);
    expect(await hookOf()).toMatchObject({ size: 0, anchoredAt: null, age: null, isLate: true });
    expect((await hookOf()).error).toBe('status_500');
    await signIn(service);
    await until(async () => deliveries.length >= before + 2);
    hookStatus = 204;
    await until(async () => (await hookOf()).error === null);
    expect(linesWith(service, 'anchor_failed')).toHaveLength(1);
    expect(linesWith(service, 'anchor_mended')).toHaveLength(1);
    expect(linesWith(service, 'ledger_broken')).toEqual([]);
  }, 90_000);

  it('are not cosigned by a witness that saw another history, which does not stop the log', async () => {
    witness.head = { size: 1_000_000, root: randomBytes(32) };
    const token = await signIn(service);
    const errorOf = async (): Promise<string | null> =>
      (await anchorsOf(service, token)).items.find(({ name }) => name.startsWith('witness'))!.error;
    await until(async () => (await errorOf()) !== null);
    expect(await errorOf()).toBe('ahead_of_log');
    witness.head = { size: 1, root: randomBytes(32) };
    await until(async () => (await errorOf()) === 'other_history');
    const size = await sizeOf(service);
    await signIn(service);
    await until(async () => (await sizeOf(service)) > size);
    expect((await checkpointOf(service)).split('\n')).toHaveLength(6);
  }, 90_000);
});

async function audit(words: readonly string[]): Promise<{ code: number; out: string }> {
  let out = '';
  const take = (text: string): void => void (out += text);
  const code = await runAuditCommand(words, { out: take, error: take }, { ADMIN_SECRET });
  return { code, out };
}

describe('A database that was put back to an older state', () => {
  it('is named by the verifier, noticed at start by what a file holds, and signs nothing more', async () => {
    const file = join(folder, 'checkpoints');
    const first = await start({ LEDGER_ANCHOR_FILE: file });
    await signIn(first);
    await until(async () => (await sizeOf(first)) >= 1);
    const key = (await first.send('/ledger/keys')).text;
    await first.remove();
    const former = await createTestDatabase(database);
    const second = await start({ LEDGER_ANCHOR_FILE: file });
    for (let count = 0; count < 5; count += 1) await signIn(second);
    const token = await signIn(second);
    await until(async () => {
      const { size, items } = await anchorsOf(second, token);
      return size > 6 && items[0]?.size === size;
    });
    const kept = await checkpointOf(second);
    await second.remove();

    const restored = await start({ LEDGER_ANCHOR_FILE: file }, former);
    try {
      const size = await sizeOf(restored);
      const newer = Number(kept.split('\n')[1]);
      expect(size).toBeLessThan(newer);
      await until(async () => linesWith(restored, 'ledger_broken').length > 0);
      const reader = await signIn(restored);
      const { broken, items } = await anchorsOf(restored, reader);
      expect(broken).toContain(`the anchor "file" holds a checkpoint of ${newer} records`);
      expect(broken).toContain('the database was put back');
      expect(items[0]).toMatchObject({ name: 'file' });
      const ready = await restored.send('/health/ready');
      expect([ready.status, ready.body]).toEqual([
        200,
        { status: 'up', checks: { database: 'up', keys: 'up', ledger: 'down' } },
      ]);
      // More records than were there before do not make it the log that it was.
      for (let count = 0; count < 10; count += 1) await signIn(restored);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      expect(await sizeOf(restored)).toBe(size);
      expect(linesWith(restored, 'ledger_broken')).toHaveLength(1);
      expect(splitNotes(await readFile(file, 'utf8')).at(-1)).toBe(kept);

      const older = join(folder, 'kept');
      await writeFile(older, kept);
      const words = ['--key', key, '--checkpoint', older, '--server', restored.url];
      const found = await audit(['verify', ...words]);
      expect(found.code).toBe(2);
      expect(found.out).toContain(
        `the log was cut or put back: ${newer} records were signed earlier, and its newest checkpoint has ${size}; record ${size} is the first that is missing`,
      );
    } finally {
      await restored.remove();
      await former.drop();
    }
  }, 120_000);
});
