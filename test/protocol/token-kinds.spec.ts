import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { TokenType } from '../../src/oauth/token-type.js';
import { OwnTokens } from '../../src/tokens/own-tokens.js';
import { claimsOf, ISSUER, Protocol, type Answer } from '../support/protocol.js';

let server: Protocol;

beforeAll(async () => {
  server = await Protocol.start({
    keys: { encryptionKey: randomBytes(32), others: ['RS256'] },
  });
  await server.storyClients();
});

afterAll(() => server.stop());

const AS_ACCESS_TOKEN: readonly string[] = [TokenType.AccessToken, TokenType.Jwt];
const AS_ID_TOKEN: readonly string[] = [TokenType.IdToken];

/** Every kind that a header of ours may name, and as what it may be presented. */
const KINDS: readonly (readonly [string, readonly string[]])[] = [
  ['at+jwt', AS_ACCESS_TOKEN],
  ['AT+JWT', AS_ACCESS_TOKEN],
  ['application/at+jwt', AS_ACCESS_TOKEN],
  ['JWT', AS_ID_TOKEN],
  ['jwt', AS_ID_TOKEN],
  ['application/jwt', AS_ID_TOKEN],
  ['logout+jwt', []],
  ['application/logout+jwt', []],
  ['secevent+jwt', []],
  ['dpop+jwt', []],
  ['token-introspection+jwt', []],
  ['oauth-authz-req+jwt', []],
  ['client-authentication+jwt', []],
  ['none', []],
  ['', []],
  ['at+jwt+jwt', []],
  ['jwt,at+jwt', []],
];
const PRESENTED_AS = [TokenType.AccessToken, TokenType.Jwt, TokenType.IdToken];
const MATRIX = KINDS.flatMap(([kind, allowed]) =>
  PRESENTED_AS.map((type) => ({ kind, type, isAllowed: allowed.includes(type) })),
);

/** A token that would be good as any kind, so that its kind alone decides. */
function tokenOf(kind: string, algorithm: 'ES256' | 'RS256'): Promise<string> {
  return server.app.get(OwnTokens, { strict: false }).sign(
    kind,
    {
      iss: ISSUER,
      sub: 'alice',
      aud: 'my_gateway',
      exp: server.now + 600,
      iat: server.now,
      jti: `0199aaaa-bbbb-7ccc-8ddd-${randomBytes(6).toString('hex')}`,
      client_id: 'web_app',
      scope: 'address:read address:write',
      sid: 'session',
      nonce: 'n-1',
    },
    algorithm,
  );
}

async function expectMismatch(send: () => Promise<Answer>): Promise<void> {
  const { answer, record } = await server.recorded(send);
  expect(answer.status).toBe(400);
  expect(answer.body).toEqual({
    error: 'invalid_request',
    error_description: 'A presented token is not acceptable.',
  });
  expect(record).toMatchObject({ outcome: 'refused', reason: 'token_kind_mismatch' });
}

describe.each(['ES256', 'RS256'] as const)('A token that we signed with %s', (algorithm) => {
  it.each(MATRIX.filter(({ isAllowed }) => !isAllowed))(
    'of the kind "$kind" is no $type',
    async ({ kind, type }) => {
      const token = await tokenOf(kind, algorithm);
      await expectMismatch(() =>
        server.exchange({ subject_token: token, subject_token_type: type }),
      );
      await expectMismatch(() => server.exchange({ actor_token: token, actor_token_type: type }));
    },
  );

  it.each(MATRIX.filter(({ isAllowed }) => isAllowed))(
    'of the kind "$kind" is a $type',
    async ({ kind, type }) => {
      const token = await tokenOf(kind, algorithm);
      const asSubject = await server.recorded(() =>
        server.exchange({ subject_token: token, subject_token_type: type }),
      );
      if (AS_ACCESS_TOKEN.includes(type)) {
        expect(asSubject.answer.status).toBe(200);
        expect(claimsOf(asSubject.answer)).toMatchObject({ sub: 'alice', sid: 'session' });
      } else {
        // It says who signed in and nothing of what may be done: there is no scope to exchange.
        expect(asSubject.record).toMatchObject({
          reason: 'scope_empty',
          subject: { iss: ISSUER, sub: 'alice' },
        });
        expect(asSubject.answer.body).toMatchObject({ error: 'invalid_scope' });
      }
      const asActor = await server.recorded(() =>
        server.exchange({ actor_token: token, actor_token_type: type }),
      );
      expect(asActor.record).toMatchObject({ reason: 'actor_token_not_of_client' });
    },
  );

  it('stays what it is after it was taken once', async () => {
    const token = await tokenOf('at+jwt', algorithm);
    expect((await server.exchange({ subject_token: token })).status).toBe(200);
    await expectMismatch(() =>
      server.exchange({ subject_token: token, subject_token_type: TokenType.IdToken }),
    );
  });
});

describe('An ID token of ours', () => {
  it.each([
    [{ exp: 0 }, 'token_expired'],
    [{ exp: undefined }, 'token_claims_invalid'],
    [{ aud: ['my_gateway'] }, 'token_claims_invalid'],
    [{ sub: undefined }, 'token_claims_invalid'],
    [{ iss: 'https://other.example' }, 'token_issuer_unknown'],
    [{ aud: 'nobody' }, 'token_party_disabled'],
    [{ aud: 'web_app' }, 'presenter_not_allowed'],
  ])('is refused when it says %j', async (claims, reason) => {
    const token = await server.ownToken(claims, 'JWT');
    const { answer, record } = await server.recorded(() =>
      server.exchange({ subject_token: token, subject_token_type: TokenType.IdToken }),
    );
    expect(answer.status).toBe(400);
    expect(record).toMatchObject({ outcome: 'refused', reason });
  });
});
