import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { beforeAll, describe, expect, it } from '@jest/globals';

import { Decision } from '../../src/delegation/decision.js';
import { KeyRing } from '../../src/keys/key-ring.js';
import { KeySettings } from '../../src/keys/key-store.js';
import { IssuerSettings } from '../../src/oauth/issuer-settings.js';
import { InMemoryKeyStore } from '../../src/testing/index.js';
import { IdTokenIssuer, type IdTokenFacts } from '../../src/tokens/id-token-issuer.js';
import { OwnTokens } from '../../src/tokens/own-tokens.js';
import type { TokenIssuer } from '../../src/tokens/token-issuer.js';
import { exchangeRequest } from '../support/exchange-requests.js';
import { FakeClock } from '../support/fake-clock.js';
import { tokenIssuer } from '../support/token-issuer.js';

const SOURCE = fileURLToPath(new URL('../../src', import.meta.url));
const ABOUT: IdTokenFacts = {
  clientId: 'web',
  subject: 'alice',
  algorithm: 'ES256',
  accessToken: 'aaaa.bbbb.cccc',
  nonce: undefined,
  claims: {},
};

let accessTokens: TokenIssuer;
let idTokens: IdTokenIssuer;

beforeAll(async () => {
  const keys = new KeySettings({ encryptionKey: Buffer.alloc(32) });
  const ring = new KeyRing(new InMemoryKeyStore(), keys, new FakeClock());
  await ring.ensureKey();
  const settings = new IssuerSettings({ issuer: 'https://idp.example' });
  accessTokens = tokenIssuer(ring, keys, settings);
  idTokens = new IdTokenIssuer(new OwnTokens(ring), settings);
});

function decision(): Decision {
  const { now, requester, targets } = exchangeRequest();
  const tokenId = { recordId: '0199aaaa-0000-7000-8000-000000000001', chainId: undefined };
  return Decision.ofClient({ now, tokenId, requester, targets, requestedScope: undefined });
}

/** Everything that a decision says, without being one. */
function lookalike() {
  const real = decision();
  return {
    tokenId: real.tokenId,
    mode: real.mode,
    chain: real.chain,
    lineage: real.lineage,
    form: real.form,
    clientId: real.clientId,
    audience: real.audience,
    scope: real.scope,
    issuedAt: real.issuedAt,
    expiresAt: real.expiresAt,
    reauthorized: real.reauthorized,
    quota: real.quota,
    basis: real.basis,
    subjectToken: real.subjectToken,
    subjectClaims: real.subjectClaims,
  };
}

/** Never called: it is the compiler that must refuse. */
function forge(): unknown {
  const made = decision();
  // @ts-expect-error what was decided is not added to
  made.scope.add('admin');
  // @ts-expect-error nor its targets
  made.audience.push('vault');
  // @ts-expect-error nothing can extend it
  class Forged extends Decision {}
  // @ts-expect-error only its own factories construct it
  return [Forged, new Decision({ ...lookalike() })];
}

