import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { newClient } from '../../src/clients/client.js';
import type { JsonObject } from '../../src/oauth/claims.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { InMemoryTrustedIssuerStore } from '../../src/testing/index.js';
import { newTrustedIssuer } from '../../src/tokens/trusted-issuer.js';
import { AdminApp, fieldsOf, textOf, type AdminAnswer } from '../support/admin-app.js';
import { ISSUER } from '../support/protocol.js';

let admin: AdminApp;
let alice: string;

beforeAll(async () => {
  admin = await AdminApp.start();
  const offeredScopes = ['address:read', 'address:write'];
  await admin.store.create(newClient({ clientId: 'web_app', kind: 'public' }));
  await admin.client({
    clientId: 'address_service',
    scopes: offeredScopes,
    offeredScopes,
    targets: ['postal_service', 'bank_service'],
    groups: ['backends'],
  });
  for (const clientId of ['postal_service', 'bank_service', 'mail_service'])
    await admin.store.create(newClient({ clientId, offeredScopes }));
  await admin.store.create(newClient({ clientId: 'gone_service', offeredScopes, disabled: true }));
  const account = { username: 'alice', groups: ['staff'] };
  alice = textOf(await admin.post('/admin/accounts', account), 'accountId');
});

afterAll(async () => {
  await admin.stop();
});

const seconds = (): number => Math.floor(admin.clock.now() / 1000);

function explain(question: object): Promise<AdminAnswer> {
  return admin.post('/admin/policies/explain', question);
}

/** A question as it is asked of most: alice, for everything she holds. */
function question({ subject, ...rest }: Readonly<Record<string, unknown>> = {}): object {
  return {
    actor: 'address_service',
    subject: {
      sub: alice,
      clientId: 'web_app',
      scope: ['address:read', 'address:write'],
      ...(subject as object | undefined),
    },
    targets: ['postal_service'],
    ...rest,
  };
}

async function withPolicies(policies: readonly object[], work: () => Promise<void>): Promise<void> {
  const body = { policies, prune: true };
  expect((await admin.post('/admin/policies/apply', body)).status).toBe(200);
  try {
    await work();
  } finally {
    await admin.post('/admin/policies/apply', { policies: [], prune: true });
  }
}

const PARCELS = {
  policyId: 'parcels',
  subject: { groups: ['staff'] },
  actor: { clients: ['address_service'] },
  targets: ['postal_service'],
  scopes: ['address:read'],
  limits: { lifetime: 60 },
};

