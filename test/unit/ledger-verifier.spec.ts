import { generateKeyPairSync } from 'node:crypto';

import { describe, expect, it } from '@jest/globals';

import { checkpointText } from '../../src/audit/ledger/checkpoint.js';
import { Frontier } from '../../src/audit/ledger/frontier.js';
import { hashLeaf } from '../../src/audit/ledger/hashing.js';
import { leafText } from '../../src/audit/ledger/leaf.js';
import { exportLedger, exportRecords } from '../../src/audit/ledger/ledger-export.js';
import type { LeafPart, PlacedLeaf } from '../../src/audit/ledger/ledger-reader.js';
import { openPart, sealPart } from '../../src/audit/ledger/part-seal.js';
import { noteKeyOf, signNote, verifierKeyText } from '../../src/audit/ledger/signed-note.js';
import { TILE_WIDTH } from '../../src/audit/ledger/tile.js';
import { LedgerVerifier, type VerifierReport } from '../../src/audit/verifier/ledger-verifier.js';
import { notesIn, readCheckpointKey } from '../../src/audit/verifier/signed-checkpoint.js';
import { readWitness } from '../../src/audit/verifier/witness-cosignature.js';
import { TestWitness } from '../support/test-witness.js';

const ORIGIN = 'idp.example/ledger';
const { privateKey } = generateKeyPairSync('ed25519');
const KEY = readCheckpointKey(verifierKeyText(noteKeyOf(ORIGIN, privateKey)));
const ROOT = hashLeaf(Buffer.from('another'));
const SIZES = [1, 200, 256, 300, 600];

interface Entry {
  type: string;
  index: number;
  leaf: string;
  parts: unknown;
}

interface Sample {
  readonly leaves: readonly PlacedLeaf[];
  readonly lines: readonly string[];
  readonly notes: readonly string[];
}

/** A record of the log's own, that the oldest records were retired. */
function retentionLeaf(index: number, until: number, outcome = 'granted'): PlacedLeaf {
  const record = { event: 'retention', outcome, retired: { first: 0, until, before: 1 } };
  return { index, text: leafText(JSON.stringify(record), []), parts: [] };
}

function leafOf(index: number, word: string): PlacedLeaf {
  const key = Buffer.alloc(32, 5);
  const { commitment, sealed } = sealPart(key, `${index}`, `[[["subject"],"${word}"]]`);
  const opened = openPart(key, `${index}`, sealed)!;
  const parts: LeafPart[] = [{ salt: opened.salt.toString('base64url'), text: opened.text }];
  const record = `{"id":"${word}-${index}","note":"é🏠"}`;
  return { index, text: leafText(record, [{ key: 'k', commitment }]), parts };
}

function hashesOf(leaves: readonly PlacedLeaf[]): Buffer[] {
  return leaves.map(({ text }) => hashLeaf(Buffer.from(text)));
}

function noteOf(leaves: readonly PlacedLeaf[], size: number): string {
  const { root } = Frontier.EMPTY.append(hashesOf(leaves.slice(0, size)));
  return signNote(checkpointText({ origin: ORIGIN, size, root }), ORIGIN, privateKey);
}

function textOf(note: string): string {
  return note.slice(0, note.lastIndexOf('\n\n') + 1);
}

function sourceOf(leaves: readonly PlacedLeaf[], notes: readonly string[], first = 0) {
  const hashes = hashesOf(leaves);
  const sizes = notes.map((note) => Number(note.split('\n')[1]));
  return {
    checkpoint: async () => notes.at(-1) ?? null,
    first: async () => first,
    checkpoints: async (from: number) => notes.filter((_, at) => sizes[at]! >= from),
    tile: async ({ level, index, width }: { level: number; index: number; width: number }) => {
      const span = TILE_WIDTH ** level;
      const roots = Array.from({ length: width }, (_, at) => {
        const start = (index * TILE_WIDTH + at) * span;
        return Frontier.EMPTY.append(hashes.slice(start, start + span)).root;
      });
      return Buffer.concat(roots);
    },
    leaves: async ({ index, width }: { index: number; width: number }) =>
      leaves.slice(index * TILE_WIDTH, index * TILE_WIDTH + width),
  };
}

