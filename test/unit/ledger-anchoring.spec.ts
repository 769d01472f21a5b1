import { generateKeyPairSync, type KeyObject } from 'node:crypto';

import { beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';

import { LedgerAnchoring, LedgerAnchors } from '../../src/anchors/ledger-anchoring.js';
import { AnchorSettings } from '../../src/audit/ledger/anchor-store.js';
import { checkpointText } from '../../src/audit/ledger/checkpoint.js';
import { Frontier } from '../../src/audit/ledger/frontier.js';
import { hashLeaf } from '../../src/audit/ledger/hashing.js';
import { AnchorError, LedgerAnchor } from '../../src/audit/ledger/ledger-anchor.js';
import type { LedgerReader } from '../../src/audit/ledger/ledger-reader.js';
import { noteKeyOf, signNote, verifierKeyText } from '../../src/audit/ledger/signed-note.js';
import { IssuerSettings } from '../../src/oauth/issuer-settings.js';
import { InMemoryAnchorStore } from '../../src/testing/index.js';
import { FakeClock } from '../support/fake-clock.js';

const ORIGIN = 'idp.example/ledger';
const KEY = generateKeyPairSync('ed25519').privateKey;
const NEVER = new Promise<never>(() => undefined);

/** An anchor that does as a test says. */
class TestAnchor extends LedgerAnchor {
  readonly name = 'test';
  held: () => Promise<string | null> = () => Promise.resolve(null);
  taken: string[] = [];
  take: () => Promise<null> = () => Promise.resolve(null);

  last(): Promise<string | null> {
    return this.held();
  }

  async keep({ note }: { readonly note: string }): Promise<null> {
    this.taken.push(note);
    return this.take();
  }
}

function leaves(count: number, word = 'leaf'): Buffer[] {
  return Array.from({ length: count }, (_, at) => hashLeaf(Buffer.from(`${word} ${at}`)));
}

function noteOf(hashes: readonly Buffer[], key: KeyObject = KEY): string {
  const { size, root } = Frontier.EMPTY.append(hashes);
  return signNote(checkpointText({ origin: ORIGIN, size, root }), ORIGIN, key);
}

let anchor: TestAnchor;
let store: InMemoryAnchorStore;
let clock: FakeClock;
let anchoring: LedgerAnchoring;
let log: Buffer[];

beforeEach(async () => {
  Logger.overrideLogger(false);
  anchor = new TestAnchor();
  store = new InMemoryAnchorStore();
  clock = new FakeClock();
  log = leaves(5);
  const reader = {
    size: () => Promise.resolve(log.length),
    checkpoint: () => Promise.resolve(noteOf(log)),
    tile: () => Promise.resolve(Buffer.concat(log)),
    verifierKeys: () => Promise.resolve([verifierKeyText(noteKeyOf(ORIGIN, KEY))]),
  } as Partial<LedgerReader> as LedgerReader;
  anchoring = new LedgerAnchoring(
    new LedgerAnchors([anchor]),
    new AnchorSettings({ interval: 60_000, patience: 20 }),
    clock,
    new IssuerSettings({ issuer: 'https://idp.example' }),
    store,
    reader,
  );
  await store.declare(['test']);
});

describe('A log is not continued', () => {
  it.each([
    ['more than there is', () => noteOf(leaves(6)), 'and only 5 are signed here'],
    ['another history', () => noteOf(leaves(4, 'other')), 'another history of the first 4 records'],
    [
      'what another key has signed',
      () => noteOf(leaves(4), generateKeyPairSync('ed25519').privateKey),
      'no key of this log has signed',
    ],
    ['what is no checkpoint', () => 'x\n\n— x AAAAAAAA\n', 'no key of this log has signed'],
  ])('when an anchor holds %s', async (_, note, why) => {
    anchor.held = () => Promise.resolve(note());
    await expect(anchoring.assure()).rejects.toThrow(why);
    await expect(anchoring.run()).rejects.toThrow('The ledger is not what it was');
    expect(anchor.taken).toEqual([]);
    // Once that is put aside, all is well.
    anchor.held = () => Promise.resolve(null);
    await anchoring.run();
    await expect(anchoring.assure()).resolves.toBeUndefined();
    expect(anchor.taken).toHaveLength(1);
  });

  it('when the database says itself that an anchor took something else', async () => {
    const [state] = await store.list();
    await store.save({ ...state!, size: 4, note: noteOf(leaves(4, 'other')) });
    await expect(anchoring.assure()).rejects.toThrow('another history');
  });
});

describe('A log is continued', () => {
  it('when an anchor holds its beginning', async () => {
    anchor.held = () => Promise.resolve(noteOf(leaves(4)));
    await expect(anchoring.assure()).resolves.toBeUndefined();
  });

  it.each([
    ['cannot be read', () => Promise.reject(new AnchorError('file_EIO'))],
    ['does not answer', () => NEVER],
  ])('when an anchor %s', async (_, held) => {
    anchor.held = held;
    await expect(anchoring.assure()).resolves.toBeUndefined();
  });

  it('when an anchor does not take it, which is tried again ever less often', async () => {
    anchor.take = () => NEVER;
    await anchoring.run();
    expect((await store.list())[0]).toMatchObject({ failures: 1, error: 'timeout', size: 0 });
    anchor.take = () => Promise.reject(new Error('a secret'));
    clock.advance(4_999);
    await anchoring.run();
    expect(anchor.taken).toHaveLength(1);
    clock.advance(1);
    await anchoring.run();
    expect((await store.list())[0]).toMatchObject({ failures: 2, error: 'internal_error' });
    anchor.take = () => Promise.resolve(null);
    clock.advance(10_000);
    await anchoring.run();
    expect((await store.list())[0]).toMatchObject({
      failures: 0,
      error: null,
      size: 5,
      note: noteOf(log),
      anchoredAt: clock.now(),
    });
    clock.advance(60_000);
    await anchoring.run();
    expect(anchor.taken).toHaveLength(3);
    log = leaves(6);
    await anchoring.run();
    expect(anchor.taken.at(-1)).toBe(noteOf(log));
  });
});
