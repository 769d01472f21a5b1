import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { InMemorySinkStore } from '../../src/testing/index.js';
import { AdminApp, fieldsOf, textOf, type AdminAnswer } from '../support/admin-app.js';
import { LoopbackServer } from '../support/loopback-server.js';

const PATH = '/admin/sinks';
const NOBODY = `${PATH}/0199b7a0-5f1c-7cc2-9d57-3f4a2c1e8b11`;
const WEBHOOK = { kind: 'webhook', name: 'SIEM', url: 'https://siem.example/records' };
const NATS = {
  kind: 'nats',
  name: 'Bus',
  url: 'tls://nats.example:4222',
  subject: 'audit.records',
};
const CREDENTIALS = { user: 'idp', password: 'very-secret-password' };
const SEED = `SU${'A'.repeat(56)}`;

let admin: AdminApp;
let receiver: LoopbackServer;

beforeAll(async () => {
  admin = await AdminApp.start();
  receiver = await LoopbackServer.start((_request, response) => response.writeHead(204).end());
});

afterAll(async () => {
  await receiver.stop();
  await admin.stop();
});

async function created(fields: object = WEBHOOK): Promise<AdminAnswer> {
  const answer = await admin.post(PATH, fields);
  expect({ status: answer.status, text: answer.status === 201 ? '' : answer.text }).toEqual({
    status: 201,
    text: '',
  });
  return answer;
}

const pathOf = (answer: AdminAnswer): string => `${PATH}/${textOf(answer, 'id')}`;

describe('a sink is refused', () => {
  test.each([
    ['kind', { ...WEBHOOK, kind: 'kafka' }],
    ['name', { ...WEBHOOK, name: '' }],
    ['name', { kind: 'webhook', url: WEBHOOK.url }],
    ['url', { ...WEBHOOK, url: 'http://siem.example/' }],
    ['url', { ...WEBHOOK, url: 'https://user:password@siem.example/' }],
    ['url', { ...WEBHOOK, url: 'https://token@siem.example/' }],
    ['url', { ...WEBHOOK, url: 'https://10.0.0.1/' }],
    ['url', { ...WEBHOOK, url: 'https://[fd00::1]/' }],
    ['url', { ...WEBHOOK, url: 'https://169.254.169.254/latest/meta-data' }],
    ['url', { ...WEBHOOK, url: 'https://siem.example/#x' }],
    ['url', { ...WEBHOOK, url: 'ftp://siem.example/' }],
    ['url', { ...WEBHOOK, url: `https://siem.example/${'a'.repeat(2_000)}` }],
    ['url', { ...WEBHOOK, url: 'siem' }],
    ['subject', { ...WEBHOOK, subject: 'audit' }],
    ['format', { ...WEBHOOK, format: 'csv' }],
    ['filter.outcome', { ...WEBHOOK, filter: { outcome: 'maybe' } }],
    ['filter.from', { ...WEBHOOK, filter: { from: 1 } }],
    ['maxAttempts', { ...WEBHOOK, maxAttempts: 0 }],
    ['onExhausted', { ...WEBHOOK, onExhausted: 'panic' }],
    ['credentials', { ...WEBHOOK, credentials: CREDENTIALS }],
    ['cursor', { ...WEBHOOK, cursor: 0 }],
    ['secret', { ...WEBHOOK, secret: 'mine' }],
    ['url', { ...NATS, url: 'nats://nats.example:4222' }],
    ['url', { ...NATS, url: 'tls://user:password@nats.example:4222' }],
    ['url', { ...NATS, url: 'https://nats.example' }],
    ['url', { ...NATS, url: 'tls://nats.example/path' }],
    ['subject', { ...NATS, subject: 'audit.*' }],
    ['subject', { ...NATS, subject: '$JS.API.STREAM.DELETE.x' }],
    ['subject', { kind: 'nats', name: 'Bus', url: NATS.url }],
    ['credentials', { ...NATS, credentials: { user: 'idp' } }],
    ['credentials', { ...NATS, credentials: { ...CREDENTIALS, token: 'x' } }],
    ['credentials', { ...NATS, credentials: {} }],
    ['credentials.nkeySeed', { ...NATS, credentials: { nkeySeed: 'SUX' } }],
  ])('for its %s: %j', async (field, body) => {
    const answer = await admin.post(PATH, body);
    expect([answer.status, fieldsOf(answer)]).toEqual([400, [field]]);
    expect(answer.text).not.toContain('password@');
  });

  test.each([
    ['GET', ''],
    ['PATCH', ''],
    ['DELETE', ''],
    ['POST', '/pause'],
    ['POST', '/resume'],
    ['POST', '/secret'],
    ['POST', '/test'],
    ['POST', '/replay'],
    ['GET', '/dead-letters'],
    ['POST', '/dead-letters/0199b7a0-5f1c-7cc2-9d57-3f4a2c1e8b11/redeliver'],
  ])('with 404 where there is none: %s %s', async (method, path) => {
    const body =
      method === 'PATCH' ? { name: 'x' } : path === '/replay' ? { sequence: 0 } : undefined;
    for (const place of [NOBODY, `${PATH}/none`])
      expect((await admin.send(method, place + path, { body })).status).toBe(404);
  });

  test('to whoever may only read', async () => {
    const sink = await created();
    await admin.administrator('reader', ['sinks:read']);
    const token = await admin.signIn('reader');
    const changes: readonly (readonly [string, string])[] = [
      ['POST', PATH],
      ['PATCH', pathOf(sink)],
      ['DELETE', pathOf(sink)],
      ...['pause', 'resume', 'secret', 'test', 'replay', 'dead-letters/x/redeliver'].map(
        (name) => ['POST', `${pathOf(sink)}/${name}`] as const,
      ),
    ];
    for (const [method, path] of changes) {
      const answer = await admin.send(method, path, { token, body: {} });
      expect([path, answer.status]).toEqual([path, 403]);
    }
    for (const path of [PATH, pathOf(sink), `${pathOf(sink)}/dead-letters`])
      expect((await admin.get(path, { token })).status).toBe(200);
  });

  test('a change of another version, and a replay of what is not there', async () => {
    const path = pathOf(await created());
    expect((await admin.patch(path, { name: 'x' }, { 'if-match': '"7"' })).status).toBe(412);
    for (const body of [{}, { sequence: 5 }, { sequence: 0, time: '2026-01-01' }])
      expect((await admin.post(`${path}/replay`, body)).status).toBe(400);
    expect(fieldsOf(await admin.post(`${path}/replay`, { time: 'yesterday' }))).toEqual(['time']);
  });
});

