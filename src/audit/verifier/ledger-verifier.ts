import { createHash } from 'node:crypto';

import { hashLeaf } from '../ledger/hashing.js';
import { readExportLine, type ExportedPart, type ExportLine } from './export-line.js';
import { RunningRoot, rootOfProof } from './merkle-root.js';
import {
  readSignedCheckpoint,
  type CheckpointKey,
  type SignedCheckpoint,
} from './signed-checkpoint.js';
import { cosignedAt } from './witness-cosignature.js';

/** What came of verifying. */
export interface VerifierReport {
  /** What is wrong, the first bad record first; empty when nothing is. */
  readonly findings: readonly string[];
  readonly proved: readonly string[];
  /** What this export cannot prove, though nothing speaks against it. */
  readonly unproved: readonly string[];
}

type Entry = Extract<ExportLine, { readonly type: 'entry' }>;
interface Proven {
  readonly index: number;
  readonly hash: Buffer;
  readonly proof: readonly Buffer[];
}

/**
 * Verifies an export with nothing but the public key, and checkpoints that were kept from earlier.
 * It shares nothing with what writes the log but the two hash functions.
 */
export class LedgerVerifier {
  readonly #findings: string[] = [];
  readonly #checkpoints: SignedCheckpoint[] = [];
  /** By what their bytes say; once all is read, behind what the tiles say of the retired ones. */
  #leaves: Buffer[] = [];
  /** By what the tiles say. */
  readonly #tiled: Buffer[] = [];
  readonly #proven: Proven[] = [];
  /** The smallest first. */
  readonly #older: readonly SignedCheckpoint[];
  readonly #unsigned: number;
  /** How many of the oldest records the export says were retired, and the log itself. */
  #retired = 0;
  #retiredBySelf = 0;
  #lines = 0;
  #opened = 0;
  #erased = 0;

  /**
   * @param older signed notes that were kept from earlier
   * @param witnesses the keys of those who should have cosigned
   * @throws Error when no older checkpoint is signed by the key, though there are some
   */
  constructor(
    private readonly key: CheckpointKey,
    older: readonly string[] = [],
    private readonly witnesses: readonly CheckpointKey[] = [],
  ) {
    const signed = older.flatMap((note) => readSignedCheckpoint(note, key) ?? []);
    if (older.length > 0 && signed.length === 0)
      throw new Error('The older checkpoint is not signed by this key.');
    this.#older = signed.toSorted((a, b) => a.size - b.size);
    this.#unsigned = older.length - signed.length;
  }

