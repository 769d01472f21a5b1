import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { Actor } from '../../src/delegation/actor.js';
import { ClientSettingsPolicy } from '../../src/delegation/client-settings-policy.js';
import { Decision, type PersonRequest } from '../../src/delegation/decision.js';
import { DelegationChain } from '../../src/delegation/delegation-chain.js';
import { DelegationPolicy } from '../../src/delegation/delegation-policy.js';
import {
  DEFAULT_EXCHANGE_SETTINGS,
  MAX_DEPTH,
  type ExchangeRequest,
  type ExchangeSettings,
} from '../../src/delegation/exchange-request.js';
import { Lineage, UNKNOWN_ORIGIN, type Unnamed } from '../../src/delegation/lineage.js';
import { broughtScope } from '../../src/delegation/issuer-settings.js';
import { MayAct } from '../../src/delegation/may-act.js';
import type { Party } from '../../src/delegation/party.js';
import { formatTokenId, issuedAtOf, isUuid, readTokenId } from '../../src/delegation/token-id.js';
import type { Allowed, Verdict } from '../../src/delegation/verdict.js';
import type { JsonObject } from '../../src/oauth/claims.js';
import { OAuthError } from '../../src/oauth/oauth-error.js';
import { isScopeWithin } from '../../src/oauth/scope.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { uuidv7 } from '../../src/oauth/uuid.js';
import { exchangeRequest, type Changes } from '../support/exchange-requests.js';

const ISSUER = 'https://idp.example';
const FOREIGN = 'https://login.example';
const NOW = 1_800_000_000;
const TOKEN_ID = {
  recordId: '0199aaaa-0000-7000-8000-000000000001',
  chainId: '0199aaaa-0000-7000-8000-000000000002',
};

interface Shape {
  subject: Party;
  actors: readonly Party[];
  requester: string;
  tokenClient: string;
  tokenAudience: readonly string[];
  tokenScope: readonly string[];
  clientScope: readonly string[];
  targetScope: readonly string[];
  requestedScope: readonly string[] | undefined;
  mayAct: JsonObject | undefined;
  isOwn: boolean;
  allowedTargets: readonly string[];
  targets: readonly string[];
  remaining: number;
  actorRemaining: number | undefined;
  lifetime: number;
  exchange: ExchangeSettings;
}

const names = fc.constantFrom('alice', 'a', 'b', 'c', 'd', 'e');
const scopes = fc.subarray(['read', 'write', 'admin', 'pay'], { minLength: 2 });
const parties = fc.record({ iss: fc.constantFrom(ISSUER, FOREIGN), sub: names });

const shapes: fc.Arbitrary<Shape> = fc.record({
  subject: parties,
  actors: fc.array(parties, { maxLength: 6 }),
  requester: fc.constantFrom('a', 'b', 'c'),
  tokenClient: fc.constantFrom('a', 'b', 'web'),
  tokenAudience: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'api'), { minLength: 1 }),
  tokenScope: scopes,
  clientScope: scopes,
  targetScope: scopes,
  requestedScope: fc.option(fc.subarray(['read', 'write', 'admin', 'pay'], { minLength: 1 }), {
    nil: undefined,
  }),
  mayAct: fc.option(fc.record({ sub: names, iss: fc.constantFrom(ISSUER, FOREIGN) }), {
    nil: undefined,
    freq: 4,
  }),
  isOwn: fc.boolean(),
  allowedTargets: fc.oneof(fc.constant(['x', 'y', 'z']), fc.subarray(['x', 'y', 'z'])),
  targets: fc.oneof(fc.constantFrom(['x'], ['y']), fc.subarray(['x', 'y', 'z'])),
  remaining: fc.integer({ min: 1, max: 5000 }),
  actorRemaining: fc.option(fc.integer({ min: 1, max: 5000 }), { nil: undefined }),
  lifetime: fc.integer({ min: 30, max: 5000 }),
  exchange: fc.record({
    mode: fc.constantFrom('delegation' as const, 'impersonation' as const),
    subjectIssuers: fc.subarray([FOREIGN]),
    presentsTokensOf: fc.subarray(['a', 'b', 'web']),
    actorIdentities: fc.constant([]),
    maxDepth: fc.integer({ min: 1, max: MAX_DEPTH }),
    allowLoops: fc.boolean(),
    maxTargets: fc.integer({ min: 1, max: 3 }),
  }),
});

function nest(actors: readonly Party[]): JsonObject | undefined {
  return actors.reduceRight<JsonObject | undefined>(
    (act, { iss, sub }) => (act === undefined ? { iss, sub } : { iss, sub, act }),
    undefined,
  );
}

function requestOf(shape: Shape): ExchangeRequest {
  const party = { iss: ISSUER, sub: shape.requester };
  const issuer = shape.isOwn ? ISSUER : FOREIGN;
  const token = {
    issuer,
    isOwn: shape.isOwn,
    clientId: shape.tokenClient,
    clientIssuer: issuer,
    audience: shape.tokenAudience,
    scope: new Set(shape.tokenScope),
    expiresAt: NOW + shape.remaining,
    chain: DelegationChain.read(shape.subject, nest(shape.actors), issuer),
    mayAct: MayAct.read(shape.mayAct, issuer),
    acr: undefined,
    authTime: undefined,
    claims: {},
    tokenId: undefined,
    ...UNKNOWN_ORIGIN,
  };
  return {
    now: NOW,
    requester: {
      clientId: shape.requester,
      isPublic: false,
      party,
      identifiers: [shape.requester],
      scope: new Set(shape.clientScope),
      targets: shape.allowedTargets,
      tokenLifetime: shape.lifetime,
      exchange: shape.exchange,
    },
    subjectToken: token,
    actorToken:
      shape.actorRemaining === undefined
        ? undefined
        : { ...token, expiresAt: NOW + shape.actorRemaining, chain: DelegationChain.of(party) },
    actor: party,
    targets: shape.targets.map((identifier) => ({
      identifier,
      clientId: identifier,
      offeredScope: new Set(shape.targetScope),
    })),
    requestedScope: shape.requestedScope && new Set(shape.requestedScope),
    requestedTokenType: TokenType.AccessToken,
    chainLifetime: 3600,
  };
}

