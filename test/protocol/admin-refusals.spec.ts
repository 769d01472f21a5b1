import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { request as httpRequest } from 'node:http';

import { ADMIN_SCOPES, adminAudience } from '../../src/admin/admin-scopes.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { AdminApp, type AdminAnswer } from '../support/admin-app.js';
import { basic, ISSUER } from '../support/protocol.js';

let admin: AdminApp;

beforeAll(async () => {
  admin = await AdminApp.start();
});

afterAll(async () => {
  await admin.stop();
});

function expectRefused(answer: AdminAnswer, status: number, challenge: string | null): void {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('www-authenticate')).toBe(challenge);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.body).toEqual({
    type: 'about:blank',
    title: expect.any(String),
    status,
    detail: expect.any(String),
  });
}

const INVALID = 'Bearer realm="admin", error="invalid_token"';
const get = (token: string): Promise<AdminAnswer> => admin.get('/admin/clients', { token });

describe('the admin API refuses', () => {
  test('a request without a token, without an error code', async () => {
    expectRefused(await admin.get('/admin/clients', { token: null }), 401, 'Bearer realm="admin"');
  });

  test('the secret of a client where a token belongs', async () => {
    const headers = { authorization: basic('admin_cli', 'admin_cli-secret') };
    const answer = await admin.get('/admin/clients', { token: null, headers });
    expectRefused(answer, 401, 'Bearer realm="admin"');
  });

  test('a token in the query or in the body', async () => {
    const path = `/admin/clients?access_token=${admin.token}`;
    expectRefused(await admin.get(path, { token: null }), 401, 'Bearer realm="admin"');
    const body = new URLSearchParams({ access_token: admin.token });
    expectRefused(
      await admin.post('/admin/clients', body, { token: null }),
      401,
      'Bearer realm="admin"',
    );
  });

  test.each(['nonsense', 'a.b.c', 'x'.repeat(12_000), 'é', ''])(
    'what is no token (%#)',
    async (token) => {
      expectRefused(await admin.get('/admin/clients', { token }), 401, INVALID);
    },
  );

  test('two Authorization headers, even with a good token in one', async () => {
    const headers = [
      'authorization',
      `Bearer ${admin.token}`,
      'authorization',
      `Bearer ${admin.token}`,
    ];
    const answer = await raw('GET', '/admin/clients', headers);
    expect(answer).toEqual({
      status: 400,
      challenge: 'Bearer realm="admin", error="invalid_request"',
    });
  });

  test('a token of another signer and a changed token', async () => {
    const other = await AdminApp.start();
    expectRefused(await get(other.token), 401, INVALID);
    await other.stop();
    const [header, , signature] = admin.token.split('.');
    const claims = Buffer.from(JSON.stringify({ iss: ISSUER, aud: adminAudience(ISSUER) }));
    expectRefused(
      await get(`${header}.${claims.toString('base64url')}.${signature}`),
      401,
      INVALID,
    );
  });

  test('a token for another audience, and one that another service receives too', async () => {
    expectRefused(await get(await admin.ownToken({ aud: 'admin_cli' })), 401, INVALID);
    expectRefused(await get(await admin.ownToken({ aud: ISSUER })), 401, INVALID);
    const both = [adminAudience(ISSUER), 'address_service'];
    expectRefused(await get(await admin.ownToken({ aud: both })), 401, INVALID);
    expect((await get(await admin.ownToken({ aud: [adminAudience(ISSUER)] }))).status).toBe(200);
  });

  test.each(['JWT', 'id_token+jwt', 'logout+jwt', 'at+jwt+x'])(
    'a token of ours that is no access token: %s',
    async (type) => {
      expectRefused(await get(await admin.ownToken({}, type)), 401, INVALID);
    },
  );

  test('a token with a foreign iss or a malformed claim', async () => {
    for (const claims of [
      { iss: 'https://evil.example' },
      { jti: 5 },
      { scope: [] },
      { client_id: '' },
    ]) {
      expectRefused(await get(await admin.ownToken(claims)), 401, INVALID);
    }
  });

  test('a delegated token, whoever acts', async () => {
    const act = { iss: ISSUER, sub: 'admin_cli', client_id: 'admin_cli' };
    expectRefused(await get(await admin.ownToken({ sub: 'alice', act })), 401, INVALID);
  });

  test('an expired token, to the second', async () => {
    const token = await admin.ownToken({ exp: Math.floor(admin.clock.now() / 1000) + 5 });
    admin.clock.advance(4_999);
    expect((await get(token)).status).toBe(200);
    admin.clock.advance(1);
    expectRefused(await get(token), 401, INVALID);
    expectRefused(
      await get(await admin.ownToken({ nbf: Math.floor(admin.clock.now() / 1000) + 60 })),
      401,
      INVALID,
    );
    admin.token = await admin.signIn('admin_cli');
  });

  test('the token of a client that was disabled or deleted', async () => {
    await admin.administrator('gone_soon', ADMIN_SCOPES);
    const token = await admin.signIn('gone_soon');
    expect((await get(token)).status).toBe(200);
    expect((await admin.post('/admin/clients/gone_soon/disable')).status).toBe(200);
    expectRefused(await get(token), 401, INVALID);
    expect((await admin.post('/admin/clients/gone_soon/enable')).status).toBe(200);
    // What it had is not good again: it needs a new one.
    expectRefused(await get(token), 401, INVALID);
    admin.clock.advance(1_001);
    const another = await admin.signIn('gone_soon');
    expect((await get(another)).status).toBe(200);
    expect((await admin.send('DELETE', '/admin/clients/gone_soon')).status).toBe(204);
    expectRefused(await get(another), 401, INVALID);
  });

  test('a token without the scope of the route, and names the scope', async () => {
    await admin.administrator('reader', ['clients:read', 'audit:read']);
    const token = await admin.signIn('reader');
    expect((await get(token)).status).toBe(200);
    const answer = await admin.post('/admin/clients', { name: 'x' }, { token });
    expectRefused(
      answer,
      403,
      'Bearer realm="admin", error="insufficient_scope", scope="clients:write"',
    );
    const narrowed = await admin.signIn('admin_cli', { scope: 'audit:read' });
    const refused = 'Bearer realm="admin", error="insufficient_scope", scope="clients:read"';
    expectRefused(await get(narrowed), 403, refused);
  });

  test('to be reached through a token exchange', async () => {
    await admin.client({
      clientId: 'my_gateway',
      scopes: [...ADMIN_SCOPES],
      targets: [adminAudience(ISSUER)],
    });
    const answer = await admin.ask('my_gateway', 'my_gateway-secret', {
      grant_type: GrantType.TokenExchange,
      subject_token: await admin.ownToken({ aud: 'my_gateway' }),
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: adminAudience(ISSUER),
    });
    expect(answer.body['error']).toBe('invalid_target');
  });
});

