import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { AccountDirectory } from '../../src/accounts/account-directory.js';
import type { Account } from '../../src/accounts/account.js';
import { SignIn } from '../../src/accounts/sign-in.js';
import { Sessions } from '../../src/accounts/sessions.js';
import { ADMIN_SCOPES } from '../../src/admin/admin-scopes.js';
import { InMemoryAccountStore, InMemorySessionStore } from '../../src/testing/index.js';
import { AdminApp, fieldsOf, textOf, type AdminAnswer } from '../support/admin-app.js';

const PASSWORD = 'quiet otters juggle';
const ANOTHER = 'seven foxes whistle';
const AT = { address: '192.0.2.7', userAgent: 'Browser/1' };
const PROOF = { acr: 'urn:example:password', amr: ['pwd'] };
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const UNKNOWN = '0a4cbb39-5d5e-4c0f-9b7e-3c5b6a1d2e3f';

let admin: AdminApp;
let store: InMemoryAccountStore;
let sessions: Sessions;
let signIn: SignIn;

beforeAll(async () => {
  admin = await AdminApp.start();
  store = admin.app.get(InMemoryAccountStore, { strict: false });
  sessions = admin.app.get(Sessions, { strict: false });
  signIn = admin.app.get(SignIn, { strict: false });
});

afterAll(async () => {
  await admin.stop();
});

async function created(fields: Readonly<Record<string, unknown>>): Promise<string> {
  const answer = await admin.post('/admin/accounts', fields);
  if (answer.status !== 201) throw new Error(`not created: ${answer.text}`);
  return `/admin/accounts/${textOf(answer, 'accountId')}`;
}

/** The account of a path, signed in with a session. */
async function signedIn(path: string): Promise<{ account: Account; secret: string; sid: string }> {
  const account = (await store.find(path.split('/')[3] ?? ''))!;
  const { secret, session } = await sessions.start(account, PROOF, AT);
  return { account, secret, sid: session.sid };
}

const isSignedIn = async (secret: string): Promise<boolean> =>
  (await sessions.resume(secret, AT.address)) !== null;

async function remove(username: string): Promise<void> {
  const found = await store.findByUsername(username);
  if (found) await store.delete(found.accountId);
}

describe('creating an account is refused', () => {
  test.each<[string, unknown]>([
    ['username', {}],
    ['username', { username: null }],
    ['username', { username: '' }],
    ['username', { username: 7 }],
    ['username', { username: 'a b' }],
    ['username', { username: 'a\u202eb' }],
    ['accountId', { username: 'x', accountId: UNKNOWN }],
    ['disabled', { username: 'x', disabled: true }],
    ['version', { username: 'x', version: 9 }],
    ['hash', { username: 'x', hash: 'x' }],
    ['name', { username: 'x', name: '' }],
    ['name', { username: 'x', name: null }],
    ['email', { username: 'x', email: 'x' }],
    ['emailVerified', { username: 'x', emailVerified: true }],
    ['emailVerified', { username: 'x', email: 'x@y.example', emailVerified: 'true' }],
    ['locale', { username: 'x', locale: 'en_GB' }],
    ['claims', { username: 'x', claims: [] }],
    ['claims', { username: 'x', claims: null }],
    ['claims', { username: 'x', claims: { sub: 'alice' } }],
    ['claims', { username: 'x', claims: { may_act: { sub: 'evil' } } }],
    ['claims', { username: 'x', claims: { big: 'x'.repeat(8192) } }],
    ['groups', { username: 'x', groups: 'staff' }],
    ['groups', { username: 'x', groups: [7] }],
    ['roles', { username: 'x', roles: ['root'] }],
    ['roles', { username: 'x', roles: ['auditor', 'auditor'] }],
    ['password', { username: 'x', password: null }],
    ['password', { username: 'x', password: { hash: 'x' } }],
    ['password', { username: 'x', password: 'too short' }],
    ['password', { username: 'x', password: 'passwordpassword' }],
    ['password', { username: 'montgomery', password: 'montgomery-montgomery' }],
    ['password', { username: 'x', password: 'x'.repeat(257) }],
  ])('for its %s (%#)', async (field, body) => {
    const answer = await admin.post('/admin/accounts', body);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(fieldsOf(answer)).toContain(field);
  });

  test('without repeating the password', async () => {
    const answer = await admin.post('/admin/accounts', {
      username: 'x y',
      password: 'shortsecret',
    });
    expect(fieldsOf(answer)).toEqual(['username', 'password']);
    expect(answer.text).not.toContain('shortsecret');
  });

  test('when its username is taken, in whatever spelling', async () => {
    await created({ username: 'Taken' });
    for (const username of ['Taken', 'taken', 'TAKEN', 'ｔaken']) {
      const answer = await admin.post('/admin/accounts', { username });
      expect([answer.status, fieldsOf(answer)]).toEqual([409, ['username']]);
    }
    const other = await created({ username: 'other' });
    const renamed = await admin.patch(other, { username: 'TAKEN' });
    expect([renamed.status, fieldsOf(renamed)]).toEqual([409, ['username']]);
  });
});

