import { createHash } from 'node:crypto';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { StsCredentials } from 'google-auth-library/build/src/auth/stscredentials.js';
import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';

import {
  startDemoOpenidProvider,
  type DemoOpenidProvider,
} from '../../scripts/demo-openid-provider.js';
import type { AuditRecord } from '../../src/audit/audit-record.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { LiveService, SECRETS, type Caller } from '../support/live-service.js';

interface TokenAnswer {
  readonly access_token: string;
  readonly token_type: string;
  readonly issued_token_type?: unknown;
  readonly expires_in?: number | undefined;
  readonly scope?: string | undefined;
}

/** What my_gateway asks for in its own name. */
const OWN_TOKEN = { grant_type: GrantType.ClientCredentials, audience: 'address_service' };

let service: LiveService;

beforeAll(async () => {
  service = await LiveService.start();
});

afterAll(async () => {
  await service.app.close();
});

/** The claims and the record that address_service's exchange of my_gateway's own token must leave. */
function expectExchanged(answer: TokenAnswer, record: AuditRecord, method: string): void {
  const claims = decodeJwt(answer.access_token);
  expect(answer).toMatchObject({
    issued_token_type: TokenType.AccessToken,
    expires_in: expect.any(Number),
    scope: 'address:read',
  });
  expect(answer.token_type.toLowerCase()).toBe('bearer');
  expect(claims).toMatchObject({
    iss: service.issuer,
    sub: 'my_gateway',
    client_id: 'my_gateway',
    aud: 'postal_service',
    scope: 'address:read',
    act: { iss: service.issuer, sub: 'address_service', client_id: 'address_service' },
  });
  expect(record).toMatchObject({
    outcome: 'granted',
    grantType: GrantType.TokenExchange,
    client: { clientId: 'address_service', method },
    subject: { iss: service.issuer, sub: 'my_gateway' },
    actor: { sub: 'address_service' },
    issuedToken: {
      jti: claims.jti,
      hash: createHash('sha256').update(answer.access_token).digest('base64url'),
    },
  });
}

function expectOwnToken(answer: TokenAnswer, record: AuditRecord, method: string): void {
  const claims = decodeJwt(answer.access_token);
  expect(claims).toMatchObject({ sub: 'my_gateway', aud: 'address_service' });
  expect(claims).not.toHaveProperty('act');
  expect(record).toMatchObject({
    outcome: 'granted',
    mode: 'own',
    client: { clientId: 'my_gateway', method },
    issuedToken: { jti: claims.jti },
  });
}

/** The claims of a token but one. */
function decodedWithout(token: string, name: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(decodeJwt(token)).filter(([each]) => each !== name));
}

/** What address_service asks for with a token that it was sent. */
function forPostalService(subjectToken: string): Record<string, string> {
  return {
    subject_token: subjectToken,
    subject_token_type: TokenType.AccessToken,
    audience: 'postal_service',
    scope: 'address:read',
  };
}

describe.each([
  ['client_secret_basic', openid.ClientSecretBasic],
  ['client_secret_post', openid.ClientSecretPost],
] as const)('openid-client with %s', (method, authenticate) => {
  const configure = (caller: Caller, algorithm: 'oidc' | 'oauth2') =>
    openid.discovery(
      new URL(service.issuer),
      caller,
      undefined,
      authenticate(SECRETS[caller]),
      // Their marking for "not in production": plain HTTP on loopback is what is tested here.
      { algorithm, execute: [openid.allowInsecureRequests] },
    );

  it('learns why it is refused, and the attempt is recorded', async () => {
    const config = await configure('my_gateway', 'oidc');
    const { result, record } = await service.recorded(() =>
      openid.clientCredentialsGrant(config, { audience: 'postal_service' }).catch((error) => error),
    );
    expect(result).toBeInstanceOf(openid.ResponseBodyError);
    expect(result).toMatchObject({ status: 400, error: 'invalid_target' });
    expect(record).toMatchObject({ outcome: 'refused', reason: 'target_not_allowed' });
  });

  it.each(['oidc', 'oauth2'] as const)(
    'finds everything through the %s document and exchanges',
    async (algorithm) => {
      const gateway = await configure('my_gateway', algorithm);
      const own = await service.recorded(() =>
        openid.clientCredentialsGrant(gateway, { audience: 'address_service' }),
      );
      expectOwnToken(own.result, own.record, method);

      const address = await configure('address_service', algorithm);
      const { result, record } = await service.recorded(() =>
        openid.genericGrantRequest(
          address,
          GrantType.TokenExchange,
          forPostalService(own.result.access_token),
        ),
      );
      expectExchanged(result, record, method);
      expect(result.expiresIn()).toBeGreaterThan(300);
    },
  );
});

