import { generateKeyPairSync } from 'node:crypto';

import type { AuditRecord } from '../../src/audit/audit-record.js';
import { checkpointText } from '../../src/audit/ledger/checkpoint.js';
import { Frontier } from '../../src/audit/ledger/frontier.js';
import { hashLeaf } from '../../src/audit/ledger/hashing.js';
import { leafText } from '../../src/audit/ledger/leaf.js';
import {
  LedgerReader,
  type LeafPart,
  type PlacedLeaf,
} from '../../src/audit/ledger/ledger-reader.js';
import { openPart, sealPart } from '../../src/audit/ledger/part-seal.js';
import { takeApart } from '../../src/audit/ledger/personal-fields.js';
import { noteKeyOf, signNote, verifierKeyText } from '../../src/audit/ledger/signed-note.js';
import { TILE_WIDTH, type EntryBundle, type Tile } from '../../src/audit/ledger/tile.js';
import { uuidv7 } from '../../src/oauth/uuid.js';

const ORIGIN = 'idp.example/ledger';

/** A ledger in memory, whose records are covered when it is told to sign. */
export class MemoryLedger extends LedgerReader {
  readonly #leaves: PlacedLeaf[] = [];
  readonly #owners: (string | undefined)[][] = [];
  readonly #notes: string[] = [];
  readonly #erased = new Set<string>();
  readonly #keys = generateKeyPairSync('ed25519');
  #size = 0;
  /** How many leaves were asked for by their places. */
  asked = 0;

  constructor(readonly issuer = 'https://idp.example') {
    super();
  }

  get verifierKey(): string {
    return verifierKeyText(noteKeyOf(ORIGIN, this.#keys.privateKey));
  }

  /** Appends a record, without a checkpoint that covers it. */
  append(record: AuditRecord): AuditRecord {
    const { clear, parts } = takeApart(record, this.issuer);
    const sealed = parts.map(({ owner, fields }) => {
      const part = sealPart(null, '', JSON.stringify(fields));
      const opened = openPart(null, '', part.sealed)!;
      const key = owner === null ? null : `key of ${owner.sub}`;
      const read: LeafPart = { salt: opened.salt.toString('base64url'), text: opened.text };
      return { part: { key, commitment: part.commitment }, read };
    });
    const text = leafText(
      JSON.stringify(clear),
      sealed.map(({ part }) => part),
    );
    this.#owners.push(parts.map(({ owner }) => owner?.sub));
    this.#leaves.push({
      index: this.#leaves.length,
      text,
      parts: sealed.map(({ read }) => read),
    });
    return record;
  }

  /** Appends records of clients, as many as are asked for, and signs. */
  fill(count: number, fields: Partial<AuditRecord> = {}): readonly AuditRecord[] {
    const records = Array.from({ length: count }, () => this.append(recordOfClient(fields)));
    this.sign();
    return records;
  }

  /** Signs a checkpoint that covers every record. */
  sign(): void {
    this.#size = this.#leaves.length;
    const { root } = Frontier.EMPTY.append(this.#hashes());
    const text = checkpointText({ origin: ORIGIN, size: this.#size, root });
    this.#notes.push(signNote(text, ORIGIN, this.#keys.privateKey));
  }

  /** Destroys what is known of a person. */
  erase(sub: string): void {
    this.#erased.add(sub);
  }

  async checkpoint(): Promise<string | null> {
    return this.#notes.at(-1) ?? null;
  }

  async checkpoints(): Promise<readonly string[]> {
    return this.#notes;
  }

  signedAt(): Promise<number | null> {
    return Promise.resolve(null);
  }

  first(): Promise<number> {
    return Promise.resolve(0);
  }

  async size(): Promise<number> {
    return this.#size;
  }

  async verifierKeys(): Promise<readonly string[]> {
    return [this.verifierKey];
  }

  async tile({ level, index, width }: Tile): Promise<Buffer | null> {
    const hashes = this.#hashes();
    const span = TILE_WIDTH ** level;
    const roots = Array.from({ length: width }, (_, at) => {
      const start = (index * TILE_WIDTH + at) * span;
      return Frontier.EMPTY.append(hashes.slice(start, start + span)).root;
    });
    return Buffer.concat(roots);
  }

  async leaves({ index, width }: EntryBundle): Promise<readonly PlacedLeaf[] | null> {
    return this.leavesAt(Array.from({ length: width }, (_, at) => index * TILE_WIDTH + at));
  }

  async leavesAt(indexes: readonly number[]): Promise<readonly PlacedLeaf[]> {
    this.asked += indexes.length;
    return indexes
      .filter((index) => index < this.#size)
      .toSorted((one, other) => one - other)
      .map((index) => this.#read(index));
  }

  async indexOf(): Promise<number | null> {
    return null;
  }

  #read(index: number): PlacedLeaf {
    const leaf = this.#leaves[index]!;
    const owners = this.#owners[index]!;
    const isErased = (at: number): boolean => this.#erased.has(owners[at] ?? '');
    return { ...leaf, parts: leaf.parts.map((part, at) => (isErased(at) ? 'erased' : part)) };
  }

  #hashes(): Buffer[] {
    return this.#leaves.map(({ text }) => hashLeaf(Buffer.from(text)));
  }
}

/** A record of a client's own token. */
export function recordOfClient(fields: Partial<AuditRecord> = {}): AuditRecord {
  const time = fields.time ?? Date.now();
  return {
    id: uuidv7(time),
    schema: 1,
    time,
    event: 'grant',
    outcome: 'granted',
    requestId: 'request',
    grantType: 'client_credentials',
    client: { clientId: 'my_gateway' },
    ...fields,
  };
}
