import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import type { AuditRecord } from '../../src/audit/audit-record.js';
import { newClient } from '../../src/clients/client.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { uuidv7 } from '../../src/oauth/uuid.js';
import { InMemoryAuditLog, InMemoryTrustedIssuerStore } from '../../src/testing/index.js';
import { newTrustedIssuer } from '../../src/tokens/trusted-issuer.js';
import { AdminApp, type AdminAnswer } from '../support/admin-app.js';
import { ISSUER } from '../support/protocol.js';

const SCOPES = ['address:read', 'address:write'];
const START = Date.UTC(2026, 0, 1);

let admin: AdminApp;

beforeAll(async () => {
  admin = await AdminApp.start();
  const exchanges = [GrantType.ClientCredentials, GrantType.TokenExchange];
  await admin.store.create(
    newClient({
      clientId: 'gateway',
      grantTypes: exchanges,
      scopes: SCOPES,
      targets: ['addresses'],
    }),
  );
  await admin.store.create(newClient({ clientId: 'addresses', offeredScopes: SCOPES }));
});

afterAll(async () => {
  await admin.stop();
});

/** A record of an exchange of the gateway for a subject, as the grant leaves it. */
function attempt(
  index: number,
  more: Partial<AuditRecord> & { readonly scope?: readonly string[] } = {},
): AuditRecord {
  const { scope = SCOPES, ...rest } = more;
  const time = START + index * 1_000;
  const gateway = { iss: ISSUER, sub: 'gateway', clientId: 'gateway' };
  const token = { hash: 'h', issuer: ISSUER, clientId: 'web_app', audience: ['gateway'] };
  return {
    id: uuidv7(),
    schema: 1,
    time,
    event: 'grant',
    outcome: 'granted',
    requestId: 'r',
    grantType: GrantType.TokenExchange,
    client: { clientId: 'gateway' },
    subject: { iss: ISSUER, sub: index % 4 === 0 ? 'bob' : 'alice' },
    actor: gateway,
    inboundActors: [],
    actors: [gateway],
    subjectToken: { ...token, scope: SCOPES, expiresAt: time / 1000 + 600 },
    issuedToken: { hash: 'i', audience: ['addresses'], scope, expiresAt: time / 1000 + 600 },
    requested: { audience: ['addresses'] },
    mode: 'delegation',
    basis: { policy: 'client-settings', version: '1', rule: 'presenter-is-audience' },
    chainId: uuidv7(),
    ...rest,
  };
}

const simulate = (body: object, token?: string): Promise<AdminAnswer> =>
  admin.post('/admin/policies/simulate', body, token === undefined ? {} : { token });

const ALICE_ONLY = {
  policyId: 'addresses-for-alice',
  actor: { clients: ['gateway'] },
  subject: { subjects: ['alice'] },
  targets: ['addresses'],
};

