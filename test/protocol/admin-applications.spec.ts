import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import type { Authorization } from '../../src/authorization/authorization.js';
import { InMemoryAuthorizationStore, InMemoryConsentStore } from '../../src/testing/index.js';
import { sampleAuthorization, sampleCode, sampleConsent } from '../../src/testing/samples.js';
import { AdminApp, textOf } from '../support/admin-app.js';

const MINUTE = 60_000;

let admin: AdminApp;
let authorizations: InMemoryAuthorizationStore;
let consents: InMemoryConsentStore;
let count = 0;

beforeAll(async () => {
  admin = await AdminApp.start();
  authorizations = admin.app.get(InMemoryAuthorizationStore, { strict: false });
  consents = admin.app.get(InMemoryConsentStore, { strict: false });
});

afterAll(async () => {
  await admin.stop();
});

async function person(): Promise<string> {
  const answer = await admin.post('/admin/accounts', { username: `person-${(count += 1)}` });
  return textOf(answer, 'accountId');
}

/** An authorization of a person, with the consent that it came of. */
async function allowed(
  accountId: string,
  clientId: string,
  fields: Partial<Authorization> = {},
): Promise<Authorization> {
  const createdAt = admin.clock.now();
  const times = { createdAt, expiresAt: createdAt + MINUTE };
  const authorization = sampleAuthorization({ accountId, clientId, ...times, ...fields });
  const { authorizationId } = authorization;
  await authorizations.create(authorization, sampleCode({ authorizationId }));
  await consents.save(sampleConsent({ accountId, clientId }));
  return authorization;
}

async function listed(accountId: string): Promise<readonly unknown[]> {
  const answer = await admin.get(`/admin/accounts/${accountId}/applications`);
  return answer.body['items'] as unknown as readonly unknown[];
}

/** An authorization as the API tells it. */
function viewOf({ isOffline: offline, createdAt, expiresAt, ...rest }: Authorization): object {
  const { authorizationId, clientId, scope, targets, sid } = rest;
  return {
    authorizationId,
    clientId,
    scope,
    targets,
    sid,
    offline,
    createdAt: new Date(createdAt).toISOString(),
    expiresAt: new Date(expiresAt).toISOString(),
  };
}

const isInForce = async ({ authorizationId }: Authorization): Promise<boolean> =>
  (await authorizations.find(authorizationId))?.revokedAt === null;

describe('revoking an application is refused', () => {
  test('where there is nothing to revoke', async () => {
    const accountId = await person();
    await allowed(await person(), 'web_app');
    for (const clientId of ['web_app', 'none', 'a b', '%00', '*', 'x'.repeat(129)]) {
      const path = `/admin/accounts/${accountId}/applications/${clientId}`;
      expect((await admin.send('DELETE', path)).status).toBe(404);
    }
  });

  test('where it was revoked before', async () => {
    const accountId = await person();
    await allowed(accountId, 'web_app');
    const path = `/admin/accounts/${accountId}/applications/web_app`;
    expect((await admin.send('DELETE', path)).status).toBe(204);
    expect((await admin.send('DELETE', path)).status).toBe(404);
  });
});

describe('the applications of a person', () => {
  test('are listed with what is in force, newest first, without what gives a token', async () => {
    const accountId = await person();
    const first = await allowed(accountId, 'web_app', { isOffline: false });
    await allowed(accountId, 'web_app', { expiresAt: admin.clock.now() });
    await allowed(accountId, 'web_app', { revokedAt: admin.clock.now() });
    await allowed(await person(), 'web_app');
    admin.clock.advance(1);
    const second = await allowed(accountId, 'portal');
    const answer = await admin.get(`/admin/accounts/${accountId}/applications`);
    expect(answer.body).toEqual({ items: [viewOf(second), viewOf(first)] });
    expect(answer.text).not.toMatch(/hash|code/i);
    admin.clock.advance(MINUTE - 1);
    expect(await listed(accountId)).toHaveLength(1);
  });

  test('lose everything at once, with the consent, and others nothing', async () => {
    const accountId = await person();
    const mine = [await allowed(accountId, 'web_app'), await allowed(accountId, 'web_app')];
    const another = await allowed(accountId, 'portal');
    const someoneElses = await allowed(await person(), 'web_app');
    const path = `/admin/accounts/${accountId}/applications/web_app`;
    expect((await admin.send('DELETE', path)).status).toBe(204);
    for (const each of mine) expect(await isInForce(each)).toBe(false);
    expect(await consents.find(accountId, 'web_app')).toBeNull();
    expect(await listed(accountId)).toHaveLength(1);
    for (const each of [another, someoneElses]) {
      expect(await isInForce(each)).toBe(true);
      expect(await consents.find(each.accountId, each.clientId)).not.toBeNull();
    }
  });

  test('lose a consent of which nothing came', async () => {
    const accountId = await person();
    await consents.save(sampleConsent({ accountId, clientId: 'web_app' }));
    const path = `/admin/accounts/${accountId}/applications/web_app`;
    expect((await admin.send('DELETE', path)).status).toBe(204);
    expect(await consents.find(accountId, 'web_app')).toBeNull();
  });
});

describe('what a person allowed ends', () => {
  test.each([
    ['disabled', 'POST', '/disable', undefined],
    ['given a password', 'POST', '/password', { password: 'seven foxes whistle' }],
    ['given a made-up password', 'POST', '/password/reset', undefined],
    ['deleted', 'DELETE', '', undefined],
  ])('when the account is %s', async (_, method, action, body) => {
    const accountId = await person();
    const offline = await allowed(accountId, 'web_app');
    const online = await allowed(accountId, 'portal', { isOffline: false });
    const someoneElses = await allowed(await person(), 'web_app');
    const path = `/admin/accounts/${accountId}${action}`;
    expect((await admin.send(method, path, { body })).status).toBeLessThan(300);
    expect([await isInForce(offline), await isInForce(online)]).toEqual([false, false]);
    expect(await isInForce(someoneElses)).toBe(true);
    const agreed = await consents.list(accountId);
    expect(agreed).toHaveLength(method === 'DELETE' ? 0 : 2);
    expect(await consents.list(someoneElses.accountId)).toHaveLength(1);
  });

  test('not when a session ends, if it outlives the session', async () => {
    const accountId = await person();
    const offline = await allowed(accountId, 'web_app');
    const path = `/admin/accounts/${accountId}/sessions`;
    expect((await admin.send('DELETE', path)).status).toBe(204);
    expect(await isInForce(offline)).toBe(true);
  });
});

test('a client that is deleted leaves nothing to another one that gets its id', async () => {
  const accountId = await person();
  await admin.post('/admin/clients', { clientId: 'short_lived', name: 'Short-lived' });
  const gone = await allowed(accountId, 'short_lived');
  const other = await allowed(accountId, 'web_app');
  expect((await admin.send('DELETE', '/admin/clients/short_lived')).status).toBe(204);
  expect(await isInForce(gone)).toBe(false);
  expect(await consents.find(accountId, 'short_lived')).toBeNull();
  expect(await isInForce(other)).toBe(true);
  expect(await consents.find(accountId, 'web_app')).not.toBeNull();
});
