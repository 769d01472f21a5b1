import { createHash, randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair } from 'jose';

import type { AuditRecord } from '../../src/audit/audit-record.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { TextBrowser } from '../support/browser.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { basic } from '../support/protocol.js';
import {
  CuttableWay,
  dumpOf,
  RunningService,
  SERVICE_ISSUER,
  tokenOf,
  type ServiceAnswer,
} from '../support/running-service.js';

const CLIENT_CREDENTIALS = { grant_type: GrantType.ClientCredentials };
const FORM = 'application/x-www-form-urlencoded';
const KEY = randomBytes(32);

let database: TestDatabase;
let way: CuttableWay;
let service: RunningService;
/** What must be found nowhere, by what it is. */
const canaries = new Map<string, string>();
/** The answers that are meant to show one secret each, and which. */
const meant = new Map<ServiceAnswer, string>();

function plant(what: string, secret: string): string {
  expect(secret.length).toBeGreaterThanOrEqual(12);
  canaries.set(what, secret);
  return secret;
}

/** A token is known by its signature, and by its whole payload. */
function plantToken(what: string, answer: ServiceAnswer): string {
  expect({ what, status: answer.status }).toEqual({ what, status: 200 });
  const token = tokenOf(answer);
  const [, payload = '', signature = ''] = token.split('.');
  plant(`payload of ${what}`, payload);
  plant(`signature of ${what}`, signature);
  meant.set(answer, token);
  return token;
}

/** The hidden fields of the page that is open: each is a proof or a sealed request. */
function plantForm(browser: TextBrowser, what: string): void {
  for (const [name, value] of Object.entries(browser.form().fields))
    if (value.length >= 40) plant(`${name} of ${what}`, value);
}

function textIn({ body }: ServiceAnswer, member: string): string {
  const { [member]: value } = body;
  return typeof value === 'string' ? value : '';
}

/** A token request of web_app; each token in the answer is a secret that it alone may show. */
async function redeem(form: Readonly<Record<string, string>>): Promise<ServiceAnswer> {
  const body = { client_id: 'web_app', ...form };
  const answer = await service.send('/connect/token', { method: 'POST', body });
  for (const member of ['access_token', 'id_token', 'refresh_token']) {
    const token = answer.body[member];
    if (typeof token !== 'string') continue;
    const parts = token.split('.');
    for (const part of parts.length === 3 ? parts.slice(1) : parts)
      plant(`${member} ${canaries.size}`, part);
  }
  if (answer.status === 200) meant.set(answer, answer.text);
  return answer;
}

function expectNoCanary(where: string, text: string): void {
  const found = [...canaries].filter(([, secret]) => text.includes(secret)).map(([what]) => what);
  expect({ where, found }).toEqual({ where, found: [] });
}

beforeAll(async () => {
  database = await createTestDatabase();
  way = await CuttableWay.to(database.url);
  plant('the password of the database', new URL(database.url).password);
  plant('the encryption key', KEY.toString('base64'));
  plant('the encryption key in hex', KEY.toString('hex'));
  plant('the encryption key in base64url', KEY.toString('base64url'));
  service = await RunningService.start({
    NODE_ENV: 'development',
    DATABASE_URL: way.url,
    KEY_ENCRYPTION_KEY: KEY.toString('base64'),
  });
}, 60_000);

afterAll(async () => {
  await service.remove();
  await way.close();
  await database.drop();
});

