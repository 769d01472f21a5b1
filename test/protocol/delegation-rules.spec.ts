import { createHash } from 'node:crypto';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { AuditRecord } from '../../src/audit/audit-record.js';
import { hashSecret } from '../../src/clients/client-secret.js';
import type { Client } from '../../src/clients/client.js';
import { DelegationPolicy } from '../../src/delegation/delegation-policy.js';
import {
  DEFAULT_EXCHANGE_SETTINGS,
  type ExchangeRequest,
  type ExchangeSettings,
} from '../../src/delegation/exchange-request.js';
import type { Allowed, Verdict } from '../../src/delegation/verdict.js';
import type { JsonObject } from '../../src/oauth/claims.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { InMemoryClientStore, InMemoryKeyStore } from '../../src/testing/index.js';
import { newTrustedIssuer } from '../../src/tokens/trusted-issuer.js';
import { claimsOf, encode, ISSUER, Protocol, type Answer } from '../support/protocol.js';

const SCOPES = ['address:read', 'address:write'];
const BOTH_GRANTS = [GrantType.ClientCredentials, GrantType.TokenExchange];
const CONSTANT = 'A presented token is not acceptable.';

let server: Protocol;

beforeAll(async () => {
  server = await Protocol.start();
  await server.storyClients();
});

afterAll(() => server.stop());

/** Expects a refusal on the wire and in the one record. */
async function expectRefusal(
  on: Protocol,
  work: () => Promise<Answer>,
  error: string,
  reason: string,
  status = 400,
): Promise<AuditRecord> {
  const { answer, record } = await on.recorded(work);
  expect({ status: answer.status, error: answer.body['error'], reason: record.reason }).toEqual({
    status,
    error,
    reason,
  });
  expect(record).toMatchObject({ outcome: 'refused', error });
  expect(record.issuedToken).toBeUndefined();
  return record;
}

function settings(changes: Partial<ExchangeSettings>): ExchangeSettings {
  return { ...DEFAULT_EXCHANGE_SETTINGS, ...changes };
}

function scopeOf(claims: JsonObject): readonly string[] {
  const { scope } = claims;
  return typeof scope === 'string' ? scope.split(' ') : [];
}

function tokenOf(answer: Answer): string {
  const { access_token: token } = answer.body;
  return typeof token === 'string' ? token : '';
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

function nested(actors: readonly JsonObject[]): JsonObject | undefined {
  return actors.reduceRight<JsonObject | undefined>(
    (act, actor) => (act === undefined ? actor : { ...actor, act }),
    undefined,
  );
}

function strangers(count: number): readonly JsonObject[] {
  return Array.from({ length: count }, (_, index) => ({
    iss: 'https://workload.example',
    sub: `w${index}`,
  }));
}

async function exchangeWith(actors: readonly JsonObject[]): Promise<Answer> {
  return server.exchange({ subject_token: await server.ownToken({ act: nested(actors) }) });
}

async function exchangeAs(
  claims: Readonly<Record<string, unknown>>,
  type = 'at+jwt',
): Promise<Answer> {
  const own = { sub: 'my_gateway', client_id: 'my_gateway', aud: 'address_service' };
  return server.exchange({
    actor_token: await server.ownToken({ ...own, ...claims }, type),
    actor_token_type: TokenType.AccessToken,
  });
}

describe('Who may present a token to whom for whom', () => {
  const APPS = ['app_one', 'app_two'] as const;
  const CALLERS = ['caller_a', 'caller_b', 'caller_c', 'caller_d'] as const;
  const TARGETS = ['shop', 'bank', 'vault'] as const;
  const rights: Record<
    (typeof CALLERS)[number],
    { presents: readonly string[]; targets: readonly string[]; identifiers: readonly string[] }
  > = {
    caller_a: { presents: [], targets: ['shop'], identifiers: ['https://a.example'] },
    caller_b: { presents: ['app_one'], targets: ['shop', 'bank'], identifiers: [] },
    caller_c: { presents: ['app_one', 'app_two'], targets: [], identifiers: [] },
    caller_d: { presents: ['caller_a'], targets: ['bank', 'shop'], identifiers: [] },
  };

  beforeAll(async () => {
    for (const clientId of APPS) await server.client({ clientId, kind: 'public' });
    for (const clientId of TARGETS) await server.client({ clientId, offeredScopes: SCOPES });
    for (const clientId of CALLERS) {
      const { presents, targets, identifiers } = rights[clientId];
      await server.client({
        clientId,
        grantTypes: BOTH_GRANTS,
        scopes: SCOPES,
        targets,
        identifiers,
        exchange: settings({ presentsTokensOf: presents }),
      });
    }
  });

  it('is allowed exactly when the token, the settings and the target all say so', async () => {
    const cases = fc.record({
      caller: fc.constantFrom(...CALLERS),
      client: fc.constantFrom('app_one', ...APPS, ...CALLERS),
      aud: fc.uniqueArray(
        fc.constantFrom(...CALLERS, ...TARGETS, 'https://a.example', 'https://A.example', ISSUER),
        { minLength: 1, maxLength: 2 },
      ),
      target: fc.constantFrom(
        'shop',
        'shop',
        'shop',
        'bank',
        'vault',
        'caller_a',
        'nobody',
        ISSUER,
      ),
      mayAct: fc.option(
        fc.record({
          iss: fc.constantFrom(ISSUER, 'https://other.example'),
          sub: fc.constantFrom(...CALLERS),
        }),
        { nil: undefined, freq: 2 },
      ),
    });
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(cases, async ({ caller, client, aud, target, mayAct }) => {
        const { presents, targets, identifiers } = rights[caller];
        const isNamed = mayAct?.iss === ISSUER && mayAct.sub === caller;
        const isPresenter =
          aud.some((each) => each === caller || identifiers.includes(each)) ||
          client === caller ||
          presents.includes(client) ||
          isNamed;
        const isAllowed =
          isPresenter && (mayAct === undefined || isNamed) && targets.includes(target);
        const subject_token = await server.ownToken({ client_id: client, aud, may_act: mayAct });
        const { answer, record } = await server.recorded(() =>
          server.exchange({ subject_token, audience: target }, caller),
        );
        expect({ caller, client, aud, target, mayAct, status: answer.status }).toMatchObject({
          status: isAllowed ? 200 : 400,
        });
        seen.add(record.reason ?? `granted: ${record.basis?.rule}`);
        if (!isAllowed) return;
        expect(claimsOf(answer)).toMatchObject({
          sub: 'alice',
          client_id: client,
          aud: target,
          act: { iss: ISSUER, sub: caller, client_id: caller },
        });
      }),
      { numRuns: 800 },
    );
    expect([...seen]).toEqual(
      expect.arrayContaining([
        'presenter_not_allowed',
        'actor_not_allowed',
        'target_not_allowed',
        'target_unknown',
        'granted: presenter-is-audience',
        'granted: presenter-is-client',
        'granted: presenter-by-settings',
      ]),
    );
  });

  it('is the same whether a token is presented directly or after other services had it', async () => {
    const first = await server.exchange(
      {
        subject_token: await server.ownToken({ client_id: 'app_one', aud: 'caller_b' }),
        audience: 'shop',
      },
      'caller_b',
    );
    const again = { subject_token: tokenOf(first), audience: 'shop' };
    await expectRefusal(
      server,
      () => server.exchange(again, 'caller_a'),
      'invalid_request',
      'presenter_not_allowed',
    );
  });
});

