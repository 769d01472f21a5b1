import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { GrantType } from '../../src/oauth/grant-type.js';
import { claimsOf, ISSUER, Protocol, type Answer } from '../support/protocol.js';
import { Provider } from '../support/provider.js';

const JWKS = '/.well-known/jwks.json';
const OAUTH = '/.well-known/oauth-authorization-server';
const OPENID = '/.well-known/openid-configuration';
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

let server: Protocol;

beforeAll(async () => {
  server = await Protocol.start();
  await server.storyClients();
});

afterAll(() => server.stop());

function get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return server.send({ method: 'GET', path, headers });
}

function keysOf(answer: Answer): readonly Record<string, unknown>[] {
  return answer.body['keys'] as readonly Record<string, unknown>[];
}

function textOf(answer: Answer, member: string): string {
  const value = answer.body[member];
  return typeof value === 'string' ? value : '';
}

function expectNothingHere(answer: Answer): void {
  expect(answer.status).toBe(404);
  expect(answer.body).toEqual({
    error: 'invalid_request',
    error_description: 'There is nothing at this path.',
  });
  expect(answer.headers['cache-control']).toBe('no-store');
}

describe('Discovery answers nothing', () => {
  it.each([
    `${OAUTH}/tenant`,
    `${OPENID}/tenant`,
    `${OAUTH}/..%2f..%2fetc`,
    `${OPENID}/https:%2f%2fidp.example`,
  ])('at %s, because the issuer has no such path', async (path) => {
    expectNothingHere(await get(path));
  });

  it.each([
    '/.well-known',
    '/.well-known/jwks',
    '/.well-known/jwks.json/x',
    '/.well-known/unknown',
    '/.well-known/oauth-protected-resource',
  ])('at %s, where nothing is served', async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
    'but 405 with Allow to %s, and leaves no record',
    async (method) => {
      const before = server.records.length;
      for (const path of [JWKS, OAUTH, OPENID]) {
        const answer = await server.send({ method, path });
        expect(answer.status).toBe(405);
        expect(answer.headers['allow']).toBe('GET, HEAD');
        expect(answer.body['error']).toBe('invalid_request');
      }
      expect(server.records).toHaveLength(before);
    },
  );
});

describe('The key set', () => {
  it('is a JWK set that may be kept for five minutes', async () => {
    const answer = await get(JWKS);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/jwk-set+json',
      'cache-control': 'public, max-age=300',
      etag: expect.stringMatching(/^"[A-Za-z0-9_-]{43}"$/),
    });
  });

  it.each(['ES256', 'RS256', 'PS256', 'EdDSA'] as const)(
    'has no private member of an %s key, in any of its lives',
    async (algorithm) => {
      const other = await Protocol.start({
        keys: { encryptionKey: Buffer.alloc(32, 7), algorithm, announcement: 0 },
      });
      try {
        await other.ring.rotate({ immediately: true });
        await other.ring.rotate();
        other.clock.advance(2_000);
        const keys = keysOf(await other.send({ method: 'GET', path: JWKS }));
        expect(keys).toHaveLength(3);
        for (const key of keys) {
          for (const name of PRIVATE_MEMBERS) expect(key).not.toHaveProperty(name);
          expect(key).toMatchObject({ alg: algorithm, use: 'sig', kid: expect.any(String) });
        }
        expect(new Set(keys.map((key) => key['kid'])).size).toBe(3);
      } finally {
        await other.stop();
      }
    },
  );

  it('holds the key of every token that is issued, before it is issued', async () => {
    const answer = await server.token({
      grant_type: GrantType.ClientCredentials,
      audience: 'address_service',
    });
    const [header = ''] = textOf(answer, 'access_token').split('.');
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
    expect(keysOf(await get(JWKS)).map((key) => key['kid'])).toContain(kid);
  });

  it('is answered with 304 to who knows it, also through a proxy that compresses', async () => {
    const etag = String((await get(JWKS)).headers['etag']);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await get(JWKS, { 'if-none-match': known });
      expect({ status: answer.status, text: answer.text }).toEqual({ status: 304, text: '' });
      expect(answer.headers['etag']).toBe(etag);
      expect(answer.headers['cache-control']).toBe('public, max-age=300');
    }
    for (const other of ['"other"', etag.slice(1, -1), '""']) {
      expect((await get(JWKS, { 'if-none-match': other })).status).toBe(200);
    }
  });

  it('changes its ETag with its keys, and drops a revoked key', async () => {
    const other = await Protocol.start();
    try {
      const before = await other.send({ method: 'GET', path: JWKS });
      const [first] = keysOf(before);
      await other.ring.revoke(String(first?.['kid']));
      const after = await other.send({
        method: 'GET',
        path: JWKS,
        headers: { 'if-none-match': String(before.headers['etag']) },
      });
      expect(after.status).toBe(200);
      expect(keysOf(after).map((key) => key['kid'])).not.toContain(first?.['kid']);
    } finally {
      await other.stop();
    }
  });

  it('is 503 and not kept by anybody when the keys cannot be read', async () => {
    const { InMemoryKeyStore } = await import('../../src/testing/index.js');
    const other = await Protocol.start();
    try {
      const store = other.app.get(InMemoryKeyStore, { strict: false });
      store.list = () => Promise.reject(new Error('the database at 10.0.0.1 is away'));
      other.clock.advance(120_000);
      const answer = await other.send({ method: 'GET', path: JWKS });
      expect(answer.status).toBe(503);
      expect(answer.headers['cache-control']).toBe('no-store');
      expect(answer.text).not.toContain('10.0.0.1');
    } finally {
      await other.stop();
    }
  });
});

