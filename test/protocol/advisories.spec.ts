import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { AuditRecord } from '../../src/audit/audit-record.js';
import type { Client } from '../../src/clients/client.js';
import { DEFAULT_EXCHANGE_SETTINGS } from '../../src/delegation/exchange-request.js';
import { newPolicy, type Policy } from '../../src/delegation/policy.js';
import type { JsonObject } from '../../src/oauth/claims.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { InMemoryPolicyStore } from '../../src/testing/index.js';
import { newTrustedIssuer } from '../../src/tokens/trusted-issuer.js';
import { foreignKey, signedBy } from '../support/foreign-key.js';
import { json, LoopbackServer } from '../support/loopback-server.js';
import { claimsOf, ISSUER, Protocol, type Answer } from '../support/protocol.js';

const LOGIN = 'https://login.example/tenant';
const OWN_INTERFACE = `${ISSUER}/admin`;
const SCOPES = ['address:read', 'address:write'];
const BOTH_GRANTS = [GrantType.ClientCredentials, GrantType.TokenExchange];
const NOT_ACCEPTABLE = {
  error: 'invalid_request',
  error_description: 'A presented token is not acceptable.',
};

const key = foreignKey('login-1');

let server: Protocol;
let keySet: LoopbackServer;

beforeAll(async () => {
  keySet = await LoopbackServer.start(json({ keys: [key.jwk] }));
  server = await Protocol.start({
    tokens: { ownTargets: [{ identifier: OWN_INTERFACE, offeredScopes: SCOPES }] },
  });
  await server.storyClients();
  await server.trustedIssuers.create(
    newTrustedIssuer({
      issuer: LOGIN,
      jwksUri: `${keySet.url}/keys`,
      accepts: [
        { tokenType: TokenType.Jwt, types: ['at+jwt'], audiences: ['my_gateway'] },
        { tokenType: TokenType.IdToken, types: ['jwt'], audiences: ['my_gateway'] },
      ],
      scopes: ['address:read'],
      impliedScopes: [],
    }),
  );
});

afterAll(async () => {
  await server.stop();
  await keySet.stop();
});

afterEach(() => setPolicies([]));

/** Stores these policies and no other ones, and lets every memory age. */
async function setPolicies(
  policies: readonly (Partial<Policy> & Pick<Policy, 'policyId'>)[],
): Promise<void> {
  const store = server.app.get(InMemoryPolicyStore, { strict: false });
  const author = { writtenAt: server.clock.now(), writtenBy: { sub: 'admin' } };
  const before = await store.list();
  const remove = before.map(({ policy: { policyId, version } }) => ({ policyId, version }));
  await store.change({ put: [], remove }, author);
  const put = policies.map(async (policy) => {
    const [newest] = await store.versions(policy.policyId, { limit: 1 });
    return newPolicy({ ...policy, version: (newest?.policy.version ?? 0) + 1 });
  });
  await store.change({ put: await Promise.all(put), remove: [] }, author);
  server.clock.advance(1_000);
}

function exchangeAt(
  clientId: string,
  target: string,
  claims: Readonly<Record<string, unknown>>,
): Promise<{ answer: Answer; record: AuditRecord }> {
  return server.recorded(async () =>
    server.exchange({ subject_token: await server.ownToken(claims), audience: target }, clientId),
  );
}

function expectRefused(
  { answer, record }: { answer: Answer; record: AuditRecord },
  reason: string,
): void {
  expect({ status: answer.status, reason: record.reason }).toEqual({ status: 400, reason });
  expect(record).toMatchObject({ outcome: 'refused' });
  expect(record.issuedToken).toBeUndefined();
  expect(answer.body).not.toHaveProperty('access_token');
}

function scopeOf(claims: JsonObject): readonly string[] {
  return typeof claims['scope'] === 'string' ? claims['scope'].split(' ') : [];
}

/** A token of the trusted issuer, with what is changed. */
function login(changes: Readonly<Record<string, unknown>> = {}, typ = 'at+jwt'): Promise<string> {
  const claims = {
    iss: LOGIN,
    sub: 'alice',
    aud: 'my_gateway',
    exp: server.now + 300,
    iat: server.now,
    jti: 'j-1',
    client_id: 'web_app',
    scope: 'address:read',
    ...changes,
  };
  return signedBy(key, claims, { typ });
}

