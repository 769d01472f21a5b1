// The baseline: what an exchange costs at the very least. One route on node:http, one client in
// memory, one key, no framework, no policy; but a real signature check, a real signature and the
// same durable row. `batched` shares a commit among the rows that gathered while the last one ran;
// `single` writes one statement for each exchange.
import { createHash, timingSafeEqual, verify } from 'node:crypto';
import { createServer } from 'node:http';

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
  signToken,
  TARGET,
  tokenHeader,
  uuidv7,
} from './scene.js';

process.once('message', (/** @type {any} */ { start }) => void serve(start));
process.on('disconnect', () => process.exit(0));

/** @param {{ scene: import('./scene.js').Scene, databaseUrl: string, table: string, writes: 'batched' | 'single' }} settings */
async function serve({ scene, databaseUrl, table, writes }) {
  const write = await writerOf(writes, databaseUrl, table);
  const { privateKey, publicKey } = keysOf(scene);
  const header = tokenHeader(scene.kid);
  const secretHash = createHash('sha256').update(scene.secret).digest();

  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      void exchange(request, body).then(
        (answer) => reply(response, 200, answer),
        (error) => reply(response, 400, { error: String(error) }),
      );
    });
  });

  /** @param {import('node:http').IncomingMessage} request @param {string} body */
  async function exchange(request, body) {
    if (!authenticated(request.headers.authorization ?? '')) throw new Error('invalid_client');
    const form = new URLSearchParams(body);
    const token = form.get('subject_token') ?? '';
    if (form.get('grant_type') !== EXCHANGE || form.get('audience') !== TARGET)
      throw new Error('invalid_request');
    const now = Math.floor(Date.now() / 1000);
    const subject = verified(token, now);
    const id = uuidv7();
    const chainId = uuidv7();
    const jti = `${id}.${chainId}`;
    const expiresAt = Math.min(now + LIFETIME, subject.exp);
    const issued = signToken(
      header,
      {
        iss: ISSUER,
        sub: subject.sub,
        aud: TARGET,
        exp: expiresAt,
        iat: now,
        jti,
        client_id: subject.client_id,
        scope: subject.scope,
        auth_time: subject.auth_time,
        acr: subject.acr,
        sid: subject.sid,
        act: ACT,
      },
      privateKey,
    );
    await write(
      rowOf({
        id,
        chainId,
        token,
        subject,
        issued,
        jti,
        expiresAt,
        address: request.socket.remoteAddress,
      }),
    );
    return {
      access_token: issued,
      issued_token_type: ACCESS_TOKEN,
      token_type: 'Bearer',
      expires_in: expiresAt - now,
      scope: SCOPE,
    };
  }

  /** @param {string} authorization */
  function authenticated(authorization) {
    const [scheme, credentials = ''] = authorization.split(' ');
    const pair = Buffer.from(credentials, 'base64').toString();
    const colon = pair.indexOf(':');
    const secret = createHash('sha256')
      .update(pair.slice(colon + 1))
      .digest();
    return (
      scheme === 'Basic' &&
      timingSafeEqual(secret, secretHash) &&
      pair.slice(0, colon) === REQUESTER
    );
  }

  /** @param {string} token @param {number} now */
  function verified(token, now) {
    const [head = '', payload = '', signature = ''] = token.split('.');
    const good = verify(
      'sha256',
      Buffer.from(`${head}.${payload}`),
      { key: publicKey, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    );
    const { alg, typ } = JSON.parse(Buffer.from(head, 'base64url').toString());
    if (!good || alg !== 'ES256' || typ !== 'at+jwt') throw new Error('invalid_request');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    if (claims.iss !== ISSUER || claims.aud !== REQUESTER || !(claims.exp > now))
      throw new Error('invalid_request');
    return claims;
  }

  server.listen(0, '127.0.0.1', () => {
    process.send?.({ port: /** @type {import('node:net').AddressInfo} */ (server.address()).port });
  });
}

/** @param {import('node:http').ServerResponse} response @param {number} status @param {object} body */
function reply(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  });
  response.end(text);
}