describe('without the scope', () => {
  const read = ['GET /', 'GET /ID', 'GET /ID/sessions', 'GET /ID/applications'];
  const write = [
    'POST /',
    'PATCH /ID',
    'DELETE /ID',
    'POST /ID/disable',
    'POST /ID/enable',
    'POST /ID/password',
    'POST /ID/password/reset',
    'DELETE /ID/sessions',
    'DELETE /ID/sessions/sid',
    'DELETE /ID/applications/web_app',
  ];
  const operations = [...read, ...write].map(
    (each) => [each, read.includes(each) ? 'accounts:read' : 'accounts:write'] as const,
  );

  test.each(operations)('%s is refused: it needs %s', async (operation, scope) => {
    const path = await created({ username: `scoped-${operation.replaceAll(' ', '')}` });
    const others = ADMIN_SCOPES.filter((each) => each !== scope).join(' ');
    const token = await admin.ownToken({ scope: others });
    const [method = '', rest = ''] = operation.split(' ');
    const where = rest === '/' ? '/admin/accounts' : path + rest.slice('/ID'.length);
    const answer = await admin.send(method, where, { token });
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
      403,
      `Bearer realm="admin", error="insufficient_scope", scope="${scope}"`,
    ]);
    expect((await admin.get(path)).body['disabled']).toBe(false);
  });
});

test('what there is not is not found', async () => {
  for (const id of [UNKNOWN, UNKNOWN.toUpperCase(), 'alice', '%00', "'--"]) {
    const path = `/admin/accounts/${id}`;
    const answers = [
      await admin.get(path),
      await admin.patch(path, { name: 'x' }),
      await admin.send('DELETE', path),
      await admin.post(`${path}/disable`),
      await admin.post(`${path}/password`, { password: PASSWORD }),
      await admin.post(`${path}/password/reset`),
      await admin.get(`${path}/sessions`),
      await admin.send('DELETE', `${path}/sessions`),
      await admin.send('DELETE', `${path}/sessions/x`),
      await admin.get(`${path}/applications`),
      await admin.send('DELETE', `${path}/applications/web_app`),
    ];
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 404));
  }
});

test('a path of accounts takes no other method', async () => {
  const answer = await admin.send('PUT', `/admin/accounts/${UNKNOWN}/password`);
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
});

