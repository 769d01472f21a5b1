import { generateKeyPairSync } from 'node:crypto';

import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { Sessions } from '../../src/accounts/sessions.js';
import { ADMIN_SCOPES } from '../../src/admin/admin-scopes.js';
import { AuditLog } from '../../src/audit/audit-log.js';
import type { AuditRecord } from '../../src/audit/audit-record.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import {
  InMemoryAccountStore,
  InMemoryAuthorizationStore,
  InMemoryClientStore,
  InMemoryConsentStore,
} from '../../src/testing/index.js';
import { sampleAuthorization, sampleCode, sampleConsent } from '../../src/testing/samples.js';
import { hashToken } from '../../src/tokens/security-tokens.js';
import { AdminApp, textOf, type AdminAnswer, type AdminSend } from '../support/admin-app.js';
import { ISSUER } from '../support/protocol.js';

const PASSWORD = 'canary otters juggle';
const ANOTHER = 'canary foxes whistle';
const AT = { address: '192.0.2.7', userAgent: 'Browser/1' };
const PROOF = { acr: '1', amr: ['pwd'] };
const UNKNOWN = '0a4cbb39-5d5e-4c0f-9b7e-3c5b6a1d2e3f';
const CALLBACK = 'https://app.example/callback';

let admin: AdminApp;
/** What must be in no record. */
const canaries: string[] = [PASSWORD, ANOTHER];

beforeAll(async () => {
  admin = await AdminApp.start();
});

afterEach(() => {
  jest.restoreAllMocks();
});

afterAll(async () => {
  await admin.stop();
});

function recorded(from = 0, event = 'administration'): readonly AuditRecord[] {
  return admin.log.entries
    .slice(from)
    .map(({ record }) => record)
    .filter((record) => record.event === event);
}

/** What a request is answered, with the records of administration that it left. */
async function sent(
  method: string,
  path: string,
  send?: AdminSend,
): Promise<{ answer: AdminAnswer; records: readonly AuditRecord[] }> {
  const before = admin.log.entries.length;
  const answer = await admin.send(method, path, send);
  return { answer, records: recorded(before) };
}

async function madeClient(): Promise<string> {
  const answer = await admin.post('/admin/clients', {
    name: 'x',
    grantTypes: [GrantType.ClientCredentials],
  });
  const { secret } = answer.body['newSecret'] as { secret: string };
  canaries.push(secret);
  return textOf(answer, 'clientId');
}

let count = 0;

async function madeAccount(): Promise<string> {
  const body = { username: `person-${(count += 1)}`, password: PASSWORD };
  return textOf(await admin.post('/admin/accounts', body), 'accountId');
}

async function signedIn(accountId: string): Promise<string> {
  const account = await admin.app.get(InMemoryAccountStore, { strict: false }).find(accountId);
  if (account === null) throw new Error('there is no such account');
  const { secret, session } = await admin.app
    .get(Sessions, { strict: false })
    .start(account, PROOF, AT);
  canaries.push(secret);
  return session.sid;
}

async function allowed(accountId: string, clientId: string): Promise<void> {
  const authorization = sampleAuthorization({
    accountId,
    clientId,
    expiresAt: admin.clock.now() + 1000,
  });
  const { authorizationId } = authorization;
  const code = sampleCode({ authorizationId });
  await admin.app.get(InMemoryAuthorizationStore, { strict: false }).create(authorization, code);
  const consents = admin.app.get(InMemoryConsentStore, { strict: false });
  await consents.save(sampleConsent({ accountId, clientId }));
}

async function madeIssuer(): Promise<string> {
  const body = { issuer: `https://i${(count += 1)}.example`, jwksUri: 'https://keys.example/jwks' };
  const answer = await admin.post('/admin/trusted-issuers', { ...issuerFields(), ...body });
  return textOf(answer, 'id');
}

const issuerFields = (): object => ({
  name: 'x',
  accepts: [{ tokenType: TokenType.Jwt, types: ['at+jwt'], audiences: ['https://us.example'] }],
});

function privateJwk(): object {
  const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    format: 'jwk',
  });
  canaries.push(String(jwk.d));
  return jwk;
}

/** An attempt that is granted, and what its record says of it. */
interface Case {
  readonly path: string;
  readonly body?: object;
  /** Undefined for what the answer names. */
  readonly target?: string;
  readonly fields?: readonly string[];
}

const clientCase = async (action = '', body?: object): Promise<Case> => {
  const target = await madeClient();
  const path = `/admin/clients/${target}${action}`;
  return { path, target, ...(body === undefined ? {} : { body, fields: Object.keys(body) }) };
};