describe('CVE-2022-1245: any client could exchange for any target client', () => {
  const CALLERS = ['caller_1', 'caller_2', 'caller_3'] as const;
  const APPS = ['app_1', 'app_2'] as const;
  const TARGETS = ['shop', 'bank', 'safe'] as const;

  beforeAll(async () => {
    for (const clientId of APPS) await server.client({ clientId, kind: 'public' });
    for (const clientId of TARGETS) await server.client({ clientId, offeredScopes: SCOPES });
    for (const clientId of CALLERS)
      await server.client({
        clientId,
        grantTypes: BOTH_GRANTS,
        scopes: SCOPES,
        targets: clientId === 'caller_1' ? ['shop'] : [],
      });
  });

  it('by default nobody may, whoever asks for whatever token at whatever target', async () => {
    for (const caller of CALLERS)
      for (const client_id of [...APPS, ...CALLERS])
        for (const aud of [...CALLERS, ...TARGETS])
          for (const target of TARGETS) {
            const isPresenter = aud === caller || client_id === caller;
            const isAllowed = caller === 'caller_1' && target === 'shop' && isPresenter;
            const { answer } = await exchangeAt(caller, target, { client_id, aud });
            expect({ caller, client_id, aud, target, status: answer.status }).toMatchObject({
              status: isAllowed ? 200 : 400,
            });
          }
  });

  it('and what is issued is exactly what some policy allows and none denies', async () => {
    const policies = fc.uniqueArray(
      fc.record({
        policyId: fc.constantFrom('p', 'q', 'r', 's'),
        effect: fc.constantFrom('allow' as const, 'allow' as const, 'deny' as const),
        actor: fc.record({ clients: fc.subarray([...CALLERS], { minLength: 1 }) }),
        subject: fc.record({
          clients: fc.subarray([...APPS], { minLength: 1 }),
          presentedByAnyone: fc.boolean(),
        }),
        targets: fc.subarray([...TARGETS], { minLength: 1 }),
      }),
      { selector: ({ policyId }) => policyId, minLength: 1, maxLength: 4 },
    );
    const counts = { granted: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(policies, async (stored) => {
        await setPolicies(stored);
        for (const caller of CALLERS)
          for (const client_id of APPS)
            for (const aud of [caller, 'elsewhere'])
              for (const target of TARGETS) {
                const named = stored.filter(
                  ({ actor, targets }) =>
                    actor.clients.includes(caller) && targets.includes(target),
                );
                const meant = named.filter(({ subject }) => subject.clients.includes(client_id));
                const isBySettings =
                  !named.some(({ effect }) => effect === 'allow') &&
                  caller === 'caller_1' &&
                  target === 'shop' &&
                  aud === caller;
                const isAllowed = meant.some(
                  ({ effect, subject }) =>
                    effect === 'allow' && (aud === caller || subject.presentedByAnyone),
                );
                const isDenied = meant.some(({ effect }) => effect === 'deny');
                const isGranted = (isBySettings || isAllowed) && !isDenied;
                const { answer, record } = await exchangeAt(caller, target, { client_id, aud });
                expect({
                  stored,
                  caller,
                  client_id,
                  aud,
                  target,
                  status: answer.status,
                }).toMatchObject({ status: isGranted ? 200 : 400 });
                counts[record.outcome] += 1;
                if (isGranted)
                  expect(claimsOf(answer)).toMatchObject({
                    sub: 'alice',
                    client_id,
                    aud: target,
                    act: { sub: caller },
                  });
              }
      }),
      { numRuns: 15 },
    );
    expect(counts.granted).toBeGreaterThan(20);
    expect(counts.refused).toBeGreaterThan(100);
  });
});

