import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { adminAudience } from '../../src/admin/admin-scopes.js';
import { hashSecret } from '../../src/clients/client-secret.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { AdminApp, fieldsOf, textOf } from '../support/admin-app.js';
import { ISSUER } from '../support/protocol.js';

let admin: AdminApp;

beforeAll(async () => {
  admin = await AdminApp.start();
});

afterAll(async () => {
  await admin.stop();
});

const GRANTS = [GrantType.ClientCredentials];
const UUID = '0a4cbb39-5d5e-4c0f-9b7e-3c5b6a1d2e3f';
const CALLBACK = 'https://app.example/callback';

describe('creating a client is refused', () => {
  test.each<[string, unknown]>([
    ['name', {}],
    ['name', { name: null }],
    ['name', { name: '' }],
    ['name', { name: 7 }],
    ['name', { name: 'a\nb' }],
    ['role', { name: 'x', role: 'admin' }],
    ['secrets', { name: 'x', secrets: [{ id: 'a', hash: 'b' }] }],
    ['disabled', { name: 'x', disabled: true }],
    ['version', { name: 'x', version: 9 }],
    ['clientId', { name: 'x', clientId: 'a b' }],
    ['clientId', { name: 'x', clientId: null }],
    ['clientId', { name: 'x', clientId: UUID }],
    ['kind', { name: 'x', kind: 'secret' }],
    ['kind', { name: 'x', kind: ['public'] }],
    ['scopes', { name: 'x', scopes: 'a' }],
    ['scopes', { name: 'x', scopes: null }],
    ['scopes', { name: 'x', scopes: [['a']] }],
    ['scopes', { name: 'x', scopes: ['a b'] }],
    ['scopes', { name: 'x', scopes: { length: 1, every: 'x' } }],
    ['grantTypes', { name: 'x', grantTypes: ['password'] }],
    ['authenticationMethods', { name: 'x', authenticationMethods: ['none'] }],
    ['authenticationMethods', { name: 'x', authenticationMethods: [] }],
    ['tokenLifetime', { name: 'x', tokenLifetime: '600' }],
    ['tokenLifetime', { name: 'x', tokenLifetime: 1e9 }],
    ['defaultTarget', { name: 'x', defaultTarget: 'elsewhere' }],
    ['groups', { name: 'x', groups: 'frontends' }],
    ['groups', { name: 'x', groups: ['a b'] }],
    ['exchange', { name: 'x', exchange: null }],
    ['exchange', { name: 'x', exchange: [] }],
    ['exchange', { name: 'x', exchange: 'delegation' }],
    ['exchange.root', { name: 'x', exchange: { root: true } }],
    ['exchange.mode', { name: 'x', exchange: { mode: 'both' } }],
    ['exchange.maxDepth', { name: 'x', exchange: { maxDepth: 17 } }],
    ['exchange.allowLoops', { name: 'x', exchange: { allowLoops: 'false' } }],
    ['exchange.actorIdentities', { name: 'x', exchange: { actorIdentities: ['a'] } }],
    ['exchange.actorIdentities', { name: 'x', exchange: { actorIdentities: [[]] } }],
    ['exchange.actorIdentities', { name: 'x', exchange: { actorIdentities: [null] } }],
    [
      'exchange.actorIdentities.0.sub',
      { name: 'x', exchange: { actorIdentities: [{ iss: 'https://a.example' }] } },
    ],
    ['signIn', { name: 'x', signIn: null }],
    ['signIn', { name: 'x', signIn: [] }],
    ['signIn.root', { name: 'x', signIn: { root: true } }],
    ['signIn.redirectUris', { name: 'x', signIn: { redirectUris: CALLBACK } }],
    ['signIn.redirectUris', { name: 'x', signIn: { redirectUris: [[CALLBACK]] } }],
    ['signIn.redirectUris', { name: 'x', signIn: { redirectUris: ['javascript:alert(1)'] } }],
    ['signIn.redirectUris', { name: 'x', grantTypes: [GrantType.AuthorizationCode] }],
    ['signIn.postLogoutRedirectUris', { name: 'x', signIn: { postLogoutRedirectUris: ['x'] } }],
    ['signIn.pkceRequired', { name: 'x', signIn: { pkceRequired: 'false' } }],
    ['signIn.pkceRequired', { name: 'x', kind: 'public', signIn: { pkceRequired: false } }],
    ['signIn.pushedRequestsRequired', { name: 'x', signIn: { pushedRequestsRequired: 1 } }],
    ['signIn.consentRequired', { name: 'x', signIn: { consentRequired: null } }],
    ['signIn.defaultScopes', { name: 'x', signIn: { defaultScopes: ['openid'] } }],
    ['signIn.idTokenAlgorithm', { name: 'x', signIn: { idTokenAlgorithm: 'none' } }],
    ['signIn.subjectType', { name: 'x', signIn: { subjectType: 'private' } }],
    ['signIn.sectorHost', { name: 'x', signIn: { sectorHost: 'https://app.example' } }],
    ['signIn.sectorHost', { name: 'x', signIn: { sectorHost: ['app.example'] } }],
    [
      'signIn.backchannelLogoutUri',
      { name: 'x', signIn: { backchannelLogoutUri: 'http://app.example/logout' } },
    ],
    ['grantTypes', { name: 'x', grantTypes: [GrantType.RefreshToken] }],
    ['identifiers', { name: 'x', identifiers: [ISSUER] }],
    ['identifiers', { name: 'x', identifiers: [adminAudience(ISSUER)] }],
    [
      'grantTypes',
      { name: 'x', kind: 'public', grantTypes: GRANTS, authenticationMethods: ['none'] },
    ],
  ])('for its %s (%#)', async (field, body) => {
    const answer = await admin.post('/admin/clients', body);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(fieldsOf(answer)).toContain(field);
  });

  test('when its id or an identifier is taken', async () => {
    await admin.post('/admin/clients', {
      name: 'x',
      clientId: 'taken',
      identifiers: ['https://taken.example'],
    });
    const id = await admin.post('/admin/clients', { name: 'x', clientId: 'taken' });
    expect([id.status, fieldsOf(id)]).toEqual([409, ['clientId']]);
    const identifier = await admin.post('/admin/clients', {
      name: 'x',
      identifiers: ['https://taken.example'],
    });
    expect([identifier.status, fieldsOf(identifier)]).toEqual([409, ['identifiers']]);
    const asIdentifier = await admin.post('/admin/clients', { name: 'x', identifiers: ['taken'] });
    expect(asIdentifier.status).toBe(409);
  });
});

