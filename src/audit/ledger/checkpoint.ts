import { HASH_LENGTH } from './hashing.js';
import { NoteError } from './signed-note.js';

/** What a log says of itself at a moment (c2sp.org/tlog-checkpoint). */
export interface Checkpoint {
  /** Which log it is. */
  readonly origin: string;
  /** How many leaves it has. */
  readonly size: number;
  readonly root: Buffer;
}

/** The name of the log of an issuer, and of the key that signs it: its address without the scheme. */
export function originOfLog(issuer: string): string {
  return `${issuer.replace(/^[a-z]+:\/\//, '')}/ledger`;
}

/** The text that is signed. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/**
 * Reads the text of a note that was opened; lines after the third are ignored.
 * @throws NoteError when it is no checkpoint
 */
export function readCheckpoint(text: string): Checkpoint {
  const [origin = '', size = '', encoded = '', ...rest] = text.split('\n');
  const root = Buffer.from(encoded, 'base64');
  if (
    origin === '' ||
    !/^(?:0|[1-9]\d{0,15})$/.test(size) ||
    !Number.isSafeInteger(Number(size)) ||
    root.length !== HASH_LENGTH ||
    root.toString('base64') !== encoded ||
    rest.pop() !== '' ||
    rest.includes('')
  )
    throw new NoteError('The note is no checkpoint of a log');
  return { origin, size: Number(size), root };
}
