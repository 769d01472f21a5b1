import { createHash, hash } from 'node:crypto';

/** Bytes of a hash of the log, which is SHA-256. */
export const HASH_LENGTH = 32;

const NODE = Buffer.of(1);

/** The root of a log without leaves (RFC 6962 section 2.1). */
export const EMPTY_ROOT = createHash('sha256').digest();

/**
 * The hash of a leaf, whose bytes are those of the text in UTF-8: a first byte of zero keeps it from
 * passing for a node (RFC 6962 section 2.1).
 */
export function hashLeaf(leaf: string | Uint8Array): Buffer {
  const bytes = typeof leaf === 'string' ? `\0${leaf}` : Buffer.concat([Buffer.of(0), leaf]);
  return hash('sha256', bytes, 'buffer');
}

/** The hash of the node above two others (RFC 6962 section 2.1). */
export function hashNode(left: Uint8Array, right: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([NODE, left, right]), 'buffer');
}