/** Says yes to everything, with a random answer: what a careless host might write. */
class CarelessPolicy extends DelegationPolicy {
  constructor(private readonly verdict: Verdict) {
    super();
  }

  decide(): Verdict {
    return this.verdict;
  }
}

async function outcome(
  policy: DelegationPolicy,
  request: ExchangeRequest,
): Promise<Decision | OAuthError> {
  try {
    return await Decision.ofExchange(policy, request, { tokenId: TOKEN_ID, clientId: 'web' });
  } catch (error) {
    if (error instanceof OAuthError) return error;
    throw error;
  }
}

function expectNothingWidened(decision: Decision, request: ExchangeRequest): void {
  const before = request.subjectToken;
  const offered = request.targets.map((target) => target.identifier);
  expect(isScopeWithin(decision.scope, broughtScope(before))).toBe(true);
  expect(decision.scope.size).toBeGreaterThan(0);
  expect(decision.expiresAt).toBeLessThanOrEqual(before.expiresAt);
  expect(decision.expiresAt).toBeLessThanOrEqual(
    request.actorToken?.expiresAt ?? Number.POSITIVE_INFINITY,
  );
  expect([...decision.audience].toSorted()).toEqual([...offered].toSorted());
  expect(decision.chain.subject).toEqual(before.chain.subject);
  expect(decision.chain.depth).toBeGreaterThanOrEqual(before.chain.depth);
  expect(decision.chain.depth - before.chain.depth).toBeLessThanOrEqual(1);
  expect(decision.chain.depth).toBeLessThanOrEqual(MAX_DEPTH);
  expect(decision.chain.actors.slice(decision.chain.depth - before.chain.depth)).toEqual(
    before.chain.actors,
  );
}

describe('An exchange', () => {
  it('never widens scope, audience or lifetime, nor shortens the chain, whatever the settings are', async () => {
    let granted = 0;
    await fc.assert(
      fc.asyncProperty(shapes, async (shape) => {
        const request = requestOf(shape);
        const result = await outcome(new ClientSettingsPolicy(), request);
        if (result instanceof OAuthError) return;
        granted += 1;
        expectNothingWidened(result, request);
        expect(isScopeWithin(result.scope, request.requester.scope)).toBe(true);
        expect(
          result.audience.every((identifier) => request.requester.targets.includes(identifier)),
        ).toBe(true);
        expect(result.chain.depth).toBeLessThanOrEqual(Math.max(shape.exchange.maxDepth, 0));
        expect(result.expiresAt).toBeLessThanOrEqual(NOW + Math.min(shape.lifetime, 3600));
      }),
      { numRuns: 5000 },
    );
    expect(granted).toBeGreaterThan(10);
  });

  it('is refused when a policy allows more than the subject token holds', async () => {
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        shapes,
        fc.record({
          outcome: fc.constant('allowed' as const),
          mode: fc.constantFrom('delegation' as const, 'impersonation' as const, 'self' as const),
          audience: fc.subarray(['x', 'y', 'z', 'api']),
          scope: scopes.map((list) => new Set(list)),
          expiresAt: fc.oneof(
            fc.integer({ min: NOW - 10, max: NOW + 9000 }),
            fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, NOW + 0.5),
          ),
          basis: fc.constant({ policy: 'careless', version: '1', rule: 'yes' }),
        }),
        async (shape, verdict) => {
          const request = requestOf(shape);
          const result = await outcome(new CarelessPolicy(verdict), request);
          if (result instanceof OAuthError) refused += 1;
          else expectNothingWidened(result, request);
        },
      ),
      { numRuns: 5000 },
    );
    expect(refused).toBeGreaterThan(10);
  });

  it('is refused by an actor that the may_act claim does not name', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, async (shape) => {
        const mayAct = { iss: ISSUER, sub: 'somebody_else' };
        const result = await outcome(new ClientSettingsPolicy(), requestOf({ ...shape, mayAct }));
        expect(result).toBeInstanceOf(OAuthError);
      }),
    );
  });

  it('is refused to a client that is neither audience, nor client, nor named, nor allowed to present the token', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, async (shape) => {
        const stranger = {
          ...shape,
          requester: 'c',
          tokenAudience: ['api'],
          tokenClient: 'web',
          mayAct: undefined,
        };
        const result = await outcome(
          new ClientSettingsPolicy(),
          requestOf({ ...stranger, exchange: { ...shape.exchange, presentsTokensOf: [] } }),
        );
        expect(result).toMatchObject({ error: 'invalid_request' });
      }),
    );
  });

  it('adds no link when the same actor acts again, and refuses one that acted before another', async () => {
    const base: Shape = {
      subject: { iss: ISSUER, sub: 'alice' },
      actors: [{ iss: ISSUER, sub: 'a' }],
      requester: 'a',
      tokenClient: 'web',
      tokenAudience: ['a'],
      tokenScope: ['read'],
      clientScope: ['read'],
      targetScope: ['read'],
      requestedScope: undefined,
      mayAct: undefined,
      isOwn: true,
      allowedTargets: ['x'],
      targets: ['x'],
      remaining: 100,
      actorRemaining: undefined,
      lifetime: 60,
      exchange: DEFAULT_EXCHANGE_SETTINGS,
    };
    const again = await outcome(new ClientSettingsPolicy(), requestOf(base));
    expect(again).toMatchObject({ mode: 'delegation', chain: { depth: 1 } });
    const loop = {
      ...base,
      actors: [
        { iss: ISSUER, sub: 'b' },
        { iss: ISSUER, sub: 'a' },
      ],
    };
    expect(await outcome(new ClientSettingsPolicy(), requestOf(loop))).toMatchObject({
      reason: 'delegation_loop',
    });
    const allowed = { ...loop, exchange: { ...DEFAULT_EXCHANGE_SETTINGS, allowLoops: true } };
    expect(await outcome(new ClientSettingsPolicy(), requestOf(allowed))).toMatchObject({
      chain: { depth: 3 },
    });
  });
});