const accountCase = async (action = '', body?: object): Promise<Case> => {
  const target = await madeAccount();
  await signedIn(target);
  const path = `/admin/accounts/${target}${action}`;
  return { path, target, ...(body === undefined ? {} : { body, fields: Object.keys(body) }) };
};

async function madePolicy(): Promise<string> {
  const policyId = `policy-${(count += 1)}`;
  return textOf(await admin.post('/admin/policies', { policyId, ...policyFields() }), 'policyId');
}

const policyFields = (): object => ({
  actor: { clients: ['address_service'] },
  targets: ['postal_service'],
});

const issuerCase = async (action = '', body?: object): Promise<Case> => {
  const target = await madeIssuer();
  const path = `/admin/trusted-issuers/${target}${action}`;
  return { path, target, ...(body === undefined ? {} : { body, fields: Object.keys(body) }) };
};

/** Every operation that changes something: a new one has no record until it is here. */
const OPERATIONS: Readonly<Record<string, () => Promise<Case>>> = {
  'POST /admin/clients': async () => ({
    path: '/admin/clients',
    body: { name: 'x', signIn: { redirectUris: [CALLBACK] } },
    fields: ['name', 'signIn'],
  }),
  'PATCH /admin/clients/:clientId': () => clientCase('', { name: 'y', exchange: { maxDepth: 2 } }),
  'DELETE /admin/clients/:clientId': () => clientCase(),
  'POST /admin/clients/:clientId/disable': () => clientCase('/disable'),
  'POST /admin/clients/:clientId/enable': () => clientCase('/enable'),
  'POST /admin/clients/:clientId/secrets': async () => {
    const { target = '', ...rest } = await clientCase('/secrets', { expiresIn: 60 });
    return { ...rest, target: `${target}/` };
  },
  'DELETE /admin/clients/:clientId/secrets/:secretId': async () => {
    const target = await madeClient();
    const [secret] = (await admin.store.find(target))?.secrets ?? [];
    return {
      path: `/admin/clients/${target}/secrets/${secret?.id ?? ''}`,
      target: `${target}/${secret?.id ?? ''}`,
    };
  },
  'POST /admin/accounts': async () => ({
    path: '/admin/accounts',
    body: { username: 'recorded', password: PASSWORD },
    fields: ['username', 'password'],
  }),
  'PATCH /admin/accounts/:accountId': () => accountCase('', { name: 'y', roles: ['auditor'] }),
  'DELETE /admin/accounts/:accountId': () => accountCase(),
  'POST /admin/accounts/:accountId/disable': () => accountCase('/disable'),
  'POST /admin/accounts/:accountId/enable': () => accountCase('/enable'),
  'POST /admin/accounts/:accountId/password': () => accountCase('/password', { password: ANOTHER }),
  'POST /admin/accounts/:accountId/password/reset': () => accountCase('/password/reset'),
  'DELETE /admin/accounts/:accountId/sessions': () => accountCase('/sessions'),
  'DELETE /admin/accounts/:accountId/sessions/:sid': async () => {
    const target = await madeAccount();
    const sid = await signedIn(target);
    return { path: `/admin/accounts/${target}/sessions/${sid}`, target: `${target}/${sid}` };
  },
  'DELETE /admin/accounts/:accountId/applications/:clientId': async () => {
    const target = await madeAccount();
    await allowed(target, 'web_app');
    return { path: `/admin/accounts/${target}/applications/web_app`, target: `${target}/web_app` };
  },
  'POST /admin/erasures/plan': async () => ({
    path: '/admin/erasures/plan',
    body: { sub: 'nobody' },
    fields: ['sub'],
  }),
  'POST /admin/erasures': async () => ({
    path: '/admin/erasures',
    body: { iss: 'https://login.example', sub: 'nobody' },
    fields: ['iss', 'sub'],
  }),
  'POST /admin/ledger/retirements/plan': async () => ({
    path: '/admin/ledger/retirements/plan',
    body: { before: '2020-01-01' },
    fields: ['before'],
  }),
  'POST /admin/ledger/retirements': async () => ({
    path: '/admin/ledger/retirements',
    body: { before: '2020-01-01' },
    fields: ['before'],
  }),
  'POST /admin/keys': async () => ({
    path: '/admin/keys',
    body: { jwk: privateJwk(), algorithm: 'ES256' },
    fields: ['jwk', 'algorithm'],
  }),
  'POST /admin/keys/rotate': async () => ({
    path: '/admin/keys/rotate',
    body: { algorithm: 'EdDSA' },
    fields: ['algorithm'],
  }),
  'POST /admin/keys/:kid/revoke': async () => {
    const body = { jwk: privateJwk(), algorithm: 'ES256' };
    const target = textOf(await admin.post('/admin/keys', body), 'kid');
    return { path: `/admin/keys/${target}/revoke`, target };
  },
  'POST /admin/trusted-issuers': async () => ({
    path: '/admin/trusted-issuers',
    body: {
      issuer: 'https://recorded.example',
      jwksUri: 'https://keys.example/jwks',
      ...issuerFields(),
    },
    fields: ['issuer', 'jwksUri', 'name', 'accepts'],
  }),
  'PATCH /admin/trusted-issuers/:id': () => issuerCase('', { name: 'y' }),
  'DELETE /admin/trusted-issuers/:id': () => issuerCase(),
  'POST /admin/trusted-issuers/:id/disable': () => issuerCase('/disable'),
  'POST /admin/trusted-issuers/:id/enable': () => issuerCase('/enable'),
  'POST /admin/policies': async () => ({
    path: '/admin/policies',
    body: { policyId: 'recorded', ...policyFields() },
    fields: ['policyId', 'actor', 'targets'],
  }),
  'PUT /admin/policies/:policyId': async () => {
    const target = await madePolicy();
    const path = `/admin/policies/${target}`;
    return { path, target, body: { effect: 'deny' }, fields: ['effect'] };
  },
  'DELETE /admin/policies/:policyId': async () => {
    const target = await madePolicy();
    return { path: `/admin/policies/${target}`, target };
  },
  'POST /admin/policies/plan': async () => ({
    path: '/admin/policies/plan',
    body: { policies: [], prune: true },
    fields: ['policies', 'prune'],
  }),
  'POST /admin/policies/apply': async () => ({
    path: '/admin/policies/apply',
    body: { policies: [{ policyId: 'applied', ...policyFields() }] },
    fields: ['policies'],
  }),
  'POST /admin/policies/explain': async () => ({
    path: '/admin/policies/explain',
    body: { actor: 'admin_cli', subject: { sub: 'alice', scope: [] }, targets: ['admin_cli'] },
    fields: ['actor', 'subject', 'targets'],
  }),
  'POST /admin/policies/simulate': async () => ({
    path: '/admin/policies/simulate',
    body: { policies: [] },
    fields: ['policies'],
  }),
  'POST /admin/revocations/plan': async () => ({
    path: '/admin/revocations/plan',
    body: { kind: 'client', clientId: 'nobody' },
    fields: ['kind', 'clientId'],
  }),
  'POST /admin/revocations': async () => ({
    path: '/admin/revocations',
    body: { kind: 'client', clientId: 'nobody', reason: 'A test.' },
    fields: ['kind', 'clientId', 'reason'],
  }),
};

