import fc from 'fast-check';

import { DelegationChain } from '../../src/delegation/delegation-chain.js';
import {
  DEFAULT_EXCHANGE_SETTINGS,
  MAX_DEPTH,
  type ExchangeRequest,
  type ExchangeSettings,
  type IssuerTerms,
  type PresentedToken,
  type Requester,
} from '../../src/delegation/exchange-request.js';
import { MayAct } from '../../src/delegation/may-act.js';
import { UNKNOWN_ORIGIN } from '../../src/delegation/lineage.js';
import type { Party } from '../../src/delegation/party.js';
import type { Policy } from '../../src/delegation/policy.js';
import type { JsonObject } from '../../src/oauth/claims.js';
import { TokenType } from '../../src/oauth/token-type.js';

export const OURS = 'https://idp.example';
export const THEIRS = 'https://login.example';
export const NOW = 1_800_000_000;

/** A link as an `act` claim names it. */
export interface Link extends Party {
  readonly clientId?: string | undefined;
}

/** What is different from the simplest exchange that is granted: `a` acts for `alice` at `x`. */
export interface Changes {
  readonly requester?: Partial<Requester>;
  readonly exchange?: Partial<ExchangeSettings>;
  readonly subjectToken?: Partial<PresentedToken>;
  readonly subject?: Party;
  readonly actors?: readonly Link[];
  readonly mayAct?: JsonObject;
  /** Seconds that an actor token lives, when there is one. */
  readonly actorRemaining?: number | undefined;
  readonly actor?: Party;
  /** Targets by identifier, with what they offer. */
  readonly targets?: Readonly<Record<string, readonly string[]>>;
  readonly requested?: readonly string[] | undefined;
  readonly rest?: Partial<
    Pick<
      ExchangeRequest,
      'now' | 'chainLifetime' | 'chainStart' | 'subjectGroups' | 'purpose' | 'isProven'
    >
  >;
}

export const ALICE: Party = { iss: OURS, sub: 'alice' };

/** What an issuer is trusted with that may bring and tell everything. */
export const TRUSTED: IssuerTerms = {
  version: 5,
  trustsChains: true,
  scopes: ['read', 'write', 'admin', 'parcels'],
  impliedScopes: [],
};

/** A request that the settings of its client allow, with what is changed. */
export function exchangeRequest(changes: Changes = {}): ExchangeRequest {
  const clientId = changes.requester?.clientId ?? 'a';
  const party = { iss: OURS, sub: clientId };
  const issuer = changes.subjectToken?.issuer ?? OURS;
  const subject = changes.subject ?? ALICE;
  const targets = changes.targets ?? { x: ['read', 'write'] };
  const token: PresentedToken = {
    issuer,
    isOwn: issuer === OURS,
    clientId: 'web',
    clientIssuer: issuer,
    audience: [clientId],
    scope: new Set(['read', 'write']),
    expiresAt: NOW + 3_000,
    chain: DelegationChain.read(subject, actOf(changes.actors ?? []), issuer),
    mayAct: MayAct.read(changes.mayAct, issuer),
    acr: undefined,
    authTime: undefined,
    claims: { acr: 'from the token' },
    tokenId: undefined,
    ...UNKNOWN_ORIGIN,
    terms: issuer === OURS ? undefined : TRUSTED,
    ...changes.subjectToken,
  };
  return {
    now: NOW,
    requester: {
      clientId,
      isPublic: false,
      party,
      identifiers: [clientId],
      scope: new Set(['read', 'write']),
      targets: ['x'],
      tokenLifetime: 600,
      version: 3,
      ...changes.requester,
      exchange: { ...DEFAULT_EXCHANGE_SETTINGS, ...changes.exchange },
    },
    subjectToken: token,
    actorToken:
      changes.actorRemaining === undefined
        ? undefined
        : { ...token, expiresAt: NOW + changes.actorRemaining, chain: DelegationChain.of(party) },
    actor: changes.actor ?? party,
    targets: Object.entries(targets).map(([identifier, offered]) => ({
      identifier,
      clientId: identifier,
      offeredScope: new Set(offered),
    })),
    requestedScope: changes.requested && new Set(changes.requested),
    requestedTokenType: TokenType.AccessToken,
    chainLifetime: 3_600,
    ...changes.rest,
  };
}

function actOf(actors: readonly Link[]): JsonObject | undefined {
  return actors.reduceRight<JsonObject | undefined>(
    (act, { iss, sub, clientId }) => ({
      iss,
      sub,
      ...(clientId === undefined ? {} : { client_id: clientId }),
      ...(act === undefined ? {} : { act }),
    }),
    undefined,
  );
}