describe('every route of the admin API', () => {
  test("is guarded, by the router's own list", async () => {
    const routes = routesOfRouter();
    expect(routes.length).toBeGreaterThan(60);
    expect(routes).toEqual(
      expect.arrayContaining(['DELETE /admin/clients/:clientId/secrets/:secretId']),
    );
    const scopeless = await admin.ownToken({ scope: 'nothing' });
    for (const route of routes) {
      const [method = '', pattern = ''] = route.split(' ');
      const path = pattern.replaceAll(/[:*][A-Za-z]+/g, 'x');
      const stranger = await admin.send(method, path, { token: null });
      expect([route, stranger.status]).toEqual([route, 401]);
      const known = await admin.send(method, path, { token: scopeless });
      const isFallback = pattern === '/admin' || pattern.includes('*');
      expect([route, isFallback || known.status === 403]).toEqual([route, true]);
      expect(known.status).toBeGreaterThanOrEqual(400);
    }
  });

  test.each([
    '/admin/clients/',
    '/ADMIN/Clients',
    '/admin%2Fclients',
    '/admin/%63lients',
    '/%61dmin/clients',
    '//admin/clients',
    '/admin//clients',
    '/admin/./clients',
    '/docs/../admin/clients',
    '/admin/clients;x=1',
    '/admin/clients%00',
    '/admin/clients/%2e%2e/keys',
    '/admin/clients?x=/../../docs',
    '/admin\\clients',
    '/admin/clients#x',
    '/admin/clients/%',
    '/admin/clients/%ff',
    'http://idp.example/admin/clients',
  ])('gives nothing away without a token under the spelling %s', async (path) => {
    for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS', 'DELETE', 'PROPFIND']) {
      const { status } = await raw(method, path, []);
      expect([400, 401, 404]).toContain(status);
    }
  });

  test('answers a stranger without reading the body', async () => {
    const answer = await admin.post('/admin/clients', '{'.repeat(90_000), { token: null });
    expectRefused(answer, 401, 'Bearer realm="admin"');
  });
});

