import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { AuditRecord } from '../../src/audit/audit-record.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { OPENID_SCOPES } from '../../src/oauth/openid.js';
import type { TextBrowser } from '../support/browser.js';
import { encode, type Answer } from '../support/protocol.js';
import {
  CALLBACK,
  CHALLENGE,
  claimsIn,
  eventsOf,
  ISSUER,
  PASSWORDS,
  Provider,
} from '../support/provider.js';

/** Parameters of a request that are not as usual. */
type Asked = Readonly<Record<string, string | readonly string[] | undefined>>;

const AUTHORIZE = '/connect/authorize';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const GATEWAY = 'https://api.example/gateway';
const SECOND = 'https://second.example/';
/** Where `native_app` may be returned to. */
const NATIVE = [
  'http://127.0.0.1/callback',
  'http://[::1]:4000/callback',
  'http://localhost:3000/callback',
  'com.example.app:/callback',
  'https://native.example/callback?from=idp',
] as const;
const OFFICE: Asked = {
  client_id: 'back_office',
  redirect_uri: 'https://office.example/callback',
};

let provider: Provider;
/** A browser in which alice is signed in and has agreed to what `web_app` asks for. */
let alices: TextBrowser;

beforeAll(async () => {
  provider = await Provider.start();
  const grantTypes = [GrantType.AuthorizationCode];
  const scopes = [...OPENID_SCOPES];
  const signIn = { redirectUris: [CALLBACK] };
  const kind = 'public';
  await provider.client({
    clientId: 'native_app',
    kind,
    grantTypes,
    scopes,
    signIn: { redirectUris: NATIVE },
  });
  await provider.client({
    clientId: 'back_office',
    grantTypes,
    scopes: [...scopes, 'address:read', 'address:write'],
    targets: [GATEWAY, SECOND, 'address_service', 'https://gone.example/'],
    signIn: {
      redirectUris: ['https://office.example/callback'],
      pkceRequired: false,
      consentRequired: false,
      defaultScopes: ['openid', 'address:write'],
    },
  });
  await provider.client({
    clientId: 'second_service',
    identifiers: [SECOND],
    offeredScopes: ['address:write'],
  });
  await provider.client({
    clientId: 'closed_app',
    kind,
    disabled: true,
    grantTypes,
    scopes,
    signIn,
  });
  await provider.client({
    clientId: 'careless_app',
    kind,
    grantTypes,
    scopes,
    signIn: { ...signIn, pkceRequired: false },
  });
  await provider.client({
    clientId: 'pushing_app',
    kind,
    grantTypes,
    scopes,
    signIn: { ...signIn, pushedRequestsRequired: true },
  });
  await provider.client({
    clientId: 'machine',
    grantTypes: [GrantType.ClientCredentials],
    scopes,
    signIn,
  });
  alices = provider.browser();
  await provider.authorize(alices);
});

afterAll(() => provider.stop());

function pathOf(asked: Asked): string {
  return provider.authorizeUrl(asked).slice(ISSUER.length);
}

/** Exactly one record, of an authorization request that was refused. */
function expectRefused(
  records: readonly AuditRecord[],
  reason: string,
  error: string,
  clientId?: string,
): void {
  expect(records).toEqual([
    {
      id: expect.any(String),
      schema: 1,
      time: provider.clock.now(),
      event: 'authorization',
      outcome: 'refused',
      reason,
      error,
      requestId: expect.any(String),
      address: '127.0.0.1',
      ...(clientId === undefined ? {} : { client: { clientId } }),
      ...(records[0]?.requested ? { requested: records[0].requested } : {}),
    },
  ]);
}

function expectPageHeaders(headers: Answer['headers'], formAction = "'self'"): void {
  expect(headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': [
      "default-src 'none'",
      "style-src 'self'",
      "img-src 'self'",
      `form-action ${formAction}`,
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  });
  expectNoCors(headers);
}

function expectNoCors(headers: Answer['headers']): void {
  expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
}

/** The refusal is shown here, and the browser is sent nowhere. */
async function expectShown(
  path: string,
  reason: string,
  {
    error = 'invalid_request',
    status = 400,
    send = {},
  }: { error?: string; status?: number; send?: Parameters<Provider['send']>[1] } = {},
): Promise<Answer> {
  const { result: answer, records } = await provider.recorded(() => provider.send(path, send));
  expect({ status: answer.status, location: answer.headers.location }).toEqual({ status });
  expectPageHeaders(answer.headers);
  expect(answer.text).toContain(`<code><bdi>${error}</bdi></code>`);
  expect(answer.text).toContain(`(HTTP ${status})`);
  expectRefused(records, reason, error);
  return answer;
}