describe('CVE-2026-56668, GHSA-vrh8-c9cm-wh8v: a token was not tied to its caller, and scope could grow', () => {
  const everything: Partial<Policy> = {
    actor: { clients: ['my_gateway', 'address_service'] },
    targets: ['address_service', 'postal_service'],
  };

  it('nobody exchanges a token that is neither meant for it nor its own, whatever policy names it', async () => {
    await setPolicies([{ policyId: 'everything', ...everything }]);
    for (const claims of [
      { aud: 'address_service' },
      { aud: ['address_service', 'MY_GATEWAY', 'my_gateway '] },
      { aud: 'https://api.example/gateway/' },
      { aud: ISSUER },
      { aud: 'nobody', azp: 'my_gateway' },
      { aud: 'nobody', act: { iss: ISSUER, sub: 'my_gateway', client_id: 'my_gateway' } },
    ])
      expectRefused(
        await exchangeAt('my_gateway', 'address_service', claims),
        'presenter_not_allowed',
      );
    for (const may_act of [
      { sub: 'address_service' },
      { sub: 'MY_GATEWAY' },
      {},
      null,
      'my_gateway',
    ])
      expectRefused(
        await exchangeAt('my_gateway', 'address_service', { may_act }),
        'actor_not_allowed',
      );
    for (const claims of [
      { aud: 'https://api.example/gateway' },
      { aud: 'nobody', client_id: 'my_gateway' },
      { aud: 'nobody', may_act: { sub: 'my_gateway' } },
    ])
      expect((await exchangeAt('my_gateway', 'address_service', claims)).answer.status).toBe(200);
  });

  it('and no scope grows along a chain, whatever the policies say that it means', async () => {
    const ALL = ['address:read', 'address:write', 'mail:send', 'mail:read'];
    const mail = { scopes: ALL, offeredScopes: ALL };
    for (const clientId of ['hop_a', 'hop_b', 'hop_c'])
      await server.client({ clientId, grantTypes: BOTH_GRANTS, ...mail });
    const hops = ['hop_a', 'hop_b', 'hop_c'];
    const cases = fc.record({
      mappings: fc.array(
        fc.option(fc.dictionary(fc.constantFrom(...ALL), fc.subarray(ALL), { maxKeys: 2 }), {
          nil: undefined,
        }),
        { minLength: 3, maxLength: 3 },
      ),
      scopes: fc.array(fc.option(fc.subarray(ALL, { minLength: 1 }), { nil: undefined }), {
        minLength: 3,
        maxLength: 3,
      }),
      first: fc.subarray(ALL, { minLength: 1 }),
      asked: fc.array(fc.option(fc.subarray(ALL, { minLength: 1 }), { nil: undefined }), {
        minLength: 3,
        maxLength: 3,
      }),
    });
    let granted = 0;
    await fc.assert(
      fc.asyncProperty(cases, async ({ mappings, scopes, first, asked }) => {
        await setPolicies(
          hops.map((clientId, index) => ({
            policyId: clientId,
            actor: { clients: [clientId] },
            targets: hops,
            scopeMapping: mappings[index],
            scopes: scopes[index],
          })),
        );
        let token = await server.ownToken({ aud: 'hop_a', scope: first.join(' ') });
        let held: readonly string[] = first;
        for (const [index, hop] of hops.entries()) {
          const mapping = mappings[index] ?? {};
          const most = held
            .flatMap((value) => (Object.hasOwn(mapping, value) ? mapping[value]! : [value]))
            .filter((value) => scopes[index]?.includes(value) ?? true);
          const { answer } = await server.recorded(() =>
            server.exchange(
              {
                subject_token: token,
                audience: hops[(index + 1) % 3],
                scope: asked[index]?.join(' '),
              },
              hop,
            ),
          );
          const wanted = asked[index] ?? most;
          const isGranted = wanted.length > 0 && wanted.every((value) => most.includes(value));
          expect({ mapping, held, most, wanted, status: answer.status }).toMatchObject({
            status: isGranted ? 200 : 400,
          });
          if (!isGranted) return;
          granted += 1;
          held = scopeOf(claimsOf(answer));
          expect(new Set(held)).toEqual(new Set(wanted));
          token = String(answer.body['access_token']);
        }
      }),
      { numRuns: 120 },
    );
    expect(granted).toBeGreaterThan(20);
  });
});

/** Expects the exchange that was meant, or a refusal. */
function expectSameOrRefused(
  { answer, record }: { answer: Answer; record: AuditRecord },
  what: string,
): void {
  if (answer.status !== 200) {
    expect({ what, isRefusal: [400, 401].includes(answer.status) }).toEqual({
      what,
      isRefusal: true,
    });
    expect(record.outcome).toBe('refused');
    return;
  }
  expect({ what, grantType: record.grantType, mode: record.mode }).toEqual({
    what,
    grantType: GrantType.TokenExchange,
    mode: 'delegation',
  });
  expect(claimsOf(answer)).toMatchObject({
    sub: 'alice',
    client_id: 'web_app',
    aud: 'address_service',
    act: { iss: ISSUER, sub: 'my_gateway', client_id: 'my_gateway' },
  });
}