describe('an account', () => {
  test('is created with careful defaults', async () => {
    const answer = await admin.post('/admin/accounts', { username: 'Careful' });
    expect(answer.status).toBe(201);
    const accountId = textOf(answer, 'accountId');
    expect(accountId).toMatch(UUID);
    expect(answer.headers.get('location')).toBe(`/admin/accounts/${accountId}`);
    expect(answer.headers.get('etag')).toBe('"1"');
    const time = new Date(admin.clock.now()).toISOString();
    expect(answer.body).toEqual({
      accountId,
      username: 'Careful',
      name: 'Careful',
      email: null,
      emailVerified: false,
      locale: null,
      claims: {},
      groups: [],
      roles: [],
      disabled: false,
      password: null,
      createdAt: time,
      updatedAt: time,
      version: 1,
    });
    expect((await admin.get(`/admin/accounts/${accountId}`)).body).toEqual(answer.body);
  });

  test('is changed by the named fields, under the same id, from the version that is named', async () => {
    const path = await created({
      username: 'before',
      email: 'a@b.example',
      claims: { department: 'sales', rank: 3 },
      groups: ['staff'],
    });
    admin.clock.advance(1_000);
    const changed = await admin.patch(
      path,
      { username: 'After', email: null, claims: { cost: { centre: [1.5, null, true] } } },
      { 'if-match': '"1"' },
    );
    expect([changed.status, changed.headers.get('etag')]).toEqual([200, '"2"']);
    expect(changed.body).toMatchObject({
      accountId: path.split('/')[3],
      username: 'After',
      name: 'before',
      email: null,
      claims: { cost: { centre: [1.5, null, true] } },
      groups: ['staff'],
      updatedAt: new Date(admin.clock.now()).toISOString(),
    });
    expect(Object.keys(changed.body['claims'] as object)).toEqual(['cost']);
    expect((await admin.patch(path, { name: 'lost' }, { 'if-match': '"1"' })).status).toBe(412);
    for (const field of ['accountId', 'disabled', 'password', 'createdAt', 'version']) {
      const answer = await admin.patch(path, { [field]: 'x' });
      expect([answer.status, fieldsOf(answer)]).toEqual([400, [field]]);
    }
  });

  test('is not overwritten by one of two changes at the same moment', async () => {
    const path = await created({ username: 'raced' });
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) => admin.patch(path, { name })),
    );
    const won = answers.filter(({ status }) => status === 200).length;
    expect(won + answers.filter(({ status }) => status === 409).length).toBe(4);
    expect((await admin.get(path)).body['version']).toBe(1 + won);
  });

  test('loses its sessions and cannot sign in the moment it is disabled', async () => {
    const path = await created({ username: 'leaver', password: PASSWORD });
    const { account, secret } = await signedIn(path);
    expect(await isSignedIn(secret)).toBe(true);
    const disabled = await admin.post(`${path}/disable`);
    expect([disabled.status, disabled.body['disabled']]).toEqual([200, true]);
    expect(await isSignedIn(secret)).toBe(false);
    await expect(signIn.authenticate('leaver', PASSWORD, AT.address)).rejects.toMatchObject({
      reason: 'account_disabled',
    });
    await expect(sessions.start(account, PROOF, AT)).rejects.toThrow();
    const again = await admin.post(`${path}/disable`);
    expect([again.status, again.body['version']]).toEqual([200, disabled.body['version']]);
    expect((await admin.post(`${path}/enable`)).body['disabled']).toBe(false);
    expect(await isSignedIn(secret)).toBe(false);
    expect((await signIn.authenticate('leaver', PASSWORD, AT.address)).username).toBe('leaver');
  });

  test('is gone with its sessions once it is deleted', async () => {
    const path = await created({ username: 'gone', password: PASSWORD });
    const { account, secret } = await signedIn(path);
    expect((await admin.send('DELETE', path)).status).toBe(204);
    expect((await admin.send('DELETE', path)).status).toBe(404);
    expect(await isSignedIn(secret)).toBe(false);
    const directory = admin.app.get(AccountDirectory, { strict: false });
    expect(await directory.find(account.accountId)).toBeNull();
    const kept = admin.app.get(InMemorySessionStore, { strict: false });
    expect(await kept.list(account.accountId, 10)).toEqual([]);
    expect(await created({ username: 'gone' })).not.toBe(path);
  });
});