describe('an explanation', () => {
  test('without a policy tells what the settings of the client allow', async () => {
    const { status, body } = await explain(question());
    expect(status).toBe(200);
    expect(body).toEqual({
      verdict: 'granted',
      reason: null,
      mode: 'delegation',
      scope: ['address:read', 'address:write'],
      audience: ['postal_service'],
      lifetime: 600,
      basis: { policy: 'client-settings', version: '1', rule: 'presenter-is-audience' },
      considered: [
        {
          policy: 'client-settings',
          version: '1',
          effect: 'allow',
          applies: true,
          checks: expect.arrayContaining([
            { rule: 'target', passed: true, reason: 'target_not_allowed' },
          ]),
        },
      ],
    });
  });

  test('tells which policy decides, at once after it was written', async () => {
    await withPolicies([PARCELS], async () => {
      const { body } = await explain(question());
      expect(body).toMatchObject({
        verdict: 'granted',
        scope: ['address:read'],
        lifetime: 60,
        basis: { policy: 'parcels', rule: 'presenter-is-audience' },
      });
      expect(body['considered']).toHaveLength(1);
      const other = await explain(question({ targets: ['bank_service'] }));
      expect(other.body['basis']).toMatchObject({ policy: 'client-settings' });
      expect(other.body['considered']).toMatchObject([
        { policy: 'client-settings', applies: true },
        { policy: 'parcels', applies: false },
      ]);
    });
  });

  test('tells why each policy does not apply', async () => {
    await withPolicies([PARCELS], async () => {
      const { body } = await explain(question({ subject: { groups: ['guests'] } }));
      expect(body).toMatchObject({
        verdict: 'refused',
        reason: 'subject_not_allowed',
        mode: null,
        scope: null,
        basis: { policy: 'parcels', rule: 'subject' },
      });
      const [considered] = body['considered'] as readonly { readonly checks?: JsonObject[] }[];
      const failed = considered?.checks?.filter(({ passed }) => passed === false);
      expect(failed).toEqual([{ rule: 'subject', passed: false, reason: 'subject_not_allowed' }]);
    });
  });

  test('of a draft leaves what is stored as it is', async () => {
    await withPolicies([PARCELS], async () => {
      const ban = { policyId: 'ban', effect: 'deny', subject: { groups: ['staff'] } };
      const wider = { ...PARCELS, scopes: ['address:read', 'address:write'] };
      const banned = await explain(question({ draft: [ban] }));
      expect(banned.body).toMatchObject({
        verdict: 'refused',
        reason: 'policy_denied',
        basis: { policy: 'ban', version: '1', rule: 'deny' },
      });
      const drafted = await explain(question({ draft: [wider] }));
      expect(drafted.body['scope']).toEqual(['address:read', 'address:write']);
      expect((await explain(question())).body['scope']).toEqual(['address:read']);
      expect((await admin.get('/admin/policies/ban')).status).toBe(404);
    });
  });

  test('knows the chain, the sign-in, the proof and the purpose', async () => {
    const careful = {
      ...PARCELS,
      subject: {},
      actor: { clients: ['address_service'], after: ['my_gateway'], position: { from: 2, to: 2 } },
      acting: { actorToken: 'required', proofRequired: true },
      stepUp: { acr: ['2'], maxAge: 300 },
      purposeRequired: true,
    };
    const whole = {
      draft: [careful],
      actorToken: true,
      proven: true,
      purpose: 'parcel 4711',
      subject: {
        acr: '2',
        authTime: seconds() - 100,
        actors: [{ sub: 'my_gateway', clientId: 'my_gateway' }],
      },
    };
    expect((await explain(question(whole))).body).toMatchObject({ verdict: 'granted' });
    const cases: readonly [string, object][] = [
      ['actor_token_not_allowed', { actorToken: false }],
      ['proof_missing', { proven: false }],
      ['purpose_missing', { purpose: undefined }],
      ['authentication_insufficient', { subject: { ...whole.subject, acr: '1' } }],
      ['authentication_insufficient', { subject: { ...whole.subject, authTime: 0 } }],
      ['actor_place_not_allowed', { subject: { ...whole.subject, actors: [] } }],
    ];
    for (const [reason, change] of cases) {
      const { body } = await explain(question({ ...whole, ...change }));
      expect([reason, body['reason']]).toEqual([reason, reason]);
    }
  });

  test.each<[string, object]>([
    ['target_unknown', { targets: ['nobody'] }],
    ['target_unknown', { targets: ['gone_service'] }],
    ['target_missing', { targets: [] }],
    ['target_malformed', { targets: ['https://a.example/#b'] }],
    ['target_not_allowed', { targets: [`${ISSUER}/admin`] }],
    ['target_not_allowed', { targets: ['mail_service'] }],
    ['too_many_targets', { targets: ['postal_service', 'bank_service'] }],
    ['too_many_targets', { targets: Array.from({ length: 9 }, () => 'postal_service') }],
    ['scope_malformed', { scope: ['a b"'] }],
    ['scope_not_allowed', { scope: ['address:delete'] }],
    ['scope_empty', { subject: { scope: ['openid'] } }],
    ['scope_empty', { subject: { scope: undefined } }],
    ['presenter_not_allowed', { subject: { audience: ['my_gateway'] } }],
    ['token_issuer_unknown', { subject: { issuer: 'https://unknown.example' } }],
    ['grant_not_allowed', { actor: 'postal_service' }],
    ['client_disabled', { actor: 'gone_service' }],
  ])('refuses with %s as an exchange does (%#)', async (reason, change) => {
    const { status, body } = await explain(question({ ...change }));
    expect([status, body['verdict'], body['reason']]).toEqual([200, 'refused', reason]);
  });

  test.each<[string, object]>([
    ['actor', { actor: 'nobody' }],
    ['actor', { actor: 7 }],
    ['subject', { subject: null }],
    ['subject.sub', { subject: { scope: [] } }],
    ['subject.scope', { subject: { sub: 'alice', scope: 'address:read' } }],
    ['subject.type', { subject: { sub: 'alice', scope: [], type: 'jwt' } }],
    ['subject.expiresIn', { subject: { sub: 'alice', scope: [], expiresIn: 0 } }],
    ['subject.authTime', { subject: { sub: 'alice', scope: [], authTime: 'now' } }],
    ['subject.actors.0.sub', { subject: { sub: 'alice', scope: [], actors: [{}] } }],
    ['subject.token', { subject: { sub: 'alice', scope: [], token: 'x' } }],
    ['targets', { targets: 'postal_service' }],
    ['scope', { scope: 'address:read' }],
    ['purpose', { purpose: '' }],
    ['draft', { draft: {} }],
    ['draft.0.effect', { draft: [{ ...PARCELS, effect: 'maybe' }] }],
    ['draft.1.policyId', { draft: [PARCELS, PARCELS] }],
    ['draft.0.targets', { draft: [{ ...PARCELS, targets: [] }] }],
  ])('is refused for its %s (%#)', async (field, change) => {
    const subject = { sub: 'alice', scope: [] };
    const body = { actor: 'address_service', subject, targets: ['postal_service'], ...change };
    const answer = await explain(body);
    expect(answer.status).toBe(400);
    expect(fieldsOf(answer)).toContain(field);
  });

  test('says what a real exchange is answered', async () => {
    const denyWriting = {
      policyId: 'no-writing',
      effect: 'deny',
      actor: { groups: ['backends'] },
      scopes: ['address:write'],
    };
    await withPolicies([PARCELS, denyWriting], async () => {
      for (const targets of ['postal_service', 'bank_service', 'mail_service', 'nobody'])
        for (const scope of [undefined, 'address:read', 'address:write', 'address:delete'])
          await expectSameAnswer(targets, scope);
    });
  });
});