/** The refusal is told to the application: at its address, with `state` and `iss`, everything once. */
function expectTelling(answer: Answer, asked: Asked, error: string): void {
  const { redirect_uri: redirectUri, state } = {
    redirect_uri: CALLBACK,
    state: 'state-1',
    ...asked,
  };
  const begin = `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}`;
  const location = answer.headers.location ?? '';
  expect({
    status: answer.status,
    text: answer.text,
    begin: location.slice(0, begin.length),
    answer: [...new URLSearchParams(location.slice(begin.length))],
  }).toEqual({
    status: 303,
    text: '',
    begin,
    answer: [
      ['error', error],
      ['error_description', expect.stringMatching(/^[\x20\x21\x23-\x5B\x5D-\x7E]+$/)],
      ...(state === undefined || state === '' ? [] : [['state', state]]),
      ['iss', ISSUER],
    ],
  });
  expect(answer.headers).toMatchObject({
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  });
  expectNoCors(answer.headers);
}

async function expectTold(asked: Asked, error: string, reason: string): Promise<void> {
  const { result: answer, records } = await provider.recorded(() => provider.send(pathOf(asked)));
  expectTelling(answer, asked, error);
  expectRefused(records, reason, error, String(asked['client_id'] ?? 'web_app'));
}

/** Alice, who is signed in, is not asked anything. @returns the record of the answer */
async function expectGranted(asked: Asked): Promise<AuditRecord> {
  const { result: visit, records } = await provider.recorded(() =>
    alices.open(provider.authorizeUrl({ prompt: 'none', ...asked })),
  );
  expect([...(visit.location?.searchParams.keys() ?? [])]).toEqual(['code', 'state', 'iss']);
  expect(eventsOf(records)).toEqual(['authorization granted']);
  const [record] = records;
  if (record === undefined) throw new Error('no record');
  return record;
}

describe('A request of an application that is not known is shown and goes nowhere', () => {
  it('when there is no client_id', async () => {
    await expectShown(pathOf({ client_id: undefined }), 'missing_parameter');
    await expectShown(AUTHORIZE, 'missing_parameter');
    await expectShown(`${AUTHORIZE}?client_id=`, 'missing_parameter');
  });

  it.each([
    'nobody',
    'WEB_APP',
    'web_app ',
    ' web_app',
    'web_app\0',
    "web_app' OR '1'='1",
    '../web_app',
    '__proto__',
    'constructor',
    'wéb_app',
    'x'.repeat(600),
    '<script>alert(1)</script>',
  ])('when its client_id is %j', async (clientId) => {
    const answer = await expectShown(pathOf({ client_id: clientId }), 'client_unknown');
    expect(answer.text).not.toContain('<script>');
  });

  it('and a disabled one gets the same page as one that never was', async () => {
    const closed = await expectShown(pathOf({ client_id: 'closed_app' }), 'client_disabled');
    const unknown = await expectShown(pathOf({ client_id: 'nobody' }), 'client_unknown');
    expect(closed.text).toBe(unknown.text);
  });
});