describe.each([
  ['client_secret_basic', openid.ClientSecretBasic],
  ['client_secret_post', openid.ClientSecretPost],
] as const)('openid-client with %s asks about tokens and takes them back', (_, authenticate) => {
  const configure = (caller: Caller) =>
    openid.discovery(new URL(service.issuer), caller, undefined, authenticate(SECRETS[caller]), {
      algorithm: 'oauth2',
      execute: [openid.allowInsecureRequests],
    });

  it('unchanged', async () => {
    const [gateway, address] = [await configure('my_gateway'), await configure('address_service')];
    const { access_token: own } = await openid.clientCredentialsGrant(gateway, {
      audience: 'address_service',
    });
    const form = forPostalService(own);
    const { access_token: exchanged } = await openid.genericGrantRequest(
      address,
      GrantType.TokenExchange,
      form,
    );
    const told = await openid.tokenIntrospection(address, exchanged);
    expect(told).toMatchObject({ active: true, ...decodedWithout(exchanged, 'lineage') });
    expect(told).not.toHaveProperty('lineage');

    // Another client's token, and then its own, with what came of it.
    const refused = await service.recorded(() =>
      openid.tokenRevocation(address, own).catch((error) => error),
    );
    expect(refused.result).toMatchObject({ status: 400, error: 'unauthorized_client' });
    expect(refused.record).toMatchObject({ event: 'revocation', reason: 'token_not_of_client' });
    const { record } = await service.recorded(() => openid.tokenRevocation(gateway, own));
    expect(record).toMatchObject({ event: 'revocation', outcome: 'granted' });
    for (const token of [own, exchanged])
      expect(await openid.tokenIntrospection(address, token)).toEqual({ active: false });
  });
});

describe.each([
  ['client_secret_basic', oauth.ClientSecretBasic],
  ['client_secret_post', oauth.ClientSecretPost],
] as const)('oauth4webapi with %s', (method, authenticate) => {
  const insecure = { [oauth.allowInsecureRequests]: true };

  const discover = async (algorithm: 'oidc' | 'oauth2') => {
    const issuer = new URL(service.issuer);
    const response = await oauth.discoveryRequest(issuer, { algorithm, ...insecure });
    return oauth.processDiscoveryResponse(issuer, response);
  };

  const gatewayToken = async (as: oauth.AuthorizationServer, form: Record<string, string>) => {
    const client = { client_id: 'my_gateway' };
    const credentials = authenticate(SECRETS.my_gateway);
    const response = await oauth.clientCredentialsGrantRequest(
      as,
      client,
      credentials,
      form,
      insecure,
    );
    return oauth.processClientCredentialsResponse(as, client, response);
  };

  it('asks about a token, signed and unsigned, and takes it back', async () => {
    const as = await discover('oauth2');
    const { access_token: token } = await gatewayToken(as, { audience: 'address_service' });
    const ask = async (caller: Caller, requestJwtResponse: boolean) => {
      const client = { client_id: caller };
      const response = await oauth.introspectionRequest(
        as,
        client,
        authenticate(SECRETS[caller]),
        token,
        { ...insecure, requestJwtResponse },
      );
      const answer = await oauth.processIntrospectionResponse(as, client, response);
      if (requestJwtResponse) await oauth.validateApplicationLevelSignature(as, response, insecure);
      return answer;
    };
    const plain = await ask('address_service', false);
    expect(plain).toMatchObject({ active: true, ...decodedWithout(token, 'lineage') });
    expect(await ask('address_service', true)).toEqual(plain);

    const client = { client_id: 'my_gateway' };
    const { record } = await service.recorded(async () => {
      const credentials = authenticate(SECRETS.my_gateway);
      const response = await oauth.revocationRequest(as, client, credentials, token, insecure);
      return oauth.processRevocationResponse(response);
    });
    expect(record).toMatchObject({
      event: 'revocation',
      outcome: 'granted',
      client: { clientId: 'my_gateway', method },
    });
    expect(await ask('address_service', false)).toEqual({ active: false });
    expect(await ask('address_service', true)).toEqual({ active: false });
  });

  it('learns why it is refused, and the attempt is recorded', async () => {
    const as = await discover('oauth2');
    const form = { audience: 'address_service', scope: 'address:delete' };
    const { result, record } = await service.recorded(() =>
      gatewayToken(as, form).catch((error: unknown) => error),
    );
    expect(result).toBeInstanceOf(oauth.ResponseBodyError);
    expect(result).toMatchObject({ status: 400, error: 'invalid_scope' });
    expect(record).toMatchObject({ outcome: 'refused', reason: 'scope_not_allowed' });
  });

  it.each(['oidc', 'oauth2'] as const)(
    'finds everything through the %s document and exchanges',
    async (algorithm) => {
      const as = await discover(algorithm);
      const own = await service.recorded(() => gatewayToken(as, { audience: 'address_service' }));
      expectOwnToken(own.result, own.record, method);

      const client = { client_id: 'address_service' };
      const { result, record } = await service.recorded(async () => {
        const response = await oauth.genericTokenEndpointRequest(
          as,
          client,
          authenticate(SECRETS.address_service),
          GrantType.TokenExchange,
          forPostalService(own.result.access_token),
          insecure,
        );
        return oauth.processGenericTokenEndpointResponse(as, client, response);
      });
      expectExchanged(result, record, method);
    },
  );
});

