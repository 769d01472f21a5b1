import { createHash, createPublicKey, verify } from 'node:crypto';

import { NoteError } from './signed-note.js';

/** The signature type of Ed25519 cosignatures with their time (c2sp.org/tlog-cosignature). */
const COSIGNATURE = 4;
const KEY_LENGTH = 32;
const ID_LENGTH = 4;
const TIME_LENGTH = 8;

/** A witness that cosigns checkpoints, by its name and Ed25519 public key. */
export interface WitnessKey {
  readonly name: string;
  /** What a signature by it begins with. */
  readonly id: Buffer;
  /** 32 bytes. */
  readonly publicKey: Buffer;
}

/** @throws NoteError when this is no verifier key of a witness: `name+id+key`, of the type 4 */
export function readWitnessKey(text: string): WitnessKey {
  const [, name = '', id = '', encoded = ''] =
    /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text.trim()) ?? [];
  const bytes = Buffer.from(encoded, 'base64');
  const hash = createHash('sha256').update(`${name}\n`).update(bytes).digest();
  const isWhole = bytes.length === 1 + KEY_LENGTH && bytes.toString('base64') === encoded;
  if (!isWhole || bytes[0] !== COSIGNATURE || hash.toString('hex', 0, ID_LENGTH) !== id)
    throw new NoteError('This is no key of a witness: it reads name+id+key, for cosignatures');
  return { name, id: Buffer.from(id, 'hex'), publicKey: bytes.subarray(1) };
}

/** What a witness signs: that it saw this checkpoint at that time (seconds). */
export function cosignedText(text: string, time: number): string {
  return `cosignature/v1\ntime ${time}\n${text}`;
}

/**
 * The line by which the witness cosigned the text; undefined when none of the lines does.
 * @param lines each with or without its newline; those of others are ignored
 */
export function cosignatureIn(
  lines: readonly string[],
  text: string,
  { name, id, publicKey }: WitnessKey,
): string | undefined {
  const key = createPublicKey({
    format: 'jwk',
    key: { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') },
  });
  return lines.find((line) => {
    const [, signer, encoded = ''] = /^— (\S+) (\S+)$/u.exec(line) ?? [];
    const bytes = Buffer.from(encoded, 'base64');
    if (
      signer !== name ||
      bytes.toString('base64') !== encoded ||
      !bytes.subarray(0, ID_LENGTH).equals(id) ||
      bytes.length < ID_LENGTH + TIME_LENGTH
    )
      return false;
    const time = bytes.readBigUInt64BE(ID_LENGTH);
    const message = Buffer.from(cosignedText(text, Number(time)));
    return (
      time <= BigInt(Number.MAX_SAFE_INTEGER) &&
      verify(null, message, key, bytes.subarray(ID_LENGTH + TIME_LENGTH))
    );
  });
}

/** The body of `add-checkpoint` (c2sp.org/tlog-witness). */
export function addCheckpointBody(old: number, proof: readonly Buffer[], note: string): string {
  const lines = proof.map((hash) => `${hash.toString('base64')}\n`);
  return `old ${old}\n${lines.join('')}\n${note}`;
}
