import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { AdminApp, fieldsOf, textOf } from '../support/admin-app.js';
import { ISSUER } from '../support/protocol.js';

let admin: AdminApp;

beforeAll(async () => {
  admin = await AdminApp.start();
});

afterAll(async () => {
  await admin.stop();
});

const PATH = '/admin/trusted-issuers';
const LOGIN = 'https://login.example/tenant';
const pathOf = (issuer: string): string => `${PATH}/${Buffer.from(issuer).toString('base64url')}`;

describe('trusting an issuer is refused', () => {
  test.each<[string, object]>([
    ['issuer', {}],
    ['issuer', { issuer: 7 }],
    ['issuer', { issuer: 'http://login.example' }],
    ['issuer', { issuer: 'https://login.example?x' }],
    ['issuer', { issuer: ISSUER }],
    ['trusted', { issuer: LOGIN, trusted: true }],
    ['disabled', { issuer: LOGIN, disabled: true }],
    ['jwksUri', { issuer: LOGIN, jwksUri: 'file:///etc/passwd' }],
    ['jwksUri', { issuer: LOGIN, jwksUri: ['https://a.example'] }],
    ['algorithms', { issuer: LOGIN, algorithms: ['HS256'] }],
    ['algorithms', { issuer: LOGIN, algorithms: [] }],
    ['algorithms', { issuer: LOGIN, algorithms: null }],
    ['accepts', { issuer: LOGIN, accepts: ['jwt'] }],
    [
      'accepts.0.audiences',
      { issuer: LOGIN, accepts: [{ tokenType: TokenType.Jwt, types: ['jwt'] }] },
    ],
    [
      'accepts.0.tokenType',
      { issuer: LOGIN, accepts: [{ tokenType: TokenType.Saml2, types: ['a'], audiences: ['b'] }] },
    ],
    [
      'accepts.0.any',
      {
        issuer: LOGIN,
        accepts: [{ tokenType: TokenType.Jwt, types: ['a'], audiences: ['b'], any: 1 }],
      },
    ],
    ['clockSkew', { issuer: LOGIN, clockSkew: 61 }],
    ['trustsChains', { issuer: LOGIN, trustsChains: 'yes' }],
  ])('for its %s (%#)', async (field, body) => {
    const answer = await admin.post(PATH, body);
    expect(answer.status).toBe(400);
    expect(fieldsOf(answer)).toContain(field);
  });
});

describe('a trusted issuer', () => {
  test('is created, read, changed from a known version, disabled and deleted', async () => {
    const accepts = [{ tokenType: TokenType.Jwt, types: ['at+jwt'], audiences: ['my_gateway'] }];
    const made = await admin.post(PATH, { issuer: LOGIN, name: 'Login', accepts });
    expect([made.status, made.headers.get('location')]).toEqual([201, pathOf(LOGIN)]);
    expect(made.body).toEqual({
      id: Buffer.from(LOGIN).toString('base64url'),
      issuer: LOGIN,
      name: 'Login',
      disabled: false,
      jwksUri: null,
      algorithms: ['ES256', 'RS256'],
      accepts,
      subjectClaim: 'sub',
      clientIdClaims: ['client_id', 'azp'],
      scopeClaim: 'scope',
      scopes: [],
      impliedScopes: [],
      trustsChains: false,
      clockSkew: 30,
      createdAt: new Date(admin.clock.now()).toISOString(),
      version: 1,
    });
    expect((await admin.post(PATH, { issuer: LOGIN })).status).toBe(409);
    const changed = await admin.patch(pathOf(LOGIN), { scopes: ['read'] }, { 'if-match': '"1"' });
    expect(changed.body).toMatchObject({ name: 'Login', scopes: ['read'], accepts, version: 2 });
    expect((await admin.patch(pathOf(LOGIN), { scopes: [] }, { 'if-match': '"1"' })).status).toBe(
      412,
    );
    expect(fieldsOf(await admin.patch(pathOf(LOGIN), { clockSkew: 61 }))).toEqual(['clockSkew']);
    expect(fieldsOf(await admin.patch(pathOf(LOGIN), { issuer: 'https://b.example' }))).toEqual([
      'issuer',
    ]);
    expect((await admin.post(`${pathOf(LOGIN)}/disable`)).body['disabled']).toBe(true);
    expect((await admin.post(`${pathOf(LOGIN)}/enable`)).body['disabled']).toBe(false);
    expect((await admin.get(pathOf(LOGIN))).body['version']).toBe(4);
    expect((await admin.send('DELETE', pathOf(LOGIN))).status).toBe(204);
    expect((await admin.get(pathOf(LOGIN))).status).toBe(404);
    expect((await admin.send('DELETE', pathOf(LOGIN))).status).toBe(404);
  });

  test('is trusted at once, and not any more at once', async () => {
    await admin.client({ clientId: 'my_gateway' });
    const header = Buffer.from('{"alg":"ES256","typ":"JWT","kid":"k"}').toString('base64url');
    const claims = Buffer.from(JSON.stringify({ iss: LOGIN, sub: 'alice' })).toString('base64url');
    const reason = async (): Promise<string | undefined> => {
      const form = {
        grant_type: GrantType.TokenExchange,
        subject_token: `${header}.${claims}.AAAA`,
        subject_token_type: TokenType.Jwt,
      };
      await admin.ask('my_gateway', 'my_gateway-secret', form);
      return admin.log.entries.at(-1)?.record.reason;
    };
    expect(await reason()).toBe('token_issuer_unknown');
    await admin.post(PATH, { issuer: LOGIN });
    expect(await reason()).toBe('token_kind_mismatch');
    await admin.post(`${pathOf(LOGIN)}/disable`);
    expect(await reason()).toBe('token_issuer_disabled');
    await admin.send('DELETE', pathOf(LOGIN));
    expect(await reason()).toBe('token_issuer_unknown');
  });

  test('has one id, in one spelling', async () => {
    await admin.post(PATH, { issuer: LOGIN });
    for (const id of [
      `${pathOf(LOGIN)}=`,
      `${pathOf(LOGIN)}==`,
      `${PATH}/${encodeURIComponent(LOGIN)}`,
      `${PATH}/AA`,
      `${PATH}/____`,
    ]) {
      expect([id, (await admin.get(id)).status]).toEqual([id, 404]);
    }
    expect((await admin.send('DELETE', pathOf(LOGIN))).status).toBe(204);
  });

  test('is listed in pages', async () => {
    const issuers = ['https://a.example', 'https://b.example', 'https://c.example'];
    await Promise.all(issuers.map((issuer) => admin.post(PATH, { issuer })));
    const first = await admin.get(`${PATH}?limit=2`);
    const second = await admin.get(`${PATH}?limit=2&cursor=${textOf(first, 'next')}`);
    const names = [first, second].map(({ body }) =>
      (body['items'] as unknown as { issuer: string }[]).map(({ issuer }) => issuer),
    );
    expect(names).toEqual([issuers.slice(0, 2), issuers.slice(2)]);
    expect(second.body['next']).toBeNull();
  });
});
