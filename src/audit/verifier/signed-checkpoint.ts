import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';

/** A key that a person who verifies was given, by a way that they trust. */
export interface CheckpointKey {
  readonly name: string;
  /** What a signature by it begins with. */
  readonly id: Buffer;
  readonly key: KeyObject;
}

/** What was signed of a log at a moment. */
export interface SignedCheckpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
  /** The whole note. */
  readonly note: string;
}

const NOTES = /[^\n]+\n(?:0|[1-9]\d{0,15})\n[A-Za-z0-9+/]{43}=\n(?:[^\n]+\n)*\n(?:— \S+ \S+\n)+/gu;

/** The notes in a text that holds any number of them, one after the other. */
export function notesIn(text: string): readonly string[] {
  return text.match(NOTES) ?? [];
}

/** @throws Error when this is no verifier key of Ed25519 (c2sp.org/signed-note) */
export function readCheckpointKey(text: string): CheckpointKey {
  const [, name = '', id = '', encoded = ''] =
    /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text.trim()) ?? [];
  const bytes = Buffer.from(encoded, 'base64');
  const hash = createHash('sha256').update(`${name}\n`).update(bytes).digest();
  if (bytes.length !== 33 || bytes[0] !== 1 || hash.toString('hex', 0, 4) !== id)
    throw new Error('The key is no verifier key: it reads name+id+key, for Ed25519.');
  const x = bytes.toString('base64url', 1);
  return {
    name,
    id: Buffer.from(id, 'hex'),
    key: createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } }),
  };
}

/** The checkpoint in a note; undefined when the key did not sign exactly this. */
export function readSignedCheckpoint(
  note: string,
  { name, id, key }: CheckpointKey,
): SignedCheckpoint | undefined {
  const parts =
    /^(([^\n]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*)\n((?:— \S+ \S+\n)+)$/u.exec(
      note,
    );
  if (parts === null) return undefined;
  const [, text = '', origin = '', size = '', root = '', lines = ''] = parts;
  const signatures = lines
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, signer]) => signer === name)
    .map(([, , encoded = '']) => ({ encoded, bytes: Buffer.from(encoded, 'base64') }))
    .filter(({ bytes }) => bytes.subarray(0, 4).equals(id));
  const isSigned =
    signatures.length > 0 &&
    signatures.every(
      ({ encoded, bytes }) =>
        bytes.toString('base64') === encoded &&
        verify(null, Buffer.from(text), key, bytes.subarray(4)),
    );
  const hash = Buffer.from(root, 'base64');
  // The name of the key is the name of the log: another log's checkpoint proves nothing here.
  if (!isSigned || origin !== name || hash.toString('base64') !== root) return undefined;
  return { origin, size: Number(size), root: hash, note };
}
