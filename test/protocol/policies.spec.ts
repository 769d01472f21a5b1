import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { newAccount } from '../../src/accounts/account.js';
import type { AuditRecord } from '../../src/audit/audit-record.js';
import { newPolicy, type Policy } from '../../src/delegation/policy.js';
import { policyProblems } from '../../src/delegation/policy-rules.js';
import { PolicyStore } from '../../src/delegation/policy-store.js';
import { PolicyUseStore } from '../../src/delegation/policy-use-store.js';
import { StoredPolicies } from '../../src/delegation/stored-policies.js';
import type { Basis } from '../../src/delegation/verdict.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import {
  InMemoryAccountStore,
  InMemoryPolicyStore,
  InMemoryPolicyUseStore,
} from '../../src/testing/index.js';
import { claimsOf, ISSUER, Protocol, type Answer } from '../support/protocol.js';

const SCOPES = ['address:read', 'address:write'];
const GATEWAY = { iss: ISSUER, sub: 'my_gateway', client_id: 'my_gateway' };
const ADDRESSES = { iss: ISSUER, sub: 'address_service', client_id: 'address_service' };
const BY_SETTINGS: Basis = {
  policy: 'client-settings',
  version: '1',
  rule: 'presenter-is-audience',
};
const OWN_ACTOR_TOKEN = { sub: 'my_gateway', client_id: 'my_gateway', aud: 'address_service' };

let server: Protocol;

beforeAll(async () => {
  server = await Protocol.start({ signIn: {} });
  await server.storyClients();
  await server.client({ clientId: 'vault', offeredScopes: [...SCOPES, 'vault:open'] });
});

afterAll(() => server.stop());

afterEach(async () => {
  const stored = await store().list();
  const remove = stored.map(({ policy: { policyId, version } }) => ({ policyId, version }));
  await store().change({ put: [], remove }, author());
  server.clock.advance(1_000);
});

function store(of: Protocol = server): InMemoryPolicyStore {
  return of.app.get(InMemoryPolicyStore, { strict: false });
}

function author(): { writtenAt: number; writtenBy: { sub: string } } {
  return { writtenAt: server.clock.now(), writtenBy: { sub: 'admin' } };
}

/** Stores the next version of a policy; nobody has heard of it yet. @returns the version */
async function write(
  policy: Partial<Policy> & Pick<Policy, 'policyId'>,
  of: Protocol = server,
): Promise<string> {
  const before = await store(of).find(policy.policyId);
  const version = (before?.policy.version ?? 0) + 1;
  const next = newPolicy({ ...policy, version });
  expect(policyProblems(next)).toEqual([]);
  await store(of).change({ put: [next], remove: [] }, author());
  return String(version);
}

/** Stores a policy, and lets every memory age. @returns the version */
async function put(policy: Partial<Policy> & Pick<Policy, 'policyId'>): Promise<string> {
  const version = await write(policy);
  server.clock.advance(1_000);
  return version;
}

/** A policy that lets `my_gateway` act at `vault`, which its settings do not. */
function toVault(policy: Partial<Policy> = {}): Partial<Policy> & Pick<Policy, 'policyId'> {
  return { policyId: 'vault', actor: { clients: ['my_gateway'] }, targets: ['vault'], ...policy };
}

function limits(changes: Partial<Policy['limits']>): Policy['limits'] {
  return { depth: 5, targets: 1, loops: false, ...changes };
}

function acting(changes: Partial<Policy['acting']>): Policy['acting'] {
  return { mode: 'delegation', actorToken: 'optional', proofRequired: false, ...changes };
}

/** An exchange for `vault`. */
async function ask(
  form: Readonly<Record<string, string | undefined>> = {},
  clientId = 'my_gateway',
): Promise<Answer> {
  return server.exchange({ audience: 'vault', ...form }, clientId);
}

async function askWith(claims: Readonly<Record<string, unknown>>): Promise<Answer> {
  return ask({ subject_token: await server.ownToken(claims) });
}

async function expectGranted(
  work: () => Promise<Answer>,
  basis: Partial<Basis>,
): Promise<{ answer: Answer; record: AuditRecord }> {
  const { answer, record } = await server.recorded(work);
  expect({ status: answer.status, reason: record.reason }).toEqual({ status: 200 });
  expect(record).toMatchObject({ event: 'grant', outcome: 'granted', basis });
  return { answer, record };
}

