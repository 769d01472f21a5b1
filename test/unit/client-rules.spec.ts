import { describe, expect, it, test } from '@jest/globals';

import { clientProblems } from '../../src/clients/client-rules.js';
import { newClient, type Client, type SignInSettings } from '../../src/clients/client.js';
import { GrantType } from '../../src/oauth/grant-type.js';

const CALLBACK = 'https://ok.example/callback';
const UUID = '0a4cbb39-5d5e-4c0f-9b7e-3c5b6a1d2e3f';

interface Changes extends Partial<Omit<Client, 'signIn' | 'exchange'>> {
  readonly signIn?: Partial<SignInSettings>;
}

/** A client at which people sign in. */
function relyingParty({ signIn, ...changes }: Changes = {}): Client {
  return newClient({
    clientId: 'web_app',
    grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
    scopes: ['openid', 'profile'],
    ...changes,
    signIn: { redirectUris: [CALLBACK], ...signIn },
  });
}

const fieldsOf = (changes: Changes): readonly string[] =>
  clientProblems(relyingParty(changes)).map(({ field }) => field);

const signInFieldsOf = (signIn: object): readonly string[] => fieldsOf({ signIn });

const many = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `https://ok.example/${index}`);

/** What nobody may register, whatever the kind of the client. */
const HOSTILE = [
  '',
  'ok.example',
  '/callback',
  '//ok.example/callback',
  'https:',
  'https://',
  'https:///callback',
  'https:ok.example/callback',
  'https://ok.example@evil.example',
  'https://ok.example@evil.example/callback',
  'https://ok.example:443@evil.example/callback',
  'https://user:secret@ok.example/callback',
  'https://@ok.example/callback',
  'https://ok.example\\@evil.example/callback',
  'https://ok.example\\callback',
  'https:\\\\ok.example\\callback',
  'https://ok.example/callback#',
  'https://ok.example/callback#fragment',
  'https://ok.example/call back',
  ' https://ok.example/callback',
  'https://ok.example/callback ',
  'https://ok.example/call\u0000back',
  'https://ok.example/call\nback',
  'https://ok.example/call\r\nSet-Cookie:x=1',
  'https://ok.example/call\tback',
  'https://ok.example/call\u0085back',
  'https://ok.example/call\u200bback',
  'https://ok.example/\u202egpj.callback',
  'https://ok.example/"><script>',
  'https://ok.example/{callback}',
  'https://*.example/callback',
  'https://*/callback',
  'https://ok.*.example/callback',
  'https://OK.example/callback',
  'HTTPS://ok.example/callback',
  'https://ok.example:443/callback',
  'https://ok.example:99999/callback',
  'https://ok.example:/callback',
  'https://ok%2Eexample/callback',
  'https://%6fk.example/callback',
  'https://ök.example/callback',
  'https://ok。example/callback',
  'https://оk.example/callback',
  'https://127.1/callback',
  'https://0x7f.0.0.1/callback',
  'https://ok.example?a=1',
  'https://ok.example/../callback',
  'https://ok.example/a/./callback',
  'https://ok.example/a/..',
  'https://ok.example/a/.',
  'https://ok.example/%2e%2e/callback',
  'https://ok.example/%2E./callback',
  'https://ok.example/a/.%2e?b=1',
  'http://ok.example/callback',
  'http://localhost.evil.example/callback',
  'http://127.0.0.1.evil.example/callback',
  'http://127.0.0.1@evil.example/callback',
  'http://127.0.0.1:80@evil.example/callback',
  'http://localhost:80:80/callback',
  'http://LOCALHOST/callback',
  'http://127.1/callback',
  'http://127.0.0.2/callback',
  'http://2130706433/callback',
  'http://0.0.0.0/callback',
  'http://[::ffff:127.0.0.1]/callback',
  'http://10.0.0.1/callback',
  'javascript:alert(1)',
  'JavaScript:alert(1)',
  'JAVASCRIPT:alert(1)',
  'javascript://ok.example/%0aalert(1)',
  'java\nscript:alert(1)',
  'data:text/html,x',
  'DATA:text/html;base64,eA==',
  'vbscript:msgbox',
  'file:///etc/passwd',
  'blob:https://ok.example/x',
  'about:blank',
  'ftp://ok.example/callback',
  'ws://ok.example/callback',
  'urn:ietf:wg:oauth:2.0:oob',
  'mailto:alice@ok.example',
  'myapp:/callback',
  'myapp://callback',
  'com.example.app://callback',
  'com.example.app:callback',
  'com.example.app:',
  'Com.Example.App:/callback',
  '.example.app:/callback',
  'com..example:/callback',
  'com.example.app:/../callback',
  `https://ok.example/${'a'.repeat(512)}`,
];

