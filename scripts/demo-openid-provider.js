import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

import * as openid from 'openid-client';

const HOST = '127.0.0.1';
/** Nobody listens there: the sign-in ends with the redirect, whose query holds the code. */
const REDIRECT_URI = `http://${HOST}/signed-in`;
/** How the application names the resource at the provider; tokens for it carry its audience. */
const RESOURCE = 'https://gateway.example';

/**
 * Starts npm `oidc-provider` on loopback with fresh keys, one application and one account.
 *
 * @param {import('./demo-openid-provider.d.ts').DemoOpenidProviderOptions} [options]
 * @returns {Promise<import('./demo-openid-provider.d.ts').DemoOpenidProvider>} rejects when the port is taken
 */
export async function startDemoOpenidProvider({
  port = 0,
  audience = 'my_gateway',
  clientId = 'web_app',
  account = 'alice',
  subject = '12345',
  scopes = ['address:read', 'address:write'],
} = {}) {
  const server = createServer();
  server.listen(port, HOST);
  await once(server, 'listening');
  const address = server.address();
  const issuer = `http://${HOST}:${typeof address === 'object' ? address?.port : port}`;
  const settings = { issuer, audience, clientId, account, subject, scope: scopes.join(' ') };
  const provider = await quietly(() => createProvider(settings));
  const answer = provider.callback();
  server.on('request', (request, response) => {
    // Nobody keeps a connection to a provider that is stopped and started again on its port.
    response.shouldKeepAlive = false;
    if (!request.url?.startsWith('/interaction/')) return answer(request, response);
    return signInWithoutPage(provider, subject, request, response).catch((error) => {
      response.writeHead(500).end(String(error));
    });
  });
  return {
    issuer,
    signIn: () => signIn(settings),
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function createProvider({ issuer, audience, clientId, account, subject, scope }) {
  const { Provider } = await import('oidc-provider');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return new Provider(issuer, {
    jwks: { keys: [privateKey.export({ format: 'jwk' })] },
    cookies: { keys: [crypto.randomUUID()] },
    clients: [
      {
        client_id: clientId,
        redirect_uris: [REDIRECT_URI],
        // A native application may redirect to plain HTTP on loopback.
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        id_token_signed_response_alg: 'ES256',
      },
    ],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    responseTypes: ['code'],
    scopes: ['openid'],
    claims: { openid: ['sub', 'preferred_username'] },
    conformIdTokenClaims: false,
    findAccount: (_context, sub) => ({
      accountId: sub,
      claims: () => ({ sub: subject, preferred_username: account }),
    }),
    extraTokenClaims: ({ oidc }) => {
      const { authTime, acr, amr } = oidc.entities.AuthorizationCode ?? {};
      return { auth_time: authTime, acr, amr };
    },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          audience,
          scope,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
        useGrantedResource: () => true,
      },
    },
    ttl: {
      AccessToken: 3600,
      AuthorizationCode: 60,
      Grant: 3600,
      IdToken: 3600,
      Interaction: 600,
      Session: 3600,
    },
  });
}

/** Answers each of the provider's prompts as a person would who has nothing to object. */
async function signInWithoutPage(provider, subject, request, response) {
  const details = await provider.interactionDetails(request, response);
  const finish = (result) => provider.interactionFinished(request, response, result);
  if (details.prompt.name === 'login') {
    return finish({ login: { accountId: subject, acr: 'urn:demo:password', amr: ['pwd'] } });
  }
  const { accountId } = details.session;
  const grant = new provider.Grant({ accountId, clientId: details.params.client_id });
  grant.addOIDCScope(details.params.scope);
  grant.addResourceScope(RESOURCE, details.params.scope);
  return finish({ consent: { grantId: await grant.save() } });
}

/** The application's side: npm `openid-client`, and the browser's: redirects and cookies. */
async function signIn({ issuer, clientId, scope }) {
  const config = await openid.discovery(new URL(issuer), clientId, undefined, openid.None(), {
    execute: [openid.allowInsecureRequests],
  });
  const pkceCodeVerifier = openid.randomPKCECodeVerifier();
  const expectedState = openid.randomState();
  const url = openid.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: `openid ${scope}`,
    resource: RESOURCE,
    state: expectedState,
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  });
  const callback = await followRedirects(url);
  const tokens = await openid.authorizationCodeGrant(
    config,
    callback,
    { pkceCodeVerifier, expectedState, idTokenExpected: true },
    { resource: RESOURCE },
  );
  return { accessToken: tokens.access_token, idToken: String(tokens.id_token) };
}

async function followRedirects(start) {
  const cookies = new Map();
  let url = start;
  for (let step = 0; step < 12; step += 1) {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value) cookies.set(name, value);
      else cookies.delete(name);
    }
    const location = response.headers.get('location');
    if (!location) throw new Error(`The sign-in stopped: ${await response.text()}`);
    url = new URL(location, url);
    if (url.href.startsWith(REDIRECT_URI)) return url;
  }
  throw new Error('The sign-in was redirected too often.');
}

/**
 * Runs the work without the provider's notices that it is set up for a demonstration; whatever else
 * is written to the console still appears.
 */
async function quietly(work) {
  const { info, warn } = console;
  console.info = withoutNotices(info);
  console.warn = withoutNotices(warn);
  try {
    return await work();
  } finally {
    Object.assign(console, { info, warn });
  }
}

function withoutNotices(write) {
  return (...line) => {
    if (!/oidc-provider (?:NOTICE|WARNING):/.test(String(line[0]))) write.apply(console, line);
  };
}