/** The administrator of these tests and the token that was presented, as records keep them. */
function presented(): object {
  const party = { iss: ISSUER, sub: 'admin_cli', clientId: 'admin_cli' };
  return {
    client: { clientId: 'admin_cli' },
    subject: party,
    subjectToken: expect.objectContaining({
      hash: hashToken(admin.token),
      type: TokenType.AccessToken,
      issuer: ISSUER,
      jti: expect.any(String),
    }),
  };
}

/** The id of what an answer says was made. */
function madeIn({ status, body }: AdminAnswer): string {
  if (status !== 201) return '';
  const [id] = ['accountId', 'clientId', 'policyId', 'kid', 'id'].flatMap(
    (name) => body[name] ?? [],
  );
  return typeof id === 'string' ? id : '';
}

test('every operation of the OpenAPI document that changes something is tried here', async () => {
  const { body } = await admin.get('/docs-json', { token: null });
  const paths = Object.entries(body['paths'] as Readonly<Record<string, object>>);
  const operations = paths.flatMap(([path, methods]) =>
    Object.keys(methods).map(
      (method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    ),
  );
  // Sinks are tried in their own file, and a trace only reads.
  const changing = operations.filter((each) =>
    /^(?!GET )[A-Z]+ \/admin\/(?!sinks|audit)/.test(each),
  );
  expect(Object.keys(OPERATIONS).toSorted()).toEqual(changing.toSorted());
});

describe.each(Object.entries(OPERATIONS))('%s leaves one record', (name, make) => {
  test('when it is refused for want of the scope', async () => {
    const { path, body } = await make();
    const scope = name.endsWith('simulate') ? 'keys:read' : 'audit:read';
    const token = await admin.signIn('admin_cli', { scope });
    const { answer, records } = await sent(name.split(' ')[0] ?? '', path, { token, body });
    expect(answer.status).toBe(403);
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({
      outcome: 'refused',
      reason: 'administration_refused',
      error: 'insufficient_scope',
      operation: { name },
    });
    // The body of somebody who may not do this is not even read.
    expect(records[0]?.operation?.fields).toBeUndefined();
  });

  test('when it is granted', async () => {
    const { path, body, target = '', fields } = await make();
    const { answer, records } = await sent(name.split(' ')[0] ?? '', path, { body });
    expect(answer.status).toBeLessThan(300);
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ outcome: 'granted', ...presented() });
    expect(records[0]?.reason).toBeUndefined();
    const id = target + madeIn(answer);
    expect(records[0]?.operation).toEqual({
      name,
      ...(id === '' ? {} : { target: id }),
      ...(fields === undefined ? {} : { fields }),
    });
  });
});

