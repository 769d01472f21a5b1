import { timeOfUuidv7 } from '../oauth/uuid.js';

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const WHOLE_UUID = new RegExp(`^${UUID}$`);
const TOKEN_ID = new RegExp(`^(${UUID})(?:\\.(${UUID}))?$`);

/**
 * What the `jti` of a token of ours tells: the record that issued it, and the chain it belongs to
 * once it was exchanged. So the next exchange knows its parent without a look-up. To everybody
 * else a `jti` is an opaque string.
 */
export interface TokenId {
  /** The id of the record of its issuance: a UUIDv7. */
  readonly recordId: string;
  /** Given at the first exchange, then constant. */
  readonly chainId: string | undefined;
}

/** The wire form: `<record id>` or `<record id>.<chain id>`. */
export function formatTokenId({ recordId, chainId }: TokenId): string {
  return chainId === undefined ? recordId : `${recordId}.${chainId}`;
}

/** Reads a `jti`; undefined when it is none of ours. */
export function readTokenId(jti: string): TokenId | undefined {
  const match = TOKEN_ID.exec(jti);
  return match?.[1] === undefined ? undefined : { recordId: match[1], chainId: match[2] };
}

/** Whether this is a UUID as we write it: the id of a record or a chain. */
export function isUuid(text: string): boolean {
  return WHOLE_UUID.test(text);
}

/**
 * When a token of ours was issued, in milliseconds since the epoch: the id of its record tells it to the
 * millisecond.
 * @param iat its claim, in seconds
 */
export function issuedAtOf(tokenId: TokenId | undefined, iat: number): number {
  const recorded = tokenId === undefined ? undefined : timeOfUuidv7(tokenId.recordId);
  // Never later than the claim says: what is taken for older dies earlier.
  return Math.min(recorded ?? Infinity, iat * 1000 + 999);
}