/** Expects a refusal on the wire and in the one record, and that the record names what decided. */
async function expectRefused(
  work: () => Promise<Answer>,
  reason: string,
  basis?: Partial<Basis>,
  error = 'invalid_request',
): Promise<{ answer: Answer; record: AuditRecord }> {
  const { answer, record } = await server.recorded(work);
  expect({
    status: answer.status,
    error: answer.body['error'],
    reason: record.reason,
  }).toEqual({ status: 400, error, reason });
  expect(record).toMatchObject({ event: 'grant', outcome: 'refused', error });
  expect(record.issuedToken).toBeUndefined();
  if (basis !== undefined) expect(record.basis).toMatchObject(basis);
  return { answer, record };
}

describe('A stored policy', () => {
  it('allows what the settings of the client do not', async () => {
    await expectRefused(
      ask,
      'target_not_allowed',
      { ...BY_SETTINGS, rule: 'target' },
      'invalid_target',
    );
    const version = await put(toVault());
    const basis = { policy: 'vault', version, rule: 'presenter-is-audience' };
    const { answer } = await expectGranted(ask, basis);
    expect(claimsOf(answer)).toMatchObject({ sub: 'alice', aud: 'vault', act: GATEWAY });
    await expectGranted(() => server.exchange(), BY_SETTINGS);
  });

  it('takes the place of the client’s settings for its target, and for no other client', async () => {
    await server.client({
      clientId: 'other_gateway',
      grantTypes: [GrantType.TokenExchange],
      scopes: SCOPES,
      targets: ['address_service'],
    });
    const version = await put({
      policyId: 'addresses',
      actor: { clients: ['my_gateway'] },
      targets: ['address_service'],
      scopes: ['address:read'],
    });
    const { answer } = await expectGranted(() => server.exchange(), {
      policy: 'addresses',
      version,
    });
    expect(claimsOf(answer)['scope']).toBe('address:read');
    await expectRefused(
      () => server.exchange({ scope: 'address:write' }),
      'scope_not_allowed',
      { policy: 'addresses', version, rule: 'scope' },
      'invalid_scope',
    );
    const other = await server.ownToken({ aud: 'other_gateway' });
    const asked = { subject_token: other, scope: 'address:write' };
    await expectGranted(() => server.exchange(asked, 'other_gateway'), BY_SETTINGS);
  });

  it('that denies wins over every one that allows, in whatever order they were written', async () => {
    await put(toVault({ policyId: 'a' }));
    const version = await put({ policyId: 'm', effect: 'deny', subject: { subjects: ['alice'] } });
    await put(toVault({ policyId: 'z' }));
    const basis = { policy: 'm', version, rule: 'deny' };
    for (const form of [{}, { audience: 'address_service' }, { scope: 'address:read' }])
      await expectRefused(() => ask(form), 'policy_denied', basis);
    await expectGranted(() => askWith({ sub: 'bob' }), { policy: 'a' });
  });

  it('that denies scope values takes these, and refuses who asks for one', async () => {
    await put(toVault());
    const version = await put({
      policyId: 'no-writing',
      effect: 'deny',
      scopes: ['address:write'],
    });
    const { answer } = await expectGranted(ask, { policy: 'vault' });
    expect(answer.body['scope']).toBe('address:read');
    await expectRefused(() => ask({ scope: 'address:read address:write' }), 'policy_denied', {
      policy: 'no-writing',
      version,
      rule: 'deny',
    });
    await expectRefused(() => askWith({ scope: 'address:write' }), 'policy_denied', {
      policy: 'no-writing',
    });
  });

  it('is recorded with the version that decided, each time it changed', async () => {
    const first = await put(toVault());
    await expectGranted(ask, { policy: 'vault', version: first });
    const second = await put(toVault({ purposeRequired: true }));
    expect(Number(second)).toBe(Number(first) + 1);
    const basis = { policy: 'vault', version: second, rule: 'purpose' };
    await expectRefused(ask, 'purpose_missing', basis);
    const third = await put(toVault({ disabled: true }));
    expect(Number(third)).toBe(Number(second) + 1);
    await expectRefused(
      ask,
      'target_not_allowed',
      { ...BY_SETTINGS, rule: 'target' },
      'invalid_target',
    );
  });

  it('takes effect within a second of its change', async () => {
    await expectRefused(ask, 'target_not_allowed', {}, 'invalid_target');
    await write(toVault());
    server.clock.advance(1_000);
    await expectGranted(ask, { policy: 'vault' });
    await write(toVault({ disabled: true }));
    server.clock.advance(1_000);
    await expectRefused(ask, 'target_not_allowed', {}, 'invalid_target');
  });

  it('takes effect at once where it was changed', async () => {
    await expectRefused(ask, 'target_not_allowed', {}, 'invalid_target');
    await write(toVault());
    server.app.get(StoredPolicies, { strict: false }).forget();
    await expectGranted(ask, { policy: 'vault' });
  });

  it('is no concern of a client that asks for a token in its own name', async () => {
    await put({ policyId: 'nothing', effect: 'deny' });
    const own = { grant_type: GrantType.ClientCredentials, audience: 'address_service' };
    const { answer } = await expectGranted(() => server.token(own), {
      policy: 'client-settings',
      rule: 'own-right',
    });
    expect(claimsOf(answer)).toMatchObject({ sub: 'my_gateway', aud: 'address_service' });
    await put(toVault());
    await expectRefused(
      () => server.token({ ...own, audience: 'vault' }),
      'target_not_allowed',
      { rule: 'own-right' },
      'invalid_target',
    );
  });
});

