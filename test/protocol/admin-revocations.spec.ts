import { createHash, randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import type { AuditRecord } from '../../src/audit/audit-record.js';
import { DEFAULT_EXCHANGE_SETTINGS } from '../../src/delegation/exchange-request.js';
import type { JsonObject } from '../../src/oauth/claims.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { InvalidRequestError } from '../../src/oauth/oauth-error.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { InMemoryAuditReader, InMemoryRevocationStore } from '../../src/testing/index.js';
import { RevocationStore } from '../../src/tokens/revocation-store.js';
import { SecurityTokens } from '../../src/tokens/security-tokens.js';
import { AdminApp, fieldsOf, textOf, type AdminAnswer } from '../support/admin-app.js';
import { foreignKey, signedBy } from '../support/foreign-key.js';
import { json, LoopbackServer } from '../support/loopback-server.js';
import { ISSUER } from '../support/protocol.js';

const PATH = '/admin/revocations';
const LOGIN = 'https://login.example';
const WHY = 'The laptop was stolen.';
const SCOPES = ['address:read'];
const key = foreignKey('login-1');

let admin: AdminApp;
let keySets: LoopbackServer;

beforeAll(async () => {
  keySets = await LoopbackServer.start();
  keySets.answer = json({ keys: [key.jwk] });
  admin = await AdminApp.start();
  const service = (
    clientId: string,
    targets: readonly string[],
    exchange: Partial<typeof DEFAULT_EXCHANGE_SETTINGS> = {},
  ): Promise<void> =>
    admin.client({
      clientId,
      scopes: SCOPES,
      offeredScopes: SCOPES,
      targets,
      exchange: { ...DEFAULT_EXCHANGE_SETTINGS, ...exchange },
    });
  for (const name of ['anna', 'ben']) await service(name, ['my_gateway', 'mask']);
  await service('my_gateway', ['address_service'], { subjectIssuers: [LOGIN] });
  await service('address_service', ['postal_service']);
  await service('postal_service', ['depot']);
  // Acts without being named.
  await service('mask', ['address_service'], { mode: 'impersonation' });
  await service('depot', []);
  await admin.post('/admin/trusted-issuers', {
    issuer: LOGIN,
    jwksUri: keySets.url,
    accepts: [{ tokenType: TokenType.Jwt, types: ['at+jwt'], audiences: ['my_gateway'] }],
    scopes: SCOPES,
  });
});

afterAll(async () => {
  await admin.stop();
  await keySets.stop();
});

/** Who can present a token, and where: whoever it is meant for, at the next service. */
const NEXT: Readonly<Record<string, string>> = {
  my_gateway: 'address_service',
  mask: 'address_service',
  address_service: 'postal_service',
  postal_service: 'depot',
};

function exchange(
  token: string,
  holder = audienceOf(token),
  form: Readonly<Record<string, string>> = {},
): Promise<AdminAnswer> {
  return admin.ask(holder, `${holder}-secret`, {
    grant_type: GrantType.TokenExchange,
    subject_token: token,
    subject_token_type: TokenType.AccessToken,
    audience: NEXT[holder] ?? '',
    ...form,
  });
}

async function exchanged(
  token: string,
  form: Readonly<Record<string, string>> = {},
): Promise<string> {
  const answer = await exchange(token, audienceOf(token), form);
  return textOf(answer, 'access_token');
}

function claimsOf(token: string): JsonObject & { readonly jti: string; readonly aud: string } {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}

/** A token of the other issuer for the gateway. */
function foreignToken(claims: object): Promise<string> {
  const now = Math.floor(admin.clock.now() / 1_000);
  const all = { iss: LOGIN, sub: '12345', aud: 'my_gateway', exp: now + 300, iat: now };
  return signedBy(key, { ...all, scope: 'address:read', ...claims });
}

const audienceOf = (token: string): string => claimsOf(token).aud;
const chainOf = (token: string): string => claimsOf(token).jti.split('.')[1] ?? '';
const hashOf = (token: string): string => createHash('sha256').update(token).digest('base64url');

/** What came of a client's own token: two hops, one more beside them, and one that hides its actor. */
interface Family {
  readonly root: string;
  readonly hop: string;
  readonly second: string;
  readonly beside: string;
  readonly maskRoot: string;
  readonly masked: string;
}

type Member = keyof Family;

async function family(clientId: string): Promise<Family> {
  const own = (audience: string): Promise<string> => admin.signIn(clientId, { audience });
  const root = await own('my_gateway');
  const hop = await exchanged(root);
  const maskRoot = await own('mask');
  return {
    root,
    hop,
    second: await exchanged(hop),
    beside: await exchanged(root),
    maskRoot,
    masked: await exchanged(maskRoot),
  };
}

/** Which of them are good still, whoever presents them. */
async function alive(tokens: object): Promise<readonly string[]> {
  const door = admin.app.get(SecurityTokens, { strict: false });
  const good = await Promise.all(
    (Object.entries(tokens) as [string, string][]).map(([name, token]) =>
      door.check(token, TokenType.AccessToken, 'token').then(
        () => [name],
        (error: unknown) => {
          expect(error).toBeInstanceOf(InvalidRequestError);
          return [];
        },
      ),
    ),
  );
  return good.flat().toSorted();
}

const ALL: readonly Member[] = ['beside', 'hop', 'maskRoot', 'masked', 'root', 'second'];

/** Lets every token expire but a new one of the administrator. */
async function later(): Promise<void> {
  admin.clock.advance(3 * 60 * 60_000);
  admin.token = await admin.signIn('admin_cli');
}

const plan = (body: object, token?: string): Promise<AdminAnswer> =>
  admin.post(`${PATH}/plan`, body, token === undefined ? {} : { token });
const revoke = (body: object, token?: string): Promise<AdminAnswer> =>
  admin.post(PATH, { reason: WHY, ...body }, token === undefined ? {} : { token });

async function kept(): Promise<readonly object[]> {
  const store = admin.app.get(InMemoryRevocationStore, { strict: false });
  return (await store.since(RevocationStore.START, 10_000)).revocations;
}

function lastRecord(): AuditRecord {
  const [last] = admin.log.entries.map(({ record }) => record).toReversed();
  if (last === undefined) throw new Error('nothing was recorded');
  return last;
}

interface Died {
  readonly tokens: number;
  readonly chains: number;
  readonly byClient: readonly { name: string; tokens: number }[];
  readonly byAudience: readonly { name: string; tokens: number }[];
  readonly newest: readonly { readonly href: string }[];
  readonly isComplete: boolean;
}

function died({ body, text }: AdminAnswer): Died {
  if (typeof body['died'] !== 'object') throw new Error(`nothing was counted: ${text}`);
  return body['died'] as unknown as Died;
}

describe('a revocation is refused', () => {
  test.each([
    ['plan', 'tokens:read', ['tokens:revoke', 'audit:read']],
    ['', 'tokens:revoke', ['tokens:read', 'audit:read']],
  ])('at /%s without the scope %s', async (path, scope, scopes) => {
    await admin.administrator(`without_${scope.split(':')[1]}`, scopes);
    const token = await admin.signIn(`without_${scope.split(':')[1]}`);
    const before = await kept();
    const body = { kind: 'client', clientId: 'anna', reason: WHY };
    const answer = await admin.post(`${PATH}/${path}`.replace(/\/$/, ''), body, { token });
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
      403,
      `Bearer realm="admin", error="insufficient_scope", scope="${scope}"`,
    ]);
    expect(await kept()).toEqual(before);
    const record = lastRecord();
    expect(record).toMatchObject({ event: 'administration', outcome: 'refused' });
    expect(record).not.toHaveProperty('revocation');
  });

  const uuid = randomUUID();
  const hash = hashOf('nobody has it');
  test.each<[string, object]>([
    ['kind', {}],
    ['kind', { kind: 'everything' }],
    ['kind', { kind: ['all'] }],
    ['hash', { kind: 'token' }],
    ['hash', { kind: 'token', hash: 'short' }],
    ['hash', { kind: 'token', hash: 7 }],
    ['jti', { kind: 'token', hash, jti: uuid }],
    ['jti', { kind: 'token', jti: '' }],
    ['jti', { kind: 'token', jti: 'x'.repeat(513) }],
    ['token', { kind: 'token', token: 'secret' }],
    ['chainId', { kind: 'chain' }],
    ['chainId', { kind: 'chain', chainId: 'none' }],
    ['hash', { kind: 'chain', chainId: uuid, hash }],
    ['sub', { kind: 'subject' }],
    ['iss', { kind: 'subject', iss: ISSUER }],
    ['sub', { kind: 'subject', sub: 'a\nb' }],
    ['clientId', { kind: 'subject', sub: 'alice', clientId: 'anna' }],
    ['sub', { kind: 'actor' }],
    ['clientId', { kind: 'actor', sub: 'alice', clientId: 'anna' }],
    ['clientId', { kind: 'client' }],
    ['clientId', { kind: 'client', clientId: null }],
    ['policyId', { kind: 'policy' }],
    ['version', { kind: 'policy', version: 1 }],
    ['version', { kind: 'policy', policyId: 'parcels', version: 0 }],
    ['version', { kind: 'policy', policyId: 'parcels', version: '1' }],
    ['issuer', { kind: 'issuer' }],
    ['iss', { kind: 'issuer', iss: LOGIN }],
    ['sub', { kind: 'all', sub: 'alice', confirm: 'all' }],
  ])('for its %s (%#)', async (field, body) => {
    const before = await kept();
    for (const answer of [await plan(drop(body, 'confirm')), await revoke(body)]) {
      expect([answer.status, answer.text]).toEqual([400, expect.any(String)]);
      expect(fieldsOf(answer)).toContain(field);
      expect(lastRecord()).toMatchObject({
        event: 'administration',
        outcome: 'refused',
        error: 'invalid_request',
      });
      expect(lastRecord()).not.toHaveProperty('revocation');
    }
    expect(await kept()).toEqual(before);
  });

  test.each<[string, object]>([
    ['reason', { reason: undefined }],
    ['reason', { reason: '' }],
    ['reason', { reason: ' \n' }],
    ['reason', { reason: 7 }],
    ['reason', { reason: 'x'.repeat(501) }],
    ['confirm', { confirm: 'all' }],
    ['confirm', { confirm: 'yes' }],
    ['confirm', { kind: 'all', clientId: undefined }],
    ['confirm', { kind: 'all', clientId: undefined, confirm: true }],
  ])('for its %s when it is made (%#)', async (field, changes) => {
    const before = await kept();
    const answer = await revoke({ kind: 'client', clientId: 'anna', ...changes });
    expect(answer.status).toBe(400);
    expect(fieldsOf(answer)).toContain(field);
    expect(await kept()).toEqual(before);
  });

  test.each<[string, object]>([
    ['chain', { kind: 'chain', chainId: uuid }],
    ['token', { kind: 'token', jti: uuid }],
    ['token', { kind: 'token', jti: 'nobody has it' }],
  ])('for a %s that nobody knows (%#)', async (what, body) => {
    const before = await kept();
    for (const answer of [await plan(body), await revoke(body)]) {
      expect(answer.status).toBe(404);
      expect(answer.body['detail']).toBe(`There is no such ${what}.`);
      expect(lastRecord()).toMatchObject({ outcome: 'refused', error: 'not_found' });
      expect(lastRecord()).not.toHaveProperty('revocation');
    }
    expect(await kept()).toEqual(before);
  });
});

