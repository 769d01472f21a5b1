import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { AuditRecord } from '../../src/audit/audit-record.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { hashOpaqueSecret } from '../../src/oauth/opaque-secret.js';
import { OPENID_SCOPES } from '../../src/oauth/openid.js';
import type { TextBrowser, Visit } from '../support/browser.js';
import { basic, encode, Protocol, type Answer } from '../support/protocol.js';
import { CALLBACK, CHALLENGE, eventsOf, ISSUER, PASSWORDS, Provider } from '../support/provider.js';

type Form = Readonly<Record<string, string | readonly string[] | undefined>>;

const PAR = '/connect/par';
const FORM = 'application/x-www-form-urlencoded';
const PREFIX = 'urn:ietf:params:oauth:request_uri:';
const REQUEST: Form = {
  response_type: 'code',
  redirect_uri: CALLBACK,
  scope: 'openid',
  state: 'state-1',
  nonce: 'nonce-1',
  code_challenge: CHALLENGE,
  code_challenge_method: 'S256',
};
const OFFICE = basic('back_office', 'back_office-secret');

let provider: Provider;

beforeAll(async () => {
  provider = await Provider.start();
  const grantTypes = [GrantType.AuthorizationCode];
  const scopes = [...OPENID_SCOPES];
  const signIn = { redirectUris: [CALLBACK], consentRequired: false };
  await provider.client({ clientId: 'back_office', grantTypes, scopes, signIn });
  await provider.client({ clientId: 'native_app', kind: 'public', grantTypes, scopes, signIn });
  await provider.client({ clientId: 'closed_app', disabled: true, grantTypes, scopes, signIn });
  await provider.client({
    clientId: 'machine',
    grantTypes: [GrantType.ClientCredentials],
    scopes,
    signIn,
  });
  await provider.client({
    clientId: 'careful_app',
    kind: 'public',
    grantTypes,
    scopes,
    signIn: { redirectUris: [CALLBACK], pushedRequestsRequired: true },
  });
});

afterAll(() => provider.stop());

function kept(form: Form): string {
  return encode(
    Object.fromEntries(Object.entries(form).filter(([, value]) => value !== undefined)),
  );
}

function push(form: Form, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return provider.send(PAR, {
    method: 'POST',
    headers: { 'content-type': FORM, ...headers },
    body: kept(form),
  });
}

/** A request of a public client that was taken. @returns its name */
async function pushed(form: Form = {}): Promise<string> {
  const answer = await push({ ...REQUEST, client_id: 'native_app', ...form });
  if (answer.status !== 201) throw new Error(answer.text);
  return String(answer.body['request_uri']);
}

function addressOf(requestUri: string, more: Form = {}): string {
  return `/connect/authorize?${kept({ client_id: 'native_app', request_uri: requestUri, ...more })}`;
}

function expectRecord(
  records: readonly AuditRecord[],
  facts: Readonly<Record<string, unknown>>,
): void {
  expect(records).toEqual([
    {
      id: expect.any(String),
      schema: 1,
      time: provider.clock.now(),
      event: 'pushed_authorization',
      requestId: expect.any(String),
      address: '127.0.0.1',
      ...facts,
    },
  ]);
}

async function expectRefused(
  work: () => Promise<Answer>,
  error: string,
  reason: string,
  status = 400,
): Promise<Answer> {
  const { result: answer, records } = await provider.recorded(work);
  expect({ status: answer.status, body: answer.body }).toEqual({
    status,
    body: { error, error_description: expect.stringMatching(/^[\x20\x21\x23-\x5B\x5D-\x7E]+$/) },
  });
  expectHeaders(answer);
  const { client, requested } = records[0] ?? {};
  expectRecord(records, {
    outcome: 'refused',
    reason,
    error,
    ...(client ? { client } : {}),
    ...(requested ? { requested } : {}),
  });
  return answer;
}

function expectHeaders({ headers }: Answer): void {
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'cache-control': 'no-store',
  });
  expect(headers).not.toHaveProperty('location');
  expect(headers).not.toHaveProperty('set-cookie');
  expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
}

