import { createHash, hash } from 'node:crypto';

/** Bytes of a hash of the log, which is SHA-256. */
export const HASH_LENGTH = 32;

const MARK = Buffer.of(1);
/** What is hashed for a node, to be filled and hashed at once. */
const NODE = Buffer.concat([MARK], 1 + 2 * HASH_LENGTH);

/** The root of a log without leaves (RFC 6962 section 2.1). */
export const EMPTY_ROOT = createHash('sha256').digest();

/**
 * The hash of a leaf, whose bytes are those of the text in UTF-8: a first byte of zero keeps it from
 * passing for a node (RFC 6962 section 2.1).
 */
export function hashLeaf(leaf: string | Uint8Array): Buffer {
  const bytes = typeof leaf === 'string' ? `\0${leaf}` : Buffer.concat([Buffer.of(0), leaf]);
  return sha256(bytes);
}

/** The hash of the node above two others (RFC 6962 section 2.1). */
export function hashNode(left: Uint8Array, right: Uint8Array): Buffer {
  if (left.length + right.length !== 2 * HASH_LENGTH)
    return sha256(Buffer.concat([MARK, left, right]));
  NODE.set(left, 1);
  NODE.set(right, 1 + left.length);
  return sha256(NODE);
}

/** As text it comes in half the time: a buffer of its own memory is dear. */
function sha256(bytes: string | Uint8Array): Buffer {
  return Buffer.from(hash('sha256', bytes, 'binary'), 'binary');
}