/** What each kind of revocation leaves of anna's family. */
const KINDS: Readonly<
  Record<string, [name: (it: Family) => object, left: readonly Member[], reason: string]>
> = {
  'a token by its hash': [
    ({ hop }) => ({ kind: 'token', hash: hashOf(hop) }),
    ['beside', 'maskRoot', 'masked', 'root'],
    'token_revoked',
  ],
  'a token by its jti': [
    ({ hop }) => ({ kind: 'token', jti: claimsOf(hop).jti }),
    ['beside', 'maskRoot', 'masked', 'root'],
    'token_revoked',
  ],
  'the token that chains began with': [
    ({ root }) => ({ kind: 'token', jti: claimsOf(root).jti }),
    ['maskRoot', 'masked'],
    'token_revoked',
  ],
  'a chain': [
    ({ hop }) => ({ kind: 'chain', chainId: chainOf(hop) }),
    ['beside', 'maskRoot', 'masked', 'root'],
    'chain_revoked',
  ],
  'a subject': [() => ({ kind: 'subject', sub: 'anna' }), [], 'subject_revoked'],
  'a subject with its issuer': [
    () => ({ kind: 'subject', iss: ISSUER, sub: 'anna' }),
    [],
    'subject_revoked',
  ],
  'an actor': [
    () => ({ kind: 'actor', iss: ISSUER, sub: 'my_gateway' }),
    ['maskRoot', 'masked', 'root'],
    'actor_revoked',
  ],
  'an actor by its client': [
    () => ({ kind: 'actor', clientId: 'address_service' }),
    ['beside', 'hop', 'maskRoot', 'masked', 'root'],
    'actor_revoked',
  ],
  'a client that no token names': [
    () => ({ kind: 'client', clientId: 'mask' }),
    ['beside', 'hop', 'maskRoot', 'root', 'second'],
    'client_revoked',
  ],
  'a client that got tokens of its own': [
    () => ({ kind: 'client', clientId: 'anna' }),
    [],
    'client_revoked',
  ],
};