  /** Takes the next line of the export, without its newline. */
  add(text: string): void {
    this.#lines += 1;
    const line = readExportLine(text);
    if (line === undefined)
      this.#findings.push(
        `line ${this.#lines} is not as an export writes it; it stands where record ${this.#due} is due`,
      );
    else if (line.type === 'checkpoint') this.#addCheckpoint(line.note);
    else if (line.type === 'retired') this.#addRetired(line.records);
    else if (line.type === 'tile') this.#addTile(line.index, line.hashes);
    else this.#addEntry(line);
  }

  finish(): VerifierReport {
    const newest = this.#checkpoints.at(-1);
    const proved: string[] = [];
    const unproved: string[] = [];
    if (newest === undefined) this.#findings.push('there is no checkpoint that the key has signed');
    else if (this.#proven.length > 0) this.#verifyProven(newest, proved, unproved);
    else {
      this.#takeRetired(newest);
      this.#verifyWhole(newest, proved, unproved);
    }
    if (newest !== undefined)
      for (const witness of this.witnesses) this.#verifyWitness(witness, newest, proved);
    if (this.#unsigned > 0)
      unproved.push(`${this.#unsigned} of the older checkpoints: this key has not signed them`);
    if (this.#opened > 0)
      proved.push(`${this.#opened} sealed parts say what their records committed to`);
    if (this.#erased > 0)
      unproved.push(`what ${this.#erased} sealed parts said: their keys were destroyed`);
    unproved.push(
      'that the key is the right one, and that the service showed the same log to everybody: compare with what others keep',
    );
    return { findings: this.#findings, proved, unproved };
  }

  /** What is cosigned was found to be of this log: else there are findings already. */
  #verifyWitness(
    { name, ...key }: CheckpointKey,
    newest: SignedCheckpoint,
    proved: string[],
  ): void {
    const heads = this.#proven.length > 0 ? [newest] : [...this.#checkpoints, ...this.#older];
    let last: { readonly size: number; readonly time: number } | undefined;
    for (const { size, note } of heads) {
      const time = cosignedAt(note, { name, ...key });
      if (time === 'forged')
        this.#findings.push(`the cosignature of ${name} for ${size} records does not verify`);
      else if (time !== undefined && size >= (last?.size ?? 0)) last = { size, time };
    }
    if (last === undefined) this.#findings.push(`no checkpoint of these is cosigned by ${name}`);
    else if (this.#findings.length === 0)
      proved.push(
        `${name} saw the same log up to ${last.size} records, at the latest at ${isoTime(last.time)}, and one that only grew`,
      );
  }

  #addCheckpoint(note: string): void {
    const checkpoint = readSignedCheckpoint(note, this.key);
    const last = this.#checkpoints.at(-1);
    if (checkpoint === undefined)
      this.#findings.push(
        `the checkpoint in line ${this.#lines} is not signed by ${this.key.name}`,
      );
    else if (last && last.size >= checkpoint.size)
      this.#findings.push(`the checkpoint in line ${this.#lines} is out of order`);
    else this.#checkpoints.push(checkpoint);
  }

  /** The place of the record that is due next. */
  get #due(): number {
    return this.#retired + this.#leaves.length;
  }

  #addRetired(records: number): void {
    const isInPlace = this.#retired === 0 && this.#tiled.length === 0 && this.#leaves.length === 0;
    if (!isInPlace)
      this.#findings.push(`what line ${this.#lines} says of retired records is out of place`);
    else this.#retired = records;
  }

  /**
   * The hashes of retired records are those of their tiles, which the checkpoints cover. That they were
   * retired and did not just vanish, a record behind them has to say.
   */
  #takeRetired({ size }: SignedCheckpoint): void {
    if (this.#retired === 0) return;
    const last = this.#retired - 1;
    if (this.#retired > this.#retiredBySelf || this.#retired >= size)
      this.#findings.push(
        `records 0 to ${last} are missing, and no record of the log says that they were retired`,
      );
    this.#leaves = [...this.#tiled.slice(0, this.#retired), ...this.#leaves];
  }

  #addTile(index: number, hashes: string): void {
    if (this.#tiled.length !== index * 256)
      this.#findings.push(`tile 0/${index} is not the one that is due in line ${this.#lines}`);
    const bytes = Buffer.from(hashes, 'base64');
    for (let at = 0; at < bytes.length; at += 32) this.#tiled.push(bytes.subarray(at, at + 32));
  }

  #addEntry({ index, leaf, parts, proof }: Entry): void {
    const hash = hashLeaf(leaf);
    this.#checkParts(index, leaf, parts);
    if (proof) {
      const hashes = proof.map((each) => Buffer.from(each, 'base64'));
      this.#proven.push({ index, hash, proof: hashes });
      return;
    }
    if (index !== this.#due)
      this.#findings.push(`record ${this.#due} is due, and record ${index} is there`);
    this.#leaves.push(hash);
    this.#retiredBySelf = Math.max(this.#retiredBySelf, retiredBy(leaf));
  }

  #checkParts(index: number, leaf: string, parts: readonly ExportedPart[]): void {
    const commitments = commitmentsOf(leaf);
    if (commitments?.length !== parts.length) {
      this.#findings.push(`record ${index} has not the sealed parts that its leaf names`);
      return;
    }
    parts.forEach((part, at) => {
      if (part === 'erased') this.#erased += 1;
      else if (part === 'damaged')
        this.#findings.push(`record ${index} was changed: its sealed part ${at} does not open`);
      else if (commitmentOf(part) !== commitments[at])
        this.#findings.push(
          `record ${index} was changed: its sealed part ${at} is not what its leaf committed to`,
        );
      else this.#opened += 1;
    });
  }

  #verifyProven(newest: SignedCheckpoint, proved: string[], unproved: string[]): void {
    for (const { index, hash, proof } of this.#proven)
      if (!rootOfProof(hash, index, newest.size, proof)?.equals(newest.root))
        this.#findings.push(
          `record ${index} was changed, or is not in the log of ${newest.size} records`,
        );
    if (this.#findings.length === 0)
      proved.push(
        `each of these ${this.#proven.length} records is in the log of ${newest.size} records that ${newest.origin} signed`,
      );
    unproved.push('that no record is left out: this export has only some of them');
    if (this.#older.length > 0)
      unproved.push('that the log continues the older checkpoint: for that export all of it');
  }

  #verifyWhole(newest: SignedCheckpoint, proved: string[], unproved: string[]): void {
    const ahead = this.#older.at(-1);
    if (ahead && ahead.size > newest.size)
      this.#findings.push(
        `the log was cut or put back: ${ahead.size} records were signed earlier, and its newest checkpoint has ${newest.size}; record ${newest.size} is the first that is missing`,
      );
    const known = this.#older.filter(({ size }) => size <= newest.size);
    const heads = [...this.#checkpoints, ...known].toSorted((a, b) => a.size - b.size);
    const wrong = firstWrong(heads, this.#leaves);
    if (wrong) this.#findings.unshift(this.#locate(wrong.right, wrong.head, newest));
    else this.#checkTiles(newest.size);
    if (this.#leaves.length > newest.size)
      this.#findings.push(
        `record ${newest.size} and those after it were added: the newest checkpoint covers ${newest.size} records`,
      );
    if (this.#findings.length > 0) return;
    proved.push(
      this.#retired === 0
        ? `the ${newest.size} records are exactly those that ${newest.origin} signed, in this order`
        : `records ${this.#retired} to ${newest.size - 1} are exactly those that ${newest.origin} signed, in this order, behind the hashes of those before`,
    );
    if (this.#retired > 0)
      unproved.push(
        `what records 0 to ${this.#retired - 1} said: they were retired, as the log itself says`,
      );
    proved.push(`${this.#checkpoints.length} checkpoints tell of one log that only grew`);
    const [first, ...others] = this.#older.map(({ size }) => size);
    if (first !== undefined)
      proved.push(
        others.length === 0
          ? `it continues the older checkpoint of ${first} records`
          : `it continues the ${others.length + 1} older checkpoints, of ${first} to ${others.at(-1)} records`,
      );
    else unproved.push('that it continues what was shown earlier: no older checkpoint was given');
  }

  /** Names the first bad record, as closely as what is signed allows. */
  #locate(right: number, head: SignedCheckpoint, newest: SignedCheckpoint): string {
    const tiles = firstWrong([newest], this.#tiled) === undefined;
    const [seen, signed] = [this.#leaves, this.#tiled];
    if (this.#older.includes(head) && firstWrong([newest], seen) === undefined)
      return `the log was forked: record ${right} or one of those up to ${head.size - 1} is another than when ${head.size} were signed earlier`;
    if (!tiles) {
      const found = signed.findIndex((hash, at) => seen[at]?.equals(hash) !== true);
      const hint = found >= 0 ? `; records and tiles part at record ${found}` : '';
      return `record ${right} or one of those up to ${head.size - 1} was changed, and the tiles were too${hint}`;
    }
    const at = signed.findIndex((hash, place) => seen[place]?.equals(hash) !== true);
    const [here, due] = [seen[at], signed[at]];
    if (here === undefined || due === undefined)
      return `the records were cut: record ${seen.length} and those after it are missing`;
    const other = signed.findIndex((hash) => hash.equals(here));
    if (other > at && seen[other]?.equals(due) === true)
      return `record ${at} and record ${other} changed places`;
    if (signed[at + 1]?.equals(here) === true) return `record ${at} was deleted`;
    if (seen[at + 1]?.equals(due) === true) return `a record was inserted as record ${at}`;
    return `record ${at} was changed`;
  }

  #checkTiles(size: number): void {
    const wrong = this.#tiled.findIndex((hash, at) => this.#leaves[at]?.equals(hash) !== true);
    if (wrong >= 0)
      this.#findings.push(
        `tile 0/${Math.floor(wrong / 256)} was changed: it has another hash for record ${wrong}`,
      );
    else if (this.#tiled.length < size)
      this.#findings.push(`the tile of record ${this.#tiled.length} is missing`);
  }
}

/**
 * The first of the heads, smallest first, that is not that of these leaves.
 * @returns with it the size of the last one before that was right
 */
function firstWrong(
  heads: readonly SignedCheckpoint[],
  leaves: readonly Buffer[],
): { readonly head: SignedCheckpoint; readonly right: number } | undefined {
  const running = new RunningRoot();
  let size = 0;
  let right = 0;
  for (const head of heads) {
    for (; size < head.size; size += 1) {
      const leaf = leaves[size];
      if (leaf === undefined) return { head, right };
      running.add(leaf);
    }
    if (!running.root.equals(head.root)) return { head, right };
    right = head.size;
  }
  return undefined;
}

/** How many of the oldest records a leaf says were retired; 0 for one that says nothing of it. */
function retiredBy(leaf: string): number {
  try {
    const { record } = JSON.parse(leaf) as {
      record?: { event?: unknown; outcome?: unknown; retired?: { until?: unknown } };
    };
    const isRetention = record?.event === 'retention' && record.outcome === 'granted';
    const until = isRetention ? record.retired?.until : undefined;
    return Number.isSafeInteger(until) ? Number(until) : 0;
  } catch {
    return 0;
  }
}

/** What a leaf commits to; undefined for one that cannot be read. */
function commitmentsOf(leaf: string): readonly unknown[] | undefined {
  try {
    const { sealed } = JSON.parse(leaf) as { sealed?: readonly { commitment?: unknown }[] };
    return sealed?.map(({ commitment }) => commitment);
  } catch {
    return undefined;
  }
}

function commitmentOf({ salt, text }: { readonly salt: string; readonly text: string }): string {
  return createHash('sha256')
    .update('nest-token-exchange commitment 1\n')
    .update(Buffer.from(salt, 'base64url'))
    .update(text)
    .digest('base64url');
}

function isoTime(seconds: number): string {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? `second ${seconds}` : time.toISOString();
}
