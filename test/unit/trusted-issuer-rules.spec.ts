import { describe, expect, it } from '@jest/globals';

import { TokenType } from '../../src/oauth/token-type.js';
import { trustedIssuerProblems } from '../../src/tokens/trusted-issuer-rules.js';
import {
  newTrustedIssuer,
  type AcceptedToken,
  type TrustedIssuer,
} from '../../src/tokens/trusted-issuer.js';

const OWN = 'https://idp.example';
const JWT: AcceptedToken = {
  tokenType: TokenType.Jwt,
  types: ['at+jwt', 'none'],
  audiences: ['https://api.example/gateway', 'my_gateway'],
};
const ID_TOKEN: AcceptedToken = {
  tokenType: TokenType.IdToken,
  types: ['jwt'],
  audiences: ['web_app'],
};
const GOOD: TrustedIssuer = newTrustedIssuer({
  issuer: 'https://login.example/tenant/',
  jwksUri: 'https://keys.example/jwks?tenant=1',
  accepts: [JWT, ID_TOKEN],
  subjectClaim: 'https://claims.example/uid',
  scopes: ['address:read'],
  impliedScopes: ['address:read'],
});

function fieldsOf(changes: object, allowLoopbackHttp = false): readonly string[] {
  const issuer = { ...GOOD, ...changes } as TrustedIssuer;
  return trustedIssuerProblems(issuer, OWN, allowLoopbackHttp).map(({ field }) => field);
}

const withJwt = (changes: object): object => ({ accepts: [{ ...JWT, ...changes }] });
const many = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `v${index}`);

describe('A trusted issuer is refused', () => {
  it.each<[string, object]>([
    ['issuer', { issuer: '' }],
    ['issuer', { issuer: 'login.example' }],
    ['issuer', { issuer: 'http://login.example' }],
    ['issuer', { issuer: 'http://localhost:1' }],
    ['issuer', { issuer: 'https://user@login.example' }],
    ['issuer', { issuer: 'https://login.example?x' }],
    ['issuer', { issuer: 'https://login.example#x' }],
    ['issuer', { issuer: 'https://login.example/ x' }],
    ['issuer', { issuer: OWN }],
    ['issuer', { issuer: `${OWN}/` }],
    ['name', { name: '' }],
    ['name', { name: 'x'.repeat(201) }],
    ['name', { name: 'a\nb' }],
    ['jwksUri', { jwksUri: 'http://keys.example' }],
    ['jwksUri', { jwksUri: 'https://user:word@keys.example' }],
    ['jwksUri', { jwksUri: 'file:///etc/passwd' }],
    ['jwksUri', { jwksUri: '' }],
    ['algorithms', { algorithms: [] }],
    ['algorithms', { algorithms: ['ES256', 'HS256'] }],
    ['algorithms', { algorithms: ['none'] }],
    ['accepts', { accepts: [JWT, JWT] }],
    ['accepts', { accepts: [JWT, { ...ID_TOKEN, types: ['none'], audiences: ['my_gateway'] }] }],
    ['accepts.0.tokenType', withJwt({ tokenType: TokenType.AccessToken })],
    ['accepts.0.tokenType', withJwt({ tokenType: TokenType.RefreshToken })],
    ['accepts.0.types', withJwt({ types: [] })],
    ['accepts.0.types', withJwt({ types: ['JWT'] })],
    ['accepts.0.types', withJwt({ types: ['application/jwt'] })],
    ['accepts.0.types', withJwt({ types: ['jwt', 'logout+jwt'] })],
    ['accepts.0.types', withJwt({ types: ['dpop+jwt'] })],
    ['accepts.0.audiences', withJwt({ audiences: [] })],
    ['accepts.0.audiences', withJwt({ audiences: many(101) })],
    ['accepts.0.audiences', withJwt({ audiences: ['a b'] })],
    ['accepts.0.audiences', withJwt({ audiences: ['https://api.example/#x'] })],
    ['subjectClaim', { subjectClaim: '' }],
    ['subjectClaim', { subjectClaim: 'a b' }],
    ['clientIdClaims', { clientIdClaims: many(11) }],
    ['clientIdClaims', { clientIdClaims: [''] }],
    ['scopeClaim', { scopeClaim: '' }],
    ['scopes', { scopes: ['a b'] }],
    ['scopes', { scopes: many(101) }],
    ['impliedScopes', { impliedScopes: [''] }],
    ['impliedScopes', { impliedScopes: many(101) }],
    ['clockSkew', { clockSkew: -1 }],
    ['clockSkew', { clockSkew: 61 }],
    ['clockSkew', { clockSkew: 1.5 }],
    ['clockSkew', { clockSkew: Number.NaN }],
  ])('for its %s (%#)', (field, changes) => {
    expect(new Set(fieldsOf(changes))).toEqual(new Set([field]));
  });

  it('for everything that is wrong with it at once', () => {
    expect(fieldsOf({ issuer: OWN, name: '', algorithms: [], clockSkew: 61 })).toEqual([
      'issuer',
      'name',
      'algorithms',
      'clockSkew',
    ]);
  });
});

describe('A trusted issuer is fine', () => {
  it.each<[string, object, boolean]>([
    ['with all that is sensible', {}, false],
    ['without a key set address', { jwksUri: null }, false],
    ['that accepts nothing yet', { accepts: [] }, false],
    ['on loopback in development', { issuer: 'http://127.0.0.1:1', jwksUri: null }, true],
    ['with its keys on loopback in development', { jwksUri: 'http://[::1]:1/jwks' }, true],
  ])('%s', (_how, changes, allowLoopbackHttp) => {
    expect(fieldsOf(changes, allowLoopbackHttp)).toEqual([]);
  });

  it('but not on any other address without https, even in development', () => {
    expect(fieldsOf({ issuer: 'http://10.0.0.1' }, true)).toEqual(['issuer']);
    expect(fieldsOf({ issuer: 'http://localhost.example' }, true)).toEqual(['issuer']);
  });
});
