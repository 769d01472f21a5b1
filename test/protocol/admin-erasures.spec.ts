import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { ADMIN_SCOPES } from '../../src/admin/admin-scopes.js';
import type { AuditRecord } from '../../src/audit/audit-record.js';
import { ERASED } from '../../src/audit/ledger/personal-fields.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { InMemoryRecordErasure } from '../../src/testing/index.js';
import { AdminApp, fieldsOf, textOf, type AdminAnswer } from '../support/admin-app.js';

let admin: AdminApp;
let count = 0;

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
});

afterAll(async () => {
  await admin.stop();
});

const plan = (body: object): Promise<AdminAnswer> => admin.post('/admin/erasures/plan', body);
const erase = (body: object): Promise<AdminAnswer> => admin.post('/admin/erasures', body);

/** Somebody for whom the gateway acts; the id of the chain. */
async function actFor(sub: string): Promise<string> {
  const token = await admin.ownToken({
    sub,
    aud: 'my_gateway',
    client_id: 'web_app',
    scope: 'address:read',
  });
  const answer = await admin.ask('my_gateway', 'my_gateway-secret', {
    grant_type: GrantType.TokenExchange,
    subject_token: token,
    subject_token_type: TokenType.AccessToken,
    audience: 'address_service',
  });
  expect(answer.status).toBe(200);
  return admin.log.entries.at(-1)?.record.chainId ?? '';
}

async function madeAccount(): Promise<string> {
  const body = { username: `erasable-${(count += 1)}` };
  return textOf(await admin.post('/admin/accounts', body), 'accountId');
}

function newest(): AuditRecord | undefined {
  return admin.log.entries.at(-1)?.record;
}

describe('erasing is refused', () => {
  test('to whoever has every scope but that one', async () => {
    const scope = ADMIN_SCOPES.filter((each) => each !== 'accounts:erase').join(' ');
    const token = await admin.signIn('admin_cli', { scope });
    for (const path of ['/admin/erasures', '/admin/erasures/plan']) {
      const answer = await admin.post(path, { sub: 'x' }, { token });
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
        403,
        'Bearer realm="admin", error="insufficient_scope", scope="accounts:erase"',
      ]);
    }
  });

  test.each([
    ['sub', {}],
    ['sub', { sub: '' }],
    ['sub', { sub: ['x'] }],
    ['sub', { sub: 'a\u0007b' }],
    ['sub', { sub: 'x'.repeat(513) }],
    ['iss', { sub: 'x', iss: null }],
    ['reason', { sub: 'x', reason: 'They asked.' }],
  ])('for its %s: %j', async (field, body) => {
    for (const answer of [await plan(body), await erase(body)]) {
      expect(answer.status).toBe(400);
      expect(fieldsOf(answer)).toContain(field);
    }
  });

  test('while the account exists, and its record does not name the person', async () => {
    const sub = await madeAccount();
    const keyId = (await plan({ sub })).body['keyId'];
    const answer = await erase({ sub });
    expect([answer.status, answer.body['detail']]).toEqual([
      409,
      'The account still exists: delete it first, then erase the person.',
    ]);
    expect(newest()).toMatchObject({ outcome: 'refused', error: 'conflict' });
    expect(JSON.stringify(newest())).not.toContain(sub);
    expect((await plan({ sub })).body).toMatchObject({ accountExists: true, keyId });
  });

  test('for a client, which is no person', async () => {
    for (const answer of [await plan({ sub: 'my_gateway' }), await erase({ sub: 'my_gateway' })])
      expect([answer.status, answer.body['detail']]).toEqual([
        409,
        'This is a client: records name clients for ever.',
      ]);
  });

  test('when the store fails, and its record names the key that may be gone', async () => {
    await actFor('unlucky');
    const { keyId } = (await plan({ sub: 'unlucky' })).body;
    const store = admin.app.get(InMemoryRecordErasure, { strict: false });
    const failing = jest.spyOn(store, 'erase').mockRejectedValue(new Error('no connection'));
    expect((await erase({ sub: 'unlucky' })).status).toBe(503);
    failing.mockRestore();
    expect(newest()).toMatchObject({ reason: 'internal_error', erasure: { keyId } });
  });
});

describe('a plan', () => {
  test('tells how many records name the person, and changes nothing', async () => {
    await actFor('bob');
    await actFor('bob');
    const { status, body } = await plan({ sub: 'bob' });
    expect([status, body]).toEqual([
      200,
      {
        accountExists: false,
        keyId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        records: 2,
        unsealed: 0,
        isComplete: true,
      },
    ]);
    expect(newest()).toMatchObject({
      event: 'administration',
      operation: { name: 'POST /admin/erasures/plan', fields: ['sub'] },
      erasure: { keyId: body['keyId'] },
    });
    expect((await plan({ sub: 'bob' })).body).toEqual(body);
  });
});

describe('an erased person', () => {
  test('is in no record any more, nor in that of the erasure', async () => {
    const sub = await madeAccount();
    const chainId = await actFor(sub);
    await admin.send('DELETE', `/admin/accounts/${sub}`);
    const answer = await erase({ sub });
    const keyId = textOf(answer, 'keyId');
    expect(answer.body).toEqual({ erased: true, keyId });
    expect(newest()).toMatchObject({
      outcome: 'granted',
      operation: { name: 'POST /admin/erasures', fields: ['sub'] },
      erasure: { keyId },
    });
    expect(JSON.stringify(admin.log.entries)).not.toContain(sub);
    const found = await admin.get(`/admin/audit/records?subject=${sub}`);
    expect(found.body['items']).toEqual([]);
    const chain = await admin.get(`/admin/audit/chains/${chainId}`);
    expect(chain.body).toMatchObject({
      subject: { iss: ERASED, sub: keyId },
      summary: `${keyId} / web_app -> my_gateway`,
      hops: [{ record: { actors: [{ sub: 'my_gateway' }] } }],
    });
  });

  test('is erased once, and of another issuer as of this one', async () => {
    const other = { iss: 'https://login.example', sub: `alice-${randomUUID()}` };
    await actFor(other.sub);
    expect((await erase(other)).body).toEqual({ erased: false, keyId: null });
    expect((await erase({ sub: other.sub })).body['erased']).toBe(true);
    const again = await erase({ sub: other.sub });
    expect([again.status, again.body]).toEqual([200, { erased: false, keyId: null }]);
    await actFor(other.sub);
    expect((await erase({ sub: other.sub })).body['erased']).toBe(true);
  });
});
