import { describe, expect, it } from '@jest/globals';

import { ClientSettingsPolicy } from '../../src/delegation/client-settings-policy.js';
import { Decision } from '../../src/delegation/decision.js';
import { DelegationPolicy } from '../../src/delegation/delegation-policy.js';
import type {
  ExchangeRequest,
  IssuerTerms,
  PresentedToken,
} from '../../src/delegation/exchange-request.js';
import { broughtScope, heldScope, isChainBelieved } from '../../src/delegation/issuer-settings.js';
import { PolicySet } from '../../src/delegation/policy-set.js';
import { newPolicy, type Policy } from '../../src/delegation/policy.js';
import type { Verdict } from '../../src/delegation/verdict.js';
import { OAuthError } from '../../src/oauth/oauth-error.js';
import { exchangeRequest, NOW, THEIRS, type Changes } from '../support/exchange-requests.js';

const TERMS: IssuerTerms = {
  version: 5,
  trustsChains: false,
  scopes: ['read'],
  impliedScopes: ['write'],
};
const BY_ISSUER = { policy: 'issuer-settings', version: '5' } as const;

/** Allows whatever the token says, as a host's own policy could. */
class BelievingPolicy extends DelegationPolicy {
  decide({ targets, subjectToken }: ExchangeRequest): Verdict {
    return {
      outcome: 'allowed',
      mode: 'delegation',
      audience: targets.map(({ identifier }) => identifier),
      scope: subjectToken.scope ?? new Set(['write']),
      expiresAt: NOW + 60,
      basis: { policy: 'host', version: '1', rule: 'everything' },
    };
  }
}

/** A request of a client that may present tokens of another issuer, with one of them. */
function foreign(token: Partial<PresentedToken>, changes: Changes = {}): ExchangeRequest {
  return exchangeRequest({
    exchange: { subjectIssuers: [THEIRS] },
    subject: { iss: THEIRS, sub: 'alice' },
    ...changes,
    subjectToken: { issuer: THEIRS, terms: TERMS, ...token },
  });
}

function policy(changes: Partial<Policy>): Policy {
  return newPolicy({
    policyId: 'theirs',
    version: 2,
    subject: { issuers: [THEIRS] },
    actor: { clients: ['a'] },
    targets: ['x'],
    ...changes,
  });
}

async function decided(by: DelegationPolicy, request: ExchangeRequest): Promise<Decision | string> {
  const tokenId = { recordId: '0199aaaa-0000-7000-8000-000000000001', chainId: undefined };
  try {
    return await Decision.ofExchange(by, request, { tokenId, clientId: 'web' });
  } catch (error) {
    if (error instanceof OAuthError) return `${error.error} ${error.reason}`;
    throw error;
  }
}

/** What the scope of the verdict is, or why there is none, and who said so. */
function answered(policies: readonly Policy[], request: ExchangeRequest): readonly unknown[] {
  const { verdict, considered } = new PolicySet(policies).explain(request);
  expect(new PolicySet(policies).evaluate(request)).toEqual(verdict);
  const limit = considered.find(({ effect }) => effect === 'limit');
  expect(limit?.applies).toBe(limit?.checks.every(({ passed }) => passed));
  const { policy: by, version, rule } = verdict.basis;
  const failed = limit?.checks.filter(({ passed }) => !passed).map(({ reason }) => reason);
  return [
    verdict.outcome === 'allowed' ? [...verdict.scope] : verdict.reason,
    `${by} ${version} ${rule}`,
    failed,
  ];
}

describe('A token of another issuer brings', () => {
  it.each<[string, Partial<PresentedToken>, readonly string[], readonly string[]]>([
    ['what it says and its issuer may bring', {}, ['read', 'write'], ['read']],
    ['nothing, when it may bring nothing of it', { scope: new Set(['write']) }, ['write'], []],
    ['nothing, when it says that it holds nothing', { scope: new Set() }, [], []],
    ['what is implied, when it says nothing', { scope: undefined }, ['write'], ['write']],
    ['nothing, when nobody knows its issuer', { terms: undefined }, ['read', 'write'], []],
    ['nothing, then, by saying nothing', { terms: undefined, scope: undefined }, [], []],
  ])('%s', (_what, token, held, brought) => {
    const { subjectToken } = foreign(token);
    expect([...heldScope(subjectToken)]).toEqual(held);
    expect([...broughtScope(subjectToken)]).toEqual(brought);
  });

  it('a chain only when its issuer is trusted to tell one; of none there is nothing to believe', () => {
    const actors = [{ iss: THEIRS, sub: 'agent' }];
    const trusted = { ...TERMS, trustsChains: true };
    expect(isChainBelieved(foreign({}).subjectToken)).toBe(true);
    expect(isChainBelieved(foreign({ terms: undefined }).subjectToken)).toBe(true);
    expect(isChainBelieved(foreign({ terms: trusted }, { actors }).subjectToken)).toBe(true);
    expect(isChainBelieved(foreign({}, { actors }).subjectToken)).toBe(false);
    expect(isChainBelieved(foreign({ terms: undefined }, { actors }).subjectToken)).toBe(false);
  });
});

describe('A token of ours brings', () => {
  it('what it says, and its chain, whatever is said of issuers', () => {
    const actors = [{ iss: THEIRS, sub: 'agent' }];
    const { subjectToken } = exchangeRequest({ actors, subjectToken: { terms: TERMS } });
    expect([...broughtScope(subjectToken)]).toEqual(['read', 'write']);
    expect([...broughtScope({ ...subjectToken, scope: undefined })]).toEqual([]);
    expect(isChainBelieved(subjectToken)).toBe(true);
  });
});

