import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { ADMIN_SCOPES, adminAudience } from '../../src/admin/admin-scopes.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { AdminApp, textOf, type AdminAnswer } from '../support/admin-app.js';
import { ISSUER } from '../support/protocol.js';

const AUDIENCE = adminAudience(ISSUER);
const MANAGER = ['clients:read', 'clients:write', 'accounts:read', 'accounts:write'] as const;

let admin: AdminApp;
/** The token of somebody who keeps clients and accounts, and nothing else. */
let manager: string;
/** An account with the role administrator. */
let chief: string;

beforeAll(async () => {
  admin = await AdminApp.start();
  await admin.administrator('manager', [...MANAGER]);
  manager = await admin.signIn('manager');
  const made = await admin.post('/admin/accounts', { username: 'chief', roles: ['administrator'] });
  chief = `/admin/accounts/${textOf(made, 'accountId')}`;
  await admin.post('/admin/clients', { clientId: 'plain', name: 'Plain' });
});

afterAll(async () => {
  await admin.stop();
});

const act = (method: string, path: string, body?: unknown): Promise<AdminAnswer> =>
  admin.send(method, path, { token: manager, ...(body === undefined ? {} : { body }) });

describe('who administrates clients and accounts does not get further than their own rights', () => {
  test.each([
    ['makes a client with an admin scope of others', 'POST', '/admin/clients', powerful()],
    [
      'gives a client such a scope',
      'PATCH',
      '/admin/clients/plain',
      { scopes: ['keys:write'], targets: [AUDIENCE] },
    ],
    ['makes a secret of a client that has one', 'POST', '/admin/clients/admin_cli/secrets', {}],
    ['changes such a client', 'PATCH', '/admin/clients/admin_cli', { name: 'Mine' }],
    ['disables such a client', 'POST', '/admin/clients/admin_cli/disable', undefined],
    ['deletes such a client', 'DELETE', '/admin/clients/admin_cli', undefined],
    [
      'makes an account with a role',
      'POST',
      '/admin/accounts',
      { username: 'mallory', roles: ['auditor'] },
    ],
  ])('%s: 403, and nothing changes', async (_what, method, path, body) => {
    const before = await admin.get('/admin/clients/admin_cli');
    const answer = await act(method, path, body);
    expect([answer.status, answer.body['status']]).toEqual([403, 403]);
    expect((await admin.get('/admin/clients/admin_cli')).text).toBe(before.text);
    expect((await admin.get('/admin/clients/plain')).body).toMatchObject({ scopes: [] });
    expect((await admin.get('/admin/clients/powerful')).status).toBe(404);
  });

  test.each([
    ['changes', 'PATCH', '', { name: 'Mine' }],
    ['sets the password of', 'POST', '/password', { password: 'nobody-will-ever-guess-this' }],
    ['resets the password of', 'POST', '/password/reset', undefined],
    ['disables', 'POST', '/disable', undefined],
    ['deletes', 'DELETE', '', undefined],
  ])(
    '%s the account of an administrator: 403, and nothing changes',
    async (_what, method, path, body) => {
      const before = await admin.get(chief);
      const answer = await act(method, `${chief}${path}`, body);
      expect([answer.status, answer.body['status']]).toEqual([403, 403]);
      expect((await admin.get(chief)).text).toBe(before.text);
    },
  );

  test.each(['admin_cli', 'swagger-ui'])('makes no client called %s', async (clientId) => {
    const other = await AdminApp.start();
    try {
      expect((await other.send('DELETE', '/admin/clients/admin_cli')).status).toBe(204);
      await other.administrator('keeper', ['clients:read', 'clients:write']);
      const token = await other.signIn('keeper');
      const body = { clientId, name: 'Harmless' };
      expect((await other.send('POST', '/admin/clients', { token, body })).status).toBe(403);
    } finally {
      await other.stop();
    }
  });

  test('within their own rights they may do everything', async () => {
    const own = { clientId: 'equal', name: 'Equal', scopes: [...MANAGER], targets: [AUDIENCE] };
    expect((await act('POST', '/admin/clients', own)).status).toBe(201);
    expect((await act('PATCH', '/admin/clients/equal', { name: 'Same' })).status).toBe(200);
    expect((await act('DELETE', '/admin/clients/equal')).status).toBe(204);
    const made = await act('POST', '/admin/accounts', { username: 'somebody' });
    expect(made.status).toBe(201);
    const path = `/admin/accounts/${textOf(made, 'accountId')}`;
    expect((await act('PATCH', path, { name: 'Some Body' })).status).toBe(200);
    expect((await act('PATCH', path, { roles: ['client_manager'] })).status).toBe(403);
  });

  test('a scope of the same name for another service is none of the admin API', async () => {
    const other = { clientId: 'other', name: 'Other', scopes: [...ADMIN_SCOPES] };
    expect((await act('POST', '/admin/clients', other)).status).toBe(201);
  });
});

function powerful(): object {
  return {
    clientId: 'powerful',
    name: 'Powerful',
    grantTypes: [GrantType.ClientCredentials],
    scopes: [...ADMIN_SCOPES],
    targets: [AUDIENCE],
    defaultTarget: AUDIENCE,
  };
}