describe('what is refused leaves one record', () => {
  const cases: readonly [string, string, string, AdminSend, number, string, object][] = [
    [
      'what is not there',
      'POST',
      '/admin/clients/none/disable',
      {},
      404,
      'not_found',
      { name: 'POST /admin/clients/:clientId/disable', target: 'none' },
    ],
    [
      'fields that are wrong, with the names of those that are known alone',
      'POST',
      '/admin/clients',
      { body: { name: '', [PASSWORD]: 'x', secrets: [] } },
      400,
      'invalid_request',
      { name: 'POST /admin/clients', fields: ['name'] },
    ],
    [
      'a name that is taken',
      'POST',
      '/admin/clients',
      { body: { clientId: 'admin_cli', name: 'x' } },
      409,
      'conflict',
      { name: 'POST /admin/clients', fields: ['clientId', 'name'] },
    ],
    [
      'another version',
      'PATCH',
      '/admin/clients/admin_cli',
      { body: { name: 'x' }, headers: { 'if-match': '"99"' } },
      412,
      'precondition_failed',
      { name: 'PATCH /admin/clients/:clientId', target: 'admin_cli', fields: ['name'] },
    ],
    [
      'a body that is no JSON object',
      'POST',
      '/admin/accounts',
      { body: `{"password":"${PASSWORD}"`, headers: { 'content-type': 'application/json' } },
      400,
      'invalid_request',
      { name: 'POST /admin/accounts' },
    ],
    [
      'a body of another type',
      'POST',
      '/admin/accounts',
      { body: new URLSearchParams({ password: PASSWORD }) },
      415,
      'unsupported_media_type',
      { name: 'POST /admin/accounts' },
    ],
    [
      'a body that is too large',
      'POST',
      '/admin/accounts',
      { body: { username: 'x'.repeat(101 * 1024) } },
      413,
      'content_too_large',
      { name: 'POST /admin/accounts' },
    ],
    [
      'another method',
      'PUT',
      '/admin/clients/admin_cli',
      {},
      405,
      'method_not_allowed',
      { name: 'PUT /admin/*path' },
    ],
    [
      'an id that is none',
      'DELETE',
      `/admin/accounts/${encodeURIComponent(PASSWORD)}`,
      {},
      404,
      'not_found',
      { name: 'DELETE /admin/accounts/:accountId' },
    ],
    [
      'a part of an id that is none',
      'DELETE',
      `/admin/accounts/${UNKNOWN}/sessions/%3Cscript%3E`,
      {},
      404,
      'not_found',
      { name: 'DELETE /admin/accounts/:accountId/sessions/:sid' },
    ],
  ];

  test.each(cases)('%s', async (_, method, path, send, status, error, operation) => {
    const { answer, records } = await sent(method, path, send);
    expect(answer.status).toBe(status);
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({
      outcome: 'refused',
      reason: 'administration_refused',
      error,
      ...presented(),
    });
    expect(records[0]?.operation).toEqual(operation);
  });

  test('a secret where an id belongs, without it', async () => {
    const secret = 'canary_'.repeat(6);
    canaries.push(secret);
    const { answer, records } = await sent('DELETE', `/admin/clients/admin_cli/secrets/${secret}`);
    expect(answer.status).toBe(404);
    expect(records[0]?.operation).toEqual({
      name: 'DELETE /admin/clients/:clientId/secrets/:secretId',
    });
  });

  test('a store that is out of reach, and the same may be tried again', async () => {
    const store = admin.app.get(InMemoryClientStore, { strict: false });
    jest.spyOn(store, 'delete').mockRejectedValueOnce(new Error(PASSWORD));
    const path = `/admin/clients/${await madeClient()}`;
    const { answer, records } = await sent('DELETE', path);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ outcome: 'refused', reason: 'internal_error' });
    expect((await admin.send('DELETE', path)).status).toBe(204);
  });
});