describe('a simulation', () => {
  test('is refused for who may not read the audit, and with a time that is none', async () => {
    await admin.administrator('planner', ['policies:read', 'policies:write']);
    const token = await admin.signIn('planner');
    expect((await simulate({ policies: [] }, token)).status).toBe(403);
    expect((await simulate({ policies: [], from: 'yesterday' })).status).toBe(400);
    expect((await simulate({ policies: [{ policyId: 'X' }] })).status).toBe(400);
  });

  test('of many attempts counts right, and names the records whose verdict changes', async () => {
    const log = admin.app.get(InMemoryAuditLog, { strict: false });
    const wanted = { scope: ['address:write', 'none'] };
    const refused = {
      outcome: 'refused',
      error: 'invalid_scope',
      reason: 'scope_not_allowed',
      requested: { audience: ['addresses'], ...wanted },
    } as const;
    const strange = { client: { clientId: 'gone' } };
    const early = { basis: undefined, outcome: 'refused', reason: 'token_expired' } as const;
    for (let index = 0; index < 3_000; index += 1) {
      const more = index % 10 === 9 ? refused : index === 1 ? strange : index === 2 ? early : {};
      await log.append(attempt(index, more));
    }
    const from = new Date(START).toISOString();
    const until = new Date(START + 200_000_000).toISOString();
    const same = await simulate({ policies: [], from, until });
    expect(same.body).toMatchObject({
      examined: 3_000,
      replayed: 2_998,
      unchanged: 2_998,
      nowRefused: { count: 0, newest: [] },
      nowGranted: { count: 0 },
      narrowed: { count: 0 },
      isCut: false,
    });

    const { body } = await simulate({ policies: [ALICE_ONLY], from, until });
    const bobs = Array.from({ length: 3_000 }, (_, index) => index).filter(
      (index) => index % 4 === 0 && index % 10 !== 9,
    ).length;
    expect(body).toMatchObject({
      nowRefused: { count: bobs },
      nowGranted: { count: 0 },
      unchanged: 2_998 - bobs,
    });
    const { newest } = body['nowRefused'] as unknown as {
      newest: readonly { href: string; recordId: string }[];
    };
    expect(newest).toHaveLength(100);
    expect(newest[0]).toMatchObject({
      client: 'gateway',
      was: 'granted',
      would: 'subject_not_allowed',
      policy: 'addresses-for-alice',
      version: '1',
      rule: 'subject',
    });
    expect((await admin.get(newest[0]?.href ?? '')).status).toBe(200);
    expect((await admin.get('/admin/policies/addresses-for-alice')).status).toBe(404);
  }, 60_000);

  test('tells what would be narrowed, and what would newly be granted', async () => {
    const from = new Date(START).toISOString();
    const until = new Date(START + 100_000).toISOString();
    const narrow = { ...ALICE_ONLY, subject: {}, scopes: ['address:read'] };
    const narrowed = await simulate({ policies: [narrow], from, until });
    expect(narrowed.body).toMatchObject({ nowRefused: { count: 0 }, narrowed: { count: 88 } });
    const mapping = { 'address:read': ['address:write', 'none'] };
    const wide = { ...ALICE_ONLY, subject: {}, scopeMapping: mapping };
    const found = await simulate({ policies: [wide], from, until });
    expect(found.body).toMatchObject({ nowGranted: { count: 0 } });
  });

  test('takes the settings of other issuers as they are today', async () => {
    const LOGIN = 'https://login.example';
    const later = START + 300_000_000;
    const log = admin.app.get(InMemoryAuditLog, { strict: false });
    const said = { hash: 'h', issuer: LOGIN, audience: ['gateway'], expiresAt: later };
    const records: readonly Partial<AuditRecord>[] = [
      { subjectToken: { ...said, scope: SCOPES } },
      { subjectToken: said },
      { subjectToken: { ...said, scope: SCOPES }, inboundActors: [{ iss: LOGIN, sub: 'agent' }] },
      { subjectToken: { ...said, issuer: 'https://gone.example' } },
    ];
    for (const [index, record] of records.entries())
      await log.append(
        attempt(0, { ...record, time: later + index, subject: { iss: LOGIN, sub: 'carol' } }),
      );
    const issuers = admin.app.get(InMemoryTrustedIssuerStore, { strict: false });
    await issuers.create(
      newTrustedIssuer({ issuer: LOGIN, scopes: ['address:read'], impliedScopes: SCOPES }),
    );
    const foreign = {
      policyId: 'foreign',
      actor: { clients: ['gateway'] },
      subject: { issuers: [LOGIN, 'https://gone.example'] },
      targets: ['addresses'],
    };
    const from = new Date(later).toISOString();
    const { body } = await simulate({ policies: [foreign], from });
    expect(body).toMatchObject({
      examined: 4,
      replayed: 3,
      unchanged: 1,
      narrowed: { count: 1 },
      nowRefused: {
        count: 1,
        newest: [{ would: 'token_chain_not_trusted', policy: 'issuer-settings', rule: 'chain' }],
      },
    });
  });
});