describe('Nothing is issued without a decision', () => {
  it('with one there is a token', async () => {
    await expect(accessTokens.issue(decision())).resolves.toHaveProperty('token');
    await expect(idTokens.issue(decision(), ABOUT)).resolves.toEqual(expect.any(String));
  });

  it('and what only looks like one neither compiles nor passes', async () => {
    const refused = { name: 'TypeError', message: 'Nothing is issued without a decision' };
    // @ts-expect-error nobody else can say what a decision says
    await expect(accessTokens.issue(lookalike())).rejects.toMatchObject(refused);
    // @ts-expect-error nor for an ID token
    await expect(idTokens.issue(lookalike(), ABOUT)).rejects.toMatchObject(refused);
    // @ts-expect-error a request is no decision
    await expect(accessTokens.issue(exchangeRequest())).rejects.toThrow(TypeError);
    // @ts-expect-error nor is a verdict
    await expect(accessTokens.issue({ outcome: 'allowed' })).rejects.toThrow(TypeError);
    // @ts-expect-error nor is nothing
    await expect(accessTokens.issue(undefined)).rejects.toThrow(TypeError);
    // @ts-expect-error nor is nothing, for an ID token
    await expect(idTokens.issue(undefined, ABOUT)).rejects.toThrow(TypeError);
  });

  it('however it is disguised', async () => {
    const disguised = Object.entries(lookalike()).reduce(
      (made, [name, value]) => Object.defineProperty(made, name, { value }),
      Object.create(Decision.prototype) as Decision,
    );
    expect(disguised).toBeInstanceOf(Decision);
    for (const each of [disguised, new Proxy(decision(), {}), Object.create(decision())]) {
      await expect(accessTokens.issue(each as Decision)).rejects.toThrow(TypeError);
      await expect(idTokens.issue(each as Decision, ABOUT)).rejects.toThrow(TypeError);
    }
  });

  it('and nobody else can make one, or change one', () => {
    expect(forge).toBeInstanceOf(Function);
    const made = decision();
    // @ts-expect-error what was decided stays
    expect(() => (made.scope = new Set(['admin']))).toThrow(TypeError);
  });
});

/** Every line of the source that says something, as `file: what it says`. */
function linesWith(pattern: RegExp): readonly string[] {
  return readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => {
      const path = join(SOURCE, name);
      const found = readFileSync(path, 'utf8').match(new RegExp(pattern, 'g')) ?? [];
      return found.map((text) => `${relative(SOURCE, path)}: ${text.replaceAll(/\s+/g, ' ')}`);
    })
    .toSorted();
}

describe('In the source', () => {
  it('only the factories of a decision construct one, and nothing is said to be one', () => {
    expect(new Set(linesWith(/new\s+Decision\b/))).toEqual(
      new Set(['delegation/decision.ts: new Decision']),
    );
    expect(linesWith(/\bextends\s+Decision\b|\bas\s+Decision\b/)).toEqual([]);
    expect(linesWith(/Reflect\.construct|Object\.setPrototypeOf/)).toEqual([]);
  });

  it('each kind of token is signed in one place', () => {
    expect(linesWith(/\btokens\s*\.sign\(\s*[^,]*,/)).toEqual([
      "tokens/id-token-issuer.ts: tokens.sign('JWT',",
      "tokens/introspection-signer.ts: tokens.sign('token-introspection+jwt',",
      "tokens/logout-token-issuer.ts: tokens.sign('logout+jwt',",
      "tokens/status-lists.ts: tokens.sign('statuslist+jwt',",
      "tokens/token-issuer.ts: tokens.sign('at+jwt',",
    ]);
    expect(linesWith(/\bOwnTokens\b(?=.*from)/).map((line) => line.split(':')[0])).toEqual(
      [
        'access-token-validator',
        'id-token-issuer',
        'id-token-validator',
        'introspection-signer',
        'logout-token-issuer',
        'security-tokens',
        'status-lists',
        'token-issuer',
        'tokens.module',
      ].map((name) => `tokens/${name}.ts`),
    );
    expect(linesWith(/\bopaque\s*\.seal\(/)).toEqual(['tokens/token-issuer.ts: opaque.seal(']);
    expect(linesWith(/'access token'/)).toEqual(["tokens/opaque-tokens.ts: 'access token'"]);
    expect(linesWith(/\bnew\s+(?:CompactSign|SignJWT|FlattenedSign|GeneralSign)\b/)).toEqual([
      'tokens/own-tokens.ts: new CompactSign',
    ]);
  });

  it('both that take a decision ask first whether it is one', () => {
    expect(
      linesWith(/\(decision: Decision[^)]*\)[^{]*\{\s*Decision\.require\(decision\);/),
    ).toEqual([
      expect.stringContaining('tokens/id-token-issuer.ts'),
      expect.stringContaining('tokens/token-issuer.ts'),
    ]);
  });
});
