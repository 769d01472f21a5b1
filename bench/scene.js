// What every contender is asked: the same client presents tokens of the same users, signed with the
// same key, for the same target. Whoever signs them here stands for the sign-in of those users.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  randomUUID,
  sign,
} from 'node:crypto';

export const ISSUER = 'https://idp.example';
export const APPLICATION = 'web_app';
export const REQUESTER = 'my_gateway';
export const TARGET = 'address_service';
export const SCOPE = 'address:read address:write';
export const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
/** Who acts, as an issued token tells it. */
export const ACT = { iss: ISSUER, sub: REQUESTER, client_id: REQUESTER };
/** Seconds that an issued token lives. */
export const LIFETIME = 600;

/** Seconds: longer than any run. */
const SIGNED_IN_FOR = 6 * 3600;

/**
 * What the contenders and the load have in common; plain, so that it can be sent to a process.
 * @typedef {object} Scene
 * @property {import('node:crypto').JsonWebKey} privateJwk the ES256 key that signs every token
 * @property {string} kid
 * @property {string} secret the requester's secret
 */

/** @returns {Scene} */
export function makeScene() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const privateJwk = privateKey.export({ format: 'jwk' });
  const { crv, kty, x, y } = privateJwk;
  return {
    privateJwk,
    // RFC 7638, as the service names a key that it is given.
    kid: sha256(JSON.stringify({ crv, kty, x, y })),
    secret: randomBytes(32).toString('base64url'),
  };
}

/** @param {Scene} scene */
export function keysOf({ privateJwk }) {
  const privateKey = createPrivateKey({ key: privateJwk, format: 'jwk' });
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

/** SHA-256, base64url. @param {string} text */
export function sha256(text) {
  return createHash('sha256').update(text).digest('base64url');
}

/** UUIDv7 (RFC 9562): the time in front of the random part, which Node.js keeps a store of. */
export function uuidv7() {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

/**
 * A compact JWS without any library.
 * @param {string} header the encoded header
 * @param {object} claims
 * @param {import('node:crypto').KeyObject} key
 */
export function signToken(header, claims, key) {
  const signed = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

/** The encoded header of an access token (RFC 9068). @param {string} kid */
export function tokenHeader(kid) {
  return Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid })).toString('base64url');
}

/**
 * Access tokens of users who signed in to the application, all different.
 * @param {Scene} scene
 * @param {number} count
 * @param {number} people whose tokens they are, in turn
 */
export function makeSubjectTokens(scene, count, people) {
  const { privateKey } = keysOf(scene);
  const header = tokenHeader(scene.kid);
  const now = Math.floor(Date.now() / 1000);
  return Array.from({ length: count }, (_, index) =>
    signToken(
      header,
      {
        iss: ISSUER,
        sub: `user-${String(index % people).padStart(5, '0')}`,
        aud: REQUESTER,
        exp: now + SIGNED_IN_FOR,
        iat: now,
        jti: uuidv7(),
        client_id: APPLICATION,
        scope: SCOPE,
        auth_time: now,
        acr: 'urn:example:password',
        sid: randomBytes(12).toString('base64url'),
      },
      privateKey,
    ),
  );
}

/** The request that exchanges a token, byte for byte. @param {Scene} scene @param {string} token */
export function requestOf({ secret }, token) {
  const body = new URLSearchParams({
    grant_type: EXCHANGE,
    subject_token: token,
    subject_token_type: ACCESS_TOKEN,
    audience: TARGET,
    scope: SCOPE,
  }).toString();
  const credentials = Buffer.from(`${REQUESTER}:${secret}`).toString('base64');
  return Buffer.from(
    [
      'POST /connect/token HTTP/1.1',
      `Host: ${new URL(ISSUER).host}`,
      'Accept: application/json',
      `Authorization: Basic ${credentials}`,
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${body.length}`,
      '',
      body,
    ].join('\r\n'),
    'latin1',
  );
}
