import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import type { RequestListener } from 'node:http';

import { readCheckpoint } from '../../src/audit/ledger/checkpoint.js';
import { isConsistent, type TreeHead } from '../../src/audit/ledger/proof-verification.js';
import { noteKeyOf, openNote, type NoteKey } from '../../src/audit/ledger/signed-note.js';

/** A witness as c2sp.org/tlog-witness and c2sp.org/tlog-cosignature describe it, for one log. */
export class TestWitness {
  /** What it cosigned last. */
  head: TreeHead = { size: 0, root: Buffer.alloc(0) };
  /** The status of every answer. */
  readonly statuses: number[] = [];
  /** Whose checkpoints it takes; of any log while it is undefined. */
  log: NoteKey | undefined;
  readonly #key: KeyObject;

  constructor(readonly name: string) {
    this.#key = generateKeyPairSync('ed25519').privateKey;
  }

  get verifierKey(): string {
    return `${this.name}+${this.#id.toString('hex')}+${this.#material.toString('base64')}`;
  }

  get #material(): Buffer {
    return Buffer.concat([Buffer.of(4), noteKeyOf(this.name, this.#key).publicKey]);
  }

  get #id(): Buffer {
    const hash = createHash('sha256').update(`${this.name}\n`).update(this.#material).digest();
    return hash.subarray(0, 4);
  }

  /** The line with which it cosigns a text at a time, in seconds. */
  cosign(text: string, time: number): string {
    const stamp = Buffer.alloc(8);
    stamp.writeBigUInt64BE(BigInt(time));
    const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${text}`), this.#key);
    return `— ${this.name} ${Buffer.concat([this.#id, stamp, signature]).toString('base64')}\n`;
  }

  readonly listener: RequestListener = (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      const isHere = request.method === 'POST' && request.url === '/add-checkpoint';
      const [status, text] = isHere ? this.#answer(body) : [404, ''];
      this.statuses.push(status);
      const type = status === 409 ? 'text/x.tlog.size' : 'text/plain';
      response.writeHead(status, { 'content-type': type }).end(text);
    });
  };

  #answer(body: string): [status: number, text: string] {
    const end = body.indexOf('\n\n');
    const [first = '', ...lines] = body.slice(0, end).split('\n');
    const old = Number(/^old (0|[1-9]\d*)$/.exec(first)?.[1]);
    const note = body.slice(end + 2);
    const text = note.slice(0, note.lastIndexOf('\n\n') + 1);
    if (this.log) openNote(note, this.log);
    const { size, root } = readCheckpoint(text);
    if (!(old <= size) || lines.length > 63) return [400, ''];
    if (old !== this.head.size) return [409, `${this.head.size}\n`];
    if (old === size && !root.equals(this.head.root)) return [409, `${size}\n`];
    const proof = lines.map((line) => Buffer.from(line, 'base64'));
    if (!isConsistent(this.head, { size, root }, proof)) return [422, ''];
    this.head = { size, root };
    return [200, this.cosign(text, Math.floor(Date.now() / 1000))];
  }
}