describe('The settings of an issuer', () => {
  it('are named by what they refuse, in the version that refused it', () => {
    const actors = [{ iss: THEIRS, sub: 'agent' }];
    expect(answered([], foreign({}, { actors }))).toEqual([
      'token_chain_not_trusted',
      'issuer-settings 5 chain',
      ['token_chain_not_trusted'],
    ]);
    expect(answered([], foreign({}, { requested: ['write'] }))).toEqual([
      'scope_not_allowed',
      'issuer-settings 5 scope',
      ['scope_not_allowed'],
    ]);
    expect(answered([], foreign({ scope: new Set(['write']) }))).toEqual([
      'scope_empty',
      'issuer-settings 5 scope',
      ['scope_empty'],
    ]);
  });

  it('are version 0 where nobody knows them, and bring nothing', () => {
    expect(answered([], foreign({ terms: undefined }))).toEqual([
      'scope_empty',
      'issuer-settings 0 scope',
      ['scope_empty'],
    ]);
  });

  it('are not to blame for what the token never held, or the client does not hold', () => {
    const bare = { scope: new Set(['read']) };
    const rights = { requester: { scope: new Set(['write']) } };
    expect(answered([], foreign(bare, { requested: ['write'] }))).toEqual([
      'scope_not_allowed',
      'client-settings 3 scope',
      [],
    ]);
    expect(answered([], foreign(bare, rights))).toEqual([
      'scope_empty',
      'client-settings 3 scope',
      [],
    ]);
  });

  it('say nothing of a token of ours, of which nothing is explained by them', () => {
    const { considered } = new PolicySet([]).explain(exchangeRequest());
    expect(considered.map(({ policy: each }) => each)).toEqual(['client-settings']);
  });

  it('hold nothing back that is not asked for', () => {
    expect(answered([], foreign({}))).toEqual([
      ['read'],
      'client-settings 3 presenter-is-audience',
      [],
    ]);
    expect(answered([], foreign({}, { requested: ['read'] }))).toEqual([
      ['read'],
      'client-settings 3 presenter-is-audience',
      [],
    ]);
  });

  it('hold before a denial and before every policy, and no policy takes their place', () => {
    const actors = [{ iss: THEIRS, sub: 'agent' }];
    const denial = newPolicy({ policyId: 'deny', effect: 'deny' });
    const generous = policy({ limits: { depth: 16, targets: 16, loops: true } });
    for (const policies of [[denial], [generous], [denial, generous]])
      expect(answered(policies, foreign({}, { actors }))[1]).toBe('issuer-settings 5 chain');
    expect(answered([denial, generous], foreign({}))[1]).toBe('deny 1 deny');
    expect(answered([generous], foreign({}, { requested: ['write'] }))[1]).toBe(
      'issuer-settings 5 scope',
    );
  });

  it('are judged in the words of the policy that decides', () => {
    const mapped = policy({ scopeMapping: { write: ['parcels'], read: ['write'] } });
    const offers = {
      targets: { x: ['read', 'write', 'parcels'] },
      requester: { scope: new Set(['read', 'write', 'parcels']) },
    };
    expect(answered([mapped], foreign({}, offers))[0]).toEqual(['write']);
    expect(answered([mapped], foreign({}, { ...offers, requested: ['parcels'] }))).toEqual([
      'scope_not_allowed',
      'issuer-settings 5 scope',
      ['scope_not_allowed'],
    ]);
    // Another policy means by it what the issuer may bring.
    const other = policy({ policyId: 'zeta', scopeMapping: { read: ['parcels'] } });
    expect(answered([mapped, other], foreign({}, { ...offers, requested: ['parcels'] }))).toEqual([
      ['parcels'],
      'zeta 2 presenter-is-audience',
      [],
    ]);
  });

  it('choose between policies by what can really be brought', () => {
    const more = policy({ policyId: 'many-words', scopes: ['write', 'admin'] });
    const less = policy({ policyId: 'one-word', scopes: ['read'] });
    const token = { scope: new Set(['read', 'write', 'admin']) };
    expect(answered([more, less], foreign(token))[0]).toEqual(['read']);
  });
});

describe('A policy of the host', () => {
  it('does not get round them', async () => {
    const by = new BelievingPolicy();
    const actors = [{ iss: THEIRS, sub: 'agent' }];
    const read = { scope: new Set(['read']) };
    expect(await decided(by, foreign(read))).toBeInstanceOf(Decision);
    expect(await decided(by, foreign({ scope: undefined }))).toBeInstanceOf(Decision);
    for (const request of [
      foreign({}),
      foreign({ scope: new Set(['write']) }),
      foreign({ scope: undefined, terms: { ...TERMS, impliedScopes: ['read'] } }),
      foreign({ ...read, terms: undefined }),
      foreign(read, { actors }),
    ])
      expect(await decided(by, request)).toBe('invalid_request policy_widened');
    const believed = foreign({ ...read, terms: { ...TERMS, trustsChains: true } }, { actors });
    expect(await decided(by, believed)).toBeInstanceOf(Decision);
  });

  it('learns from the settings of the client what they leave', () => {
    const verdict = new ClientSettingsPolicy().decide(foreign({}, { requested: ['write'] }));
    expect(verdict.basis).toEqual({ ...BY_ISSUER, rule: 'scope' });
  });
});
