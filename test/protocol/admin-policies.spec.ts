import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from '@jest/globals';
import { getMetadataStorage } from 'class-validator';

import { POLICIES_SCHEMA } from '../../src/admin/policy-schema.js';
import { WantedPolicies } from '../../src/admin/policy-plan.dto.js';
import {
  ActingFields,
  ActorFields,
  LimitFields,
  NamedPolicy,
  PositionFields,
  StepUpFields,
  SubjectFields,
  ValidityFields,
} from '../../src/admin/policy.dto.js';
import type { JsonObject } from '../../src/oauth/claims.js';
import { InMemoryPolicyStore } from '../../src/testing/index.js';
import { AdminApp, fieldsOf, textOf, type AdminAnswer } from '../support/admin-app.js';
import { ROOT } from '../support/service-process.js';

let admin: AdminApp;

beforeAll(async () => {
  admin = await AdminApp.start();
});

afterAll(async () => {
  await admin.stop();
});

const ALLOWED = { actor: { clients: ['address_service'] }, targets: ['postal_service'] };
const NOBODY = { effect: 'deny' };

/** Everything that can be said. */
const WHOLE = {
  description: 'Parcels for people',
  effect: 'allow',
  disabled: true,
  subject: {
    issuers: ['https://login.example'],
    clients: ['web_app'],
    subjects: ['alice'],
    groups: ['staff'],
    presentedByAnyone: true,
  },
  actor: {
    clients: ['address_service'],
    groups: ['frontends'],
    after: ['my_gateway'],
    position: { from: 2, to: 3 },
  },
  targets: ['postal_service', 'https://api.example/parcels'],
  scopes: ['parcels:send'],
  scopeMapping: { 'address:read': ['parcels:send'] },
  acting: { mode: 'impersonation', actorToken: 'required', proofRequired: true },
  limits: {
    lifetime: 60,
    chainLifetime: 3600,
    depth: 3,
    targets: 2,
    loops: true,
    uses: 100,
    fanOut: 2,
  },
  validity: { from: '2026-01-31T08:00:00.000Z', until: '2027-01-31T08:00:00.000Z' },
  stepUp: { acr: ['2'], maxAge: 300, fromDepth: 2 },
  purposeRequired: true,
};

let count = 0;

async function made(fields: object = ALLOWED): Promise<string> {
  const policyId = `policy-${(count += 1)}`;
  const answer = await admin.post('/admin/policies', { policyId, ...fields });
  expect(answer.status).toBe(201);
  return policyId;
}