describe('a client', () => {
  test('is created with careful defaults, and may do nothing that is not named', async () => {
    const answer = await admin.post('/admin/clients', { clientId: 'target_only', name: 'Target' });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('location')).toBe('/admin/clients/target_only');
    expect(answer.headers.get('etag')).toBe('"1"');
    expect(answer.body).toEqual({
      clientId: 'target_only',
      name: 'Target',
      kind: 'confidential',
      disabled: false,
      grantTypes: [],
      scopes: [],
      authenticationMethods: ['client_secret_basic', 'client_secret_post'],
      secrets: [],
      identifiers: [],
      offeredScopes: [],
      targets: [],
      defaultTarget: null,
      tokenLifetime: 600,
      groups: [],
      accessTokens: { takes: 'jwt', gets: 'jwt', statusList: false, introspectsAll: false },
      exchange: {
        mode: 'delegation',
        subjectIssuers: [],
        presentsTokensOf: [],
        actorIdentities: [],
        maxDepth: 5,
        allowLoops: false,
        maxTargets: 1,
      },
      signIn: {
        redirectUris: [],
        postLogoutRedirectUris: [],
        pkceRequired: true,
        pushedRequestsRequired: false,
        consentRequired: true,
        defaultScopes: [],
        idTokenAlgorithm: 'RS256',
        subjectType: 'public',
        sectorHost: null,
        backchannelLogoutUri: null,
      },
      createdAt: new Date(admin.clock.now()).toISOString(),
      version: 1,
    });
  });

  test('without an id gets one, and a public one has no secret', async () => {
    const made = await admin.post('/admin/clients', { name: 'Made up' });
    expect(textOf(made, 'clientId')).toMatch(/^[0-9a-f]{32}$/);
    const open = await admin.post('/admin/clients', {
      name: 'Page',
      kind: 'public',
      grantTypes: [GrantType.AuthorizationCode],
      signIn: { redirectUris: ['com.example.page:/callback'] },
    });
    expect(open.status).toBe(201);
    expect(open.body).toMatchObject({ secrets: [], authenticationMethods: ['none'] });
    expect(open.body['newSecret']).toBeUndefined();
  });

  test('works at once, is changed by the named fields, and stops at once', async () => {
    await admin.client({ clientId: 'shop', offeredScopes: ['shop:read', 'shop:write'] });
    const scopes = ['shop:read', 'shop:write'];
    const made = await admin.post('/admin/clients', {
      clientId: 'buyer',
      name: 'Buyer',
      grantTypes: GRANTS,
      scopes,
      targets: ['shop'],
    });
    const { secret } = made.body['newSecret'] as { secret: string };
    const ask = () => admin.ask('buyer', secret, { audience: 'shop' });
    expect((await ask()).body['scope']).toBe('shop:read shop:write');
    const changed = await admin.patch('/admin/clients/buyer', {
      scopes: ['shop:read'],
      exchange: { maxDepth: 3 },
    });
    expect(changed.body).toMatchObject({
      name: 'Buyer',
      scopes: ['shop:read'],
      targets: ['shop'],
      version: 2,
    });
    expect(changed.body['exchange']).toMatchObject({ maxDepth: 3, maxTargets: 1 });
    expect((await ask()).body['scope']).toBe('shop:read');
    expect((await admin.post('/admin/clients/buyer/disable')).body['disabled']).toBe(true);
    expect((await ask()).status).toBe(401);
    expect((await admin.post('/admin/clients/buyer/enable')).body['disabled']).toBe(false);
    admin.clock.advance(1_001);
    expect((await ask()).status).toBe(200);
    expect((await admin.send('DELETE', '/admin/clients/buyer')).status).toBe(204);
    expect((await ask()).status).toBe(401);
    expect((await admin.send('DELETE', '/admin/clients/buyer')).status).toBe(404);
  });

  test('at which people sign in gets a secret, and is changed field by field', async () => {
    const made = await admin.post('/admin/clients', {
      clientId: 'portal',
      name: 'Portal',
      grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
      scopes: ['openid', 'profile'],
      signIn: { redirectUris: [CALLBACK], defaultScopes: ['openid'], sectorHost: 'app.example' },
    });
    expect(made.status).toBe(201);
    expect(made.body['newSecret']).toMatchObject({ secret: expect.any(String) });
    const changed = await admin.patch('/admin/clients/portal', {
      signIn: { sectorHost: null, consentRequired: false, backchannelLogoutUri: CALLBACK },
    });
    expect(changed.body['signIn']).toEqual({
      redirectUris: [CALLBACK],
      postLogoutRedirectUris: [],
      pkceRequired: true,
      pushedRequestsRequired: false,
      consentRequired: false,
      defaultScopes: ['openid'],
      idTokenAlgorithm: 'RS256',
      subjectType: 'public',
      sectorHost: null,
      backchannelLogoutUri: CALLBACK,
    });
    expect((await admin.get('/admin/clients/portal')).body).toEqual(changed.body);
    const bare = await admin.patch('/admin/clients/portal', { signIn: { redirectUris: [] } });
    expect([bare.status, fieldsOf(bare)]).toEqual([400, ['signIn.redirectUris']]);
  });

  test('that is older than a rule can be read, disabled and mended', async () => {
    await admin.client({ clientId: UUID, grantTypes: [GrantType.AuthorizationCode] });
    const path = `/admin/clients/${UUID}`;
    expect((await admin.get(path)).body['clientId']).toBe(UUID);
    expect((await admin.post(`${path}/disable`)).body['disabled']).toBe(true);
    const same = await admin.patch(path, { name: 'Old' });
    expect([same.status, fieldsOf(same)]).toEqual([400, ['signIn.redirectUris']]);
    const mended = await admin.patch(path, { signIn: { redirectUris: [CALLBACK] } });
    expect(mended.status).toBe(200);
    expect((await admin.post(`${path}/secrets`, {})).status).toBe(201);
    expect((await admin.send('DELETE', path)).status).toBe(204);
  });

  test('is changed only from the version that If-Match names', async () => {
    await admin.post('/admin/clients', { clientId: 'versioned', name: 'one' });
    const etag = (await admin.get('/admin/clients/versioned')).headers.get('etag') ?? '';
    const two = await admin.patch(
      '/admin/clients/versioned',
      { name: 'two' },
      { 'if-match': etag },
    );
    expect([two.status, two.headers.get('etag')]).toEqual([200, '"2"']);
    for (const stale of [etag, 'W/"2"', '2', '"3"', 'x']) {
      const answer = await admin.patch(
        '/admin/clients/versioned',
        { name: 'lost' },
        { 'if-match': stale },
      );
      expect([answer.status, answer.headers.get('etag')]).toEqual([412, '"2"']);
    }
    for (const right of ['*', '"7", "2"']) {
      const answer = await admin.patch('/admin/clients/versioned', {}, { 'if-match': right });
      expect(answer.status).toBe(right === '*' ? 200 : 412);
    }
    expect((await admin.get('/admin/clients/versioned')).body['name']).toBe('two');
  });

  test('is not overwritten by one of two changes at the same moment', async () => {
    await admin.post('/admin/clients', { clientId: 'raced', name: 'start' });
    const names = ['a', 'b', 'c', 'd', 'e'];
    const answers = await Promise.all(
      names.map((name) => admin.patch('/admin/clients/raced', { name })),
    );
    const won = answers.filter(({ status }) => status === 200);
    const lost = answers.filter(({ status }) => status === 409);
    expect(won.length + lost.length).toBe(names.length);
    expect((await admin.get('/admin/clients/raced')).body['version']).toBe(1 + won.length);
  });

  test('never changes its id, kind or secrets by a change', async () => {
    for (const field of ['clientId', 'kind', 'secrets', 'disabled', 'createdAt', 'version']) {
      const answer = await admin.patch('/admin/clients/target_only', { [field]: 'public' });
      expect([answer.status, fieldsOf(answer)]).toEqual([400, [field]]);
    }
  });

  test('shows its secret once, and no hash ever', async () => {
    const made = await admin.post('/admin/clients', {
      clientId: 'discreet',
      name: 'x',
      grantTypes: GRANTS,
    });
    const { secret, id } = made.body['newSecret'] as { secret: string; id: string };
    const rotated = await admin.post('/admin/clients/discreet/secrets', {});
    const later = [
      await admin.get('/admin/clients/discreet'),
      await admin.get('/admin/clients?limit=200'),
      await admin.patch('/admin/clients/discreet', { name: 'y' }),
      await admin.post('/admin/clients/discreet/disable'),
      await admin.post('/admin/clients', { clientId: 'discreet', name: 'x' }),
      await admin.send('DELETE', `/admin/clients/discreet/secrets/${id}`),
    ];
    for (const { text } of [made, rotated, ...later]) {
      expect(text).not.toMatch(/"hash"/);
      expect(text).not.toContain(hashSecret(secret));
    }
    for (const { text } of later) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(textOf(rotated, 'secret'));
    }
  });
});

