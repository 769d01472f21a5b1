import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';

import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { TextBrowser } from '../support/browser.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { LoopbackServer } from '../support/loopback-server.js';
import {
  RunningService,
  SERVICE_ISSUER,
  tokenOf,
  type ServiceAnswer,
} from '../support/running-service.js';

const KEY = randomBytes(32).toString('base64');
const ADMIN_SECRET = randomBytes(32).toString('base64url');
const CALLBACK = 'https://app.example/callback';
const VERIFIER = randomBytes(32).toString('base64url');
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');
/** Milliseconds in which a change has to reach every instance. */
const EVERYWHERE = 1_000;

let database: TestDatabase;
let one: RunningService;
let other: RunningService;
let listener: LoopbackServer;
let administrator: string;
let gatewaySecret: string;

beforeAll(async () => {
  database = await createTestDatabase();
  listener = await LoopbackServer.start((_request, response) => response.writeHead(204).end());
  one = await start();
  other = await start();
  administrator = tokenOf(
    await one.token({ grant_type: GrantType.ClientCredentials }, 'admin_cli', ADMIN_SECRET),
  );
  const scopes = ['address:read'];
  await expectCreated('/clients', {
    clientId: 'address_service',
    name: 'Address service',
    offeredScopes: scopes,
  });
  const gateway = await expectCreated('/clients', {
    clientId: 'gateway',
    name: 'Gateway',
    grantTypes: [GrantType.TokenExchange],
    scopes,
    offeredScopes: scopes,
    targets: ['address_service'],
    defaultTarget: 'address_service',
  });
  gatewaySecret = (gateway.body['newSecret'] as { secret: string }).secret;
  await expectCreated('/clients', {
    clientId: 'web_app',
    name: 'Web application',
    kind: 'public',
    grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
    scopes: ['openid', 'offline_access', ...scopes],
    targets: ['gateway'],
    defaultTarget: 'gateway',
    signIn: {
      redirectUris: [CALLBACK],
      consentRequired: false,
      backchannelLogoutUri: `${listener.url}/signed-out`,
    },
  });
  await sleep(EVERYWHERE);
}, 120_000);

afterAll(async () => {
  await Promise.all([one, other].map((service) => service.remove()));
  await listener.stop();
  await database.drop();
}, 60_000);

/** An instance on the one database, with the one key, and no mercy for refresh tokens that were used. */
function start(): Promise<RunningService> {
  return RunningService.start({
    NODE_ENV: 'test',
    DATABASE_URL: database.url,
    KEY_ENCRYPTION_KEY: KEY,
    FIRST_ADMIN_SECRET: ADMIN_SECRET,
    REFRESH_TOKEN_OVERLAP: '0',
  });
}

async function expectCreated(path: string, body: unknown): Promise<ServiceAnswer> {
  const answer = await one.admin(administrator, 'POST', path, body);
  expect({ status: answer.status, text: answer.status === 201 ? '' : answer.text }).toEqual({
    status: 201,
    text: '',
  });
  return answer;
}

/** A browser that comes to this instance. */
function browserAt(service: RunningService, known?: TextBrowser): TextBrowser {
  const browser = new TextBrowser(SERVICE_ISSUER, Number(new URL(service.url).port));
  for (const [name, value] of known?.cookies ?? []) browser.cookies.set(name, value);
  return browser;
}

/** A new person, who has chosen a password of their own and is signed in at this browser. */
async function signedIn(
  username: string,
): Promise<{ readonly browser: TextBrowser; readonly accountId: string }> {
  const [first, chosen] = ['seven-green-bottles-hang', 'nine-red-balloons-fly-up'];
  const created = await expectCreated('/accounts', { username, password: first });
  const browser = browserAt(one);
  await browser.open(`${SERVICE_ISSUER}/sign-in`);
  await browser.submit({ username, password: first });
  await browser.submit({
    'current-password': first,
    'new-password': chosen,
    'repeat-password': chosen,
  });
  return { browser, accountId: textIn(created, 'accountId') };
}