/** The name of a request means nothing here: a page, and the browser is sent nowhere. */
async function expectUnknown(address: string): Promise<void> {
  const { result: answer, records } = await provider.recorded(() => provider.send(address));
  expect({ status: answer.status, location: answer.headers.location }).toEqual({ status: 400 });
  expect(answer.text).toContain('<code><bdi>invalid_request_uri</bdi></code>');
  expect(eventsOf(records)).toEqual(['authorization pushed_request_unknown']);
  expect(records[0]).toMatchObject({ error: 'invalid_request_uri' });
  expect(records[0]).not.toHaveProperty('client');
}

/** The request is there: it leads to the sign-in page. */
async function expectKnown(address: string): Promise<void> {
  const answer = await provider.send(address);
  expect({ status: answer.status, path: answer.headers.location?.split('?')[0] }).toEqual({
    status: 303,
    path: '/sign-in',
  });
}

async function signIn(browser: TextBrowser, address: string): Promise<Visit> {
  await browser.open(address);
  return browser.submit({ username: 'alice', password: PASSWORDS.alice });
}

function answerOf(visit: Visit): Readonly<Record<string, string>> {
  return Object.fromEntries(visit.location?.searchParams ?? []);
}

describe('A client that does not prove itself pushes nothing', () => {
  it.each<[string, Form, Readonly<Record<string, string>>, string]>([
    ['says no name', {}, {}, 'client_not_authenticated'],
    ['is unknown', { client_id: 'nobody' }, {}, 'client_unknown'],
    [
      'is unknown and has a secret',
      {},
      { authorization: basic('nobody', 'back_office-secret') },
      'client_unknown',
    ],
    ['brings no secret', { client_id: 'back_office' }, {}, 'client_method_not_allowed'],
    [
      'brings a wrong secret in the header',
      {},
      { authorization: basic('back_office', 'wrong') },
      'client_secret_wrong',
    ],
    [
      'brings a wrong secret in the form',
      { client_id: 'back_office', client_secret: 'wrong' },
      {},
      'client_secret_wrong',
    ],
    [
      'is disabled',
      {},
      { authorization: basic('closed_app', 'closed_app-secret') },
      'client_disabled',
    ],
  ])('because it %s', async (_, form, headers, reason) => {
    const answer = await expectRefused(
      () => push({ ...REQUEST, ...form }, headers),
      'invalid_client',
      reason,
      401,
    );
    expect(answer.headers['www-authenticate']).toBe(
      'authorization' in headers ? 'Basic realm="token", charset="UTF-8"' : undefined,
    );
  });

  it('because it says two names, or proves itself in two ways', async () => {
    await expectRefused(
      () => push({ ...REQUEST, client_id: 'native_app' }, { authorization: OFFICE }),
      'invalid_request',
      'client_id_mismatch',
    );
    await expectRefused(
      () => push({ ...REQUEST, client_secret: 'back_office-secret' }, { authorization: OFFICE }),
      'invalid_request',
      'client_methods_combined',
    );
  });

  it('because what it proves itself with is not spoken here', async () => {
    await expectRefused(
      () => push({ ...REQUEST, client_id: 'native_app' }, { dpop: 'x' }),
      'invalid_request',
      'parameter_not_supported',
    );
  });
});

