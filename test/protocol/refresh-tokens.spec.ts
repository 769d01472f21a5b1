import { createHash, randomBytes } from 'node:crypto';

import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { SignOut } from '../../src/authorization/sign-out.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { OPENID_SCOPES } from '../../src/oauth/openid.js';
import { KeyRing } from '../../src/keys/key-ring.js';
import type { TokenExchangeOptions } from '../../src/token-exchange.options.js';
import type { TextBrowser } from '../support/browser.js';
import { encode, type Answer } from '../support/protocol.js';
import { CALLBACK, claimsIn, ISSUER, Provider, VERIFIER } from '../support/provider.js';
import { expectAllDead, expectInvalidGrant, expectRefusal } from '../support/refusals.js';

const USERINFO = `${ISSUER}/connect/userinfo`;
const ADMIN = `${ISSUER}/admin`;
const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;
const EVERYTHING = 'openid profile address:read address:write';

const providers: Provider[] = [];
let provider: Provider;
let browser: TextBrowser;

/** A provider of a test's own, for one whose clock goes far or whose settings are others. */
async function start(options: Partial<TokenExchangeOptions> = {}): Promise<Provider> {
  const started = await Provider.start(options);
  providers.push(started);
  const signIn = { redirectUris: [CALLBACK], consentRequired: false };
  await started.client({
    clientId: 'portal',
    grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
    scopes: [...OPENID_SCOPES, 'address:read', 'clients:read', 'clients:write'],
    targets: ['my_gateway', ADMIN],
    defaultTarget: 'my_gateway',
    exchange: { maxTargets: 2 },
    signIn,
  });
  return started;
}

beforeAll(async () => {
  provider = await start();
  browser = provider.browser();
  await provider.code({ scope: EVERYTHING }, browser);
});

afterEach(async () => {
  for (const other of providers.splice(1)) await other.stop();
});

afterAll(() => provider.stop());

/** What a sign-in of alice gives, in the browser where she is signed in already. */
async function given(
  parameters: Parameters<Provider['code']>[0] = {},
  clientId: string | null = null,
): Promise<Answer> {
  const code = await provider.code(
    { ...parameters, ...(clientId === null ? {} : { client_id: clientId }) },
    browser,
  );
  return expectTokens(await provider.redeem(code, {}, clientId));
}

function expectTokens(answer: Answer): Answer {
  expect({ status: answer.status, error: answer.body['error'] }).toEqual({ status: 200 });
  return answer;
}

function tokenIn({ body }: Answer): string {
  return String(body['refresh_token']);
}

/** Signs out where a browser is signed in. */
async function signOut(at: TextBrowser): Promise<void> {
  await at.open(`${ISSUER}/connect/endsession`);
  await at.submit({ choice: 'sign-out' });
}