describe('When the policies are out of reach', () => {
  let other: Protocol;

  beforeEach(async () => {
    other = await Protocol.start();
    await other.storyClients();
  });

  afterEach(() => other.stop());

  async function expectUnavailable(): Promise<void> {
    const { answer, record } = await other.recorded(() => other.exchange());
    expect(answer.status).toBe(503);
    expect(answer.body['error']).toBe('temporarily_unavailable');
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.text).not.toContain('10.1.2.3');
    expect(record).toMatchObject({ outcome: 'refused', reason: 'internal_error' });
    expect(record.issuedToken).toBeUndefined();
  }

  it('nothing is exchanged, the answer is 503 and the refusal is recorded', async () => {
    const policies = store(other);
    const list = policies.list.bind(policies);
    policies.list = () => Promise.reject(new Error('connection to 10.1.2.3 lost'));
    await expectUnavailable();
    const own = { grant_type: GrantType.ClientCredentials, audience: 'address_service' };
    expect((await other.token(own)).status).toBe(200);
    policies.list = list;
    expect((await other.exchange()).status).toBe(200);
    policies.list = () => Promise.reject(new Error('connection to 10.1.2.3 lost'));
    other.clock.advance(1_000);
    await expectUnavailable();
  });

  it('nothing is exchanged whose uses cannot be counted', async () => {
    await write(
      {
        policyId: 'counted',
        actor: { clients: ['my_gateway'] },
        targets: ['address_service'],
        limits: limits({ uses: 3 }),
      },
      other,
    );
    const uses = other.app.get(InMemoryPolicyUseStore, { strict: false });
    uses.take = () => Promise.reject(new Error('connection to 10.1.2.3 lost'));
    await expectUnavailable();
    expect(other.app.get(PolicyUseStore, { strict: false })).toBe(uses);
    expect(other.app.get(PolicyStore, { strict: false })).toBe(store(other));
  });
});

describe('A policy that asks for a better sign-in', () => {
  const STRONG = 'urn:example:strong';

  it('refuses with what is needed, and grants when the subject signed in so', async () => {
    const version = await put(
      toVault({ stepUp: { acr: [STRONG, 'urn:example:key'], maxAge: 300 } }),
    );
    const weak = { acr: 'urn:example:password', auth_time: server.now - 10 };
    const { answer, record } = await expectRefused(
      () => askWith(weak),
      'authentication_insufficient',
      { policy: 'vault', version, rule: 'step-up' },
      'insufficient_user_authentication',
    );
    expect(answer.body).toEqual({
      error: 'insufficient_user_authentication',
      error_description: 'The subject must sign in in another way, or again.',
      acr_values: `${STRONG} urn:example:key`,
      max_age: 300,
    });
    expect(record.subjectToken).toMatchObject({ acr: 'urn:example:password' });
    for (const claims of [
      {},
      { acr: STRONG },
      { acr: STRONG, auth_time: server.now - 301 },
      { acr: [STRONG], auth_time: server.now },
      { acr: STRONG, auth_time: String(server.now) },
    ]) {
      const { record: refused } = await server.recorded(() => askWith(claims));
      expect({ claims, outcome: refused.outcome }).toEqual({ claims, outcome: 'refused' });
    }
    const { answer: granted } = await expectGranted(
      () => askWith({ acr: STRONG, auth_time: server.now - 300 }),
      { policy: 'vault', version },
    );
    expect(claimsOf(granted)).toMatchObject({ acr: STRONG, auth_time: server.now - 300 });
  });

  it('tells only what it asks for', async () => {
    await put(toVault({ stepUp: { maxAge: 60 } }));
    const { answer } = await expectRefused(
      ask,
      'authentication_insufficient',
      {},
      'insufficient_user_authentication',
    );
    expect(answer.body).toMatchObject({ max_age: 60 });
    expect(answer.body).not.toHaveProperty('acr_values');
  });
});