describe('A request to return to an address that is not registered is shown and goes nowhere', () => {
  it('when there is none, even if only one is registered', async () => {
    await expectShown(pathOf({ redirect_uri: undefined }), 'missing_parameter');
    await expectShown(pathOf({ redirect_uri: '' }), 'missing_parameter');
  });

  it.each([
    'https://evil.example/callback',
    'https://app.example@evil.example/callback',
    'https://app.example:x@evil.example/callback',
    'https://app.example.evil.example/callback',
    'https://evil.example/https://app.example/callback',
    'https://evil.example?https://app.example/callback',
    'https://evil.example#@app.example/callback',
    'https://app.example\\@evil.example/callback',
    'https://app.example%40evil.example/callback',
    'https://user@app.example/callback',
    'https://user:secret@app.example/callback',
    'https://@app.example/callback',
    'https://app.example/callback/',
    'https://app.example/callback/extra',
    'https://app.example/callback?',
    'https://app.example/callback?extra=1',
    'https://app.example/callback#',
    'https://app.example/callback#fragment',
    'https://app.example/callback;a=b',
    'https://app.example//callback',
    'https://app.example/callbac',
    'https://app.example',
    'https://app.example/',
    'https://app.example:443/callback',
    'https://app.example:8443/callback',
    'https://app.example:/callback',
    'https://APP.example/callback',
    'HTTPS://app.example/callback',
    'https://app.example/Callback',
    'https://app.example./callback',
    'https://*.example/callback',
    'https://app.example/%63allback',
    'https://app.example%2Fcallback',
    'https://app.example/%2Fcallback',
    'https://app.example/callback%2F',
    'https://app.example/callback%00',
    'https://app.example/a/../callback',
    'https://app.example/./callback',
    'https://app.example/callback/..',
    'https://app.example/%2e/callback',
    'https:/app.example/callback',
    'https:app.example/callback',
    'https:\\\\app.example\\callback',
    'https:///app.example/callback',
    'http://app.example/callback',
    '//app.example/callback',
    '/callback',
    'callback',
    'app.example/callback',
    ' https://app.example/callback',
    'https://app.example/callback ',
    'https://app.example/callback\n',
    '\thttps://app.example/callback',
    'https://app.example/callback\0',
    'https://app.example/call\tback',
    'https://app.example/callback\r\nLocation: https://evil.example/',
    'https://аpp.example/callback',
    'https://app。example/callback',
    'https://app.example/callback https://evil.example/',
    '["https://app.example/callback"]',
    'javascript:alert(1)',
    'JavaScript:alert(1)',
    'JAVASCRIPT://app.example/callback%0aalert(1)',
    '\u0001javascript:alert(1)',
    'java\nscript:alert(1)',
    'vbscript:msgbox(1)',
    'data:text/html,<script>alert(1)</script>',
    'blob:https://app.example/callback',
    'file:///etc/passwd',
    'about:blank',
    'urn:ietf:wg:oauth:2.0:oob',
    '<script>alert(1)</script>',
  ])('when it is %j', async (redirectUri) => {
    const asked = { redirect_uri: redirectUri, prompt: 'none' };
    const answer = await expectShown(pathOf(asked), 'redirect_uri_not_registered');
    expect(answer.text).not.toContain('evil.example');
    expect(answer.text).not.toContain('alert(1)');
  });

  it.each([
    'http://localhost:3001/callback',
    'http://localhost/callback',
    'http://localhost:03000/callback',
    'http://LOCALHOST:3000/callback',
    'http://127.0.0.1/other',
    'http://127.0.0.1/callback/',
    'http://127.0.0.1:4000/callback?extra=1',
    'http://127.0.0.1:4000/callback#',
    'http://127.0.0.1:65536/callback',
    'http://127.0.0.1:99999/callback',
    'http://127.0.0.1:123456/callback',
    'http://127.0.0.1:/callback',
    'http://127.0.0.1:1e3/callback',
    'http://127.0.0.1:-1/callback',
    'http://127.0.0.1:80.evil.example/callback',
    'http://127.0.0.1:80@evil.example/callback',
    'http://127.0.0.1@evil.example/callback',
    'http://127.0.0.1.evil.example/callback',
    'http://127.0.0.1:80\\@evil.example/callback',
    'http://user@127.0.0.1/callback',
    'https://127.0.0.1/callback',
    'HTTP://127.0.0.1/callback',
    'http://127.1/callback',
    'http://2130706433/callback',
    'http://0x7f.0.0.1/callback',
    'http://127.0.0.2/callback',
    'http://0.0.0.0/callback',
    'http://[::1]:4000/other',
    'http://[::1]evil.example/callback',
    'http://[::ffff:127.0.0.1]:4000/callback',
    'http://[0:0:0:0:0:0:0:1]:4000/callback',
    'com.example.app:/callback/',
    'com.example.app:callback',
    'com.example.app://callback',
    'com.example.app:/other',
    'COM.example.app:/callback',
    'com.example.apps:/callback',
    'https://native.example/callback',
    'https://native.example/callback?from=IDP',
    'https://native.example/callback?from=idp&extra=1',
    'https://native.example:4000/callback?from=idp',
  ])('when it is %j, of a native application', async (redirectUri) => {
    await expectShown(
      pathOf({ client_id: 'native_app', redirect_uri: redirectUri, scope: 'openid' }),
      'redirect_uri_not_registered',
    );
  });

  it('when it is one of another application', async () => {
    await expectShown(pathOf({ redirect_uri: NATIVE[3] }), 'redirect_uri_not_registered');
    await expectShown(pathOf({ ...OFFICE, redirect_uri: CALLBACK }), 'redirect_uri_not_registered');
  });

  it('whatever it is: only registered bytes are ever returned to, but for a loopback port', async () => {
    const mutation = fc.tuple(
      fc.constantFrom(...NATIVE),
      fc.nat(),
      fc.constantFrom(
        '',
        ...'@:/\\?#%.&;[]\t\n\0 aA1'.split(''),
        '%2e',
        '%2F',
        '%00',
        '..',
        '//',
        ':8080',
      ),
      fc.nat(3),
    );
    const address = fc.oneof(
      mutation.map(([uri, at, piece, cut]) => {
        const place = at % (uri.length + 1);
        return uri.slice(0, place) + piece + uri.slice(place + cut);
      }),
      fc.constantFrom(...NATIVE),
      fc
        .tuple(fc.constantFrom('127.0.0.1', '[::1]', 'localhost', '127.0.0.1.'), fc.nat(100_000))
        .map(([host, port]) => `http://${host}:${port}/callback`),
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
      fc.string({ unit: 'binary', minLength: 1 }),
    );
    let returned = 0;
    await fc.assert(
      fc.asyncProperty(address, async (requested) => {
        const path = pathOf({
          client_id: 'native_app',
          redirect_uri: requested,
          scope: 'openid',
          prompt: 'none',
        });
        const { status, headers } = await provider.send(path);
        if (isRegistered(requested)) {
          expect(status).toBe(303);
          expect(headers.location?.startsWith(requested)).toBe(true);
          expect(placesOfNative()).toContain(placeOf(headers.location ?? ''));
          returned += 1;
        } else {
          expect({ status, location: headers.location }).toEqual({ status: 400 });
        }
      }),
      { numRuns: 600 },
    );
    expect(returned).toBeGreaterThan(50);
  });
});

