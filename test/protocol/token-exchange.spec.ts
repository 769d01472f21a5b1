import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { compactVerify, createLocalJWKSet } from 'jose';

import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { claimsOf, ISSUER, Protocol, type Answer } from '../support/protocol.js';

let server: Protocol;

beforeAll(async () => {
  server = await Protocol.start();
  await server.storyClients();
});

afterAll(() => server.stop());

const CONSTANT = 'A presented token is not acceptable.';

/** Expects a refusal on the wire, in the one record, and no trace of a token in it. */
async function expectRefusal(
  work: () => Promise<Answer>,
  error: string,
  reason: string,
  status = 400,
): Promise<Answer> {
  const { answer, record } = await server.recorded(work);
  expect({ status: answer.status, error: answer.body['error'] }).toEqual({ status, error });
  expect(answer.headers['content-type']).toBe('application/json');
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(Object.keys(answer.body).toSorted()).toEqual(['error', 'error_description']);
  expect(record).toMatchObject({ outcome: 'refused', reason, error });
  expect(record.issuedToken).toBeUndefined();
  expect(JSON.stringify(record)).not.toMatch(/eyJ/);
  return answer;
}

describe('A token exchange request is refused', () => {
  it.each(['subject_token', 'subject_token_type'])('without %s', async (name) => {
    await expectRefusal(
      () => server.exchange({ [name]: undefined }),
      'invalid_request',
      'missing_parameter',
    );
    await expectRefusal(
      () => server.exchange({ [name]: '' }),
      'invalid_request',
      'missing_parameter',
    );
  });

  it('with only one half of the actor token', async () => {
    const actor = await server.ownToken({ sub: 'my_gateway', client_id: 'my_gateway' });
    await expectRefusal(
      () => server.exchange({ actor_token: actor }),
      'invalid_request',
      'missing_parameter',
    );
    await expectRefusal(
      () => server.exchange({ actor_token_type: TokenType.AccessToken }),
      'invalid_request',
      'missing_parameter',
    );
    await expectRefusal(
      () => server.exchange({ actor_token: '', actor_token_type: TokenType.Jwt }),
      'invalid_request',
      'missing_parameter',
    );
  });

  it.each([
    'subject_token',
    'subject_token_type',
    'actor_token',
    'actor_token_type',
    'scope',
    'requested_token_type',
    'grant_type',
    'client_id',
  ])('when %s is repeated', async (name) => {
    const form = { [name]: ['same', 'same'] };
    await expectRefusal(() => server.exchange(form), 'invalid_request', 'repeated_parameter');
  });

  it.each([
    ['urn:ietf:params:oauth:token-type:saml2', 'subject_token_type'],
    ['urn:ietf:params:oauth:token-type:refresh_token', 'subject_token_type'],
    ['urn:example:unknown', 'subject_token_type'],
    ['javascript:alert(1)', 'subject_token_type'],
    ['x'.repeat(2048), 'subject_token_type'],
    ['urn:ietf:params:oauth:token-type:refresh_token', 'requested_token_type'],
    ['urn:ietf:params:oauth:token-type:id-jag', 'requested_token_type'],
    ['urn:example:unknown', 'requested_token_type'],
  ])('for the token type %s as %s', async (type, parameter) => {
    const answer = await expectRefusal(
      () => server.exchange({ [parameter]: type }),
      'invalid_request',
      'token_type_not_supported',
    );
    expect(String(answer.body['error_description'])).toContain(parameter);
    expect(answer.text).not.toContain('alert');
  });

  it.each(['authorization_details', 'request_context', 'actor_chain_profile'])(
    'for %s, which is never ignored',
    async (name) => {
      await expectRefusal(
        () => server.exchange({ [name]: '{}' }),
        'invalid_request',
        'parameter_not_supported',
      );
    },
  );

  it.each([
    '/api',
    'api.example.com',
    'https://a.example/#x',
    'https://a.example#',
    'https://a b.example',
    'x'.repeat(600),
  ])('for the malformed resource %s', async (resource) => {
    await expectRefusal(
      () => server.exchange({ audience: undefined, resource }),
      'invalid_target',
      'target_malformed',
    );
  });

  it('for unknown, foreign, mixed and too many targets', async () => {
    await expectRefusal(
      () => server.exchange({ audience: 'nobody' }),
      'invalid_target',
      'target_unknown',
    );
    await expectRefusal(
      () => server.exchange({ audience: ['address_service', 'nobody'] }),
      'invalid_target',
      'target_unknown',
    );
    await expectRefusal(
      () => server.exchange({ resource: 'https://api.example/addresses', audience: 'nobody' }),
      'invalid_target',
      'target_unknown',
    );
    await expectRefusal(
      () => server.exchange({ audience: 'postal_service' }),
      'invalid_target',
      'target_not_allowed',
    );
    await expectRefusal(
      () => server.exchange({ audience: 'my_gateway' }),
      'invalid_target',
      'target_not_allowed',
    );
    await expectRefusal(
      () => server.exchange({ audience: Array.from({ length: 9 }, () => 'address_service') }),
      'invalid_target',
      'too_many_targets',
    );
    await expectRefusal(
      () => server.exchange({ resource: Array.from({ length: 1000 }, () => 'https://a.example') }),
      'invalid_target',
      'too_many_targets',
    );
  });

  it('for this server itself as the target', async () => {
    await expectRefusal(
      () => server.exchange({ audience: undefined, resource: ISSUER }),
      'invalid_target',
      'target_unknown',
    );
  });

  it.each([
    ['a  b', 'scope_malformed'],
    ['a\tb', 'scope_malformed'],
    ['"a"', 'scope_malformed'],
    [' a', 'scope_malformed'],
    ['é', 'scope_malformed'],
    ['address:delete', 'scope_not_allowed'],
    ['address:read address:delete', 'scope_not_allowed'],
    ['ADDRESS:READ', 'scope_not_allowed'],
  ])('for the scope %j', async (scope, reason) => {
    await expectRefusal(() => server.exchange({ scope }), 'invalid_scope', reason);
  });

  it('when nothing is left of the scope, or the subject token has none', async () => {
    const none = await server.ownToken({ scope: undefined });
    await expectRefusal(
      () => server.exchange({ subject_token: none }),
      'invalid_scope',
      'scope_empty',
    );
    await expectRefusal(
      () => server.exchange({ subject_token: none, scope: 'address:read' }),
      'invalid_scope',
      'scope_not_allowed',
    );
    const other = await server.ownToken({ scope: 'calendar:read' });
    await expectRefusal(
      () => server.exchange({ subject_token: other }),
      'invalid_scope',
      'scope_empty',
    );
  });

  it('by a client that may not exchange, and by a public one', async () => {
    await server.client({
      clientId: 'no_exchange',
      grantTypes: [GrantType.ClientCredentials],
      targets: ['address_service'],
    });
    await expectRefusal(
      () => server.exchange({}, 'no_exchange'),
      'unauthorized_client',
      'grant_not_allowed',
    );
    await server.client({
      clientId: 'spa',
      kind: 'public',
      grantTypes: [GrantType.TokenExchange],
      targets: ['address_service'],
    });
    const form = {
      grant_type: GrantType.TokenExchange,
      client_id: 'spa',
      subject_token: await server.ownToken(),
      subject_token_type: TokenType.AccessToken,
    };
    await expectRefusal(() => server.token(form, null), 'unauthorized_client', 'client_public');
  });

  it('by a client to which the subject token was not given', async () => {
    const subject = await server.ownToken({ aud: 'address_service' });
    await expectRefusal(
      () => server.exchange({ subject_token: subject }),
      'invalid_request',
      'presenter_not_allowed',
    );
  });

  it('answers every bad subject token alike', async () => {
    const bad = [
      await server.ownToken({ exp: server.now }),
      await server.ownToken({ exp: server.now - 1 }),
      await server.ownToken({ nbf: server.now + 1 }),
      await server.ownToken({ iss: 'https://other.example' }),
      await server.ownToken({ aud: 'somebody_else' }),
      `${(await server.ownToken()).slice(0, -4)}AAAA`,
      'garbage',
      'a.b.c',
    ];
    const answers = await Promise.all(
      bad.map((subject_token) => server.exchange({ subject_token })),
    );
    expect(new Set(answers.map((answer) => `${answer.status} ${answer.text}`)).size).toBe(1);
    expect(answers[0]?.body).toEqual({ error: 'invalid_request', error_description: CONSTANT });
  });

  it('when client authentication fails too, as a failed authentication', async () => {
    const form = {
      grant_type: GrantType.TokenExchange,
      subject_token: 'garbage',
      subject_token_type: TokenType.AccessToken,
      client_id: 'my_gateway',
      client_secret: 'wrong',
    };
    await expectRefusal(
      () => server.token(form, null),
      'invalid_client',
      'client_secret_wrong',
      401,
    );
  });
});