describe('CVE-2026-9704: a parameter that got lost escalated privilege', () => {
  type Pair = readonly [name: string, value: string];

  /** What is done to one parameter of the form. */
  const DAMAGES: readonly (readonly [string, (pair: Pair) => readonly Pair[]])[] = [
    ['lost', () => []],
    ['emptied', ([name]) => [[name, '']]],
    ['doubled', (pair) => [pair, pair]],
    ['followed by another', (pair) => [pair, [pair[0], 'other']]],
    ['after another', (pair) => [[pair[0], 'other'], pair]],
    ['followed by an empty one', (pair) => [pair, [pair[0], '']]],
    ['after an empty one', (pair) => [[pair[0], ''], pair]],
    ['a list', ([name, value]) => [[`${name}[]`, value]]],
    ['a member', ([name, value]) => [[`${name}[0]`, value]]],
    ['in capitals', ([name, value]) => [[name.toUpperCase(), value]]],
    ['padded', ([name, value]) => [[` ${name}`, value]]],
    ['ended by a null', ([name, value]) => [[`${name}\u0000`, value]]],
  ];
  const NAMES = [
    'grant_type',
    'subject_token',
    'subject_token_type',
    'actor_token',
    'actor_token_type',
    'audience',
    'scope',
    'requested_token_type',
    'client_id',
    'client_secret',
  ] as const;
  /** Without these nobody can know what is asked for, or who asks. */
  const NEEDED = new Set<string>([
    'grant_type',
    'subject_token',
    'subject_token_type',
    'audience',
    'client_id',
    'client_secret',
  ]);

  let whole: readonly Pair[];

  beforeAll(async () => {
    const values: Readonly<Record<(typeof NAMES)[number], string>> = {
      grant_type: GrantType.TokenExchange,
      subject_token: await server.ownToken({ exp: server.now + 36_000 }),
      subject_token_type: TokenType.AccessToken,
      actor_token: await server.ownToken({
        sub: 'my_gateway',
        client_id: 'my_gateway',
        exp: server.now + 36_000,
      }),
      actor_token_type: TokenType.AccessToken,
      audience: 'address_service',
      scope: 'address:read',
      requested_token_type: TokenType.AccessToken,
      client_id: 'my_gateway',
      client_secret: 'my_gateway-secret',
    };
    whole = NAMES.map((name) => [name, values[name]]);
  });

  function send(pairs: readonly Pair[]): Promise<{ answer: Answer; record: AuditRecord }> {
    // Failed proofs of a client are counted; this is not about them.
    server.clock.advance(61_000);
    const body = pairs
      .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
      .join('&');
    return server.recorded(() => server.token(body, null));
  }

  it('whole, the form is granted, in any order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([...whole], { minLength: whole.length }),
        async (pairs) => {
          const done = await send(pairs);
          expect(done.answer.status).toBe(200);
          expectSameOrRefused(done, 'shuffled');
        },
      ),
      { numRuns: 30 },
    );
  });

  it.each(NAMES)('without %s as it was, it is the same or is refused', async (name) => {
    for (const [what, damage] of DAMAGES) {
      const pairs = whole.flatMap((pair) => (pair[0] === name ? damage(pair) : [pair]));
      const done = await send(pairs);
      expectSameOrRefused(done, `${name} ${what}`);
      const isGone = !['followed by an empty one', 'after an empty one'].includes(what);
      if (NEEDED.has(name) && isGone && name !== 'audience')
        expect({ name, what, outcome: done.record.outcome }).toEqual({
          name,
          what,
          outcome: 'refused',
        });
    }
  });

  it('without two of them, it is the same or is refused', async () => {
    const lost = DAMAGES.slice(0, 3);
    for (const [first, one] of NAMES.entries())
      for (const two of NAMES.slice(first + 1))
        for (const [what, damage] of lost) {
          const pairs = whole.flatMap((pair) =>
            [one, two as string].includes(pair[0]) ? damage(pair) : [pair],
          );
          expectSameOrRefused(await send(pairs), `${one} and ${two} ${what}`);
        }
  });
});