describe.each([
  ['client_secret_basic', 'basic'],
  ['client_secret_post', 'request-body'],
] as const)('google-auth-library with %s', (method, confidentialClientType) => {
  const credentials = () =>
    new StsCredentials({
      tokenExchangeEndpoint: service.tokenEndpoint,
      clientAuthentication: {
        confidentialClientType,
        clientId: 'address_service',
        clientSecret: SECRETS.address_service,
      },
    });

  const ask = (subjectToken: string, scope: string) =>
    credentials().exchangeToken({
      grantType: GrantType.TokenExchange,
      audience: 'postal_service',
      scope: [scope],
      requestedTokenType: TokenType.AccessToken,
      subjectToken,
      subjectTokenType: TokenType.AccessToken,
    });

  it('learns why it is refused, and the attempt is recorded', async () => {
    const token = await ownTokenOfGateway();
    const { result, record } = await service.recorded(() =>
      ask(token, 'address:write').catch((error: unknown) => error),
    );
    expect(String(result)).toContain('invalid_scope');
    expect(record).toMatchObject({ outcome: 'refused', reason: 'scope_not_allowed' });
  });

  it('exchanges', async () => {
    const token = await ownTokenOfGateway();
    const { result, record } = await service.recorded(() => ask(token, 'address:read'));
    expectExchanged(result, record, method);
  });
});

describe('Basic credentials', () => {
  it('are refused when the secret is wrong, whichever way they are written', async () => {
    for (const credentials of [
      basic('my_gateway', 'wrong-secret'),
      basic(encode('my_gateway'), encode('wrong-secret')),
    ]) {
      // eslint-disable-next-line no-await-in-loop -- one record at a time
      const { result, record } = await service.recorded(() => service.send(credentials, OWN_TOKEN));
      expect(result).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
      expect(record).toMatchObject({ outcome: 'refused', reason: 'client_secret_wrong' });
    }
  });

  it.each([
    ['raw', basic('my_gateway', SECRETS.my_gateway)],
    ['form-encoded', basic(encode('my_gateway'), encode(SECRETS.my_gateway))],
  ])('are accepted %s', async (_, credentials) => {
    const { result, record } = await service.recorded(() => service.send(credentials, OWN_TOKEN));
    expect(result.status).toBe(200);
    expect(record).toMatchObject({ outcome: 'granted', client: { clientId: 'my_gateway' } });
  });
});

