import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import type { AuditEntry } from '../../src/audit/audit-log.js';
import type { ChainView } from '../../src/audit/chain-view.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { AdminApp, fieldsOf, type AdminAnswer, textOf } from '../support/admin-app.js';
import { ISSUER } from '../support/protocol.js';

let admin: AdminApp;
let first: string;
let second: string;

/** The story: alice -> web_app -> my_gateway -> address_service, and one that is refused. */
beforeAll(async () => {
  admin = await AdminApp.start();
  const scopes = ['address:read', 'address:write'];
  await admin.client({ clientId: 'web_app', kind: 'public', secrets: [], grantTypes: [] });
  await admin.client({
    clientId: 'my_gateway',
    scopes,
    offeredScopes: scopes,
    targets: ['address_service'],
  });
  await admin.client({
    clientId: 'address_service',
    scopes: ['address:read'],
    offeredScopes: scopes,
    targets: ['postal_service'],
  });
  await admin.client({ clientId: 'postal_service', offeredScopes: ['address:read'] });
  first = await admin.ownToken({
    sub: 'alice',
    aud: 'my_gateway',
    client_id: 'web_app',
    scope: scopes.join(' '),
  });
  second = textOf(await exchange('my_gateway', first, 'address_service'), 'access_token');
  await exchange('address_service', second, 'postal_service');
  await exchange('address_service', second, 'nowhere');
});

afterAll(async () => {
  await admin.stop();
});

function exchange(clientId: string, token: string, audience: string): Promise<AdminAnswer> {
  return admin.ask(clientId, `${clientId}-secret`, {
    grant_type: GrantType.TokenExchange,
    subject_token: token,
    subject_token_type: TokenType.AccessToken,
    audience,
  });
}

function jtiOf(token: string): string {
  const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
  return (JSON.parse(claims) as { jti: string }).jti;
}

const search = (query: string): Promise<AdminAnswer> => admin.get(`/admin/audit/records?${query}`);
const itemsOf = ({ body }: AdminAnswer): readonly AuditEntry[] =>
  body['items'] as unknown as readonly AuditEntry[];
const chainsOf = ({ body }: AdminAnswer): readonly ChainView[] =>
  body['chains'] as unknown as readonly ChainView[];

describe('a search is refused', () => {
  test.each([
    ['subject', 'subject=a&subject=b'],
    ['subject', 'subject='],
    ['subject', 'subject=a%00b'],
    ['subject', `subject=${'a'.repeat(513)}`],
    ['actor', 'actor[]=x'],
    ['event', 'event=anything'],
    ['event', 'event=grant&event=grant'],
    ['outcome', 'outcome=maybe'],
    ['reason', 'reason=because'],
    ['chainId', 'chainId=1'],
    ['from', 'from=yesterday'],
    ['from', 'from=2026-13-01'],
    ['from', 'from=2026-01-01T00:00'],
    ['until', 'until=-5'],
    ['until', 'until=1e3'],
    ['limit', 'limit=201'],
    ['sub', 'sub=alice'],
    ['cursor', 'cursor=1'],
  ])('for its %s: %.40s', async (field, query) => {
    const answer = await search(query);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(fieldsOf(answer).map((name) => name.replace('[]', ''))).toContain(field);
  });
});

/** The clients of the records that a search finds. */
async function found(query: string): Promise<readonly (string | undefined)[]> {
  return itemsOf(await search(query)).map(({ record }) => record.client?.clientId);
}

