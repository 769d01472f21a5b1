import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { newClient } from '../../src/clients/client.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { AdminApp, textOf } from '../support/admin-app.js';
import { ISSUER } from '../support/protocol.js';

const RUNS = 200;
const SCOPES = ['read', 'write', 'erase'];
const ACTORS = ['gateway', 'backend'];
const TARGETS = ['backend', 'postal', 'bank'];
const PEOPLE = ['alice', 'bob'] as const;

let admin: AdminApp;
const ids: Record<string, string> = {};

beforeAll(async () => {
  admin = await AdminApp.start();
  await admin.store.create(newClient({ clientId: 'web_app', kind: 'public' }));
  await admin.store.create(newClient({ clientId: 'shop', kind: 'public' }));
  const client = { scopes: SCOPES, offeredScopes: SCOPES };
  await admin.client({ clientId: 'gateway', ...client, targets: ['backend'], groups: ['edge'] });
  await admin.client({ clientId: 'backend', ...client, targets: ['postal', 'bank'] });
  for (const clientId of ['postal', 'bank'])
    await admin.store.create(newClient({ clientId, offeredScopes: ['read', 'write'] }));
  for (const username of PEOPLE) {
    const groups = username === 'alice' ? ['staff'] : [];
    const made = await admin.post('/admin/accounts', { username, groups });
    ids[username] = textOf(made, 'accountId');
  }
  const policies = [
    {
      policyId: 'staff-to-postal',
      actor: { clients: ['backend'] },
      subject: { groups: ['staff'], clients: ['web_app'] },
      targets: ['postal'],
      scopes: ['read'],
      stepUp: { acr: ['2'], fromDepth: 2 },
    },
    {
      policyId: 'edge-to-bank',
      actor: { groups: ['edge'] },
      targets: ['bank'],
      limits: { depth: 1 },
    },
    { policyId: 'no-erasing', effect: 'deny', actor: {}, scopes: ['erase'] },
    {
      policyId: 'not-for-the-shop',
      effect: 'deny',
      actor: { clients: ['gateway'] },
      subject: { clients: ['shop'] },
      targets: ['bank'],
    },
    {
      policyId: 'with-a-purpose',
      actor: { clients: ['backend'] },
      targets: ['bank'],
      purposeRequired: true,
      acting: { actorToken: 'optional', mode: 'impersonation', proofRequired: false },
    },
  ];
  const applied = await admin.post('/admin/policies/apply', { policies });
  expect([applied.status, applied.text]).toEqual([200, applied.text]);
}, 60_000);

afterAll(async () => {
  await admin.stop();
});

const some = (values: readonly string[]) => fc.subarray([...values], { minLength: 1 });

const REQUEST = fc.record(
  {
    actor: fc.constantFrom(...ACTORS),
    person: fc.constantFrom(...PEOPLE),
    clientId: fc.constantFrom('web_app', 'shop', 'gateway'),
    audience: fc.constantFrom('gateway', 'backend', 'postal'),
    held: some(SCOPES),
    scope: some(SCOPES),
    target: fc.constantFrom(...TARGETS),
    acr: fc.constantFrom('1', '2'),
    before: fc.subarray([...ACTORS]),
    purpose: fc.constantFrom('parcel-7', 'audit'),
  },
  { requiredKeys: ['actor', 'person', 'clientId', 'audience', 'held', 'target', 'before'] },
);

test('an explanation and an exchange always agree: same verdict, same reason, same rule', async () => {
  await fc.assert(
    fc.asyncProperty(REQUEST, async (request) => {
      const { actor, person, clientId, audience, held, scope, target, acr, before, purpose } =
        request;
      const sub = ids[person];
      const actors = before.map((each) => ({ sub: each, clientId: each }));
      const { body } = await admin.post('/admin/policies/explain', {
        actor,
        subject: {
          sub,
          clientId,
          audience: [audience],
          scope: held,
          actors,
          ...(acr === undefined ? {} : { acr }),
        },
        targets: [target],
        ...(scope === undefined ? {} : { scope }),
        ...(purpose === undefined ? {} : { purpose }),
      });
      const act = before.reduceRight<object | undefined>(
        (nested, each) => ({
          iss: ISSUER,
          sub: each,
          client_id: each,
          ...(nested === undefined ? {} : { act: nested }),
        }),
        undefined,
      );
      const token = await admin.ownToken({
        sub,
        aud: audience,
        client_id: clientId,
        scope: held.join(' '),
        ...(acr === undefined ? {} : { acr }),
        ...(act === undefined ? {} : { act }),
      });
      await admin.ask(actor, `${actor}-secret`, {
        grant_type: GrantType.TokenExchange,
        subject_token: token,
        subject_token_type: TokenType.AccessToken,
        audience: target,
        ...(scope === undefined ? {} : { scope: scope.join(' ') }),
        ...(purpose === undefined ? {} : { purpose }),
      });
      const record = admin.log.entries.at(-1)?.record;
      expect([body['verdict'], body['reason'], body['basis'], body['scope']]).toEqual([
        record?.outcome,
        record?.reason ?? null,
        record?.basis ?? null,
        record?.issuedToken?.scope ?? null,
      ]);
    }),
    { numRuns: RUNS },
  );
}, 120_000);