describe('CVE-2026-9094: an exchange across organizations', () => {
  const foreignAlice = { format: 'iss_sub', iss: LOGIN, sub: 'alice' };

  it('a token of an issuer that no setting nor policy names is refused', async () => {
    const ask = async (): Promise<Answer> =>
      server.exchange({ subject_token: await login(), subject_token_type: TokenType.Jwt });
    expectRefused(await server.recorded(ask), 'subject_issuer_not_allowed');
    const policy = {
      policyId: 'addresses',
      actor: { clients: ['my_gateway'] },
      targets: ['address_service'],
    };
    await setPolicies([policy]);
    expectRefused(await server.recorded(ask), 'subject_issuer_not_allowed');
    await setPolicies([{ ...policy, subject: { issuers: ['https://login.example'] } }]);
    expectRefused(await server.recorded(ask), 'subject_issuer_not_allowed');
    await setPolicies([{ ...policy, subject: { issuers: [LOGIN] } }]);
    const { answer } = await server.recorded(ask);
    expect(claimsOf(answer)).toMatchObject({ sub: 'alice', sub_id: foreignAlice });
  });

  it('what a policy gives our alice it does not give theirs, here and behind every hop', async () => {
    const ours: Partial<Policy> & Pick<Policy, 'policyId'> = {
      policyId: 'ours',
      actor: { clients: ['my_gateway', 'address_service'] },
      targets: ['address_service', 'postal_service'],
      subject: { subjects: ['alice'] },
    };
    await setPolicies([ours]);
    expect((await exchangeAt('my_gateway', 'address_service', {})).answer.status).toBe(200);
    expectRefused(
      await exchangeAt('my_gateway', 'address_service', { sub_id: foreignAlice }),
      'subject_not_allowed',
    );
    await setPolicies([{ ...ours, subject: { subjects: ['alice'], issuers: [LOGIN] } }]);
    expectRefused(
      await exchangeAt('my_gateway', 'address_service', {}),
      'subject_issuer_not_allowed',
    );
    const { answer } = await server.recorded(async () =>
      server.exchange({ subject_token: await login(), subject_token_type: TokenType.Jwt }),
    );
    expect(answer.status).toBe(200);
    const behind = {
      subject_token: String(answer.body['access_token']),
      audience: 'postal_service',
    };
    // The token is ours now, and the policy is about tokens of theirs.
    expectRefused(
      await server.recorded(() => server.exchange(behind, 'address_service')),
      'subject_issuer_not_allowed',
    );
  });

  it('what a policy denies their alice it denies in every token that names her', async () => {
    const open = {
      policyId: 'open',
      actor: { clients: ['my_gateway', 'address_service'] },
      targets: ['address_service', 'postal_service'],
      subject: { issuers: [ISSUER, LOGIN] },
    };
    await setPolicies([open]);
    const { answer } = await server.recorded(async () =>
      server.exchange({ subject_token: await login(), subject_token_type: TokenType.Jwt }),
    );
    const behind = {
      subject_token: String(answer.body['access_token']),
      audience: 'postal_service',
    };
    const goOn = () => server.recorded(() => server.exchange(behind, 'address_service'));
    expect((await goOn()).answer.status).toBe(200);
    for (const subject of [
      { subjects: ['alice'], issuers: [LOGIN] },
      { issuers: [LOGIN] },
      { subjects: ['alice'] },
    ]) {
      await setPolicies([open, { policyId: 'no', effect: 'deny', subject }]);
      expectRefused(await goOn(), 'policy_denied');
    }
    await setPolicies([
      open,
      { policyId: 'no', effect: 'deny', subject: { subjects: ['alice'], issuers: [LOGIN] } },
    ]);
    expect((await exchangeAt('my_gateway', 'address_service', {})).answer.status).toBe(200);
  });
});

function askBound(): Promise<{ answer: Answer; record: AuditRecord }> {
  return exchangeAt('bound', 'address_service', { aud: 'bound' });
}

describe('GHSA-7qjx-gp9h-65qj: a restriction was enforced elsewhere, not at the exchange', () => {
  const generous = {
    policyId: 'generous',
    actor: { clients: ['bound'] },
    targets: ['address_service', ISSUER, OWN_INTERFACE, 'bound'],
    subject: { presentedByAnyone: true },
    limits: { depth: 16, targets: 16, loops: true },
  };
  let bound: Client;

  beforeAll(async () => {
    bound = await server.client({
      clientId: 'bound',
      grantTypes: BOTH_GRANTS,
      scopes: SCOPES,
      offeredScopes: SCOPES,
    });
  });

  afterEach(async () => {
    const { version: _version, ...rest } = bound;
    await server.change('bound', rest);
    await server.change('address_service', { disabled: false, offeredScopes: SCOPES });
  });

  it.each<[string, string, Partial<Client>, string]>([
    ['the client is disabled', 'bound', { disabled: true }, 'client_disabled'],
    ['the client has lost the grant', 'bound', { grantTypes: [] }, 'grant_not_allowed'],
    ['the client has lost its secrets', 'bound', { secrets: [] }, 'client_secret_wrong'],
    ['the client has lost its scope', 'bound', { scopes: [] }, 'scope_empty'],
    [
      'the client may prove itself in another way only',
      'bound',
      { authenticationMethods: ['client_secret_post'] },
      'client_method_not_allowed',
    ],
    ['the target is disabled', 'address_service', { disabled: true }, 'target_unknown'],
    ['the target offers nothing', 'address_service', { offeredScopes: [] }, 'scope_empty'],
  ])('it holds also where a policy allows everything: %s', async (_what, who, changes, reason) => {
    await setPolicies([generous]);
    expect((await askBound()).answer.status).toBe(200);
    await server.change(who, changes);
    server.clock.advance(61_000);
    const { answer, record } = await askBound();
    expect([400, 401]).toContain(answer.status);
    expect(record).toMatchObject({ outcome: 'refused', reason });
  });

  it('a public client exchanges nothing, whatever policy names it', async () => {
    await setPolicies([{ ...generous, actor: { clients: ['web_app'] } }]);
    const { answer, record } = await server.recorded(async () =>
      server.token(
        {
          grant_type: GrantType.TokenExchange,
          client_id: 'web_app',
          subject_token: await server.ownToken({ aud: 'web_app' }),
          subject_token_type: TokenType.AccessToken,
          audience: 'address_service',
        },
        null,
      ),
    );
    expect(answer.status).toBe(400);
    expect(['grant_not_allowed', 'client_public']).toContain(record.reason);
  });

  it('no policy leads to our own interfaces', async () => {
    await setPolicies([generous]);
    for (const target of [OWN_INTERFACE, ISSUER]) {
      const done = await exchangeAt('bound', target, { aud: 'bound' });
      expect(done.answer.body['error']).toBe('invalid_target');
      expect(['target_not_allowed', 'target_unknown']).toContain(done.record.reason);
      expect(done.record.outcome).toBe('refused');
    }
  });
});