async function sampleOf(word: string, sizes: readonly number[] = SIZES): Promise<Sample> {
  const leaves = Array.from({ length: sizes.at(-1)! }, (_, index) => leafOf(index, word));
  const notes = sizes.map((size) => noteOf(leaves, size));
  return { leaves, notes, lines: await collect(exportLedger(sourceOf(leaves, notes))) };
}

async function collect(lines: AsyncIterable<string>): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

function verify(
  lines: readonly string[],
  older: string | readonly string[] = [],
  witnesses: readonly TestWitness[] = [],
): VerifierReport {
  const keys = witnesses.map(({ verifierKey }) => readWitness(verifierKey));
  const verifier = new LedgerVerifier(KEY, typeof older === 'string' ? [older] : older, keys);
  for (const line of lines) verifier.add(line);
  return verifier.finish();
}

/** The lines with the records changed, counted anew as whoever hides something would. */
function withEntries({ lines }: Sample, change: (entries: Entry[]) => void): readonly string[] {
  const rest = lines.filter((line) => !line.startsWith('{"type":"entry"'));
  const entries = lines
    .filter((line) => line.startsWith('{"type":"entry"'))
    .map((line) => JSON.parse(line) as Entry);
  change(entries);
  return [...rest, ...entries.map((entry, index) => JSON.stringify({ ...entry, index }))];
}

const isEntry = (line: string): boolean => line.startsWith('{"type":"entry"');

const sample = await sampleOf('genuine');
const places = Array.from({ length: 25 }, () => Math.floor(Math.random() * 590));