const PERSON = { iss: ISSUER, sub: '0199aaaa-0000-7000-8000-0000000000aa' };

function target(identifier: string, offered: readonly string[], clientId?: string) {
  return { identifier, clientId, offeredScope: new Set(offered) };
}

const API = target('x', ['read', 'write'], 'x');
const OTHER_API = target('y', ['read', 'admin'], 'y');
const USER_INFO = target('z', ['openid', 'profile']);

function personRequest({
  clientScope = ['openid', 'profile', 'read', 'write', 'admin'],
  allowedTargets = ['x', 'y', 'z'],
  maxTargets = 1,
  ...changed
}: Partial<PersonRequest> & {
  readonly clientScope?: readonly string[];
  readonly allowedTargets?: readonly string[];
  readonly maxTargets?: number;
} = {}): PersonRequest {
  return {
    now: NOW,
    tokenId: { recordId: TOKEN_ID.recordId, chainId: undefined },
    person: PERSON,
    requester: {
      clientId: 'web',
      isPublic: true,
      party: { iss: ISSUER, sub: 'web' },
      identifiers: ['web'],
      scope: new Set(clientScope),
      targets: allowedTargets,
      tokenLifetime: 600,
      exchange: { ...DEFAULT_EXCHANGE_SETTINGS, maxTargets },
    },
    targets: [API],
    authorizedScope: new Set(['openid', 'read', 'write', 'pay']),
    requestedScope: undefined,
    signIn: {
      authTime: NOW - 60,
      acr: 'urn:example:password',
      amr: ['pwd'],
      sid: 'session',
      grantId: TOKEN_ID.chainId,
    },
    ...changed,
  };
}

function expectPersonRefused(request: PersonRequest, error: string, reason: string): void {
  const heard: unknown[] = [];
  const decide = (): unknown => Decision.ofPerson(request, (basis) => heard.push(basis));
  expect(decide).toThrow(expect.objectContaining({ error, reason }));
  expect(heard).toEqual([{ policy: 'client-settings', version: '1', rule: 'person-allowed' }]);
}

describe('What a person allowed', () => {
  it('gives nothing without a target, or for one that is not registered for the client', () => {
    expectPersonRefused(personRequest({ targets: [] }), 'invalid_target', 'target_missing');
    for (const targets of [[API], [OTHER_API, API], [USER_INFO, API]]) {
      expectPersonRefused(
        personRequest({ targets, allowedTargets: ['y', 'z'], maxTargets: 3 }),
        'invalid_target',
        'target_not_allowed',
      );
    }
    expectPersonRefused(
      personRequest({ targets: [USER_INFO], allowedTargets: ['x', 'y'] }),
      'invalid_target',
      'target_not_allowed',
    );
  });

  it('gives nothing for more services than the client may ask for at once', () => {
    for (const targets of [
      [API, OTHER_API],
      [USER_INFO, API, OTHER_API],
    ])
      expectPersonRefused(personRequest({ targets }), 'invalid_target', 'too_many_targets');
  });

  it('gives no scope that the person did not allow, the client may not have, or no target offers', () => {
    for (const [request, value] of [
      [{}, 'admin'],
      [{ targets: [OTHER_API] }, 'admin'],
      [{ clientScope: ['read'] }, 'write'],
      [{}, 'pay'],
      [{}, 'openid'],
    ] as const) {
      expectPersonRefused(
        personRequest({ ...request, requestedScope: new Set(['read', value]) }),
        'invalid_scope',
        'scope_not_allowed',
      );
    }
    for (const request of [
      { authorizedScope: new Set<string>() },
      { clientScope: [] },
      { authorizedScope: new Set(['openid']) },
      { requestedScope: new Set<string>() },
    ])
      expectPersonRefused(personRequest(request), 'invalid_scope', 'scope_empty');
  });

  it('is a token of the person alone, to the client, with the facts of the sign-in', () => {
    const decision = Decision.ofPerson(personRequest());
    expect(decision).toMatchObject({
      mode: 'own',
      clientId: 'web',
      audience: ['x'],
      issuedAt: NOW,
      expiresAt: NOW + 600,
      tokenId: { recordId: TOKEN_ID.recordId, chainId: undefined },
      basis: { policy: 'client-settings', version: '1', rule: 'person-allowed' },
      subjectToken: undefined,
    });
    expect([...decision.scope]).toEqual(['read', 'write']);
    expect(decision.chain.subject).toEqual(PERSON);
    expect(decision.chain.depth).toBe(0);
    expect(decision.subjectClaims).toEqual({
      auth_time: NOW - 60,
      acr: 'urn:example:password',
      amr: ['pwd'],
      sid: 'session',
      grant_id: TOKEN_ID.chainId,
    });
  });

  it('holds what any of its targets offers, an interface of ours on top of the services', () => {
    const targets = [USER_INFO, API];
    const decision = Decision.ofPerson(personRequest({ targets }));
    expect(decision.audience).toEqual(['z', 'x']);
    expect([...decision.scope]).toEqual(['openid', 'read', 'write']);
    const narrow = personRequest({ targets, requestedScope: new Set(['openid']) });
    expect([...Decision.ofPerson(narrow).scope]).toEqual(['openid']);
    const both = personRequest({ targets: [API, OTHER_API, USER_INFO], maxTargets: 2 });
    expect(Decision.ofPerson(both).audience).toEqual(['x', 'y', 'z']);
  });

  it('carries over what the token before it says of the sign-in, and nothing for a client itself', async () => {
    const { requester, subjectToken, ...rest } = requestOf({
      subject: PERSON,
      actors: [],
      requester: 'a',
      tokenClient: 'web',
      tokenAudience: ['a'],
      tokenScope: ['read'],
      clientScope: ['read'],
      targetScope: ['read'],
      requestedScope: undefined,
      mayAct: undefined,
      isOwn: true,
      allowedTargets: ['x'],
      targets: ['x'],
      remaining: 100,
      actorRemaining: undefined,
      lifetime: 60,
      exchange: DEFAULT_EXCHANGE_SETTINGS,
    });
    const claims = { sid: 'session', grant_id: TOKEN_ID.chainId };
    const exchanged = await outcome(new ClientSettingsPolicy(), {
      ...rest,
      requester,
      subjectToken: { ...subjectToken, claims },
    });
    expect(exchanged).toMatchObject({ subjectClaims: claims });
    const own = {
      now: NOW,
      tokenId: TOKEN_ID,
      requester,
      targets: [API],
      requestedScope: undefined,
    };
    expect(Decision.ofClient(own).subjectClaims).toEqual({});
  });
});

