import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { FileAnchor } from '../../src/anchors/file-anchor.js';
import { GitAnchor } from '../../src/anchors/git-anchor.js';
import { webhookSignature } from '../../src/audit/webhook-signature.js';
import { AnchorSettings, isDue, isLate, newAnchor } from '../../src/audit/ledger/anchor-store.js';
import { checkpointText } from '../../src/audit/ledger/checkpoint.js';
import { cosignatureIn, readWitnessKey } from '../../src/audit/ledger/cosignature.js';
import { hashLeaf } from '../../src/audit/ledger/hashing.js';
import { newestNote, splitNotes } from '../../src/audit/ledger/kept-notes.js';
import type { DepartingCheckpoint } from '../../src/audit/ledger/ledger-anchor.js';
import { noteKeyOf, signNote, verifierKeyText } from '../../src/audit/ledger/signed-note.js';
import { TiledTree } from '../../src/audit/ledger/tiled-tree.js';
import { TestWitness } from '../support/test-witness.js';

const run = promisify(execFile);
const ORIGIN = 'idp.example/ledger';
const { privateKey: KEY } = generateKeyPairSync('ed25519');

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nest-token-exchange-anchors-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function checkpoint(size: number, origin = ORIGIN): DepartingCheckpoint {
  const root = hashLeaf(Buffer.from(`${size}`));
  const note = signNote(checkpointText({ origin, size, root }), origin, KEY);
  const tree = new TiledTree(size, () => Promise.reject(new Error('nobody asks')));
  return { origin, size, root, note, tree, former: 0 };
}

async function git(cwd: string, ...words: readonly string[]): Promise<string> {
  return (await run('git', words, { cwd })).stdout;
}

const noteOf = (size: number): string => checkpoint(size).note;

describe('Notes that are kept one after the other', () => {
  it('are found again, and what is torn or something else is left out', () => {
    const [one, two, three] = [noteOf(1), noteOf(2), noteOf(3)];
    expect(splitNotes('')).toEqual([]);
    expect(splitNotes('something\n\nelse\n')).toEqual([]);
    expect(splitNotes(one)).toEqual([one]);
    expect(splitNotes(`${one}\n${two}\n`)).toEqual([one, two]);
    expect(splitNotes(`${two.slice(20)}\n${one}\n${two.slice(0, 30)}\n\n${three}\n`)).toContain(
      three,
    );
    const cosigned = `${two}— witness AAAA\n`;
    expect(splitNotes(`${one}\n${cosigned}\n${three}\n`)).toEqual([one, cosigned, three]);
  });

  it('are found again wherever the file was torn', () => {
    const [one, two] = [noteOf(1), noteOf(2)];
    fc.assert(
      fc.property(fc.nat(one.length), (at) => {
        const notes = splitNotes(`${one.slice(0, at)}\n\n${two}\n`);
        expect(newestNote(notes, ORIGIN)).toBe(two);
      }),
    );
  });

  it('have a newest one of each log', () => {
    const other = checkpoint(9, 'other.example/ledger').note;
    expect(newestNote([noteOf(5), noteOf(3), other, 'no\n\n— note AAAA\n'], ORIGIN)).toBe(
      noteOf(5),
    );
    expect(newestNote([other], ORIGIN)).toBeNull();
  });
});

describe('An anchor is due', () => {
  const settings = new AnchorSettings({ interval: 60_000 });
  const state = { ...newAnchor('file'), size: 10, anchoredAt: 0, triedAt: 0 };

  it('never without news, and with news once in an interval', () => {
    expect(isDue(newAnchor('file'), 0, 0, settings)).toBe(false);
    expect(isDue(newAnchor('file'), 1, 0, settings)).toBe(true);
    expect(isDue(state, 10, 1e9, settings)).toBe(false);
    expect(isDue(state, 11, 59_999, settings)).toBe(false);
    expect(isDue(state, 11, 60_000, settings)).toBe(true);
  });

  it.each([
    [1, 5_000],
    [2, 10_000],
    [5, 80_000],
    [60, 600_000],
  ])('after %d failures in %d milliseconds', (failures, pause) => {
    const failed = { ...state, failures, triedAt: 1_000 };
    expect(isDue(failed, 11, 1_000 + pause - 1, settings)).toBe(false);
    expect(isDue(failed, 11, 1_000 + pause, settings)).toBe(true);
  });

  it('late when there is news and it had none for three intervals', () => {
    expect(isLate(state, 10, 1e9, settings)).toBe(false);
    expect(isLate(state, 11, 180_000, settings)).toBe(false);
    expect(isLate(state, 11, 180_001, settings)).toBe(true);
    expect(isLate(newAnchor('file'), 1, 0, settings)).toBe(true);
  });
});