describe.each(Object.entries(KINDS))('revoking %s', (_name, [name, left, reason]) => {
  test('kills what is named and what came of it, as planned, and nothing else', async () => {
    await later();
    const [annas, bens] = [await family('anna'), await family('ben')];
    const named = name(annas);
    const before = await kept();
    const planned = await plan(named);
    expect(planned.status).toBe(200);
    expect(await kept()).toEqual(before);
    const expected = ALL.filter((member) => !left.includes(member));
    // What both families have in common dies of both.
    const ofBen = reason === 'actor_revoked' || JSON.stringify(named).includes('mask');
    const { tokens, chains, isComplete, ...more } = died(planned);
    expect([tokens, isComplete]).toEqual([expected.length * (ofBen ? 2 : 1), true]);
    const tokensOf = expected.map((member) => annas[member]);
    const ours = new Set(tokensOf.map(chainOf).filter((chainId) => chainId !== ''));
    expect(chains).toBe(ours.size * (ofBen ? 2 : 1));
    for (const shares of [more.byClient, more.byAudience])
      expect(shares.reduce((sum, share) => sum + share.tokens, 0)).toBe(tokens);
    expect(lastRecord()).toMatchObject({
      event: 'administration',
      outcome: 'granted',
      operation: { name: 'POST /admin/revocations/plan' },
      revocation: { ...kindOf(named), died: { tokens, chains, isComplete } },
    });
    expect(lastRecord()).not.toHaveProperty('requested');

    const made = await revoke(named);
    expect([made.status, made.body]).toEqual([200, planned.body]);
    expect(lastRecord()).toMatchObject({
      event: 'administration',
      outcome: 'granted',
      client: { clientId: 'admin_cli' },
      subject: { iss: ISSUER, sub: 'admin_cli' },
      operation: { name: 'POST /admin/revocations' },
      requested: { purpose: WHY },
      revocation: { ...kindOf(named), died: { tokens, chains, isComplete } },
    });
    expect(await alive(annas)).toEqual(left);
    expect(await alive(bens)).toEqual(ofBen ? left : ALL);
    const [dead = ''] = tokensOf;
    await exchange(dead);
    expect(lastRecord()).toMatchObject({ event: 'grant', outcome: 'refused', reason });

    const again = await revoke(named);
    expect(again.status).toBe(200);
    expect(died(again)).toMatchObject({ tokens: 0, chains: 0, newest: [], isComplete: true });
    expect(await alive(annas)).toEqual(left);
  });
});