describe('A refresh token is refused', () => {
  it('when it was used before and the overlap is over: the newest one dies, too', async () => {
    const first = await given();
    const second = expectTokens(await provider.refresh(tokenIn(first)));
    provider.clock.advance(5_000);
    const record = await expectInvalidGrant(
      provider,
      () => provider.refresh(tokenIn(first)),
      'refresh_token_used',
    );
    expect(record).toMatchObject({
      grantType: GrantType.RefreshToken,
      client: { clientId: 'web_app' },
      subject: { iss: ISSUER, sub: (await provider.account('alice')).accountId },
      authorizationId: claimsIn(first, 'access_token')['grant_id'],
      sid: claimsIn(first, 'access_token')['sid'],
    });
    expect(JSON.stringify(record)).not.toContain(tokenIn(first));
    provider.clock.advance(1_000);
    await expectAllDead(provider, first);
    await expectAllDead(provider, second);
  });

  it('when it is the grandparent, even if its child was used a moment ago', async () => {
    const first = await given();
    const second = expectTokens(await provider.refresh(tokenIn(first)));
    provider.clock.advance(5_000);
    const third = expectTokens(await provider.refresh(tokenIn(second)));
    await expectInvalidGrant(
      provider,
      () => provider.refresh(tokenIn(first)),
      'refresh_token_used',
    );
    provider.clock.advance(1_000);
    await expectAllDead(provider, third);
  });

  it.each([
    ['a scope that was not allowed', { scope: 'orders:read' }],
    ['a malformed scope', { scope: 'a  b' }],
    ['an unknown resource', { resource: 'https://api.example/unknown' }],
  ])('as used before although it comes with %s', async (_name, form) => {
    const first = await given();
    const second = expectTokens(await provider.refresh(tokenIn(first)));
    provider.clock.advance(5_000);
    expect((await provider.exchange(second.body['access_token'])).status).toBe(200);
    await expectInvalidGrant(
      provider,
      () => provider.refresh(tokenIn(first), form),
      'refresh_token_used',
    );
    // At once, although the instance has just taken the access token.
    await expectAllDead(provider, second);
  });

  it('as used before although the account is disabled', async () => {
    const first = await provider.redeem(await provider.code({}, provider.browser(), 'bob'));
    const second = expectTokens(await provider.refresh(tokenIn(first)));
    provider.clock.advance(5_000);
    await provider.changeAccount('bob', { disabled: true });
    await expectInvalidGrant(
      provider,
      () => provider.refresh(tokenIn(first)),
      'refresh_token_used',
    );
    await provider.changeAccount('bob', { disabled: false });
    await expectAllDead(provider, second);
  });

  it('to another client, and then to its own client, too', async () => {
    const answer = await given();
    expect((await provider.exchange(answer.body['access_token'])).status).toBe(200);
    await expectInvalidGrant(
      provider,
      () => provider.refresh(tokenIn(answer), {}, 'portal'),
      'refresh_token_not_of_client',
    );
    await expectAllDead(provider, answer);
  });

  it('when it is unknown, malformed or changed in any character, and the true one stays good', async () => {
    const answer = await given();
    const token = tokenIn(answer);
    const flipped = [0, 1, 21, 42].map((index) => {
      const other = token[index] === 'A' ? 'B' : 'A';
      return `${token.slice(0, index)}${other}${token.slice(index + 1)}`;
    });
    const hash = createHash('sha256').update(token).digest('base64url');
    const wrong = [randomBytes(32).toString('base64url'), ...flipped, token.slice(1), `${token}A`];
    const strange = [hash, `${token}=`, 'x'.repeat(10_000), String(answer.body['access_token'])];
    for (const each of [...wrong, ...strange]) {
      const record = await expectInvalidGrant(
        provider,
        () => provider.refresh(each),
        'refresh_token_unknown',
      );
      expect(JSON.stringify(record)).not.toContain(each);
    }
    expectTokens(await provider.refresh(token));
  });

  it('without the parameter, with two of it, and in the query', async () => {
    const answer = await given();
    const token = tokenIn(answer);
    const form = { grant_type: GrantType.RefreshToken, client_id: 'web_app' };
    await expectRefusal(provider, () => provider.token(form, null), {
      error: 'invalid_request',
      reason: 'missing_parameter',
    });
    await expectRefusal(provider, () => provider.refresh('', { refresh_token: [token, token] }), {
      error: 'invalid_request',
      reason: 'repeated_parameter',
    });
    await expectRefusal(
      provider,
      () => provider.post(`/connect/token?${encode({ refresh_token: token })}`, form),
      { error: 'invalid_request', reason: 'credentials_in_query' },
    );
    expectTokens(await provider.refresh(token));
  });

  it('as subject token of an exchange', async () => {
    const answer = await given();
    const refused = { error: 'invalid_request' };
    const type = 'urn:ietf:params:oauth:token-type:refresh_token';
    await expectRefusal(
      provider,
      () => provider.exchange(tokenIn(answer), { subject_token_type: type }),
      { ...refused, reason: 'token_type_not_supported' },
    );
    await expectRefusal(provider, () => provider.exchange(tokenIn(answer)), {
      ...refused,
      reason: 'token_malformed',
    });
  });

  it('to a client that is disabled, and to one that may not refresh any more', async () => {
    const answer = await given({}, 'portal');
    await provider.change('portal', { disabled: true });
    await expectRefusal(provider, () => provider.refresh(tokenIn(answer), {}, 'portal'), {
      status: 401,
      error: 'invalid_client',
      reason: 'client_disabled',
    });
    const { grantTypes } = (await provider.clients.find('portal')) ?? { grantTypes: [] };
    await provider.change('portal', {
      disabled: false,
      grantTypes: [GrantType.AuthorizationCode],
    });
    await expectRefusal(provider, () => provider.refresh(tokenIn(answer), {}, 'portal'), {
      error: 'unauthorized_client',
      reason: 'grant_not_allowed',
    });
    await provider.change('portal', { grantTypes });
    expectTokens(await provider.refresh(tokenIn(answer), {}, 'portal'));
  });

  it('while the account is disabled', async () => {
    const code = await provider.code({}, provider.browser(), 'bob');
    const answer = await provider.redeem(code);
    await provider.changeAccount('bob', { disabled: true });
    await expectInvalidGrant(provider, () => provider.refresh(tokenIn(answer)), 'account_disabled');
    await provider.changeAccount('bob', { disabled: false });
    expectTokens(await provider.refresh(tokenIn(answer)));
  });

  it('once everything of the account was ended, as with a new password from an administrator', async () => {
    const other = provider.browser();
    const online = await provider.redeem(await provider.code({}, other, 'bob'));
    const offline = await provider.redeem(
      await provider.code({ scope: 'openid address:read offline_access' }, other, 'bob'),
    );
    const { accountId } = await provider.account('bob');
    await provider.app
      .get(SignOut, { strict: false })
      .endEverything(accountId, { origin: { requestId: 'r1' }, operation: 'password-reset' });
    provider.clock.advance(1_000);
    await expectAllDead(provider, online);
    await expectAllDead(provider, offline);
  });

  it('once the session is over, unless it outlives the session', async () => {
    const other = provider.browser();
    const online = await provider.redeem(await provider.code({}, other));
    const offline = await provider.redeem(
      await provider.code({ scope: 'openid address:read offline_access' }, other),
    );
    expect(claimsIn(offline, 'access_token')['sid']).toBe(claimsIn(online, 'access_token')['sid']);
    await signOut(other);
    provider.clock.advance(1_000);
    await expectAllDead(provider, online);
    const again = expectTokens(await provider.refresh(tokenIn(offline)));
    expect(claimsIn(again, 'access_token')).toMatchObject({
      sid: claimsIn(offline, 'access_token')['sid'],
      scope: 'openid address:read offline_access',
    });
    expect((await provider.exchange(again.body['access_token'])).status).toBe(200);
  });
});