describe('The metadata', () => {
  it('is the same document under both names, and may be kept for five minutes', async () => {
    const [oauth, openid] = [await get(OAUTH), await get(OPENID)];
    expect(oauth.text).toBe(openid.text);
    for (const answer of [oauth, openid]) {
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json',
        'cache-control': 'public, max-age=300',
      });
    }
  });

  it('names the issuer as every token does, whatever host was asked', async () => {
    const headers = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      forwarded: 'host=evil.example',
    };
    const answer = await get(OAUTH, headers);
    expect(answer.body['issuer']).toBe(ISSUER);
    expect(answer.text).not.toContain('evil');
    expect(claimsOf(await server.exchange())['iss']).toBe(answer.body['issuer']);
  });

  it('advertises only what is served', async () => {
    const document = await get(OAUTH);
    const { body } = document;
    expect(body).toEqual({
      issuer: ISSUER,
      token_endpoint: `${ISSUER}/connect/token`,
      jwks_uri: `${ISSUER}/.well-known/jwks.json`,
      status_list_aggregation_endpoint: `${ISSUER}/connect/status-lists`,
      grant_types_supported: [GrantType.ClientCredentials, GrantType.TokenExchange],
      response_types_supported: [],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      introspection_endpoint: `${ISSUER}/connect/introspect`,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      introspection_signing_alg_values_supported: ['ES256'],
      revocation_endpoint: `${ISSUER}/connect/revocation`,
      revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    });
    for (const grant_type of body['grant_types_supported'] as readonly string[]) {
      const answer = await server.token({ grant_type });
      expect(answer.body['error']).not.toBe('unsupported_grant_type');
    }
    const path = textOf(document, 'jwks_uri').slice(ISSUER.length);
    expect((await get(path)).status).toBe(200);
    const endpoint = textOf(document, 'token_endpoint').slice(ISSUER.length);
    expect((await server.send({ path: endpoint })).body['error']).toBe('invalid_request');
  });

  it('has no callback: a JSONP parameter changes nothing', async () => {
    for (const path of [JWKS, OAUTH, OPENID]) {
      const [plain, asked] = [await get(path), await get(`${path}?callback=alert&jsonp=alert`)];
      expect(asked.text).toBe(plain.text);
      expect(asked.headers['content-type']).toBe(plain.headers['content-type']);
    }
  });

  it('answers HEAD like GET, without the body', async () => {
    for (const path of [JWKS, OAUTH, OPENID]) {
      const [full, head] = [await get(path), await server.send({ method: 'HEAD', path })];
      expect({ status: head.status, text: head.text }).toEqual({ status: 200, text: '' });
      expect(head.headers['content-type']).toBe(full.headers['content-type']);
      expect(head.headers['cache-control']).toBe(full.headers['cache-control']);
    }
  });

  it('sends no cookie and lets no foreign page read more than it may', async () => {
    for (const path of [JWKS, OAUTH]) {
      const answer = await get(path, { origin: 'https://evil.example' });
      expect(answer.headers).not.toHaveProperty('set-cookie');
      expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
    }
  });
});

describe('The metadata of an issuer with a path', () => {
  let tenant: Protocol;
  const issuer = `${ISSUER}/tenants/one`;

  beforeAll(async () => {
    tenant = await Protocol.start({ issuer });
    await tenant.storyClients();
  });

  afterAll(() => tenant.stop());

  it.each(['/tenants/two', '/tenants', '/tenants/one/two', '/TENANTS/one'])(
    'is not at the path %s of somebody else',
    async (path) => {
      for (const name of [OAUTH, OPENID])
        expectNothingHere(await tenant.send({ method: 'GET', path: name + path }));
    },
  );

  it('is at the inserted path and where a proxy that takes the path away asks, identical', async () => {
    const paths = [OAUTH, OPENID, `${OAUTH}/tenants/one`, `${OPENID}/tenants/one`];
    const answers = await Promise.all(paths.map((path) => tenant.send({ method: 'GET', path })));
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200]);
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    expect(answers[0]?.body).toMatchObject({
      issuer,
      token_endpoint: `${issuer}/connect/token`,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
    });
  });

  it('names the issuer that its tokens name', async () => {
    const answer = await tenant.token({
      grant_type: GrantType.ClientCredentials,
      audience: 'address_service',
    });
    expect(claimsOf(answer)['iss']).toBe(issuer);
  });
});

