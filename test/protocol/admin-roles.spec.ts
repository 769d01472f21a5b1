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
  'accounts:erase': ['POST', '/admin/erasures', 400],
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
  'audit:retire': ['POST', '/admin/ledger/retirements', 400],
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
  token_administrator: ['tokens:read', 'tokens:revoke'],
};

/** The operations that are no GET and change nothing, with the scope that reads. */
const QUESTIONS = [
  'POST /admin/audit/trace',
  'POST /admin/policies/explain',
  'POST /admin/policies/plan',
  'POST /admin/policies/simulate',
  'POST /admin/revocations/plan',
];

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

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly scope: string | undefined;
}

/** Every operation of the OpenAPI document that needs a scope of the admin API. */
async function operations(): Promise<readonly Operation[]> {
  const { body } = await admin.get('/docs-json', { token: null });
  type Described = { security?: readonly { readonly admin?: readonly string[] }[] };
  const paths = body['paths'] as unknown as Record<string, Record<string, Described>>;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { security }]) => {
      const [scope] = security?.flatMap(({ admin: scopes }) => scopes ?? []) ?? [];
      const isOurs = scope !== undefined || path.startsWith('/admin');
      return isOurs ? [{ method: method.toUpperCase(), path, scope }] : [];
    }),
  );
}

const isOfRecords = (name: string): boolean => /audit|ledger|simulate/.test(name);

/** The operations that somebody with this token may use, as they answer to a request that says nothing. */
async function openTo(token: string): Promise<readonly string[]> {
  const open: string[] = [];
  for (const { method, path } of await operations()) {
    // A stream would not end by itself.
    const query = path.endsWith('/stream') ? '?format=none' : '';
    const url = `${path.replaceAll(/\{\w+\}/g, 'none')}${query}`;
    const answer = await admin.send(method, url, { token });
    if (answer.status === 403) continue;
    expect([method, path, [200, 201, 400, 404].includes(answer.status)]).toEqual([
      method,
      path,
      true,
    ]);
    open.push(`${method} ${path}`);
  }
  return open;
}

const list = (token: string): Promise<AdminAnswer> => admin.get('/admin/clients', { token });

test('every scope of the API is tried here', () => {
  expect(Object.keys(PROBES)).toEqual([...ADMIN_SCOPES]);
});

test.each(ADMIN_SCOPES)(
  'the scope %s opens the operations that name it, and no other',
  async (scope) => {
    const named = (await operations()).filter((operation) => operation.scope === scope);
    const open = await openTo(await admin.signIn('admin_cli', { scope }));
    expect(open).toEqual(named.map(({ method, path }) => `${method} ${path}`));
    expect(open.length).toBeGreaterThan(0);
  },
);

describe('an auditor', () => {
  test('reads what there is, and changes nothing', async () => {
    const { token } = await person(['auditor']);
    const all = await operations();
    const reading = all.map(({ method, path }) => `${method} ${path}`);
    expect(await openTo(token)).toEqual(
      reading.filter((name) => name.startsWith('GET ') || QUESTIONS.includes(name)),
    );
  });
});

describe.each(['token_administrator', 'client_manager'] as const)('the role %s', (role) => {
  test('reads no record, no chain and no leaf', async () => {
    const { token } = await person([role]);
    const open = await openTo(token);
    expect((await operations()).filter(({ path }) => isOfRecords(path)).length).toBeGreaterThan(8);
    expect(open.filter(isOfRecords)).toEqual([]);
  });
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