describe('An authorization that outlives its session', () => {
  it('needs it again once the client may not have offline_access any more', async () => {
    const other = provider.browser();
    const parameters = { client_id: 'portal', scope: 'openid address:read offline_access' };
    const code = await provider.code(parameters, other);
    const answer = expectTokens(await provider.redeem(code, {}, 'portal'));
    const { scopes } = (await provider.clients.find('portal')) ?? { scopes: [] };
    const fewer = scopes.filter((value) => value !== 'offline_access');
    await provider.change('portal', { scopes: fewer });
    const online = expectTokens(await provider.refresh(tokenIn(answer), {}, 'portal'));
    await signOut(other);
    await expectInvalidGrant(
      provider,
      () => provider.refresh(tokenIn(online), {}, 'portal'),
      'session_over',
    );
    await provider.change('portal', { scopes });
    expectTokens(await provider.refresh(tokenIn(online), {}, 'portal'));
  });
});

describe('As time goes by', () => {
  it('a refresh token that nobody uses is good for seven days', async () => {
    const other = await start();
    const offline = { scope: 'openid offline_access address:read' };
    const first = await other.redeem(await other.code(offline));
    const left = await other.redeem(await other.code(offline));
    other.clock.advance(7 * DAY - 1);
    const second = expectTokens(await other.refresh(tokenIn(first)));
    other.clock.advance(1);
    await expectInvalidGrant(other, () => other.refresh(tokenIn(left)), 'refresh_token_expired');
    other.clock.advance(7 * DAY - 1);
    await expectInvalidGrant(other, () => other.refresh(tokenIn(second)), 'refresh_token_expired');
  });

  it('everything ends thirty days after the sign-in, however often it is refreshed', async () => {
    const other = await start();
    const code = await other.code({ scope: 'openid offline_access address:read' });
    let answer = await other.redeem(code);
    for (let day = 6; day < 30; day += 6) {
      other.clock.advance(6 * DAY);
      answer = expectTokens(await other.refresh(tokenIn(answer)));
    }
    other.clock.advance(6 * DAY - 1);
    answer = expectTokens(await other.refresh(tokenIn(answer)));
    other.clock.advance(1);
    await expectInvalidGrant(other, () => other.refresh(tokenIn(answer)), 'authorization_expired');
  });

  it('a session that is used by refreshing stays, and one that is not is over', async () => {
    const other = await start();
    let answer = await other.redeem(await other.code());
    const left = await other.redeem(await other.code());
    other.clock.advance(2 * HOUR - 1);
    answer = expectTokens(await other.refresh(tokenIn(answer)));
    other.clock.advance(2 * HOUR - 1);
    answer = expectTokens(await other.refresh(tokenIn(answer)));
    await expectInvalidGrant(other, () => other.refresh(tokenIn(left)), 'session_over');
    for (let hours = 4; hours < 11; hours += 1) {
      other.clock.advance(HOUR);
      answer = expectTokens(await other.refresh(tokenIn(answer)));
    }
    other.clock.advance(HOUR + 2);
    await expectInvalidGrant(other, () => other.refresh(tokenIn(answer)), 'session_over');
  });

  it('a session stays for no refresh that is refused', async () => {
    const other = await start();
    const answer = expectTokens(await other.redeem(await other.code()));
    other.clock.advance(2 * HOUR - 1);
    await expectRefusal(other, () => other.refresh(tokenIn(answer), { scope: 'orders:read' }), {
      error: 'invalid_scope',
      reason: 'scope_not_allowed',
    });
    other.clock.advance(1);
    await expectInvalidGrant(other, () => other.refresh(tokenIn(answer)), 'session_over');
  });
});

