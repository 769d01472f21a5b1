import { createCipheriv, createDecipheriv, hash, randomFillSync } from 'node:crypto';

const SALT_LENGTH = 32;
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/** What a commitment begins with, so that it can be mistaken for no other hash. */
const COMMITMENT = Buffer.from('nest-token-exchange commitment 1\n');

/** Random bytes that nobody was given yet: to fetch many at once is far cheaper than few at a time. */
const pool = Buffer.alloc(8_192);
let used = pool.length;

/** A part as it was before it was sealed. */
export interface OpenedPart {
  /** Without it nobody can try which fields a commitment is for. */
  readonly salt: Buffer;
  /** The JSON of the fields. */
  readonly text: string;
}

/** What binds the text and the salt to the leaf: SHA-256, base64url. */
export function commitmentOf({ salt, text }: OpenedPart): string {
  return hash('sha256', Buffer.concat([COMMITMENT, salt, Buffer.from(text)]), 'base64url');
}

/**
 * Seals a text with a new salt: AES-256-GCM, bound to its place. The salt lies inside, so that whoever
 * destroys the key destroys the salt.
 * @param key 32 bytes; null to leave the part open
 * @param place of the part, so that it cannot be moved to another
 */
export function sealPart(
  key: Buffer | null,
  place: string,
  text: string,
): { readonly commitment: string; readonly sealed: string } {
  const random = takeRandom(SALT_LENGTH + NONCE_LENGTH);
  const committed = Buffer.allocUnsafe(COMMITMENT.length + SALT_LENGTH + Buffer.byteLength(text));
  committed.set(COMMITMENT);
  committed.set(random.subarray(0, SALT_LENGTH), COMMITMENT.length);
  committed.write(text, COMMITMENT.length + SALT_LENGTH);
  const commitment = hash('sha256', committed, 'base64url');
  const opened = committed.subarray(COMMITMENT.length);
  if (key === null) return { commitment, sealed: opened.toString('base64url') };
  const sealed = Buffer.allocUnsafe(NONCE_LENGTH + opened.length + TAG_LENGTH);
  sealed.set(random.subarray(SALT_LENGTH));
  const cipher = createCipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_LENGTH));
  cipher.setAAD(Buffer.from(place));
  // A stream cipher: all comes out at once, and nothing is left for the end.
  sealed.set(cipher.update(opened), NONCE_LENGTH);
  cipher.final();
  sealed.set(cipher.getAuthTag(), NONCE_LENGTH + opened.length);
  return { commitment, sealed: sealed.toString('base64url') };
}

/** What was sealed; undefined when the key is another, or a byte or the place was changed. */
export function openPart(
  key: Buffer | null,
  place: string,
  sealed: string,
): OpenedPart | undefined {
  const bytes = Buffer.from(sealed, 'base64url');
  if (key === null) return split(bytes);
  if (bytes.length < NONCE_LENGTH + SALT_LENGTH + TAG_LENGTH) return undefined;
  const nonce = bytes.subarray(0, NONCE_LENGTH);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_LENGTH })
    .setAAD(Buffer.from(place))
    .setAuthTag(bytes.subarray(-TAG_LENGTH));
  try {
    const body = decipher.update(bytes.subarray(NONCE_LENGTH, -TAG_LENGTH));
    return split(Buffer.concat([body, decipher.final()]));
  } catch {
    return undefined;
  }
}

/** To be copied at once: the memory is filled anew with the next ones. */
function takeRandom(length: number): Buffer {
  if (used + length > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += length;
  return pool.subarray(used - length, used);
}

function split(bytes: Buffer): OpenedPart {
  return { salt: bytes.subarray(0, SALT_LENGTH), text: bytes.toString('utf8', SALT_LENGTH) };
}