describe('Where nobody signs in', () => {
  it.each(['/connect/par', '/connect/userinfo'])('there is nothing at %s', async (path) => {
    const before = server.records.length;
    for (const method of ['GET', 'POST', 'PUT', 'OPTIONS'])
      expectNothingHere(await server.send({ method, path }));
    expect(server.records).toHaveLength(before);
  });

  it.each(['/connect/authorize', '/connect/endsession', '/sign-in', '/account'])(
    'there is no page at %s',
    async (path) => {
      expect((await server.send({ method: 'GET', path })).status).toBe(404);
    },
  );

  it.each([GrantType.AuthorizationCode, GrantType.RefreshToken])(
    'the grant %s is not spoken',
    async (grant_type) => {
      const answer = await server.token({ grant_type, code: 'x', refresh_token: 'x' });
      expect(answer.body['error']).toBe('unsupported_grant_type');
    },
  );
});

describe('The metadata of a server at which people sign in', () => {
  let provider: Provider;

  beforeAll(async () => {
    provider = await Provider.start();
  });

  afterAll(() => provider.stop());

  it('is the same document under both names, with every member that such a server has', async () => {
    const [oauth, openid] = [await provider.send(OAUTH), await provider.send(OPENID)];
    expect(oauth.text).toBe(openid.text);
    expect(openid.body).toEqual({
      issuer: ISSUER,
      authorization_endpoint: `${ISSUER}/connect/authorize`,
      token_endpoint: `${ISSUER}/connect/token`,
      pushed_authorization_request_endpoint: `${ISSUER}/connect/par`,
      userinfo_endpoint: `${ISSUER}/connect/userinfo`,
      end_session_endpoint: `${ISSUER}/connect/endsession`,
      jwks_uri: `${ISSUER}/.well-known/jwks.json`,
      status_list_aggregation_endpoint: `${ISSUER}/connect/status-lists`,
      grant_types_supported: [
        GrantType.ClientCredentials,
        GrantType.TokenExchange,
        GrantType.AuthorizationCode,
        GrantType.RefreshToken,
      ],
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
      introspection_endpoint: `${ISSUER}/connect/introspect`,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      introspection_signing_alg_values_supported: ['RS256'],
      revocation_endpoint: `${ISSUER}/connect/revocation`,
      revocation_endpoint_auth_methods_supported: [
        'client_secret_basic',
        'client_secret_post',
        'none',
      ],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
      claims_supported: [
        'sub',
        'name',
        'preferred_username',
        'locale',
        'updated_at',
        'groups',
        'email',
        'email_verified',
        'auth_time',
        'acr',
        'amr',
        'sid',
      ],
      claim_types_supported: ['normal'],
      claims_parameter_supported: true,
      request_parameter_supported: false,
      request_uri_parameter_supported: false,
      subject_types_supported: ['public', 'pairwise'],
      id_token_signing_alg_values_supported: ['RS256', 'ES256'],
      acr_values_supported: ['1'],
      prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
      ui_locales_supported: ['en', 'de', 'ar'],
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
    });
  });

  it('has no empty list, no repeated value and no algorithm that nobody may use', async () => {
    const { body } = await provider.send(OPENID);
    for (const [name, value] of Object.entries(body)) {
      if (!Array.isArray(value)) continue;
      expect([name, value.length]).not.toEqual([name, 0]);
      expect([name, new Set(value).size]).toEqual([name, value.length]);
    }
    expect(body['id_token_signing_alg_values_supported']).not.toContain('none');
  });

  it('names no address at which nothing is', async () => {
    const { body } = await provider.send(OPENID);
    const addresses = Object.entries(body).filter(([name]) => /_(?:endpoint|uri)$/.test(name));
    expect(addresses).toHaveLength(9);
    for (const [name, address] of addresses) {
      expect(String(address).startsWith(`${ISSUER}/`)).toBe(true);
      const path = String(address).slice(ISSUER.length);
      const statuses = [
        (await provider.send(path)).status,
        (await provider.send(path, { method: 'POST' })).status,
      ];
      expect([name, statuses]).toEqual([name, expect.not.arrayContaining([404])]);
    }
  });

  it('promises the keys of every algorithm that it names', async () => {
    const { body } = await provider.send(OPENID);
    const algorithms = keysOf(await provider.send(JWKS)).map((key) => key['alg']);
    for (const name of ['id_token', 'introspection']) {
      expect(algorithms).toEqual(
        expect.arrayContaining(body[`${name}_signing_alg_values_supported`] as unknown[]),
      );
    }
    for (const key of keysOf(await provider.send(JWKS)))
      for (const name of PRIVATE_MEMBERS) expect(key).not.toHaveProperty(name);
  });

  it('promises only grants that are spoken', async () => {
    const { body } = await provider.send(OPENID);
    for (const grant_type of body['grant_types_supported'] as readonly string[]) {
      const answer = await provider.token({ grant_type }, 'my_gateway');
      expect(answer.body['error']).not.toBe('unsupported_grant_type');
    }
  });
});
