import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { ACCOUNT_ROLES, type AccountRole } from '../../src/accounts/account.js';
import { ADMIN_ROLE_SCOPES, ADMIN_SCOPES } from '../../src/admin/admin-scopes.js';
import { AdminApp, textOf, type AdminAnswer } from '../support/admin-app.js';

/** An operation that needs the scope and nothing else, and what it answers when it may be done. */
const PROBES = {
  'clients:read': ['GET', '/admin/clients', 200],
  'clients:write': ['POST', '/admin/clients/none/disable', 404],
  'accounts:read': ['GET', '/admin/accounts', 200],
  'accounts:write': ['POST', '/admin/accounts/none/disable', 404],
  'keys:read': ['GET', '/admin/keys', 200],
  'keys:write': ['POST', '/admin/keys/none/revoke', 404],
  'issuers:read': ['GET', '/admin/trusted-issuers', 200],
  'issuers:write': ['POST', '/admin/trusted-issuers/none/disable', 404],
  'policies:read': ['GET', '/admin/policies', 200],
  'policies:write': ['DELETE', '/admin/policies/none', 404],
  'policies:explain': ['POST', '/admin/policies/explain', 400],
  'tokens:read': ['POST', '/admin/revocations/plan', 400],
  'tokens:revoke': ['POST', '/admin/revocations', 400],
  'audit:read': ['GET', '/admin/audit/records', 200],
  'sinks:read': ['GET', '/admin/sinks', 200],
  'sinks:write': ['POST', '/admin/sinks/none/pause', 404],
} as const;

const ALLOWED: Readonly<Record<AccountRole, readonly string[]>> = {
  administrator: Object.keys(PROBES),
  auditor: [
    'clients:read',
    'accounts:read',
    'keys:read',
    'issuers:read',
    'policies:read',
    'policies:explain',
    'tokens:read',
    'audit:read',
    'sinks:read',
  ],
  client_manager: [
    'clients:read',
    'clients:write',
    'issuers:read',
    'policies:read',
    'policies:explain',
  ],
};

let admin: AdminApp;
let count = 0;

beforeAll(async () => {
  admin = await AdminApp.start();
});

afterAll(async () => {
  await admin.stop();
});

/** A person with these roles, and a token of theirs with every scope. */
async function person(
  roles: readonly AccountRole[],
): Promise<{ readonly path: string; readonly token: string }> {
  const body = { username: `person-${(count += 1)}`, roles };
  const accountId = textOf(await admin.post('/admin/accounts', body), 'accountId');
  return { path: `/admin/accounts/${accountId}`, token: await admin.ownToken({ sub: accountId }) };
}

const list = (token: string): Promise<AdminAnswer> => admin.get('/admin/clients', { token });

test('every scope of the API is tried here', () => {
  expect(Object.keys(PROBES)).toEqual([...ADMIN_SCOPES]);
});

describe('a person without a role', () => {
  test.each(ADMIN_SCOPES)('may not use %s, whatever the token says', async (scope) => {
    const { token } = await person([]);
    const [method, path] = PROBES[scope];
    const answer = await admin.send(method, path, { token });
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
      403,
      `Bearer realm="admin", error="insufficient_scope", scope="${scope}"`,
    ]);
  });
});

describe.each(ACCOUNT_ROLES)('the role %s', (role) => {
  test('allows what it says and nothing else', async () => {
    const { token } = await person([role]);
    for (const scope of ADMIN_SCOPES) {
      const [method, path, status] = PROBES[scope];
      const answer = await admin.send(method, path, { token });
      const isAllowed = ALLOWED[role].includes(scope);
      expect([scope, answer.status]).toEqual([scope, isAllowed ? status : 403]);
    }
    expect(ADMIN_ROLE_SCOPES[role]).toEqual(ALLOWED[role]);
  });

  test('gives no scope that the token lacks', async () => {
    const { path } = await person([role]);
    const token = await admin.ownToken({ sub: path.split('/')[3], scope: 'openid' });
    expect((await list(token)).status).toBe(403);
  });
});

describe('a role', () => {
  test('that is taken away ends at once, and the others stay', async () => {
    const { path, token } = await person(['auditor', 'client_manager']);
    expect((await list(token)).status).toBe(200);
    await admin.patch(path, { roles: ['auditor'] });
    expect((await list(token)).status).toBe(200);
    expect((await admin.post('/admin/clients', { name: 'x' }, { token })).status).toBe(403);
    await admin.patch(path, { roles: [] });
    expect((await list(token)).status).toBe(403);
  });

  test('is worth nothing once its account is disabled or gone', async () => {
    const { path, token } = await person(['administrator']);
    expect((await list(token)).status).toBe(200);
    await admin.post(`${path}/disable`);
    expect((await list(token)).status).toBe(401);
    await admin.post(`${path}/enable`);
    // What it had is not good again: it needs a new one.
    expect((await list(token)).status).toBe(401);
    admin.clock.advance(2_000);
    const another = await admin.ownToken({ sub: path.split('/')[3] });
    expect((await list(another)).status).toBe(200);
    await admin.send('DELETE', path);
    expect((await list(another)).status).toBe(401);
  });
});