describe('A request that would be refused is refused when it is pushed', () => {
  it('because it names another one', async () => {
    const requestUri = await pushed();
    for (const inside of [requestUri, `${PREFIX}x`, 'https://evil.example/request', 'x']) {
      await expectRefused(
        () => push({ ...REQUEST, client_id: 'native_app', request_uri: inside }),
        'invalid_request',
        'parameter_not_supported',
      );
    }
    await expectKnown(addressOf(requestUri));
  });

  it.each<[string, Form, string, string]>([
    ['without redirect_uri', { redirect_uri: undefined }, 'invalid_request', 'missing_parameter'],
    [
      'with an address that is not registered',
      { redirect_uri: `${CALLBACK}/` },
      'invalid_request',
      'redirect_uri_not_registered',
    ],
    [
      'with a state that cannot be given back',
      { state: '\0' },
      'invalid_request',
      'parameter_malformed',
    ],
    ['without response_type', { response_type: undefined }, 'invalid_request', 'missing_parameter'],
    [
      'for a token',
      { response_type: 'token' },
      'unsupported_response_type',
      'response_type_not_supported',
    ],
    [
      'with an answer in the fragment',
      { response_mode: 'fragment' },
      'invalid_request',
      'response_mode_not_supported',
    ],
    ['without PKCE', { code_challenge: undefined }, 'invalid_request', 'code_challenge_missing'],
    [
      'with plain PKCE',
      { code_challenge_method: 'plain' },
      'invalid_request',
      'code_challenge_method_not_supported',
    ],
    ['with a malformed scope', { scope: 'openid  email' }, 'invalid_scope', 'scope_malformed'],
    [
      'with a malformed resource',
      { resource: 'https://api.example/#x' },
      'invalid_target',
      'target_malformed',
    ],
    ['with malformed claims', { claims: '[]' }, 'invalid_request', 'parameter_malformed'],
    ['with prompt=none login', { prompt: 'none login' }, 'invalid_request', 'prompt_combined'],
    [
      'with a request object',
      { request: 'eyJhbGciOiJub25lIn0.e30.' },
      'request_not_supported',
      'parameter_not_supported',
    ],
    [
      'with an essential acr that nobody reaches',
      { claims: '{"id_token":{"acr":{"essential":true,"value":"3"}}}' },
      'unmet_authentication_requirements',
      'authentication_context_not_reached',
    ],
    [
      'that is too long to be carried from page to page',
      { claims: ' '.repeat(5_000) },
      'invalid_request',
      'too_many_parameters',
    ],
  ])('%s', async (_, form, error, reason) => {
    await expectRefused(
      () => push({ ...REQUEST, client_id: 'native_app', ...form }),
      error,
      reason,
    );
    expect(provider.records.at(-1)?.client).toEqual({ clientId: 'native_app', method: 'none' });
  });

  it('of a client that may not sign people in', async () => {
    await expectRefused(
      () => push(REQUEST, { authorization: basic('machine', 'machine-secret') }),
      'unauthorized_client',
      'grant_not_allowed',
    );
  });
});

describe('The endpoint reads a form by POST and nothing else', () => {
  it.each(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
    'and refuses %s with 405, Allow and one record',
    async (method) => {
      const answer = await expectRefused(
        () => provider.send(PAR, { method }),
        'invalid_request',
        'method_not_allowed',
        405,
      );
      expect(answer.headers.allow).toBe('POST');
    },
  );

  it.each<[string, string, string, string, number]>([
    ['another content type', PAR, 'application/json', 'content_type_not_supported', 400],
    ['a secret in the query', `${PAR}?client_secret=x`, FORM, 'credentials_in_query', 400],
  ])('and refuses %s', async (_, path, type, reason, status) => {
    await expectRefused(
      () =>
        provider.send(path, {
          method: 'POST',
          headers: { 'content-type': type, authorization: OFFICE },
          body: kept(REQUEST),
        }),
      'invalid_request',
      reason,
      status,
    );
  });

  it('and refuses a parameter that comes twice', async () => {
    await expectRefused(
      () => push({ ...REQUEST, scope: ['openid', 'openid'] }, { authorization: OFFICE }),
      'invalid_request',
      'repeated_parameter',
    );
  });

  it('and refuses a body that is too large, with 413', async () => {
    await expectRefused(
      () => push({ ...REQUEST, claims: 'x'.repeat(70_000) }, { authorization: OFFICE }),
      'invalid_request',
      'body_too_large',
      413,
    );
  });

  it('and is not there at all where nobody signs in', async () => {
    const server = await Protocol.start();
    for (const method of ['POST', 'GET']) {
      const answer = await server.send({ method, path: PAR, headers: { 'content-type': FORM } });
      expect(answer.status).toBe(404);
    }
    expect(server.records).toEqual([]);
    await server.stop();
  });
});