describe('A policy that asks what for', () => {
  beforeEach(() => put(toVault({ purposeRequired: true })));

  it('refuses without a purpose, and records the one that is named', async () => {
    for (const purpose of [undefined, ''])
      await expectRefused(() => ask({ purpose }), 'purpose_missing', { rule: 'purpose' });
    const purpose = 'Ticket #4711: Straße nach „Köln“ ändern 🏠';
    const { record } = await expectGranted(() => ask({ purpose }), { policy: 'vault' });
    expect(record.requested).toMatchObject({ purpose });
    const { record: refused } = await expectRefused(
      () => ask({ purpose, audience: 'nobody' }),
      'target_unknown',
      undefined,
      'invalid_target',
    );
    expect(refused.requested).toMatchObject({ purpose });
  });

  it('takes no purpose with control characters, nor a long one, and records none of these', async () => {
    for (const purpose of ['a\u0000b', 'a\nb', '\u007f', '\u0085', 'words '.repeat(34)]) {
      const { record } = await expectRefused(() => ask({ purpose }), 'parameter_malformed');
      expect(record.requested?.purpose ?? '').not.toMatch(/\p{Cc}/u);
    }
    await expectGranted(() => ask({ purpose: 'word '.repeat(40) }), { policy: 'vault' });
    const twice = await server.exchange({ audience: 'vault', purpose: ['one', 'two'] });
    expect(twice.body['error']).toBe('invalid_request');
  });

  it('records none that could be a secret', async () => {
    const token = await server.ownToken();
    for (const purpose of [
      token.slice(0, 100),
      'Zk3v9QeX1r7sLbq0Yw2HnUo8tGd4Mi6Pc5Ja-Ff_kRz',
      'code Zk3v9QeX1r7sLbq0Yw2HnUo8tGd4Mi6Pc5Ja-Ff_kRz of alice',
    ]) {
      const { record } = await server.recorded(() => ask({ purpose }));
      expect(JSON.stringify(record)).not.toContain(purpose.slice(5, 45));
    }
  });
});

describe('A policy that is limited by number', () => {
  it('allows exactly so many exchanges in all, however many come at once', async () => {
    const version = await put(toVault({ limits: limits({ uses: 5 }) }));
    const before = server.records.length;
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask()));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
    const records = server.records.slice(before);
    expect(records).toHaveLength(20);
    const refused = records.filter(({ outcome }) => outcome === 'refused');
    expect(refused).toHaveLength(15);
    for (const record of refused)
      expect(record).toMatchObject({
        reason: 'policy_used_up',
        basis: { policy: 'vault', version },
      });
    await put(toVault({ description: 'Changed', limits: limits({ uses: 6 }) }));
    await expectGranted(ask, { policy: 'vault' });
    await expectRefused(ask, 'policy_used_up', { policy: 'vault' });
  });

  it('counts no exchange that was refused', async () => {
    await put(toVault({ policyId: 'once', purposeRequired: true, limits: limits({ uses: 1 }) }));
    await expectRefused(ask, 'purpose_missing');
    await expectRefused(
      () => ask({ purpose: 'p', scope: 'vault:open' }),
      'scope_not_allowed',
      {},
      'invalid_scope',
    );
    await expectGranted(() => ask({ purpose: 'p' }), { policy: 'once' });
    await expectRefused(() => ask({ purpose: 'p' }), 'policy_used_up');
  });

  it('allows so many exchanges of one subject token, and of the next one again', async () => {
    await put(toVault({ policyId: 'fan', limits: limits({ fanOut: 3 }) }));
    for (const token of [await server.ownToken(), await server.ownToken()]) {
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => ask({ subject_token: token })),
      );
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
      await expectRefused(() => ask({ subject_token: token }), 'policy_used_up');
    }
  });

  it('takes from both numbers or from none', async () => {
    await put(toVault({ policyId: 'both', limits: limits({ uses: 2, fanOut: 1 }) }));
    const subject_token = await server.ownToken();
    await expectGranted(() => ask({ subject_token }), { policy: 'both' });
    for (let tries = 0; tries < 3; tries += 1)
      await expectRefused(() => ask({ subject_token }), 'policy_used_up');
    await expectGranted(ask, { policy: 'both' });
    await expectRefused(ask, 'policy_used_up');
  });
});

