import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { compactVerify } from 'jose';

import { OAuthError } from '../../src/oauth/oauth-error.js';
import { FetchSettings, GuardedFetch } from '../../src/tokens/guarded-fetch.js';
import { IssuerKeys } from '../../src/tokens/issuer-keys.js';
import { newTrustedIssuer, type TrustedIssuer } from '../../src/tokens/trusted-issuer.js';
import { FakeClock } from '../support/fake-clock.js';
import { foreignKey, signedBy, type ForeignKey } from '../support/foreign-key.js';
import { json, LoopbackServer } from '../support/loopback-server.js';

const MINUTE = 60_000;
const OPENID = '/tenant/.well-known/openid-configuration';
const OAUTH = '/.well-known/oauth-authorization-server/tenant';

const first = foreignKey('k1');
const second = foreignKey('k2');
const rsa = foreignKey('r1', 'RS256');
const weak = foreignKey('w1', 'RS256', 1024);

let server: LoopbackServer;
let clock: FakeClock;
let keys: IssuerKeys;
let documents: Record<string, unknown>;

beforeAll(async () => {
  server = await LoopbackServer.start();
});

beforeEach(() => {
  clock = new FakeClock();
  keys = new IssuerKeys(
    new GuardedFetch(new FetchSettings({ allowLoopbackHttp: true, timeout: 300 })),
    clock,
  );
  server.paths.length = 0;
  documents = { '/jwks': { keys: [first.jwk] } };
  server.answer = (request, response) => {
    const document = documents[request.url ?? ''];
    json(document ?? {}, document === undefined ? 404 : 200)(request, response);
  };
});

afterAll(() => server.stop());

function publish(...jwks: readonly unknown[]): void {
  documents['/jwks'] = { keys: jwks };
}

function withJwks(changes: Partial<TrustedIssuer> = {}): TrustedIssuer {
  return newTrustedIssuer({
    issuer: 'https://login.example',
    jwksUri: `${server.url}/jwks`,
    algorithms: ['ES256', 'RS256', 'PS256', 'EdDSA'],
    ...changes,
  });
}

function discovered(): TrustedIssuer {
  return withJwks({ issuer: `${server.url}/tenant`, jwksUri: null });
}

interface Wanted {
  readonly issuer?: TrustedIssuer;
  /** null for a header that names none. */
  readonly kid?: string | null;
}

/** Expects the key that is found to verify what the other one signed. */
async function expectFound(
  key: ForeignKey,
  { issuer = withJwks(), kid = key.kid }: Wanted = {},
): Promise<void> {
  const found = await keys.find(issuer, key.algorithm, kid ?? undefined);
  const token = await signedBy(key, 'text');
  await expect(compactVerify(token, found)).resolves.toBeDefined();
}

async function expectRefused(
  reason: string,
  { issuer = withJwks(), algorithm = 'ES256', kid = 'k1' }: Wanted & { algorithm?: string } = {},
): Promise<void> {
  const refusal = await keys
    .find(issuer, algorithm, kid ?? undefined)
    .catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(OAuthError);
  expect(refusal).toMatchObject({
    reason,
    error: 'invalid_request',
    description: 'A presented token is not acceptable.',
  });
}

function metadata(issuer = `${server.url}/tenant`): object {
  return { issuer, jwks_uri: `${server.url}/jwks` };
}

/** Fifty tokens at once that name keys nobody has. */
async function flood(): Promise<void> {
  const kids = Array.from({ length: 50 }, (_, index) => `no-${index}`);
  await Promise.all(kids.map((kid) => expectRefused('token_key_unknown', { kid })));
}

/** The same number with zeros before it. */
function padded(modulus: unknown): string {
  const bytes = Buffer.from(modulus as string, 'base64url');
  return Buffer.concat([Buffer.alloc(128), bytes]).toString('base64url');
}

describe('The keys of an issuer are discovered', () => {
  it('through its OpenID document', async () => {
    documents[OPENID] = metadata();
    await expectFound(first, { issuer: discovered() });
    expect(server.paths).toEqual([OPENID, '/jwks']);
  });

  it('or through its OAuth document (RFC 8414 section 3.1)', async () => {
    documents[OAUTH] = metadata();
    await expectFound(first, { issuer: discovered() });
    expect(server.paths).toEqual([OPENID, OAUTH, '/jwks']);
  });

  it.each([
    ['another issuer', () => metadata('https://login.example')],
    ['the issuer with a slash', () => metadata(`${server.url}/tenant/`)],
    ['the issuer in capitals', () => metadata(`${server.url}/TENANT`)],
    ['the issuer in a list', () => ({ ...metadata(), issuer: [`${server.url}/tenant`] })],
    ['no issuer', () => ({ jwks_uri: `${server.url}/jwks` })],
    ['no key set', () => ({ issuer: `${server.url}/tenant` })],
    ['key sets in a list', () => ({ ...metadata(), jwks_uri: [`${server.url}/jwks`] })],
    ['a key set that must not be fetched', () => ({ ...metadata(), jwks_uri: 'http://10.0.0.1/' })],
    ['keys in the document itself', () => ({ issuer: `${server.url}/tenant`, keys: [first.jwk] })],
  ])('but not when both documents name %s', async (_what, document) => {
    documents[OPENID] = document();
    documents[OAUTH] = document();
    await expectRefused('token_issuer_unreachable', { issuer: discovered() });
    expect(server.paths).not.toContain('/jwks');
  });

  it('of an issuer that ends with a slash by leaving the slash out', async () => {
    documents[OPENID] = metadata(`${server.url}/tenant/`);
    const issuer = withJwks({ issuer: `${server.url}/tenant/`, jwksUri: null });
    await expectFound(first, { issuer });
  });
});