/** What may be registered, and stays as it is. */
const GOOD = [
  'https://ok.example',
  'https://ok.example/',
  'https://ok.example:8443/callback',
  'https://xn--k-fga.example/callback',
  'https://ok.example/a%2Fb%2f..%2Fc',
  'https://ok.example/a/..b/c...d/callback',
  "https://ok.example/~a;b=(c)!*'/callback?d=1&d=2&e=*",
  'https://ok.example//callback',
  'https://192.0.2.7/callback',
  'https://[2001:db8::1]/callback',
  'http://localhost/callback',
  'http://127.0.0.1:3000/callback',
  'http://[::1]:3000/callback',
];

describe.each(['redirectUris', 'postLogoutRedirectUris'] as const)('signIn.%s refuses', (name) => {
  const problemsOf = (uri: string, kind: 'confidential' | 'public'): readonly string[] =>
    fieldsOf({ kind, signIn: { [name]: [uri] } });

  test.each(HOSTILE)('%j', (uri) => {
    expect(problemsOf(uri, 'confidential')).toEqual([`signIn.${name}`]);
    expect(problemsOf(uri, 'public')).toEqual([`signIn.${name}`]);
  });

  test.each(['com.example.app:/callback', 'com.example.app:/callback?a=1', 'org.x-y.z1:/'])(
    'the private scheme of %s but for a public client',
    (uri) => {
      expect(problemsOf(uri, 'confidential')).toEqual([`signIn.${name}`]);
      expect(problemsOf(uri, 'public')).toEqual([]);
    },
  );

  test.each(GOOD)('not %s', (uri) => {
    expect(problemsOf(uri, 'confidential')).toEqual([]);
    expect(problemsOf(uri, 'public')).toEqual([]);
  });

  test('more than 50 and the same twice', () => {
    expect(signInFieldsOf({ [name]: many(50) })).toEqual([]);
    expect(signInFieldsOf({ [name]: many(51) })).toEqual([`signIn.${name}`]);
    expect(signInFieldsOf({ [name]: [CALLBACK, CALLBACK] })).toEqual([`signIn.${name}`]);
  });

  test('each thing once, in its own words', () => {
    const uris = ['http://a.example/', 'http://b.example/', 'https://*.example/'];
    const problems = clientProblems(relyingParty({ signIn: { [name]: uris } }));
    expect(problems).toEqual([
      { field: `signIn.${name}`, problem: 'must be https, or http on loopback' },
      { field: `signIn.${name}`, problem: 'must not hold a wildcard in the host' },
    ]);
  });
});