describe('Only a token of the kind that is indicated is accepted', () => {
  it.each([
    'JWT',
    'logout+jwt',
    'dpop+jwt',
    'secevent+jwt',
    'statuslist+jwt',
    'txntoken+jwt',
    'wit+jwt',
    'token-introspection+jwt',
    '',
  ])('and never our own token of the type %j as an access token', async (type) => {
    const subject = await server.ownToken({}, type);
    for (const tokenType of [TokenType.AccessToken, TokenType.Jwt]) {
      const { record } = await server.recorded(() =>
        server.exchange({ subject_token: subject, subject_token_type: tokenType }),
      );
      expect(record.outcome).toBe('refused');
    }
  });

  it('and an access token is no ID token', async () => {
    await expectRefusal(
      () => server.exchange({ subject_token_type: TokenType.IdToken }),
      'invalid_request',
      'token_kind_mismatch',
    );
  });

  it('but our own JWT access token may be called a JWT', async () => {
    expect((await server.exchange({ subject_token_type: TokenType.Jwt })).status).toBe(200);
  });

  const claims = [
    'iss',
    'sub',
    'aud',
    'exp',
    'iat',
    'jti',
    'client_id',
    'scope',
    'act',
    'nbf',
  ] as const;
  const wrong = [null, 17, 'x'.repeat(20_000), ['a', 1], { a: 1 }, '', true] as const;
  it.each(claims)('and its claim %s has the right form', async (claim) => {
    for (const value of wrong) {
      const subject = await server.ownToken({ [claim]: value });
      const { answer, record } = await server.recorded(() =>
        server.exchange({ subject_token: subject }),
      );
      if (claim === 'exp' && value === 17) expect(record.reason).toBe('token_expired');
      expect(answer.status).toBe(
        claim === 'iat' && value === 17 ? 200 : claim === 'nbf' && value === 17 ? 200 : 400,
      );
      if (claim === 'scope' && value === '') expect(answer.body['error']).toBe('invalid_scope');
    }
  });
});

