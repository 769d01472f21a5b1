import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import type { AuditEntry } from '../../src/audit/audit-log.js';
import type { TokenTrace } from '../../src/audit/token-trace.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { hashToken } from '../../src/tokens/security-tokens.js';
import { AdminApp, fieldsOf, textOf, type AdminAnswer } from '../support/admin-app.js';

let admin: AdminApp;
/** Of the client credentials grant, of the gateway, of the address service. */
let first: string;
let second: string;
let third: string;

beforeAll(async () => {
  admin = await AdminApp.start();
  const scopes = ['address:read'];
  const client = (clientId: string, target: string, more: object = {}): Promise<void> =>
    admin.client({ clientId, scopes, offeredScopes: scopes, targets: [target], ...more });
  await client('batch_job', 'my_gateway', { defaultTarget: 'my_gateway' });
  await client('my_gateway', 'address_service');
  await client('address_service', 'postal_service');
  await client('postal_service', 'nowhere');
  await client('sealed_job', 'my_gateway', {
    defaultTarget: 'my_gateway',
    accessTokens: { takes: 'jwt', gets: 'opaque', statusList: false, introspectsAll: false },
  });
  first = await admin.signIn('batch_job');
  second = textOf(await exchange('my_gateway', first, 'address_service'), 'access_token');
  third = textOf(await exchange('address_service', second, 'postal_service'), 'access_token');
  await exchange('address_service', second, 'elsewhere');
});

afterAll(async () => {
  await admin.stop();
});

function exchange(
  clientId: string,
  token: string,
  audience: string,
  more: Readonly<Record<string, string>> = {},
): Promise<AdminAnswer> {
  return admin.ask(clientId, `${clientId}-secret`, {
    grant_type: GrantType.TokenExchange,
    subject_token: token,
    subject_token_type: TokenType.AccessToken,
    audience,
    ...more,
  });
}

const ask = (body: unknown): Promise<AdminAnswer> => admin.post('/admin/audit/trace', body);
const traceOf = ({ body }: AdminAnswer): TokenTrace => body as unknown as TokenTrace;
const clientsOf = (entries: readonly AuditEntry[]): readonly unknown[] =>
  entries.map(({ record }) => record.client?.clientId);

