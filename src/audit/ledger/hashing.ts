import { createHash, hash } from 'node:crypto';

/** Bytes of a hash of the log, which is SHA-256. */
export const HASH_LENGTH = 32;

const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);

/** The root of a log without leaves (RFC 6962 section 2.1). */
export const EMPTY_ROOT = createHash('sha256').digest();

/** The hash of a leaf: its first byte keeps a leaf from passing for a node (RFC 6962 section 2.1). */
export function hashLeaf(leaf: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([LEAF, leaf]), 'buffer');
}

/** The hash of the node above two others (RFC 6962 section 2.1). */
export function hashNode(left: Uint8Array, right: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([NODE, left, right]), 'buffer');
}