describe('a sink', () => {
  test('shows its secret once, and nothing of it lies open', async () => {
    const sink = await created({ ...WEBHOOK, filter: { outcome: 'refused' } });
    const { secret } = sink.body['newSecret'] as { secret: string };
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(sink.headers.get('location')).toBe(pathOf(sink));
    const read = await admin.get(pathOf(sink));
    expect(read.body).toMatchObject({
      ...WEBHOOK,
      format: 'cloudevents',
      filter: { outcome: 'refused' },
      state: 'active',
      maxAttempts: 12,
      onExhausted: 'skip',
      lastError: null,
    });
    const store = admin.app.get(InMemorySinkStore, { strict: false });
    const kept = JSON.stringify(await store.list({ limit: 100 }));
    const told = read.text + (await admin.get(PATH)).text + kept;
    expect(told).not.toContain(secret.slice(6));
    expect(JSON.stringify(admin.log.entries)).not.toContain(secret.slice(6));
    expect(read.text).not.toContain('sealed');
  });

  test('gets another secret, which is another', async () => {
    const sink = await created();
    const { body } = await admin.post(`${pathOf(sink)}/secret`);
    expect(body['newSecret']).toEqual({ secret: expect.stringMatching(/^whsec_/) });
    expect(body['newSecret']).not.toEqual(sink.body['newSecret']);
    const nats = await created(NATS);
    expect((await admin.post(`${pathOf(nats)}/secret`)).status).toBe(409);
  });

  test.each([CREDENTIALS, { token: 'very-secret-token' }, { nkeySeed: SEED }, undefined])(
    'of NATS keeps its credentials to itself: %j',
    async (credentials) => {
      const sink = await created({ ...NATS, ...(credentials ? { credentials } : {}) });
      const store = admin.app.get(InMemorySinkStore, { strict: false });
      const told = sink.text + JSON.stringify(await store.list({ limit: 100 }));
      for (const value of Object.values(credentials ?? {}).filter((each) => each !== 'idp'))
        expect(told).not.toContain(value);
    },
  );

  test('is changed, paused, resumed and deleted, each with a record', async () => {
    const sink = await created();
    const path = pathOf(sink);
    const changed = await admin.patch(path, { name: 'Other', filter: {} }, { 'if-match': '"1"' });
    expect([changed.status, changed.body['name'], changed.headers.get('etag')]).toEqual([
      200,
      'Other',
      '"2"',
    ]);
    expect((await admin.post(`${path}/pause`)).body['state']).toBe('paused');
    expect((await admin.post(`${path}/resume`)).body['state']).toBe('active');
    expect((await admin.send('DELETE', path)).status).toBe(204);
    expect((await admin.get(path)).status).toBe(404);
    const operations = admin.log.entries
      .map(({ record }) => record.operation)
      .filter((operation) => operation?.target === textOf(sink, 'id'))
      .map((operation) => operation?.name);
    expect(operations).toEqual([
      'POST /admin/sinks',
      'PATCH /admin/sinks/:id',
      'POST /admin/sinks/:id/pause',
      'POST /admin/sinks/:id/resume',
      'DELETE /admin/sinks/:id',
    ]);
  });

  test('is tested with a signed batch of nothing, and says what went wrong', async () => {
    const sink = await created({ ...WEBHOOK, url: `${receiver.url}/records` });
    expect((await admin.post(`${pathOf(sink)}/test`)).body).toEqual({ error: null });
    receiver.answer = (_request, response) => response.writeHead(500).end('secret details');
    expect((await admin.post(`${pathOf(sink)}/test`)).body).toEqual({ error: 'status 500' });
  });

  test('is found in a list, page by page', async () => {
    const page = await admin.get(`${PATH}?limit=1`);
    expect(page.body['items']).toHaveLength(1);
    const next = await admin.get(`${PATH}?limit=1&cursor=${textOf(page, 'next')}`);
    expect(next.body['items']).not.toEqual(page.body['items']);
    expect((await admin.get(`${PATH}?cursor=x`)).status).toBe(400);
  });
});