describe('The keys of an issuer are fetched', () => {
  it('once for a crowd, and once a key is asked for that is not known, per 30 seconds', async () => {
    await Promise.all(Array.from({ length: 50 }, () => expectFound(first)));
    expect(server.paths).toHaveLength(1);
    await flood();
    clock.advance(29_999);
    await flood();
    expect(server.paths).toHaveLength(1);
    clock.advance(1);
    await flood();
    await flood();
    expect(server.paths).toHaveLength(2);
    await expectFound(first);
    expect(server.paths).toHaveLength(2);
  });

  it('no more often while it is out of reach', async () => {
    documents = {};
    await expectRefused('token_issuer_unreachable');
    await Promise.all(Array.from({ length: 20 }, () => expectRefused('token_issuer_unreachable')));
    expect(server.paths).toHaveLength(1);
    publish(first.jwk);
    clock.advance(30_000);
    await expectFound(first);
    expect(server.paths).toHaveLength(2);
  });

  it('when a new key appears, without waiting for the old ones to age', async () => {
    await expectFound(first);
    publish(first.jwk, second.jwk);
    clock.advance(30_000);
    await expectFound(second);
    await expectFound(first);
    expect(server.paths).toHaveLength(2);
  });

  it('again after ten minutes, so that a key that was taken away stops there', async () => {
    await expectFound(first);
    publish(second.jwk);
    clock.advance(10 * MINUTE - 1);
    await expectFound(first);
    clock.advance(1);
    await expectRefused('token_key_unknown');
    await expectFound(second);
  });

  it('from its new address at once when that is changed', async () => {
    await expectFound(first);
    documents['/other'] = { keys: [second.jwk] };
    const issuer = withJwks({ jwksUri: `${server.url}/other` });
    await expectFound(second, { issuer });
    await expectRefused('token_key_unknown', { issuer });
  });

  it('separately for each issuer', async () => {
    documents['/other'] = { keys: [{ ...second.jwk, kid: 'k1' }] };
    const issuer = withJwks({
      issuer: 'https://other.example',
      jwksUri: `${server.url}/other`,
    });
    await expectFound(first);
    await expectFound(second, { issuer, kid: 'k1' });
    await expect(expectFound(second, { kid: 'k1' })).rejects.toThrow('signature');
  });
});

describe('While an issuer is out of reach', () => {
  it.each([
    ['gone', () => void (documents = {})],
    ['silent', () => void (server.answer = () => {})],
    ['wrong', () => void (documents['/jwks'] = { keys: 'none' })],
    ['redirected', () => void (server.answer = (_, response) => response.writeHead(302).end())],
  ])('its keys serve an hour, not longer (%s)', async (_how, fail) => {
    await expectFound(first);
    fail();
    clock.advance(60 * MINUTE - 1);
    await expectFound(first);
    clock.advance(1);
    await expectRefused('token_issuer_unreachable');
    clock.advance(30_000);
    await expectRefused('token_issuer_unreachable');
  });

  it('an hour is counted from the last good answer', async () => {
    await expectFound(first);
    clock.advance(50 * MINUTE);
    await expectFound(first);
    documents = {};
    clock.advance(59 * MINUTE);
    await expectFound(first);
  });

  it('a clock that was set back does not keep them', async () => {
    await expectFound(first);
    documents = {};
    clock.advance(-60 * MINUTE);
    await expectRefused('token_issuer_unreachable');
  });
});