/** The rule once more, in other words: equal as bytes after a port that a system chose was taken away. */
function isRegistered(requested: string): boolean {
  if ((NATIVE as readonly string[]).includes(requested)) return true;
  return ['http://127.0.0.1', 'http://[::1]'].some((host) => {
    if (!requested.startsWith(host) || !requested.endsWith('/callback')) return false;
    const port = requested.slice(host.length, -'/callback'.length);
    return port === '' || (/^:[0-9]{1,5}$/.test(port) && Number(port.slice(1)) <= 65_535);
  });
}

/** What a browser takes an address for. */
function placeOf(address: string): string {
  const { protocol, hostname, pathname, username, password } = new URL(address);
  return [protocol, username, password, hostname, pathname].join(' ');
}

function placesOfNative(): readonly string[] {
  return NATIVE.map(placeOf);
}

describe('A request that cannot be read as one is shown and goes nowhere', () => {
  it.each([
    'client_id',
    'redirect_uri',
    'response_type',
    'scope',
    'state',
    'nonce',
    'code_challenge',
    'code_challenge_method',
  ])('because %s comes twice, even with the same value', async (name) => {
    const url = new URL(provider.authorizeUrl());
    const value = url.searchParams.get(name) ?? '';
    await expectShown(`${pathOf({})}&${encode({ [name]: value })}`, 'repeated_parameter');
    await expectShown(`${pathOf({})}&${name}=`, 'repeated_parameter');
  });

  it('because a parameter that nobody knows comes twice', async () => {
    await expectShown(`${pathOf({})}&unknown=1&unknown=2`, 'repeated_parameter');
  });

  it.each(['&x=%zz', '&x=%', '&x=%C0%80', '&x=%ED%A0%80', '&state%FF=1'])(
    'because %j is not form-encoded UTF-8',
    async (end) => {
      await expectShown(`${pathOf({})}${end}`, 'malformed_request');
    },
  );

  it('because there are too many parameters', async () => {
    const many = Array.from({ length: 70 }, (_, index) => `p${index}=1`).join('&');
    await expectShown(`${pathOf({})}&${many}`, 'too_many_parameters');
  });

  it.each(['client_secret', 'code', 'code_verifier', 'refresh_token', 'password', 'token'])(
    'because %s must not stand in a URL',
    async (name) => {
      const answer = await expectShown(
        `${pathOf({})}&${name}=canary-5d41402a`,
        'credentials_in_query',
      );
      expect(answer.text).not.toContain('canary');
      expect(JSON.stringify(provider.records.at(-1))).not.toContain('canary');
    },
  );

  it.each(['a\0b', 'a\nb', 'a\r\nSet-Cookie: x=y', '\u0085', '\u007f', 'x'.repeat(2049)])(
    'because its state is %j, which could not be given back',
    async (state) => {
      await expectShown(pathOf({ state }), 'parameter_malformed');
    },
  );

  it.each([
    'urn:ietf:params:oauth:request_uri:',
    'urn:ietf:params:oauth:request_uri:unknown',
    `urn:ietf:params:oauth:request_uri:${CHALLENGE}`,
  ])('because nothing was pushed as %s', async (requestUri) => {
    await expectShown(pathOf({ request_uri: requestUri }), 'pushed_request_unknown', {
      error: 'invalid_request_uri',
    });
  });

  it('and a person reads about it in their language, without a script', async () => {
    const answer = await provider.send(pathOf({ client_id: 'nobody' }), {
      headers: { 'accept-language': 'de-CH,de;q=0.9' },
    });
    expect(answer.headers['content-language']).toBe('de');
    expect(answer.text).not.toMatch(/<script|\son\w+=|javascript:/i);
  });
});