const B = { iss: ISSUER, sub: 'b' };

function manyTimes(party: Party, count: number): readonly Party[] {
  return Array.from({ length: count }, () => party);
}

function chainOf(depth: number): DelegationChain {
  return DelegationChain.read({ iss: ISSUER, sub: 'alice' }, nest(manyTimes(B, depth)), ISSUER);
}

describe('A delegation chain', () => {
  it('tells exactly the act claim that it was read from, foreign members included', () => {
    const link = fc.record(
      {
        sub: fc.string({ minLength: 1, maxLength: 20 }).filter((text) => !/\p{Cc}/u.test(text)),
        iss: fc.webUrl(),
        custom: fc.jsonValue(),
      },
      { requiredKeys: ['sub'] },
    );
    fc.assert(
      fc.property(fc.array(link, { minLength: 1, maxLength: 16 }), (links) => {
        const act = JSON.parse(
          JSON.stringify(
            links.reduceRight<object | undefined>(
              (inner, each) => (inner ? { ...each, act: inner } : each),
              undefined,
            ),
          ),
        ) as JsonObject;
        const chain = DelegationChain.read({ iss: ISSUER, sub: 'alice' }, act, ISSUER);
        expect(chain.toAct()).toEqual(act);
        const longer = chain.extend(Actor.of({ iss: ISSUER, sub: 'next' }, 'next'));
        expect(longer.toAct()).toEqual({ iss: ISSUER, sub: 'next', client_id: 'next', act });
        expect(chain.isKeptBy(longer)).toBe(true);
        expect(longer.isKeptBy(chain)).toBe(false);
      }),
    );
  });

  it('refuses anything that is no chain with an OAuthError and never throws anything else', () => {
    const link = fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          sub: fc.jsonValue(),
          iss: fc.jsonValue(),
          client_id: fc.jsonValue(),
          act: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
    );
    fc.assert(
      fc.property(link, (act) => {
        try {
          const chain = DelegationChain.read({ iss: ISSUER, sub: 'alice' }, act, ISSUER);
          expect(chain.actors.every(({ sub, iss }) => sub !== '' && iss !== '')).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(OAuthError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses ten thousand nested links without recursing', () => {
    let act: Record<string, unknown> = { sub: 'x' };
    for (let depth = 0; depth < 10_000; depth += 1) act = { sub: 'x', act };
    expect(() => DelegationChain.read({ iss: ISSUER, sub: 'alice' }, act, ISSUER)).toThrow(
      OAuthError,
    );
  });

  it('is kept only by itself and by what was put in front of it', () => {
    const alice = { iss: ISSUER, sub: 'alice' };
    const links = ['a', 'b', 'c'].map((sub) => Actor.of({ iss: ISSUER, sub }, sub));
    const [a, b, c] = links as [Actor, Actor, Actor];
    const none = DelegationChain.of(alice);
    const chain = none.extend(a).extend(b);
    for (const longer of [chain, chain.extend(c), chain.extend(a), chain.extend(c).extend(a)])
      expect(chain.isKeptBy(longer)).toBe(true);
    const again = Actor.of({ iss: ISSUER, sub: 'a' }, 'a');
    for (const other of [
      none,
      none.extend(a),
      none.extend(b),
      none.extend(b).extend(a),
      none.extend(a).extend(c),
      none.extend(c).extend(b),
      none.extend(a).extend(c).extend(b),
      none.extend(b).extend(a).extend(c),
      none.extend(again).extend(b),
      DelegationChain.of({ iss: FOREIGN, sub: 'alice' }).extend(a).extend(b),
      DelegationChain.of({ iss: ISSUER, sub: 'bob' }).extend(a).extend(b),
    ])
      expect(chain.isKeptBy(other)).toBe(false);
    expect(none.isKeptBy(chain)).toBe(true);
    expect(none.isKeptBy(DelegationChain.of({ iss: ISSUER, sub: 'bob' }))).toBe(false);
    expect(none.toAct()).toBeUndefined();
    expect(none.extend(a).toAct()).toEqual({ iss: ISSUER, sub: 'a', client_id: 'a' });
    expect(chain).toMatchObject({ depth: 2, currentActor: b, priorActors: [a] });
    expect(none.currentActor).toBeUndefined();
  });

  it('of thirty-two actors is read, and one more is refused as malformed', () => {
    expect(chainOf(32).depth).toBe(32);
    expect(() => chainOf(33)).toThrow(
      expect.objectContaining({
        error: 'invalid_request',
        reason: 'token_chain_malformed',
        description: 'A presented token is not acceptable.',
      }),
    );
  });
});

const NO_NAMES: readonly unknown[] = [
  '',
  'x'.repeat(513),
  'a\u0000b',
  'a\u001f',
  '\u007f',
  'a\u0080',
  '\u009f',
  17,
  null,
  [],
  {},
  true,
];
const NAMES: readonly string[] = ['x', 'x'.repeat(512), ' ', '~', '\u00a0', 'Zoë 🏠'];

describe('An actor', () => {
  it('says who it is and through which client, and what the deployment adds', () => {
    const added = { department: 'post', level: [1] };
    expect(Actor.of(B, 'b', added).claims).toEqual({ ...B, client_id: 'b', ...added });
    expect(Actor.of(B).claims).toEqual(B);
    expect(Actor.of(B)).toMatchObject({ iss: ISSUER, sub: 'b', clientId: undefined });
  });

  it.each([
    'iss',
    'sub',
    'client_id',
    'act',
    'exp',
    'nbf',
    'iat',
    'aud',
    'jti',
    'cnf',
    'scope',
    'may_act',
  ])('never gets %s from what the deployment adds', (name) => {
    expect(Actor.of(B, 'b', { [name]: 'forged' }).claims).toEqual({ ...B, client_id: 'b' });
    expect(Actor.of(B, undefined, { [name]: 'forged' }).claims).toEqual(B);
  });

  it('is read from a claim that names somebody, with all that it says and without the nested one', () => {
    const claims = { ...B, client_id: 'c', exp: 1, act: { sub: 'a' }, x: null };
    const { act: _act, ...own } = claims;
    expect(Actor.read(claims, FOREIGN)).toMatchObject({ ...B, clientId: 'c', claims: own });
    expect(Actor.read({ sub: 'b' }, FOREIGN)).toMatchObject({
      iss: FOREIGN,
      sub: 'b',
      clientId: undefined,
      claims: { sub: 'b' },
    });
  });

  it.each(['iss', 'sub', 'client_id'])('is nobody without a good %s', (name) => {
    const claims = { ...B, client_id: 'c' };
    for (const value of NO_NAMES)
      expect(Actor.read({ ...claims, [name]: value }, ISSUER)).toBeUndefined();
    for (const value of NAMES)
      expect(Actor.read({ ...claims, [name]: value }, ISSUER)?.claims[name]).toBe(value);
    const { sub: _sub, ...nameless } = claims;
    expect(Actor.read(nameless, ISSUER)).toBeUndefined();
  });
});

describe('A may_act claim', () => {
  it('names one party, of the token’s issuer unless it says another', () => {
    expect(MayAct.read(undefined, ISSUER)).toBeUndefined();
    for (const [claim, party] of [
      [{ sub: 'b' }, B],
      [{ client_id: 'b' }, B],
      [{ sub: 'b', client_id: 'c' }, B],
      [
        { sub: 'b', iss: FOREIGN },
        { iss: FOREIGN, sub: 'b' },
      ],
    ] as const) {
      const mayAct = MayAct.read(claim, ISSUER);
      expect(mayAct?.party).toEqual(party);
      expect(mayAct?.names(party)).toBe(true);
      for (const other of [
        { ...party, sub: 'c' },
        { ...party, iss: 'https://other.example' },
        { ...party, sub: 'B' },
      ])
        expect(mayAct?.names(other)).toBe(false);
    }
  });

  it('that cannot be read names nobody', () => {
    const broken = [null, 'b', 17, true, [], [{ sub: 'b' }], {}, { iss: ISSUER }];
    for (const claim of [
      ...broken,
      ...NO_NAMES.flatMap((value) => [{ sub: value ?? '' }, { sub: 'b', iss: value }]),
    ]) {
      const mayAct = MayAct.read(claim, ISSUER);
      expect(mayAct).toBeInstanceOf(MayAct);
      expect(mayAct?.party).toBeUndefined();
      expect(mayAct?.names(B)).toBe(false);
    }
  });
});

describe('What a policy of a host says', () => {
  const shape: Shape = {
    subject: { iss: ISSUER, sub: 'alice' },
    actors: [B],
    requester: 'a',
    tokenClient: 'web',
    tokenAudience: ['a'],
    tokenScope: ['read', 'write'],
    clientScope: ['read', 'write', 'pay'],
    targetScope: ['read', 'write', 'pay'],
    requestedScope: undefined,
    mayAct: { iss: ISSUER, sub: 'a' },
    isOwn: true,
    allowedTargets: ['x', 'y'],
    targets: ['x', 'y'],
    remaining: 1_000,
    actorRemaining: undefined,
    lifetime: 600,
    exchange: DEFAULT_EXCHANGE_SETTINGS,
  };
  const verdict = {
    outcome: 'allowed' as const,
    mode: 'delegation' as const,
    audience: ['x', 'y'],
    scope: new Set(['read']),
    expiresAt: NOW + 1_000,
    basis: { policy: 'host', version: '1', rule: 'yes' },
  };

  it('is issued to its limits', async () => {
    for (const [changes, request] of [
      [{}, {}],
      [{ audience: ['y', 'x'] }, {}],
      [{ scope: new Set(['read', 'write']) }, {}],
      [{ scope: new Set(['pay']), reauthorized: { read: ['pay'] } }, {}],
      [{ expiresAt: NOW + 1 }, {}],
      [{ mode: 'impersonation' as const }, {}],
      [{ mode: 'self' as const }, { subject: { iss: ISSUER, sub: 'a' }, actors: [] }],
      [{ expiresAt: NOW + 500 }, { actorRemaining: 500 }],
      [{ scope: new Set(['write']) }, { requestedScope: ['read', 'write'] }],
      [{ expiresAt: NOW + 3_600 }, { remaining: 9_000 }],
      [{}, { actors: manyTimes(B, 15) }],
    ] as const) {
      const asked = requestOf({ ...shape, ...request });
      const decision = await outcome(new CarelessPolicy({ ...verdict, ...changes }), asked);
      expect(decision).toMatchObject({
        mode: 'delegation',
        audience: ['x', 'y'],
        scope: verdict.scope,
        expiresAt: verdict.expiresAt,
        issuedAt: NOW,
        tokenId: TOKEN_ID,
        clientId: 'web',
        basis: verdict.basis,
        subjectToken: asked.subjectToken,
        ...changes,
      });
    }
  });

  it.each<[string, Partial<Allowed>, Partial<Shape>]>([
    ['a target less', { audience: ['x'] }, {}],
    ['no target', { audience: [] }, {}],
    ['no target, where none was asked for', { audience: [] }, { targets: [] }],
    ['another target', { audience: ['x', 'z'] }, {}],
    ['a target more', { audience: ['x', 'y', 'z'] }, {}],
    ['a target twice', { audience: ['x', 'x'] }, {}],
    ['a target twice, besides', { audience: ['x', 'y', 'x'] }, {}],
    ['no scope', { scope: new Set() }, {}],
    ['more scope than the token', { scope: new Set(['pay']) }, {}],
    [
      'more scope than its translation',
      { scope: new Set(['write']), reauthorized: { write: ['pay'] } },
      {},
    ],
    ['more scope than the client', {}, { clientScope: ['write'] }],
    ['more scope than a target', {}, { targetScope: ['write'] }],
    ['more scope than asked for', {}, { requestedScope: ['write'] }],
    ['a life that is over', { expiresAt: NOW }, {}],
    ['a life of parts of a second', { expiresAt: NOW + 0.5 }, {}],
    ['a longer life than the token', { expiresAt: NOW + 1_001 }, {}],
    ['a longer life than the chain', { expiresAt: NOW + 3_601 }, { remaining: 9_000 }],
    ['a longer life than the actor token', { expiresAt: NOW + 501 }, { actorRemaining: 500 }],
    ['itself, for another', { mode: 'self' }, {}],
    ['delegation, to the subject', {}, { subject: { iss: ISSUER, sub: 'a' }, actors: [] }],
    [
      'impersonation, by the subject',
      { mode: 'impersonation' },
      { subject: { iss: ISSUER, sub: 'a' }, actors: [] },
    ],
    ['itself, behind others', { mode: 'self' }, { subject: { iss: ISSUER, sub: 'a' } }],
    ['impersonation, with an actor token', { mode: 'impersonation' }, { actorRemaining: 2_000 }],
    ['an actor that the token does not name', {}, { mayAct: { sub: 'c' } }],
    ['a seventeenth actor', {}, { actors: manyTimes(B, 16) }],
  ])('is refused when it allows %s', async (_what, changes, request) => {
    const asked = requestOf({ ...shape, ...request });
    const result = await outcome(new CarelessPolicy({ ...verdict, ...changes }), asked);
    expect(result).toMatchObject({ error: 'invalid_request', reason: 'policy_widened' });
  });

  it('is refused when it allows more scope than one of the targets offers', async () => {
    const asked = requestOf(shape);
    const targets = [target('x', ['read']), target('y', ['write'])];
    const result = await outcome(new CarelessPolicy(verdict), { ...asked, targets });
    expect(result).toMatchObject({ reason: 'policy_widened' });
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a word', 'allowed'],
    ['yes', true],
    ['a verdict without a basis', { ...verdict, basis: undefined }],
    ['a basis of null', { ...verdict, basis: null }],
    ['a basis without a policy', { ...verdict, basis: { version: '1', rule: 'yes' } }],
    ['a basis with an empty rule', { ...verdict, basis: { ...verdict.basis, rule: '' } }],
    ['a basis with a number', { ...verdict, basis: { ...verdict.basis, version: 1 } }],
    ['another outcome', { ...verdict, outcome: 'granted' }],
    ['another mode', { ...verdict, mode: 'own' }],
    ['targets that are no list', { ...verdict, audience: 'x' }],
    ['scope that is no set', { ...verdict, scope: ['read'] }],
  ])('is an error when it is %s', async (_what, said) => {
    const heard: unknown[] = [];
    const policy = new CarelessPolicy(said as Verdict);
    const options = {
      tokenId: TOKEN_ID,
      clientId: 'web',
      heard: (basis: unknown) => heard.push(basis),
    };
    await expect(Decision.ofExchange(policy, requestOf(shape), options)).rejects.toThrow(
      new TypeError('The delegation policy did not give a verdict'),
    );
    expect(heard).toEqual([]);
  });

  it.each([
    ['target_not_allowed', 'invalid_target', 'A requested target is not acceptable.'],
    ['target_missing', 'invalid_target', 'A requested target is not acceptable.'],
    ['too_many_targets', 'invalid_target', 'A requested target is not acceptable.'],
    ['scope_not_allowed', 'invalid_scope', 'The requested scope is not acceptable.'],
    ['scope_empty', 'invalid_scope', 'The requested scope is not acceptable.'],
    ['actor_not_allowed', 'invalid_request', 'A presented token is not acceptable.'],
    ['policy_denied', 'invalid_request', 'A presented token is not acceptable.'],
    ['policy_missing', 'invalid_request', 'A presented token is not acceptable.'],
    ['a reason of its own', 'invalid_request', 'A presented token is not acceptable.'],
    [
      'authentication_insufficient',
      'insufficient_user_authentication',
      'The subject must sign in in another way, or again.',
    ],
  ])('when it refuses as %s, answers %s', async (reason, error, description) => {
    const { basis } = verdict;
    const refusal = { outcome: 'refused', reason, basis } as Verdict;
    const heard: unknown[] = [];
    const decide = Decision.ofExchange(new CarelessPolicy(refusal), requestOf(shape), {
      tokenId: TOKEN_ID,
      clientId: 'web',
      heard: (each) => heard.push(each),
    });
    await expect(decide).rejects.toMatchObject({
      error,
      description,
      reason: reason === 'a reason of its own' ? 'policy_refused' : reason,
    });
    expect(heard).toEqual([basis]);
  });

  it('may ask for a better sign-in, with what is needed', async () => {
    const { basis } = verdict;
    for (const [stepUp, members] of [
      [
        { acr: ['2', '3'], maxAge: 60 },
        { acr_values: '2 3', max_age: 60 },
      ],
      [{ maxAge: 0 }, { max_age: 0 }],
      [undefined, {}],
    ] as const) {
      const reason = 'authentication_insufficient';
      const said: Verdict = { outcome: 'refused', reason, basis, stepUp };
      const result = await outcome(new CarelessPolicy(said), requestOf(shape));
      expect(result).toMatchObject({ reason });
      expect((result as OAuthError).members).toEqual(members);
    }
  });

  it('adds the claims of the deployment to a new actor alone', async () => {
    const policy = new CarelessPolicy(verdict);
    const decide = (request: Partial<Shape>) =>
      Decision.ofExchange(policy, requestOf({ ...shape, ...request }), {
        tokenId: TOKEN_ID,
        clientId: 'web',
        actorClaims: { department: 'post' },
      });
    expect((await decide({})).chain.currentActor?.claims).toEqual({
      iss: ISSUER,
      sub: 'a',
      client_id: 'a',
      department: 'post',
    });
    const again = await decide({ actors: [{ iss: ISSUER, sub: 'a' }, B] });
    expect(again.chain.depth).toBe(2);
    expect(again.chain.currentActor?.claims).toEqual({ iss: ISSUER, sub: 'a' });
  });
});

describe('A client’s own right', () => {
  const { requester } = requestOf({
    subject: PERSON,
    actors: [],
    requester: 'a',
    tokenClient: 'web',
    tokenAudience: ['a'],
    tokenScope: [],
    clientScope: ['read', 'admin'],
    targetScope: [],
    requestedScope: undefined,
    mayAct: undefined,
    isOwn: true,
    allowedTargets: ['x', 'y'],
    targets: [],
    remaining: 1,
    actorRemaining: undefined,
    lifetime: 600,
    exchange: { ...DEFAULT_EXCHANGE_SETTINGS, maxTargets: 2 },
  });
  const asked = {
    now: NOW,
    tokenId: TOKEN_ID,
    requester,
    targets: [API],
    requestedScope: undefined,
  };

  it('is what is registered for it and for every target', () => {
    const heard: unknown[] = [];
    const decision = Decision.ofClient(asked, (basis) => heard.push(basis));
    const basis = { policy: 'client-settings', version: '1', rule: 'own-right' };
    expect(decision).toMatchObject({
      mode: 'own',
      clientId: 'a',
      audience: ['x'],
      scope: new Set(['read']),
      issuedAt: NOW,
      expiresAt: NOW + 600,
      tokenId: TOKEN_ID,
      basis,
      reauthorized: undefined,
      quota: undefined,
    });
    expect(decision.chain).toMatchObject({ subject: { iss: ISSUER, sub: 'a' }, depth: 0 });
    expect(heard).toEqual([basis]);
    const both = Decision.ofClient({ ...asked, targets: [API, OTHER_API] });
    expect(both).toMatchObject({ audience: ['x', 'y'], scope: new Set(['read']) });
    const admin = { ...asked, targets: [OTHER_API], requestedScope: new Set(['admin']) };
    expect(Decision.ofClient(admin).scope).toEqual(new Set(['admin']));
  });

  it.each([
    [{ targets: [] }, 'invalid_target', 'target_missing'],
    [{ targets: [API, OTHER_API, API] }, 'invalid_target', 'too_many_targets'],
    [{ targets: [USER_INFO] }, 'invalid_target', 'target_not_allowed'],
    [{ targets: [API, USER_INFO] }, 'invalid_target', 'target_not_allowed'],
    [{ requestedScope: new Set(['write']) }, 'invalid_scope', 'scope_not_allowed'],
    [{ requestedScope: new Set(['admin']) }, 'invalid_scope', 'scope_not_allowed'],
    [{ requestedScope: new Set<string>() }, 'invalid_scope', 'scope_empty'],
    [{ requester: { ...requester, scope: new Set(['pay']) } }, 'invalid_scope', 'scope_empty'],
  ])('is refused beyond that: %#', (changes, error, reason) => {
    expect(() => Decision.ofClient({ ...asked, ...changes })).toThrow(
      expect.objectContaining({ error, reason }),
    );
  });
});

describe('What an exchange comes of', () => {
  const basis = { policy: 'parcels', version: '3', rule: 'yes' };
  const verdict = {
    outcome: 'allowed' as const,
    mode: 'delegation' as const,
    audience: ['x'],
    scope: new Set(['read']),
    expiresAt: NOW + 60,
    basis,
  };
  const decide = async (
    changes: Changes,
    more: Partial<ExchangeRequest> = {},
    said: Partial<Allowed> = {},
  ) => {
    const request = { ...exchangeRequest(changes), ...more };
    const result = await outcome(new CarelessPolicy({ ...verdict, ...said }), request);
    return { request, result };
  };
  const first = { hash: 'f'.repeat(43), keyId: 'k', issuedAt: 7 };

  it('is the token with its key, the policy, and whoever had a part and is not named', async () => {
    for (const [changes, said, unnamed] of [
      // The token will name `web`, and its chain `a`.
      [{}, {}, { policy: basis, clients: [] }],
      [{ subjectToken: { clientId: 'mobile' } }, {}, { policy: basis, clients: ['mobile'] }],
      [{ subjectToken: { clientId: undefined } }, {}, { policy: basis, clients: [] }],
      [
        { subjectToken: { clientId: 'mobile', clientIssuer: FOREIGN } },
        {},
        { policy: basis, clients: [] },
      ],
      [{}, { mode: 'impersonation' }, { policy: basis, clients: ['a'], askedBy: 'a' }],
      [
        { subjectToken: { clientId: 'mobile' } },
        { mode: 'impersonation' },
        { policy: basis, clients: ['a', 'mobile'], askedBy: 'a' },
      ],
      [{ actors: [{ iss: ISSUER, sub: 'a' }] }, {}, { policy: basis, clients: [] }],
      [{}, { basis: { ...basis, policy: 'client-settings' } }, { clients: [] }],
    ] as readonly (readonly [Changes, Partial<Allowed>, Unnamed])[]) {
      const subjectToken = { ...first, ...changes.subjectToken };
      const { request, result } = await decide({ ...changes, subjectToken }, {}, said);
      expect(result).toMatchObject({ lineage: Lineage.of([request.subjectToken], unnamed) });
    }
  });

  it('is the actor token, too, and the chain that lent it', async () => {
    const request = exchangeRequest({ actorRemaining: 60, subjectToken: first });
    const actorToken = request.actorToken && {
      ...request.actorToken,
      hash: 'a'.repeat(43),
      tokenId: TOKEN_ID,
    };
    const unnamed = { policy: basis, clients: [] };
    for (const [tokenId, chains] of [
      [TOKEN_ID, [TOKEN_ID.chainId]],
      [{ ...TOKEN_ID, chainId: undefined }, []],
      [undefined, []],
    ] as const) {
      const lent = actorToken && { ...actorToken, tokenId };
      const { result } = await decide({ subjectToken: first }, { actorToken: lent });
      const ancestors = [request.subjectToken, ...(lent ? [lent] : [])];
      expect(result).toMatchObject({ lineage: Lineage.of(ancestors, { ...unnamed, chains }) });
    }
  });

  it('is refused when it is more than a token can carry', async () => {
    const names = Array.from({ length: 63 }, (_, index) => `c${index}`);
    const lineageOf = (count: number) =>
      Lineage.of([UNKNOWN_ORIGIN], { clients: names.slice(0, count) });
    // Besides them: an unknown origin, the token and the policy.
    const fits = await decide({ subjectToken: { hash: first.hash, lineage: lineageOf(61) } });
    expect(fits.result).toBeInstanceOf(Decision);
    const more = await decide({ subjectToken: { hash: first.hash, lineage: lineageOf(62) } });
    expect(more.result).toMatchObject({ error: 'invalid_request', reason: 'lineage_too_long' });
  });

  it('looks as the most careful of client and targets wants it', async () => {
    const opaque = { isOpaque: true, hasStatus: false };
    const listed = { isOpaque: false, hasStatus: true };
    const plain = { isOpaque: false, hasStatus: false };
    for (const [ofClient, ofTarget, form] of [
      [undefined, undefined, plain],
      [plain, plain, plain],
      [opaque, undefined, opaque],
      [undefined, opaque, opaque],
      [listed, plain, listed],
      [plain, listed, listed],
      [opaque, listed, { isOpaque: true, hasStatus: true }],
    ] as const) {
      const { requester, targets } = exchangeRequest();
      const more = {
        requester: { ...requester, ...(ofClient && { tokenForm: ofClient }) },
        targets: targets.map((each) => ({ ...each, ...(ofTarget && { tokenForm: ofTarget }) })),
      };
      expect((await decide({}, more)).result).toMatchObject({ form });
    }
  });
});

describe('The id of a token', () => {
  const { recordId, chainId } = TOKEN_ID;

  it('is that of its record, and of its chain once there is one', () => {
    for (const [tokenId, jti] of [
      [TOKEN_ID, `${recordId}.${chainId}`],
      [{ recordId, chainId: undefined }, recordId],
    ] as const) {
      expect(formatTokenId(tokenId)).toBe(jti);
      expect(readTokenId(jti)).toEqual(tokenId);
    }
  });

  it('is none of ours when it is anything else', () => {
    for (const jti of [
      '',
      'x',
      `${recordId}.`,
      `.${chainId}`,
      `${recordId}${chainId}`,
      `${recordId}-${chainId}`,
      `${recordId}.${chainId}.${chainId}`,
      `x${recordId}`,
      `${recordId}x`,
      `${recordId}.${chainId}x`,
      recordId.toUpperCase(),
      recordId.replaceAll('-', ''),
      recordId.slice(1),
    ])
      expect({ jti, tokenId: readTokenId(jti) }).toEqual({ jti, tokenId: undefined });
    expect(isUuid(recordId)).toBe(true);
    for (const text of ['', `x${recordId}`, `${recordId}x`, `${recordId}.${chainId}`])
      expect(isUuid(text)).toBe(false);
  });

  it('tells to the millisecond when it was issued, and the claim when that is earlier', () => {
    const time = NOW * 1000 + 123;
    const tokenId = { recordId: uuidv7(time), chainId: undefined };
    expect(issuedAtOf(tokenId, NOW)).toBe(time);
    expect(issuedAtOf(tokenId, NOW + 1)).toBe(time);
    expect(issuedAtOf(tokenId, NOW - 1)).toBe(NOW * 1000 - 1);
    expect(issuedAtOf(undefined, NOW)).toBe(NOW * 1000 + 999);
    const random = { recordId: '0199aaaa-0000-4000-8000-000000000001', chainId: undefined };
    expect(issuedAtOf(random, NOW)).toBe(NOW * 1000 + 999);
  });
});
