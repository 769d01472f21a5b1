// node bench/policies.js: what a decision costs with few and with many policies; see docs/benchmark.md.
import { built } from './built.js';
import { table } from './report.js';

/**
 * @typedef {import('../src/delegation/policy.js').Policy} Policy
 * @typedef {import('../src/delegation/exchange-request.js').ExchangeRequest} ExchangeRequest
 * @typedef {import('../src/delegation/policy-set.js').PolicySet} PolicySet
 */

const ISSUER = 'https://idp.example';
const NOW = 1_800_000_000;
const COUNTS = [0, 10, 1_000, 10_000];
/** Policies that name one client, where they are about different ones. */
const PER_CLIENT = 10;
const ROUNDS = 7;
/** Milliseconds of each round. */
const ROUND = 200;

/** @type {typeof import('../src/delegation/policy-set.js')} */
const { PolicySet } = await built('delegation/policy-set.js');
/** @type {typeof import('../src/delegation/policy.js')} */
const { newPolicy } = await built('delegation/policy.js');
/** @type {typeof import('../src/delegation/delegation-chain.js')} */
const { DelegationChain } = await built('delegation/delegation-chain.js');
/** @type {typeof import('../src/delegation/lineage.js')} */
const { UNKNOWN_ORIGIN } = await built('delegation/lineage.js');
/** @type {typeof import('../src/delegation/exchange-request.js')} */
const { DEFAULT_EXCHANGE_SETTINGS } = await built('delegation/exchange-request.js');

/**
 * Whom and what the policy at a place names, and what is asked of all of them.
 * @typedef {(index: number) => Partial<Policy>} Naming
 * @type {readonly (readonly [string, Naming, ExchangeRequest])[]}
 */
const CASES = [
  ['ten for each client, granted', byClient, request('target_3')],
  ['ten for each client, refused', byClient, request('target_3', 'weak')],
  ['all for one group, a target each, granted', byTarget, request('target_3')],
  ['all for one group, a target each, refused', byTarget, request('elsewhere')],
  ['all for one client and target, a person each, granted', byPerson, request('target_3')],
  ['all for one client and target, a person each, refused', byPerson, request('target_3', 'weak')],
];

const rows = CASES.map(([title, naming, asked]) => {
  const sets = COUNTS.map((count) => new PolicySet(policies(count, naming)));
  const costs = measured(sets, asked);
  const [least = Number.NaN] = costs;
  return [
    title,
    ...costs.map((cost) => cost.toFixed(1)),
    ...costs.slice(1).map((cost) => (cost / least).toFixed(1)),
  ];
});
const head = [
  'µs for a decision',
  ...COUNTS.map((count) => `${count}`),
  ...COUNTS.slice(1).map((count) => `${count}:0`),
];
console.log(table([head, ...rows]));

/** @param {number} count @param {Naming} naming */
function policies(count, naming) {
  return Array.from({ length: count }, (_, index) =>
    newPolicy({
      policyId: `policy-${(index * 7919) % 10_007}`,
      scopes: ['address:read'],
      stepUp: { acr: ['urn:example:strong'], maxAge: 300 },
      limits: { depth: 3, targets: 1, loops: false, lifetime: 300 },
      ...naming(index),
    }),
  );
}

/** @param {number} index */
function byClient(index) {
  return {
    actor: { clients: [`client_${Math.floor(index / PER_CLIENT)}`] },
    targets: [`target_${index}`],
  };
}

/** @param {number} index */
function byTarget(index) {
  return { actor: { groups: ['gateways'] }, targets: [`target_${index}`] };
}

/** @param {number} index */
function byPerson(index) {
  return {
    actor: { clients: ['client_0'] },
    targets: ['target_3'],
    subject: { subjects: [`person_${index}`] },
  };
}

/** @param {string} target @param {string} acr @returns {ExchangeRequest} */
function request(target, acr = 'urn:example:strong') {
  const scope = new Set(['address:read', 'address:write']);
  const party = { iss: ISSUER, sub: 'client_0' };
  return {
    now: NOW,
    requester: {
      clientId: party.sub,
      isPublic: false,
      party,
      identifiers: [party.sub, 'https://api.example/gateway'],
      scope,
      targets: ['target_3'],
      tokenLifetime: 600,
      exchange: DEFAULT_EXCHANGE_SETTINGS,
      groups: ['gateways'],
      version: 1,
    },
    subjectToken: {
      issuer: ISSUER,
      isOwn: true,
      clientId: 'web_app',
      clientIssuer: ISSUER,
      audience: [party.sub],
      scope,
      expiresAt: NOW + 3_600,
      chain: DelegationChain.of({ iss: ISSUER, sub: 'person_3' }),
      mayAct: undefined,
      acr,
      authTime: NOW - 60,
      claims: {},
      tokenId: undefined,
      ...UNKNOWN_ORIGIN,
    },
    actorToken: undefined,
    actor: party,
    targets: [{ identifier: target, clientId: target, offeredScope: scope }],
    requestedScope: undefined,
    requestedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
    chainLifetime: 86_400,
    subjectGroups: ['staff'],
  };
}

/**
 * Microseconds for a decision of each set: the median of rounds in which they take turns.
 * @param {readonly PolicySet[]} sets
 * @param {ExchangeRequest} asked
 */
function measured(sets, asked) {
  const rounds = Array.from({ length: ROUNDS + 1 }, () => sets.map((set) => round(set, asked)));
  // The first round is for the compiler.
  const counted = rounds.slice(1);
  return sets.map((_, index) => {
    const sorted = counted.map((costs) => costs[index] ?? Number.NaN).toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  });
}

/** @param {PolicySet} set @param {ExchangeRequest} asked */
function round(set, asked) {
  const start = performance.now();
  let done = 0;
  let elapsed = 0;
  while (elapsed < ROUND) {
    for (let index = 0; index < 10; index += 1) set.evaluate(asked);
    done += 10;
    elapsed = performance.now() - start;
  }
  return (elapsed / done) * 1_000;
}