describe('A used refresh token', () => {
  it('is good again within the overlap, for a client that did not get the answer', async () => {
    const first = await given();
    const lost = expectTokens(await provider.refresh(tokenIn(first)));
    provider.clock.advance(4_999);
    const retried = expectTokens(await provider.refresh(tokenIn(first)));
    expect(tokenIn(retried)).not.toBe(tokenIn(lost));
    expectTokens(await provider.refresh(tokenIn(retried)));
    provider.clock.advance(1);
    // Counted from the first use: a retry makes it no longer.
    await expectInvalidGrant(
      provider,
      () => provider.refresh(tokenIn(first)),
      'refresh_token_used',
    );
  });

  it('is not good again once the client went on with the next one: then nothing is good', async () => {
    const first = await given();
    const second = expectTokens(await provider.refresh(tokenIn(first)));
    const third = expectTokens(await provider.refresh(tokenIn(second)));
    expect((await provider.exchange(third.body['access_token'])).status).toBe(200);
    await expectInvalidGrant(
      provider,
      () => provider.refresh(tokenIn(first)),
      'refresh_token_used',
    );
    // At once, although the instance has just taken the access token.
    await expectAllDead(provider, third);
  });

  it('is not good again without an overlap: of twenty at the same moment one succeeds, and then nothing', async () => {
    const strict = await start({ signIn: { authorizations: { refreshOverlap: 0 } } });
    const first = await strict.redeem(await strict.code());
    const { result: answers, records } = await strict.recorded(() =>
      Promise.all(Array.from({ length: 20 }, () => strict.refresh(tokenIn(first)))),
    );
    const good = answers.filter(({ status }) => status === 200);
    expect(good).toHaveLength(1);
    const refused = answers.filter(({ body }) => body['error'] === 'invalid_grant');
    expect(refused).toHaveLength(19);
    expect(records).toHaveLength(20);
    const reasons = records.map(({ reason }) => reason).filter((reason) => reason !== undefined);
    expect(reasons).toContain('refresh_token_used');
    expect(new Set(reasons).size).toBeLessThanOrEqual(2);
    strict.clock.advance(1_000);
    await expectAllDead(strict, first);
    await expectAllDead(strict, good[0] as Answer);
  });
});