describe('The verifier', () => {
  it('finds nothing wrong with what was signed, and says what it proved and what not', () => {
    const report = verify(sample.lines, sample.notes[1]);
    expect(report.findings).toEqual([]);
    expect(report.proved).toEqual([
      'the 600 records are exactly those that idp.example/ledger signed, in this order',
      '5 checkpoints tell of one log that only grew',
      'it continues the older checkpoint of 200 records',
      '600 sealed parts say what their records committed to',
    ]);
    expect(report.unproved).toHaveLength(1);
    expect(verify(sample.lines).unproved).toContain(
      'that it continues what was shown earlier: no older checkpoint was given',
    );
  });

  it('notices each single bit of an export that is another', async () => {
    const { lines } = await sampleOf('small', [1, 3]);
    const text = Buffer.from(lines.join('\n'));
    const unseen: number[] = [];
    for (let bit = 0; bit < text.length * 8; bit += 1) {
      const bad = Buffer.from(text);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      if (verify(bad.toString('utf8').split('\n')).findings.length === 0) unseen.push(bit);
    }
    expect(unseen).toEqual([]);
  });

  it('notices any bit of a long export that is another', () => {
    const text = Buffer.from(sample.lines.join('\n'));
    for (let tries = 0; tries < 100; tries += 1) {
      const at = Math.floor(Math.random() * text.length);
      const bad = Buffer.from(text);
      bad[at]! ^= 1 << (tries % 8);
      const { findings } = verify(bad.toString('utf8').split('\n'));
      expect([at, tries % 8, findings]).not.toEqual([at, tries % 8, []]);
    }
  });

  it('names the record of which a character was changed, wherever that is', () => {
    for (const place of places) {
      const lines = withEntries(sample, (entries) => {
        entries[place]!.leaf = entries[place]!.leaf.replace('genuine', 'genuinE');
      });
      expect(verify(lines).findings[0]).toBe(`record ${place} was changed`);
    }
  });

  it('names the record that was deleted, inserted or moved, though all are counted anew', () => {
    for (const place of places) {
      const deleted = withEntries(sample, (entries) => void entries.splice(place, 1));
      expect(verify(deleted).findings[0]).toBe(`record ${place} was deleted`);
      const inserted = withEntries(sample, (entries) => {
        const { text, parts } = leafOf(place, 'inserted');
        entries.splice(place, 0, { type: 'entry', index: 0, leaf: text, parts });
      });
      expect(verify(inserted).findings[0]).toBe(`a record was inserted as record ${place}`);
      const swapped = withEntries(sample, (entries) => {
        [entries[place], entries[place + 5]] = [entries[place + 5]!, entries[place]!];
      });
      expect(verify(swapped).findings[0]).toBe(
        `record ${place} and record ${place + 5} changed places`,
      );
      const cut = withEntries(sample, (entries) => void entries.splice(place));
      expect(verify(cut).findings[0]).toBe(
        `the records were cut: record ${place} and those after it are missing`,
      );
    }
    const more = withEntries(sample, (entries) => {
      const { text, parts } = leafOf(600, 'more');
      entries.push({ type: 'entry', index: 600, leaf: text, parts });
    });
    expect(verify(more).findings[0]).toMatch(/^record 600 and those after it were added/);
  });

  it('names the tile of which a byte was changed', () => {
    for (const place of places) {
      const lines = sample.lines.map((line) => {
        const tile = JSON.parse(line) as { type: string; index: number; hashes: string };
        if (tile.type !== 'tile' || tile.index !== Math.floor(place / 256)) return line;
        const hashes = Buffer.from(tile.hashes, 'base64');
        hashes[(place % 256) * 32 + (place % 32)]! ^= 1;
        return JSON.stringify({ ...tile, hashes: hashes.toString('base64') });
      });
      expect(verify(lines).findings[0]).toBe(
        `tile 0/${Math.floor(place / 256)} was changed: it has another hash for record ${place}`,
      );
    }
  });

  it('narrows a change to what was signed when the tiles were changed along', async () => {
    const leaves = sample.leaves.map((leaf, index) =>
      index === 270 ? leafOf(index, 'forged') : leaf,
    );
    const lines = await collect(exportLedger(sourceOf(leaves, sample.notes)));
    expect(verify(lines).findings[0]).toBe(
      'record 256 or one of those up to 299 was changed, and the tiles were too',
    );
  });

  it('refuses checkpoints that another key signed, or that come in another order', () => {
    const other = generateKeyPairSync('ed25519').privateKey;
    const [first = '', ...rest] = sample.lines;
    const { note } = JSON.parse(first) as { note: string };
    const forged = signNote(note.slice(0, note.indexOf('\n\n') + 1), ORIGIN, other);
    const line = JSON.stringify({ type: 'checkpoint', note: forged });
    expect(verify([line, ...rest]).findings[0]).toBe(
      'the checkpoint in line 1 is not signed by idp.example/ledger',
    );
    expect(verify([first, first, ...rest]).findings[0]).toBe(
      'the checkpoint in line 2 is out of order',
    );
    expect(verify([]).findings).toEqual(['there is no checkpoint that the key has signed']);
    expect(() => verify([], forged)).toThrow('not signed by this key');
  });

  it('notices an old state that was put back under a newer checkpoint', async () => {
    const old = await collect(
      exportLedger(sourceOf(sample.leaves.slice(0, 300), sample.notes.slice(0, 4))),
    );
    expect(verify(old, sample.notes[4]).findings[0]).toMatch(
      /^the log was cut or put back: 600 records were signed earlier.*record 300 is the first that is missing$/,
    );
  });

  it('notices a fork, though the same key has signed both', async () => {
    const other = await sampleOf('forked', [100, 650]);
    expect(verify(other.lines).findings).toEqual([]);
    expect(verify(other.lines, sample.notes[3]).findings[0]).toMatch(
      /^the log was forked: record 100/,
    );
  });

  it('takes many older checkpoints, and says of how many the key is another', () => {
    const other = generateKeyPairSync('ed25519').privateKey;
    const foreign = signNote(
      checkpointText({ origin: ORIGIN, size: 5, root: ROOT }),
      ORIGIN,
      other,
    );
    const report = verify(sample.lines, [...sample.notes.slice(0, 4).toReversed(), foreign]);
    expect(report.findings).toEqual([]);
    expect(report.proved).toContain('it continues the 4 older checkpoints, of 1 to 300 records');
    expect(report.unproved[0]).toBe('1 of the older checkpoints: this key has not signed them');
  });

  it('finds the one of many older checkpoints that the log does not continue', async () => {
    const other = await sampleOf('forked', [100]);
    const kept = [...sample.notes, ...other.notes];
    expect(verify(sample.lines, kept).findings[0]).toMatch(/^the log was forked: record 1 /);
  });

  it('finds the notes in a text that holds many, and leaves out what is torn', () => {
    const [one = '', two = '', three = ''] = sample.notes;
    expect(notesIn(`${one}\n${two}\n${three.slice(0, 50)}\n\n${three}\n`)).toEqual([
      one,
      two,
      three,
    ]);
    expect(notesIn(`${one}${two}`)).toEqual([one, two]);
    expect(notesIn('')).toEqual([]);
  });

  it('names the record whose sealed part is another, is damaged or is missing', () => {
    const entry = sample.lines.length - 7;
    const changed = (parts: unknown): readonly string[] =>
      sample.lines.map((line, at) =>
        at === entry ? JSON.stringify({ ...(JSON.parse(line) as object), parts }) : line,
      );
    const { salt } = sample.leaves[593]!.parts[0] as { salt: string };
    expect(verify(changed([{ salt, text: 'another' }])).findings[0]).toMatch(
      /^record 593 was changed: its sealed part 0 is not what/,
    );
    expect(verify(changed(['damaged'])).findings[0]).toMatch(/^record 593 was changed/);
    expect(verify(changed([])).findings[0]).toMatch(/^record 593 has not the sealed parts/);
    const erased = verify(changed(['erased']));
    expect(erased.findings).toEqual([]);
    expect(erased.unproved).toContain('what 1 sealed parts said: their keys were destroyed');
  });

  it('proves single records, and says that it cannot know of others', async () => {
    const lines = await collect(
      exportRecords(sourceOf(sample.leaves, sample.notes), [0, 255, 256, 599]),
    );
    const report = verify(lines);
    expect(report.findings).toEqual([]);
    expect(report.proved[0]).toBe(
      'each of these 4 records is in the log of 600 records that idp.example/ledger signed',
    );
    expect(report.unproved[0]).toMatch(/^that no record is left out/);
    const bad = lines.map((line) => line.replace('genuine-255', 'genuine-25x'));
    expect(verify(bad).findings).toEqual([
      'record 255 was changed, or is not in the log of 600 records',
    ]);
  });

  it('says up to which record a witness saw the same log', async () => {
    const [witness, absent] = [new TestWitness('w.example/1'), new TestWitness('w.example/2')];
    const notes = sample.notes.map((note, at) =>
      at === 1 || at === 3 ? note + witness.cosign(textOf(note), 1_700_000_000 + at) : note,
    );
    const lines = await collect(exportLedger(sourceOf(sample.leaves, notes)));
    const report = verify(lines, [], [witness]);
    expect(report.findings).toEqual([]);
    expect(report.proved).toContain(
      'w.example/1 saw the same log up to 300 records, at the latest at 2023-11-14T22:13:23.000Z, and one that only grew',
    );
    expect(verify(lines, [], [witness, absent]).findings).toEqual([
      'no checkpoint of these is cosigned by w.example/2',
    ]);
    // What was kept elsewhere may be cosigned, too.
    const kept = sample.notes[4]! + absent.cosign(textOf(sample.notes[4]!), 1_700_000_000);
    expect(verify(lines, kept, [absent]).findings).toEqual([]);
  });

  it('refuses a cosignature that is of another checkpoint or another time', async () => {
    const witness = new TestWitness('w.example/1');
    const text = textOf(sample.notes[2]!);
    const late = witness.cosign(text, 1_700_000_000);
    const bytes = Buffer.from(late.trim().split(' ')[2]!, 'base64');
    bytes[11]! ^= 1;
    for (const line of [
      witness.cosign(textOf(sample.notes[1]!), 1_700_000_000),
      `— w.example/1 ${bytes.toString('base64')}\n`,
    ]) {
      const notes = sample.notes.map((note, at) => (at === 2 ? note + line : note));
      const lines = await collect(exportLedger(sourceOf(sample.leaves, notes)));
      expect(verify(lines).findings).toEqual([]);
      expect(verify(lines, [], [witness]).findings[0]).toBe(
        'the cosignature of w.example/1 for 256 records does not verify',
      );
    }
  });

  it.each(['', 'a+b', verifierKeyText(noteKeyOf(ORIGIN, privateKey))])(
    'refuses %j as the key of a witness',
    (text) => {
      expect(() => readWitness(text)).toThrow('The key of the witness is none');
    },
  );

  it.each(['', 'x', verifierKeyText(noteKeyOf(ORIGIN, privateKey)).replace('+', '+0')])(
    'refuses %j as a key',
    (text) => {
      expect(() => readCheckpointKey(text)).toThrow('no verifier key');
    },
  );
});

