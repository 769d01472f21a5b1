import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import type { AuditRecord } from '../../src/audit/audit-record.js';
import { ERASED } from '../../src/audit/ledger/personal-fields.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { AdminApp, type AdminAnswer, type AdminSend } from '../support/admin-app.js';
import { ISSUER } from '../support/protocol.js';

const ALICE = { iss: ISSUER, sub: 'alice' };

let admin: AdminApp;
/** The record of the exchange for alice. */
let exchange: AuditRecord;
let jti: string;

beforeAll(async () => {
  admin = await AdminApp.start();
  const scopes = ['address:read'];
  await admin.client({ clientId: 'web_app', kind: 'public', secrets: [], grantTypes: [] });
  await admin.client({
    clientId: 'my_gateway',
    scopes,
    offeredScopes: scopes,
    targets: ['address_service'],
  });
  await admin.client({ clientId: 'address_service', offeredScopes: scopes });
  exchange = await actFor(ALICE.sub);
  jti = exchange.subjectToken?.jti ?? '';
});

afterAll(async () => {
  await admin.stop();
});

async function actFor(sub: string): Promise<AuditRecord> {
  const subject = { sub, aud: 'my_gateway', client_id: 'web_app', scope: 'address:read' };
  const answer = await admin.ask('my_gateway', 'my_gateway-secret', {
    grant_type: GrantType.TokenExchange,
    subject_token: await admin.ownToken(subject),
    subject_token_type: TokenType.AccessToken,
    audience: 'address_service',
  });
  expect(answer.status).toBe(200);
  return admin.log.entries.at(-1)!.record;
}

/** What a request is answered, with the records that it left. */
async function read(
  path: string,
  send: AdminSend = {},
  method = 'GET',
): Promise<{ readonly answer: AdminAnswer; readonly left: readonly AuditRecord[] }> {
  const before = admin.log.entries.length;
  const answer = await admin.send(method, path, send);
  return { answer, left: admin.log.entries.slice(before).map(({ record }) => record) };
}

/** How many dead tokens the answer of a revocation shows. */
function newestIn({ answer }: { readonly answer: AdminAnswer }): number {
  return (answer.body['died'] as unknown as { newest: readonly object[] }).newest.length;
}

/** Every operation that shows records, each with one that it can show. */
function readings(): Readonly<Record<string, string>> {
  return {
    'GET /admin/audit/records': '/admin/audit/records',
    'GET /admin/audit/records/:id': `/admin/audit/records/${exchange.id}`,
    'GET /admin/audit/chains/by-jti/:jti': `/admin/audit/chains/by-jti/${jti}`,
    'GET /admin/audit/chains/:chainId': `/admin/audit/chains/${exchange.chainId}`,
    'GET /admin/audit/export': '/admin/audit/export?format=csv',
    'GET /admin/audit/stream': '/admin/audit/stream?after=0',
    'GET /admin/ledger/leaves/:bundle': '/admin/ledger/leaves/0',
    'GET /ledger/tile/entries/*path': '/ledger/tile/entries/000.p/1',
  };
}

describe('reading is refused', () => {
  test('without the scope, and each attempt leaves a record', async () => {
    const token = await admin.signIn('admin_cli', { scope: 'tokens:read' });
    for (const [name, path] of Object.entries(readings())) {
      const { answer, left } = await read(path, { token });
      expect(answer.status).toBe(403);
      expect(left).toHaveLength(1);
      expect(left[0]).toMatchObject({
        event: 'audit_read',
        outcome: 'refused',
        reason: 'administration_refused',
        error: 'insufficient_scope',
        subject: { sub: 'admin_cli' },
        operation: { name },
      });
      expect(left[0]?.read).toBeUndefined();
    }
  });

  test.each([
    ['/admin/audit/records?outcome=maybe', 400, 'invalid_request'],
    ['/admin/audit/records/none', 404, 'not_found'],
    ['/admin/audit/chains/none', 404, 'not_found'],
    ['/ledger/tile/entries/none', 404, 'not_found'],
  ])('when there is nothing to read, with a record: %s', async (path, status, error) => {
    const { answer, left } = await read(path);
    expect(answer.status).toBe(status);
    expect(left).toMatchObject([{ event: 'audit_read', outcome: 'refused', error }]);
  });

  test('when it cannot be recorded: nothing is shown', async () => {
    for (const path of Object.values(readings()).slice(0, 4)) {
      const failing = jest.spyOn(admin.log, 'append').mockRejectedValue(new Error('disk full'));
      const { answer } = await read(path);
      failing.mockRestore();
      expect(answer.status).toBe(503);
      expect(answer.text).not.toContain('alice');
    }
  });
});

test('every operation that reads the log is tried here', async () => {
  const { body } = await admin.get('/docs-json', { token: null });
  const paths = body['paths'] as unknown as Record<string, { get?: { security?: object } }>;
  const reading = Object.entries(paths)
    .filter(([, { get }]) => JSON.stringify(get?.security ?? '').includes('audit:read'))
    .map(([path]) => `GET ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`);
  const tried = Object.keys(readings()).map((name) => name.replace('*', ':'));
  // Checkpoints and where they are kept say nothing of records.
  const others = ['GET /admin/ledger/anchors', 'GET /admin/ledger/checkpoints'];
  expect(reading.toSorted()).toEqual([...tried, ...others].toSorted());
});