describe('The scope of a refresh', () => {
  it.each([
    ['was not allowed, though the client may have it', `${EVERYTHING} email`],
    ['is another service’s', 'address:read orders:read'],
    ['is everything and something unknown', `${EVERYTHING} everything`],
  ])('is refused when it %s, and the token stays good', async (_name, scope) => {
    const answer = await given({ scope: EVERYTHING });
    await expectRefusal(provider, () => provider.refresh(tokenIn(answer), { scope }), {
      error: 'invalid_scope',
      reason: 'scope_not_allowed',
    });
    const after = expectTokens(await provider.refresh(tokenIn(answer)));
    expect(after.body['scope']).toBe(EVERYTHING);
  });

  it.each(['a  b', ' address:read', '"address:read"', 'address:read\t'])(
    'is refused when it is malformed, as %j',
    async (scope) => {
      const answer = await given();
      await expectRefusal(provider, () => provider.refresh(tokenIn(answer), { scope }), {
        error: 'invalid_scope',
        reason: 'scope_malformed',
      });
      expectTokens(await provider.refresh(tokenIn(answer)));
    },
  );

  it('may be less, and is everything again at the next refresh', async () => {
    const answer = await given({ scope: EVERYTHING });
    const narrow = expectTokens(
      await provider.refresh(tokenIn(answer), { scope: 'address:read openid' }),
    );
    expect(String(narrow.body['scope']).split(' ').toSorted()).toEqual(['address:read', 'openid']);
    const whole = expectTokens(await provider.refresh(tokenIn(narrow)));
    expect(whole.body['scope']).toBe(EVERYTHING);
    expect(claimsIn(whole, 'access_token')['scope']).toBe(EVERYTHING);
  });

  it('without openid gives no ID token, and an access token that is for the services alone', async () => {
    const answer = await given({ scope: EVERYTHING });
    const narrow = expectTokens(await provider.refresh(tokenIn(answer), { scope: 'address:read' }));
    expect(narrow.body).not.toHaveProperty('id_token');
    expect(claimsIn(narrow, 'access_token')).toMatchObject({
      aud: 'my_gateway',
      scope: 'address:read',
    });
    expect(claimsIn(await provider.refresh(tokenIn(narrow)), 'access_token')['aud']).toEqual([
      'my_gateway',
      USERINFO,
    ]);
  });

  it('may name offline_access again, which is about the refresh token', async () => {
    const scope = 'address:read offline_access';
    const answer = await given({ scope, nonce: undefined });
    const again = expectTokens(await provider.refresh(tokenIn(answer), { scope }));
    expect(claimsIn(again, 'access_token')['aud']).toBe('my_gateway');
  });

  it('may not name offline_access when it was not allowed', async () => {
    const answer = await given();
    await expectRefusal(
      provider,
      () => provider.refresh(tokenIn(answer), { scope: 'address:read offline_access' }),
      { error: 'invalid_scope', reason: 'scope_not_allowed' },
    );
  });

  it('is less once the client may have less', async () => {
    const answer = await given({}, 'portal');
    const { scopes } = (await provider.clients.find('portal')) ?? { scopes: [] };
    await provider.change('portal', { scopes: OPENID_SCOPES });
    const narrow = expectTokens(await provider.refresh(tokenIn(answer), {}, 'portal'));
    expect(narrow.body['scope']).toBe('openid');
    await provider.change('portal', { scopes });
  });

  it('is less once a role was taken away', async () => {
    const rights = ['clients:read', 'clients:write'];
    const other = await start({
      tokens: {
        ownTargets: [
          {
            identifier: ADMIN,
            offeredScopes: rights,
            scopesOfRoles: { administrator: rights, auditor: ['clients:read'] },
          },
        ],
      },
    });
    const parameters = {
      client_id: 'portal',
      resource: ADMIN,
      scope: `openid ${rights.join(' ')}`,
    };
    const code = await other.code(parameters, other.browser(), 'admin');
    const answer = expectTokens(await other.redeem(code, {}, 'portal'));
    expect(claimsIn(answer, 'access_token')).toMatchObject({
      aud: [ADMIN, USERINFO],
      scope: 'openid clients:read clients:write',
    });
    await other.changeAccount('admin', { roles: ['auditor'] });
    const less = expectTokens(await other.refresh(tokenIn(answer), {}, 'portal'));
    expect(claimsIn(less, 'access_token')['scope']).toBe('openid clients:read');
    const scope = 'clients:write';
    await expectRefusal(other, () => other.refresh(tokenIn(less), { scope }, 'portal'), {
      error: 'invalid_scope',
      reason: 'scope_not_allowed',
    });
    await other.changeAccount('admin', { roles: [] });
    const none = expectTokens(await other.refresh(tokenIn(less), {}, 'portal'));
    expect(claimsIn(none, 'access_token')['scope']).toBe('openid');
    await other.changeAccount('admin', { roles: ['administrator'] });
    const whole = expectTokens(await other.refresh(tokenIn(none), {}, 'portal'));
    expect(claimsIn(whole, 'access_token')['scope']).toBe('openid clients:read clients:write');
  });
});