describe('GHSA-7fpj-9hr8-28vh: a logout token or an ID token was taken for an access token', () => {
  const EVERY_TYPE = Object.values(TokenType);
  const TAKEN: readonly string[] = [TokenType.AccessToken, TokenType.Jwt];

  it.each([
    ...EVERY_TYPE.flatMap((type) => [type.toUpperCase(), ` ${type}`, `${type} `, `${type}#`]),
    'access_token',
    'urn:ietf:params:oauth:token-type:logout_token',
    'urn:ietf:params:oauth:token-type:*',
    'constructor',
  ])('an access token is none of the type %j', async (type) => {
    for (const form of [
      { subject_token_type: type },
      { actor_token: await server.ownToken({ sub: 'my_gateway' }), actor_token_type: type },
      { requested_token_type: type },
    ]) {
      const { answer, record } = await server.recorded(() => server.exchange(form));
      expect(answer.status).toBe(400);
      expect(answer.body['error']).toBe('invalid_request');
      expect(record).toMatchObject({ outcome: 'refused', reason: 'token_type_not_supported' });
    }
  });

  it.each(['at+jwt', 'JWT', 'logout+jwt', 'secevent+jwt', 'dpop+jwt'])(
    'a token of a trusted issuer of the kind %s is what its issuer is trusted with, and no access token of ours',
    async (typ) => {
      await setPolicies([
        {
          policyId: 'addresses',
          actor: { clients: ['my_gateway'] },
          targets: ['address_service'],
          subject: { issuers: [LOGIN, ISSUER], presentedByAnyone: true },
        },
      ]);
      for (const type of EVERY_TYPE) {
        const { answer, record } = await server.recorded(async () =>
          server.exchange({ subject_token: await login({}, typ), subject_token_type: type }),
        );
        const isTaken = type === { 'at+jwt': TokenType.Jwt, JWT: TokenType.IdToken }[typ];
        expect({ typ, type, status: answer.status }).toEqual({
          typ,
          type,
          status: isTaken ? 200 : 400,
        });
        if (!isTaken) expect(record.outcome).toBe('refused');
      }
    },
  );

  it('no policy makes an ID token of ours, or a logout token, something to act with', async () => {
    await setPolicies([
      {
        policyId: 'addresses',
        actor: { clients: ['my_gateway'] },
        targets: ['address_service'],
        subject: { presentedByAnyone: true },
      },
    ]);
    for (const typ of ['JWT', 'logout+jwt'])
      for (const type of EVERY_TYPE) {
        const { answer, record } = await server.recorded(async () =>
          server.exchange({
            subject_token: await server.ownToken({}, typ),
            subject_token_type: type,
          }),
        );
        expect({ typ, type, status: answer.status }).toEqual({ typ, type, status: 400 });
        expect(record.outcome).toBe('refused');
        if (TAKEN.includes(type)) expect(record.reason).toBe('token_kind_mismatch');
      }
  });
});