describe('A request that is right gets a name', () => {
  it.each<[string, Form, Readonly<Record<string, string>>, object]>([
    [
      'with HTTP Basic alone',
      {},
      { authorization: OFFICE },
      { clientId: 'back_office', method: 'client_secret_basic', secretId: 's1' },
    ],
    [
      'with HTTP Basic and its name in the form',
      { client_id: 'back_office' },
      { authorization: OFFICE },
      { clientId: 'back_office', method: 'client_secret_basic', secretId: 's1' },
    ],
    [
      'with its secret in the form',
      { client_id: 'back_office', client_secret: 'back_office-secret' },
      {},
      { clientId: 'back_office', method: 'client_secret_post', secretId: 's1' },
    ],
    [
      'of a public client, which has no secret',
      { client_id: 'native_app' },
      {},
      { clientId: 'native_app', method: 'none' },
    ],
  ])('%s', async (_, form, headers, client) => {
    const { result: answer, records } = await provider.recorded(() =>
      push({ ...REQUEST, ...form }, headers),
    );
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 201,
      body: {
        request_uri: expect.stringMatching(/^urn:ietf:params:oauth:request_uri:[\w-]{43}$/),
        expires_in: 90,
      },
    });
    expectHeaders(answer);
    expectRecord(records, { outcome: 'granted', client, requested: { scope: ['openid'] } });
    const requestUri = String(answer.body['request_uri']);
    expect(JSON.stringify(records)).not.toContain(requestUri.slice(PREFIX.length));
    const { clientId } = client as { clientId: string };
    const visit = await signIn(provider.browser(), addressOf(requestUri, { client_id: clientId }));
    expect(answerOf(visit)).toEqual({ code: expect.any(String), state: 'state-1', iss: ISSUER });
  });

  it('that is another each time', async () => {
    expect(new Set([await pushed(), await pushed(), await pushed()]).size).toBe(3);
  });

  it('and is kept without what the client proved itself with', async () => {
    const secret = 'back_office-secret';
    const form = { ...REQUEST, client_id: 'back_office', client_secret: secret };
    const requestUri = String((await push(form)).body['request_uri']);
    const request = await provider.pushedRequests.take(
      hashOpaqueSecret(requestUri.slice(PREFIX.length)),
      'back_office',
    );
    expect(Object.fromEntries(request?.parameters ?? [])).toEqual({
      ...REQUEST,
      client_id: 'back_office',
    });
    expect(JSON.stringify([request, provider.records])).not.toContain(secret);
  });
});