describe('Everything else that is wrong is told to the application, with state and iss', () => {
  it.each<[string, Asked, string, string]>([
    [
      'may not sign people in',
      { client_id: 'machine' },
      'unauthorized_client',
      'grant_not_allowed',
    ],
    [
      'must push its requests',
      { client_id: 'pushing_app', scope: 'openid' },
      'invalid_request',
      'pushed_request_required',
    ],
  ])('when it %s', async (_, asked, error, reason) => {
    await expectTold(asked, error, reason);
  });

  it.each([
    'token',
    'id_token',
    'none',
    'id_token token',
    'code token',
    'code id_token',
    'code id_token token',
    'code code',
    'CODE',
    'code ',
  ])('when the response_type is %j', async (type) => {
    await expectTold(
      { response_type: type },
      'unsupported_response_type',
      'response_type_not_supported',
    );
  });

  it('when the response_type is missing', async () => {
    await expectTold({ response_type: undefined }, 'invalid_request', 'missing_parameter');
  });

  it.each(['fragment', 'form_post', 'query.jwt', 'web_message', 'Query'])(
    'when the response_mode is %s',
    async (mode) => {
      await expectTold({ response_mode: mode }, 'invalid_request', 'response_mode_not_supported');
    },
  );

  it.each([
    ['request', 'eyJhbGciOiJub25lIn0.e30.', 'request_not_supported'],
    ['request_uri', 'https://evil.example/request', 'request_uri_not_supported'],
    ['request_uri', 'http://169.254.169.254/latest/meta-data', 'request_uri_not_supported'],
    ['request_uri', 'URN:ietf:params:oauth:request_uri:x', 'request_uri_not_supported'],
    ['registration', '{}', 'registration_not_supported'],
    ['authorization_details', '[{"type":"payment"}]', 'invalid_request'],
    ['dpop_jkt', CHALLENGE, 'invalid_request'],
  ])('when it sends %s=%s, which is not spoken here', async (name, value, error) => {
    await expectTold({ [name]: value }, error, 'parameter_not_supported');
  });

  it.each<[string, Asked, string]>([
    ['there is none', { code_challenge: undefined }, 'code_challenge_missing'],
    [
      'there is neither challenge nor method',
      { code_challenge: undefined, code_challenge_method: undefined },
      'code_challenge_missing',
    ],
    [
      'the method is plain',
      { code_challenge_method: 'plain' },
      'code_challenge_method_not_supported',
    ],
    [
      'no method is named, which means plain',
      { code_challenge_method: undefined },
      'code_challenge_method_not_supported',
    ],
    [
      'the method is s256',
      { code_challenge_method: 's256' },
      'code_challenge_method_not_supported',
    ],
    [
      'the method is S512',
      { code_challenge_method: 'S512' },
      'code_challenge_method_not_supported',
    ],
    ['it is too short', { code_challenge: CHALLENGE.slice(1) }, 'code_challenge_malformed'],
    ['it is too long', { code_challenge: `${CHALLENGE}A` }, 'code_challenge_malformed'],
    ['it is padded', { code_challenge: `${CHALLENGE}=` }, 'code_challenge_malformed'],
    [
      'it is in another alphabet',
      { code_challenge: `+/${CHALLENGE.slice(2)}` },
      'code_challenge_malformed',
    ],
    [
      'a public client is registered as if it needed none',
      {
        client_id: 'careless_app',
        scope: 'openid',
        code_challenge: undefined,
        code_challenge_method: undefined,
      },
      'code_challenge_missing',
    ],
    [
      'a client that needs none sends a plain one',
      { ...OFFICE, scope: 'openid', code_challenge_method: 'plain' },
      'code_challenge_method_not_supported',
    ],
    [
      'a client that needs none sends the method alone',
      { ...OFFICE, scope: 'openid', code_challenge: undefined },
      'code_challenge_missing',
    ],
  ])('when the PKCE challenge is not right: %s', async (_, asked, reason) => {
    await expectTold(asked, 'invalid_request', reason);
  });

  it.each([
    'openid  profile',
    ' openid',
    'openid ',
    'open"id',
    'open\\id',
    'öpenid',
    'a\tb',
    'a\0',
  ])('when the scope is %j', async (scope) => {
    await expectTold({ scope }, 'invalid_scope', 'scope_malformed');
  });

  it.each<[string, Asked]>([
    ['it names nothing that is known', { scope: 'unknown admin' }],
    [
      'it names only what the client may not have',
      { client_id: 'native_app', redirect_uri: NATIVE[0], scope: 'openid:x' },
    ],
    ['there is none, and no default', { scope: undefined }],
    ['offline_access is all there is', { scope: 'offline_access' }],
  ])('when nothing of the scope is left: %s', async (_, asked) => {
    const isTargetless = asked['client_id'] === 'native_app';
    await expectTold(
      asked,
      isTargetless ? 'invalid_target' : 'invalid_scope',
      isTargetless ? 'target_missing' : 'scope_empty',
    );
  });

  it.each([
    ['/gateway', 'target_malformed'],
    ['gateway', 'target_malformed'],
    ['address_service', 'target_malformed'],
    ['//api.example/gateway', 'target_malformed'],
    [`${GATEWAY}#`, 'target_malformed'],
    [`${GATEWAY}#fragment`, 'target_malformed'],
    ['https://', 'target_malformed'],
    [`${GATEWAY} `, 'target_malformed'],
    [`${GATEWAY}/`, 'target_not_allowed'],
    ['https://API.example/gateway', 'target_not_allowed'],
    ['https://postal.example/', 'target_not_allowed'],
    [ISSUER, 'target_not_allowed'],
    [`${ISSUER}/connect/userinfo`, 'target_not_allowed'],
    ['https://gone.example/', 'target_unknown'],
    [[GATEWAY, 'https://postal.example/'], 'target_not_allowed'],
    [[GATEWAY, '/gateway'], 'target_malformed'],
    [Array.from({ length: 9 }, (_, index) => `${GATEWAY}${index}`), 'too_many_targets'],
  ] as const)('when the resource is %j', async (resource, reason) => {
    await expectTold(
      { ...OFFICE, scope: 'openid address:read', resource },
      'invalid_target',
      reason,
    );
  });

  it('when it names no resource and has no default', async () => {
    await expectTold({ ...OFFICE, scope: 'address:read' }, 'invalid_target', 'target_missing');
  });

  it.each([
    'x',
    '[]',
    'null',
    '"id_token"',
    '{"id_token":[]}',
    '{"id_token":"sub"}',
    '{"id_token":{"acr":true}}',
    '{"userinfo":{"name":["Alice"]}}',
    '{"id_token":{},"id_token":{"acr":null}}',
    '{"id_token":{"__proto__":{"essential":true}}}',
    '{"id_token":{"a\\u0000":null}}',
    `{"id_token":${'{"a":'.repeat(40)}1${'}'.repeat(40)}}`,
    JSON.stringify({
      id_token: Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`c${index}`, null])),
    }),
  ])('when claims is %j', async (claims) => {
    await expectTold({ claims }, 'invalid_request', 'parameter_malformed');
  });

  it.each([
    '{"id_token":{"acr":{"essential":true,"value":"2"}}}',
    '{"id_token":{"acr":{"essential":true,"values":["2","urn:mace:incommon:iap:silver"]}}}',
    '{"id_token":{"acr":{"essential":true,"values":[]}}}',
    '{"id_token":{"acr":{"essential":true,"values":[1]}}}',
  ])('when an essential acr cannot be reached: %s', async (claims) => {
    await expectTold(
      { claims },
      'unmet_authentication_requirements',
      'authentication_context_not_reached',
    );
  });

  it.each(['-1', '1.5', '1e3', 'soon', '0x10', '+1', ' 1', '1234567890', '१'])(
    'when max_age is %j',
    async (maxAge) => {
      await expectTold({ max_age: maxAge }, 'invalid_request', 'parameter_malformed');
    },
  );

  it.each(['none login', 'login none', 'none consent', 'none select_account', 'none none'])(
    'when prompt is %j, because none stands alone',
    async (prompt) => {
      await expectTold({ prompt }, 'invalid_request', 'prompt_combined');
    },
  );

  it.each([
    'create',
    'LOGIN',
    'login  consent',
    ' login',
    'login ',
    'none,login',
    'login\tconsent',
  ])('when prompt is %j', async (prompt) => {
    await expectTold({ prompt }, 'invalid_request', 'parameter_malformed');
  });

  it.each<[string, string]>([
    ['nonce', 'n'.repeat(513)],
    ['nonce', 'a\nb'],
    ['nonce', '\0'],
    ['login_hint', 'h'.repeat(513)],
    ['login_hint', 'alice\r\n'],
    ['ui_locales', 'd'.repeat(513)],
    ['ui_locales', 'de\0'],
    ['id_token_hint', 'x'],
    ['id_token_hint', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.'],
  ])('when %s is %j', async (name, value) => {
    await expectTold({ [name]: value }, 'invalid_request', 'parameter_malformed');
  });

  it('when its id_token_hint is of another application, or is no ID token', async () => {
    const answer = await alices.open(
      provider.authorizeUrl({ ...OFFICE, scope: 'openid', prompt: 'none' }),
    );
    const tokens = await provider.redeem(
      String(answer.location?.searchParams.get('code')),
      { redirect_uri: OFFICE['redirect_uri'] },
      'back_office',
    );
    for (const token of [tokens.body['id_token'], tokens.body['access_token']]) {
      await expectTold({ id_token_hint: String(token) }, 'invalid_request', 'parameter_malformed');
    }
  });

  it('when it is too long to be carried from page to page', async () => {
    await expectTold({ claims: ' '.repeat(5_000) }, 'invalid_request', 'too_many_parameters');
    await expectTold({ unknown: '語'.repeat(1_650) }, 'invalid_request', 'too_many_parameters');
  });

  it('when nobody is signed in and nobody may be asked', async () => {
    await expectTold({ prompt: 'none' }, 'login_required', 'login_required');
  });

  it('without state when it sent none', async () => {
    await expectTold({ prompt: 'none', state: undefined }, 'login_required', 'login_required');
    await expectTold({ prompt: 'none', state: '' }, 'login_required', 'login_required');
  });
});