describe('the records', () => {
  test('are found by every filter, newest first', async () => {
    expect(await found('subject=alice')).toEqual([
      'address_service',
      'address_service',
      'my_gateway',
    ]);
    expect(
      await found(`subject=alice&subjectIssuer=${encodeURIComponent('https://other.example')}`),
    ).toEqual([]);
    expect(await found('actor=my_gateway&outcome=granted')).toEqual([
      'address_service',
      'my_gateway',
    ]);
    expect(await found('client=my_gateway')).toEqual(['my_gateway']);
    expect(await found('audience=nowhere')).toEqual(['address_service']);
    expect(await found('reason=target_unknown')).toEqual(['address_service']);
    expect(
      await found(`grantType=${encodeURIComponent(GrantType.TokenExchange)}&outcome=refused`),
    ).toHaveLength(1);
    expect(await found('subject=alice&event=grant')).toHaveLength(3);
    expect(await found('subject=alice&event=administration')).toEqual([]);
    await admin.post('/admin/clients/none/disable');
    expect(await found('event=administration')).toEqual(['admin_cli']);
    expect(await found(`until=${admin.clock.now()}`)).toEqual([]);
    const now = new Date(admin.clock.now()).toISOString();
    expect(await found(`subject=alice&from=${now}`)).toHaveLength(3);
    expect(await found('subject=alice&from=2999-01-01')).toEqual([]);
  });

  test('come in pages of one search', async () => {
    const page = await search('subject=alice&limit=2');
    const cursor = textOf(page, 'next');
    expect(itemsOf(page)).toHaveLength(2);
    const last = await search(`limit=1&subject=alice&cursor=${cursor}`);
    expect([itemsOf(last).length, last.body['next']]).toEqual([1, null]);
    expect(fieldsOf(await search(`subject=bob&cursor=${cursor}`))).toEqual(['cursor']);
    expect(fieldsOf(await search(`cursor=${cursor}`))).toEqual(['cursor']);
  });

  test('are read by their id, and hold no token', async () => {
    const [entry] = itemsOf(await search('client=my_gateway'));
    const answer = await admin.get(`/admin/audit/records/${entry?.record.id}`);
    expect(answer.body).toEqual(entry);
    expect(answer.text).not.toContain(first.split('.')[2]);
    for (const id of ['1', '0199b7a0-5f1c-7cc2-9d57-3f4a2c1e8b11', 'x%00', '..']) {
      expect((await admin.get(`/admin/audit/records/${id}`)).status).toBe(404);
    }
  });
});

describe('a chain', () => {
  test('is read hop by hop, with what each hop took away', async () => {
    const [entry] = itemsOf(await search('client=my_gateway'));
    const { body, status } = await admin.get(`/admin/audit/chains/${entry?.record.chainId}`);
    const chain = body as unknown as ChainView;
    expect(status).toBe(200);
    expect(chain.summary).toBe('alice / web_app -> my_gateway -> address_service');
    expect(chain.subject).toEqual({ iss: ISSUER, sub: 'alice' });
    expect(chain.clientId).toBe('web_app');
    expect(chain.hops.map(({ depth }) => depth)).toEqual([1, 2, 1]);
    expect(chain.hops.map(({ parentId }) => parentId)).toEqual([
      null,
      entry?.record.id,
      entry?.record.id,
    ]);
    expect(chain.hops.map(({ record }) => record.outcome)).toEqual([
      'granted',
      'granted',
      'refused',
    ]);
    const narrowed = chain.hops.map((hop) => hop.narrowed);
    expect(narrowed[0]).toMatchObject({
      scope: { dropped: [] },
      audience: { from: ['my_gateway'], to: ['address_service'] },
    });
    expect(narrowed[1]?.scope).toEqual({
      from: ['address:read', 'address:write'],
      to: ['address:read'],
      dropped: ['address:write'],
    });
    expect(narrowed[1]?.expiresAt.to).toBeLessThanOrEqual(narrowed[1]?.expiresAt.from ?? 0);
    expect(narrowed[2]).toBeNull();
  });

  test('is found by the jti of a token that it began with or holds', async () => {
    const begun = await admin.get(`/admin/audit/chains/by-jti/${jtiOf(first)}`);
    const held = await admin.get(`/admin/audit/chains/by-jti/${jtiOf(second)}`);
    expect(begun.body['jti']).toBe(jtiOf(first));
    expect(chainsOf(begun)).toHaveLength(1);
    expect(chainsOf(held)).toEqual(chainsOf(begun));
    await exchange('my_gateway', first, 'address_service');
    expect(chainsOf(await admin.get(`/admin/audit/chains/by-jti/${jtiOf(first)}`))).toHaveLength(2);
    expect(chainsOf(await admin.get(`/admin/audit/chains/by-jti/${jtiOf(second)}`))).toHaveLength(
      1,
    );
    const many = Array.from({ length: 25 }, () => exchange('my_gateway', first, 'address_service'));
    await Promise.all(many);
    expect(chainsOf(await admin.get(`/admin/audit/chains/by-jti/${jtiOf(first)}`))).toHaveLength(
      20,
    );
  });

  test('that is not there is answered with a problem, an unknown jti with no chain', async () => {
    for (const id of ['x', '0199b7a0-5f1c-7cc2-9d57-3f4a2c1e8b11']) {
      const answer = await admin.get(`/admin/audit/chains/${id}`);
      expect([answer.status, answer.body['title']]).toEqual([404, 'Not Found']);
    }
    for (const jti of ['unknown', '%00', 'a'.repeat(600)]) {
      expect((await admin.get(`/admin/audit/chains/by-jti/${jti}`)).body['chains']).toEqual([]);
    }
  });
});