describe('A key set gives no key', () => {
  const ed = foreignKey('e1', 'EdDSA');

  it('when it has more than twenty', async () => {
    publish(first.jwk, ...Array.from({ length: 20 }, (_, index) => ({ kid: `${index}` })));
    await expectRefused('token_issuer_unreachable');
    publish(first.jwk, ...Array.from({ length: 19 }, (_, index) => ({ kid: `${index}` })));
    clock.advance(30_000);
    await expectFound(first);
  });

  it.each([[undefined], ['keys'], [null], [{}], [17], [{ keys: [first.jwk] }]])(
    'when its keys are %j',
    async (list) => {
      documents['/jwks'] = { keys: list };
      await expectRefused('token_issuer_unreachable');
    },
  );

  it('when two of its keys have the same id and fit', async () => {
    publish(first.jwk, { ...second.jwk, kid: 'k1' });
    await expectRefused('token_key_unknown');
    publish(first.jwk, first.jwk);
    clock.advance(10 * MINUTE);
    await expectRefused('token_key_unknown');
  });

  it('of another kind although its id is the same', async () => {
    publish(first.jwk, { ...rsa.jwk, kid: 'k1' }, { ...ed.jwk, kid: 'k1' });
    await expectFound(first);
    await expectFound(rsa, { kid: 'k1' });
    await expectFound(ed, { kid: 'k1' });
  });

  it('when the header names none and more than one fits', async () => {
    publish(first.jwk);
    await expectFound(first, { kid: null });
    publish(first.jwk, second.jwk);
    clock.advance(10 * MINUTE);
    await expectRefused('token_key_unknown', { kid: null });
    publish(first.jwk, rsa.jwk);
    clock.advance(10 * MINUTE);
    await expectFound(first, { kid: null });
  });

  it('when only the header names one', async () => {
    publish({ ...first.jwk, kid: undefined });
    await expectRefused('token_key_unknown');
    clock.advance(30_000);
    await expectFound(first, { kid: null });
  });

  it.each<[string, object]>([
    ['a secret', { kty: 'oct', k: 'c2VjcmV0', kid: 'k1' }],
    ['a secret with an alg', { kty: 'oct', k: 'c2VjcmV0', kid: 'k1', alg: 'ES256' }],
    ['without kty', { ...first.jwk, kty: undefined }],
    ['with kty in a list', { ...first.jwk, kty: ['EC'] }],
    ['with an id of another type', { ...first.jwk, kid: ['k1'] }],
    ['for encryption', { ...first.jwk, use: 'enc' }],
    ['for encryption by key_ops', { ...first.jwk, key_ops: ['encrypt'] }],
    ['for another algorithm', { ...first.jwk, alg: 'ES384' }],
    ['for an algorithm in a list', { ...first.jwk, alg: ['ES256'] }],
    ['on another curve', { ...foreignKey('k1', 'ES384').jwk }],
    ['on no curve', { ...first.jwk, crv: 'secp256k1' }],
    ['off its curve', { ...first.jwk, y: first.jwk['x'] }],
    ['without a coordinate', { ...first.jwk, y: undefined }],
    ['with its private half', first.privateKey.export({ format: 'jwk' })],
  ])('that is %s', async (_what, jwk) => {
    publish({ kid: 'k1', ...jwk });
    await expectRefused('token_key_unknown');
  });

  it.each<[string, object]>([
    ['short', weak.jwk],
    ['short with zeros before it', { ...weak.jwk, n: padded(weak.jwk['n']) }],
    ['with the exponent 1', { ...rsa.jwk, e: 'AQ' }],
    ['with the exponent 3', { ...rsa.jwk, e: 'Aw' }],
    ['with no exponent', { ...rsa.jwk, e: undefined }],
    ['with a number as modulus', { ...rsa.jwk, n: 17 }],
    ['for another algorithm', { ...rsa.jwk, alg: 'PS256' }],
    ['for secrets', { ...rsa.jwk, alg: 'HS256' }],
  ])('that is an RSA key %s', async (_what, jwk) => {
    publish({ ...jwk, kid: 'r1' });
    await expectRefused('token_key_unknown', { algorithm: 'RS256', kid: 'r1' });
  });

  it.each(['HS256', 'none', 'ES256K', 'RSA-OAEP', 'toString', ''])(
    'for the algorithm %j',
    async (algorithm) => {
      publish(first.jwk, rsa.jwk, { kty: 'oct', k: 'c2VjcmV0', kid: 'k1' }, { kid: 'k1' });
      await expectRefused('token_key_unknown', { algorithm });
    },
  );

  it('for a second algorithm: an RSA key serves one (RFC 8725 section 3.1)', async () => {
    publish(rsa.jwk);
    await expectFound(rsa);
    await expectRefused('token_key_unknown', { algorithm: 'PS256', kid: 'r1' });
    await expectFound(
      { ...rsa, algorithm: 'PS256' },
      { issuer: withJwks({ algorithms: ['PS256'] }) },
    );
  });
});

describe('Memory', () => {
  it('holds the keys of 200 issuers, and forgets the first of them', async () => {
    for (let index = 0; index < 201; index += 1)
      await keys.find(withJwks({ issuer: `https://login-${index}.example` }), 'ES256', 'k1');
    server.paths.length = 0;
    await keys.find(withJwks({ issuer: 'https://login-1.example' }), 'ES256', 'k1');
    expect(server.paths).toHaveLength(0);
    await keys.find(withJwks({ issuer: 'https://login-0.example' }), 'ES256', 'k1');
    expect(server.paths).toHaveLength(1);
  });

  it('holds a key that was imported', async () => {
    const found = await keys.find(withJwks(), 'ES256', 'k1');
    expect(await keys.find(withJwks(), 'ES256', 'k1')).toBe(found);
  });
});