describe('The application is told at the very address that it asked for', () => {
  it.each([
    ...NATIVE,
    'http://127.0.0.1:1/callback',
    'http://127.0.0.1:49152/callback',
    'http://127.0.0.1:65535/callback',
    'http://[::1]/callback',
    'http://[::1]:51004/callback',
  ])('which can be %s', async (redirectUri) => {
    await expectTold(
      { client_id: 'native_app', redirect_uri: redirectUri, scope: 'openid', prompt: 'none' },
      'login_required',
      'login_required',
    );
  });

  it.each([
    'x'.repeat(2048),
    `"'\`<>&%+ =;#?/\\`,
    '%2e%2E%00%0d%0a',
    'a b+c%20d',
    '<script>alert(1)</script>',
    '&code=stolen&iss=https://evil.example',
    'ünïcödé 語 🙂 \u202e\u2028',
    '{"a":["b"]}',
    '\u00a0',
  ])('with the state %j as it was', async (state) => {
    await expectTold({ prompt: 'none', state }, 'login_required', 'login_required');
    const visit = await alices.open(provider.authorizeUrl({ prompt: 'none', state }));
    expect(visit.location?.searchParams.getAll('state')).toEqual([state]);
    expect(visit.location?.searchParams.getAll('iss')).toEqual([ISSUER]);
    expect(visit.location?.searchParams.has('error')).toBe(false);
  });

  it.each([
    'n'.repeat(512),
    `"'\`<>&%+ =;#?/\\`,
    '</script><script>alert(1)</script>',
    'ünïcödé 語 🙂 \u202e\u2028',
    '${nonce}{{nonce}}',
  ])('and the nonce %j comes back in the ID token as it was', async (nonce) => {
    const visit = await alices.open(provider.authorizeUrl({ prompt: 'none', nonce }));
    const tokens = await provider.redeem(String(visit.location?.searchParams.get('code')));
    expect(claimsIn(tokens, 'id_token')['nonce']).toBe(nonce);
  });
});