describe('a password from an administrator', () => {
  test.each([
    [{}],
    [{ password: null }],
    [{ password: 'short' }],
    [{ password: 'pw-keeper pw-keeper' }],
    [{ password: ' '.repeat(20) }],
  ])('is refused: %j', async (body) => {
    const path = await created({ username: `pw-keeper-${JSON.stringify(body).length}` });
    const answer = await admin.post(`${path}/password`, body);
    expect([answer.status, fieldsOf(answer)]).toEqual([400, ['password']]);
    expect((await admin.get(path)).body['password']).toBeNull();
  });

  test('must be changed, replaces the one before and ends the sessions', async () => {
    const path = await created({ username: 'forgetful', password: PASSWORD });
    const { secret } = await signedIn(path);
    const answer = await admin.post(`${path}/password`, { password: ANOTHER });
    expect(answer.status).toBe(200);
    expect(answer.body['password']).toEqual({
      changedAt: new Date(admin.clock.now() + 1).toISOString(),
      mustChange: true,
    });
    expect(await isSignedIn(secret)).toBe(false);
    await expect(signIn.authenticate('forgetful', PASSWORD, '192.0.2.8')).rejects.toThrow();
    const account = await signIn.authenticate('forgetful', ANOTHER, '192.0.2.8');
    expect(account.password?.mustChange).toBe(true);
  });

  test('is made up at a reset, and shown once', async () => {
    const path = await created({ username: 'resetter', password: PASSWORD });
    const { secret } = await signedIn(path);
    const answer = await admin.post(`${path}/password/reset`);
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body)).toEqual(['password']);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const password = textOf(answer, 'password');
    expect(password).toMatch(/^[A-Za-z0-9_-]{24}$/);
    expect(await isSignedIn(secret)).toBe(false);
    expect((await admin.get(path)).text).not.toContain(password);
    const account = await signIn.authenticate('resetter', password, '192.0.2.8');
    expect(account.password?.mustChange).toBe(true);
  });
});

describe('sessions', () => {
  test('are listed without what lets anybody in, newest first', async () => {
    const path = await created({ username: 'seen', password: PASSWORD });
    const first = await signedIn(path);
    admin.clock.advance(1_000);
    const second = await signedIn(path);
    const answer = await admin.get(`${path}/sessions`);
    const items = answer.body['items'] as unknown as readonly Record<string, unknown>[];
    expect(items.map(({ sid }) => sid)).toEqual([second.sid, first.sid]);
    const time = new Date(admin.clock.now()).toISOString();
    expect(items[0]).toEqual({
      sid: second.sid,
      authTime: time,
      ...PROOF,
      createdAt: time,
      lastSeenAt: time,
      expiresAt: expect.any(String),
      ...AT,
      clients: [],
    });
    expect(answer.text).not.toMatch(/hash|secret/i);
  });

  test('are ended one by one or all at once, and only those of the account', async () => {
    const path = await created({ username: 'many', password: PASSWORD });
    const other = await signedIn(await created({ username: 'someone', password: PASSWORD }));
    const [one, two, three] = [await signedIn(path), await signedIn(path), await signedIn(path)];
    for (const sid of [other.sid, UNKNOWN, '%00'])
      expect((await admin.send('DELETE', `${path}/sessions/${sid}`)).status).toBe(404);
    expect((await admin.send('DELETE', `${path}/sessions/${one.sid}`)).status).toBe(204);
    expect((await admin.send('DELETE', `${path}/sessions/${one.sid}`)).status).toBe(404);
    expect([await isSignedIn(one.secret), await isSignedIn(two.secret)]).toEqual([false, true]);
    expect((await admin.send('DELETE', `${path}/sessions`)).status).toBe(204);
    expect([await isSignedIn(two.secret), await isSignedIn(three.secret)]).toEqual([false, false]);
    expect((await admin.get(`${path}/sessions`)).body).toEqual({ items: [] });
    expect(await isSignedIn(other.secret)).toBe(true);
  });
});

