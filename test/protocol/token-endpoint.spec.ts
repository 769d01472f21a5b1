import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { GrantType } from '../../src/oauth/grant-type.js';
import {
  basic,
  claimsOf,
  encode,
  ISSUER,
  Protocol,
  type Answer,
  type Send,
} from '../support/protocol.js';

let server: Protocol;

beforeAll(async () => {
  server = await Protocol.start();
  await server.storyClients();
  await server.change('my_gateway', { defaultTarget: 'address_service' });
});

afterAll(() => server.stop());

const FORM = 'application/x-www-form-urlencoded';
const GATEWAY = basic('my_gateway', 'my_gateway-secret');
const ASK = encode({ grant_type: GrantType.ClientCredentials });

async function expectRefusal(
  send: Send,
  error: string,
  reason: string,
  status = 400,
): Promise<Answer> {
  const { answer, record } = await server.recorded(() => server.send(send));
  expect({ status: answer.status, body: answer.body }).toEqual({
    status,
    body: { error, error_description: expect.any(String) },
  });
  expect(String(answer.body['error_description'])).toMatch(/^[\x20\x21\x23-\x5B\x5D-\x7E]+$/);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/json',
    'cache-control': 'no-store',
  });
  expect(answer.headers).not.toHaveProperty('etag');
  expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  expect(record).toMatchObject({ outcome: 'refused', reason, error });
  return answer;
}

function form(body: string | Buffer, headers: Record<string, string> = {}): Send {
  return { headers: { 'content-type': FORM, authorization: GATEWAY, ...headers }, body };
}

describe('The token endpoint takes POST only', () => {
  it.each(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
    'and refuses %s with 405, Allow and one record',
    async (method) => {
      const answer = await expectRefusal(
        { method, path: `/connect/token?${ASK}` },
        'invalid_request',
        'method_not_allowed',
        405,
      );
      expect(answer.headers['allow']).toBe('POST');
    },
  );

  it('and refuses HEAD', async () => {
    const { answer } = await server.recorded(() => server.send({ method: 'HEAD' }));
    expect(answer.status).toBe(405);
  });

  it('and ignores a header that names another method', async () => {
    expect((await server.send(form(ASK, { 'x-http-method-override': 'GET' }))).status).toBe(200);
  });
});

