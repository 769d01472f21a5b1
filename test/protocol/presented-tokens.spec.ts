import { createHmac, createSign, generateKeyPairSync } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CompactSign, exportJWK, exportSPKI, importJWK } from 'jose';

import { TokenType } from '../../src/oauth/token-type.js';
import { Protocol, type Answer } from '../support/protocol.js';

let server: Protocol;
let genuine: string;

beforeAll(async () => {
  server = await Protocol.start();
  await server.storyClients();
  genuine = await server.ownToken();
});

afterAll(() => server.stop());

const TYPES = [TokenType.AccessToken, TokenType.Jwt, TokenType.IdToken] as const;

/** Sends the token as subject and as actor, as every type: each is refused alike, each leaves one record. */
async function expectRefused(token: string): Promise<void> {
  for (const type of TYPES) {
    const asSubject = () => server.exchange({ subject_token: token, subject_token_type: type });
    const asActor = () => server.exchange({ actor_token: token, actor_token_type: type });
    for (const send of [asSubject, asActor]) {
      const { answer, record } = await server.recorded(send);
      expectConstant(answer);
      expect(record.outcome).toBe('refused');
      expect(JSON.stringify(record)).not.toContain(
        token.length > 20 ? token.slice(0, 40) : '\u0000',
      );
    }
  }
}

function expectConstant(answer: Answer): void {
  expect(answer.status).toBe(400);
  expect(answer.body).toEqual({
    error: 'invalid_request',
    error_description: 'A presented token is not acceptable.',
  });
}

function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString(
    'base64url',
  );
}

function parts(token: string): [string, string, string] {
  const [header = '', payload = '', signature = ''] = token.split('.');
  return [header, payload, signature];
}

function headerOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(parts(token)[0], 'base64url').toString()) as Record<
    string,
    unknown
  >;
}

function keyIdOf(token: string): string {
  const { kid } = headerOf(token);
  return typeof kid === 'string' ? kid : '';
}