describe('The verifier of a log of which records were retired', () => {
  /** The export of a log of 900 records of which the first ones are gone. */
  async function exportOf(
    gone: number,
    retention: PlacedLeaf,
  ): Promise<{ readonly lines: readonly string[]; readonly notes: readonly string[] }> {
    const leaves = Array.from({ length: 900 }, (_, index) =>
      index === retention.index ? retention : leafOf(index, 'kept'),
    );
    const notes = [100, 300, 600, 900].map((size) => noteOf(leaves, size));
    return { lines: await collect(exportLedger(sourceOf(leaves, notes, gone))), notes };
  }

  it('verifies the rest, every checkpoint, and says what it could not prove', async () => {
    const { lines, notes } = await exportOf(512, retentionLeaf(700, 512));
    expect(lines.filter(isEntry)).toHaveLength(388);
    const report = verify(lines, notes[1]);
    expect(report.findings).toEqual([]);
    expect(report.proved.slice(0, 3)).toEqual([
      'records 512 to 899 are exactly those that idp.example/ledger signed, in this order, behind the hashes of those before',
      '4 checkpoints tell of one log that only grew',
      'it continues the older checkpoint of 300 records',
    ]);
    expect(report.unproved[0]).toBe(
      'what records 0 to 511 said: they were retired, as the log itself says',
    );
  });

  it.each([
    ['no record of the log says so', leafOf(700, 'other')],
    ['the record says less', retentionLeaf(700, 256)],
    ['the record says that it was refused', retentionLeaf(700, 512, 'refused')],
  ])('does not believe that records were retired when %s', async (_, leaf) => {
    const { lines } = await exportOf(512, leaf);
    expect(verify(lines).findings).toEqual([
      'records 0 to 511 are missing, and no record of the log says that they were retired',
    ]);
  });

  it('does not take what was deleted for what was retired', async () => {
    const { lines } = await exportOf(512, retentionLeaf(700, 512));
    const without = (from: number, until: number): readonly string[] =>
      lines.filter((line) => {
        const { type, index } = JSON.parse(line) as Entry;
        return type !== 'entry' || index < from || index >= until;
      });
    expect(verify(without(600, 650)).findings).not.toEqual([]);
    expect(verify(without(512, 513)).findings).not.toEqual([]);
    const more = without(512, 768).map((line) =>
      line === '{"type":"retired","records":512}' ? '{"type":"retired","records":768}' : line,
    );
    expect(verify(more).findings[0]).toBe(
      'records 0 to 767 are missing, and no record of the log says that they were retired',
    );
    const silent = lines.filter((line) => !line.includes('"retired","records"'));
    expect(verify(silent).findings).toContain('record 0 is due, and record 512 is there');
    const middle = without(600, 650);
    const at = middle.findIndex((line) => line.startsWith('{"type":"entry","index":650'));
    const marked = middle.toSpliced(at, 0, '{"type":"retired","records":650}');
    expect(verify(marked).findings.join(' ')).toMatch(/retired records is out of place/);
  });

  it('notices a fork in what was retired, and a tile of it that was changed', async () => {
    const { lines } = await exportOf(512, retentionLeaf(700, 512));
    expect(verify(lines, sample.notes[1]).findings[0]).toMatch(/^the log was forked/);
    const changed = lines.map((line) =>
      line.startsWith('{"type":"tile","level":0,"index":1')
        ? line.replace(/"hashes":"...../, '"hashes":"AAAAA')
        : line,
    );
    expect(verify(changed).findings).not.toEqual([]);
  });

  it('notices any bit that is another', async () => {
    const { lines } = await exportOf(512, retentionLeaf(700, 512));
    const text = Buffer.from(lines.join('\n'));
    for (let tries = 0; tries < 60; tries += 1) {
      const at = Math.floor(Math.random() * text.length);
      const bad = Buffer.from(text);
      bad[at]! ^= 1 << (tries % 8);
      const { findings } = verify(bad.toString('utf8').split('\n'));
      expect([at, tries % 8, findings]).not.toEqual([at, tries % 8, []]);
    }
    const mark = text.indexOf('{"type":"retired"');
    for (let bit = mark * 8; bit < (mark + 33) * 8; bit += 1) {
      const bad = Buffer.from(text);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(verify(bad.toString('utf8').split('\n')).findings).not.toEqual([]);
    }
  });
});
