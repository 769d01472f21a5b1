import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { DEFAULT_ACCESS_TOKEN_SETTINGS } from '../../src/clients/client.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { hashToken } from '../../src/tokens/security-tokens.js';
import { Revocations } from '../../src/tokens/revocations.js';
import { basic, claimsOf, encode, ISSUER, Protocol, type Answer } from '../support/protocol.js';

const TAKES_OPAQUE = { ...DEFAULT_ACCESS_TOKEN_SETTINGS, takes: 'opaque' } as const;
const GETS_OPAQUE = { ...DEFAULT_ACCESS_TOKEN_SETTINGS, gets: 'opaque' } as const;
const SHAPE = /^nte_at_[A-Za-z0-9_-]{40,}$/;

let server: Protocol;

beforeAll(async () => {
  server = await Protocol.start();
  await server.storyClients();
  await server.change('address_service', { accessTokens: TAKES_OPAQUE });
});

afterAll(() => server.stop());

/** An opaque token of alice, for `address_service`, through `my_gateway`. */
async function opaqueToken(): Promise<string> {
  return tokenIn(await server.exchange());
}

function tokenIn(answer: Answer): string {
  expect({ status: answer.status, error: answer.body['error'] }).toEqual({ status: 200 });
  return String(answer.body['access_token']);
}

/** The next hop, by `address_service`. */
function onward(token: string, type: string = TokenType.AccessToken): Promise<Answer> {
  const form = { subject_token: token, subject_token_type: type, audience: 'postal_service' };
  return server.exchange(form, 'address_service');
}

async function expectRefused(work: () => Promise<Answer>, reason: string): Promise<void> {
  const { answer, record } = await server.recorded(work);
  expect(answer.status).toBe(400);
  expect(answer.body).toEqual({
    error: 'invalid_request',
    error_description: 'A presented token is not acceptable.',
  });
  expect(record).toMatchObject({ outcome: 'refused', reason });
}

describe('CVE-2026-27840, a token that was cut off was good: an opaque access token', () => {
  it('is refused when any character of it was changed, or any is missing', async () => {
    const token = await opaqueToken();
    for (let index = 'nte_at_'.length; index < token.length; index += 1) {
      const other = token[index] === 'A' ? 'B' : 'A';
      const changed = token.slice(0, index) + other + token.slice(index + 1);
      await expectRefused(() => onward(changed), 'token_malformed');
    }
    for (const cut of [7, 8, 20, token.length - 1])
      await expectRefused(() => onward(token.slice(0, cut)), 'token_malformed');
    await expectRefused(() => onward(`${token}A`), 'token_malformed');
  }, 60_000);

  it.each([TokenType.Jwt, TokenType.IdToken])('is no %s', async (type) => {
    const token = await opaqueToken();
    await expectRefused(() => onward(token, type), 'token_kind_mismatch');
  });

  it('is not what another server sealed, with the same name and other keys', async () => {
    const stranger = await Protocol.start();
    await stranger.storyClients();
    await stranger.change('address_service', { accessTokens: TAKES_OPAQUE });
    const token = tokenIn(await stranger.exchange());
    await expectRefused(() => onward(token), 'token_malformed');
    await stranger.stop();
  });

  it('is refused when it has expired, also when it was good before', async () => {
    const token = await opaqueToken();
    expect((await onward(token)).status).toBe(200);
    server.clock.advance(600_000);
    await expectRefused(() => onward(token), 'token_expired');
  });

  it('is dead with everything that came of it once it is revoked', async () => {
    const token = await opaqueToken();
    const sibling = await opaqueToken();
    const next = tokenIn(await onward(token));
    await server.app
      .get(Revocations, { strict: false })
      .revoke({ kind: 'token', hash: hashToken(token) });
    await expectRefused(() => onward(token), 'token_revoked');
    const form = { subject_token: next, audience: 'postal_service' };
    await expectRefused(() => server.exchange(form, 'address_service'), 'token_revoked');
    expect((await onward(sibling)).status).toBe(200);
  });

  it('says nothing to whoever holds it, and keeps the chain for whoever comes next', async () => {
    const { answer, record } = await server.recorded(() => server.exchange());
    const token = tokenIn(answer);
    expect(token).toMatch(SHAPE);
    expect(answer.body).toMatchObject({
      issued_token_type: TokenType.AccessToken,
      token_type: 'Bearer',
      scope: 'address:read address:write',
    });
    const sealed = Buffer.from(token.slice(7), 'base64url').toString('latin1');
    for (const secret of ['alice', 'my_gateway', 'address']) expect(sealed).not.toContain(secret);
    expect(record).toMatchObject({ outcome: 'granted', issuedToken: { hash: hashToken(token) } });
    const next = await onward(token);
    expect(claimsOf(next)).toMatchObject({
      iss: ISSUER,
      sub: 'alice',
      client_id: 'web_app',
      aud: 'postal_service',
      act: { sub: 'address_service', act: { sub: 'my_gateway' } },
    });
  });

  it('is read by introspection alone, and inactive there once it is revoked', async () => {
    const token = await opaqueToken();
    const introspect = (text: string): Promise<Answer> =>
      server.send({
        path: '/connect/introspect',
        headers: {
          authorization: basic('address_service', 'address_service-secret'),
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: encode({ token: text }),
      });
    expect((await introspect(token)).body).toMatchObject({
      active: true,
      iss: ISSUER,
      sub: 'alice',
      client_id: 'web_app',
      aud: 'address_service',
      act: { sub: 'my_gateway' },
    });
    expect((await introspect(token.slice(0, -1))).text).toBe('{"active":false}');
    const { answer, record } = await server.recorded(() =>
      server.send({
        path: '/connect/revocation',
        headers: {
          authorization: basic('my_gateway', 'my_gateway-secret'),
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: encode({ token }),
      }),
    );
    expect([answer.status, answer.text]).toEqual([200, '']);
    expect(record).toMatchObject({
      event: 'revocation',
      outcome: 'granted',
      revocation: { kind: 'token', names: { hash: hashToken(token) } },
    });
    expect((await introspect(token)).text).toBe('{"active":false}');
  });

  it('is what a client gets that wants it, whatever its targets say', async () => {
    await server.change('my_gateway', { accessTokens: GETS_OPAQUE, targets: ['postal_service'] });
    const form = { grant_type: GrantType.ClientCredentials, audience: 'postal_service' };
    expect(tokenIn(await server.token(form))).toMatch(SHAPE);
    await server.change('my_gateway', { accessTokens: DEFAULT_ACCESS_TOKEN_SETTINGS });
    expect(tokenIn(await server.token(form))).toMatch(/^ey/);
  });
});