describe('A file', () => {
  it('keeps every checkpoint, also behind one that was torn', async () => {
    const path = join(folder, 'checkpoints');
    const anchor = new FileAnchor(path);
    expect(await anchor.last(ORIGIN)).toBeNull();
    await anchor.keep(checkpoint(1));
    await anchor.keep(checkpoint(2));
    expect(await readFile(path, 'utf8')).toBe(`${noteOf(1)}\n${noteOf(2)}\n`);
    await appendFile(path, noteOf(3).slice(0, 40));
    expect(await anchor.last(ORIGIN)).toBe(noteOf(2));
    await anchor.keep(checkpoint(4));
    expect(await anchor.last(ORIGIN)).toBe(noteOf(4));
    expect(await anchor.last('other.example/ledger')).toBeNull();
  });

  it('that cannot be written or read says why', async () => {
    const inNowhere = new FileAnchor(join(folder, 'nowhere', 'checkpoints'));
    await expect(inNowhere.keep(checkpoint(1))).rejects.toMatchObject({ reason: 'file_ENOENT' });
    await expect(new FileAnchor(folder).last(ORIGIN)).rejects.toMatchObject({
      reason: 'file_EISDIR',
    });
  });
});

describe('A git repository', () => {
  const environment = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };

  it('has every checkpoint as a commit, and pushes it', async () => {
    const [home, remote] = [join(folder, 'anchor'), join(folder, 'remote.git')];
    await git(folder, 'init', '-q', '--bare', remote);
    const anchor = new GitAnchor({ folder: home, remote: undefined, environment });
    await mkdir(home);
    expect(await anchor.last(ORIGIN)).toBeNull();
    await anchor.keep(checkpoint(1));
    await git(home, 'remote', 'add', 'away', remote);
    const pushing = new GitAnchor({ folder: home, remote: 'away', environment });
    await pushing.keep(checkpoint(2));
    expect(await pushing.last(ORIGIN)).toBe(noteOf(2));
    const messages = await git(remote, 'log', '--all', '--format=%s');
    expect(messages).toBe('Checkpoint of 2 records\nCheckpoint of 1 records\n');
  });

  it('runs nothing that lies in it', async () => {
    const home = join(folder, 'hooked');
    const anchor = new GitAnchor({ folder: home, remote: undefined, environment });
    await anchor.keep(checkpoint(1));
    const mark = join(folder, 'a hook ran');
    await mkdir(join(home, '.git', 'hooks'), { recursive: true });
    await writeFile(join(home, '.git', 'hooks', 'pre-commit'), `#!/bin/sh\ntouch '${mark}'\n`, {
      mode: 0o755,
    });
    await anchor.keep(checkpoint(2));
    await expect(readFile(mark)).rejects.toThrow('ENOENT');
  });

  it('is made in the folder, also inside another repository', async () => {
    const outer = join(folder, 'outer');
    await mkdir(join(outer, 'inner'), { recursive: true });
    await git(outer, 'init', '-q');
    const anchor = new GitAnchor({ folder: join(outer, 'inner'), remote: undefined, environment });
    await anchor.keep(checkpoint(1));
    expect((await git(join(outer, 'inner'), 'log', '--format=%s')).trim()).toBe(
      'Checkpoint of 1 records',
    );
    await expect(git(outer, 'log')).rejects.toThrow('does not have any commits');
  });

  it('that cannot be pushed says so', async () => {
    const home = join(folder, 'lonely');
    const anchor = new GitAnchor({ folder: home, remote: 'away', environment });
    await expect(anchor.keep(checkpoint(1))).rejects.toMatchObject({ reason: 'git_push' });
  });
});

describe('A webhook', () => {
  it('is signed as the published example of Standard Webhooks', () => {
    const secret = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    const [id, time] = ['msg_p5jXN8AQM9LWM0D4loKWxJek', '1614265330'];
    expect(webhookSignature(secret, id, time, '{"test": 2432232314}')).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    );
  });
});

describe('The cosignature of a witness', () => {
  const witness = new TestWitness('witness.example/w1');
  const key = readWitnessKey(witness.verifierKey);
  const text = checkpointText(checkpoint(3));
  const line = witness.cosign(text, 1_679_315_147).trimEnd();

  it('is found among the lines of others', () => {
    const other = new TestWitness('witness.example/w2').cosign(text, 1).trimEnd();
    const impostor = new TestWitness('witness.example/w1').cosign(text, 1).trimEnd();
    expect(cosignatureIn(['', other, impostor, line], text, key)).toBe(line);
  });

  it('is none for another text, another time or a changed byte', () => {
    const bytes = Buffer.from(line.split(' ')[2]!, 'base64');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      const bad = `— ${witness.name} ${changed.toString('base64')}`;
      expect(cosignatureIn([bad], text, key)).toBeUndefined();
    }
    expect(cosignatureIn([line], checkpointText(checkpoint(4)), key)).toBeUndefined();
    expect(cosignatureIn([line, `${line} x`], `${text}x\n`, key)).toBeUndefined();
  });

  it.each([
    verifierKeyText(noteKeyOf(ORIGIN, KEY)),
    witness.verifierKey.replace('w1+', 'w2+'),
    `${witness.verifierKey}A`,
    'witness.example',
    '',
  ])('needs a key that is one of a witness, and not %s', (text) => {
    expect(() => readWitnessKey(text)).toThrow('This is no key of a witness');
  });
});