describe('an administrator gets a problem document', () => {
  test('for a path that is not there', async () => {
    expectRefused(await admin.get('/admin/nothing/here'), 404, null);
    expectRefused(await admin.get('/admin'), 404, null);
    expectRefused(await admin.get('/admin/clients/none'), 404, null);
    expectRefused(await admin.get(`/admin/clients/${'a'.repeat(5000)}`), 404, null);
  });

  test('without a stack trace where even the router cannot read the path', async () => {
    const answer = await admin.get('/admin/clients/%ff');
    expect(answer.status).toBe(400);
    expect(answer.text).not.toMatch(/at |node_modules/);
  });

  test('for another method, with Allow', async () => {
    const answer = await admin.send('PUT', '/admin/clients/admin_cli', { body: 'x' });
    expectRefused(answer, 405, null);
    expect(answer.headers.get('allow')).toBe('DELETE, GET, HEAD, PATCH');
    expect((await admin.send('DELETE', '/Admin/Clients/')).headers.get('allow')).toBe(
      'GET, HEAD, POST',
    );
  });

  test('for a body that is no JSON object', async () => {
    const headers = { 'content-type': 'application/json' };
    const deep = `{"exchange":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    const bad = ['{', '[]', '"x"', '1', 'null', '{"name":"a\\u0000"}', '{"name":"\\ud800"}', deep];
    const names = ['__proto__', 'constructor', 'prototype'];
    bad.push(...names.map((name) => `{"name":"x","${name}":{"kind":"public"}}`));
    bad.push(...names.map((name) => `{"name":"x","exchange":{"${name}":{"maxDepth":16}}}`));
    for (const body of bad) {
      expectRefused(await admin.post('/admin/clients', body, { headers }), 400, null);
    }
    expect(({} as Record<string, unknown>)['kind']).toBeUndefined();
  });

  test('for a body of another type', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=utf-16',
      'application/jsonx',
    ]) {
      const headers = { 'content-type': type };
      expectRefused(await admin.post('/admin/clients', '{"name":"x"}', { headers }), 415, null);
    }
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    expectRefused(await admin.post('/admin/clients', '{"name":"x"}', { headers }), 415, null);
  });

  test('for a body above 100 kB', async () => {
    const answer = await admin.post('/admin/clients', { name: 'x'.repeat(100 * 1024) });
    expectRefused(answer, 413, null);
  });
});

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
}

/** Every route below /admin that the HTTP adapter knows, as `METHOD /path`. */
function routesOfRouter(): readonly string[] {
  const express = admin.app.getHttpAdapter().getInstance() as {
    router: { stack: readonly Layer[] };
  };
  return express.router.stack.flatMap(({ route }) => {
    if (route === undefined || !route.path.startsWith('/admin')) return [];
    const methods = Object.keys(route.methods).map((method) => method.toUpperCase());
    const known = methods.filter(
      (method) => method !== '_ALL' && method !== 'CONNECT' && method !== 'TRACE',
    );
    return (known.length > 0 ? known : ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).map(
      (method) => `${method} ${route.path}`,
    );
  });
}

/** A request with its path and headers as they are given: `fetch` would mend them. */
function raw(
  method: string,
  path: string,
  headers: readonly string[],
): Promise<{ status: number; challenge: string | undefined }> {
  const { hostname, port } = new URL(admin.url);
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ hostname, port, method, path, agent: false }, (response) => {
      response.resume();
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          challenge: response.headers['www-authenticate'],
        }),
      );
    });
    for (let index = 0; index < headers.length; index += 2) {
      sent.appendHeader(headers[index] ?? '', headers[index + 1] ?? '');
    }
    sent.once('error', reject);
    sent.end();
  });
}
