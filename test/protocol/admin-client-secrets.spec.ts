import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { GrantType } from '../../src/oauth/grant-type.js';
import { AdminApp, fieldsOf, type AdminAnswer, textOf } from '../support/admin-app.js';

const DAY = 86_400_000;
const SECRETS = '/admin/clients/service/secrets';
let admin: AdminApp;
let first: string;

beforeEach(async () => {
  admin = await AdminApp.start();
  await admin.client({ clientId: 'shop', offeredScopes: ['read'] });
  const client = {
    clientId: 'service',
    name: 'Service',
    scopes: ['read'],
    targets: ['shop'],
    defaultTarget: 'shop',
  };
  const made = await admin.post('/admin/clients', {
    ...client,
    grantTypes: [GrantType.ClientCredentials],
  });
  first = (made.body['newSecret'] as { secret: string }).secret;
});

afterEach(async () => {
  await admin.stop();
});

async function accepts(secret: string): Promise<boolean> {
  return (await admin.ask('service', secret)).status === 200;
}

/** Lets time pass, with a new token for the administrator. */
async function pass(milliseconds: number): Promise<void> {
  admin.clock.advance(milliseconds);
  admin.token = await admin.signIn('admin_cli');
}

async function secretsOf(): Promise<readonly { id: string; expiresAt: string | null }[]> {
  const { body } = await admin.get('/admin/clients/service');
  return body['secrets'] as unknown as readonly { id: string; expiresAt: string | null }[];
}

const secretIn = (answer: AdminAnswer): string => textOf(answer, 'secret');

describe('a new secret is refused', () => {
  test.each<[string, unknown]>([
    ['expiresAt', { expiresAt: '2020-01-01T00:00:00Z' }],
    ['expiresAt', { expiresAt: 'tomorrow' }],
    ['expiresAt', { expiresAt: 1_900_000_000_000 }],
    ['expiresAt', { expiresAt: '+275760-09-13T00:00:00Z' }],
    ['expiresAt', { expiresAt: null }],
    ['expiresIn', { expiresIn: 59 }],
    ['expiresIn', { expiresIn: '600' }],
    ['expiresIn', { expiresIn: 600, expiresAt: '2030-01-01T00:00:00Z' }],
    ['previousExpiresIn', { previousExpiresIn: -1 }],
    ['secret', { secret: 'my-own' }],
  ])('for its %s (%#)', async (field, body) => {
    const answer = await admin.post(SECRETS, body);
    expect([answer.status, fieldsOf(answer)]).toEqual([400, [field]]);
  });

  test('to a public client and to none', async () => {
    await admin.post('/admin/clients', { clientId: 'page', name: 'Page', kind: 'public' });
    expect((await admin.post('/admin/clients/page/secrets')).status).toBe(409);
    expect((await admin.post('/admin/clients/none/secrets')).status).toBe(404);
  });

  test('as a third one, until one is deleted or expires', async () => {
    expect((await admin.post(SECRETS)).status).toBe(201);
    expect((await admin.post(SECRETS)).status).toBe(409);
    const [oldest] = await secretsOf();
    expect((await admin.send('DELETE', `${SECRETS}/${oldest?.id}`)).status).toBe(204);
    expect((await admin.send('DELETE', `${SECRETS}/${oldest?.id}`)).status).toBe(404);
    expect(await accepts(first)).toBe(false);
    expect((await admin.post(SECRETS)).status).toBe(201);
    expect((await admin.post(SECRETS)).status).toBe(409);
    await pass(DAY);
    expect((await admin.post(SECRETS)).status).toBe(201);
    expect(await secretsOf()).toHaveLength(2);
  });
});

describe('a rotation', () => {
  test('needs no body, and both secrets work for a day', async () => {
    const answer = await admin.post(SECRETS);
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      id: expect.any(String),
      secret: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
      createdAt: new Date(admin.clock.now()).toISOString(),
      expiresAt: null,
    });
    expect([await accepts(first), await accepts(secretIn(answer))]).toEqual([true, true]);
    await pass(DAY - 1);
    expect([await accepts(first), await accepts(secretIn(answer))]).toEqual([true, true]);
    await pass(1);
    expect([await accepts(first), await accepts(secretIn(answer))]).toEqual([false, true]);
  });

  test('ends the secrets before it when it is told, at once with 0', async () => {
    const second = await admin.post(SECRETS, { previousExpiresIn: 60 });
    await pass(60_000);
    expect(await accepts(first)).toBe(false);
    const third = await admin.post(SECRETS);
    const last = await admin.post(SECRETS, { previousExpiresIn: 0 });
    expect(last.status).toBe(201);
    const results = await Promise.all([second, third, last].map((each) => accepts(secretIn(each))));
    expect(results).toEqual([false, false, true]);
    expect(await secretsOf()).toHaveLength(1);
  });

  test('never lengthens the life of a secret', async () => {
    const short = await admin.post(SECRETS, { expiresIn: 120, previousExpiresIn: 0 });
    await admin.post(SECRETS, { previousExpiresIn: 2_592_000 });
    const [kept] = await secretsOf();
    expect(kept?.expiresAt).toBe(short.body['expiresAt']);
    await pass(120_000);
    expect(await accepts(secretIn(short))).toBe(false);
  });

  test('gives the secret the expiry that was asked for', async () => {
    const expiresAt = new Date(admin.clock.now() + 90_000).toISOString();
    const answer = await admin.post(SECRETS, { expiresAt });
    expect(answer.body['expiresAt']).toBe(expiresAt);
    await pass(90_000);
    expect(await accepts(secretIn(answer))).toBe(false);
    expect(await accepts(first)).toBe(true);
  });
});