describe('A policy that says what scope values mean elsewhere', () => {
  it('is recorded as what gave the new words, with no more than client and target hold', async () => {
    const scopeMapping = { 'address:read': ['vault:open', 'vault:burn'] };
    await server.change('my_gateway', { scopes: [...SCOPES, 'vault:open', 'vault:burn'] });
    const version = await put(toVault({ scopeMapping }));
    const { answer, record } = await expectGranted(() => askWith({ scope: 'address:read' }), {
      policy: 'vault',
      version,
    });
    expect(claimsOf(answer)['scope']).toBe('vault:open');
    expect(record).toMatchObject({
      reauthorized: scopeMapping,
      issuedToken: { scope: ['vault:open'] },
      subjectToken: { scope: ['address:read'] },
    });
    for (const scope of ['address:read', 'vault:burn'])
      await expectRefused(() => ask({ scope }), 'scope_not_allowed', {}, 'invalid_scope');
    const plain = await expectGranted(() => ask({ scope: 'address:write' }), { policy: 'vault' });
    expect(plain.record).not.toHaveProperty('reauthorized');
    await server.change('my_gateway', { scopes: SCOPES });
  });
});

describe('A policy about how the actor acts', () => {
  it('can let it impersonate, which the record says and the token does not', async () => {
    await put(toVault({ acting: acting({ mode: 'impersonation' }) }));
    const { answer, record } = await expectGranted(ask, { policy: 'vault' });
    expect(claimsOf(answer)).toMatchObject({ sub: 'alice', aud: 'vault' });
    expect(claimsOf(answer)).not.toHaveProperty('act');
    expect(record).toMatchObject({
      mode: 'impersonation',
      actor: { sub: 'my_gateway' },
      actors: [],
    });
    const { answer: behind } = await expectGranted(() => askWith({ act: ADDRESSES }), {});
    expect(claimsOf(behind)['act']).toEqual(ADDRESSES);
    const withToken = await expectGranted(
      async () =>
        ask({
          actor_token: await server.ownToken(OWN_ACTOR_TOKEN),
          actor_token_type: TokenType.AccessToken,
        }),
      {},
    );
    expect(withToken.record.mode).toBe('delegation');
    expect(claimsOf(withToken.answer)['act']).toEqual(GATEWAY);
  });

  it('can ask for an actor token, or take none', async () => {
    const proven = async (): Promise<Answer> =>
      ask({
        actor_token: await server.ownToken(OWN_ACTOR_TOKEN),
        actor_token_type: TokenType.AccessToken,
      });
    const basis = { policy: 'vault', rule: 'actor-token' };
    await put(toVault({ acting: acting({ actorToken: 'required' }) }));
    await expectRefused(ask, 'actor_token_not_allowed', basis);
    await expectGranted(proven, { policy: 'vault' });
    await put(toVault({ acting: acting({ actorToken: 'forbidden' }) }));
    await expectRefused(proven, 'actor_token_not_allowed', basis);
    await expectGranted(ask, { policy: 'vault' });
  });

  it('that asks for a proof of a key refuses everybody as long as no proof can be given', async () => {
    await put(toVault({ acting: acting({ proofRequired: true }) }));
    await expectRefused(ask, 'proof_missing', { policy: 'vault', rule: 'proof' });
  });

  it('can say after whom and at which place of the chain', async () => {
    const clients = ['my_gateway'];
    await put(toVault({ actor: { clients, after: ['address_service'], position: { from: 2 } } }));
    const basis = { policy: 'vault', rule: 'actor-place' };
    await expectGranted(() => askWith({ act: ADDRESSES }), { policy: 'vault' });
    for (const act of [
      undefined,
      { iss: ISSUER, sub: 'postal_service', client_id: 'postal_service' },
      { iss: ISSUER, sub: 'postal_service', client_id: 'postal_service', act: ADDRESSES },
      { iss: 'https://login.example', sub: 'address_service' },
    ])
      await expectRefused(() => askWith({ act }), 'actor_place_not_allowed', basis);
    await put(toVault({ actor: { clients, after: [] } }));
    await expectGranted(ask, { policy: 'vault' });
    await expectRefused(() => askWith({ act: ADDRESSES }), 'actor_place_not_allowed', basis);
  });
});