describe('tokens of another OpenID provider', () => {
  let provider: DemoOpenidProvider;

  beforeEach(async () => {
    provider = await startDemoOpenidProvider();
  });

  afterEach(async () => {
    await provider.stop();
  });

  /** The claims and the record of an exchange for alice, who signed in at the provider. */
  const expectGranted = async (
    subjectToken: string,
    expected: { readonly clientId: string; readonly scope: string },
    tokenType: string = TokenType.Jwt,
  ): Promise<void> => {
    const { result, record } = await present(subjectToken, tokenType);
    const { exp, jti, ...claims } = decodeJwt((result as TokenAnswer).access_token);
    const alice = { iss: provider.issuer, sub: '12345' };
    expect(claims).toMatchObject({
      iss: service.issuer,
      sub: '12345',
      sub_id: { format: 'iss_sub', ...alice },
      aud: 'address_service',
      client_id: expected.clientId,
      scope: expected.scope,
      act: { iss: service.issuer, sub: 'my_gateway', client_id: 'my_gateway' },
    });
    expect(exp).toBeLessThanOrEqual(Number(decodeJwt(subjectToken).exp));
    expect(record).toMatchObject({
      outcome: 'granted',
      mode: 'delegation',
      subject: alice,
      actor: { iss: service.issuer, sub: 'my_gateway' },
      subjectToken: { issuer: provider.issuer, type: tokenType },
      issuedToken: { jti },
    });
  };

  it('are refused when nobody trusts the provider', async () => {
    const { accessToken } = await provider.signIn();
    await expectRefused(accessToken, 'token_issuer_unknown');
  });

  it('are refused when the client may not present them', async () => {
    await service.trust({ issuer: provider.issuer }, { isPresentable: false });
    const { accessToken } = await provider.signIn();
    await expectRefused(accessToken, 'subject_issuer_not_allowed');
  });

  it('are refused when they are meant for somebody else', async () => {
    const other = await startDemoOpenidProvider({ audience: 'other_service' });
    try {
      await service.trust({ issuer: other.issuer });
      const { accessToken } = await other.signIn();
      await expectRefused(accessToken, 'token_audience_mismatch');
    } finally {
      await other.stop();
    }
  });

  it('are refused as what they are not', async () => {
    await service.trust({ issuer: provider.issuer });
    const { accessToken, idToken } = await provider.signIn();
    await expectRefused(idToken, 'token_kind_mismatch');
    await expectRefused(idToken, 'token_kind_mismatch', TokenType.IdToken);
    await expectRefused(accessToken, 'token_kind_mismatch', TokenType.IdToken);
  });

  it('are refused while the provider cannot be asked for its keys', async () => {
    await service.trust({ issuer: provider.issuer });
    const { accessToken } = await provider.signIn();
    await provider.stop();
    await expectRefused(accessToken, 'token_issuer_unreachable');
    provider = await startDemoOpenidProvider();
  });

  it('become tokens of ours that still tell who signed in where, and when', async () => {
    await service.trust({ issuer: provider.issuer });
    const { accessToken } = await provider.signIn();
    const expected = { clientId: 'web_app', scope: 'address:read address:write' };
    await expectGranted(accessToken, expected);
    const { auth_time: authTime, amr, acr } = decodeJwt(accessToken);
    const { result } = await present(accessToken);
    const issued = decodeJwt((result as TokenAnswer).access_token);
    expect(issued).toMatchObject({ auth_time: authTime, amr, acr });
  });

  it('bring only the scope that the trust allows', async () => {
    await service.trust({ issuer: provider.issuer, scopes: ['address:read'] });
    const { accessToken } = await provider.signIn();
    await expectGranted(accessToken, { clientId: 'web_app', scope: 'address:read' });
  });

  it('may be ID tokens where that is configured', async () => {
    const gateway = await startDemoOpenidProvider({ clientId: 'my_gateway' });
    await provider.stop();
    provider = gateway;
    await service.trust({
      issuer: provider.issuer,
      accepts: [{ tokenType: TokenType.IdToken, types: ['none'], audiences: ['my_gateway'] }],
      impliedScopes: ['address:read'],
    });
    const { idToken } = await provider.signIn();
    const expected = { clientId: 'my_gateway', scope: 'address:read' };
    await expectGranted(idToken, expected, TokenType.IdToken);
  });

  it('are good with the new keys, and no longer with the old ones, after a rotation', async () => {
    await service.trust({ issuer: provider.issuer });
    const expected = { clientId: 'web_app', scope: 'address:read address:write' };
    const { accessToken: old } = await provider.signIn();
    await expectGranted(old, expected);
    await provider.stop();
    provider = await startDemoOpenidProvider({ port: Number(new URL(provider.issuer).port) });
    // Unknown keys make the service ask the provider again, but not more often than this.
    service.clock.offset += 30_000;
    const { accessToken } = await provider.signIn();
    await expectGranted(accessToken, expected);
    await expectRefused(old, 'token_key_unknown');
  });
});

/** my_gateway asks with a subject token for a token for address_service. */
async function present(
  subjectToken: string,
  subjectTokenType: string = TokenType.Jwt,
): Promise<{ result: unknown; record: AuditRecord }> {
  const config = await openid.discovery(
    new URL(service.issuer),
    'my_gateway',
    undefined,
    openid.ClientSecretBasic(SECRETS.my_gateway),
    { execute: [openid.allowInsecureRequests] },
  );
  const form = {
    subject_token: subjectToken,
    subject_token_type: subjectTokenType,
    audience: 'address_service',
  };
  return service.recorded(() =>
    openid.genericGrantRequest(config, GrantType.TokenExchange, form).catch((error) => error),
  );
}

async function expectRefused(
  subjectToken: string,
  reason: string,
  tokenType?: string,
): Promise<void> {
  const { result, record } = await present(subjectToken, tokenType);
  expect(result).toMatchObject({ status: 400, error: 'invalid_request' });
  expect(record).toMatchObject({ outcome: 'refused', reason, client: { clientId: 'my_gateway' } });
}

async function ownTokenOfGateway(): Promise<string> {
  return String((await service.request('my_gateway', OWN_TOKEN)).body.access_token);
}

function basic(id: string, secret: string): string {
  return Buffer.from(`${id}:${secret}`).toString('base64');
}

/** Every character that is not a letter or a digit is encoded, as RFC 6749 appendix B allows. */
function encode(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9]/g, (each) => `%${each.charCodeAt(0).toString(16)}`);
}