describe('Random chains of exchanges', () => {
  const HOPS = ['hop_0', 'hop_1', 'hop_2', 'hop_3', 'hop_4'] as const;
  const ALL = ['s:1', 's:2', 's:3', 's:4'];

  beforeAll(async () => {
    for (const [index, clientId] of HOPS.entries()) {
      await server.client({
        clientId,
        grantTypes: BOTH_GRANTS,
        scopes: ALL.filter((_, each) => each !== index),
        offeredScopes: ALL.filter((_, each) => each !== 3 - index),
        targets: HOPS,
        tokenLifetime: 300 + index * 60,
      });
    }
  });

  it('only ever lose scope and time, and tell every actor in order', async () => {
    const steps = fc.array(
      fc.record({
        to: fc.constantFrom(...HOPS),
        scope: fc.option(fc.subarray(ALL, { minLength: 1 }), { nil: undefined }),
        wait: fc.integer({ min: 0, max: 90 }),
      }),
      { minLength: 1, maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        let holder: (typeof HOPS)[number] = 'hop_0';
        let token = await server.ownToken({
          aud: holder,
          scope: ALL.join(' '),
          exp: server.now + 900,
        });
        let before: JsonObject = { scope: ALL.join(' '), exp: server.now + 900 };
        const actors: string[] = [];
        for (const { to, scope, wait } of list) {
          server.clock.advance(wait * 1000);
          const form = { subject_token: token, audience: to, scope: scope?.join(' ') };
          const { answer, record } = await server.recorded(() => server.exchange(form, holder));
          if (answer.status !== 200) {
            expect(['invalid_scope', 'invalid_request']).toContain(answer.body['error']);
            return;
          }
          const claims = claimsOf(answer);
          const had = scopeOf(before);
          for (const value of scopeOf(claims)) {
            expect(had).toContain(value);
            expect(scope ?? ALL).toContain(value);
            expect((await server.clients.find(holder))?.scopes).toContain(value);
            expect((await server.clients.find(to))?.offeredScopes).toContain(value);
          }
          expect(Number(claims['exp'])).toBeLessThanOrEqual(Number(before['exp']));
          if (actors[0] !== holder) actors.unshift(holder);
          const told: unknown[] = [];
          for (let act = claims['act'] as JsonObject | undefined; act !== undefined;) {
            told.push(act['sub']);
            act = act['act'] as JsonObject | undefined;
          }
          expect(told).toEqual(actors);
          expect(record.actors?.map((actor) => actor.sub)).toEqual(actors);
          [token, before, holder] = [tokenOf(answer), claims, to];
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('A form that lost, emptied, doubled or reordered a parameter', () => {
  it('is the same exchange or a refusal, never another grant or identity', async () => {
    const subject = await server.ownToken({ exp: server.now + 3_600 });
    const actor = await server.ownToken({ sub: 'my_gateway', client_id: 'my_gateway' });
    const whole: readonly (readonly [string, string])[] = [
      ['grant_type', GrantType.TokenExchange],
      ['subject_token', subject],
      ['subject_token_type', TokenType.AccessToken],
      ['actor_token', actor],
      ['actor_token_type', TokenType.AccessToken],
      ['audience', 'address_service'],
      ['scope', 'address:read'],
      ['requested_token_type', TokenType.AccessToken],
      ['client_id', 'my_gateway'],
      ['client_secret', 'my_gateway-secret'],
    ];
    const damage = fc.oneof(
      { weight: 12, arbitrary: fc.constant('keep') },
      { weight: 1, arbitrary: fc.constantFrom('drop', 'empty', 'double') },
    );
    const needed = ['grant_type', 'subject_token', 'subject_token_type', 'audience'];
    const cases = fc.tuple(
      fc.array(damage, { minLength: whole.length, maxLength: whole.length }),
      fc.shuffledSubarray([...whole.keys()], {
        minLength: whole.length,
        maxLength: whole.length,
      }),
    );
    const counts = { granted: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(cases, async ([damages, order]) => {
        const pairs = order.flatMap((index) => {
          const [name, value] = whole[index]!;
          const pair = (text: string) => `${name}=${encodeURIComponent(text)}`;
          if (damages[index] === 'drop') return [];
          if (damages[index] === 'empty') return [pair('')];
          return damages[index] === 'double' ? [pair(value), pair(value)] : [pair(value)];
        });
        const { answer, record } = await server.recorded(() => server.token(pairs.join('&'), null));
        const isMissing = needed.some((name) =>
          ['drop', 'empty'].includes(damages[whole.findIndex(([each]) => each === name)]!),
        );
        if (answer.status === 200) {
          counts.granted += 1;
          expect(isMissing).toBe(false);
          expect(record).toMatchObject({ mode: 'delegation', grantType: GrantType.TokenExchange });
          expect(claimsOf(answer)).toMatchObject({
            sub: 'alice',
            client_id: 'web_app',
            aud: 'address_service',
            act: { iss: ISSUER, sub: 'my_gateway', client_id: 'my_gateway' },
          });
        } else {
          counts.refused += 1;
          expect([400, 401, 429]).toContain(answer.status);
          expect([
            'invalid_request',
            'invalid_client',
            'invalid_target',
            'temporarily_unavailable',
          ]).toContain(answer.body['error']);
        }
      }),
      { numRuns: 400 },
    );
    expect(counts.granted).toBeGreaterThan(10);
    expect(counts.refused).toBeGreaterThan(10);
  });
});

describe('A restriction of a client holds on every grant', () => {
  const ways: readonly (readonly [string, (on: string) => Promise<Answer>])[] = [
    [
      'client credentials',
      (clientId) =>
        server.token(
          {
            grant_type: GrantType.ClientCredentials,
            audience: 'address_service',
            scope: 'address:read',
          },
          clientId,
        ),
    ],
    [
      'token exchange',
      async (clientId) =>
        server.exchange(
          { subject_token: await server.ownToken({ aud: clientId }), scope: 'address:read' },
          clientId,
        ),
    ],
  ];
  const restrictions: readonly (readonly [string, Partial<Client>, string])[] = [
    ['is disabled', { disabled: true }, 'client_disabled'],
    ['has lost its grants', { grantTypes: [] }, 'grant_not_allowed'],
    ['has lost its targets', { targets: [] }, 'target_not_allowed'],
    ['has lost its scope', { scopes: [] }, 'scope_not_allowed'],
    ['has lost its secrets', { secrets: [] }, 'client_secret_wrong'],
    [
      'has a secret that expired',
      {
        secrets: [{ id: 's1', hash: hashSecret('restricted-secret'), createdAt: 0, expiresAt: 1 }],
      },
      'client_secret_expired',
    ],
    [
      'may use another method only',
      { authenticationMethods: ['client_secret_post'] },
      'client_method_not_allowed',
    ],
  ];
  let whole: Client;

  beforeAll(async () => {
    whole = await server.client({
      clientId: 'restricted',
      grantTypes: BOTH_GRANTS,
      scopes: SCOPES,
      targets: ['address_service'],
    });
  });

  afterEach(async () => {
    const { version: _version, ...rest } = whole;
    await server.change('restricted', rest);
  });

  it.each(restrictions)('when it %s', async (_what, changes, reason) => {
    await server.change('restricted', changes);
    for (const [, ask] of ways) {
      const { answer, record } = await server.recorded(() => ask('restricted'));
      expect([400, 401]).toContain(answer.status);
      expect(record).toMatchObject({ outcome: 'refused', reason });
    }
  });

  it('when its target is disabled or offers the scope no longer', async () => {
    for (const [changes, reason] of [
      [{ disabled: true }, 'target_unknown'],
      [{ offeredScopes: [] }, 'scope_not_allowed'],
    ] as const) {
      await server.change('address_service', changes);
      for (const [, ask] of ways) {
        const { record } = await server.recorded(() => ask('restricted'));
        expect(record).toMatchObject({ outcome: 'refused', reason });
      }
      await server.change('address_service', { disabled: false, offeredScopes: SCOPES });
    }
  });

  it.each(ways)('and without one it gets its token by %s', async (_way, ask) => {
    expect((await ask('restricted')).status).toBe(200);
  });
});

describe('A record', () => {
  it('of a refusal names the grant that was tried, also when the client failed or may not', async () => {
    const wrong = {
      grant_type: GrantType.TokenExchange,
      client_id: 'my_gateway',
      client_secret: 'x',
    };
    server.clock.advance(61_000);
    const failed = await expectRefusal(
      server,
      () => server.token(wrong, null),
      'invalid_client',
      'client_secret_wrong',
      401,
    );
    expect(failed).toMatchObject({
      grantType: GrantType.TokenExchange,
      client: { clientId: 'my_gateway' },
    });
    const unknown = await expectRefusal(
      server,
      () => server.token({ grant_type: 'eyJhbGciOiJub25lIn0' }),
      'unsupported_grant_type',
      'grant_not_supported',
    );
    expect(unknown).not.toHaveProperty('grantType');
  });

  it('keeps nothing that could be a token or a secret of what was asked for', async () => {
    const secret = 'Zk3v9QeX1r7sLbq0Yw2HnUo8tGd4Mi6Pc5Ja-Ff_kRz';
    const token = await server.ownToken();
    for (const hidden of [secret, token, `https://x.example/${secret}`]) {
      const form = { scope: hidden, resource: hidden, audience: hidden };
      const { record } = await server.recorded(() => server.exchange(form));
      expect(record.outcome).toBe('refused');
      expect(JSON.stringify(record)).not.toContain(hidden.slice(-40));
      expect(record.requested).toEqual({});
    }
  });

  it('of an attempt to continue a chain hangs at that chain, granted or refused', async () => {
    const first = await server.recorded(() => server.exchange());
    const subject_token = tokenOf(first.answer);
    const tries = [
      () => server.exchange({ subject_token, audience: 'postal_service' }, 'address_service'),
      () => server.exchange({ subject_token, audience: 'nobody' }, 'address_service'),
      () => server.exchange({ subject_token, scope: 'admin' }, 'address_service'),
      () => server.exchange({ subject_token }, 'caller_a'),
    ];
    for (const attempt of tries) {
      const { record } = await server.recorded(attempt);
      expect(record).toMatchObject({ chainId: first.record.chainId, parentId: first.record.id });
    }
  });

  it('begins a chain of its own for each first exchange of one token', async () => {
    const subject_token = await server.ownToken();
    const [one, two] = [
      await server.recorded(() => server.exchange({ subject_token })),
      await server.recorded(() => server.exchange({ subject_token })),
    ];
    expect(one.record.chainId).not.toBe(two.record.chainId);
    expect(one.record.subjectToken?.hash).toBe(two.record.subjectToken?.hash);
    expect(one.record.subjectToken?.hash).toBe(sha256(subject_token));
  });
});

describe('A chain', () => {
  afterEach(() => server.change('my_gateway', { exchange: DEFAULT_EXCHANGE_SETTINGS }));

  it('may have as many actors as the client’s settings say, and not one more', async () => {
    for (const maxDepth of [1, 2, 5, 16]) {
      await server.change('my_gateway', { exchange: settings({ maxDepth }) });
      expect((await exchangeWith(strangers(maxDepth - 1))).status).toBe(200);
      await expectRefusal(
        server,
        () => exchangeWith(strangers(maxDepth)),
        'invalid_request',
        'chain_too_deep',
      );
    }
  });

  it('is no deeper than sixteen, whatever is stored', async () => {
    await server.change('my_gateway', { exchange: settings({ maxDepth: 1_000 }) });
    expect((await exchangeWith(strangers(15))).status).toBe(200);
    for (const count of [16, 31, 32, 200]) {
      const { answer, record } = await server.recorded(() => exchangeWith(strangers(count)));
      expect(answer.body).toEqual({ error: 'invalid_request', error_description: CONSTANT });
      expect(['chain_too_deep', 'token_chain_malformed']).toContain(record.reason);
    }
  });

  it('lets an actor return only where the settings say so, with a link of its own', async () => {
    const actors = [
      { iss: ISSUER, sub: 'address_service', client_id: 'address_service' },
      { iss: ISSUER, sub: 'my_gateway', client_id: 'my_gateway' },
    ];
    await expectRefusal(server, () => exchangeWith(actors), 'invalid_request', 'delegation_loop');
    await server.change('my_gateway', { exchange: settings({ allowLoops: true }) });
    expect(claimsOf(await exchangeWith(actors))['act']).toEqual(
      nested([{ iss: ISSUER, sub: 'my_gateway', client_id: 'my_gateway' }, ...actors]),
    );
  });

  it('does not take an actor of another issuer for the client of the same name', async () => {
    const actors = [
      { iss: ISSUER, sub: 'address_service' },
      { iss: 'https://other.example', sub: 'my_gateway' },
    ];
    expect((await exchangeWith(actors)).status).toBe(200);
  });

  it('may name clients that only another issuer knows, but none of ours that is disabled or gone', async () => {
    const foreign = { iss: 'https://other.example', sub: 'svc', client_id: 'only_known_there' };
    expect((await exchangeWith([foreign])).status).toBe(200);
    for (const act of [
      { iss: ISSUER, sub: 'nobody_here' },
      { iss: ISSUER, sub: 'svc', client_id: 'nobody_here' },
    ]) {
      await expectRefusal(
        server,
        () => exchangeWith([act]),
        'invalid_request',
        'token_party_disabled',
      );
    }
    await server.client({ clientId: 'sleeping', disabled: true });
    for (const act of [
      { iss: ISSUER, sub: 'sleeping' },
      { iss: 'https://other.example', sub: 'svc', client_id: 'sleeping' },
    ]) {
      await expectRefusal(
        server,
        () => exchangeWith([{ iss: 'https://w.example', sub: 'w' }, act]),
        'invalid_request',
        'token_party_disabled',
      );
    }
  });

  it('ends when the issuer of its subject is disabled or trusted no longer', async () => {
    const issuer = 'https://login.example';
    const ask = async () =>
      server.exchange({
        subject_token: await server.ownToken({
          sub_id: { format: 'iss_sub', iss: issuer, sub: 'alice' },
        }),
      });
    await expectRefusal(server, ask, 'invalid_request', 'token_party_disabled');
    const trusted = newTrustedIssuer({ issuer });
    await server.trustedIssuers.create(trusted);
    server.clock.advance(1_000);
    const granted = await ask();
    expect(claimsOf(granted)).toMatchObject({
      sub: 'alice',
      sub_id: { format: 'iss_sub', iss: issuer, sub: 'alice' },
    });
    await server.trustedIssuers.update({ ...trusted, disabled: true, version: 2 });
    server.clock.advance(1_000);
    await expectRefusal(server, ask, 'invalid_request', 'token_party_disabled');
    await expectRefusal(
      server,
      () =>
        server.exchange(
          { subject_token: tokenOf(granted), audience: 'postal_service' },
          'address_service',
        ),
      'invalid_request',
      'token_party_disabled',
    );
  });
});

describe('An actor token', () => {
  it.each(['JWT', 'logout+jwt', 'id_token+jwt', 'dpop+jwt', 'token-introspection+jwt', ''])(
    'of our own key with the type %j is none',
    async (type) => {
      const { answer, record } = await server.recorded(() => exchangeAs({}, type));
      expect(answer.body).toEqual({ error: 'invalid_request', error_description: CONSTANT });
      expect(record.outcome).toBe('refused');
    },
  );

  it.each(['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id', 'act', 'nbf', 'scope'])(
    'with a wrong claim %s fails the whole request, never less',
    async (claim) => {
      for (const value of [null, -1, [], {}, '', ['a', 1], 1e300]) {
        const { answer, record } = await server.recorded(() => exchangeAs({ [claim]: value }));
        const isHarmless =
          (claim === 'nbf' && value === -1) ||
          (claim === 'iat' && typeof value === 'number') ||
          (claim === 'exp' && value === 1e300) ||
          (claim === 'scope' && value === '');
        expect({ claim, value, status: answer.status }).toEqual({
          claim,
          value,
          status: isHarmless ? 200 : 400,
        });
        if (isHarmless) expect(Number(claimsOf(answer)['exp'])).toBeLessThan(server.now + 601);
        else expect(record.outcome).toBe('refused');
      }
    },
  );

  it('as a refresh token or of a type nobody knows is refused by name', async () => {
    for (const actor_token_type of [
      TokenType.RefreshToken,
      'urn:ietf:params:oauth:token-type:id-jag',
    ]) {
      const answer = await server.exchange({ actor_token: 'x', actor_token_type });
      expect(answer.body['error']).toBe('invalid_request');
      expect(answer.body['error_description']).toContain('actor_token_type');
    }
  });

  it('is needed no less by a client whom the subject token names, nor by another actor', async () => {
    await expectRefusal(
      server,
      async () =>
        server.exchange({
          subject_token: await server.ownToken({ may_act: { sub: 'address_service' } }),
          actor_token: await server.ownToken({ sub: 'my_gateway', client_id: 'my_gateway' }),
          actor_token_type: TokenType.AccessToken,
        }),
      'invalid_request',
      'actor_not_allowed',
    );
  });
});

describe('A token that is bound to a key', () => {
  it('is refused as subject and as actor token, because no proof of the key can be given', async () => {
    const cnf = { jkt: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs' };
    await expectRefusal(
      server,
      async () => server.exchange({ subject_token: await server.ownToken({ cnf }) }),
      'invalid_request',
      'token_sender_constrained',
    );
    await expectRefusal(
      server,
      async () =>
        server.exchange({
          actor_token: await server.ownToken({ sub: 'my_gateway', client_id: 'my_gateway', cnf }),
          actor_token_type: TokenType.AccessToken,
        }),
      'invalid_request',
      'token_sender_constrained',
    );
  });
});

describe('Two hundred exchanges at once', () => {
  it('leave two hundred records and mix up nobody’s subject, actor, application or target', async () => {
    const callers = Array.from({ length: 8 }, (_, index) => `crowd_${index}`);
    const apps = Array.from({ length: 5 }, (_, index) => `crowd_app_${index}`);
    for (const clientId of apps) await server.client({ clientId, kind: 'public' });
    for (const clientId of callers) {
      await server.client({
        clientId,
        grantTypes: BOTH_GRANTS,
        scopes: SCOPES,
        offeredScopes: SCOPES,
        targets: callers,
      });
    }
    const before = server.records.length;
    const asked = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const caller = callers[index % callers.length]!;
        const app = apps[index % apps.length]!;
        const target = callers[(index * 3 + 1) % callers.length]!;
        const isWrong = index % 10 === 9;
        const trace = `1${index.toString(16).padStart(31, '0')}`;
        const subject_token = await server.ownToken({
          sub: `person_${index}`,
          client_id: app,
          aud: isWrong ? 'postal_service' : caller,
        });
        const answer = await server.token(
          {
            grant_type: GrantType.TokenExchange,
            subject_token,
            subject_token_type: TokenType.AccessToken,
            audience: target,
          },
          caller,
          { traceparent: `00-${trace}-00f067aa0ba902b7-01` },
        );
        return { index, caller, app, target, isWrong, trace, subject_token, answer };
      }),
    );
    const records = server.records.slice(before);
    expect(records).toHaveLength(200);
    expect(new Set(records.map((record) => record.requestId)).size).toBe(200);
    const byTrace = new Map(records.map((record) => [record.traceId, record]));
    for (const { index, caller, app, target, isWrong, trace, subject_token, answer } of asked) {
      const record = byTrace.get(trace);
      expect(record).toMatchObject({
        outcome: isWrong ? 'refused' : 'granted',
        client: { clientId: caller },
        subject: { iss: ISSUER, sub: `person_${index}` },
        actor: { sub: caller },
        subjectToken: { hash: sha256(subject_token), clientId: app },
        requested: { audience: [target] },
      });
      expect(answer.status).toBe(isWrong ? 400 : 200);
      if (isWrong) continue;
      expect(record?.issuedToken?.hash).toBe(sha256(tokenOf(answer)));
      expect(claimsOf(answer)).toMatchObject({
        sub: `person_${index}`,
        client_id: app,
        aud: target,
        act: { sub: caller },
        jti: `${record?.id}.${record?.chainId}`,
      });
    }
  });
});

describe('When a store fails', () => {
  it('at any of its calls, nothing is issued, the answer is 503 and the refusal is recorded', async () => {
    const other = await Protocol.start();
    try {
      await other.storyClients();
      const subject_token = await other.ownToken();
      const clients = other.app.get(InMemoryClientStore, { strict: false });
      const originals = {
        find: clients.find.bind(clients),
        findByIdentifier: clients.findByIdentifier.bind(clients),
      };
      let calls = 0;
      let failing = 0;
      for (const name of ['find', 'findByIdentifier'] as const) {
        clients[name] = async (key: string) => {
          calls += 1;
          if (calls === failing) throw new Error('connection to 10.1.2.3 lost');
          return originals[name](key);
        };
      }
      let answer: Answer;
      do {
        failing += 1;
        calls = 0;
        other.clock.advance(1_000);
        const done = await other.recorded(() => other.exchange({ subject_token }));
        answer = done.answer;
        if (answer.status === 200) continue;
        expect(answer.status).toBe(503);
        expect(answer.headers['retry-after']).toBe('1');
        expect(answer.text).not.toContain('10.1.2.3');
        expect(done.record).toMatchObject({ outcome: 'refused', reason: 'internal_error' });
      } while (answer.status !== 200 && failing < 20);
      expect(failing).toBeGreaterThan(3);
      expect(answer.status).toBe(200);
    } finally {
      await other.stop();
    }
  });

  it('that keeps the keys, nothing is issued as soon as a revoked key could be missed', async () => {
    const other = await Protocol.start();
    try {
      await other.storyClients();
      const ask = { grant_type: GrantType.ClientCredentials, audience: 'address_service' };
      expect((await other.token(ask)).status).toBe(200);
      const keys = other.app.get(InMemoryKeyStore, { strict: false });
      keys.list = () => Promise.reject(new Error('away'));
      other.clock.advance(899);
      expect((await other.token(ask)).status).toBe(200);
      other.clock.advance(1);
      await expectRefusal(
        other,
        () => other.token(ask),
        'temporarily_unavailable',
        'internal_error',
        503,
      );
    } finally {
      await other.stop();
    }
  });
});

describe('A deployment can configure', () => {
  const started: Protocol[] = [];

  const start = async (
    options: NonNullable<Parameters<typeof Protocol.start>[0]>,
  ): Promise<Protocol> => {
    const other = await Protocol.start(options);
    started.push(other);
    await other.storyClients();
    return other;
  };

  afterEach(async () => {
    for (const each of started.splice(0)) await each.stop();
  });

  it('that nobody drops act from a subject token: it does not start', async () => {
    await expect(
      Protocol.start({ tokens: { excludedSubjectClaims: ['sid', 'act'] } }),
    ).rejects.toThrow('a chain is never cut');
  });

  it('whose client_id an exchanged token names', async () => {
    const other = await start({ tokens: { exchangedClientId: 'requester' } });
    const first = await other.exchange();
    expect(claimsOf(first)).toMatchObject({ sub: 'alice', client_id: 'my_gateway' });
    const second = await other.recorded(() =>
      other.exchange(
        { subject_token: tokenOf(first), audience: 'postal_service' },
        'address_service',
      ),
    );
    expect(claimsOf(second.answer)).toMatchObject({
      client_id: 'address_service',
      act: { sub: 'address_service', act: { sub: 'my_gateway' } },
    });
    expect(second.record.subjectToken?.clientId).toBe('my_gateway');
  });

  it('which claims of an actor token join act, by exact name, and never one that makes it a token', async () => {
    const actorClaims = ['department', 'exp', 'act', 'sub', 'aud', 'cnf', 'scope', '__proto__'];
    const other = await start({ tokens: { actorClaims } });
    const actor_token = await other.ownToken({
      sub: 'my_gateway',
      client_id: 'my_gateway',
      department: { name: 'post' },
      Department: 'no',
      email: 'gateway@example.com',
    });
    const answer = await other.exchange({ actor_token, actor_token_type: TokenType.AccessToken });
    expect(claimsOf(answer)['act']).toEqual({
      iss: ISSUER,
      sub: 'my_gateway',
      client_id: 'my_gateway',
      department: { name: 'post' },
    });
    expect(claimsOf(await other.exchange())['act']).not.toHaveProperty('department');
  });

  it('which claims an actor token must not have', async () => {
    const other = await start({ tokens: { forbiddenActorClaims: ['break_glass'] } });
    const ask = async (claims: Readonly<Record<string, unknown>>) =>
      other.exchange({
        actor_token: await other.ownToken({
          sub: 'my_gateway',
          client_id: 'my_gateway',
          ...claims,
        }),
        actor_token_type: TokenType.AccessToken,
      });
    for (const break_glass of [true, false, null, '']) {
      await expectRefusal(
        other,
        () => ask({ break_glass }),
        'invalid_request',
        'actor_not_allowed',
      );
    }
    expect((await ask({ Break_glass: true })).status).toBe(200);
  });

  it('which claims of the subject are not carried over', async () => {
    const other = await start({ tokens: { excludedSubjectClaims: ['sid', 'amr', 'sub', 'iss'] } });
    const facts = { acr: 'urn:mfa', amr: ['pwd'], sid: 's-1', auth_time: other.now };
    const act = { iss: ISSUER, sub: 'address_service' };
    const claims = claimsOf(
      await other.exchange({ subject_token: await other.ownToken({ ...facts, act }) }),
    );
    expect(claims).toMatchObject({
      iss: ISSUER,
      sub: 'alice',
      acr: 'urn:mfa',
      auth_time: other.now,
      act: { sub: 'my_gateway', act },
    });
    expect(claims).not.toHaveProperty('sid');
    expect(claims).not.toHaveProperty('amr');
  });

  it('how long a chain lives, and no further exchange prolongs it', async () => {
    const other = await start({ tokens: { chainLifetime: 90 } });
    const end = other.now + 90;
    const first = await other.exchange();
    expect(claimsOf(first)['exp']).toBe(end);
    other.clock.advance(60_000);
    const form = { subject_token: tokenOf(first), audience: 'postal_service' };
    const second = await other.exchange(form, 'address_service');
    expect(claimsOf(second)['exp']).toBe(end);
    other.clock.advance(30_000);
    await expectRefusal(
      other,
      () => other.exchange(form, 'address_service'),
      'invalid_request',
      'token_expired',
    );
  });

  it('that its own interfaces are reached with client credentials alone', async () => {
    const admin = `${ISSUER}/admin`;
    const other = await start({
      tokens: { ownTargets: [{ identifier: admin, offeredScopes: ['address:read'] }] },
    });
    await other.change('my_gateway', { targets: ['address_service', admin, ISSUER] });
    for (const asked of [{ audience: admin }, { audience: undefined, resource: admin }]) {
      await expectRefusal(
        other,
        () => other.exchange(asked),
        'invalid_target',
        'target_not_allowed',
      );
    }
    await other.client({
      clientId: 'claims_to_be_us',
      identifiers: [ISSUER],
      offeredScopes: SCOPES,
    });
    await expectRefusal(
      other,
      () => other.exchange({ audience: ISSUER }),
      'invalid_target',
      'target_not_allowed',
    );
    const own = await other.token({ grant_type: GrantType.ClientCredentials, audience: admin });
    expect(claimsOf(own)['aud']).toBe(admin);
  });
});

/** A host's own rules, which a test can replace. */
class HostPolicy extends DelegationPolicy {
  answer: (request: ExchangeRequest) => unknown = () => undefined;

  decide(request: ExchangeRequest): Verdict | Promise<Verdict> {
    return this.answer(request) as Verdict;
  }
}

describe('The policy of a host', () => {
  const policy = new HostPolicy();
  const basis = { policy: 'host', version: '7', rule: 'because' };
  let host: Protocol;

  beforeAll(async () => {
    host = await Protocol.start({ policy, tokens: { chainLifetime: 1_200 } });
    await host.storyClients();
  });

  afterAll(() => host.stop());

  const allowed = (request: ExchangeRequest, changes: object = {}): Allowed => ({
    outcome: 'allowed',
    mode: 'delegation',
    audience: request.targets.map((target) => target.identifier),
    scope: new Set(['address:read']),
    expiresAt: request.now + 60,
    basis,
    ...changes,
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('rules.yaml is missing');
      },
    ],
    ['rejects', () => Promise.reject(new Error('rules.yaml is missing'))],
    ['throws no error', () => Promise.reject('no')],
    ['says nothing', () => undefined],
    ['says null', () => null],
    ['says true', () => true],
    ['says a word', () => 'allowed'],
    ['says neither yes nor no', () => ({ outcome: 'maybe', basis })],
    ['gives no basis', (request: ExchangeRequest) => allowed(request, { basis: undefined })],
    ['gives an empty basis', (request: ExchangeRequest) => allowed(request, { basis: {} })],
    ['invents a mode', (request: ExchangeRequest) => allowed(request, { mode: 'sudo' })],
    ['forgets the mode', (request: ExchangeRequest) => allowed(request, { mode: undefined })],
    [
      'gives the scope as text',
      (request: ExchangeRequest) => allowed(request, { scope: 'address:read' }),
    ],
    [
      'gives the scope as a list',
      (request: ExchangeRequest) => allowed(request, { scope: ['address:read'] }),
    ],
    [
      'gives the audience as text',
      (request: ExchangeRequest) => allowed(request, { audience: 'address_service' }),
    ],
    [
      'forgets the audience',
      (request: ExchangeRequest) => allowed(request, { audience: undefined }),
    ],
  ])('that %s grants nothing, and the failure is recorded', async (_what, answer) => {
    policy.answer = answer;
    const { answer: sent, record } = await host.recorded(() => host.exchange());
    expect(sent.status).toBe(503);
    expect(sent.body['error']).toBe('temporarily_unavailable');
    expect(sent.text).not.toContain('rules.yaml');
    expect(record).toMatchObject({ outcome: 'refused', reason: 'internal_error' });
  });

  it.each([
    ['another audience', { audience: ['postal_service'] }],
    ['one audience more', { audience: ['address_service', 'postal_service'] }],
    ['the audience twice', { audience: ['address_service', 'address_service'] }],
    ['no audience', { audience: [] }],
    ['a scope that the subject token lacks', { scope: new Set(['address:delete']) }],
    ['no scope', { scope: new Set() }],
    ['a longer life than the chain may have', { expiresAt: 1_201 }],
    ['a longer life than the subject token', { expiresAt: 9_999 }],
    ['a life that is over', { expiresAt: 0 }],
    ['a life of half a second', { expiresAt: 0.5 }],
    ['a life without end', { expiresAt: Number.POSITIVE_INFINITY }],
    ['a life that is no number', { expiresAt: '60' }],
    ['the mode self for somebody else', { mode: 'self' }],
  ])('that gives %s is refused', async (_what, changes) => {
    policy.answer = (request) => {
      const { expiresAt } = changes as { expiresAt?: unknown };
      const end = typeof expiresAt === 'number' ? request.now + expiresAt : expiresAt;
      return allowed(request, {
        ...changes,
        ...(expiresAt === undefined ? {} : { expiresAt: end }),
      });
    };
    const record = await expectRefusal(
      host,
      () => host.exchange(),
      'invalid_request',
      'policy_widened',
    );
    expect(record.basis).toEqual(basis);
  });

  it('that gives a scope which the client or the target lacks is refused', async () => {
    policy.answer = (request) => allowed(request, { scope: new Set(['address:write']) });
    const subject_token = await host.ownToken({ aud: 'address_service' });
    await host.change('address_service', { targets: ['my_gateway', 'postal_service'] });
    await expectRefusal(
      host,
      () => host.exchange({ subject_token, audience: 'my_gateway' }, 'address_service'),
      'invalid_request',
      'policy_widened',
    );
    await expectRefusal(
      host,
      () => host.exchange({ audience: 'postal_service' }),
      'invalid_request',
      'policy_widened',
    );
  });

  it('that gives more scope than was asked for, or ignores may_act, is refused', async () => {
    policy.answer = (request) => allowed(request, { scope: new Set(SCOPES) });
    await expectRefusal(
      host,
      () => host.exchange({ scope: 'address:read' }),
      'invalid_request',
      'policy_widened',
    );
    policy.answer = allowed;
    await expectRefusal(
      host,
      async () =>
        host.exchange({
          subject_token: await host.ownToken({ may_act: { sub: 'address_service' } }),
        }),
      'invalid_request',
      'policy_widened',
    );
  });

  it('that makes a presented actor vanish is refused', async () => {
    policy.answer = (request) => allowed(request, { mode: 'impersonation' });
    await expectRefusal(
      host,
      async () =>
        host.exchange({
          actor_token: await host.ownToken({ sub: 'my_gateway', client_id: 'my_gateway' }),
          actor_token_type: TokenType.AccessToken,
        }),
      'invalid_request',
      'policy_widened',
    );
  });

  it('that refuses is obeyed, and a reason that nobody knows is recorded as its own', async () => {
    for (const [said, error, reason] of [
      ['actor_not_allowed', 'invalid_request', 'actor_not_allowed'],
      ['target_not_allowed', 'invalid_target', 'target_not_allowed'],
      ['scope_not_allowed', 'invalid_scope', 'scope_not_allowed'],
      ['mercury is retrograde', 'invalid_request', 'policy_refused'],
      [undefined, 'invalid_request', 'policy_refused'],
      [{ toString: () => 'x' }, 'invalid_request', 'policy_refused'],
    ] as const) {
      policy.answer = () => ({ outcome: 'refused', reason: said, basis });
      const record = await expectRefusal(host, () => host.exchange(), error, reason);
      expect(record.basis).toEqual(basis);
    }
  });

  it('that allows is what the token and the record say', async () => {
    policy.answer = allowed;
    const { answer, record } = await host.recorded(() => host.exchange());
    expect(claimsOf(answer)).toMatchObject({
      sub: 'alice',
      scope: 'address:read',
      exp: host.now + 60,
      act: { sub: 'my_gateway' },
    });
    expect(record).toMatchObject({ outcome: 'granted', mode: 'delegation', basis });
  });

  it('that impersonates is recorded as such', async () => {
    policy.answer = (request) => allowed(request, { mode: 'impersonation' });
    const { answer, record } = await host.recorded(() => host.exchange());
    expect(claimsOf(answer)).not.toHaveProperty('act');
    expect(record).toMatchObject({
      mode: 'impersonation',
      actor: { sub: 'my_gateway' },
      actors: [],
    });
  });
});

describe('A body that somebody else reads first', () => {
  it('never leaves the caller waiting', async () => {
    const { NestFactory } = await import('@nestjs/core');
    const { TokenExchangeModule } = await import('../../src/token-exchange.module.js');
    const { InMemoryStoresModule } = await import('../../src/testing/index.js');
    const module = TokenExchangeModule.forRoot({
      issuer: ISSUER,
      keys: { encryptionKey: Buffer.alloc(32, 3) },
      adapters: [InMemoryStoresModule],
    });
    const app = await NestFactory.create(module, { bodyParser: false, logger: false });
    app.use((request: NodeJS.ReadableStream, _response: unknown, next: () => void) => {
      request.resume().once('end', () => setImmediate(next));
    });
    await app.listen(0, '127.0.0.1');
    try {
      const answer = await fetch(`${await app.getUrl()}/connect/token`, {
        method: 'POST',
        body: new URLSearchParams(encode({ grant_type: GrantType.ClientCredentials })),
        signal: AbortSignal.timeout(5_000),
      });
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ error: 'invalid_request' });
    } finally {
      await app.close();
    }
  });
});

describe('A client that acts under a name of another issuer', () => {
  it('is the same actor in a chain, so that a loop is seen', async () => {
    const server = await Protocol.start();
    await server.storyClients();
    const act = {
      iss: ISSUER,
      sub: 'address_service',
      act: { iss: 'https://workloads.example', sub: 'gw-7', client_id: 'my_gateway' },
    };
    const { record } = await server.recorded(async () =>
      server.exchange({ subject_token: await server.ownToken({ act }) }),
    );
    expect(record).toMatchObject({ outcome: 'refused', reason: 'delegation_loop' });
    await server.stop();
  });
});

describe('An attempt that hangs', () => {
  it('is answered and recorded when its time is over', async () => {
    const server = await Protocol.start({
      policy: { decide: () => new Promise<never>(() => undefined), isInForce: () => true },
    });
    await server.storyClients();
    const { answer, record } = await server.recorded(() => server.exchange());
    expect(answer.status).toBe(503);
    expect(record).toMatchObject({ outcome: 'refused', reason: 'request_timed_out' });
    await server.stop();
  }, 60_000);
});
