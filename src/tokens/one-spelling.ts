import { isJsonObject } from '../oauth/claims.js';

/** The orders of the curves, by the algorithms of JWS (RFC 7518 section 3.4). */
const ORDERS: ReadonlyMap<unknown, bigint> = new Map([
  ['ES256', 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n],
  [
    'ES384',
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ],
  [
    'ES512',
    0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  ],
]);

/** The first byte of half an order, by the number of its bytes. */
const FIRST_OF_HALF: ReadonlyMap<number, number> = new Map([
  [32, 0x7f],
  [48, 0x7f],
  [66, 0x00],
]);

/**
 * One of the spellings of a token: an ECDSA signature (r, s) is as good as (r, n - s), which anybody can
 * make of it, so that who is revoked by one spelling would live on by the other. The smaller s is taken;
 * every other text is left as it is.
 */
export function oneSpelling(token: string): string {
  const end = token.lastIndexOf('.') + 1;
  if (end === 0) return token;
  const signature = Buffer.from(token.slice(end), 'base64url');
  const half = signature.length / 2;
  // No order is as long as another, and none begins with a byte below: most tokens need no closer look.
  const first = FIRST_OF_HALF.get(half);
  if (first === undefined || (signature[half] ?? 0) < first) return token;
  const order = orderOf(token);
  if (order === undefined || half !== Math.ceil(order.toString(16).length / 2)) return token;
  const s = BigInt(`0x${signature.toString('hex', half)}`);
  if (s >= order || s * 2n < order) return token;
  signature.write((order - s).toString(16).padStart(half * 2, '0'), half, 'hex');
  return token.slice(0, end) + signature.toString('base64url');
}

function orderOf(token: string): bigint | undefined {
  try {
    const text = Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString('utf8');
    const header: unknown = JSON.parse(text);
    return isJsonObject(header) ? ORDERS.get(header['alg']) : undefined;
  } catch {
    return undefined;
  }
}
