import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { ADMIN_SCOPES } from '../../src/admin/admin-scopes.js';
import { AdminApp, fieldsOf } from '../support/admin-app.js';

const PATHS = ['/admin/ledger/retirements/plan', '/admin/ledger/retirements'];

let admin: AdminApp;

beforeAll(async () => {
  admin = await AdminApp.start();
});

afterAll(async () => {
  await admin.stop();
});

describe('retiring records is refused', () => {
  test.each(PATHS)('to whoever has every scope but that one: %s', async (path) => {
    const scope = ADMIN_SCOPES.filter((each) => each !== 'audit:retire').join(' ');
    const token = await admin.signIn('admin_cli', { scope });
    const answer = await admin.post(path, { before: 0 }, { token });
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
      403,
      'Bearer realm="admin", error="insufficient_scope", scope="audit:retire"',
    ]);
  });

  test.each([
    ['before', {}],
    ['before', { before: 'yesterday' }],
    ['before', { before: '2020-13-01' }],
    ['before', { before: '2999-01-01' }],
    ['before', { before: null }],
    ['until', { before: '2020-01-01', until: 5 }],
  ])('for its %s: %j', async (field, body) => {
    for (const path of PATHS) {
      const answer = await admin.post(path, body);
      expect(answer.status).toBe(400);
      expect(fieldsOf(answer)).toContain(field);
    }
    expect(admin.log.entries[0]?.sequence).toBe('1');
  });
});

describe('retired records', () => {
  test('go after a plan, with a record of which they were and one of who did it', async () => {
    const nothing = await admin.post(PATHS[0]!, { before: '2020-01-01' });
    expect([nothing.status, nothing.body]).toEqual([200, { first: null, until: null }]);
    admin.clock.advance(60_000);
    const before = new Date(admin.clock.now()).toISOString();
    const planned = await admin.post(PATHS[0]!, { before });
    expect(planned.body).toMatchObject({ first: 1 });
    expect(admin.log.entries[0]?.sequence).toBe('1');
    const answer = await admin.post(PATHS[1]!, { before });
    const { until } = answer.body;
    expect(answer.body).toEqual({ first: 1, until: expect.any(Number) });
    expect(Number(admin.log.entries[0]?.sequence)).toBe(until);
    const [retention, administration] = admin.log.entries.slice(-2).map(({ record }) => record);
    expect(retention).toMatchObject({
      event: 'retention',
      retired: { first: 1, until, before: admin.clock.now() },
    });
    expect(administration).toMatchObject({
      event: 'administration',
      subject: { sub: 'admin_cli' },
      operation: { name: 'POST /admin/ledger/retirements', fields: ['before'] },
    });
  });
});