describe('A request that is right is granted', () => {
  it('and one record says what was asked, by whom, for whom', async () => {
    const { accountId } = await provider.account('alice');
    const [session] = await provider.sessions.list(accountId, 1);
    const record = await expectGranted({});
    expect(record).toEqual({
      id: expect.any(String),
      schema: 1,
      time: provider.clock.now(),
      event: 'authorization',
      outcome: 'granted',
      requestId: expect.any(String),
      address: '127.0.0.1',
      client: { clientId: 'web_app' },
      requested: {
        scope: ['openid', 'address:read'],
        audience: ['my_gateway', `${ISSUER}/connect/userinfo`],
      },
      subject: { iss: ISSUER, sub: accountId },
      sid: session?.sid,
      authentication: { acr: '1', amr: ['pwd'] },
      authorizationId: expect.any(String),
    });
  });

  it('without the scope values that mean nothing here, or that the client may not have', async () => {
    const { requested } = await expectGranted({ scope: 'admin openid address:read unknown:x' });
    expect(requested?.scope).toEqual(['openid', 'address:read']);
  });

  it('with the default scope of the client when it names none', async () => {
    const { requested } = await expectGranted({ ...OFFICE, scope: undefined, resource: SECOND });
    expect(requested).toEqual({
      scope: ['openid', 'address:write'],
      audience: [SECOND, `${ISSUER}/connect/userinfo`],
    });
  });

  it('for one resource or several, each once', async () => {
    const scope = 'address:read address:write';
    const one = await expectGranted({ ...OFFICE, scope, resource: GATEWAY });
    expect(one.requested?.audience).toEqual([GATEWAY]);
    const several = await expectGranted({ ...OFFICE, scope, resource: [SECOND, GATEWAY, SECOND] });
    expect(several.requested?.audience).toEqual([SECOND, GATEWAY]);
  });

  it('without PKCE for a confidential client that needs none, and with it all the same', async () => {
    await expectGranted({
      ...OFFICE,
      scope: 'openid',
      code_challenge: undefined,
      code_challenge_method: undefined,
    });
    await expectGranted({ ...OFFICE, scope: 'openid' });
  });

  it.each<[string, Asked]>([
    ['response_mode=query, which is what there is', { response_mode: 'query' }],
    [
      'parameters that nobody knows',
      { unknown: 'x', display: 'popup', acr_values: '2 3', toString: 'x' },
    ],
    [
      'empty parameters, which are none',
      { prompt: 'none', max_age: '', claims: '', request: '', resource: '' },
    ],
    ['an audience, which means nothing here', { audience: 'postal_service' }],
    [
      'an essential acr that is reached',
      { claims: '{"id_token":{"acr":{"essential":true,"values":["2","1"]}}}' },
    ],
    [
      'an acr that is not reached but not essential',
      { claims: '{"id_token":{"acr":{"values":["2"]}}}' },
    ],
    [
      'claims that nobody knows',
      {
        ...OFFICE,
        scope: 'openid',
        claims: '{"id_token":{"toString":null,"constructor":{"essential":true}},"x":1}',
      },
    ],
  ])('with %s', async (_, asked) => {
    await expectGranted(asked);
  });
});