test('no answer ever holds a password or its hash', async () => {
  const username = 'discreet';
  const path = await created({ username, password: PASSWORD });
  const answers: readonly AdminAnswer[] = [
    await admin.get(path),
    await admin.get('/admin/accounts?limit=200'),
    await admin.patch(path, { name: 'y' }),
    await admin.post(`${path}/password`, { password: ANOTHER }),
    await admin.post(`${path}/password`, { password: 'short' }),
    await admin.post(`${path}/disable`),
    await admin.post('/admin/accounts', { username, password: PASSWORD }),
  ];
  for (const { text } of answers) {
    expect(text).not.toMatch(/argon2|"hash"/);
    for (const password of [PASSWORD, ANOTHER]) expect(text).not.toContain(password);
  }
});

test('a list comes in pages, each account once, whatever the case of its username', async () => {
  for (const username of ['zoe', 'Zack', 'ZELDA', 'Émile']) await created({ username });
  const seen: string[] = [];
  let path = '/admin/accounts?limit=3';
  for (;;) {
    const page = await admin.get(path);
    const items = page.body['items'] as unknown as readonly { username: string }[];
    seen.push(...items.map(({ username }) => username));
    if (page.body['next'] === null) break;
    path = `/admin/accounts?limit=3&cursor=${textOf(page, 'next')}`;
  }
  const stored = await store.list({ limit: 1000 });
  expect(seen).toEqual(stored.map(({ username }) => username));
  expect(seen.filter((name) => /^z/i.test(name))).toEqual(['Zack', 'ZELDA', 'zoe']);
  const foreign = textOf(await admin.get('/admin/accounts?limit=1'), 'next');
  expect((await admin.get(`/admin/clients?cursor=${foreign}`)).status).toBe(400);
});

test('a change is accepted exactly when creating its result would be', async () => {
  const text = fc.constantFrom('x', '', 'a\u0007b', 'y'.repeat(200), 'y'.repeat(201), 'a b', 'ü');
  const wanted = fc.record(
    {
      username: text,
      name: text,
      email: fc.constantFrom(null, 'a@b.example', 'a', ''),
      emailVerified: fc.boolean(),
      locale: fc.constantFrom(null, 'en', 'EN', 'x_y'),
      claims: fc.constantFrom({}, { a: 1 }, { sub: 1 }, { a: { b: { c: { d: { e: 1 } } } } }),
      groups: fc.array(text, { maxLength: 3 }),
      roles: fc.array(fc.constantFrom('auditor', 'administrator', 'root'), { maxLength: 2 }),
    },
    { requiredKeys: ['username'] },
  );
  const harmless = fc.record({
    username: fc.constantFrom('x', 'Ü'),
    name: fc.constantFrom('x', 'y z'),
    email: fc.constantFrom(null, 'a@b.example'),
    emailVerified: fc.boolean(),
    claims: fc.constantFrom({}, { a: 1 }),
    groups: fc.uniqueArray(fc.constantFrom('a', 'b')),
  });
  const accepted = { yes: 0, no: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(wanted, harmless),
      async (fields: { username: string; name?: string }) => {
        await remove(fields.username);
        const path = await created({ username: 'subject-of-change' });
        const name = fields.name ?? 'subject-of-change';
        const update = await admin.patch(path, fields);
        await admin.send('DELETE', path);
        const create = await admin.post('/admin/accounts', { ...fields, name });
        await remove(fields.username);
        expect([200, 400]).toContain(update.status);
        expect(update.status === 200).toBe(create.status === 201);
        expect(fieldsOf(update)).toEqual(fieldsOf(create));
        accepted[update.status === 200 ? 'yes' : 'no'] += 1;
      },
    ),
    { numRuns: 150 },
  );
  expect(accepted.yes).toBeGreaterThan(5);
  expect(accepted.no).toBeGreaterThan(10);
});