/** Asks in both ways, and compares the answer with the record of the exchange. */
async function expectSameAnswer(target: string, scope: string | undefined): Promise<void> {
  const scopes = scope === undefined ? {} : { scope: [scope] };
  const { body } = await explain(question({ targets: [target], ...scopes }));
  const token = await admin.ownToken({
    sub: alice,
    aud: 'address_service',
    client_id: 'web_app',
    scope: 'address:read address:write',
  });
  await admin.ask('address_service', 'address_service-secret', {
    grant_type: GrantType.TokenExchange,
    subject_token: token,
    subject_token_type: TokenType.AccessToken,
    audience: target,
    ...(scope === undefined ? {} : { scope }),
  });
  const record = admin.log.entries.at(-1)?.record;
  const answered = [record?.outcome, record?.reason ?? null, record?.basis ?? null];
  const explained = [body['verdict'], body['reason'], body['basis']];
  expect([target, scope, ...explained]).toEqual([target, scope, ...answered]);
  expect(body['scope']).toEqual(record?.issuedToken?.scope ?? null);
}

function rights(clientId: string): Promise<AdminAnswer> {
  return admin.get(`/admin/clients/${clientId}/rights`);
}

describe('of a token of another issuer, an explanation', () => {
  const LOGIN = 'https://login.example';
  const DISABLED = 'https://disabled.example';
  const FOREIGN = {
    policyId: 'foreign',
    actor: { clients: ['address_service'] },
    subject: { issuers: [LOGIN, DISABLED, 'https://gone.example'] },
    targets: ['postal_service'],
  };

  beforeAll(async () => {
    const issuers = admin.app.get(InMemoryTrustedIssuerStore, { strict: false });
    const jwt = { tokenType: TokenType.Jwt, types: ['at+jwt'], audiences: ['address_service'] };
    const idToken = { ...jwt, tokenType: TokenType.IdToken, audiences: ['web_app'] };
    const trust = { scopes: ['address:read'], impliedScopes: ['address:write'], version: 4 };
    await issuers.create(newTrustedIssuer({ issuer: LOGIN, accepts: [jwt, idToken], ...trust }));
    await issuers.create(newTrustedIssuer({ issuer: DISABLED, disabled: true }));
  });

  const foreign = (subject: object, rest: object = {}): object =>
    question({ draft: [FOREIGN], subject: { issuer: LOGIN, sub: 'alice', ...subject }, ...rest });

  test('names the settings of its issuer, check by check', async () => {
    const { body } = await explain(foreign({}, { scope: ['address:write'] }));
    expect(body).toMatchObject({
      verdict: 'refused',
      reason: 'scope_not_allowed',
      basis: { policy: 'issuer-settings', version: '4', rule: 'scope' },
    });
    expect(body['considered']).toEqual([
      expect.objectContaining({ policy: 'foreign', effect: 'allow', applies: true }),
      {
        policy: 'issuer-settings',
        version: '4',
        effect: 'limit',
        applies: false,
        checks: [
          { rule: 'chain', passed: true, reason: 'token_chain_not_trusted' },
          { rule: 'scope', passed: false, reason: 'scope_not_allowed' },
          { rule: 'scope', passed: true, reason: 'scope_empty' },
        ],
      },
    ]);
  });

  test.each<[string | readonly string[], object]>([
    [['address:read'], {}],
    [['address:write'], { scope: undefined }],
    ['scope_empty', { scope: ['address:write'] }],
    ['token_chain_not_trusted', { actors: [{ sub: 'agent' }] }],
    ['token_chain_not_trusted', { actors: [{ iss: ISSUER, sub: 'my_gateway' }] }],
    ['token_audience_mismatch', { audience: ['web_app'] }],
    ['token_audience_mismatch', { type: TokenType.IdToken }],
    ['presenter_not_allowed', { type: TokenType.IdToken, audience: ['web_app'] }],
    ['token_issuer_disabled', { issuer: DISABLED }],
    ['token_issuer_unknown', { issuer: 'https://gone.example' }],
  ])('says %j as an exchange does (%#)', async (answer, subject) => {
    const { body } = await explain(foreign(subject));
    expect(body['scope'] ?? body['reason']).toEqual(answer);
  });

  test('agrees with the rights of the client, which name every issuer', async () => {
    await withPolicies([FOREIGN], async () => {
      const { body } = await rights('address_service');
      const nothing = { trustsChains: false, scopes: [], impliedScopes: [] };
      expect(body['issuers']).toEqual([
        { issuer: DISABLED, standing: 'disabled', version: 1, ...nothing },
        { issuer: 'https://gone.example', standing: 'unknown', version: null, ...nothing },
        {
          issuer: LOGIN,
          standing: 'trusted',
          version: 4,
          trustsChains: false,
          scopes: ['address:read'],
          impliedScopes: ['address:write'],
        },
      ]);
    });
    expect((await rights('address_service')).body['issuers']).toEqual([]);
  });
});