describe('The authorization endpoint takes GET, HEAD and POST only', () => {
  it.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
    'and refuses %s with 405, Allow and one record',
    async (method) => {
      const answer = await expectShown(pathOf({}), 'method_not_allowed', {
        status: 405,
        send: { method, headers: { origin: 'https://app.example' } },
      });
      expect(answer.headers.allow).toBe('GET, HEAD, POST');
      expect(answer.headers['set-cookie']).toBeUndefined();
    },
  );

  it('and answers HEAD as GET, without a body', async () => {
    const shown = await provider.send(pathOf({ client_id: 'nobody' }), { method: 'HEAD' });
    expect({ status: shown.status, text: shown.text }).toEqual({ status: 400, text: '' });
    const told = await provider.send(pathOf({ prompt: 'none' }), { method: 'HEAD' });
    expectTelling(told, {}, 'login_required');
  });

  it('and no script of another site may read any answer', async () => {
    for (const headers of [
      { origin: 'https://app.example' },
      { origin: 'null' },
      { origin: 'https://evil.example', 'access-control-request-method': 'GET' },
    ]) {
      for (const asked of [{}, { prompt: 'none' }, { client_id: 'nobody' }])
        expectNoCors((await provider.send(pathOf(asked), { headers })).headers);
    }
  });

  it('and leads a POST to the same request by GET, with 303 and without a record', async () => {
    const asked = { state: 'a b+c&d=é', prompt: 'none', resource: ['https://a.example', 'b'] };
    const body = pathOf(asked).slice(`${AUTHORIZE}?`.length);
    const { result: answer, records } = await provider.recorded(() =>
      provider.send(`${AUTHORIZE}?client_id=nobody`, { method: 'POST', headers: FORM, body }),
    );
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 303, text: '' });
    expect(records).toEqual([]);
    const location = new URL(answer.headers.location ?? '', ISSUER);
    expect(`${location.origin}${location.pathname}`).toBe(`${ISSUER}${AUTHORIZE}`);
    expect(new Set(location.search.slice(1).split('&'))).toEqual(new Set(body.split('&')));
    expect(answer.headers['set-cookie']).toBeUndefined();
    expectNoCors(answer.headers);
  });

  it('and a POST brings a person all the way, too', async () => {
    const browser = provider.browser();
    const url = new URL(provider.authorizeUrl());
    await browser.send(AUTHORIZE, Object.fromEntries(url.searchParams));
    const page = await browser.open(browser.last?.location ?? '');
    expect(page.url.pathname).toBe('/sign-in');
    await browser.submit({ username: 'alice', password: PASSWORDS.alice });
    expect(browser.last?.location?.searchParams.get('code')).toEqual(expect.any(String));
  });

  it.each(['client_secret', 'password', 'code', 'subject_token'])(
    'and %s of a POST, where it has no business, gets into no URL',
    async (name) => {
      const body = encode({ client_id: 'web_app', [name]: 'canary-5d41402a' });
      const answer = await provider.send(AUTHORIZE, { method: 'POST', headers: FORM, body });
      expect(answer.status).toBe(303);
      expect(answer.headers.location).toBe(`${AUTHORIZE}?client_id=web_app`);
    },
  );

  it.each<[string, Readonly<Record<string, string>>, string]>([
    ['content_type_not_supported', { 'content-type': 'application/json' }, '{}'],
    ['content_type_not_supported', {}, encode({ client_id: 'web_app' })],
    ['repeated_parameter', FORM, 'client_id=web_app&client_id=web_app'],
    ['malformed_request', FORM, 'client_id=%zz'],
    ['too_many_parameters', FORM, encode({ client_id: 'web_app', claims: 'x'.repeat(6_000) })],
  ])('and shows why a POST is refused: %s', async (reason, headers, body) => {
    await expectShown(AUTHORIZE, reason, { send: { method: 'POST', headers, body } });
  });

  it('and refuses a POST that is too large', async () => {
    await expectShown(AUTHORIZE, 'body_too_large', {
      status: 413,
      send: { method: 'POST', headers: FORM, body: `x=${'y'.repeat(70_000)}` },
    });
  });
});

describe('The pages on the way are safe to look at', () => {
  it.each<[string, Asked, string]>([
    ['an https application', {}, "'self' https://app.example"],
    [
      'an application on loopback',
      { client_id: 'native_app', redirect_uri: 'http://127.0.0.1:49152/callback', scope: 'openid' },
      "'self' http://127.0.0.1:49152",
    ],
    [
      'an application on IPv6 loopback, which no policy can name but by its scheme',
      { client_id: 'native_app', redirect_uri: 'http://[::1]:49152/callback', scope: 'openid' },
      "'self' http:",
    ],
    [
      'an application with a scheme of its own',
      { client_id: 'native_app', redirect_uri: NATIVE[3], scope: 'openid' },
      "'self' com.example.app:",
    ],
  ])('and their forms lead here and to %s', async (_, asked, formAction) => {
    const browser = provider.browser();
    const first = await browser.send(provider.authorizeUrl(asked));
    expect({ status: first.status, text: first.text }).toEqual({ status: 303, text: '' });
    expect(first.location?.pathname).toBe('/sign-in');
    expect(first.headers).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    });
    const signIn = await browser.open(first.location ?? '');
    expectPageHeaders(signIn.headers, formAction);
    const consent = await browser.submit({ username: 'bob', password: PASSWORDS.bob });
    expect(consent.url.pathname).toBe('/consent');
    expectPageHeaders(consent.headers, formAction);
  });

  it('and no answer to a form is a 307, which would send the password on', async () => {
    const browser = provider.browser();
    await browser.open(provider.authorizeUrl({ ...OFFICE, scope: 'openid' }));
    const answer = await browser.post({ username: 'bob', password: PASSWORDS.bob });
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 303, text: '' });
    expect(answer.location?.origin).toBe('https://office.example');
    expect(answer.location?.href).not.toContain(PASSWORDS.bob);
  });
});