describe('A token exchange', () => {
  it('gives a token that still names the user and the application, and the service that acts', async () => {
    const { answer, record } = await server.recorded(() =>
      server.exchange({ scope: 'address:read' }),
    );
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body).toEqual({
      access_token: expect.any(String),
      issued_token_type: TokenType.AccessToken,
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'address:read',
    });
    expect(claimsOf(answer)).toEqual({
      iss: ISSUER,
      sub: 'alice',
      client_id: 'web_app',
      aud: 'address_service',
      scope: 'address:read',
      iat: server.now,
      exp: server.now + 600,
      jti: expect.stringContaining(record.id),
      act: { iss: ISSUER, sub: 'my_gateway', client_id: 'my_gateway' },
      lineage: expect.stringMatching(/^[0-9a-z]+\.t[\w-]{16}\.k[\w-]{16}$/),
    });
    expect(record).toMatchObject({
      outcome: 'granted',
      grantType: GrantType.TokenExchange,
      client: { clientId: 'my_gateway', method: 'client_secret_basic', secretId: 's1' },
      subject: { iss: ISSUER, sub: 'alice' },
      actor: { iss: ISSUER, sub: 'my_gateway', clientId: 'my_gateway' },
      mode: 'delegation',
      requested: { scope: ['address:read'], audience: ['address_service'] },
      issuedToken: {
        scope: ['address:read'],
        audience: ['address_service'],
        expiresAt: server.now + 600,
      },
      basis: { policy: 'client-settings', version: '1', rule: 'presenter-is-audience' },
    });
  });

  it('nests the earlier actor unchanged below the new one and keeps the chain id', async () => {
    const first = await server.recorded(() => server.exchange());
    const second = await server.recorded(() =>
      server.exchange(
        { subject_token: String(first.answer.body['access_token']), audience: 'postal_service' },
        'address_service',
      ),
    );
    const claims = claimsOf(second.answer);
    expect(claims).toMatchObject({
      sub: 'alice',
      client_id: 'web_app',
      aud: 'postal_service',
      scope: 'address:read',
      act: {
        iss: ISSUER,
        sub: 'address_service',
        client_id: 'address_service',
        act: claimsOf(first.answer)['act'],
      },
    });
    expect(second.record.chainId).toBe(first.record.chainId);
    expect(second.record.parentId).toBe(first.record.id);
    expect(first.record.parentId).toBeUndefined();
  });

  it('takes the client credentials token of the client as its actor token', async () => {
    const own = await server.token({
      grant_type: GrantType.ClientCredentials,
      audience: 'address_service',
    });
    const answer = await server.exchange({
      actor_token: String(own.body['access_token']),
      actor_token_type: TokenType.AccessToken,
    });
    expect(claimsOf(answer)['act']).toEqual({
      iss: ISSUER,
      sub: 'my_gateway',
      client_id: 'my_gateway',
    });
  });

  it('refuses an actor token that is not the client’s own, is delegated, expired, broken or the subject token', async () => {
    const type = { actor_token_type: TokenType.AccessToken };
    const other = await server.ownToken({ sub: 'address_service', client_id: 'address_service' });
    await expectRefusal(
      () => server.exchange({ actor_token: other, ...type }),
      'invalid_request',
      'actor_token_not_of_client',
    );
    const person = await server.ownToken({ sub: 'bob', client_id: 'my_gateway' });
    await expectRefusal(
      () => server.exchange({ actor_token: person, ...type }),
      'invalid_request',
      'actor_token_not_of_client',
    );
    const delegated = await server.ownToken({
      sub: 'my_gateway',
      client_id: 'my_gateway',
      act: { sub: 'address_service' },
    });
    await expectRefusal(
      () => server.exchange({ actor_token: delegated, ...type }),
      'invalid_request',
      'actor_token_delegated',
    );
    const expired = await server.ownToken({
      sub: 'my_gateway',
      client_id: 'my_gateway',
      exp: server.now,
    });
    await expectRefusal(
      () => server.exchange({ actor_token: expired, ...type }),
      'invalid_request',
      'token_expired',
    );
    await expectRefusal(
      () => server.exchange({ actor_token: 'garbage', ...type }),
      'invalid_request',
      'token_malformed',
    );
    await expectRefusal(
      () => server.exchange({ actor_token: 'x', actor_token_type: TokenType.RefreshToken }),
      'invalid_request',
      'token_type_not_supported',
    );
    const subject = await server.ownToken();
    await expectRefusal(
      () => server.exchange({ subject_token: subject, actor_token: subject, ...type }),
      'invalid_request',
      'actor_token_is_subject_token',
    );
  });

  it('never outlives the subject token or the actor token', async () => {
    const short = await server.exchange({
      subject_token: await server.ownToken({ exp: server.now + 100 }),
    });
    expect(short.body['expires_in']).toBe(100);
    const actor = await server.ownToken({
      sub: 'my_gateway',
      client_id: 'my_gateway',
      exp: server.now + 50,
    });
    const shorter = await server.exchange({
      actor_token: actor,
      actor_token_type: TokenType.AccessToken,
    });
    expect(shorter.body['expires_in']).toBe(50);
  });

  it('can be repeated with the same subject token, each time for a new token', async () => {
    const subject = await server.ownToken();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => server.exchange({ subject_token: subject })),
    );
    expect(new Set(answers.map((answer) => claimsOf(answer)['jti'])).size).toBe(20);
  });

  it('does not prolong a life by exchanging again and again', async () => {
    let token = await server.ownToken({
      aud: ['my_gateway', 'address_service'],
      exp: server.now + 700,
    });
    const end = server.now + 700;
    await server.change('my_gateway', {
      identifiers: ['address_service_proxy'],
      targets: ['address_service', 'my_gateway'],
    });
    for (let round = 0; round < 20; round += 1) {
      server.clock.advance(30_000);
      const answer = await server.exchange({ subject_token: token, audience: 'my_gateway' });
      if (answer.status !== 200) break;
      expect(Number(claimsOf(answer)['exp'])).toBeLessThanOrEqual(end);
      token = String(answer.body['access_token']);
    }
    await server.change('my_gateway', {
      identifiers: ['https://api.example/gateway'],
      targets: ['address_service'],
    });
  });

  it('carries acr, amr, auth_time and sid of the subject, and no may_act, nbf or strange claim', async () => {
    const facts = { acr: 'urn:mfa', amr: ['pwd', 'otp'], auth_time: server.now - 500, sid: 's-1' };
    const subject = await server.ownToken({
      ...facts,
      may_act: { iss: ISSUER, sub: 'my_gateway' },
      nbf: server.now,
      email: 'a@b.c',
      admin: true,
    });
    const claims = claimsOf(await server.exchange({ subject_token: subject }));
    expect(claims).toMatchObject(facts);
    expect(Object.keys(claims)).not.toEqual(expect.arrayContaining(['may_act']));
    expect(claims).not.toHaveProperty('email');
    expect(claims).not.toHaveProperty('admin');
  });

  it('obeys may_act as an allow-list', async () => {
    const wrong = [
      { sub: 'address_service' },
      { iss: 'https://other.example', sub: 'my_gateway' },
      { iss: 17, sub: 'my_gateway' },
      {},
      'my_gateway',
      ['my_gateway'],
      null,
    ];
    for (const may_act of wrong) {
      const subject = await server.ownToken({ may_act });
      await expectRefusal(
        () => server.exchange({ subject_token: subject }),
        'invalid_request',
        'actor_not_allowed',
      );
    }
    const named = await server.ownToken({ aud: 'somewhere_else', may_act: { sub: 'my_gateway' } });
    const { answer, record } = await server.recorded(() =>
      server.exchange({ subject_token: named }),
    );
    expect(answer.status).toBe(200);
    expect(record.basis?.rule).toBe('presenter-is-named-by-may-act');
  });

  it('keeps an inbound chain whole and ignores what it says besides names', async () => {
    const act = {
      sub: 'address_service',
      iss: ISSUER,
      exp: 1,
      aud: 'nobody',
      nbf: 9_999_999_999,
      scope: 'everything',
      admin: true,
      cnf: { jkt: 'x' },
    };
    const claims = claimsOf(
      await server.exchange({ subject_token: await server.ownToken({ act }) }),
    );
    expect(claims['act']).toEqual({ iss: ISSUER, sub: 'my_gateway', client_id: 'my_gateway', act });
    expect(claims['scope']).toBe('address:read address:write');
  });

  it('adds no second link for the current actor, but records the exchange', async () => {
    const act = { iss: ISSUER, sub: 'my_gateway', client_id: 'my_gateway' };
    const { answer, record } = await server.recorded(async () =>
      server.exchange({ subject_token: await server.ownToken({ act }) }),
    );
    expect(claimsOf(answer)['act']).toEqual(act);
    expect(record.mode).toBe('delegation');
  });

  it('refuses a loop and a chain that would grow too deep, and cuts neither', async () => {
    const loop = { iss: ISSUER, sub: 'address_service', act: { iss: ISSUER, sub: 'my_gateway' } };
    await expectRefusal(
      async () => server.exchange({ subject_token: await server.ownToken({ act: loop }) }),
      'invalid_request',
      'delegation_loop',
    );
    let deep: object = { iss: 'https://w.example', sub: 'w0' };
    for (let index = 1; index < 5; index += 1)
      deep = { iss: 'https://w.example', sub: `w${index}`, act: deep };
    await expectRefusal(
      async () => server.exchange({ subject_token: await server.ownToken({ act: deep }) }),
      'invalid_request',
      'chain_too_deep',
    );
  });

  it('refuses an act that is no chain', async () => {
    for (const act of [
      'x',
      ['x'],
      {},
      { sub: 17 },
      { sub: '' },
      { sub: 'x'.repeat(1000) },
      { sub: 'a\u0000b' },
      { sub: 'a', iss: 5 },
      { sub: 'a', act: 'x' },
      { iss: ISSUER },
      17,
      null,
    ]) {
      await expectRefusal(
        async () => server.exchange({ subject_token: await server.ownToken({ act }) }),
        'invalid_request',
        'token_chain_malformed',
      );
    }
  });

  it('adds no act when the subject narrows its own token, and refuses it an actor token', async () => {
    const own = await server.ownToken({
      sub: 'my_gateway',
      client_id: 'my_gateway',
      aud: 'address_service',
    });
    const { answer, record } = await server.recorded(() =>
      server.exchange({ subject_token: own, scope: 'address:read' }),
    );
    expect(claimsOf(answer)).not.toHaveProperty('act');
    expect(record.mode).toBe('self');
    const actor = await server.ownToken({ sub: 'my_gateway', client_id: 'my_gateway' });
    await expectRefusal(
      () =>
        server.exchange({
          subject_token: own,
          actor_token: actor,
          actor_token_type: TokenType.AccessToken,
        }),
      'invalid_request',
      'actor_is_subject',
    );
  });

  it('gives several targets only to a client that may have them, and then only scopes that all know', async () => {
    const both = { audience: ['address_service', 'postal_service'] };
    await server.change('my_gateway', { targets: ['address_service', 'postal_service'] });
    await expectRefusal(() => server.exchange(both), 'invalid_target', 'too_many_targets');
    const stored = await server.clients.find('my_gateway');
    await server.change('my_gateway', { exchange: { ...stored!.exchange, maxTargets: 2 } });
    const claims = claimsOf(await server.exchange(both));
    expect(claims).toMatchObject({
      aud: ['address_service', 'postal_service'],
      scope: 'address:read',
    });
    await expectRefusal(
      () => server.exchange({ ...both, scope: 'address:write' }),
      'invalid_scope',
      'scope_not_allowed',
    );
    const mixed = claimsOf(
      await server
        .exchange({ resource: 'https://api.example/addresses', audience: 'postal_service' })
        .then(async (answer) => {
          expect(answer.body['error']).toBe('invalid_target');
          await server.change('my_gateway', {
            targets: ['https://api.example/addresses', 'address_service', 'postal_service'],
          });
          return server.exchange({
            resource: 'https://api.example/addresses',
            audience: 'postal_service',
          });
        }),
    );
    expect(mixed['aud']).toEqual(['https://api.example/addresses', 'postal_service']);
    await server.change('my_gateway', {
      targets: ['address_service'],
      exchange: { ...stored!.exchange, maxTargets: 1 },
    });
  });

  it('uses the default target of a client that names none, or refuses', async () => {
    await expectRefusal(
      () => server.exchange({ audience: undefined }),
      'invalid_target',
      'target_missing',
    );
    await server.change('my_gateway', { defaultTarget: 'address_service' });
    expect(claimsOf(await server.exchange({ audience: undefined }))['aud']).toBe('address_service');
    await server.change('my_gateway', { defaultTarget: null });
  });

  it('impersonates only where the client’s settings say so, records it, and keeps the chain', async () => {
    const stored = await server.clients.find('my_gateway');
    await server.change('my_gateway', { exchange: { ...stored!.exchange, mode: 'impersonation' } });
    const { answer, record } = await server.recorded(() => server.exchange());
    expect(claimsOf(answer)).not.toHaveProperty('act');
    expect(record).toMatchObject({ mode: 'impersonation', actor: { sub: 'my_gateway' } });
    const act = { iss: ISSUER, sub: 'address_service' };
    expect(
      claimsOf(await server.exchange({ subject_token: await server.ownToken({ act }) }))['act'],
    ).toEqual(act);
    const actor = await server.ownToken({ sub: 'my_gateway', client_id: 'my_gateway' });
    const delegated = await server.exchange({
      actor_token: actor,
      actor_token_type: TokenType.AccessToken,
    });
    expect(claimsOf(delegated)['act']).toMatchObject({ sub: 'my_gateway' });
    await server.change('my_gateway', { exchange: stored!.exchange });
  });

  it('refuses tokens of a disabled client, wherever it stands', async () => {
    const first = String((await server.exchange()).body['access_token']);
    const ask = () =>
      server.exchange({ subject_token: first, audience: 'postal_service' }, 'address_service');
    await server.change('my_gateway', { disabled: true });
    await expectRefusal(ask, 'invalid_request', 'token_party_disabled');
    await expectRefusal(() => server.exchange(), 'invalid_client', 'client_disabled', 401);
    await server.change('my_gateway', { disabled: false });
    expect((await ask()).status).toBe(200);
    await server.change('web_app', { disabled: true });
    await expectRefusal(ask, 'invalid_request', 'token_party_disabled');
    await server.change('web_app', { disabled: false });
    await server.change('postal_service', { disabled: true });
    await expectRefusal(ask, 'invalid_target', 'target_unknown');
    await server.change('postal_service', { disabled: false });
  });

  it('never issues a refresh token', async () => {
    expect((await server.exchange()).body).not.toHaveProperty('refresh_token');
  });
});