describe('CVE-2026-18214: a side door skipped a check of the main door', () => {
  const actorToken = { sub: 'my_gateway', client_id: 'my_gateway' };

  /** Every way in for a token of ours. */
  const DOORS: readonly (readonly [string, (token: string) => Promise<Answer>])[] = [
    ['as access token', (token) => server.exchange({ subject_token: token })],
    [
      'as JWT',
      (token) => server.exchange({ subject_token: token, subject_token_type: TokenType.Jwt }),
    ],
    [
      'as actor token',
      (token) => server.exchange({ actor_token: token, actor_token_type: TokenType.AccessToken }),
    ],
    [
      'as actor token, a JWT',
      (token) => server.exchange({ actor_token: token, actor_token_type: TokenType.Jwt }),
    ],
  ];

  it.each<[Readonly<Record<string, unknown>>, string]>([
    [{ iss: LOGIN }, 'token_issuer_unknown'],
    [{ exp: 1 }, 'token_expired'],
    [{ nbf: 99_999_999_999 }, 'token_not_yet_valid'],
    [{ exp: undefined }, 'token_claims_invalid'],
    [{ iat: '1' }, 'token_claims_invalid'],
    [{ jti: undefined }, 'token_claims_invalid'],
    [{ aud: [] }, 'token_claims_invalid'],
    [{ sub: '' }, 'token_claims_invalid'],
    [{ client_id: undefined }, 'token_claims_invalid'],
    [{ sub_id: 'alice' }, 'token_claims_invalid'],
    [{ act: 'my_gateway' }, 'token_chain_malformed'],
    [{ act: { iss: ISSUER, sub: 'nobody' } }, 'token_party_disabled'],
    [{ client_id: 'nobody' }, 'token_party_disabled'],
    [{ cnf: {} }, 'token_sender_constrained'],
  ])('a token that says %j is refused alike at each', async (claims, reason) => {
    for (const [door, present] of DOORS) {
      const token = await server.ownToken({
        ...(door.startsWith('as actor') ? actorToken : {}),
        ...claims,
      });
      const { answer, record } = await server.recorded(() => present(token));
      expect({ door, reason: record.reason, body: answer.body }).toEqual({
        door,
        reason,
        body: NOT_ACCEPTABLE,
      });
    }
  });

  it('a token of a third party brings no more than its issuer is trusted with, by no policy', async () => {
    const policy = {
      policyId: 'addresses',
      actor: { clients: ['my_gateway'] },
      targets: ['address_service'],
      subject: { issuers: [LOGIN] },
    };
    const widened = { scope: 'address:read address:write', iat: server.now };
    const ask = async (scope?: string) =>
      server.recorded(async () =>
        server.exchange({
          subject_token: await login(widened),
          subject_token_type: TokenType.Jwt,
          scope,
        }),
      );
    await setPolicies([policy]);
    expect(scopeOf(claimsOf((await ask()).answer))).toEqual(['address:read']);
    expectRefused(await ask('address:write'), 'scope_not_allowed');
    await setPolicies([{ ...policy, scopeMapping: { 'address:write': ['address:write'] } }]);
    expectRefused(await ask('address:write'), 'scope_not_allowed');
    const { answer } = await ask();
    expect(claimsOf(answer)).toMatchObject({ sub_id: { iss: LOGIN }, scope: 'address:read' });
  });

  it('a client’s settings of its actor identities hold under every policy', async () => {
    await server.change('my_gateway', {
      exchange: { ...DEFAULT_EXCHANGE_SETTINGS, actorIdentities: [{ iss: LOGIN, sub: 'svc' }] },
    });
    await setPolicies([
      { policyId: 'addresses', actor: { clients: ['my_gateway'] }, targets: ['address_service'] },
    ]);
    const act = async (sub: string) =>
      server.recorded(async () =>
        server.exchange({
          actor_token: await login({ sub, aud: 'my_gateway' }),
          actor_token_type: TokenType.Jwt,
        }),
      );
    expectRefused(await act('other'), 'actor_token_not_of_client');
    const { answer } = await act('svc');
    expect(claimsOf(answer)['act']).toEqual({ iss: LOGIN, sub: 'svc', client_id: 'my_gateway' });
    await server.change('my_gateway', { exchange: DEFAULT_EXCHANGE_SETTINGS });
  });
});

/** The claims of a token that is good. */
function whole(): Record<string, unknown> {
  return {
    iss: ISSUER,
    sub: 'alice',
    aud: 'my_gateway',
    exp: server.now + 600,
    iat: server.now,
    jti: 'j-1',
    client_id: 'web_app',
    scope: 'address:read',
  };
}

function escaped(name: string): string {
  return name.replace(/^./, (first) => `\\u00${first.charCodeAt(0).toString(16)}`);
}

/** A payload in which the claim is there twice, in each way. */
function doubled(name: string, claims: Readonly<Record<string, unknown>>): readonly string[] {
  const { [name]: value = 'x', ...rest } = claims;
  const body = JSON.stringify(rest).slice(1);
  const own = JSON.stringify(value);
  return [
    `{"${name}":${own},"${name}":"other",${body}`,
    `{"${name}":"other","${name}":${own},${body}`,
    `{"${name}":${own},"${name}":${own},${body}`,
    `{"${escaped(name)}":"other","${name}":${own},${body}`,
    `{"${name}":null,"${name}":${own},${body}`,
  ];
}