describe('A presented token is refused', () => {
  it.each([
    'none',
    'None',
    'NoNe',
    'nOnE',
    '',
    undefined,
    null,
    ['ES256'],
    { a: 1 },
    17,
    'ES256 ',
    'es256',
    'RS256',
    'PS256',
    'HS256',
  ])('with the algorithm %j in its header', async (alg) => {
    const [, payload, signature] = parts(genuine);
    const header = encode({ ...headerOf(genuine), alg });
    await expectRefused(`${header}.${payload}.${signature}`);
    await expectRefused(`${header}.${payload}.`);
  });

  it('when our public key was used as an HMAC secret, in any spelling', async () => {
    const { kid } = headerOf(genuine);
    const { keys } = await server.ring.jwks();
    const jwk = keys[0]!;
    const pem = await exportSPKI(
      (await importJWK(jwk, 'ES256')) as Parameters<typeof exportSPKI>[0],
    );
    const [, payload] = parts(genuine);
    for (const secret of [
      pem,
      pem.trim(),
      ` ${pem}`,
      `\n${pem}`,
      JSON.stringify(jwk),
      Buffer.from(jwk.x ?? '', 'base64url'),
    ]) {
      const signed = `${encode({ alg: 'HS256', typ: 'at+jwt', kid })}.${payload}`;
      await expectRefused(
        `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`,
      );
    }
  });

  it('when a stranger signed it and brought the key along', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = await exportJWK(publicKey);
    const payload = new TextEncoder().encode(
      Buffer.from(parts(genuine)[1], 'base64url').toString(),
    );
    for (const header of [
      { jwk },
      { jku: 'http://127.0.0.1:1/jwks' },
      { x5u: 'http://127.0.0.1:1/x' },
      { x5c: ['AAAA'] },
      {},
    ]) {
      for (const kid of [keyIdOf(genuine), 'other', undefined]) {
        const token = await new CompactSign(payload)
          .setProtectedHeader({
            alg: 'ES256',
            typ: 'at+jwt',
            ...header,
            ...(kid === undefined ? {} : { kid }),
          })
          .sign(privateKey);
        await expectRefused(token);
      }
    }
  });

  it.each([
    '../../dev/null',
    "' or 1=1 --",
    '*)(uid=*',
    'x'.repeat(10_000),
    '',
    null,
    ['a'],
    { a: 1 },
    17,
    '__proto__',
    'constructor',
  ])('with the key id %j', async (kid) => {
    const [, payload, signature] = parts(genuine);
    await expectRefused(`${encode({ ...headerOf(genuine), kid })}.${payload}.${signature}`);
  });

  it.each([['exp'], [], ['b64'], ['unknown'], 'exp', null])(
    'with crit %j, even signed by us',
    async (crit) => {
      const payload = Buffer.from(parts(genuine)[1], 'base64url').toString();
      const { kid, algorithm, privateKey } = await server.ring.active();
      const signed = `${encode({ alg: algorithm, kid, typ: 'at+jwt', crit })}.${encode(payload)}`;
      const signature = createSign('sha256')
        .update(signed)
        .sign({ key: privateKey, dsaEncoding: 'ieee-p1363' });
      await expectRefused(`${signed}.${signature.toString('base64url')}`);
    },
  );

  it.each(['"x"', '[]', 'null', '123', 'true', '{', '', '[{"iss":"https://idp.example"}]'])(
    'with the payload %s',
    async (payload) => {
      await expectRefused(await server.signed(payload, { typ: 'at+jwt' }));
    },
  );

  it('with a signature that is empty, short, long, zero, in another form or spelled in another way', async () => {
    const [header, payload, signature] = parts(genuine);
    const raw = Buffer.from(signature, 'base64url');
    const signed = `${header}.${payload}`;
    const { privateKey } = await server.ring.active();
    const der = createSign('sha256').update(signed).sign(privateKey).toString('base64url');
    const last = signature.at(-1) ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const respelled = signature.slice(0, -1) + (alphabet[alphabet.indexOf(last) + 1] ?? 'B');
    const others = [
      '',
      Buffer.alloc(64).toString('base64url'),
      Buffer.alloc(64, 0xff).toString('base64url'),
      raw.subarray(0, 63).toString('base64url'),
      Buffer.concat([raw, Buffer.from([0])]).toString('base64url'),
      Buffer.concat([Buffer.alloc(32), raw.subarray(32)]).toString('base64url'),
      der,
      respelled,
      `${signature}=`,
    ];
    for (const other of others) await expectRefused(`${signed}.${other}`);
  });

  it('in another serialisation or with foreign characters', async () => {
    const [header, payload, signature] = parts(genuine);
    const others = [
      JSON.stringify({ protected: header, payload, signature }),
      JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
      `${genuine}.${signature}`,
      `${genuine}.a.b`,
      `${genuine}~disclosure~`,
      ` ${genuine}`,
      `${genuine}\n`,
      `Bearer ${genuine}`,
      '.',
      '..',
      '...',
      'a'.repeat(20_000),
      `${header}.${payload}`,
    ];
    for (const other of others) await expectRefused(other);
  });

  it('with any single character changed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(genuine.length - 1),
        fc.constantFrom('A', 'z', '0', '-', '.'),
        async (index, character) => {
          fc.pre(genuine[index] !== character);
          const changed = genuine.slice(0, index) + character + genuine.slice(index + 1);
          expectConstant(await server.exchange({ subject_token: changed }));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('with any text at all in its place', async () => {
    const text = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.string({ unit: 'grapheme', minLength: 1 }),
      fc.array(fc.base64String(), { minLength: 1, maxLength: 6 }).map((list) => list.join('.')),
    );
    await fc.assert(
      fc.asyncProperty(text, async (token) => {
        expectConstant(
          await server.exchange({ subject_token: token.length > 0 ? `${token}x` : 'x' }),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('after its key was revoked, at once, and before that while the key only retires', async () => {
    const other = await Protocol.start({
      keys: { encryptionKey: Buffer.alloc(32, 1), announcement: 0 },
    });
    await other.storyClients();
    const token = await other.ownToken();
    const oldKey = keyIdOf(token);
    await other.ring.rotate({ immediately: true });
    other.clock.advance(2_000);
    expect(headerOf(await other.ownToken())['kid']).not.toBe(oldKey);
    expect((await other.exchange({ subject_token: token })).status).toBe(200);
    await other.ring.revoke(oldKey);
    const { record } = await other.recorded(() => other.exchange({ subject_token: token }));
    expect(record).toMatchObject({ outcome: 'refused', reason: 'token_key_revoked' });
    await other.stop();
  });
});

describe('A token whose header names its type in capitals or in full', () => {
  it.each(['AT+JWT', 'application/at+jwt'])(
    '%s is an access token (RFC 9068 section 4)',
    async (typ) => {
      const payload = Buffer.from(parts(genuine)[1], 'base64url').toString();
      expect(
        (await server.exchange({ subject_token: await server.signed(payload, { typ }) })).status,
      ).toBe(200);
    },
  );
});
