import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';

/** The signature type of plain Ed25519 (c2sp.org/signed-note). */
const ED25519 = 1;
const KEY_LENGTH = 32;
const ID_LENGTH = 4;
/** The DER prefix of an Ed25519 public key (RFC 8410 section 4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
/** Neither spaces nor a plus, which divides the parts of a verifier key. */
const NAME = /^[^\s+\p{Z}\p{Cc}]+$/u;
/** Far above what a log and its witnesses sign. */
const MAX_LENGTH = 1_000_000;

/** Who signs notes: a name and an Ed25519 public key. */
export interface NoteKey {
  readonly name: string;
  /** 32 bytes (RFC 8032). */
  readonly publicKey: Buffer;
}

/** A note whose signature by the key was verified. */
export interface OpenedNote {
  /** With its last newline. */
  readonly text: string;
}

/** A note that cannot be trusted. */
export class NoteError extends Error {
  override readonly name = 'NoteError';
}

/** The public half of an Ed25519 key as notes name it. */
export function noteKeyOf(name: string, key: KeyObject): NoteKey {
  const spki = (key.type === 'private' ? createPublicKey(key) : key).export({
    type: 'spki',
    format: 'der',
  });
  if (key.asymmetricKeyType !== 'ed25519') throw new NoteError('Notes are signed with Ed25519');
  return { name: checkedName(name), publicKey: spki.subarray(-KEY_LENGTH) };
}

/** What whoever verifies is given: `name+id+key`. */
export function verifierKeyText(key: NoteKey): string {
  const encoded = Buffer.concat([Buffer.of(ED25519), key.publicKey]).toString('base64');
  return `${key.name}+${keyId(key).toString('hex')}+${encoded}`;
}

/** @throws NoteError when this is not the text of an Ed25519 verifier key */
export function readVerifierKey(text: string): NoteKey {
  const [name = '', id = '', ...rest] = text.trim().split('+');
  const encoded = rest.join('+');
  const bytes = Buffer.from(encoded, 'base64');
  const key = { name, publicKey: bytes.subarray(1) };
  const isWhole = bytes.length === 1 + KEY_LENGTH && bytes.toString('base64') === encoded;
  if (!isWhole || bytes[0] !== ED25519 || !NAME.test(name) || keyId(key).toString('hex') !== id)
    throw new NoteError('This is no verifier key: it reads name+id+key, for Ed25519');
  return key;
}

/**
 * Signs a text.
 * @param text ends with a newline and holds no other control character
 */
export function signNote(text: string, name: string, privateKey: KeyObject): string {
  if (!text.endsWith('\n') || /(?!\n)\p{Cc}/u.test(text))
    throw new NoteError('A note is lines of text, and ends with a newline');
  const key = noteKeyOf(name, privateKey);
  const signature = sign(null, Buffer.from(text), privateKey);
  return `${text}\n— ${name} ${Buffer.concat([keyId(key), signature]).toString('base64')}\n`;
}

/**
 * The text of a note that the key has signed; what others signed beside it is ignored.
 * @throws NoteError when the key has not signed it, or its signature does not verify
 */
export function openNote(note: string, key: NoteKey): OpenedNote {
  const end = note.lastIndexOf('\n\n');
  if (note.length > MAX_LENGTH || end < 0 || !note.endsWith('\n'))
    throw new NoteError('This is no signed note');
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2, -1).split('\n');
  const own = lines.map(readSignature).filter((each) => isBy(each, key));
  if (own.length === 0) throw new NoteError(`The note is not signed by ${key.name}`);
  const publicKey = createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, key.publicKey]),
    type: 'spki',
    format: 'der',
  });
  if (!own.every(({ signature }) => verify(null, Buffer.from(text), publicKey, signature)))
    throw new NoteError(`The signature of ${key.name} does not verify`);
  return { text };
}

/** The text of a note of ours, without looking at who signed it. */
export function openedText(note: string): string {
  return note.slice(0, note.lastIndexOf('\n\n') + 1);
}

interface NoteSignature {
  readonly name: string;
  readonly id: Buffer;
  readonly signature: Buffer;
}

function readSignature(line: string): NoteSignature {
  const [, name = '', encoded = ''] = /^— (\S+) (\S+)$/u.exec(line) ?? [];
  const bytes = Buffer.from(encoded, 'base64');
  if (!NAME.test(name) || bytes.length <= ID_LENGTH || bytes.toString('base64') !== encoded)
    throw new NoteError('A signature line of the note is malformed');
  return { name, id: bytes.subarray(0, ID_LENGTH), signature: bytes.subarray(ID_LENGTH) };
}

function isBy({ name, id }: NoteSignature, key: NoteKey): boolean {
  return name === key.name && id.equals(keyId(key));
}

function keyId({ name, publicKey }: NoteKey): Buffer {
  return createHash('sha256')
    .update(`${name}\n`)
    .update(Buffer.of(ED25519))
    .update(publicKey)
    .digest()
    .subarray(0, ID_LENGTH);
}

function checkedName(name: string): string {
  if (!NAME.test(name)) throw new NoteError('The name of a key has neither spaces nor a plus');
  return name;
}