describe('A client at which people sign in is refused', () => {
  it('without a redirect URI for its codes', () => {
    expect(signInFieldsOf({ redirectUris: [] })).toEqual(['signIn.redirectUris']);
    expect(fieldsOf({ grantTypes: [], signIn: { redirectUris: [] } })).toEqual([]);
  });

  it('with refresh tokens alone', () => {
    expect(fieldsOf({ grantTypes: [GrantType.RefreshToken] })).toEqual(['grantTypes']);
  });

  it('without PKCE when it is public', () => {
    expect(signInFieldsOf({ pkceRequired: false })).toEqual([]);
    expect(fieldsOf({ kind: 'public', signIn: { pkceRequired: false } })).toEqual([
      'signIn.pkceRequired',
    ]);
  });

  it.each([[['email']], [['open id']], [['']], [['openid', 'openid']]])(
    'for the default scopes %j',
    (defaultScopes) => {
      expect(signInFieldsOf({ defaultScopes })).toEqual(['signIn.defaultScopes']);
    },
  );

  it('for an algorithm of ID tokens or a type of subject that is none of ours', () => {
    for (const idTokenAlgorithm of ['none', 'HS256', 'EdDSA', 'rs256', ''])
      expect(signInFieldsOf({ idTokenAlgorithm })).toEqual(['signIn.idTokenAlgorithm']);
    expect(signInFieldsOf({ subjectType: 'private' })).toEqual(['signIn.subjectType']);
  });

  it('with pairwise subjects of several hosts, until it names the sector', () => {
    const redirectUris = [CALLBACK, 'https://other.example/callback'];
    const pairwise = { subjectType: 'pairwise', redirectUris };
    expect(signInFieldsOf(pairwise)).toEqual(['signIn.sectorHost']);
    expect(signInFieldsOf({ ...pairwise, sectorHost: 'ok.example' })).toEqual([]);
    expect(signInFieldsOf({ ...pairwise, subjectType: 'public' })).toEqual([]);
    const ports = [CALLBACK, 'https://ok.example:8443/callback'];
    expect(signInFieldsOf({ ...pairwise, redirectUris: ports })).toEqual(['signIn.sectorHost']);
    const paths = [CALLBACK, 'https://ok.example/another'];
    expect(signInFieldsOf({ ...pairwise, redirectUris: paths })).toEqual([]);
  });

  it.each([
    '',
    'OK.example',
    'https://ok.example',
    'ok.example/',
    'ok.example:',
    'ok.example:x',
    'ok.example:123456',
    'a@ok.example',
    '*.example',
    'ok..example',
    '.example',
    '-ok.example',
    'ok-.example',
    'ök.example',
    'ok example',
    'ok.example\n',
    `${'a'.repeat(64)}.example`,
    'a.'.repeat(127) + 'toolong',
  ])('for the sector host %j', (sectorHost) => {
    expect(signInFieldsOf({ sectorHost })).toEqual(['signIn.sectorHost']);
  });

  it.each(['ok.example', 'localhost', 'ok.example:8443', 'xn--k-fga.example', '192.0.2.7'])(
    'not for the sector host %s',
    (sectorHost) => expect(signInFieldsOf({ sectorHost })).toEqual([]),
  );

  it.each(HOSTILE)('for the back-channel logout URI %j', (backchannelLogoutUri) => {
    expect(signInFieldsOf({ backchannelLogoutUri })).toEqual(['signIn.backchannelLogoutUri']);
    expect(fieldsOf({ kind: 'public', signIn: { backchannelLogoutUri } })).toHaveLength(1);
  });

  it('for a back-channel logout URI of a private scheme, which no server can call', () => {
    const signIn = { backchannelLogoutUri: 'com.example.app:/logout' };
    expect(fieldsOf({ kind: 'public', signIn })).toEqual(['signIn.backchannelLogoutUri']);
  });

  it.each(GOOD)('not for the back-channel logout URI %s', (backchannelLogoutUri) => {
    expect(signInFieldsOf({ backchannelLogoutUri })).toEqual([]);
  });
});

describe('A client is refused', () => {
  it.each(['', 'a b', 'a/b', 'a,b', 'Zürich', 'a\n', 'a\0', 'a'.repeat(101)])(
    'for the group %j',
    (group) => expect(fieldsOf({ groups: [group] })).toEqual(['groups']),
  );

  it('for more than 50 groups, and for one that repeats', () => {
    const groups = Array.from({ length: 51 }, (_, index) => `group-${index}`);
    expect(fieldsOf({ groups: groups.slice(1) })).toEqual([]);
    expect(fieldsOf({ groups })).toEqual(['groups']);
    expect(fieldsOf({ groups: ['a', 'b', 'a'] })).toEqual(['groups']);
  });

  it.each(['a', '0', 'A.b_c:d-E', '-', 'a'.repeat(100)])('not for the group %s', (group) =>
    expect(fieldsOf({ groups: [group, `${group}0`.slice(-99)] })).toEqual([]),
  );
});

describe('The id of a client', () => {
  it('is never one that an account could have', () => {
    expect(fieldsOf({ clientId: UUID })).toEqual(['clientId']);
  });

  it.each([UUID.toUpperCase(), UUID.replaceAll('-', ''), `${UUID}0`, UUID.replaceAll('-', '_')])(
    'may be %s',
    (clientId) => expect(fieldsOf({ clientId })).toEqual([]),
  );
});