describe('A policy about groups', () => {
  const PERSON = '0199aaaa-0000-7000-8000-0000000000aa';

  it('of people means those whose accounts are in one of them now', async () => {
    const accounts = server.app.get(InMemoryAccountStore, { strict: false });
    const person = newAccount({ accountId: PERSON, username: 'alice', groups: ['staff'] });
    await accounts.create(person);
    await put(toVault({ subject: { groups: ['staff', 'board'] } }));
    await expectGranted(() => askWith({ sub: PERSON }), { policy: 'vault' });
    for (const claims of [
      { sub: 'alice' },
      { sub: PERSON, sub_id: { format: 'iss_sub', iss: 'https://login.example', sub: PERSON } },
    ]) {
      const { record } = await server.recorded(() => askWith(claims));
      expect(record.outcome).toBe('refused');
    }
    await accounts.update({ ...person, groups: ['guests'], version: 2 });
    server.clock.advance(1_000);
    await expectRefused(() => askWith({ sub: PERSON }), 'subject_not_allowed', {
      policy: 'vault',
      rule: 'subject',
    });
  });

  it('of clients means those that are in one of them, and named where it names some', async () => {
    await put(toVault({ actor: { groups: ['frontends'] } }));
    await expectRefused(ask, 'target_not_allowed', {}, 'invalid_target');
    await server.change('my_gateway', { groups: ['other', 'frontends'] });
    await expectGranted(ask, { policy: 'vault' });
    await put(toVault({ actor: { groups: ['frontends'], clients: ['address_service'] } }));
    await expectRefused(ask, 'target_not_allowed', {}, 'invalid_target');
    await server.change('my_gateway', { groups: [] });
  });
});

/** The `jti` of a token that continues a chain that began so many seconds ago. */
function jtiOf(age: number): string {
  const time = (server.clock.now() - age * 1000).toString(16).padStart(12, '0');
  const chainId = `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000001`;
  return `0199aaaa-bbbb-7ccc-8ddd-000000000001.${chainId}`;
}

describe('A policy about how long a chain lives', () => {
  it('counts from its first exchange, whatever came in between', async () => {
    const version = await put(toVault({ limits: limits({ chainLifetime: 300 }) }));
    const first = await expectGranted(ask, { policy: 'vault', version });
    expect(claimsOf(first.answer)['exp']).toBe(server.now + 300);
    const later = await expectGranted(() => askWith({ jti: jtiOf(200) }), { policy: 'vault' });
    expect(claimsOf(later.answer)['exp']).toBe(server.now + 100);
    const last = await expectGranted(() => askWith({ jti: jtiOf(299) }), { policy: 'vault' });
    expect(claimsOf(last.answer)['exp']).toBe(server.now + 1);
    for (const age of [300, 301, 10_000])
      await expectRefused(() => askWith({ jti: jtiOf(age) }), 'chain_too_old', {
        policy: 'vault',
        version,
        rule: 'chain',
      });
    // An instance whose clock is ahead gives no longer life.
    const ahead = await expectGranted(() => askWith({ jti: jtiOf(-60) }), { policy: 'vault' });
    expect(claimsOf(ahead.answer)['exp']).toBe(server.now + 300);
  });

  it('limits a token besides the settings of its client', async () => {
    await put(toVault({ limits: limits({ lifetime: 30 }) }));
    const { answer } = await expectGranted(ask, { policy: 'vault' });
    expect(claimsOf(answer)['exp']).toBe(server.now + 30);
    expect(answer.body['expires_in']).toBe(30);
  });
});

describe('A policy has its time', () => {
  it('and is in force from its first second until before its last', async () => {
    const from = server.now + 10;
    await write(toVault({ validity: { from, until: from + 5 } }));
    const basis = { policy: 'vault', rule: 'validity' };
    server.clock.advance(9_000);
    await expectRefused(ask, 'policy_not_in_force', basis);
    server.clock.advance(1_000);
    await expectGranted(ask, { policy: 'vault' });
    server.clock.advance(4_000);
    await expectGranted(ask, { policy: 'vault' });
    server.clock.advance(1_000);
    await expectRefused(ask, 'policy_not_in_force', basis);
  });
});