const WORDS = ['read', 'write', 'admin', 'parcels'] as const;
const CLIENTS = ['a', 'b', 'c'] as const;
const TARGETS = ['x', 'y', 'z'] as const;

const words = fc.oneof(fc.constant([...WORDS]), fc.subarray([...WORDS], { minLength: 1 }));
const issuers = fc.oneof({ weight: 4, arbitrary: fc.constant(OURS) }, fc.constant(THEIRS));
const parties = fc.record({ iss: issuers, sub: fc.constantFrom('alice', 'bob', 'a', 'b') });
const seconds = fc.integer({ min: 30, max: 5_000 });

function mostly<T>(value: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: other });
}

function sometimes<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof(fc.constant(undefined), arbitrary);
}

function rarely<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
}

/** Requests of every kind, about half of which some policy could allow. */
export const requests: fc.Arbitrary<ExchangeRequest> = fc
  .record({
    clientId: fc.constantFrom(...CLIENTS),
    clientTargets: mostly<string[]>([...TARGETS], fc.subarray([...TARGETS])),
    clientScope: words,
    clientGroups: fc.subarray(['g', 'h']),
    tokenLifetime: seconds,
    version: fc.integer({ min: 1, max: 9 }),
    exchange: fc.record({
      mode: fc.constantFrom('delegation' as const, 'impersonation' as const),
      subjectIssuers: fc.subarray([THEIRS]),
      presentsTokensOf: fc.subarray(['a', 'b', 'web']),
      maxDepth: mostly(MAX_DEPTH, fc.integer({ min: 1, max: MAX_DEPTH })),
      allowLoops: fc.boolean(),
      maxTargets: mostly(3, fc.integer({ min: 1, max: 3 })),
    }),
    issuer: issuers,
    tokenClient: fc.option(fc.constantFrom('a', 'b', 'web'), { nil: undefined, freq: 6 }),
    namesForeignClient: rarely(fc.constant(THEIRS)),
    audience: mostly<string[]>([...CLIENTS], fc.subarray(['a', 'b', 'c', 'api'])),
    scope: words,
    isSilent: rarely(fc.constant(true)),
    terms: fc.record({
      version: fc.integer({ min: 1, max: 9 }),
      trustsChains: mostly(true, fc.boolean()),
      scopes: words,
      impliedScopes: words,
    }),
    remaining: seconds,
    acr: sometimes(fc.constantFrom('1', '2')),
    age: sometimes(fc.integer({ min: 0, max: 200 })),
    subject: mostly(ALICE, parties),
    actors: mostly<Link[]>(
      [],
      fc.array(
        fc.record({
          iss: issuers,
          sub: fc.constantFrom('a', 'b', 'w'),
          clientId: rarely(fc.constantFrom(...CLIENTS)),
        }),
        {
          maxLength: 5,
        },
      ),
    ),
    mayAct: rarely(parties),
    actorRemaining: rarely(seconds),
    actor: rarely(fc.constant({ iss: THEIRS, sub: 'svc' })),
    targets: fc.oneof(fc.constantFrom<string[]>(['x'], ['y']), fc.subarray<string>([...TARGETS])),
    offered: words,
    otherOffered: words,
    requested: sometimes(fc.subarray([...WORDS], { minLength: 1, maxLength: 2 })),
    chainAge: sometimes(fc.integer({ min: -10, max: 200 })),
    subjectGroups: sometimes(fc.subarray(['staff', 'board'])),
    purpose: sometimes(fc.constant('parcel 7')),
    isProven: sometimes(fc.boolean()),
  })
  .map((made) =>
    exchangeRequest({
      requester: {
        clientId: made.clientId,
        targets: made.clientTargets,
        scope: new Set(made.clientScope),
        groups: made.clientGroups,
        tokenLifetime: made.tokenLifetime,
        version: made.version,
      },
      exchange: made.exchange,
      subjectToken: {
        issuer: made.issuer,
        clientId: made.tokenClient,
        clientIssuer: made.namesForeignClient ?? made.issuer,
        audience: made.audience,
        scope: made.isSilent ? undefined : new Set(made.scope),
        terms: made.issuer === OURS ? undefined : made.terms,
        expiresAt: NOW + made.remaining,
        acr: made.acr,
        authTime: made.age === undefined ? undefined : NOW - made.age,
      },
      subject: made.subject,
      actors: made.actors,
      ...(made.mayAct === undefined ? {} : { mayAct: { ...made.mayAct } }),
      actorRemaining: made.actorRemaining,
      ...(made.actorRemaining === undefined || made.actor === undefined
        ? {}
        : { actor: made.actor }),
      targets: Object.fromEntries(
        made.targets.map((name, index) => [name, index === 0 ? made.offered : made.otherOffered]),
      ),
      requested: made.requested,
      rest: {
        chainStart: made.chainAge === undefined ? undefined : NOW - made.chainAge,
        subjectGroups: made.subjectGroups,
        purpose: made.purpose,
        isProven: made.isProven,
      },
    }),
  );

