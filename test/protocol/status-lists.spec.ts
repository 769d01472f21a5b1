import { inflateSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';

import { DEFAULT_ACCESS_TOKEN_SETTINGS } from '../../src/clients/client.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import type { RevocationTarget } from '../../src/tokens/revocation.js';
import { Revocations } from '../../src/tokens/revocations.js';
import { hashToken } from '../../src/tokens/security-tokens.js';
import { StatusListStore } from '../../src/tokens/status-list-store.js';
import { claimsOf, ISSUER, Protocol, type Answer } from '../support/protocol.js';

const LISTED = { ...DEFAULT_ACCESS_TOKEN_SETTINGS, statusList: true };

let server: Protocol;

beforeAll(async () => {
  server = await Protocol.start();
  await server.storyClients();
  await server.change('address_service', { accessTokens: LISTED });
});

afterAll(() => server.stop());

function read(path: string, method = 'GET'): Promise<Answer> {
  return server.send({ method, path });
}

interface Place {
  readonly idx: number;
  readonly uri: string;
}

function placeOf(answer: Answer): Place {
  expect(answer.status).toBe(200);
  return (claimsOf(answer)['status'] as unknown as { readonly status_list: Place }).status_list;
}

/** What a service reads that looks a token up: 0 for a valid one, 1 for one that was revoked. */
async function statusAt({ idx, uri }: Place): Promise<number> {
  const answer = await read(uri.slice(ISSUER.length));
  expect(answer.status).toBe(200);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/statuslist+jwt',
    'cache-control': 'public, max-age=30',
  });
  const jwks = (await server.send({ method: 'GET', path: '/.well-known/jwks.json' })).body;
  const { payload } = await jwtVerify(
    answer.text,
    createLocalJWKSet(jwks as unknown as JSONWebKeySet),
    {
      issuer: ISSUER,
      subject: uri,
      typ: 'statuslist+jwt',
      currentDate: new Date(server.clock.now()),
    },
  );
  expect(payload).toMatchObject({ iat: server.now, exp: server.now + 300, ttl: 30 });
  const { bits, lst } = payload['status_list'] as { readonly bits: number; readonly lst: string };
  expect(bits).toBe(1);
  const bytes = inflateSync(Buffer.from(lst, 'base64url'));
  expect(bytes).toHaveLength(8_192);
  return ((bytes[idx >> 3] ?? 0) >> (idx & 7)) & 1;
}

async function revoke(target: RevocationTarget): Promise<void> {
  await server.app.get(Revocations, { strict: false }).revoke(target);
  server.clock.advance(5_000);
}

function tokenIn(answer: Answer): string {
  return String(answer.body['access_token']);
}

describe('A status list', () => {
  it.each(['99', '-1', '00', '1.5', 'x', '99999999999', '0%00', '..%2f'])(
    'that is none is not found: %s',
    async (list) => {
      const answer = await read(`/connect/status-lists/${list}`);
      expect(answer.status).toBe(404);
      expect(answer.body).toMatchObject({ error: 'invalid_request' });
    },
  );

  it.each(['POST', 'PUT', 'DELETE'])('is only read: %s', async (method) => {
    for (const path of ['/connect/status-lists', '/connect/status-lists/0']) {
      const answer = await read(path, method);
      expect([answer.status, answer.headers['allow']]).toEqual([405, 'GET, HEAD']);
    }
  });

  it('gives each token that wants one a place of its own', async () => {
    const places: Place[] = [];
    for (let count = 0; count < 10; count += 1) places.push(placeOf(await server.exchange()));
    expect(new Set(places.map(({ idx, uri }) => `${uri} ${idx}`)).size).toBe(10);
    for (const place of places) {
      expect(place.uri).toBe(`${ISSUER}/connect/status-lists/0`);
      expect(await statusAt(place)).toBe(0);
    }
    const metadata = await read('/.well-known/oauth-authorization-server');
    const lists = `${ISSUER}/connect/status-lists`;
    expect(metadata.body['status_list_aggregation_endpoint']).toBe(lists);
    expect((await read('/connect/status-lists')).body).toEqual({ status_lists: [`${lists}/0`] });
  });

  it('is not named by a token that nobody wants in one', async () => {
    const form = { grant_type: GrantType.ClientCredentials, audience: 'postal_service' };
    await server.change('my_gateway', { targets: ['address_service', 'postal_service'] });
    expect(claimsOf(await server.token(form))).not.toHaveProperty('status');
  });

  it('shows that a token is dead, and everything that came of it, and nothing else', async () => {
    const root = await server.ownToken();
    const first = await server.exchange({ subject_token: root });
    const sibling = await server.exchange({ subject_token: root });
    const form = { subject_token: tokenIn(first), audience: 'postal_service' };
    const next = await server.exchange(form, 'address_service');
    await revoke({ kind: 'token', hash: hashToken(tokenIn(first)) });
    expect(await statusAt(placeOf(first))).toBe(1);
    expect(await statusAt(placeOf(next))).toBe(1);
    expect(await statusAt(placeOf(sibling))).toBe(0);
  });

  it.each<[string, RevocationTarget]>([
    ['subject', { kind: 'subject', iss: ISSUER, sub: 'alice' }],
    ['actor', { kind: 'actor', iss: ISSUER, sub: 'my_gateway' }],
    ['client', { kind: 'client', clientId: 'web_app' }],
    ['issuer', { kind: 'issuer', issuer: ISSUER }],
    ['time', { kind: 'all' }],
  ])('shows who died by %s, and not what was issued afterwards', async (_kind, target) => {
    const before = placeOf(await server.exchange());
    expect(await statusAt(before)).toBe(0);
    await revoke(target);
    const after = placeOf(await server.exchange());
    expect([await statusAt(before), await statusAt(after)]).toEqual([1, 0]);
  });

  it('shows what came of a token whose key was revoked', async () => {
    const place = placeOf(await server.exchange());
    expect(await statusAt(place)).toBe(0);
    const { kid } = await server.ring.active();
    await server.ring.revoke(kid);
    server.clock.advance(5_000);
    expect(await statusAt(place)).toBe(1);
  });

  it('shows a token that comes of no other, whose own key was revoked', async () => {
    const form = { grant_type: GrantType.ClientCredentials, audience: 'address_service' };
    const place = placeOf(await server.token(form));
    expect(await statusAt(place)).toBe(0);
    await server.ring.revoke((await server.ring.active()).kid);
    server.clock.advance(5_000);
    expect(await statusAt(place)).toBe(1);
  });

  it('is built once for a crowd, whatever lists are asked for that are not there', async () => {
    const { uri } = placeOf(await server.exchange());
    const path = uri.slice(ISSUER.length);
    const built = jest.spyOn(server.app.get(StatusListStore, { strict: false }), 'range');
    server.clock.advance(5_000);
    expect((await read(path)).status).toBe(200);
    for (let list = 1; list <= 1_100; list += 1)
      expect((await read(`/connect/status-lists/${list}`)).status).toBe(404);
    expect((await read(path)).status).toBe(200);
    expect(built).toHaveBeenCalledTimes(1);
    built.mockRestore();
  });
});