/** A code, from the instance that the browser comes to. */
async function codeAt(browser: TextBrowser, scope = 'openid address:read'): Promise<string> {
  const query = new URLSearchParams({
    client_id: 'web_app',
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope,
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
  });
  const visit = await browser.send(`${SERVICE_ISSUER}/connect/authorize?${query.toString()}`);
  const code = visit.location?.searchParams.get('code');
  if (typeof code !== 'string') throw new Error(`no code: ${visit.status} ${visit.location?.href}`);
  return code;
}

/** A text in an answer. */
function textIn({ body }: ServiceAnswer, name: string): string {
  const value = body[name];
  if (typeof value !== 'string') throw new Error(`no text ${name} in the answer`);
  return value;
}

function post(
  service: RunningService,
  form: Readonly<Record<string, string>>,
): Promise<ServiceAnswer> {
  const body = { client_id: 'web_app', ...form };
  return service.send('/connect/token', { method: 'POST', body });
}

function redeem(service: RunningService, code: string): Promise<ServiceAnswer> {
  return post(service, {
    grant_type: GrantType.AuthorizationCode,
    code,
    redirect_uri: CALLBACK,
    code_verifier: VERIFIER,
  });
}

function refresh(service: RunningService, given: ServiceAnswer): Promise<ServiceAnswer> {
  const token = textIn(given, 'refresh_token');
  return post(service, { grant_type: GrantType.RefreshToken, refresh_token: token });
}

function exchange(service: RunningService, given: ServiceAnswer): Promise<ServiceAnswer> {
  const form = {
    grant_type: GrantType.TokenExchange,
    subject_token: tokenOf(given),
    subject_token_type: TokenType.AccessToken,
  };
  return service.token(form, 'gateway', gatewaySecret);
}

function userInfo(service: RunningService, given: ServiceAnswer): Promise<ServiceAnswer> {
  const headers = { authorization: `Bearer ${tokenOf(given)}` };
  return service.send('/connect/userinfo', { headers });
}

function expectGood(answer: ServiceAnswer): ServiceAnswer {
  expect({ status: answer.status, error: answer.body['error'] }).toEqual({ status: 200 });
  return answer;
}

function expectInvalidGrant({ status, body }: ServiceAnswer): void {
  expect({ status, error: body['error'] }).toEqual({ status: 400, error: 'invalid_grant' });
}

/** Expects that nothing of what was given is good at either instance, once every memory is old. */
async function expectDeadEverywhere(given: ServiceAnswer): Promise<void> {
  await sleep(EVERYWHERE);
  for (const service of [one, other]) {
    expectInvalidGrant(await refresh(service, given));
    const exchanged = await exchange(service, given);
    expect([exchanged.status, exchanged.body['error']]).toEqual([400, 'invalid_request']);
    expect((await userInfo(service, given)).status).toBe(401);
  }
}

/** Does something at both instances in turn, all at the same moment. */
function atBoth<T>(count: number, work: (service: RunningService) => Promise<T>): Promise<T[]> {
  return Promise.all(
    Array.from({ length: count }, (_, index) => work(index % 2 === 0 ? one : other)),
  );
}

