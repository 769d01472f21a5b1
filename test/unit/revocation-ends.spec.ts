import { describe, expect, it } from '@jest/globals';

import { keyOf } from '../../src/tokens/revocation.js';
import { RevocationTable } from '../../src/tokens/revocation-table.js';

const NOW = 1_800_000_000_000;

/** A table to which many are added that expire at a time. */
function tableOf(count: number, expiresAt: number | null, now: number): RevocationTable {
  const table = new RevocationTable();
  for (let index = 0; index < count; index += 1)
    table.add({ key: keyOf('t', `token ${index}`), before: NOW, expiresAt }, now);
  return table;
}

/** Adds so many that the table grows. */
function fill(table: RevocationTable, from: number, now: number): void {
  for (let index = 0; index < from; index += 1)
    table.add({ key: keyOf('h', `chain ${index}`), before: NOW, expiresAt: null }, now);
}

describe('What is remembered of revocations', () => {
  it('is forgotten when it has no effect any more and the table grows', () => {
    const table = tableOf(500, NOW + 1_000, NOW);
    fill(table, 100, NOW + 5_000);
    expect(table.size).toBe(100);
    expect(table.find(keyOf('t', 'token 7'))).toBeUndefined();
    expect(table.find(keyOf('h', 'chain 7'))).toBe(NOW);
  });

  it('is kept while it has an effect, and for ever when it says no end, whatever is added', () => {
    const [ending, endless] = [keyOf('c', 'ending'), keyOf('c', 'endless')];
    const table = tableOf(0, null, NOW);
    table.add({ key: ending, before: NOW, expiresAt: NOW + 9_000 }, NOW);
    table.add({ key: endless, before: NOW, expiresAt: null }, NOW);
    table.add({ key: endless, before: NOW, expiresAt: NOW + 1 }, NOW);
    fill(table, 3_000, NOW + 8_000);
    expect([table.find(ending), table.find(endless)]).toEqual([NOW, NOW]);
  });

  it('is kept longer when it is revoked again with a later end, or without any', () => {
    const [later, never] = [keyOf('c', 'later'), keyOf('c', 'never')];
    const table = tableOf(0, null, NOW);
    for (const key of [later, never]) table.add({ key, before: NOW, expiresAt: NOW + 1_000 }, NOW);
    table.add({ key: later, before: NOW - 1, expiresAt: NOW + 9_000 }, NOW);
    table.add({ key: never, before: NOW + 1, expiresAt: null }, NOW);
    fill(table, 3_000, NOW + 8_000);
    expect([table.find(later), table.find(never)]).toEqual([NOW, NOW + 1]);
  });

  it('is kept when its end is further away than a word can count', () => {
    const table = tableOf(1, 2 ** 48, NOW);
    table.add({ key: keyOf('c', 'far'), before: NOW, expiresAt: (2 ** 32 + 1) * 1_000 }, NOW);
    fill(table, 3_000, NOW);
    expect([table.find(keyOf('t', 'token 0')), table.find(keyOf('c', 'far'))]).toEqual([NOW, NOW]);
  });
});