function put(
  policyId: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<AdminAnswer> {
  return admin.send('PUT', `/admin/policies/${policyId}`, { body, headers });
}

/** What is wrong with a policy, and whether a schema can tell. */
const REFUSED: readonly (readonly [field: string, fields: object, bySchema?: 'told elsewhere'])[] =
  [
    ['version', { ...ALLOWED, version: 1 }],
    ['writtenBy', { ...ALLOWED, writtenBy: { sub: 'me' } }],
    ['description', { ...ALLOWED, description: null }],
    ['description', { ...ALLOWED, description: 'x'.repeat(501) }],
    ['description', { ...ALLOWED, description: 'a\nb' }, 'told elsewhere'],
    ['effect', { ...ALLOWED, effect: 'maybe' }],
    ['disabled', { ...ALLOWED, disabled: 'no' }],
    ['subject', { ...ALLOWED, subject: [] }],
    ['subject', { ...ALLOWED, subject: null }],
    ['subject.roles', { ...ALLOWED, subject: { roles: [] } }],
    ['subject.issuers', { ...ALLOWED, subject: { issuers: 'https://login.example' } }],
    ['subject.issuers', { ...ALLOWED, subject: { issuers: ['login'] } }, 'told elsewhere'],
    ['subject.clients', { ...ALLOWED, subject: { clients: [''] } }],
    ['subject.subjects', { ...ALLOWED, subject: { subjects: [7] } }],
    ['subject.groups', { ...ALLOWED, subject: { groups: ['a', 'a'] } }],
    ['subject.presentedByAnyone', { ...ALLOWED, subject: { presentedByAnyone: 1 } }],
    ['actor', { targets: ['postal_service'] }],
    ['actor', { ...ALLOWED, actor: { after: [] } }],
    ['actor.clients', { ...ALLOWED, actor: { clients: ['a b'] } }],
    ['actor.groups', { ...ALLOWED, actor: { groups: [null] } }],
    ['actor.after', { ...ALLOWED, actor: { ...ALLOWED.actor, after: 'my_gateway' } }],
    ['actor.position', { ...ALLOWED, actor: { ...ALLOWED.actor, position: 1 } }],
    ['actor.position.from', { ...ALLOWED, actor: { ...ALLOWED.actor, position: { from: 0 } } }],
    ['actor.position.to', { ...ALLOWED, actor: { ...ALLOWED.actor, position: { to: 17 } } }],
    [
      'actor.position',
      { ...ALLOWED, actor: { ...ALLOWED.actor, position: { from: 3, to: 2 } } },
      'told elsewhere',
    ],
    ['targets', { actor: ALLOWED.actor }],
    ['targets', { ...ALLOWED, targets: [] }],
    ['targets', { ...ALLOWED, targets: ['https://a.example/#b'] }, 'told elsewhere'],
    ['scopes', { ...ALLOWED, scopes: 'address:read' }],
    ['scopes', { ...ALLOWED, scopes: ['a b'] }],
    ['scopeMapping', { ...ALLOWED, scopeMapping: [] }],
    ['scopeMapping', { ...ALLOWED, scopeMapping: { a: 'b' } }],
    ['scopeMapping', { ...ALLOWED, scopeMapping: { a: [1] } }],
    ['scopeMapping', { ...ALLOWED, scopeMapping: { a: ['b c'] } }],
    ['acting', { ...ALLOWED, acting: 'delegation' }],
    ['acting.mode', { ...ALLOWED, acting: { mode: 'self' } }],
    ['acting.actorToken', { ...ALLOWED, acting: { actorToken: true } }],
    ['acting.proofRequired', { ...ALLOWED, acting: { proofRequired: 'yes' } }],
    ['limits', { ...ALLOWED, limits: 5 }],
    ['limits.lifetime', { ...ALLOWED, limits: { lifetime: 29 } }],
    ['limits.chainLifetime', { ...ALLOWED, limits: { chainLifetime: 1e9 } }],
    ['limits.depth', { ...ALLOWED, limits: { depth: 17 } }],
    ['limits.targets', { ...ALLOWED, limits: { targets: 1.5 } }],
    ['limits.loops', { ...ALLOWED, limits: { loops: 'no' } }],
    ['limits.uses', { ...ALLOWED, limits: { uses: 0 } }],
    ['limits.fanOut', { ...ALLOWED, limits: { fanOut: '2' } }],
    ['validity', { ...ALLOWED, validity: 7 }],
    ['validity', { ...ALLOWED, validity: { from: 8, until: 7 } }, 'told elsewhere'],
    ['validity.from', { ...ALLOWED, validity: { from: 'tomorrow' } }],
    ['validity.until', { ...ALLOWED, validity: { until: '2026-01-31T08:00' } }],
    ['validity.until', { ...ALLOWED, validity: { until: -1 } }],
    ['stepUp', { ...ALLOWED, stepUp: ['2'] }],
    ['stepUp.acr', { ...ALLOWED, stepUp: { acr: [''] } }],
    ['stepUp.maxAge', { ...ALLOWED, stepUp: { maxAge: -1 } }],
    ['stepUp.fromDepth', { ...ALLOWED, stepUp: { fromDepth: 0 } }],
    ['purposeRequired', { ...ALLOWED, purposeRequired: 'true' }],
    ['effect', { effect: 'deny', stepUp: { acr: ['2'] } }, 'told elsewhere'],
    ['effect', { effect: 'deny', acting: { actorToken: 'required' } }, 'told elsewhere'],
    ['effect', { effect: 'deny', acting: { mode: 'impersonation' } }, 'told elsewhere'],
    ['issuer', { ...ALLOWED, issuer: 'https://login.example' }],
  ];

const REFUSED_NAMES = ['A', '-a', 'a b', 'none', 'client-settings', 'schema', 'plan', 'apply'];

describe('a policy is refused', () => {
  test.each(REFUSED)('for its %s (%#)', async (field, fields) => {
    const created = await admin.post('/admin/policies', { policyId: 'refused', ...fields });
    expect(created.status).toBe(400);
    expect(created.headers.get('content-type')).toBe('application/problem+json');
    expect(fieldsOf(created)).toContain(field);
    const replaced = await put(await made(NOBODY), fields);
    expect([replaced.status, fieldsOf(replaced)]).toEqual([400, fieldsOf(created)]);
    const policies = [
      { policyId: 'fine', ...ALLOWED },
      { policyId: 'refused', ...fields },
    ];
    const planned = await admin.post('/admin/policies/plan', { policies });
    const inList = fieldsOf(created).map((each) => `policies.1.${each}`);
    expect([planned.status, fieldsOf(planned)]).toEqual([400, inList]);
    expect((await admin.get('/admin/policies/refused')).status).toBe(404);
  });

  test.each([...REFUSED_NAMES, '', 'x'.repeat(101), null, 7, undefined])(
    'for the name %j',
    async (policyId) => {
      const answer = await admin.post('/admin/policies', { policyId, ...ALLOWED });
      expect([answer.status, fieldsOf(answer)]).toEqual([400, ['policyId']]);
    },
  );

  test('for a name in its path and in its body', async () => {
    const policyId = await made();
    const answer = await put(policyId, { policyId, ...ALLOWED });
    expect([answer.status, fieldsOf(answer)]).toEqual([400, ['policyId']]);
  });

  test('when its name is taken', async () => {
    const policyId = await made();
    const answer = await admin.post('/admin/policies', { policyId, ...ALLOWED });
    expect([answer.status, fieldsOf(answer)]).toEqual([409, ['policyId']]);
  });
});

describe('a policy', () => {
  test('is created with the most careful defaults', async () => {
    const answer = await admin.post('/admin/policies', { policyId: 'careful', ...ALLOWED });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('location')).toBe('/admin/policies/careful');
    expect(answer.headers.get('etag')).toBe('"1"');
    const view = {
      policyId: 'careful',
      description: '',
      effect: 'allow',
      disabled: false,
      subject: { presentedByAnyone: false },
      ...ALLOWED,
      acting: { mode: 'delegation', actorToken: 'optional', proofRequired: false },
      limits: { depth: 5, targets: 1, loops: false },
      purposeRequired: false,
      version: 1,
      writtenAt: new Date(admin.clock.now()).toISOString(),
      writtenBy: { sub: 'admin_cli', clientId: 'admin_cli' },
    };
    expect(answer.body).toEqual(view);
    const read = await admin.get('/admin/policies/careful');
    expect([read.status, read.headers.get('etag'), read.body]).toEqual([200, '"1"', view]);
  });

  test('says everything that it was told, in either spelling of a time', async () => {
    const policyId = await made(WHOLE);
    expect((await admin.get(`/admin/policies/${policyId}`)).body).toMatchObject(WHOLE);
    const validity = { from: Date.UTC(2026, 0, 31, 8) / 1000, until: '2027-01-31T09:00:00+01:00' };
    const again = await put(policyId, { ...WHOLE, validity });
    expect([again.status, again.body['version']]).toEqual([200, 1]);
  });

  test('is replaced as a whole, and one that says the same is no new version', async () => {
    const policyId = await made(WHOLE);
    const replaced = await put(policyId, { ...ALLOWED, limits: { depth: 2 } });
    expect([replaced.status, replaced.headers.get('etag')]).toEqual([200, '"2"']);
    expect(replaced.body).toMatchObject({ description: '', disabled: false, limits: { depth: 2 } });
    expect(replaced.body['stepUp']).toBeUndefined();
    const same = {
      targets: ALLOWED.targets,
      actor: ALLOWED.actor,
      limits: { loops: false, depth: 2 },
    };
    expect((await put(policyId, { ...same, stepUp: {}, subject: {} })).body['version']).toBe(2);
    expect((await put(policyId, { ...same, targets: ['elsewhere'] })).body['version']).toBe(3);
  });

  test('is changed and deleted only from the version that If-Match names', async () => {
    const policyId = await made();
    const stale = await put(policyId, NOBODY, { 'if-match': '"2"' });
    expect([stale.status, stale.headers.get('etag')]).toEqual([412, '"1"']);
    expect((await put(policyId, NOBODY, { 'if-match': '"1"' })).status).toBe(200);
    const path = `/admin/policies/${policyId}`;
    const late = await admin.send('DELETE', path, { headers: { 'if-match': '"1"' } });
    expect(late.status).toBe(412);
    const right = await admin.send('DELETE', path, { headers: { 'if-match': '"2"' } });
    expect(right.status).toBe(204);
  });

  test('is not overwritten by a change that read it before another one', async () => {
    const policyId = await made();
    const store = admin.app.get(InMemoryPolicyStore, { strict: false });
    const read = await store.find(policyId);
    expect((await put(policyId, NOBODY)).status).toBe(200);
    jest.spyOn(store, 'find').mockResolvedValueOnce(read);
    const late = await put(policyId, { ...ALLOWED, disabled: true });
    expect([late.status, late.headers.get('etag')]).toEqual([409, null]);
    jest.spyOn(store, 'find').mockResolvedValueOnce(read);
    expect((await admin.send('DELETE', `/admin/policies/${policyId}`)).status).toBe(409);
    jest.spyOn(store, 'find').mockResolvedValueOnce(null);
    expect((await admin.post('/admin/policies', { policyId, ...ALLOWED })).status).toBe(409);
    expect((await admin.get(`/admin/policies/${policyId}`)).body).toMatchObject({
      ...NOBODY,
      version: 2,
    });
  });

  test('that is deleted is gone, keeps its versions, and comes back as the next one', async () => {
    const policyId = await made();
    const path = `/admin/policies/${policyId}`;
    expect((await admin.send('DELETE', path)).status).toBe(204);
    expect((await admin.get(path)).status).toBe(404);
    expect((await admin.send('DELETE', path)).status).toBe(404);
    expect((await put(policyId, ALLOWED)).status).toBe(404);
    expect((await admin.get('/admin/policies')).text).not.toContain(`"${policyId}"`);
    const back = await admin.post('/admin/policies', { policyId, ...NOBODY });
    expect([back.status, back.body['version']]).toEqual([201, 3]);
    const versions = await admin.get(`${path}/versions`);
    expect(versions.body['items']).toMatchObject([
      { version: 3, deleted: false, effect: 'deny' },
      { version: 2, deleted: true },
      { version: 1, deleted: false, effect: 'allow' },
    ]);
  });

  test('that is not there is not found', async () => {
    for (const name of ['nothing', 'client-settings', 'none', 'A', '%00'])
      expect((await admin.get(`/admin/policies/${name}`)).status).not.toBe(200);
    for (const path of ['nothing/versions', 'nothing/versions/1', 'none/versions'])
      expect((await admin.get(`/admin/policies/${path}`)).status).toBe(404);
  });
});