/** A list that is named, empty ones too. */
function some<T>(values: readonly T[]): fc.Arbitrary<T[] | undefined> {
  return rarely(fc.subarray([...values]));
}

const actorConditions = fc.record({
  clients: mostly<string[] | undefined>([...CLIENTS], fc.subarray([...CLIENTS])),
  groups: some(['g', 'h']),
  after: some([...CLIENTS, 'w']),
  position: rarely(
    fc.record({
      from: sometimes(fc.integer({ min: 1, max: 3 })),
      to: sometimes(fc.integer({ min: 3, max: 6 })),
    }),
  ),
});

const subjectConditions = fc.record({
  issuers: fc.oneof(some([OURS, THEIRS]), fc.constant([OURS, THEIRS])),
  clients: some(['a', 'b', 'web']),
  subjects: some(['alice', 'bob']),
  groups: some(['staff', 'board']),
  presentedByAnyone: sometimes(fc.boolean()),
});

const validities = rarely(
  fc.record({
    from: sometimes(fc.constantFrom(NOW - 1, NOW, NOW + 1)),
    until: sometimes(fc.constantFrom(NOW + 2, NOW + 100)),
  }),
);

const shared = {
  policyId: fc.constantFrom('alpha', 'beta', 'gamma', 'delta', 'zeta', '0', 'client'),
  version: fc.integer({ min: 1, max: 99 }),
  description: fc.constant('Made at random'),
  disabled: fc.constant(false),
  subject: subjectConditions,
  validity: validities,
};

export const allowPolicies: fc.Arbitrary<Policy> = fc.record({
  ...shared,
  effect: fc.constant('allow' as const),
  actor: fc.oneof(
    { weight: 4, arbitrary: actorConditions },
    {
      weight: 1,
      arbitrary: actorConditions.map(({ groups, ...rest }) => ({
        ...rest,
        clients: undefined,
        groups: groups ?? ['g', 'h'],
      })),
    },
  ),
  targets: mostly<string[]>([...TARGETS], fc.subarray([...TARGETS], { minLength: 1 })),
  scopes: some(WORDS),
  scopeMapping: sometimes(
    fc.dictionary(fc.constantFrom('read', 'write', 'admin'), fc.subarray([...WORDS]), {
      maxKeys: 2,
    }),
  ),
  acting: fc.record({
    mode: fc.constantFrom('delegation' as const, 'impersonation' as const),
    actorToken: mostly<Policy['acting']['actorToken']>(
      'optional',
      fc.constantFrom('required' as const, 'forbidden' as const),
    ),
    proofRequired: mostly(false, fc.boolean()),
  }),
  limits: fc.record({
    lifetime: sometimes(seconds),
    chainLifetime: sometimes(fc.integer({ min: 30, max: 400 })),
    depth: mostly(MAX_DEPTH, fc.integer({ min: 1, max: MAX_DEPTH })),
    targets: mostly(3, fc.integer({ min: 1, max: 3 })),
    loops: fc.boolean(),
    uses: rarely(fc.integer({ min: 1, max: 9 })),
    fanOut: rarely(fc.integer({ min: 1, max: 9 })),
  }),
  stepUp: rarely(
    fc.record({
      acr: sometimes(fc.subarray(['1', '2'])),
      maxAge: sometimes(fc.integer({ min: 0, max: 200 })),
      fromDepth: sometimes(fc.integer({ min: 1, max: 3 })),
    }),
  ),
  purposeRequired: rarely(fc.boolean()),
});

export const denyPolicies: fc.Arbitrary<Policy> = fc.record({
  ...shared,
  effect: fc.constant('deny' as const),
  actor: fc.oneof(fc.constant({}), actorConditions),
  targets: some(TARGETS),
  scopes: sometimes(fc.subarray([...WORDS], { maxLength: 2 })),
  acting: fc.constant({
    mode: 'delegation' as const,
    actorToken: 'optional' as const,
    proofRequired: false,
  }),
  limits: fc.constant({ depth: 5, targets: 1, loops: false }),
});

/** Some policies, of which no two have the same id. */
export const policySets: fc.Arbitrary<readonly Policy[]> = fc.uniqueArray(
  fc.oneof({ weight: 5, arbitrary: allowPolicies }, { weight: 1, arbitrary: denyPolicies }),
  { maxLength: 5, selector: ({ policyId }) => policyId },
);