function claimsOf(token: string): Readonly<Record<string, string>> {
  const text = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
  return JSON.parse(text) as Record<string, string>;
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

describe('a trace is refused', () => {
  test('to strangers and to administrators who may not read records', async () => {
    await admin.administrator('policy_admin', ['policies:read']);
    const token = await admin.signIn('policy_admin');
    const body = { hash: hashToken(second) };
    const refused = await admin.send('POST', '/admin/audit/trace', { body, token });
    expect(refused.status).toBe(403);
    const stranger = await admin.send('POST', '/admin/audit/trace', { body, token: null });
    expect(stranger.status).toBe(401);
  });

  test.each([
    ['nothing', {}],
    ['two ways', { hash: 'a'.repeat(43), jti: 'x' }],
    ['two ways, one a token', { token: 'x', jti: 'x' }],
    ['an empty token', { token: ' \n' }],
    ['no text', { token: 7 }],
    ['null', { token: null }],
    ['a long token', { token: 'x'.repeat(16_385) }],
    ['a short hash', { hash: 'abc' }],
    ['a jti of no characters', { jti: '' }],
    ['a jti with a control character', { jti: 'a\u0001' }],
    ['a field that nobody knows', { jti: 'x', sub: 'alice' }],
  ])('for %s', async (_, body) => {
    const answer = await ask(body);
    expect(answer.status).toBe(400);
    expect(fieldsOf(answer).length).toBeGreaterThan(0);
  });

  test('when the log knows nothing of the token', async () => {
    for (const body of [
      { token: 'no token at all' },
      { token: `${part({ alg: 'ES256' })}.${part({ jti: 'unknown', iss: 'x' })}.c2ln` },
      { token: 'nte_at_unknown' },
      { hash: 'a'.repeat(43) },
      { jti: 'unknown' },
      { jti: '0199b7a0-5f1c-7cc2-9d57-3f4a2c1e8b11' },
    ]) {
      const answer = await ask(body);
      expect([answer.status, answer.body['title']]).toEqual([404, 'Not Found']);
    }
  });
});

describe('a token that was found', () => {
  test('gives its ancestry up to the first grant, and its descendants, refused ones too', async () => {
    const answer = await ask({ token: second });
    const trace = traceOf(answer);
    expect(answer.status).toBe(200);
    expect(trace).toMatchObject({ match: 'hash', isComplete: true, acts: [] });
    expect(trace.token).toMatchObject({ hash: hashToken(second), jti: claimsOf(second)['jti'] });
    expect(answer.body['standing']).toEqual({ status: 'active' });
    expect(trace.issued?.record.client?.clientId).toBe('my_gateway');
    expect(trace.ancestry.map(({ record }) => record.grantType)).toEqual(['client_credentials']);
    expect(trace.descendants.map(({ record }) => record.outcome)).toEqual(['granted', 'refused']);
    expect(trace.descendants[1]?.record.reason).toBe('target_unknown');
    for (const { parentId } of trace.descendants) expect(parentId).toBe(trace.issued?.record.id);
  });

  test('of the first grant has all hops below it, each at its parent', async () => {
    const { issued, ancestry, descendants } = traceOf(await ask({ token: ` ${first}\n` }));
    expect(ancestry).toEqual([]);
    expect(clientsOf(descendants)).toEqual(['my_gateway', 'address_service', 'address_service']);
    const [hop] = descendants;
    expect(descendants.map(({ parentId }) => parentId)).toEqual([
      issued?.record.id,
      hop?.record.id,
      hop?.record.id,
    ]);
  });

  test('of the last hop has everybody above it', async () => {
    const { ancestry, descendants } = traceOf(await ask({ token: third }));
    expect(clientsOf(ancestry)).toEqual(['my_gateway', 'batch_job']);
    expect(descendants).toEqual([]);
  });

  test('is the same by its hash and by its jti', async () => {
    const byToken = await ask({ token: second });
    expect((await ask({ hash: hashToken(second) })).body).toEqual(byToken.body);
    const byJti = await ask({ jti: claimsOf(second)['jti'] });
    expect(byJti.body).toEqual({ ...byToken.body, match: 'jti' });
  });

  test('is told from a forged one with its jti', async () => {
    const [header = '', payload = ''] = second.split('.');
    const signed = `${header}.${payload}.${Buffer.alloc(64, 1).toString('base64url')}`;
    const invented = `${part({ alg: 'none' })}.${part({ jti: claimsOf(second)['jti'] })}.c2ln`;
    for (const token of [signed, invented]) {
      const trace = traceOf(await ask({ token }));
      expect(trace.match).toBe('jti');
      expect(trace.token.hash).toBe(hashToken(second));
    }
  });

  test('is found again where it was tried after its end, by nothing but its hash', async () => {
    const token = textOf(await exchange('my_gateway', first, 'address_service'), 'access_token');
    const forged = `${token.split('.').slice(0, 2).join('.')}.${Buffer.alloc(64, 1).toString('base64url')}`;
    await exchange('address_service', forged, 'postal_service');
    const { issued, descendants } = traceOf(await ask({ token }));
    expect(descendants).toEqual([]);
    const tried = traceOf(await ask({ token: forged }));
    expect(tried.match).toBe('hash');
    expect(tried.token).toEqual({ hash: hashToken(forged) });
    expect([tried.issued, tried.descendants[0]?.parentId]).toEqual([null, null]);
    admin.clock.advance(3_600_000);
    admin.token = await admin.signIn('admin_cli');
    await exchange('address_service', token, 'postal_service');
    const answer = await ask({ token });
    expect(answer.body['standing']).toEqual({ status: 'expired' });
    const [late] = traceOf(answer).descendants;
    expect(late?.parentId).toBe(issued?.record.id);
    expect(late?.record).toMatchObject({ outcome: 'refused', reason: 'token_expired' });
  });

  test('is found where it said who acts', async () => {
    const subject = await admin.signIn('batch_job');
    const actor = await admin.ownToken({
      sub: 'my_gateway',
      client_id: 'my_gateway',
      aud: 'my_gateway',
    });
    await exchange('my_gateway', subject, 'address_service', {
      actor_token: actor,
      actor_token_type: TokenType.AccessToken,
    });
    const trace = traceOf(await ask({ token: actor }));
    expect([trace.match, trace.issued, trace.descendants]).toEqual(['hash', null, []]);
    expect(trace.acts.map(({ record }) => record.actorToken?.hash)).toEqual([hashToken(actor)]);
  });

  test('may be one that only this server can read', async () => {
    const token = await admin.signIn('sealed_job');
    expect(token).toMatch(/^nte_at_/);
    const trace = traceOf(await ask({ token }));
    expect([trace.match, clientsOf(trace.issued ? [trace.issued] : [])]).toEqual([
      'hash',
      ['sealed_job'],
    ]);
    expect((await ask({ token: `${token}x` })).status).toBe(404);
  });

  test('is kept nowhere and said to nobody', async () => {
    const answer = await ask({ token: third });
    const kept = JSON.stringify(admin.log.entries);
    for (const text of [third, third.split('.')[1], third.split('.')[2]]) {
      expect(answer.text).not.toContain(text);
      expect(kept).not.toContain(text);
    }
    expect(admin.log.entries.at(-1)?.record).toMatchObject({
      event: 'audit_read',
      operation: { name: 'POST /admin/audit/trace', fields: ['token'] },
    });
  });
});
