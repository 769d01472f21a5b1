import { createHash, createPublicKey, verify } from 'node:crypto';

import type { CheckpointKey } from './signed-checkpoint.js';

/** Bytes of an id, and of the time behind it. */
const ID = 4;
const TIME = 8;

/** @throws Error when this is no verifier key of a witness (c2sp.org/tlog-cosignature, Ed25519) */
export function readWitness(text: string): CheckpointKey {
  const [, name = '', id = '', encoded = ''] =
    /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text.trim()) ?? [];
  const bytes = Buffer.from(encoded, 'base64');
  const hash = createHash('sha256').update(`${name}\n`).update(bytes).digest();
  if (bytes.length !== 33 || bytes[0] !== 4 || hash.toString('hex', 0, ID) !== id)
    throw new Error('The key of the witness is none: it reads name+id+key, of the type 4.');
  const x = bytes.toString('base64url', 1);
  return {
    name,
    id: Buffer.from(id, 'hex'),
    key: createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } }),
  };
}

/**
 * When the witness cosigned the note, in seconds since the epoch; undefined when it has not.
 * @returns `forged` for a signature in its name that does not verify
 */
export function cosignedAt(
  note: string,
  { name, id, key }: CheckpointKey,
): number | 'forged' | undefined {
  const end = note.lastIndexOf('\n\n') + 1;
  const found = note
    .slice(end + 1)
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, signer]) => signer === name)
    .map(([, , encoded = '']) => Buffer.from(encoded, 'base64'))
    .filter((bytes) => bytes.subarray(0, ID).equals(id));
  const times = found.map((bytes) => {
    const time = bytes.length > ID + TIME ? Number(bytes.readBigUInt64BE(ID)) : -1;
    const message = `cosignature/v1\ntime ${time}\n${note.slice(0, end)}`;
    const isGood = verify(null, Buffer.from(message), key, bytes.subarray(ID + TIME));
    return isGood ? time : -1;
  });
  if (times.includes(-1)) return 'forged';
  return times.length === 0 ? undefined : Math.max(...times);
}
