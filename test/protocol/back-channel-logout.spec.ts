import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  createLocalJWKSet,
  decodeProtectedHeader,
  jwtVerify,
  type JSONWebKeySet,
  type JWTPayload,
} from 'jose';

import type { AuditRecord } from '../../src/audit/audit-record.js';
import { SignOut } from '../../src/authorization/sign-out.js';
import type { SignInSettings } from '../../src/clients/client.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import type { TextBrowser } from '../support/browser.js';
import { LoopbackServer } from '../support/loopback-server.js';
import { encode, type Answer } from '../support/protocol.js';
import { CALLBACK, claimsIn, ISSUER, Provider, type PersonName } from '../support/provider.js';
import { expectNotAtUserInfo, expectRefusal } from '../support/refusals.js';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const OK = (): number => 200;

/** What an application heard. */
interface Heard {
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly form: URLSearchParams;
}

let provider: Provider;
let listener: LoopbackServer;
const heard: Heard[] = [];
/** The status that a path answers with, by how often it was asked before; null for no answer at all. */
const answers = new Map<string, (before: number) => number | null>();

beforeAll(async () => {
  provider = await Provider.start({ fetch: { allowLoopbackHttp: true, timeout: 300 } });
  listener = await LoopbackServer.start((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const { url: path = '', method = '', headers } = request;
      const before = heard.filter((each) => each.path === path).length;
      heard.push({ path, method, headers, form: new URLSearchParams(body) });
      const status = (answers.get(path) ?? OK)(before);
      if (status === null) return;
      const location = status === 302 ? { location: `${listener.url}/elsewhere` } : {};
      response.writeHead(status, location).end();
    });
  });
  await application('first_app', {});
  await application('modern_app', { idTokenAlgorithm: 'ES256' });
  await application('pairwise_app', { subjectType: 'pairwise' });
  await application('silent_app', { backchannelLogoutUri: null });
});

afterEach(() => {
  heard.length = 0;
  answers.clear();
});

afterAll(async () => {
  await provider.stop();
  await listener.stop();
});

/** An application of the company's own that hears of the end of sessions at `/<its id>`. */
async function application(clientId: string, signIn: Partial<SignInSettings>): Promise<void> {
  await provider.client({
    clientId,
    grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
    scopes: ['openid', 'offline_access', 'address:read'],
    targets: ['my_gateway'],
    defaultTarget: 'my_gateway',
    signIn: {
      redirectUris: [CALLBACK],
      consentRequired: false,
      backchannelLogoutUri: `${listener.url}/${clientId}`,
      ...signIn,
    },
  });
}

/** Signs somebody in at one application after the other in one session. */
async function signInAt(
  clientIds: readonly string[],
  browser = provider.browser(),
  name: PersonName = 'alice',
): Promise<{ readonly browser: TextBrowser; readonly given: readonly Answer[] }> {
  const given: Answer[] = [];
  for (const clientId of clientIds) {
    const code = await provider.code({ client_id: clientId }, browser, name);
    given.push(await provider.redeem(code, {}, clientId));
  }
  return { browser, given };
}

/** Signs out with the ID token of the session. */
async function signOut(browser: TextBrowser, given: Answer | undefined): Promise<void> {
  const hint = String(given?.body['id_token']);
  const visit = await browser.send(`${ISSUER}/connect/endsession?id_token_hint=${hint}`);
  expect(visit.status).toBe(200);
}