test('reading leaves no record, and a stranger leaves none', async () => {
  const before = admin.log.entries.length;
  for (const path of ['/admin/clients', '/admin/accounts', '/admin/keys', '/admin/nothing'])
    await admin.get(path);
  await admin.send('HEAD', '/admin/clients');
  await admin.send('OPTIONS', '/admin/clients');
  await admin.get('/admin/clients', { token: await admin.ownToken({ scope: 'audit:read' }) });
  await admin.post('/admin/clients', { name: 'x' }, { token: null });
  await admin.post('/admin/clients', { name: 'x' }, { token: 'nonsense' });
  expect(admin.log.entries).toHaveLength(before);
});

test('a person is recorded with the client that was used', async () => {
  const accountId = await madeAccount();
  await admin.patch(`/admin/accounts/${accountId}`, { roles: ['administrator'] });
  const token = await admin.ownToken({ sub: accountId, client_id: 'admin_cli' });
  const { answer, records } = await sent('POST', '/admin/clients', { token, body: { name: 'x' } });
  expect(answer.status).toBe(201);
  expect(records[0]).toMatchObject({
    client: { clientId: 'admin_cli' },
    subject: { iss: ISSUER, sub: accountId, clientId: 'admin_cli' },
  });
});

describe('when the record cannot be written', () => {
  test('the answer is a problem document that tells nothing of what was made', async () => {
    const log = admin.app.get(AuditLog, { strict: false });
    jest.spyOn(log, 'append').mockRejectedValueOnce(new Error('out of reach'));
    const answer = await admin.post('/admin/clients', { clientId: 'unrecorded', name: 'x' });
    expect(answer.status).toBe(503);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('retry-after')).toBe('1');
    expect([answer.headers.get('location'), answer.headers.get('etag')]).toEqual([null, null]);
    expect(answer.text).not.toContain('unrecorded');
  });

  test('a refusal is not answered either', async () => {
    const log = admin.app.get(AuditLog, { strict: false });
    jest.spyOn(log, 'append').mockRejectedValue(new Error('out of reach'));
    expect((await admin.post('/admin/clients/none/disable')).status).toBe(503);
    const token = await admin.ownToken({ scope: 'audit:read' });
    expect((await admin.post('/admin/clients', { name: 'x' }, { token })).status).toBe(503);
  });
});

test.each([
  ['account-disabled', 'POST', '/disable', {}],
  ['password-reset', 'POST', '/password', { password: ANOTHER }],
  ['password-reset', 'POST', '/password/reset', undefined],
  ['account-deleted', 'DELETE', '', undefined],
  ['session-ended', 'DELETE', '/sessions', undefined],
  ['session-ended', 'DELETE', '/sessions/SID', undefined],
])('a session that ends by %s names who ended it: %s %s', async (name, method, action, body) => {
  const accountId = await madeAccount();
  const sid = await signedIn(accountId);
  const before = admin.log.entries.length;
  const path = `/admin/accounts/${accountId}${action.replace('SID', sid)}`;
  expect((await admin.send(method, path, { body })).status).toBeLessThan(300);
  const [administration] = recorded(before);
  const ends = recorded(before, 'session_end');
  expect(ends).toHaveLength(1);
  expect(ends[0]).toMatchObject({
    outcome: 'granted',
    requestId: administration?.requestId,
    subject: { iss: ISSUER, sub: accountId },
    actor: { iss: ISSUER, sub: 'admin_cli', clientId: 'admin_cli' },
    sid,
    operation: { name },
  });
});

test('no record holds a password, a secret, a private key or a token', async () => {
  const administrators = await admin.signIn('admin_cli', { scope: ADMIN_SCOPES.join(' ') });
  canaries.push(admin.token, administrators, 'admin_cli-secret');
  const text = JSON.stringify(admin.log.entries);
  expect(recorded().length).toBeGreaterThan(2 * Object.keys(OPERATIONS).length);
  for (const canary of canaries) expect(text).not.toContain(canary);
  expect(text).not.toMatch(/canary|argon2|BEGIN/);
});