describe('A secret stays where it belongs', () => {
  let admin: string;
  let secrets: Readonly<Record<'my_gateway' | 'address_service' | 'admin_cli', string>>;
  let issued: string;

  it('through every grant', async () => {
    secrets = {
      my_gateway: await service.demoSecret('my_gateway'),
      address_service: await service.demoSecret('address_service'),
      admin_cli: await service.demoSecret('admin_cli'),
    };
    for (const [clientId, secret] of Object.entries(secrets)) {
      plant(`secret of ${clientId}`, secret);
      plant(`credentials of ${clientId}`, basic(clientId, secret).slice('Basic '.length));
    }
    admin = plantToken(
      'the administrator’s token',
      await service.token(CLIENT_CREDENTIALS, 'admin_cli', secrets.admin_cli),
    );
    const own = plantToken(
      'a client’s own token',
      await service.token(CLIENT_CREDENTIALS, 'my_gateway', secrets.my_gateway),
    );
    const form = {
      grant_type: GrantType.TokenExchange,
      subject_token: own,
      subject_token_type: TokenType.AccessToken,
    };
    issued = plantToken(
      'an exchanged token',
      await service.token(form, 'address_service', secrets.address_service),
    );
    const actor = plantToken(
      'an actor token',
      await service.token(CLIENT_CREDENTIALS, 'address_service', secrets.address_service),
    );
    plantToken(
      'a token exchanged with an actor token',
      await service.token(
        { ...form, actor_token: actor, actor_token_type: TokenType.AccessToken },
        'address_service',
        secrets.address_service,
      ),
    );
    plantToken(
      'a token of a client that authenticates in the body',
      await service.send('/connect/token', {
        method: 'POST',
        body: {
          ...CLIENT_CREDENTIALS,
          client_id: 'my_gateway',
          client_secret: secrets.my_gateway,
        },
      }),
    );
    expect(meant.size).toBe(6);
  });

  it('through a person’s sign-in, from the form to the refreshed token', async () => {
    const { people } = JSON.parse(await readFile(join(service.dataDir, 'demo.json'), 'utf8')) as {
      people: readonly { username: string; password: string }[];
    };
    const password = people.find(({ username }) => username === 'alice')?.password ?? '';
    plant('secret of alice', password);
    const wrong = plant(
      'a wrong password',
      `canary-Wrong-${randomBytes(24).toString('base64url')}`,
    );
    const browser = new TextBrowser(SERVICE_ISSUER, Number(new URL(service.url).port));
    const verifier = plant('a code verifier', randomBytes(32).toString('base64url'));
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    const parameters = {
      client_id: 'web_app',
      response_type: 'code',
      redirect_uri: 'http://127.0.0.1/callback',
      scope: 'openid profile offline_access address:read',
      state: plant('a state', randomBytes(20).toString('base64url')),
      nonce: 'n',
      code_challenge: challenge,
      code_challenge_method: 'S256',
    };
    const pushed = await service.send('/connect/par', { method: 'POST', body: parameters });
    expect(pushed.status).toBe(201);
    const requestUri = textIn(pushed, 'request_uri');
    const name = requestUri.slice(requestUri.lastIndexOf(':') + 1);
    meant.set(pushed, plant('the name of a pushed request', name));
    const query = new URLSearchParams({ client_id: 'web_app', request_uri: requestUri });
    await browser.open(`${SERVICE_ISSUER}/connect/authorize?${query.toString()}`);
    plantForm(browser, 'the sign-in form');
    await browser.submit({ username: wrong, password: wrong });
    await browser.submit({ username: 'alice', password: wrong });
    await browser.submit({ username: 'alice', password });
    plantForm(browser, 'the consent form');
    for (const [cookie, value] of browser.cookies) plant(`the cookie ${cookie}`, value);
    const answer = await browser.submit({ decision: 'allow' });
    const code = plant('a code', answer.location?.searchParams.get('code') ?? '');
    const redeemed = await redeem({
      grant_type: GrantType.AuthorizationCode,
      code,
      redirect_uri: parameters.redirect_uri,
      code_verifier: verifier,
    });
    const refreshed = await redeem({
      grant_type: GrantType.RefreshToken,
      refresh_token: textIn(redeemed, 'refresh_token'),
    });
    await redeem({ grant_type: GrantType.AuthorizationCode, code, code_verifier: verifier });
    for (const secret of [wrong, verifier, tokenOf(refreshed)]) {
      // What an application wants to have back, or compared, is kept for it until it is.
      const kept = ['state', 'nonce', 'code_challenge'];
      for (const field of Object.keys(parameters).filter((name) => !kept.includes(name))) {
        const wrongPlace = new URLSearchParams({ ...parameters, [field]: secret });
        await browser.send(`${SERVICE_ISSUER}/connect/authorize?${wrongPlace.toString()}`);
        await service.send('/connect/par', {
          method: 'POST',
          body: { ...parameters, [field]: secret },
        });
      }
      for (const field of ['id_token_hint', 'client_id', 'post_logout_redirect_uri', 'state']) {
        const hint = new URLSearchParams({ [field]: secret });
        await browser.send(`${SERVICE_ISSUER}/connect/endsession?${hint.toString()}`);
      }
    }
    await browser.open(`${SERVICE_ISSUER}/account`);
    expect(browser.last?.text).toContain('Alice Liddell');
  }, 60_000);

  it('through the admin API, which shows a new secret once', async () => {
    const made = await service.admin(admin, 'POST', '/clients', {
      clientId: 'canary_client',
      name: 'Canary',
      grantTypes: [GrantType.ClientCredentials],
      scopes: ['address:read'],
      targets: ['address_service'],
      defaultTarget: 'address_service',
    });
    expect(made.status).toBe(201);
    const rotated = await service.admin(admin, 'POST', '/clients/canary_client/secrets', {});
    expect(rotated.status).toBe(201);
    for (const [index, answer] of [made, rotated].entries()) {
      const shown = /"(?:secret|clientSecret|value)":"([A-Za-z0-9_-]{43})"/.exec(answer.text)?.[1];
      if (index === 1) expect(shown).toBeDefined();
      if (shown === undefined) continue;
      plant(`secret ${index} of canary_client`, shown);
      meant.set(answer, shown);
      const used = await service.token(CLIENT_CREDENTIALS, 'canary_client', shown);
      plantToken(`token with secret ${index} of canary_client`, used);
    }
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(privateKey);
    plant('an imported private key', String(jwk.d));
    const imported = await service.admin(admin, 'POST', '/keys', { jwk, algorithm: 'ES256' });
    expect(imported.status).toBe(201);
    for (const path of ['/clients', '/clients/canary_client', '/keys', '/audit/records']) {
      expect([200, 404]).toContain((await service.admin(admin, 'GET', path)).status);
    }
    const records = await service.admin(admin, 'GET', '/audit/records?limit=100');
    expect(records.status).toBe(200);
  });

  it('through every refusal, whichever wrong place it was put in', async () => {
    const token = issued;
    const password = plant(
      'a password',
      `canary-Passw0rd-${randomBytes(20).toString('base64url')}`,
    );
    const cookie = plant('a cookie', randomBytes(32).toString('base64url'));
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(privateKey);
    const d = plant('a private key in the wrong place', String(jwk.d));
    const hidden = [secrets.my_gateway, token, password, cookie, d];
    const fields = `grant_type scope audience resource client_id client_secret subject_token
      subject_token_type actor_token actor_token_type requested_token_type code
      refresh_token assertion username password client_assertion client_assertion_type
      unknown authorization_details`.split(/\s+/);
    const headers = `traceparent tracestate x-request-id x-correlation-id cookie dpop user-agent
      referer origin if-none-match if-match x-forwarded-for content-type authorization
      accept x-api-key`.split(/\s+/);
    const exchange = {
      grant_type: GrantType.TokenExchange,
      subject_token: token,
      subject_token_type: TokenType.AccessToken,
    };
    for (const secret of hidden) {
      for (const field of fields) {
        for (const base of [exchange, CLIENT_CREDENTIALS]) {
          const form = { ...base, [field]: secret };
          const answer = await service.token(form, 'my_gateway', secrets.my_gateway);
          if (answer.status === 200) plantToken(`a token beside ${field}`, answer);
          await service.send('/connect/token', { method: 'POST', body: form });
        }
      }
      for (const name of headers) {
        const isSecretId = name === 'x-request-id' && secret.length <= 40;
        expect(isSecretId).toBe(false);
        const sent = { [name]: secret };
        for (const path of ['/connect/token', '/.well-known/jwks.json', '/admin/clients', '/x'])
          await service.send(path, { headers: sent });
        await service.send('/connect/token', {
          method: 'POST',
          headers: { 'content-type': FORM, ...sent },
          body: new URLSearchParams(exchange).toString(),
        });
      }
      const encoded = encodeURIComponent(secret);
      for (const path of [
        `/connect/token?client_secret=${encoded}`,
        `/connect/token?x=${encoded}`,
        `/connect/token/${encoded}`,
        `/${encoded}`,
        `/.well-known/${encoded}`,
        `/.well-known/oauth-authorization-server/${encoded}`,
        `/health/${encoded}`,
        `/docs/${encoded}`,
        `/admin/${encoded}`,
        `/admin/clients/${encoded}`,
        `/admin/keys/${encoded}/revoke`,
        `/admin/clients?cursor=${encoded}`,
        `/admin/clients?limit=${encoded}`,
        `/admin/audit/records?subject=${encoded}`,
        `/admin/audit/records?cursor=${encoded}`,
        `/admin/audit/chains/${encoded}`,
      ]) {
        for (const method of ['GET', 'POST', 'DELETE']) {
          await service.send(path, { method });
          await service.send(path, { method, headers: { authorization: `Bearer ${admin}` } });
        }
      }
      for (const body of [
        { clientId: secret, name: 17 },
        { clientId: 'x y', name: secret },
        { name: { secret } },
        { jwk: { ...jwk, kty: secret }, algorithm: 'ES256' },
        { jwk: { ...jwk, x: 'AA' }, algorithm: 'ES256' },
        { jwk, algorithm: secret },
        [secret],
        secret,
      ]) {
        for (const path of ['/clients', '/keys', '/trusted-issuers', '/clients/my_gateway/secrets'])
          expect((await service.admin(admin, 'POST', path, body)).status).toBeGreaterThanOrEqual(
            400,
          );
      }
      await service.send('/admin/clients', {
        method: 'POST',
        headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
        body: `{"clientId": ${secret}`,
      });
    }
    expect(service.answers.length).toBeGreaterThan(1_000);
    expect(service.answers.filter((answer) => answer.status === 500)).toEqual([]);
  }, 180_000);

  it('through introspection and revocation, by whoever asks and however it ends', async () => {
    const own = plantToken(
      'a token to be taken back',
      await service.token(CLIENT_CREDENTIALS, 'my_gateway', secrets.my_gateway),
    );
    const signed = 'application/token-introspection+jwt';
    const hint = plant('a hint', `canary-hint-${randomBytes(20).toString('base64url')}`);
    const [, refreshToken = ''] = [...canaries].find(([what]) => what.startsWith('refresh')) ?? [];
    expect(refreshToken).toHaveLength(43);
    for (const token of [own, issued, refreshToken, secrets.my_gateway]) {
      for (const path of ['/connect/introspect', '/connect/revocation']) {
        for (const clientId of ['address_service', 'admin_cli', 'my_gateway'] as const) {
          const authorization = basic(clientId, secrets[clientId]);
          for (const headers of [{ authorization }, { authorization, accept: signed }, {}]) {
            const body = { token, token_type_hint: hint };
            await service.send(path, { method: 'POST', headers, body });
          }
          await service.send(`${path}?token=${encodeURIComponent(token)}`, {
            headers: { authorization },
          });
          await service.send(path, {
            method: 'POST',
            headers: { authorization, 'content-type': FORM },
            body: `token=${token}&token=${token}`,
          });
        }
      }
    }
    const { items } = (await service.admin(admin, 'GET', '/audit/records?event=revocation'))
      .body as unknown as { items: readonly { record: AuditRecord }[] };
    expect(new Set(items.map(({ record }) => record.outcome))).toEqual(
      new Set(['granted', 'refused']),
    );
    // Counted from the log in PostgreSQL, once for each token: the client's own had no offspring then.
    const counted = items.flatMap(({ record: { revocation } }) => revocation?.died ?? []);
    expect(counted).toEqual(
      expect.arrayContaining([
        { tokens: 1, chains: 0, isComplete: true },
        { tokens: 1, chains: 1, isComplete: true },
      ]),
    );
    expect(service.answers.filter((answer) => answer.status === 500)).toEqual([]);
  }, 60_000);

  it('through broken requests and a database that goes away', async () => {
    const { port } = new URL(service.url);
    for (const text of [
      `POST /connect/token HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nContent-Length: 9999\r\n\r\nsubject_token=${issued}`,
      `POST /connect/token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${issued}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `GET /${issued} HTTP/9.9\r\n\r\n`,
      `${issued}\r\n\r\n`,
    ]) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(text);
      await sleep(100);
      socket.destroy();
    }
    way.cut();
    await sleep(1_000);
    const form = {
      grant_type: GrantType.TokenExchange,
      subject_token: issued,
      subject_token_type: TokenType.AccessToken,
    };
    const refused = await service.token(form, 'my_gateway', secrets.my_gateway);
    expect(refused.status).toBe(503);
    expect((await service.admin(admin, 'GET', '/clients')).status).toBe(503);
    expect((await service.send('/health/ready')).status).toBe(503);
    way.mend();
    const deadline = Date.now() + 20_000;
    while ((await service.send('/health/ready')).status !== 200) {
      expect(Date.now()).toBeLessThan(deadline);
      await sleep(200);
    }
  }, 60_000);

  it('so that none is in the database', async () => {
    const dump = await dumpOf(database.url);
    expect(dump).toContain('my_gateway');
    expect(dump).toContain('"outcome":"refused"');
    expectNoCanary('the database', dump);
  });

  it('nor in any line of the log at its most talkative', () => {
    expect(service.lines.length).toBeGreaterThan(1_000);
    expect(service.lines.some((line) => line.includes('/connect/token'))).toBe(true);
    for (const line of service.lines) expectNoCanary(line.slice(0, 300), line);
  });

  it('nor in any answer but the one that is meant to show it', () => {
    for (const answer of service.answers) {
      const shown = meant.get(answer);
      const text = `${JSON.stringify(answer.headers)}\n${answer.text}`;
      const where = `${answer.status} ${answer.text.slice(0, 120)}`;
      expectNoCanary(
        shown === undefined ? where : 'an answer with a secret of its own',
        shown === undefined ? text : text.replaceAll(shown, ''),
      );
    }
  });

  it('nor in the data folder, but in demo.json, which nobody else may read', async () => {
    const files = await service.files();
    expect([...files.keys()]).toContain('demo.json');
    expect(files.get('demo.json')).toContain(secrets.my_gateway);
    for (const [name, text] of files) {
      const { mode } = await stat(`${service.dataDir}/${name}`);
      expect({ name, mode: (mode & 0o777).toString(8) }).toEqual({ name, mode: '600' });
      if (name !== 'demo.json') expectNoCanary(name, text);
    }
  });

  it('and what was printed at the first start holds the demo’s secrets and nothing else', () => {
    const others = [...canaries].filter(([what]) => !what.startsWith('secret of'));
    for (const [what, secret] of others)
      expect({ what, isPrinted: service.printed.includes(secret) }).toEqual({
        what,
        isPrinted: false,
      });
  });
});