describe('CVE-2026-107723, CVE-2025-30144: a claim of another type skipped its check', () => {
  const CLAIMS = [
    'iss',
    'sub',
    'aud',
    'exp',
    'nbf',
    'iat',
    'jti',
    'client_id',
    'scope',
    'act',
    'may_act',
    'sub_id',
    'cnf',
    'acr',
    'auth_time',
    'amr',
    'sid',
    'grant_id',
  ] as const;
  const MEGABYTE = 'x'.repeat(1_048_576);

  /** The claim in each wrong way, as the text of a whole payload. */
  function damaged(name: (typeof CLAIMS)[number]): readonly (readonly [string, string])[] {
    const { [name]: value, ...rest } = whole();
    const own = value ?? 'x';
    return [
      ...(value === undefined ? [] : [['missing', JSON.stringify(rest)] as const]),
      ...(
        [
          ['null', null],
          ['a number', -1],
          ['a fraction', 0.5],
          ['true', true],
          ['an empty text', ''],
          ['an array of it', [own]],
          ['an empty array', []],
          ['an array of numbers', [1]],
          ['an array of arrays', [[own]]],
          ['an object', { toString: 'x', value: own }],
          ['an empty object', {}],
        ] as const
      ).map(([what, wrong]) => [what, JSON.stringify({ ...rest, [name]: wrong })] as const),
      ['a megabyte', JSON.stringify({ ...rest, [name]: MEGABYTE })],
    ];
  }

  /** What is good in another type as well, or is nothing that is decided by. */
  const HARMLESS: Readonly<Record<string, readonly string[]>> = {
    aud: ['an array of it'],
    nbf: ['a number', 'a fraction'],
    iat: ['a number'],
  };
  const UNREAD = new Set<string>(['acr', 'auth_time', 'amr', 'sid']);

  it.each(CLAIMS)('%s', async (name) => {
    for (const [what, payload] of damaged(name)) {
      const token = await server.signed(payload, { typ: 'at+jwt' });
      for (const form of [
        { subject_token: token },
        { actor_token: token, actor_token_type: TokenType.AccessToken },
      ]) {
        const { answer, record } = await server.recorded(() => server.exchange(form));
        expect({ name, what, isOurFault: answer.status >= 500 }).toEqual({
          name,
          what,
          isOurFault: false,
        });
        const isSubject = form.subject_token !== undefined;
        const isHarmless =
          isSubject &&
          (HARMLESS[name]?.includes(what) === true || (UNREAD.has(name) && what !== 'a megabyte'));
        expect({ name, what, isSubject, outcome: record.outcome }).toEqual({
          name,
          what,
          isSubject,
          outcome: isHarmless ? 'granted' : 'refused',
        });
        expect(record.issuedToken === undefined).toBe(!isHarmless);
        if (isHarmless)
          expect(claimsOf(answer)).toMatchObject({
            iss: ISSUER,
            sub: 'alice',
            aud: 'address_service',
            client_id: 'web_app',
            scope: 'address:read',
            act: { iss: ISSUER, sub: 'my_gateway' },
          });
      }
    }
  });

  it.each(CLAIMS)('%s, which another issuer says twice', async (name) => {
    const claims = { ...whole(), iss: LOGIN };
    for (const payload of doubled(name, claims)) {
      const { answer, record } = await server.recorded(async () =>
        server.exchange({
          subject_token: await signedBy(key, payload),
          subject_token_type: TokenType.Jwt,
        }),
      );
      expect(answer.body).toEqual(NOT_ACCEPTABLE);
      expect(record).toMatchObject({ outcome: 'refused', reason: 'token_malformed' });
    }
  });

  it('nor the whole payload, in either door', async () => {
    const good = JSON.stringify(whole());
    for (const payload of [
      `[${good}]`,
      `[[${good}]]`,
      JSON.stringify(good),
      'null',
      '17',
      '""',
      '[]',
      `${good}${good}`,
      `${good},`,
      `\ufeff${good}`,
      `{"__proto__":${good}}`,
      `{"constructor":${good}}`,
    ]) {
      const token = await server.signed(payload, { typ: 'at+jwt' });
      for (const form of [
        { subject_token: token },
        { actor_token: token, actor_token_type: TokenType.AccessToken },
      ]) {
        const { answer, record } = await server.recorded(() => server.exchange(form));
        expect({ payload: payload.slice(0, 20), body: answer.body }).toEqual({
          payload: payload.slice(0, 20),
          body: NOT_ACCEPTABLE,
        });
        expect(record.outcome).toBe('refused');
      }
    }
  });
});