describe('who read what is recorded', () => {
  test.each([
    ['GET /admin/audit/records/:id', { recordId: true }],
    ['GET /admin/audit/chains/:chainId', { chain: true }],
    ['GET /admin/audit/chains/by-jti/:jti', { chain: true }],
  ])('of %s, with whose it is', async (name, { recordId, chain }: Record<string, boolean>) => {
    const { answer, left } = await read(readings()[name] ?? '');
    expect(answer.status).toBe(200);
    const place = admin.log.entries.find(({ record }) => record.id === exchange.id)?.sequence;
    expect(left).toHaveLength(1);
    expect(left[0]).toMatchObject({
      event: 'audit_read',
      outcome: 'granted',
      client: { clientId: 'admin_cli' },
      subject: { iss: ISSUER, sub: 'admin_cli' },
      operation: { name },
      whose: [ALICE],
    });
    expect(left[0]?.read).toEqual({
      records: 1,
      first: place,
      last: place,
      ...(recordId ? { recordId: exchange.id } : {}),
      ...(chain ? { chainIds: [exchange.chainId] } : {}),
    });
  });

  test('of a search, with the names of its filters, and whose where it asked for somebody', async () => {
    const { left } = await read('/admin/audit/records?subject=alice&event=grant&limit=5');
    expect(left[0]).toMatchObject({
      read: { records: 1, filters: expect.arrayContaining(['subject', 'event']) },
      whose: [ALICE],
    });
    const ofActor = await read('/admin/audit/records?actor=my_gateway');
    expect(ofActor.left[0]).toMatchObject({ read: { records: 1 }, whose: [{ sub: 'my_gateway' }] });
    const ofAll = await read('/admin/audit/records?client=my_gateway');
    expect(ofAll.left[0]?.read).toMatchObject({ records: 1, filters: ['client'] });
    expect(ofAll.left[0]?.whose).toBeUndefined();
  });

  test('of a search that finds nobody, without whom it asked for', async () => {
    const { left } = await read('/admin/audit/records?subject=mallory');
    expect(left[0]?.read).toEqual({ records: 0, filters: ['subject'] });
    expect(JSON.stringify(left)).not.toContain('mallory');
  });

  test('of a token that was found, with whose it is', async () => {
    const before = admin.log.entries.length;
    const answer = await admin.post('/admin/audit/trace', { jti: exchange.issuedToken?.jti });
    expect(answer.status).toBe(200);
    expect(admin.log.entries.slice(before).map(({ record }) => record)).toMatchObject([
      {
        event: 'audit_read',
        operation: { name: 'POST /admin/audit/trace' },
        read: { records: 1, chainIds: [exchange.chainId] },
        whose: [ALICE],
      },
    ]);
    const nothing = await admin.post('/admin/audit/trace', { jti: 'none' });
    expect(nothing.status).toBe(404);
    expect(admin.log.entries.at(-1)?.record).toMatchObject({
      event: 'audit_read',
      outcome: 'refused',
    });
  });

  test('once for each request, and reading that is read like everything', async () => {
    const first = await read('/admin/audit/records?event=audit_read&limit=1');
    expect(first.left).toHaveLength(1);
    expect(first.answer.text).not.toContain(first.left[0]?.id);
    const second = await read('/admin/audit/records?event=audit_read&limit=1');
    expect(second.answer.text).toContain(first.left[0]?.id);
    const head = await read('/admin/audit/records', {}, 'HEAD');
    expect(head.left).toMatchObject([{ event: 'audit_read' }]);
  });

  test('so that it can be asked who read what is recorded of somebody', async () => {
    const { chainId } = await actFor('bob');
    const { left: ofBob } = await read(`/admin/audit/chains/${chainId}`);
    const { left: ofAlice } = await read(`/admin/audit/chains/${exchange.chainId}`);

    const { answer, left } = await read('/admin/audit/records?event=audit_read&person=bob');

    const items = answer.body['items'] as unknown as readonly { record: AuditRecord }[];
    expect(items.map(({ record }) => record.id)).toEqual([ofBob[0]?.id]);
    expect(answer.text).not.toContain(ofAlice[0]?.id);
    expect(left[0]).toMatchObject({
      read: { records: 1, filters: expect.arrayContaining(['event', 'person']) },
      whose: [{ iss: ISSUER, sub: 'bob' }],
    });
  });

  test('of an erased person, by what is left of them', async () => {
    const { chainId } = await actFor('erased');
    const { keyId } = (await admin.post('/admin/erasures', { sub: 'erased' })).body;
    const { left } = await read(`/admin/audit/chains/${chainId}`);
    expect(left[0]?.whose).toEqual([{ iss: ERASED, sub: keyId }]);
    const again = await admin.post('/admin/erasures', { sub: 'erased' });
    expect(again.body['erased']).toBe(false);
  });
});

describe('what does not read the log', () => {
  test('leaves no record when it changes nothing', async () => {
    for (const path of ['/admin/clients', '/admin/ledger/checkpoints'])
      expect((await read(path)).left).toEqual([]);
  });

  test('tells a revoker how much dies, and shows no record without audit:read', async () => {
    const body = { kind: 'subject', sub: 'alice' };
    const token = await admin.signIn('admin_cli', { scope: 'tokens:read' });
    const counted = await read('/admin/revocations/plan', { token, body }, 'POST');
    expect([counted.answer.body['died'], newestIn(counted)]).toMatchObject([{ tokens: 1 }, 0]);
    expect(newestIn(await read('/admin/revocations/plan', { body }, 'POST'))).toBe(1);
  });
});