describe('The form is read strictly', () => {
  it.each([
    'application/json',
    'multipart/form-data; boundary=x',
    'text/plain',
    `${FORM}; charset=utf-16`,
    `${FORM}; boundary=x`,
    `${FORM}, application/json`,
    '',
  ])('and the content type %j is refused', async (type) => {
    const headers = { authorization: GATEWAY, ...(type === '' ? {} : { 'content-type': type }) };
    await expectRefusal({ headers, body: ASK }, 'invalid_request', 'content_type_not_supported');
  });

  it.each([FORM, `${FORM};charset=UTF-8`, `${FORM}; charset="utf-8"`, FORM.toUpperCase()])(
    'and the content type %j is taken',
    async (type) => {
      expect(
        (
          await server.send({
            headers: { 'content-type': type, authorization: GATEWAY },
            body: ASK,
          })
        ).status,
      ).toBe(200);
    },
  );

  it('and compressed bodies are refused', async () => {
    await expectRefusal(
      form(ASK, { 'content-encoding': 'gzip' }),
      'invalid_request',
      'content_type_not_supported',
    );
  });

  it.each(['', '&&&', 'grant_type=', 'grant_type', '=x'])(
    'and the body %j has no grant type',
    async (body) => {
      await expectRefusal(form(body), 'invalid_request', 'missing_parameter');
    },
  );

  it.each([
    'grant_type=%zz',
    'grant_type=%C3',
    'grant_type=%',
    'a=%C0%80',
    'a=%ED%A0%80',
    'a=%FF%FE',
    'a=b c',
    'a=\u0000',
    'a=é',
    '\uFEFFgrant_type=x',
  ])('and the body %j is malformed', async (body) => {
    await expectRefusal(form(Buffer.from(body, 'utf8')), 'invalid_request', 'malformed_request');
  });

  it('and a name that is repeated is refused, even with the same value', async () => {
    await expectRefusal(form(`${ASK}&${ASK}`), 'invalid_request', 'repeated_parameter');
    await expectRefusal(
      form(`${ASK}&unknown=1&unknown=2`),
      'invalid_request',
      'repeated_parameter',
    );
    await expectRefusal(
      form(`${ASK}&grant%5Ftype=${GrantType.ClientCredentials}`),
      'invalid_request',
      'repeated_parameter',
    );
    await expectRefusal(form(`${ASK}&scope=&scope=a`), 'invalid_request', 'repeated_parameter');
  });

  it('and unknown or empty parameters change nothing, nor do names of an object’s innards', async () => {
    const body = `${ASK}&unknown=1&scope=&__proto__=x&constructor%5Bprototype%5D%5Badmin%5D=1&toString=x&hasOwnProperty=y&scope%5B%5D=z`;
    expect((await server.send(form(body))).status).toBe(200);
    expect({}).not.toHaveProperty('admin');
  });

  it('and too many names, or too large a body, are refused', async () => {
    const many = Array.from({ length: 100 }, (_, index) => `p${index}=1`).join('&');
    await expectRefusal(form(`${ASK}&${many}`), 'invalid_request', 'too_many_parameters');
    await expectRefusal(
      form(`${ASK}&x=${'y'.repeat(70_000)}`),
      'invalid_request',
      'body_too_large',
      413,
    );
  });

  it('and a body of a hundred thousand parameters is refused without being kept', async () => {
    const answer = await server.send(
      form(Array.from({ length: 100_000 }, (_, index) => `p${index}=1`).join('&')),
    );
    expect([400, 413]).toContain(answer.status);
  });

  it('and credentials in the query are refused', async () => {
    for (const name of [
      'client_secret',
      'subject_token',
      'actor_token',
      'code',
      'refresh_token',
      'client_assertion',
    ]) {
      await expectRefusal(
        { ...form(ASK), path: `/connect/token?${name}=value` },
        'invalid_request',
        'credentials_in_query',
      );
    }
    await expectRefusal(
      { ...form(''), path: `/connect/token?${ASK}` },
      'invalid_request',
      'missing_parameter',
    );
  });

  it('and a request that breaks off leaves one record and no answer', async () => {
    const before = server.records.length;
    await new Promise<void>((resolve) => {
      const socket = connect(server.port, '127.0.0.1', () => {
        socket.write(
          `POST /connect/token HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nContent-Length: 1000\r\n\r\ngrant_type=`,
        );
        setTimeout(() => socket.destroy(), 50);
      });
      socket.on('close', () => resolve());
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(server.records.length - before).toBe(1);
    expect(server.records.at(-1)).toMatchObject({
      outcome: 'refused',
      reason: 'malformed_request',
    });
  });

  it('and Content-Length beside Transfer-Encoding is refused by the HTTP parser', async () => {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(server.port, '127.0.0.1', () => {
        socket.write(
          `POST /connect/token HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        );
      });
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('close', () => resolve(text));
      socket.setTimeout(2_000, () => socket.destroy());
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400/);
  });

  it('and whatever the bytes are, the answer is an OAuth error with one record, never a 500', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
      fc
        .array(
          fc.tuple(
            fc.string({ unit: 'binary', maxLength: 10 }),
            fc.string({ unit: 'binary', maxLength: 20 }),
          ),
          { maxLength: 8 },
        )
        .map((pairs) => Buffer.from(encodePairs(pairs))),
      fc
        .array(
          fc.tuple(
            fc.constantFrom(
              'grant_type',
              'scope',
              'audience',
              'resource',
              'client_id',
              'client_secret',
              'subject_token',
            ),
            fc.string({ maxLength: 20 }),
          ),
          { maxLength: 8 },
        )
        .map((pairs) => Buffer.from(encodePairs(pairs))),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (body) => {
        const { answer, record } = await server.recorded(() =>
          server.send({ headers: { 'content-type': FORM }, body }),
        );
        expect([400, 401, 429]).toContain(answer.status);
        expect(record.outcome).toBe('refused');
        expect(Object.keys(answer.body).toSorted()).toEqual(['error', 'error_description']);
      }),
      { numRuns: 300 },
    );
  });
});

function encodePairs(pairs: readonly (readonly [string, string])[]): string {
  return pairs.map(([name, value]) => `${safe(name)}=${safe(value)}`).join('&');
}

function safe(text: string): string {
  return encodeURIComponent(text.replaceAll(/[\uD800-\uDFFF]/g, '?'));
}

describe('The grant type', () => {
  it.each([
    'password',
    'implicit',
    'CLIENT_CREDENTIALS',
    'client_credentials ',
    'client_credentials\u0000',
    'authorization_code',
    'refresh_token',
  ])('%j is not supported', async (grant_type) => {
    await expectRefusal(
      form(encode({ grant_type })),
      'unsupported_grant_type',
      'grant_not_supported',
    );
  });

  it('is refused to a client that is not registered for it', async () => {
    await expectRefusal(
      {
        headers: { 'content-type': FORM },
        body: encode({ grant_type: GrantType.ClientCredentials, client_id: 'web_app' }),
      },
      'unauthorized_client',
      'grant_not_allowed',
    );
  });
});

const ask = (headers: Record<string, string>, more: Record<string, string> = {}): Send => ({
  headers: { 'content-type': FORM, ...headers },
  body: encode({ grant_type: GrantType.ClientCredentials, ...more }),
});

describe('A client', () => {
  it.each([
    ['nothing at all', {}, 'client_not_authenticated'],
    [
      'no colon',
      { authorization: `Basic ${Buffer.from('my_gateway').toString('base64')}` },
      'client_not_authenticated',
    ],
    ['an empty id', { authorization: basic('', 'x') }, 'client_not_authenticated'],
    ['an empty secret', { authorization: basic('my_gateway', '') }, 'client_not_authenticated'],
    ['no base64', { authorization: 'Basic ***' }, 'client_not_authenticated'],
    [
      'loose base64',
      { authorization: `Basic ${Buffer.from('a:b').toString('base64')}!` },
      'client_not_authenticated',
    ],
    [
      'broken UTF-8',
      { authorization: `Basic ${Buffer.from([0xff, 0xfe, 0x3a, 0x41]).toString('base64')}` },
      'client_not_authenticated',
    ],
    [
      'broken form-encoding',
      { authorization: basic('my_gateway', '%zz') },
      'client_not_authenticated',
    ],
    ['another scheme', { authorization: 'Bearer abc' }, 'client_not_authenticated'],
    ['an unknown id', { authorization: basic('nobody', 'my_gateway-secret') }, 'client_unknown'],
    ['a homoglyph', { authorization: basic('my_gаteway', 'my_gateway-secret') }, 'client_unknown'],
    ['another case', { authorization: basic('MY_GATEWAY', 'my_gateway-secret') }, 'client_unknown'],
    ['a wrong secret', { authorization: basic('my_gateway', 'wrong') }, 'client_secret_wrong'],
    [
      'a secret for a public client',
      { authorization: basic('web_app', 'web_app-secret') },
      'client_method_not_allowed',
    ],
  ])('with %s is not authenticated', async (_what, headers, reason) => {
    const answer = await expectRefusal(ask(headers), 'invalid_client', reason, 401);
    expect(answer.body['error_description']).toBe('Client authentication failed.');
    expect(answer.headers['www-authenticate']).toBe(
      'authorization' in headers ? 'Basic realm="token", charset="UTF-8"' : undefined,
    );
  });

  it('that is unknown is answered like one with a wrong secret, to the byte', async () => {
    const [unknown, wrong] = [
      await server.send(ask({ authorization: basic('nobody2', 'x') })),
      await server.send(ask({ authorization: basic('address_service', 'x') })),
    ];
    expect(unknown.text).toBe(wrong.text);
    expect(Object.keys(unknown.headers)).toEqual(Object.keys(wrong.headers));
  });

  it('that is refused costs one look-up in the store, known or not, used just now or never', async () => {
    const find = server.clients.find.bind(server.clients);
    let lookups = 0;
    server.clients.find = (clientId) => {
      lookups += 1;
      return find(clientId);
    };
    const cost = async (clientId: string): Promise<number> => {
      lookups = 0;
      await server.send(ask({ authorization: basic(clientId, 'guess') }));
      return lookups;
    };
    await server.token({ grant_type: GrantType.ClientCredentials });
    const known = [await cost('my_gateway'), await cost('my_gateway')];
    const unknown = [await cost('nobody_3'), await cost('nobody_3')];
    expect([known, unknown]).toEqual([
      [1, 1],
      [1, 1],
    ]);
    server.clients.find = find;
  });

  it('proves itself in exactly one way', async () => {
    const combined: readonly Send[] = [
      ask({ authorization: GATEWAY }, { client_secret: 'my_gateway-secret' }),
      ask({ authorization: GATEWAY }, { client_assertion: 'x', client_assertion_type: 'y' }),
      ask({}, { client_id: 'my_gateway', client_secret: 'x', client_assertion: 'y' }),
      {
        ...ask({}),
        headers: ['content-type', FORM, 'authorization', GATEWAY, 'authorization', GATEWAY],
      },
    ];
    for (const send of combined)
      await expectRefusal(send, 'invalid_request', 'client_methods_combined');
    await expectRefusal(
      ask({ authorization: GATEWAY }, { client_id: 'address_service' }),
      'invalid_request',
      'client_id_mismatch',
    );
    await expectRefusal(
      ask(
        {},
        {
          client_assertion: 'x',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        },
      ),
      'invalid_client',
      'client_method_not_allowed',
      401,
    );
  });

  it('may send its credentials raw, form-encoded, in either place, or name its id twice', async () => {
    const encoded = basic('my%5Fgateway', 'my%5Fgateway%2Dsecret');
    for (const send of [
      ask({ authorization: GATEWAY }),
      ask({ authorization: encoded }),
      ask({ authorization: GATEWAY.replace('Basic', 'basic') }),
      ask({ authorization: GATEWAY }, { client_id: 'my_gateway' }),
      ask({}, { client_id: 'my_gateway', client_secret: 'my_gateway-secret' }),
    ]) {
      expect((await server.send(send)).status).toBe(200);
    }
  });

  it('with a secret of any characters is read after form-decoding', async () => {
    const secret = 'a:b c+d%é';
    const { hashSecret } = await import('../../src/clients/client-secret.js');
    await server.client({
      clientId: 'odd',
      grantTypes: [GrantType.ClientCredentials],
      scopes: ['address:read'],
      targets: ['address_service'],
      defaultTarget: 'address_service',
      secrets: [{ id: 'odd', hash: hashSecret(secret), createdAt: 0, expiresAt: null }],
    });
    const encoded = new URLSearchParams({ s: secret }).toString().slice(2);
    expect((await server.send(ask({ authorization: basic('odd', encoded) }))).status).toBe(200);
    expect((await server.send(ask({}, { client_id: 'odd', client_secret: secret }))).status).toBe(
      200,
    );
  });

  it('uses only a method that is registered for it', async () => {
    await server.change('address_service', { authenticationMethods: ['client_secret_post'] });
    await expectRefusal(
      ask({ authorization: basic('address_service', 'address_service-secret') }),
      'invalid_client',
      'client_method_not_allowed',
      401,
    );
  });

  it('may use two secrets at once until one expires', async () => {
    const { hashSecret } = await import('../../src/clients/client-secret.js');
    const expiresAt = server.clock.now() + 60_000;
    await server.change('my_gateway', {
      secrets: [
        { id: 'old', hash: hashSecret('my_gateway-secret'), createdAt: 0, expiresAt },
        { id: 'new', hash: hashSecret('next'), createdAt: 0, expiresAt: null },
      ],
    });
    expect((await server.send(ask({ authorization: GATEWAY }))).status).toBe(200);
    expect((await server.send(ask({ authorization: basic('my_gateway', 'next') }))).status).toBe(
      200,
    );
    server.clock.advance(60_000);
    await expectRefusal(
      ask({ authorization: GATEWAY }),
      'invalid_client',
      'client_secret_expired',
      401,
    );
    await server.change('my_gateway', {
      secrets: [{ id: 's1', hash: hashSecret('my_gateway-secret'), createdAt: 0, expiresAt: null }],
    });
  });

  it('that fails too often from one place hears 429, and is still let in with the right secret', async () => {
    const wrong = ask({ authorization: basic('my_gateway', 'guess') });
    const answers: Answer[] = [];
    for (let attempt = 0; attempt < 15; attempt += 1) answers.push(await server.send(wrong));
    const limited = answers.at(-1);
    expect(limited?.status).toBe(429);
    expect(Number(limited?.headers['retry-after'])).toBeGreaterThan(0);
    expect(server.records.at(-1)).toMatchObject({
      outcome: 'refused',
      reason: 'too_many_requests',
    });
    expect((await server.send(ask({ authorization: GATEWAY }))).status).toBe(200);
    server.clock.advance(61_000);
    expect((await server.send(wrong)).status).toBe(401);
  });

  it('that sends a proof of possession is refused, because the token would not be bound', async () => {
    await expectRefusal(
      ask({ authorization: GATEWAY, dpop: 'x' }),
      'invalid_request',
      'parameter_not_supported',
    );
  });
});

const askFor = (more: Record<string, string>): Send =>
  form(encode({ grant_type: GrantType.ClientCredentials, ...more }));

describe('Client credentials', () => {
  it('give an access token in the client’s own name after RFC 9068', async () => {
    const { answer, record } = await server.recorded(() =>
      server.token({ grant_type: GrantType.ClientCredentials, scope: 'address:read' }),
    );
    expect(claimsOf(answer)).toEqual({
      iss: ISSUER,
      sub: 'my_gateway',
      client_id: 'my_gateway',
      aud: 'address_service',
      scope: 'address:read',
      iat: server.now,
      exp: server.now + 600,
      jti: record.id,
    });
    const header = JSON.parse(
      Buffer.from(String(answer.body['access_token']).split('.')[0] ?? '', 'base64url').toString(),
    ) as object;
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) });
    expect(record).toMatchObject({
      outcome: 'granted',
      mode: 'own',
      subject: { sub: 'my_gateway' },
      basis: { rule: 'own-right' },
    });
    expect(answer.body).not.toHaveProperty('refresh_token');
  });

  it('give nothing beyond what is registered', async () => {
    await expectRefusal(askFor({ scope: 'admin' }), 'invalid_scope', 'scope_not_allowed');
    await expectRefusal(
      askFor({ audience: 'postal_service' }),
      'invalid_target',
      'target_not_allowed',
    );
    await expectRefusal(askFor({ audience: 'nobody' }), 'invalid_target', 'target_unknown');
    await expectRefusal(askFor({ resource: 'not-a-uri' }), 'invalid_target', 'target_malformed');
    await expectRefusal(askFor({ resource: ISSUER }), 'invalid_target', 'target_unknown');
  });
});

describe('The issuer', () => {
  it('comes from the configuration, whatever the request says', async () => {
    const answer = await server.send(
      form(ASK, {
        host: 'evil.example',
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'http',
        accept: 'text/html',
      }),
    );
    expect(claimsOf(answer)['iss']).toBe(ISSUER);
    expect(answer.headers['content-type']).toBe('application/json');
  });
});

describe('When the record cannot be written', () => {
  it('nothing is issued and the answer is 503 with Retry-After', async () => {
    const { InMemoryAuditLog } = await import('../../src/testing/index.js');
    const log = server.app.get(InMemoryAuditLog, { strict: false });
    const append = log.append.bind(log);
    log.append = () => Promise.reject(new Error('the disk is full'));
    try {
      for (const send of [form(ASK), form('grant_type=x')]) {
        const answer = await server.send(send);
        expect(answer.status).toBe(503);
        expect(answer.headers['retry-after']).toBe('1');
        expect(answer.body).toEqual({
          error: 'temporarily_unavailable',
          error_description: expect.any(String),
        });
        expect(answer.text).not.toContain('disk');
      }
    } finally {
      log.append = append;
    }
  });

  it('no answer leaves before the record is durable', async () => {
    const { InMemoryAuditLog } = await import('../../src/testing/index.js');
    const log = server.app.get(InMemoryAuditLog, { strict: false });
    const append = log.append.bind(log);
    let durable = false;
    log.append = async (record) => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const entry = await append(record);
      durable = true;
      return entry;
    };
    try {
      const answered = new Promise<boolean>((resolve, reject) => {
        const sent = httpRequest(
          {
            host: '127.0.0.1',
            port: server.port,
            method: 'POST',
            path: '/connect/token',
            headers: { 'content-type': FORM, authorization: GATEWAY },
          },
          (response) => {
            resolve(durable);
            response.resume();
          },
        );
        sent.once('error', reject);
        sent.end(ASK);
      });
      expect(await answered).toBe(true);
    } finally {
      log.append = append;
    }
  });
});