describe('a version', () => {
  test('stays what it was, with who wrote it and when', async () => {
    const policyId = await made();
    const accountId = textOf(
      await admin.post('/admin/accounts', { username: 'writer', roles: ['administrator'] }),
      'accountId',
    );
    admin.clock.advance(5000);
    admin.token = await admin.signIn('admin_cli');
    const token = await admin.ownToken({ sub: accountId, client_id: 'admin_cli' });
    const path = `/admin/policies/${policyId}`;
    await admin.send('PUT', path, { token, body: { ...ALLOWED, limits: { depth: 1 } } });
    const first = await admin.get(`${path}/versions/1`);
    expect(first.body).toMatchObject({ version: 1, limits: { depth: 5 }, deleted: false });
    const second = await admin.get(`${path}/versions/2`);
    expect(second.body).toMatchObject({
      version: 2,
      limits: { depth: 1 },
      writtenAt: new Date(admin.clock.now()).toISOString(),
      writtenBy: { sub: accountId, clientId: 'admin_cli' },
    });
    for (const version of ['0', '3', '01', '1.0', 'x', '9999999999'])
      expect((await admin.get(`${path}/versions/${version}`)).status).toBe(404);
  });

  test('is one of a list that comes in pages', async () => {
    const policyId = await made();
    for (const depth of [1, 2, 3]) await put(policyId, { ...ALLOWED, limits: { depth } });
    const seen: unknown[] = [];
    let cursor = '';
    for (let pages = 0; pages < 2; pages += 1) {
      const path = `/admin/policies/${policyId}/versions?limit=2${cursor}`;
      const { body } = await admin.get(path);
      seen.push(...(body['items'] as readonly JsonObject[]).map(({ version }) => version));
      cursor = typeof body['next'] === 'string' ? `&cursor=${body['next']}` : '';
    }
    expect([seen, cursor]).toEqual([[4, 3, 2, 1], '']);
  });
});