describe('The name of a request can be used', () => {
  it('once, and never again', async () => {
    const address = addressOf(await pushed());
    await expectKnown(address);
    await expectUnknown(address);
    await expectUnknown(address);
  });

  it('once, of many at the same moment', async () => {
    const address = addressOf(await pushed());
    const answers = await Promise.all(Array.from({ length: 8 }, () => provider.send(address)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      303,
      ...Array.from({ length: 7 }, () => 400),
    ]);
  });

  it('for ninety seconds, and not a moment longer', async () => {
    const [early, late] = [await pushed(), await pushed()];
    provider.clock.advance(89_999);
    await expectKnown(addressOf(early));
    provider.clock.advance(1);
    await expectUnknown(addressOf(late));
  });

  it('by its own client, whom nobody else can take it from', async () => {
    const requestUri = await pushed();
    for (const other of ['web_app', 'back_office', 'nobody', 'closed_app', undefined])
      await expectUnknown(addressOf(requestUri, { client_id: other }));
    await expectKnown(addressOf(requestUri));
  });

  it('as it was written, and in no other spelling', async () => {
    const requestUri = await pushed();
    const secret = requestUri.slice(PREFIX.length);
    for (const other of [
      '',
      secret.slice(1),
      `${secret}A`,
      `${secret}=`,
      ` ${secret}`,
      secret.toLowerCase(),
      `${secret.startsWith('A') ? 'B' : 'A'}${secret.slice(1)}`,
      hashOpaqueSecret(secret),
      `${secret}/../${secret}`,
    ])
      await expectUnknown(addressOf(`${PREFIX}${other}`));
    await expectKnown(addressOf(requestUri));
  });

  it('and what stands beside it changes nothing', async () => {
    const requestUri = await pushed();
    const address = addressOf(requestUri, {
      redirect_uri: 'https://evil.example/',
      state: 'other',
      scope: 'openid profile email',
      prompt: 'none',
      response_type: 'token',
      response_mode: 'fragment',
      request: 'x',
      code_challenge: 'x',
    });
    const { result: visit, records } = await provider.recorded(() =>
      signIn(provider.browser(), address),
    );
    expect(visit.location?.href.startsWith(`${CALLBACK}?code=`)).toBe(true);
    expect(answerOf(visit)).toMatchObject({ state: 'state-1', iss: ISSUER });
    expect(eventsOf(records)).toEqual([
      'authentication granted',
      'session_start granted',
      'authorization granted',
    ]);
    expect(records[2]?.requested?.scope).toEqual(['openid']);
  });

  it('and is checked once more then, because settings change', async () => {
    await provider.client({
      clientId: 'changing_app',
      kind: 'public',
      grantTypes: [GrantType.AuthorizationCode],
      scopes: ['openid'],
      signIn: { redirectUris: [CALLBACK] },
    });
    const own = { client_id: 'changing_app' };
    const [first, second] = [await pushed(own), await pushed(own)];
    const { signIn: settings } = (await provider.clients.find('changing_app')) ?? {};
    if (!settings) throw new Error('no client');
    const redirectUris = ['https://elsewhere.example/'];
    await provider.change('changing_app', { signIn: { ...settings, redirectUris } });
    for (const [requestUri, reason] of [
      [first, 'redirect_uri_not_registered'],
      [second, 'client_disabled'],
    ] as const) {
      const { result: answer, records } = await provider.recorded(() =>
        provider.send(addressOf(requestUri, own)),
      );
      expect({ status: answer.status, location: answer.headers.location }).toEqual({ status: 400 });
      expect(eventsOf(records)).toEqual([`authorization ${reason}`]);
      await provider.change('changing_app', { disabled: true });
    }
  });
});

describe('A client can be registered to push all its requests', () => {
  const own = { client_id: 'careful_app' };

  it('so that a plain one is refused, and the application is told', async () => {
    const { result: answer, records } = await provider.recorded(() =>
      provider.send(`/connect/authorize?${kept({ ...REQUEST, ...own })}`),
    );
    const location = new URL(answer.headers.location ?? '');
    expect(`${location.origin}${location.pathname}`).toBe(CALLBACK);
    expect(Object.fromEntries(location.searchParams)).toEqual({
      error: 'invalid_request',
      error_description: expect.any(String),
      state: 'state-1',
      iss: ISSUER,
    });
    expect(eventsOf(records)).toEqual(['authorization pushed_request_required']);
    expect(records[0]?.client).toEqual({ clientId: 'careful_app' });
  });

  it('and a pushed one goes all the way, through every page', async () => {
    const browser = provider.browser();
    const address = addressOf(await pushed({ ...own, prompt: 'login consent' }), own);
    const consent = await signIn(browser, address);
    expect(consent.url.pathname).toBe('/consent');
    const { result: visit, records } = await provider.recorded(() =>
      browser.submit({ decision: 'allow' }),
    );
    expect(answerOf(visit)).toEqual({ code: expect.any(String), state: 'state-1', iss: ISSUER });
    expect(eventsOf(records)).toEqual(['consent granted', 'authorization granted']);
  });

  it('and what is refused later is told, too', async () => {
    const requestUri = await pushed({ ...own, prompt: 'none' });
    const { result: answer, records } = await provider.recorded(() =>
      provider.send(addressOf(requestUri, own)),
    );
    expect(answer.headers.location).toMatch(
      /^https:\/\/app\.example\/callback\?error=login_required&/,
    );
    expect(eventsOf(records)).toEqual(['authorization login_required']);
  });
});