describe('revoking', () => {
  test('tells the newest tokens without a token, by their records', async () => {
    await later();
    const { root, hop, second } = await family('anna');
    const answer = await plan({ kind: 'chain', chainId: chainOf(second) });
    const { newest, byClient, byAudience } = died(answer);
    const gateway = { iss: ISSUER, sub: 'my_gateway', clientId: 'my_gateway' };
    const addresses = { iss: ISSUER, sub: 'address_service', clientId: 'address_service' };
    const tokenOf = (token: string): object => ({
      jti: claimsOf(token).jti,
      href: `/admin/audit/records/${claimsOf(token).jti.split('.')[0]}`,
      subject: { iss: ISSUER, sub: 'anna' },
      audience: [audienceOf(token)],
      issuedAt: new Date(admin.clock.now()).toISOString(),
      expiresAt: new Date(Number(claimsOf(token)['exp']) * 1_000).toISOString(),
    });
    expect(newest).toEqual([
      { ...tokenOf(second), actors: [addresses, gateway], client: 'address_service' },
      { ...tokenOf(hop), actors: [gateway], client: 'my_gateway' },
    ]);
    expect(byClient).toEqual([
      { name: 'address_service', tokens: 1 },
      { name: 'my_gateway', tokens: 1 },
    ]);
    expect(byAudience).toEqual([
      { name: 'address_service', tokens: 1 },
      { name: 'postal_service', tokens: 1 },
    ]);
    for (const token of [root, hop, second]) {
      expect(answer.text).not.toContain(token);
      expect(answer.text).not.toContain(hashOf(token));
    }
    expect((await admin.get(newest[0]?.href ?? '')).status).toBe(200);
  });

  test('an actor token kills what came of it in the chains of others', async () => {
    await later();
    const { hop, root } = await family('anna');
    const actorToken = await admin.signIn('address_service', { audience: 'postal_service' });
    const withActor = { actor_token: actorToken, actor_token_type: TokenType.AccessToken };
    const acted = await exchanged(hop, withActor);
    const onward = await exchanged(acted);
    const named = { kind: 'token', jti: claimsOf(actorToken).jti };
    expect(died(await plan(named))).toMatchObject({ tokens: 3, chains: 1, isComplete: true });
    expect(died(await revoke(named))).toMatchObject({ tokens: 3, chains: 1 });
    expect(await alive({ hop, root, acted, onward, actorToken })).toEqual(['hop', 'root']);
  });

  test('a chain kills what came of its tokens as actor tokens, in the chains of others', async () => {
    await later();
    const { hop, root } = await family('anna');
    const own = await admin.signIn('address_service', { audience: 'postal_service' });
    const asClient = await exchange(own, 'address_service');
    const actorToken = textOf(asClient, 'access_token');
    const withActor = { actor_token: actorToken, actor_token_type: TokenType.AccessToken };
    const acted = await exchanged(hop, withActor);
    const named = { kind: 'chain', chainId: chainOf(actorToken) };
    expect(died(await plan(named))).toMatchObject({ tokens: 2, chains: 2, isComplete: true });
    expect(died(await revoke(named))).toMatchObject({ tokens: 2, chains: 2 });
    expect(await alive({ hop, root, own, acted, actorToken })).toEqual(['hop', 'own', 'root']);
  });

  test('another issuer, its token or its subject kills what came of it here', async () => {
    const asJwt = { subject_token_type: TokenType.Jwt };
    const cases = [
      (token: string): object => ({ kind: 'token', hash: hashOf(token) }),
      (token: string): object => ({ kind: 'token', jti: claimsOf(token).jti }),
      (): object => ({ kind: 'subject', iss: LOGIN, sub: '12345' }),
      (): object => ({ kind: 'issuer', issuer: LOGIN }),
    ];
    for (const [index, name] of cases.entries()) {
      await later();
      const doomed = await foreignToken({ jti: `doomed-${index}` });
      const spared = await foreignToken({ jti: `spared-${index}`, sub: '67890' });
      const hop = await exchanged(doomed, asJwt);
      const second = await exchanged(hop);
      const other = await exchanged(spared, asJwt);
      const anna = await admin.signIn('anna', { audience: 'my_gateway' });
      const isAll = index === 3;
      const named = name(doomed);
      expect(died(await plan(named))).toMatchObject({ tokens: isAll ? 3 : 2, isComplete: true });
      expect(died(await revoke(named))).toMatchObject({ tokens: isAll ? 3 : 2 });
      expect(await alive({ hop, second, other, anna })).toEqual(
        isAll ? ['anna'] : ['anna', 'other'],
      );
      const again = await exchange(doomed, 'my_gateway', asJwt);
      expect([again.status, again.body['error']]).toEqual([400, 'invalid_request']);
    }
    // Its name says who is revoked, not for how long.
    await later();
    await exchanged(await foreignToken({ jti: 'later' }), asJwt);
  });

  test('a version of a policy kills what it allowed for good, and the policy what it allowed so far', async () => {
    await later();
    const { root } = await family('anna');
    const policy = { actor: { clients: ['my_gateway'] }, targets: ['address_service'] };
    await admin.post('/admin/policies', { policyId: 'addresses', ...policy });
    await admin.patch('/admin/clients/my_gateway', { targets: [] });
    const hop = await exchanged(root);
    const second = await exchanged(hop);
    const named = { kind: 'policy', policyId: 'addresses', version: 1 };
    expect(died(await plan({ ...named, version: 2 }))).toMatchObject({ tokens: 0 });
    expect(died(await plan(named))).toMatchObject({ tokens: 2, chains: 1 });
    expect(died(await revoke(named))).toMatchObject({ tokens: 2, chains: 1 });
    expect(lastRecord().revocation).toMatchObject({
      kind: 'policy',
      names: { policyId: 'addresses', version: '1' },
    });
    expect(await alive({ root, hop, second })).toEqual(['root']);
    await later();
    const another = await admin.signIn('anna', { audience: 'my_gateway' });
    expect((await exchange(another)).body['error']).toBe('invalid_request');
    await admin.send('PUT', '/admin/policies/addresses', {
      body: { ...policy, description: 'Again' },
    });
    const hopAgain = await exchanged(another);
    expect(died(await revoke({ kind: 'policy', policyId: 'addresses' }))).toMatchObject({
      tokens: 1,
    });
    expect(await alive({ another, hopAgain })).toEqual(['another']);
    await later();
    await exchanged(await admin.signIn('anna', { audience: 'my_gateway' }));
    await admin.patch('/admin/clients/my_gateway', { targets: ['address_service'] });
    await admin.send('DELETE', '/admin/policies/addresses');
  });

  test('gives what is alive only: neither what has expired nor what was dead already', async () => {
    await later();
    const old = await family('anna');
    await later();
    const annas = await family('anna');
    await revoke({ kind: 'token', jti: claimsOf(annas.hop).jti });
    expect(died(await plan({ kind: 'subject', sub: 'anna' }))).toMatchObject({ tokens: 4 });
    expect(died(await plan({ kind: 'chain', chainId: chainOf(old.second) }))).toMatchObject({
      tokens: 0,
      isComplete: true,
    });
  });

  test('reaches through links that have expired', async () => {
    await later();
    await admin.patch('/admin/clients/anna', { tokenLifetime: 86_400 });
    await admin.patch('/admin/clients/my_gateway', { tokenLifetime: 30 });
    const { root, hop } = await family('anna');
    const second = await exchanged(hop);
    const { root: other } = await family('ben');
    admin.clock.advance(31_000);
    expect(await alive({ root, hop, second, other })).toEqual(['other', 'root']);
    const fresh = await exchanged(root);
    expect(died(await revoke({ kind: 'token', jti: claimsOf(root).jti }))).toMatchObject({
      tokens: 2,
    });
    expect(await alive({ root, fresh, other })).toEqual(['other']);
    await admin.patch('/admin/clients/anna', { tokenLifetime: 3_600 });
    await admin.patch('/admin/clients/my_gateway', { tokenLifetime: 3_600 });
  });

  test('takes effect also where it cannot be counted, and a plan that cannot is no plan', async () => {
    await later();
    const { root, hop } = await family('anna');
    const reader = admin.app.get(InMemoryAuditReader, { strict: false });
    const search = reader.search.bind(reader);
    reader.search = () => Promise.reject(new Error('out of reach'));
    const named = { kind: 'subject', sub: 'anna' };
    expect((await plan(named)).status).toBe(503);
    expect(await alive({ root, hop })).toEqual(['hop', 'root']);
    const answer = await revoke(named);
    reader.search = search;
    expect([answer.status, answer.body]).toEqual([
      200,
      { kind: 'subject', names: { iss: ISSUER, sub: 'anna' }, died: null },
    ]);
    expect(lastRecord().revocation).toEqual({
      kind: 'subject',
      names: { iss: ISSUER, sub: 'anna' },
    });
    expect(await alive({ root, hop })).toEqual([]);
  });

  test('is not answered as done while the store is out of reach', async () => {
    await later();
    const { root } = await family('anna');
    const store = admin.app.get(InMemoryRevocationStore, { strict: false });
    const add = store.add.bind(store);
    store.add = () => Promise.reject(new Error('out of reach'));
    const answer = await revoke({ kind: 'subject', sub: 'anna' });
    store.add = add;
    expect(answer.status).toBe(503);
    expect(lastRecord()).toMatchObject({
      outcome: 'refused',
      reason: 'internal_error',
      revocation: { kind: 'subject', names: { iss: ISSUER, sub: 'anna' } },
    });
    expect(lastRecord().revocation).not.toHaveProperty('died');
    expect(await alive({ root })).toEqual(['root']);
  });

  test('shows in the chain which of its tokens are dead, and why', async () => {
    await later();
    const { hop, second } = await family('anna');
    const path = `/admin/audit/chains/${chainOf(hop)}`;
    const standings = async (): Promise<readonly unknown[]> => {
      const { hops } = (await admin.get(path)).body as unknown as { hops: readonly JsonObject[] };
      return hops.map(({ token }) => token);
    };
    await exchange(hop, 'address_service', { audience: 'nowhere' });
    expect(await standings()).toEqual([{ status: 'active' }, { status: 'active' }, undefined]);
    await revoke({ kind: 'token', jti: claimsOf(second).jti });
    const revoked = { status: 'revoked', reason: 'token_revoked' };
    expect(await standings()).toEqual([{ status: 'active' }, revoked, undefined]);
    await later();
    expect(await standings()).toEqual([{ status: 'expired' }, revoked, undefined]);
  });

  test('keeps no token in a record, wherever it was put', async () => {
    await later();
    const { root } = await family('anna');
    const [, payload = ''] = root.split('.');
    const answers = [
      await revoke({
        kind: 'subject',
        sub: payload.slice(0, 500),
        reason: `He has ${payload.slice(0, 400)} still`,
      }),
      await plan({ kind: 'token', jti: payload.slice(0, 500) }),
      await plan({ kind: 'token', hash: root.split('.')[2] }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 400]);
    const records = JSON.stringify(admin.log.entries.slice(-3));
    expect(records).not.toContain(payload.slice(0, 60));
    expect(records).toContain('He has … still');
    expect(records).toContain(`"subHash":"${hashOf(payload.slice(0, 500))}"`);
  });

  test('everything needs to be said twice, and spares nobody', async () => {
    await later();
    const [annas, bens] = [await family('anna'), await family('ben')];
    const planned = died(await plan({ kind: 'all' }));
    // The administrator’s own token, too.
    expect(planned).toMatchObject({ tokens: 13, isComplete: true });
    expect((await revoke({ kind: 'all' })).status).toBe(400);
    const answer = await revoke({ kind: 'all', confirm: 'all' });
    expect([answer.status, died(answer)]).toEqual([200, planned]);
    expect(lastRecord()).toMatchObject({
      revocation: { kind: 'all', names: {}, died: { tokens: 13 } },
      requested: { purpose: WHY },
    });
    expect([await alive(annas), await alive(bens)]).toEqual([[], []]);
    expect((await plan({ kind: 'all' })).status).toBe(401);
    // Whoever asks in this very second is told to come back.
    const soon = await admin.ask('anna', 'anna-secret', { audience: 'my_gateway' });
    expect([soon.status, soon.headers.get('retry-after')]).toEqual([503, '1']);
    admin.clock.advance(1_001);
    expect(await alive(await family('anna'))).toEqual(ALL);
  });
});

function kindOf(named: object): object {
  const { kind } = named as { kind: string };
  return { kind };
}

function drop(body: object, name: string): object {
  return Object.fromEntries(Object.entries(body).filter(([each]) => each !== name));
}