/** The records of notices about a session, once there are so many. */
async function noticesOf(sid: unknown, count: number): Promise<readonly AuditRecord[]> {
  for (;;) {
    const found = provider.records.filter(
      ({ event, sid: about }) => event === 'logout_notice' && about === sid,
    );
    if (found.length >= count) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function tokenIn({ form }: Heard): string {
  return String(form.get('logout_token'));
}

/** Checks a logout token as an application must (OpenID Connect Back-Channel Logout section 2.6). */
async function verified(notice: Heard, algorithm = 'RS256'): Promise<JWTPayload> {
  const jwks = (await provider.send('/.well-known/jwks.json')).body as unknown as JSONWebKeySet;
  const { payload } = await jwtVerify(tokenIn(notice), createLocalJWKSet(jwks), {
    issuer: ISSUER,
    audience: notice.path.slice(1),
    algorithms: [algorithm],
    typ: 'logout+jwt',
    currentDate: new Date(provider.clock.now()),
  });
  return payload;
}

function sidOf(given: Answer | undefined): unknown {
  return given && claimsIn(given, 'id_token')['sid'];
}

/** Expects that these applications, and no other, were told once that a session ended. */
async function expectTold(sid: unknown, ...clientIds: readonly string[]): Promise<void> {
  const records = await noticesOf(sid, clientIds.length);
  expect(heard.map(({ path }) => path).toSorted()).toEqual(
    clientIds.map((clientId) => `/${clientId}`).toSorted(),
  );
  expect(records).toHaveLength(clientIds.length);
  for (const record of records) expect(record).toMatchObject({ outcome: 'granted', sid });
}

describe('A logout token is', () => {
  it('no access token, no ID token, no subject token and no hint', async () => {
    const { browser, given } = await signInAt(['first_app']);
    await signOut(browser, given[0]);
    await noticesOf(sidOf(given[0]), 1);
    const token = tokenIn(heard[0] as Heard);
    await expectNotAtUserInfo(provider, token);
    for (const type of ['access_token', 'jwt', 'id_token']) {
      const form = { subject_token_type: `urn:ietf:params:oauth:token-type:${type}` };
      await expectRefusal(provider, () => provider.exchange(token, form), {
        error: 'invalid_request',
        reason: 'token_kind_mismatch',
      });
    }
    const stranger = provider.browser();
    const back = encode({ id_token_hint: token, post_logout_redirect_uri: 'https://evil.example' });
    const hinted = await stranger.send(`${ISSUER}/connect/endsession?${back}`);
    expect({ status: hinted.status, location: hinted.location }).toEqual({ status: 200 });
    const asked = await stranger.send(provider.authorizeUrl({ id_token_hint: token }));
    expect(asked.location?.searchParams.get('error')).toBe('invalid_request');
  });

  it.each([
    ['first_app', 'RS256'],
    ['modern_app', 'ES256'],
  ])('exactly what the standard says for %s, signed with %s', async (clientId, algorithm) => {
    const { browser, given } = await signInAt([clientId]);
    await signOut(browser, given[0]);
    await noticesOf(sidOf(given[0]), 1);
    const [notice] = heard as [Heard];
    expect(notice).toMatchObject({
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect([...notice.form.keys()]).toEqual(['logout_token']);
    expect(decodeProtectedHeader(tokenIn(notice))).toEqual({
      alg: algorithm,
      typ: 'logout+jwt',
      kid: expect.any(String),
    });
    const now = Math.floor(provider.clock.now() / 1000);
    expect(await verified(notice, algorithm)).toEqual({
      iss: ISSUER,
      sub: (await provider.account('alice')).accountId,
      aud: clientId,
      iat: now,
      exp: now + 120,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      sid: sidOf(given[0]),
      events: { [EVENT]: {} },
    });
  });

  it('about the name that the application knows', async () => {
    const { browser, given } = await signInAt(['pairwise_app', 'first_app']);
    await signOut(browser, given[0]);
    await noticesOf(sidOf(given[0]), 2);
    const subjects = new Map<string, unknown>();
    for (const notice of heard) subjects.set(notice.path, (await verified(notice)).sub);
    expect(subjects.get('/pairwise_app')).toBe(claimsIn(given[0] as Answer, 'id_token')['sub']);
    expect(subjects.get('/first_app')).toBe((await provider.account('alice')).accountId);
    expect(subjects.get('/pairwise_app')).not.toBe(subjects.get('/first_app'));
  });

  it('another one for each application and each session', async () => {
    for (let round = 0; round < 2; round += 1) {
      const { browser, given } = await signInAt(['first_app', 'modern_app']);
      await signOut(browser, given[0]);
      await noticesOf(sidOf(given[0]), 2);
    }
    const payloads = heard.map((notice) => tokenIn(notice).split('.')[1] ?? '');
    const ids = payloads.map(
      (payload) => (JSON.parse(Buffer.from(payload, 'base64url').toString()) as JWTPayload).jti,
    );
    expect(new Set(ids).size).toBe(4);
  });
});

describe('When a session ends, every application of it is told once', () => {
  it('and no other one, and none that does not listen', async () => {
    const elsewhere = await signInAt(['modern_app']);
    const { browser, given } = await signInAt(['first_app', 'silent_app', 'first_app']);
    await signOut(browser, given[0]);
    await expectTold(sidOf(given[0]), 'first_app');
    await signOut(elsewhere.browser, elsewhere.given[0]);
  });

  it('with a record of each notice, without the token', async () => {
    const { browser, given } = await signInAt(['first_app']);
    await signOut(browser, given[0]);
    const sid = sidOf(given[0]);
    expect(await noticesOf(sid, 1)).toEqual([
      expect.objectContaining({
        event: 'logout_notice',
        outcome: 'granted',
        client: { clientId: 'first_app' },
        subject: { iss: ISSUER, sub: (await provider.account('alice')).accountId },
        sid,
      }),
    ]);
    expect(JSON.stringify(provider.records)).not.toContain(tokenIn(heard[0] as Heard));
  });

  it('by its person, who is asked', async () => {
    const { browser, given } = await signInAt(['first_app', 'modern_app']);
    await browser.open(`${ISSUER}/connect/endsession`);
    await browser.submit({ choice: 'sign-out' });
    await expectTold(sidOf(given[0]), 'first_app', 'modern_app');
  });

  it('with every other one of the person, by signing out everywhere', async () => {
    const one = await signInAt(['first_app'], provider.browser(), 'bob');
    const other = await signInAt(['modern_app'], provider.browser(), 'bob');
    const visit = await one.browser.open(`${ISSUER}/account`);
    const forms = visit.text.match(/<form\b/g) ?? [];
    const index = [...forms.keys()].find((each) =>
      one.browser.form(each).action.endsWith('/account/sign-out-everywhere'),
    );
    await one.browser.submit({}, index);
    await noticesOf(sidOf(one.given[0]), 1);
    await noticesOf(sidOf(other.given[0]), 1);
    expect(heard.map(({ path }) => path).toSorted()).toEqual(['/first_app', '/modern_app']);
    const sids = await Promise.all(
      heard.map(async (notice) => (await verified(notice, algorithmOf(notice)))['sid']),
    );
    expect(new Set(sids)).toEqual(new Set([sidOf(one.given[0]), sidOf(other.given[0])]));
  });

  it('by an administrator, who disables the account', async () => {
    const { given } = await signInAt(['first_app', 'pairwise_app'], provider.browser(), 'bob');
    const { accountId } = await provider.account('bob');
    const administrator = { iss: ISSUER, sub: 'admin_cli', clientId: 'admin_cli' };
    const cause = { origin: { requestId: 'r1' }, operation: 'account-disabled', administrator };
    const { records } = await provider.recorded(() =>
      provider.app.get(SignOut, { strict: false }).endEverything(accountId, cause),
    );
    expect(records.find(({ event }) => event === 'session_end')).toMatchObject({
      operation: { name: 'account-disabled' },
      actor: administrator,
      subject: { iss: ISSUER, sub: accountId },
    });
    await expectTold(sidOf(given[0]), 'first_app', 'pairwise_app');
  });
});

describe('An application that does not hear', () => {
  it.each([
    ['is down for a moment', 503],
    ['fails', 500],
    ['is too busy', 429],
    ['leads elsewhere', 302],
  ])('because it %s is told again, and nobody follows it anywhere', async (_name, status) => {
    answers.set('/first_app', (before) => (before === 0 ? status : 200));
    const { browser, given } = await signInAt(['first_app']);
    await signOut(browser, given[0]);
    const [record] = await noticesOf(sidOf(given[0]), 1);
    expect(record).toMatchObject({ outcome: 'granted' });
    expect(heard.map(({ path }) => path)).toEqual(['/first_app', '/first_app']);
    for (const notice of heard) expect((await verified(notice)).sid).toBe(sidOf(given[0]));
  });

  it('because it says that the token is wrong is not told again, and the record says so', async () => {
    answers.set('/first_app', () => 400);
    const { browser, given } = await signInAt(['first_app']);
    await signOut(browser, given[0]);
    const [record] = await noticesOf(sidOf(given[0]), 1);
    expect(record).toMatchObject({
      outcome: 'refused',
      reason: 'logout_notice_not_heard',
      client: { clientId: 'first_app' },
      sid: sidOf(given[0]),
    });
    expect(heard).toHaveLength(1);
  });

  it('keeps neither the person waiting nor the other applications', async () => {
    answers.set('/first_app', (before) => (before === 0 ? null : 200));
    const { browser, given } = await signInAt(['first_app', 'modern_app']);
    await signOut(browser, given[0]);
    const sid = sidOf(given[0]);
    const [first] = await noticesOf(sid, 1);
    expect(first).toMatchObject({ outcome: 'granted', client: { clientId: 'modern_app' } });
    const both = await noticesOf(sid, 2);
    expect(both[1]).toMatchObject({ outcome: 'granted', client: { clientId: 'first_app' } });
  });

  it('because it was removed meanwhile is not told, and the others are', async () => {
    await application('short_lived', {});
    const { browser, given } = await signInAt(['short_lived', 'first_app']);
    await provider.clients.delete('short_lived');
    await signOut(browser, given[1]);
    await expectTold(sidOf(given[0]), 'first_app');
  });

  it('because nobody is there ends with a record when the service stops, and stops nothing', async () => {
    const gone = await LoopbackServer.start();
    const { url } = gone;
    await gone.stop();
    const other = await Provider.start();
    await other.client({
      clientId: 'gone_app',
      grantTypes: [GrantType.AuthorizationCode],
      scopes: ['openid'],
      signIn: { redirectUris: [CALLBACK], consentRequired: false, backchannelLogoutUri: url },
    });
    const browser = other.browser();
    const code = await other.code({ client_id: 'gone_app', scope: 'openid' }, browser);
    const given = await other.redeem(code, {}, 'gone_app');
    const begun = Date.now();
    await signOut(browser, given);
    expect(Date.now() - begun).toBeLessThan(1_000);
    const before = other.records;
    expect(before.at(-1)?.event).toBe('session_end');
    await other.stop();
    expect(other.records.slice(before.length)).toEqual([
      expect.objectContaining({
        event: 'logout_notice',
        outcome: 'refused',
        reason: 'logout_notice_not_heard',
      }),
    ]);
    expect(Date.now() - begun).toBeLessThan(5_000);
  });
});

function algorithmOf({ path }: Heard): string {
  return path === '/modern_app' ? 'ES256' : 'RS256';
}