describe('a list of policies', () => {
  test('comes in pages in ascending order, each policy once', async () => {
    for (let index = 0; index < 5; index += 1) await made();
    const seen: unknown[] = [];
    let next: string | null = '';
    while (next !== null) {
      const { body } = await admin.get(
        `/admin/policies?limit=2${next === '' ? '' : `&cursor=${next}`}`,
      );
      seen.push(...(body['items'] as readonly JsonObject[]).map(({ policyId }) => policyId));
      next = body['next'] as string | null;
    }
    const store = admin.app.get(InMemoryPolicyStore, { strict: false });
    expect(seen).toEqual((await store.list()).map(({ policy }) => policy.policyId));
    expect(seen.length).toBeGreaterThan(4);
  });

  test('takes no cursor but its own', async () => {
    const cursor = textOf(await admin.get('/admin/policies?limit=1'), 'next');
    const path = `/admin/clients?cursor=${cursor}`;
    expect((await admin.get(path)).status).toBe(400);
    expect((await admin.get('/admin/policies?limit=0')).status).toBe(400);
  });
});

describe('a plan', () => {
  let other: AdminApp;

  beforeEach(async () => {
    other = await AdminApp.start();
  });

  afterEach(async () => {
    await other.stop();
  });

  const plan = (body: unknown): Promise<AdminAnswer> => other.post('/admin/policies/plan', body);
  const apply = (body: unknown): Promise<AdminAnswer> => other.post('/admin/policies/apply', body);
  const a = { policyId: 'a', ...ALLOWED };
  const b = { policyId: 'b', ...NOBODY };

  test('says what would be written, and writes nothing', async () => {
    const store = other.app.get(InMemoryPolicyStore, { strict: false });
    const planned = await plan({ policies: [b, a] });
    expect(planned.status).toBe(200);
    expect(planned.body['changes']).toEqual([
      {
        policyId: 'a',
        change: 'create',
        fields: [
          { field: 'actor.clients', from: null, to: ['address_service'] },
          { field: 'targets', from: null, to: ['postal_service'] },
        ],
      },
      {
        policyId: 'b',
        change: 'create',
        fields: [{ field: 'effect', from: null, to: 'deny' }],
      },
    ]);
    expect(planned.body['digest']).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await store.list()).toEqual([]);
  });

  test('is applied once: the second time there is nothing to write', async () => {
    expect((await apply({ policies: [a, b] })).body).toEqual(
      expect.objectContaining({
        changes: [
          expect.objectContaining({ policyId: 'a', change: 'create' }),
          expect.objectContaining({ policyId: 'b', change: 'create' }),
        ],
      }),
    );
    const again = await apply({ policies: [{ ...a, disabled: false, limits: { depth: 5 } }, b] });
    expect(again.body['changes']).toEqual([
      { policyId: 'a', change: 'none', fields: [] },
      { policyId: 'b', change: 'none', fields: [] },
    ]);
    const items = (await other.get('/admin/policies')).body['items'];
    expect(items).toMatchObject([{ version: 1 }, { version: 1 }]);
  });

  test('changes by field, and leaves alone or removes what is not named', async () => {
    await apply({ policies: [a, b] });
    const changed = { ...a, limits: { depth: 2 }, scopes: ['address:read'] };
    const fields = [
      { field: 'limits.depth', from: 5, to: 2 },
      { field: 'scopes', from: null, to: ['address:read'] },
    ];
    const update = { policyId: 'a', change: 'update', fields };
    expect((await apply({ policies: [changed] })).body['changes']).toEqual([update]);
    expect((await other.get('/admin/policies/b')).status).toBe(200);
    expect((await apply({ policies: [changed], prune: true })).body['changes']).toEqual([
      { policyId: 'a', change: 'none', fields: [] },
      { policyId: 'b', change: 'delete', fields: [] },
    ]);
    expect((await other.get('/admin/policies/b')).status).toBe(404);
    expect((await other.get('/admin/policies/a')).body['version']).toBe(2);
    await apply({ policies: [b] });
    expect((await other.get('/admin/policies/b')).body['version']).toBe(3);
  });

  test('that is out of date is not applied', async () => {
    await apply({ policies: [a] });
    const digest = textOf(await plan({ policies: [b] }), 'digest');
    await other.send('PUT', '/admin/policies/a', { body: NOBODY });
    const late = await apply({ policies: [b], expected: digest });
    expect([late.status, late.headers.get('content-type')]).toEqual([
      409,
      'application/problem+json',
    ]);
    expect((await other.get('/admin/policies/b')).status).toBe(404);
    const next = textOf(await plan({ policies: [b] }), 'digest');
    expect(next).not.toBe(digest);
    expect((await apply({ policies: [b], expected: next })).status).toBe(200);
  });

  test('is all or nothing', async () => {
    const store = other.app.get(InMemoryPolicyStore, { strict: false });
    await apply({ policies: [a] });
    // Somebody writes between reading and writing.
    jest.spyOn(store, 'list').mockResolvedValueOnce([]);
    jest.spyOn(store, 'find').mockResolvedValueOnce(null);
    expect((await apply({ policies: [a, b] })).status).toBe(409);
    expect((await store.list()).map(({ policy }) => policy.policyId)).toEqual(['a']);
  });

  test.each<[string, unknown]>([
    ['policies', {}],
    ['policies', { policies: {} }],
    ['policies', { policies: [[]] }],
    ['policies', { policies: [null] }],
    ['policies', { policies: Array.from({ length: 1001 }, () => b) }],
    ['policies.0.policyId', { policies: [ALLOWED] }],
    ['policies.2.policyId', { policies: [a, b, a] }],
    ['policies.0.version', { policies: [{ ...a, version: 1 }] }],
    ['prune', { policies: [], prune: 'yes' }],
    ['expected', { policies: [], expected: 'x' }],
    ['force', { policies: [], force: true }],
  ])('is refused for its %s (%#)', async (field, body) => {
    const answer = await apply(body);
    expect(answer.status).toBe(400);
    expect(fieldsOf(answer)).toContain(field);
  });

  test('may be longer than other bodies, up to a megabyte', async () => {
    const policies = Array.from({ length: 500 }, (_, index) => ({
      ...a,
      policyId: `p${index}`,
      description: 'x'.repeat(400),
    }));
    expect((await plan({ policies })).status).toBe(200);
    const longer = { policies: [], description: 'x'.repeat(1024 * 1024) };
    expect((await plan(longer)).status).toBe(413);
  });

  test('needs the right to read, and applying it the right to write', async () => {
    const token = await other.signIn('admin_cli', { scope: 'policies:read' });
    const body = { policies: [a] };
    expect((await other.post('/admin/policies/plan', body, { token })).status).toBe(200);
    expect((await other.post('/admin/policies/apply', body, { token })).status).toBe(403);
  });
});