describe('Whatever algorithm signs', () => {
  it.each(['ES256', 'RS256', 'PS256', 'EdDSA'] as const)(
    'a token of %s is issued, verifies with the published key and can be exchanged again',
    async (algorithm) => {
      const other = await Protocol.start({
        keys: { encryptionKey: Buffer.alloc(32, 1), algorithm },
      });
      await other.storyClients();
      const first = await other.exchange({ subject_token: await other.ownToken() });
      const token = String(first.body['access_token']);
      const keys = createLocalJWKSet({ keys: [...(await other.ring.jwks()).keys] });
      const { protectedHeader } = await compactVerify(token, keys, { algorithms: [algorithm] });
      expect(protectedHeader).toMatchObject({ alg: algorithm, typ: 'at+jwt' });
      const second = await other.exchange(
        { subject_token: token, audience: 'postal_service' },
        'address_service',
      );
      expect(claimsOf(second)).toMatchObject({
        act: { sub: 'address_service', act: { sub: 'my_gateway' } },
      });
      const wrong = algorithm === 'ES256' ? 'RS256' : 'ES256';
      const { record } = await other.recorded(async () =>
        other.exchange({
          subject_token: await other.signed('{}', { alg: wrong }).catch(() => 'x.y.z'),
        }),
      );
      expect(record.outcome).toBe('refused');
      await other.stop();
    },
  );
});

describe('A service that is the current actor', () => {
  it('narrows one token again and again, until it cannot tell any more what it comes of', async () => {
    const other = await Protocol.start();
    await other.storyClients();
    await other.change('address_service', { targets: ['address_service'] });
    let token = String((await other.exchange()).body['access_token']);
    const again = (): Promise<Answer> =>
      other.exchange({ subject_token: token, audience: 'address_service' }, 'address_service');
    let times = 0;
    for (;;) {
      const { answer, record } = await other.recorded(again);
      if (answer.status !== 200) {
        expect(answer.body).toEqual({
          error: 'invalid_request',
          error_description: 'A presented token is not acceptable.',
        });
        expect(record).toMatchObject({ outcome: 'refused', reason: 'lineage_too_long' });
        break;
      }
      times += 1;
      expect(record.actors).toHaveLength(2);
      token = String(answer.body['access_token']);
    }
    // 64 marks: the signing key, the token of the sign-in, and one more each time.
    expect(times).toBe(62);
    await other.stop();
  });
});