describe('Two instances', () => {
  it('never both give tokens for one code', async () => {
    const { browser } = await signedIn('code-at-both');
    for (let round = 0; round < 5; round += 1) {
      const code = await codeAt(browser);
      const answers = await atBoth(10, (service) => redeem(service, code));
      const good = answers.filter(({ status }) => status === 200);
      expect(good).toHaveLength(1);
      for (const answer of answers) if (answer !== good[0]) expectInvalidGrant(answer);
      if (round === 4) await expectDeadEverywhere(good[0] as ServiceAnswer);
    }
  }, 60_000);

  it('never both refresh with one token: one succeeds, and then the whole family is dead', async () => {
    const { browser } = await signedIn('refresh-at-both');
    for (let round = 0; round < 5; round += 1) {
      const given = expectGood(await redeem(one, await codeAt(browser)));
      const answers = await atBoth(20, (service) => refresh(service, given));
      const good = answers.filter(({ status }) => status === 200);
      expect(good).toHaveLength(1);
      for (const answer of answers) if (answer !== good[0]) expectInvalidGrant(answer);
      if (round < 4) continue;
      await expectDeadEverywhere(given);
      await expectDeadEverywhere(good[0] as ServiceAnswer);
    }
  }, 60_000);

  it('refuse at one what was signed out at the other, and the application is told once', async () => {
    const { browser } = await signedIn('signs-out');
    const given = expectGood(await redeem(one, await codeAt(browser)));
    expectGood(await exchange(other, given));
    const before = listener.paths.length;
    const atOther = browserAt(other, browser);
    const hint = textIn(given, 'id_token');
    const visit = await atOther.send(`${SERVICE_ISSUER}/connect/endsession?id_token_hint=${hint}`);
    expect(visit.status).toBe(200);
    expectInvalidGrant(await refresh(one, given));
    const account = await browser.send(`${SERVICE_ISSUER}/account`);
    expect(account.location?.pathname).toBe('/sign-in');
    await expectDeadEverywhere(given);
    expect(listener.paths.slice(before)).toEqual(['/signed-out']);
  }, 60_000);

  it('refuse within a second whom an administrator disabled at the other', async () => {
    const { browser, accountId } = await signedIn('disabled');
    const offline = 'openid offline_access address:read';
    const given = expectGood(await redeem(one, await codeAt(browser, offline)));
    for (const service of [one, other]) {
      expectGood(await exchange(service, given));
      expectGood(await userInfo(service, given));
    }
    const before = listener.paths.length;
    const path = `/accounts/${accountId}/disable`;
    const disabled = await one.admin(administrator, 'POST', path, {});
    expect([disabled.status, disabled.body['disabled']]).toEqual([200, true]);
    // What was revoked is revoked at once, whatever is remembered of the person.
    expectInvalidGrant(await refresh(other, given));
    await expectDeadEverywhere(given);
    expect(listener.paths.slice(before)).toEqual(['/signed-out']);
    const enabled = await one.admin(administrator, 'POST', `/accounts/${accountId}/enable`, {});
    expect(enabled.status).toBe(200);
    await expectDeadEverywhere(given);
  }, 60_000);

  it('still refuse what was revoked after one of them started again (CVE-2026-9802)', async () => {
    const { browser } = await signedIn('restarted');
    const revoked = expectGood(await redeem(one, await codeAt(browser)));
    const kept = expectGood(await redeem(one, await codeAt(browser)));
    const used = await codeAt(browser);
    expectGood(await redeem(one, used));
    const next = expectGood(await refresh(other, revoked));
    expectInvalidGrant(await refresh(other, revoked));
    await other.remove();
    other = await start();
    expectInvalidGrant(await refresh(other, revoked));
    expectInvalidGrant(await refresh(other, next));
    expectInvalidGrant(await redeem(other, used));
    await expectDeadEverywhere(next);
    // And what is good is good: the session, its refresh token, and the keys that signed.
    const again = expectGood(await refresh(other, kept));
    expectGood(await userInfo(other, kept));
    expectGood(await exchange(other, again));
    expectGood(await redeem(other, await codeAt(browserAt(other, browser))));
  }, 90_000);

  it('are one provider: what begins at one goes on at the other', async () => {
    const { browser, accountId } = await signedIn('travels');
    const given = expectGood(await redeem(other, await codeAt(browser)));
    expect(decodeJwt(textIn(given, 'id_token')).sub).toBe(accountId);
    const refreshed = expectGood(await refresh(one, given));
    expectGood(await userInfo(other, refreshed));
    const exchanged = expectGood(await exchange(other, refreshed));
    expect(decodeJwt(tokenOf(exchanged))).toMatchObject({
      sub: accountId,
      sid: decodeJwt(tokenOf(given))['sid'],
      grant_id: decodeJwt(tokenOf(given))['grant_id'],
      act: { sub: 'gateway' },
    });
    // In the middle of a sign-in, too: the page comes of one, and the form goes to the other.
    const early = browserAt(one);
    await early.open(`${SERVICE_ISSUER}/sign-in`);
    const { action, fields } = early.form();
    const late = browserAt(other, early);
    const password = 'nine-red-balloons-fly-up';
    const visit = await late.send(new URL(action, SERVICE_ISSUER), {
      ...fields,
      username: 'travels',
      password,
    });
    expect(visit.status).toBe(303);
    expectGood(await redeem(one, await codeAt(late)));
  }, 60_000);
});