describe('The resource of a refresh', () => {
  it.each([
    ['is unknown', 'https://api.example/unknown', 'target_not_allowed'],
    ['is one that the client may have and nobody allowed', ADMIN, 'target_not_allowed'],
    ['is relative', '/gateway', 'target_malformed'],
  ])('is refused when it %s, and the token stays good', async (_name, resource, reason) => {
    const answer = await given({}, 'portal');
    await expectRefusal(provider, () => provider.refresh(tokenIn(answer), { resource }, 'portal'), {
      error: 'invalid_target',
      reason,
    });
    expectTokens(await provider.refresh(tokenIn(answer), {}, 'portal'));
  });
});

describe('A refresh', () => {
  it('tells of the sign-in what the first token did, and mints everything else anew', async () => {
    const first = await given();
    provider.clock.advance(60_000);
    const second = expectTokens(await provider.refresh(tokenIn(first)));
    provider.clock.advance(60_000);
    const third = expectTokens(await provider.refresh(tokenIn(second)));
    for (const member of ['access_token', 'id_token'] as const) {
      const [before, after] = [claimsIn(first, member), claimsIn(third, member)];
      for (const name of ['iss', 'sub', 'aud', 'auth_time', 'acr', 'amr', 'sid', 'grant_id'])
        expect([name, after[name]]).toEqual([name, before[name]]);
      expect(Number(after['iat'])).toBe(Number(before['iat']) + 120);
      expect(Number(after['exp'])).toBe(Number(before['exp']) + 120);
    }
    expect(claimsIn(first, 'id_token')['nonce']).toBe('nonce-1');
    expect(claimsIn(third, 'id_token')).not.toHaveProperty('nonce');
    expect(claimsIn(third, 'id_token')['at_hash']).toBe(
      createHash('sha256')
        .update(String(third.body['access_token']))
        .digest()
        .subarray(0, 16)
        .toString('base64url'),
    );
    const ids = [first, second, third].map((each) => claimsIn(each, 'access_token')['jti']);
    expect(new Set(ids).size).toBe(3);
  });

  it('answers like a code does, and leaves one record', async () => {
    const first = await given();
    const { result: answer, records } = await provider.recorded(() =>
      provider.refresh(tokenIn(first)),
    );
    expect(answer.body).toEqual({
      access_token: expect.any(String),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'openid address:read',
      id_token: expect.any(String),
      refresh_token: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    });
    expect(tokenIn(answer)).not.toBe(tokenIn(first));
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
    const { jti, grant_id, sid, sub } = claimsIn(answer, 'access_token');
    expect(records).toEqual([
      expect.objectContaining({
        event: 'grant',
        outcome: 'granted',
        grantType: GrantType.RefreshToken,
        client: { clientId: 'web_app', method: 'none' },
        subject: { iss: ISSUER, sub, clientId: 'web_app' },
        authorizationId: grant_id,
        sid,
        issuedToken: expect.objectContaining({ jti }),
      }),
    ]);
  });

  it('can be tried again when nothing could be signed', async () => {
    const first = await given();
    const ring = provider.app.get(KeyRing, { strict: false });
    const active = jest.spyOn(ring, 'active').mockRejectedValue(new Error('no key'));
    await expectRefusal(provider, () => provider.refresh(tokenIn(first)), {
      status: 503,
      error: 'temporarily_unavailable',
      reason: 'internal_error',
    });
    active.mockRestore();
    // The first use counts, and the retry falls into its overlap.
    expectTokens(await provider.refresh(tokenIn(first)));
  });

  it('tells no store and no record a code or a refresh token, only what they hash to', async () => {
    const other = await start();
    const told = [other.authorizations, other.sessions, other.consents, other.accounts].map(heard);
    const code = await other.code();
    const first = expectTokens(await other.redeem(code));
    const second = expectTokens(await other.refresh(tokenIn(first)));
    await other.redeem(code);
    const text = JSON.stringify([told, other.records]);
    for (const secret of [code, tokenIn(first), tokenIn(second)]) {
      expect(text.includes(secret)).toBe(false);
      expect(text).toContain(createHash('sha256').update(secret).digest('base64url'));
    }
    expect(text.includes(VERIFIER)).toBe(false);
  });
});

/** Everything that a store is told from now on: it can keep nothing else. */
function heard(store: object): readonly unknown[] {
  const told: unknown[] = [];
  const methods = store as Record<string, unknown>;
  for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(store))) {
    const method = methods[name];
    if (name === 'constructor' || typeof method !== 'function') continue;
    methods[name] = (...values: unknown[]): unknown => {
      told.push(values);
      return method.apply(store, values);
    };
  }
  return told;
}
