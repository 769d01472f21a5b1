import { generateKeyPairSync } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { AdminApp, fieldsOf, type AdminAnswer, textOf } from '../support/admin-app.js';

let admin: AdminApp;

beforeEach(async () => {
  admin = await AdminApp.start();
});

afterEach(async () => {
  await admin.stop();
});

interface Key {
  readonly kid: string;
  readonly algorithm: string;
  readonly life: string;
}

/** The keys of access tokens, beside that of ID tokens. */
async function keys(): Promise<readonly Key[]> {
  const items = (await admin.get('/admin/keys')).body['items'] as unknown as readonly Key[];
  return items.filter(({ algorithm }) => algorithm === 'ES256');
}

const ec = () =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
const rsa = (modulusLength: number) =>
  generateKeyPairSync('rsa', { modulusLength }).privateKey.export({ format: 'jwk' });
const bring = (jwk: object, algorithm = 'ES256'): Promise<AdminAnswer> =>
  admin.post('/admin/keys', { jwk, algorithm });

describe('importing a key is refused', () => {
  test('without a private half, of another kind, too short or in pieces', async () => {
    const good = ec();
    const { d: _private, ...publicHalf } = good;
    const bad: [object, string?][] = [
      [publicHalf],
      [{}],
      [{ ...good, d: ec().d }],
      [{ ...good, d: 7 }],
      [{ ...good, crv: 'P-384' }],
      [{ ...good, kty: 'oct', k: 'c2VjcmV0' }],
      [{ ...good, alg: 'RS256' }],
      [good, 'RS256'],
      [good, 'EdDSA'],
      [rsa(1024), 'RS256'],
      [rsa(2048), 'ES256'],
    ];
    for (const [jwk, algorithm] of bad) {
      const answer = await bring(jwk, algorithm);
      expect([answer.status, fieldsOf(answer)]).toEqual([400, ['jwk']]);
      expect(answer.text).not.toContain(String(good.d));
    }
    expect(await keys()).toHaveLength(1);
  });

  test('for an algorithm that is not ours, and for what is no object', async () => {
    for (const algorithm of ['HS256', 'none', 'ES512', null, ['ES256']]) {
      const answer = await admin.post('/admin/keys', { jwk: ec(), algorithm });
      expect([answer.status, fieldsOf(answer)]).toEqual([400, ['algorithm']]);
    }
    for (const jwk of ['-----BEGIN PRIVATE KEY-----', [], null]) {
      const answer = await admin.post('/admin/keys', { jwk, algorithm: 'ES256' });
      expect([answer.status, fieldsOf(answer)]).toEqual([400, ['jwk']]);
    }
  });

  test('twice', async () => {
    const jwk = ec();
    expect((await bring(jwk)).status).toBe(201);
    expect((await bring(jwk)).status).toBe(409);
  });
});

describe('the signing keys', () => {
  test('are listed with their life, without any half', async () => {
    const answer = await admin.get('/admin/keys');
    const active = (algorithm: string): object => ({
      kid: expect.any(String),
      algorithm,
      life: 'active',
      createdAt: new Date(admin.clock.now()).toISOString(),
      activeFrom: new Date(admin.clock.now()).toISOString(),
      revokedAt: null,
    });
    const items = answer.body['items'] as unknown as readonly Key[];
    expect(items).toHaveLength(2);
    expect(items).toEqual(expect.arrayContaining([active('ES256'), active('RS256')]));
  });

  test('are rotated after an announcement, or at once in an emergency', async () => {
    expect((await admin.post('/admin/keys/rotate')).body['life']).toBe('announced');
    expect((await keys()).map(({ life }) => life)).toEqual(['announced', 'active']);
    admin.clock.advance(1);
    const now = await admin.post('/admin/keys/rotate', { immediately: true });
    expect(now.body['life']).toBe('active');
    expect((await keys()).map(({ life }) => life)).toEqual(['announced', 'active', 'retiring']);
    expect((await admin.get('/admin/keys')).status).toBe(200);
    expect((await admin.post('/admin/keys/rotate', { immediately: 'yes' })).status).toBe(400);
    const other = await admin.post('/admin/keys/rotate', { algorithm: 'EdDSA' });
    expect(other.body).toMatchObject({ algorithm: 'EdDSA', life: 'announced' });
  });

  test('can be brought, and sign after the announcement', async () => {
    const jwk = ec();
    const brought = await bring({ ...jwk, kid: '../../etc', use: 'enc', extra: 'x' });
    expect(brought.body).toMatchObject({ life: 'announced', algorithm: 'ES256' });
    expect(brought.text).not.toContain(String(jwk.d));
    const published = await admin.get('/.well-known/jwks.json', { token: null });
    expect(published.text).toContain(textOf(brought, 'kid'));
    expect(published.text).not.toContain(String(jwk.d));
    admin.clock.advance(10 * 60_000);
    admin.token = await admin.signIn('admin_cli');
    const header = Buffer.from(admin.token.split('.')[0] ?? '', 'base64url').toString();
    expect(JSON.parse(header)).toMatchObject({ kid: brought.body['kid'] });
    expect((await bring(rsa(2048), 'PS256')).status).toBe(201);
    const ed = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
    expect((await bring(ed, 'EdDSA')).status).toBe(201);
  });

  test('are revoked: what they signed is refused at once, and another signs', async () => {
    const [key] = await keys();
    const revoked = await admin.post(`/admin/keys/${key?.kid}/revoke`);
    expect(revoked.body).toMatchObject({ life: 'revoked', revokedAt: expect.any(String) });
    expect((await admin.get('/admin/keys')).status).toBe(401);
    admin.token = await admin.signIn('admin_cli');
    expect((await keys()).map(({ life }) => life).toSorted()).toEqual(['active', 'revoked']);
    for (const kid of ['none', '%00', `${key?.kid}x`, '..%2f..']) {
      expect((await admin.post(`/admin/keys/${kid}/revoke`)).status).toBe(404);
    }
  });
});
