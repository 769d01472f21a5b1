import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { runAuditCommand } from '../../src/app/audit-command.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { EventReader } from '../support/event-reader.js';
import { ocsfProblems } from '../support/ocsf-schema.js';
import { RunningService, tokenOf, type ServiceAnswer } from '../support/running-service.js';

const KEY = randomBytes(32).toString('base64');
const SECRET = randomBytes(32).toString('base64url');
const JSON_LINES = 'application/x-ndjson';

let database: TestDatabase;
let one: RunningService;
let other: RunningService;
let folder: string;
let token: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nest-token-exchange-streams-'));
  database = await createTestDatabase();
  one = await start();
  other = await start();
  token = await signIn('audit:read tokens:revoke');
  for (let count = 0; count < 8; count += 1) await signIn('audit:read');
  await covered();
}, 120_000);

afterAll(async () => {
  await Promise.all([one, other].map((service) => service?.remove()));
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

function start(): Promise<RunningService> {
  return RunningService.start({
    NODE_ENV: 'test',
    DATABASE_URL: database.url,
    KEY_ENCRYPTION_KEY: KEY,
    FIRST_ADMIN_SECRET: SECRET,
  });
}

async function signIn(scope: string, service = one): Promise<string> {
  const form = { grant_type: GrantType.ClientCredentials, scope };
  return tokenOf(await service.token(form, 'admin_cli', SECRET));
}

async function newest(): Promise<number> {
  const { body } = await one.admin(token, 'GET', '/audit/records?limit=1');
  return Number((body['items'] as unknown as { sequence: string }[])[0]!.sequence);
}

async function sizeOf(): Promise<number> {
  return Number((await one.send('/ledger/checkpoint')).text.split('\n')[1] ?? 0);
}

/** Waits until a checkpoint covers whatever was recorded. */
async function covered(): Promise<number> {
  const last = await newest();
  while ((await sizeOf()) <= last) await new Promise((resolve) => setTimeout(resolve, 50));
  return last;
}

const exported = (query: string, as = token): Promise<ServiceAnswer> =>
  one.admin(as, 'GET', `/audit/export?${query}`);

async function audit(
  words: readonly string[],
): Promise<{ code: number; out: string; error: string }> {
  let [out, error] = ['', ''];
  const terminal = {
    out: (text: string) => void (out += text),
    error: (text: string) => void (error += text),
  };
  const access = words.includes('--file') ? [] : ['--server', one.url];
  const code = await runAuditCommand([...words, ...access], terminal, {
    DATA_DIR: folder,
    ADMIN_SECRET: SECRET,
  });
  return { code, out, error };
}

function watch(
  query = '',
  headers: Readonly<Record<string, string>> = {},
  service = one,
  as = token,
): Promise<EventReader> {
  return EventReader.open(`${service.url}/admin/audit/stream${query}`, {
    authorization: `Bearer ${as}`,
    ...headers,
  });
}

describe('The export over HTTP refuses', () => {
  it.each([
    ['format', ''],
    ['format', 'format=xml'],
    ['format', 'format=csv&format=csv'],
    ['limit', 'format=csv&limit=5'],
    ['from', 'format=csv&from=yesterday'],
  ])('the field %s: %s', async (field, query) => {
    const { status, body } = await exported(query);
    expect([status, body['problems']]).toEqual([400, [expect.objectContaining({ field })]]);
  });

  it('whoever has no token or another scope', async () => {
    expect((await one.send('/admin/audit/export?format=csv')).status).toBe(401);
    expect((await exported('format=csv', await signIn('keys:read'))).status).toBe(403);
  });
});

describe('The export over HTTP', () => {
  it.each([
    ['jsonl', JSON_LINES, 'jsonl'],
    ['csv', 'text/csv; charset=utf-8; header=present', 'csv'],
    ['cloudevents', JSON_LINES, 'cloudevents.jsonl'],
    ['ocsf', JSON_LINES, 'ocsf.jsonl'],
  ])('is a file of every record as %s', async (format, type, extension) => {
    const last = await covered();
    const { status, headers, text } = await exported(`format=${format}`);
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([
      200,
      type,
      'no-store',
    ]);
    expect(headers['content-disposition']).toMatch(
      new RegExp(`^attachment; filename="audit-\\d+\\.${extension}"$`),
    );
    const lines = text.trimEnd().split(/\r?\n/);
    const head = format === 'jsonl' || format === 'csv' ? 1 : 0;
    expect(lines.length).toBeGreaterThanOrEqual(last + 1 + head);
    if (format !== 'ocsf') return;
    expect(lines.flatMap((line) => ocsfProblems(JSON.parse(line)))).toEqual([]);
  });

  it('is what the filters find', async () => {
    const from = (
      await one.admin(token, 'GET', '/audit/records?limit=1&outcome=refused&event=grant')
    ).body;
    expect(from['items']).toHaveLength(0);
    await one.token({ grant_type: 'none' }, 'admin_cli', SECRET);
    await covered();
    const { text } = await exported('format=cloudevents&outcome=refused&event=grant');
    const events = text.trimEnd().split('\n');
    expect(events).toHaveLength(1);
    expect(JSON.parse(events[0]!)).toMatchObject({ data: { record: { outcome: 'refused' } } });
  });

  it('is recorded, with the names of its filters and whose it is, before it begins', async () => {
    expect((await exported('format=csv&event=grant&subject=admin_cli')).status).toBe(200);
    const { body } = await one.admin(token, 'GET', '/audit/records?event=audit_read&limit=1');
    expect(body['items']).toMatchObject([
      {
        record: {
          outcome: 'granted',
          operation: { name: 'GET /admin/audit/export' },
          read: { filters: expect.arrayContaining(['event', 'subject']) },
          whose: [{ sub: 'admin_cli' }],
        },
      },
    ]);
  });
});

describe('The command audit export', () => {
  it('refuses filters that it would overlook, and says what the service refuses', async () => {
    expect(await audit(['export', '--subject', 'alice'])).toMatchObject({
      code: 1,
      error: 'Filters need --format: jsonl, csv, cloudevents or ocsf.\n',
    });
    expect((await audit(['export', '--format', 'csv', '--where', 'x'])).error).toBe(
      'Write --where as NAME=VALUE.\n',
    );
    expect(await audit(['export', '--format', 'xml', '--where', 'none=1'])).toMatchObject({
      code: 1,
      out: '',
      error: 'none is not a known field\nformat must be one of jsonl, csv, cloudevents, ocsf\n',
    });
  });

  it('prints what the search finds, which verifies', async () => {
    const words = ['export', '--format', 'jsonl', '--outcome', 'granted'];
    const { code, out, error } = await audit([...words, '--where', 'client=admin_cli']);
    expect({ code, error }).toEqual({ code: 0, error: '' });
    const file = join(folder, 'found.jsonl');
    await writeFile(file, out);
    const { out: key } = await audit(['key']);
    const verified = await audit(['verify', '--key', key.trim(), '--file', file]);
    expect(verified).toMatchObject({ code: 0, error: '' });
    expect(verified.out).toMatch(/^Proved:\n {2}- each of these \d+ records is in the log/);
  });
});

describe('The stream refuses', () => {
  it.each([
    ['?format=csv', {}],
    ['?after=-1', {}],
    ['?after=99999999', {}],
    ['?limit=1', {}],
    ['', { 'last-event-id': 'x' }],
    ['', { 'last-event-id': '99999999' }],
  ])('%s %j', async (query, headers) => {
    await expect(watch(query, headers)).rejects.toThrow('status 400');
  });

  it('a token in the address, none, and one of another scope', async () => {
    await expect(EventReader.open(`${one.url}/admin/audit/stream`, {})).rejects.toThrow('401');
    const address = `${one.url}/admin/audit/stream?access_token=${token}`;
    await expect(EventReader.open(address, {})).rejects.toThrow('401');
    const keys = await signIn('keys:read');
    await expect(watch('', {}, one, keys)).rejects.toThrow('status 403');
  });

  it('one stream more than an instance serves', async () => {
    const places = 100;
    const open = await Promise.all(Array.from({ length: places }, () => watch('', {}, other)));
    try {
      await expect(watch('', {}, other)).rejects.toThrow('status 503');
    } finally {
      for (const each of open) each.close();
    }
    let again: EventReader | undefined;
    while (again === undefined) again = await watch('', {}, other).catch(() => undefined);
    again.close();
  });
});

describe('The stream', () => {
  it('goes on behind the last event, at another instance too, without loss or duplicate', async () => {
    const first = await watch('?after=0');
    expect(first.response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    const begun = (await first.until(5)).slice(0, 5);
    first.close();
    await first.ended;
    await signIn('audit:read', other);
    const last = await covered();
    const second = await watch('', { 'last-event-id': String(begun[4]!.id) }, other);
    const rest = await second.until(last - 5);
    second.close();
    const all = [...begun, ...rest];
    expect(all.map(({ id }) => id)).toEqual(Array.from({ length: all.length }, (_, at) => at + 1));
    expect(new Set(all.map(({ data }) => data['id'])).size).toBe(all.length);
  });

  it('begins with what comes next, and tells what the filters find', async () => {
    await covered();
    const reader = await watch('?outcome=refused&format=ocsf');
    await signIn('audit:read', other);
    await one.token({ grant_type: 'none' }, 'admin_cli', SECRET);
    const [event] = await reader.until(1);
    reader.close();
    expect(event!.data).toMatchObject({ status_id: 2, metadata: { sequence: event!.id } });
    expect(ocsfProblems(event!.data)).toEqual([]);
  });

  it('ends when its token is revoked', async () => {
    const doomed = await signIn('audit:read');
    const reader = await watch('', {}, other, doomed);
    const { jti } = JSON.parse(Buffer.from(doomed.split('.')[1]!, 'base64url').toString()) as {
      jti: string;
    };
    const revoked = await one.admin(token, 'POST', '/revocations', {
      kind: 'token',
      jti,
      reason: 'It was lost.',
    });
    expect({ status: revoked.status, text: revoked.text.slice(0, 200) }).toMatchObject({
      status: 200,
    });
    await reader.ended;
    await expect(watch('', {}, other, doomed)).rejects.toThrow('status 401');
  });

  it('ends when the instance leaves, which waits for nobody', async () => {
    const reader = await watch('', {}, other);
    await other.stop();
    await reader.ended;
    expect(reader.response.closed).toBe(true);
  });
});
