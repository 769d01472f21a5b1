import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { LoopbackServer } from '../support/loopback-server.js';
import { basic } from '../support/protocol.js';
import { freePort, ServiceProcess } from '../support/service-process.js';

const KEY = randomBytes(32).toString('base64');
const SECRET = randomBytes(32).toString('base64url');

interface Delivered {
  readonly id: string;
  readonly sequence: string;
  readonly data: { readonly record: object };
}

let database: TestDatabase;
let folder: string;
let port: number;
let service: ServiceProcess;
let receiver: LoopbackServer;
/** What the receiver has stored, in the order of its coming. */
const stored: Delivered[] = [];
/** What the receiver does after it has stored a batch. */
let answer: (response: ServerResponse, request: IncomingMessage) => void;

const agree = (response: ServerResponse): void => void response.writeHead(204).end();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nest-token-exchange-sinks-'));
  database = await createTestDatabase();
  answer = agree;
  receiver = await LoopbackServer.start((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    request.on('end', () => {
      stored.push(...(JSON.parse(text) as Delivered[]));
      answer(response, request);
    });
  });
  port = await freePort();
  service = await start();
}, 120_000);

afterAll(async () => {
  await service?.kill();
  await receiver?.stop();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

function start(): Promise<ServiceProcess> {
  return ServiceProcess.start(folder, port, {
    NODE_ENV: 'test',
    ISSUER: `http://localhost:${port}`,
    DATABASE_URL: database.url,
    KEY_ENCRYPTION_KEY: KEY,
    FIRST_ADMIN_SECRET: SECRET,
  });
}

async function token(): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/connect/token`, {
    method: 'POST',
    headers: { authorization: basic('admin_cli', SECRET) },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { access_token: string }).access_token;
}

async function admin(method: string, path: string, body?: object): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/admin${path}`, {
    method,
    headers: {
      authorization: `Bearer ${await token()}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
}

/** Leaves so many records. */
async function record(count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, token));
}

/** Waits until the sink has come past everything that is in the log. */
async function caughtUp(path: string): Promise<void> {
  await token();
  const page = (await (await admin('GET', '/audit/records?limit=1')).json()) as {
    items: { sequence: string }[];
  };
  for (;;) {
    const sink = (await (await admin('GET', path)).json()) as { cursor: number };
    if (sink.cursor > Number(page.items[0]!.sequence)) return;
    await sleep(200);
  }
}

/** Every record of the log from a place on, as an export tells it. */
async function logFrom(first: number): Promise<readonly Delivered[]> {
  const text = await (await admin('GET', '/audit/export?format=cloudevents')).text();
  const events = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Delivered);
  return events.filter(({ sequence }) => Number(sequence) >= first).toReversed();
}

it('A webhook loses nothing when either side is killed, and what comes twice has the same id', async () => {
  const created = await admin('POST', '/sinks', {
    kind: 'webhook',
    name: 'SIEM',
    url: `${receiver.url}/records`,
    maxAttempts: 50,
  });
  expect(created.status).toBe(201);
  const { id, cursor } = (await created.json()) as { id: string; cursor: number };
  const path = `/sinks/${id}`;
  await record(20);
  await caughtUp(path);

  // The receiver dies when it has stored a batch, before it has said so.
  let deaths = 0;
  const died = new Promise<void>((resolve) => {
    answer = (_response, request) => {
      request.socket.destroy();
      deaths += 1;
      if (deaths === 2) resolve();
    };
  });
  await record(20);
  await died;
  answer = agree;
  await caughtUp(path);
  const afterDeaths = stored.length;

  // The service dies when a batch was stored, before it has heard so.
  const reached = new Promise<void>((resolve) => {
    answer = () => resolve();
  });
  await record(20);
  await reached;
  await service.kill();
  expect(stored.length).toBeGreaterThan(afterDeaths);
  answer = agree;
  service = await start();
  await record(20);
  await caughtUp(path);

  const log = await logFrom(cursor);
  const last = Math.max(...stored.map(({ sequence }) => Number(sequence)));
  const due = log.filter(({ sequence }) => Number(sequence) <= last);
  const first = new Map<string, Delivered>();
  for (const event of stored) {
    const known = first.get(event.id);
    if (known === undefined) first.set(event.id, event);
    else expect([event.sequence, event.data.record]).toEqual([known.sequence, known.data.record]);
  }
  expect([...first.values()].map(({ sequence }) => sequence)).toEqual(
    due.map(({ sequence }) => sequence),
  );
  expect([...first.keys()]).toEqual(due.map((event) => event.id));
  expect(first.size).toBeGreaterThan(80);
  // Both deaths made some come twice, or this test would have shown nothing.
  expect(stored.length - first.size).toBeGreaterThanOrEqual(3);
}, 180_000);

it('A webhook that cannot be delivered to becomes dead letters, which are redelivered', async () => {
  const created = await admin('POST', '/sinks', {
    kind: 'webhook',
    name: 'Other',
    url: `${receiver.url}/other`,
    filter: { client: 'nobody' },
    maxAttempts: 1,
  });
  const { id } = (await created.json()) as { id: string };
  await admin('PATCH', `/sinks/${id}`, { filter: { event: 'administration' } });
  answer = (response) => void response.writeHead(500).end();
  await admin('POST', `/sinks/${id}/replay`, { sequence: 0 });
  const lettersOf = async (): Promise<
    readonly { readonly id: string; readonly error: string }[]
  > => {
    const response = await admin('GET', `/sinks/${id}/dead-letters`);
    return ((await response.json()) as { items: { id: string; error: string }[] }).items;
  };
  let letters = await lettersOf();
  for (; letters.length === 0; letters = await lettersOf()) await sleep(200);
  expect(letters.at(-1)).toMatchObject({ error: 'status 500', attempts: 1 });
  const redeliver = async (): Promise<unknown> => {
    const path = `/sinks/${id}/dead-letters/${letters.at(-1)!.id}/redeliver`;
    return (await admin('POST', path)).json();
  };
  expect(await redeliver()).toEqual({ error: 'status 500' });
  answer = agree;
  stored.length = 0;
  expect(await redeliver()).toEqual({ error: null });
  expect(stored.length).toBeGreaterThan(0);
  expect((await lettersOf()).map((letter) => letter.id)).not.toContain(letters.at(-1)!.id);
  expect((await admin('DELETE', `/sinks/${id}`)).status).toBe(204);
}, 60_000);
