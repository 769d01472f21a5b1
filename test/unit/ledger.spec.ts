import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { checkpointText, readCheckpoint } from '../../src/audit/ledger/checkpoint.js';
import { Frontier } from '../../src/audit/ledger/frontier.js';
import { EMPTY_ROOT, HASH_LENGTH, hashLeaf, hashNode } from '../../src/audit/ledger/hashing.js';
import { isConsistent, rootByInclusion } from '../../src/audit/ledger/proof-verification.js';
import {
  noteKeyOf,
  openNote,
  readVerifierKey,
  signNote,
  verifierKeyText,
} from '../../src/audit/ledger/signed-note.js';
import {
  bundlePath,
  readBundlePath,
  readTilePath,
  tilePath,
  widthOf,
  type Tile,
} from '../../src/audit/ledger/tile.js';
import { rootOfComplete, TiledTree } from '../../src/audit/ledger/tiled-tree.js';

/** The leaves and roots that the Certificate Transparency project published for RFC 6962. */
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map((hex) => hashLeaf(Buffer.from(hex, 'hex')));
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const INCLUSIONS: [index: number, size: number, proof: string[]][] = [
  [0, 1, []],
  [
    0,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    5,
    8,
    [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [2, 3, ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125']],
  [
    1,
    5,
    [
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  ],
];
const CONSISTENCIES: [older: number, newer: number, proof: string[]][] = [
  [1, 1, []],
  [1, 8, INCLUSIONS[1]![2]],
  [
    6,
    8,
    [
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [
    2,
    5,
    [
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  ],
];

const published = (size: number) => ({ size, root: Buffer.from(ROOTS[size]!, 'hex') });
const exampleWidth = (level: number, index: number) => widthOf({ level, index }, 70_000);

const hex = (hashes: readonly Buffer[]): string[] => hashes.map((hash) => hash.toString('hex'));

/** The root as RFC 6962 section 2.1 defines it, word for word. */
function mth(leaves: readonly Buffer[]): Buffer {
  if (leaves.length <= 1) return leaves[0] ?? EMPTY_ROOT;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return hashNode(mth(leaves.slice(0, k)), mth(leaves.slice(k)));
}

/** The tiles of a log with these leaves, as c2sp.org/tlog-tiles defines them. */
function treeOf(leaves: readonly Buffer[]): TiledTree {
  return new TiledTree(leaves.length, async ({ level, index, width }: Tile) => {
    const span = 256 ** level;
    const hashes = Array.from({ length: width }, (_, at) => {
      const start = (index * 256 + at) * span;
      return mth(leaves.slice(start, start + span));
    });
    return Buffer.concat(hashes);
  });
}

function manyLeaves(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => hashLeaf(Buffer.from(`leaf ${index}`)));
}

function flipped(hash: Buffer, at: number): Buffer {
  const copy = Buffer.from(hash);
  copy[at % copy.length]! ^= 1 << (at % 8);
  return copy;
}

const MANY = manyLeaves(1500);

describe('The Merkle tree of the ledger', () => {
  it('has the published roots, appended in any portions', () => {
    expect(EMPTY_ROOT.toString('hex')).toBe(ROOTS[0]);
    for (let first = 0; first <= LEAVES.length; first += 1)
      for (let size = first; size <= LEAVES.length; size += 1) {
        const frontier = Frontier.EMPTY.append(LEAVES.slice(0, first)).append(
          LEAVES.slice(first, size),
        );
        expect(frontier.size).toBe(size);
        expect(frontier.root.toString('hex')).toBe(ROOTS[size]);
        expect(Frontier.read(size, frontier.bytes)).toEqual(frontier);
      }
  });

  it('refuses a frontier that is not one of its size', () => {
    const { bytes } = Frontier.EMPTY.append(LEAVES);
    for (const size of [-1, 7, 0.5, Number.NaN, 2 ** 53])
      expect(() => Frontier.read(size, bytes)).toThrow(RangeError);
    expect(() => Frontier.read(8, bytes.subarray(1))).toThrow(RangeError);
  });

  it.each(INCLUSIONS)('proves leaf %d of %d as published', async (index, size, proof) => {
    const tree = treeOf(LEAVES);
    expect(hex(await tree.inclusion(index, size))).toEqual(proof);
    const hashes = proof.map((hash) => Buffer.from(hash, 'hex'));
    expect(rootByInclusion(LEAVES[index]!, index, size, hashes)?.toString('hex')).toBe(ROOTS[size]);
  });

  it.each(CONSISTENCIES)(
    'proves that %d leaves begin %d as published',
    async (older, newer, proof) => {
      expect(hex(await treeOf(LEAVES).consistency(older, newer))).toEqual(proof);
      const hashes = proof.map((hash) => Buffer.from(hash, 'hex'));
      expect(isConsistent(published(older), published(newer), hashes)).toBe(true);
    },
  );

  it('refuses proofs of what it does not have', async () => {
    const tree = treeOf(LEAVES);
    for (const [index, size] of [
      [8, 8],
      [0, 9],
      [0, 0],
      [-1, 8],
      [0.5, 8],
    ] as const)
      await expect(Promise.resolve().then(() => tree.inclusion(index, size))).rejects.toThrow(
        RangeError,
      );
    for (const [older, newer] of [
      [0, 8],
      [5, 4],
      [1, 9],
      [1.5, 8],
    ] as const)
      await expect(Promise.resolve().then(() => tree.consistency(older, newer))).rejects.toThrow(
        RangeError,
      );
    for (const size of [0, 9, 1.5]) await expect(tree.rootAt(size)).rejects.toThrow(RangeError);
    const torn = new TiledTree(8, async () => Buffer.alloc(HASH_LENGTH));
    await expect(torn.rootAt(8)).rejects.toThrow('does not have 8 hashes');
  });

  it('proves every leaf of every size, and no other', async () => {
    const size = fc.integer({ min: 1, max: MANY.length });
    await fc.assert(
      fc.asyncProperty(size, fc.nat(), fc.nat(), async (count, place, bit) => {
        const leaves = MANY.slice(0, count);
        const tree = treeOf(leaves);
        const root = await tree.rootAt(count);
        expect(root).toEqual(Frontier.EMPTY.append(leaves).root);
        const index = place % count;
        const proof = await tree.inclusion(index);
        const leaf = leaves[index]!;
        expect(rootByInclusion(leaf, index, count, proof)).toEqual(root);
        expect(rootByInclusion(flipped(leaf, bit), index, count, proof)).not.toEqual(root);
        expect(rootByInclusion(leaf, index, count, [...proof, leaf])).toBeUndefined();
        if (proof.length > 0) {
          const at = bit % proof.length;
          const bad = proof.map((hash, each) => (each === at ? flipped(hash, bit) : hash));
          expect(rootByInclusion(leaf, index, count, bad)).not.toEqual(root);
          expect(rootByInclusion(leaf, index, count, proof.slice(1))).not.toEqual(root);
          expect(rootByInclusion(leaf, (index + 1) % count, count, proof)).not.toEqual(root);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('proves that every smaller size is the beginning of a larger, and of no other', async () => {
    const size = fc.integer({ min: 1, max: MANY.length });
    await fc.assert(
      fc.asyncProperty(size, size, fc.nat(), async (one, two, bit) => {
        const [olderSize, newerSize] = [Math.min(one, two), Math.max(one, two)];
        const tree = treeOf(MANY);
        const older = { size: olderSize, root: await tree.rootAt(olderSize) };
        const newer = { size: newerSize, root: await tree.rootAt(newerSize) };
        const proof = await tree.consistency(olderSize, newerSize);
        expect(isConsistent(older, newer, proof)).toBe(true);
        const other = { ...older, root: flipped(older.root, bit) };
        expect(isConsistent(other, newer, proof)).toBe(false);
        expect(isConsistent(older, { ...newer, root: flipped(newer.root, bit) }, proof)).toBe(
          false,
        );
        expect(isConsistent(older, newer, [...proof, older.root])).toBe(false);
        if (olderSize < newerSize) {
          expect(isConsistent(newer, older, proof)).toBe(false);
          const at = bit % proof.length;
          const bad = proof.map((hash, each) => (each === at ? flipped(hash, bit) : hash));
          expect(isConsistent(older, newer, bad)).toBe(false);
          expect(isConsistent(older, newer, proof.slice(0, -1))).toBe(false);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('begins with the empty tree', () => {
    const empty = { size: 0, root: EMPTY_ROOT };
    const head = { size: 8, root: Buffer.from(ROOTS[8]!, 'hex') };
    expect(isConsistent(empty, head, [])).toBe(true);
    expect(isConsistent(empty, head, [head.root])).toBe(false);
  });

  it('makes the hash of a full tile the root of its subtree', () => {
    expect(rootOfComplete(Buffer.concat(MANY.slice(0, 256)))).toEqual(mth(MANY.slice(0, 256)));
  });
});

describe('Tiles', () => {
  it.each([
    [{ level: 0, index: 0, width: 256 }, '0/000'],
    [{ level: 0, index: 999, width: 1 }, '0/999.p/1'],
    [{ level: 1, index: 1000, width: 255 }, '1/x001/000.p/255'],
    [{ level: 63, index: 1234067, width: 256 }, '63/x001/x234/067'],
  ])('have their places: %j is %s', (tile, path) => {
    expect(tilePath(tile)).toBe(path);
    expect(readTilePath(path)).toEqual(tile);
  });

  it.each([
    '',
    '0',
    '0/',
    '/000',
    '64/000',
    '00/000',
    '-1/000',
    '0/0',
    '0/0000',
    '0/x000/001',
    '0/x001/1',
    '0/001/000',
    '0/x001',
    '0/000.p/0',
    '0/000.p/256',
    '0/000.p/01',
    '0/000.p/',
    '0/000.p',
    '0/000/',
    '0/x001/x234/067.p/1/2',
    '0/x999/x999/x999/x999/x999/999',
    '0/000\n',
    '1/entries/000',
  ])('have one spelling: %j is refused', (path) => {
    expect(readTilePath(path)).toBeUndefined();
  });

  it('are as wide as the example of the standard says', () => {
    expect([exampleWidth(0, 272), exampleWidth(0, 273), exampleWidth(0, 274)]).toEqual([
      256, 112, 0,
    ]);
    expect([exampleWidth(1, 0), exampleWidth(1, 1), exampleWidth(1, 2)]).toEqual([256, 17, 0]);
    expect([exampleWidth(2, 0), exampleWidth(2, 1), exampleWidth(3, 0)]).toEqual([1, 0, 0]);
    expect([widthOf({ level: 0, index: 0 }, 256), widthOf({ level: 1, index: 0 }, 256)]).toEqual([
      256, 1,
    ]);
  });

  it('and bundles of entries are read as they are written', () => {
    const width = fc.integer({ min: 1, max: 256 });
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 - 1 }), width, (index, width) => {
        expect(readBundlePath(bundlePath({ index, width }))).toEqual({ index, width });
      }),
    );
  });
});

/** The example key of Go's golang.org/x/mod/sumdb/note, and what it signed. */
const PETER = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const SEED = 'AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';
const TEXT =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const SIGNED = `${TEXT}
— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;

function peter(): KeyObject {
  const seed = Buffer.from(SEED, 'base64').subarray(1);
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const key = Buffer.concat([prefix, seed]);
  return createPrivateKey({ key, type: 'pkcs8', format: 'der' });
}

describe('A signed note is refused', () => {
  const key = readVerifierKey(PETER);

  it.each([
    ['without a signature', TEXT],
    ['without a blank line', SIGNED.replace('\n\n', '\n')],
    ['without its last newline', SIGNED.slice(0, -1)],
    ['with a changed text', SIGNED.replace('answer', 'Answer')],
    ['with a changed signature', SIGNED.replace('ZJku', 'ZJkU')],
    ['with another way to write the same signature', SIGNED.replace('nAM=', 'nAN=')],
    ['of another name', SIGNED.replace('PeterNeumann', 'PeterNewman')],
    ['of another key id', SIGNED.replace('x08go', 'x18go')],
    ['with a line that is no signature', `${SIGNED}PeterNeumann\n`],
    ['that is far too long', SIGNED + SIGNED.slice(TEXT.length + 1).repeat(12_000)],
  ])('%s', (_, note) => {
    expect(() => openNote(note, key)).toThrow(Error);
  });

  it.each([
    '',
    'PeterNeumann',
    PETER.replace('c74f20a3', 'c74f20a4'),
    PETER.replace('c74f20a3', 'C74F20A3'),
    PETER.replace('PeterNeumann', 'Peter Neumann'),
    PETER.replace('PeterNeumann', ''),
    PETER.replace('+ARpc', '+ZRpc'),
    PETER.slice(0, -4),
  ])('when its key is %j', (text) => {
    expect(() => readVerifierKey(text)).toThrow('no verifier key');
  });

  it('when it cannot be signed', () => {
    expect(() => signNote('text', 'name', peter())).toThrow('ends with a newline');
    expect(() => signNote('te\txt\n', 'name', peter())).toThrow('lines of text');
    for (const name of ['', 'a b', 'a+b', 'a\u00a0b'])
      expect(() => signNote('text\n', name, peter())).toThrow('neither spaces nor a plus');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(() => signNote('text\n', 'name', privateKey)).toThrow('Ed25519');
  });
});

describe('A signed note', () => {
  it('is signed and named as the published example', () => {
    expect(signNote(TEXT, 'PeterNeumann', peter())).toBe(SIGNED);
    expect(verifierKeyText(noteKeyOf('PeterNeumann', peter()))).toBe(PETER);
    expect(openNote(SIGNED, readVerifierKey(`${PETER}\n`)).text).toBe(TEXT);
  });

  it('may be signed by others beside', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const other = signNote(TEXT, 'witness.example', privateKey).slice(TEXT.length + 1);
    expect(openNote(SIGNED + other, readVerifierKey(PETER)).text).toBe(TEXT);
    expect(openNote(SIGNED + other, noteKeyOf('witness.example', privateKey)).text).toBe(TEXT);
  });
});

describe('A checkpoint', () => {
  const checkpoint = { origin: 'idp.example/ledger', size: 8, root: LEAVES[0]! };

  it('is three lines, and read as it is written', () => {
    const text = checkpointText(checkpoint);
    expect(text).toBe('idp.example/ledger\n8\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n');
    expect(readCheckpoint(text)).toEqual(checkpoint);
    expect(readCheckpoint(`${text}extension\n`)).toEqual(checkpoint);
  });

  it.each([
    ['\n8\n', '\n08\n'],
    ['\n8\n', '\n-1\n'],
    ['\n8\n', '\n9007199254740993\n'],
    ['idp.example/ledger', ''],
    ['oB0=', 'oB1='],
    ['oB0=\n', '\n'],
    ['oB0=\n', 'oB0='],
    ['oB0=\n', 'oB0=\n\nx\n'],
  ])('is refused with %j as %j', (from, to) => {
    expect(() => readCheckpoint(checkpointText(checkpoint).replace(from, to))).toThrow(
      'no checkpoint',
    );
  });
});