describe('the rights of a client', () => {
  test('are its own settings when no policy speaks of it', async () => {
    const { status, body } = await rights('address_service');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      clientId: 'address_service',
      groups: ['backends'],
      items: [
        {
          policyId: 'client-settings',
          derived: true,
          targets: ['postal_service', 'bank_service'],
          takenOver: [],
          limits: { depth: 5, targets: 1, loops: false },
        },
      ],
    });
  });

  test('are what policies in force say of it, of its groups and of everybody', async () => {
    const other = { actor: { clients: ['mail_service'] }, targets: ['bank_service'] };
    const mine = { actor: { clients: ['address_service'] } };
    const policies = [
      PARCELS,
      { policyId: 'everybody', effect: 'deny', scopes: ['address:write'] },
      { policyId: 'group', actor: { groups: ['backends'] }, targets: ['mail_service'] },
      { policyId: 'others', ...other },
      { policyId: 'off', ...mine, targets: ['mail_service'], disabled: true },
      { policyId: 'over', ...mine, targets: ['bank_service'], validity: { until: 1 } },
    ];
    await withPolicies(policies, async () => {
      const { body } = await rights('address_service');
      expect(body['items']).toMatchObject([
        {
          policyId: 'client-settings',
          derived: true,
          takenOver: ['postal_service', 'bank_service'],
        },
        { policyId: 'everybody', effect: 'deny', derived: false, takenOver: [] },
        { policyId: 'group', targets: ['mail_service'] },
        {
          policyId: 'parcels',
          version: expect.any(Number),
          scopes: ['address:read'],
          limits: { lifetime: 60 },
        },
      ]);
    });
  });

  test('name the settings for tokens of others apart', async () => {
    await admin.client({
      clientId: 'batch',
      targets: ['postal_service'],
      exchange: {
        mode: 'impersonation',
        subjectIssuers: [],
        presentsTokensOf: ['web_app'],
        actorIdentities: [],
        maxDepth: 2,
        allowLoops: false,
        maxTargets: 1,
      },
    });
    expect((await rights('batch')).body['items']).toMatchObject([
      { derived: true, acting: { mode: 'impersonation' }, limits: { depth: 2 } },
      { derived: true, subject: { clients: ['web_app'], presentedByAnyone: true } },
    ]);
  });

  test('are not found for nobody, and need the right to read policies', async () => {
    expect((await rights('nobody')).status).toBe(404);
    const token = await admin.signIn('admin_cli', { scope: 'clients:read' });
    const answer = await admin.get('/admin/clients/address_service/rights', { token });
    expect(answer.status).toBe(403);
  });
});

describe('a client that asks for itself', () => {
  test('learns why its own exchanges are answered as they are, and of nobody else’s', async () => {
    await admin.administrator('curious', ['policies:explain']);
    const token = await admin.signIn('curious');
    const ask = (actor: string): Promise<AdminAnswer> =>
      admin.send('POST', '/admin/policies/explain', { token, body: question({ actor }) });
    expect((await ask('address_service')).status).toBe(403);
    const own = await ask('curious');
    expect([own.status, own.body['verdict']]).toEqual([200, 'refused']);
    expect((await admin.get('/admin/policies', { token })).status).toBe(403);
  });
});