describe('a list of clients', () => {
  test('comes in pages, each client once', async () => {
    const seen: string[] = [];
    let path = '/admin/clients?limit=3';
    for (;;) {
      const page = await admin.get(path);
      const items = page.body['items'] as unknown as readonly { clientId: string }[];
      expect(items.length).toBeLessThanOrEqual(3);
      seen.push(...items.map(({ clientId }) => clientId));
      if (page.body['next'] === null) break;
      path = `/admin/clients?limit=3&cursor=${textOf(page, 'next')}`;
    }
    const stored = await admin.store.list({ limit: 1000 });
    expect(seen).toEqual(stored.map(({ clientId }) => clientId));
  });

  test('takes no cursor but its own', async () => {
    const cursor = textOf(await admin.get('/admin/clients?limit=1'), 'next');
    const [position = '', mac = ''] = cursor.split('.');
    const forged = Buffer.from("' OR 1=1 --").toString('base64url');
    const bad = [
      `${forged}.${mac}`,
      `${position}.`,
      position,
      `.${mac}`,
      `${cursor}.x`,
      `${position}.${mac.slice(1)}`,
      '',
      'x',
    ];
    for (const each of bad) {
      const answer = await admin.get(`/admin/clients?cursor=${encodeURIComponent(each)}`);
      expect([each, answer.status, fieldsOf(answer)]).toEqual([each, 400, ['cursor']]);
    }
    expect((await admin.get(`/admin/trusted-issuers?cursor=${cursor}`)).status).toBe(400);
    expect((await admin.get(`/admin/audit/records?cursor=${cursor}`)).status).toBe(400);
    expect((await admin.get(`/admin/clients?cursor=${cursor}`)).status).toBe(200);
  });

  test.each([
    'limit=0',
    'limit=201',
    'limit=1e2',
    'limit=-1',
    'limit=',
    'limit=1&limit=2',
    'limit[]=1',
    'sort=name',
    'cursor=a&cursor=b',
  ])('refuses the query %s', async (query) => {
    expect((await admin.get(`/admin/clients?${query}`)).status).toBe(400);
  });
});

