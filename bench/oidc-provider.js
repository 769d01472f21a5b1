// npm `oidc-provider` with a token exchange grant, as its documentation shows how to add one: it
// verifies the subject token, adds `act` and signs. Its own state is in memory; it writes nothing, or
// a row for each exchange, each with a statement and a commit of its own.
import { createServer } from 'node:http';

import { jwtVerify } from 'jose';
import { errors, Provider } from 'oidc-provider';

import { rowOf, writerOf } from './record.js';
import {
  ACCESS_TOKEN,
  ACT,
  EXCHANGE,
  ISSUER,
  keysOf,
  LIFETIME,
  REQUESTER,
  SCOPE,
  TARGET,
  uuidv7,
} from './scene.js';

const PARAMETERS = ['subject_token', 'subject_token_type', 'audience', 'scope'];

process.once('message', (/** @type {any} */ { start }) => void serve(start));
process.on('disconnect', () => process.exit(0));

/** @param {{ scene: import('./scene.js').Scene, databaseUrl: string, table: string | undefined }} settings */
async function serve({ scene, databaseUrl, table }) {
  const write = table === undefined ? undefined : await writerOf('single', databaseUrl, table);
  const { publicKey } = keysOf(scene);
  const provider = new Provider(ISSUER, {
    clients: [
      {
        client_id: REQUESTER,
        client_secret: scene.secret,
        grant_types: [EXCHANGE],
        redirect_uris: [],
        response_types: [],
      },
    ],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    jwks: { keys: [{ ...scene.privateJwk, kid: scene.kid, alg: 'ES256', use: 'sig' }] },
    scopes: SCOPE.split(' '),
    extraTokenClaims: (/** @type {any} */ ctx) => ctx.state.extra,
    features: { devInteractions: { enabled: false } },
    routes: { token: '/connect/token' },
    ttl: { AccessToken: LIFETIME },
  });
  const target = new provider.ResourceServer(TARGET, {
    scope: SCOPE,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'ES256' } },
  });

  /** @param {any} ctx */
  const exchange = async (ctx) => {
    const { client, params } = ctx.oidc;
    if (params.subject_token_type !== ACCESS_TOKEN || params.audience !== TARGET)
      throw new errors.InvalidRequest();
    const { payload } = await jwtVerify(params.subject_token, publicKey, {
      algorithms: ['ES256'],
      typ: 'at+jwt',
      issuer: ISSUER,
      audience: REQUESTER,
    });
    const allowed = new Set(String(payload['scope']).split(' '));
    const scope = String(params.scope)
      .split(' ')
      .filter((value) => allowed.has(value) && target.scopes.has(value))
      .join(' ');
    const token = new provider.AccessToken({
      client,
      accountId: payload.sub,
      scope,
      gty: 'token_exchange',
    });
    ctx.state.extra = {
      auth_time: payload['auth_time'],
      acr: payload['acr'],
      sid: payload['sid'],
      act: ACT,
    };
    token.resourceServer = target;
    ctx.oidc.entity('AccessToken', token);
    const issued = await token.save();
    await write?.(
      rowOf({
        id: uuidv7(),
        chainId: uuidv7(),
        token: params.subject_token,
        subject: payload,
        issued,
        jti: token.jti,
        expiresAt: Math.floor(Date.now() / 1000) + token.expiration,
        address: ctx.ip,
      }),
    );
    ctx.body = {
      access_token: issued,
      issued_token_type: ACCESS_TOKEN,
      token_type: token.tokenType,
      expires_in: token.expiration,
      scope,
    };
  };
  provider.registerGrantType(EXCHANGE, exchange, PARAMETERS);

  const server = createServer(provider.callback());
  server.listen(0, '127.0.0.1', () => {
    process.send?.({ port: /** @type {import('node:net').AddressInfo} */ (server.address()).port });
  });
}