describe('the schema of the file', () => {
  interface Schema {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly items?: Schema;
    readonly additionalProperties?: unknown;
  }

  const file = POLICIES_SCHEMA as Schema;
  const policy = file.properties?.['policies']?.items;

  function expectFields(schema: Schema | undefined, type: new () => object): void {
    const declared = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
    const names = new Set(declared.map(({ propertyName }) => propertyName));
    expect(Object.keys(schema?.properties ?? {}).toSorted()).toEqual([...names].toSorted());
    expect(schema?.additionalProperties).toBe(false);
  }

  test('is told by the API and kept in the documentation', async () => {
    const { status, body } = await admin.get('/admin/policies/schema');
    expect([status, body]).toEqual([200, POLICIES_SCHEMA]);
    const kept = await readFile(`${ROOT}/docs/policies.schema.json`, 'utf8');
    expect(JSON.parse(kept)).toEqual(POLICIES_SCHEMA);
  });

  test('has the fields that the API takes, no other', () => {
    expectFields(policy, NamedPolicy);
    expectFields(policy?.properties?.['subject'], SubjectFields);
    expectFields(policy?.properties?.['actor'], ActorFields);
    expectFields(policy?.properties?.['actor']?.properties?.['position'], PositionFields);
    expectFields(policy?.properties?.['acting'], ActingFields);
    expectFields(policy?.properties?.['limits'], LimitFields);
    expectFields(policy?.properties?.['validity'], ValidityFields);
    expectFields(policy?.properties?.['stepUp'], StepUpFields);
    const names = getMetadataStorage()
      .getTargetValidationMetadatas(WantedPolicies, '', false, false)
      .map(({ propertyName }) => propertyName);
    expect(names).toEqual(expect.arrayContaining(Object.keys(file.properties ?? {})));
  });

  const validate = validator(POLICIES_SCHEMA);
  const testWithValidator = validate === undefined ? test.skip : test;

  testWithValidator('accepts and refuses what the API does', () => {
    const isValid = (fields: object, policyId = 'p'): boolean | undefined =>
      validate?.({ policies: [{ policyId, ...fields }] });
    for (const fields of [ALLOWED, NOBODY, WHOLE]) expect(isValid(fields)).toBe(true);
    for (const [field, fields, elsewhere] of REFUSED)
      expect([field, fields, isValid(fields)]).toEqual([field, fields, elsewhere !== undefined]);
    for (const name of REFUSED_NAMES) expect(isValid(ALLOWED, name)).toBe(false);
    expect(validate?.({ policies: [], prune: true })).toBe(false);
  });
});

/** A validator of draft 2020-12, where some other package brought one. */
function validator(schema: object): ((value: unknown) => boolean) | undefined {
  interface Validators {
    readonly default: new (options: object) => {
      compile(schema: object): (value: unknown) => boolean;
    };
  }
  const name = ['ajv', 'dist', '2020.js'].join('/');
  try {
    const { default: Ajv } = createRequire(import.meta.url)(name) as Validators;
    return new Ajv({ strict: false, validateFormats: false }).compile(schema);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