describe('the whole resulting client decides', () => {
  const word = fc.constantFrom(
    'a',
    'b',
    'a b',
    '',
    ISSUER,
    adminAudience(ISSUER),
    'https://x.example/y',
    'https://x.example/#f',
    'ü',
  );
  const words = fc.array(word, { maxLength: 3 });
  const number = fc.constantFrom(0, 1, 5, 16, 17, 29, 30, 600, 86_400, 86_401, 1.5, -1);
  const settings = fc.record({
    name: fc.constantFrom('x', '', 'a\u0007b', 'y'.repeat(200), 'y'.repeat(201)),
    grantTypes: fc.array(fc.constantFrom<string>(...Object.values(GrantType), 'password'), {
      maxLength: 3,
    }),
    scopes: words,
    authenticationMethods: fc.array(
      fc.constantFrom('client_secret_basic', 'client_secret_post', 'none'),
      { maxLength: 2 },
    ),
    identifiers: words.map((list) =>
      list.map((each) => (each === 'a' ? 'urn:unique:thing' : each)),
    ),
    offeredScopes: words,
    targets: words,
    defaultTarget: fc.option(word),
    tokenLifetime: number,
    exchange: fc.record({
      mode: fc.constantFrom('delegation', 'impersonation', 'both'),
      subjectIssuers: words,
      presentsTokensOf: words,
      actorIdentities: fc.array(fc.record({ iss: word, sub: word }), { maxLength: 2 }),
      maxDepth: number,
      allowLoops: fc.boolean(),
      maxTargets: number,
    }),
    signIn: fc.record(
      {
        redirectUris: fc.array(fc.constantFrom(CALLBACK, 'com.example:/x', 'http://x.example/'), {
          maxLength: 2,
        }),
        pkceRequired: fc.boolean(),
        defaultScopes: words,
        subjectType: fc.constantFrom('public', 'pairwise'),
        sectorHost: fc.constantFrom(null, 'app.example', 'App.example'),
        backchannelLogoutUri: fc.constantFrom(null, CALLBACK, 'com.example:/x'),
      },
      { requiredKeys: [] },
    ),
  });
  const harmless = fc.record({
    name: fc.constant('x'),
    grantTypes: fc.constant([]),
    scopes: fc.constantFrom([], ['a']),
    authenticationMethods: fc.constantFrom(['none'], ['client_secret_basic']),
    identifiers: fc.constant([]),
    offeredScopes: fc.constant([]),
    targets: fc.constantFrom([], ['t']),
    defaultTarget: fc.constantFrom(null, 't'),
    tokenLifetime: fc.constant(600),
    exchange: fc.constant({}),
  });

  test('so a change is accepted exactly when creating its result would be', async () => {
    const accepted = { yes: 0, no: 0 };
    const kinds = fc.constantFrom('confidential', 'public');
    await fc.assert(
      fc.asyncProperty(fc.oneof(settings, harmless), kinds, async (wanted, kind) => {
        await admin.store.delete('subject_of_change');
        await admin.store.delete('created_anew');
        await admin.post('/admin/clients', { clientId: 'subject_of_change', name: 'before', kind });
        const update = await admin.patch('/admin/clients/subject_of_change', wanted);
        await admin.store.delete('subject_of_change');
        const create = await admin.post('/admin/clients', {
          clientId: 'created_anew',
          kind,
          ...wanted,
        });
        expect([200, 400]).toContain(update.status);
        expect(update.status === 200).toBe(create.status === 201);
        expect(fieldsOf(update)).toEqual(fieldsOf(create));
        accepted[update.status === 200 ? 'yes' : 'no'] += 1;
      }),
      { numRuns: 150 },
    );
    expect(accepted.yes).toBeGreaterThan(10);
    expect(accepted.no).toBeGreaterThan(10);
  });

  test('so a field that was right alone is refused beside what is stored', async () => {
    await admin.post('/admin/clients', {
      clientId: 'whole',
      name: 'x',
      targets: ['a', 'b'],
      defaultTarget: 'b',
    });
    const answer = await admin.patch('/admin/clients/whole', { targets: ['a'] });
    expect([answer.status, fieldsOf(answer)]).toEqual([400, ['defaultTarget']]);
    expect(
      (await admin.patch('/admin/clients/whole', { targets: ['a'], defaultTarget: null })).status,
    ).toBe(200);
  });
});
