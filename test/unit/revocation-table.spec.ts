import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { FOR_EVER, strongest, type Revocation } from '../../src/tokens/revocation.js';
import { RevocationTable } from '../../src/tokens/revocation-table.js';

const NOW = 1_800_000_000_000;
const LETTERS = ['t', 'h', 's', 'a', 'c', 'p', 'q', 'i'] as const;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Keys of which many are alike: in their place, or but for one character. */
const keys = fc
  .tuple(
    fc.constantFrom(...LETTERS),
    fc.oneof(
      fc.string({ unit: fc.constantFrom(...ALPHABET.split('')), minLength: 16, maxLength: 16 }),
      fc
        .string({ unit: fc.constantFrom('A', '_'), minLength: 2, maxLength: 2 })
        .map((end) => `AAAAAAAAAAAAAA${end}`),
      fc.constantFrom('A'.repeat(16), '_'.repeat(16), `${'A'.repeat(4)}BAAABAAABAAA`),
    ),
  )
  .map(([letter, text]) => letter + text);

const found: fc.Arbitrary<Revocation> = fc.record({
  key: keys,
  before: fc.oneof(
    fc.integer({ min: 0, max: NOW * 2 }),
    fc.constantFrom(0, 1, 2 ** 32 - 1, 2 ** 32, FOR_EVER),
  ),
  expiresAt: fc.option(fc.integer({ min: 0, max: 1_000 }).map((ahead) => NOW + ahead * 1_000)),
});

describe('A table of revocations', () => {
  it('finds exactly what a map of them would', () => {
    fc.assert(
      fc.property(fc.array(found, { maxLength: 60 }), fc.array(keys), (added, others) => {
        const table = new RevocationTable();
        for (const revocation of added) table.add(revocation, NOW);
        const model = new Map(strongest(added).map(({ key, before }) => [key, before]));
        const asked = [...model.keys(), ...others];
        expect(asked.map((key) => [key, table.find(key)])).toEqual(
          asked.map((key) => [key, model.get(key)]),
        );
        expect(table.size).toBe(model.size);
        for (const letter of LETTERS)
          expect(table.has(letter)).toBe([...model.keys()].some((key) => key.startsWith(letter)));
      }),
      { numRuns: 500 },
    );
  });

  it('keeps all that is in force while it grows, and forgets what is over', () => {
    fc.assert(
      fc.property(
        fc.array(found, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 1_500 }),
        (added, ahead) => {
          const table = new RevocationTable();
          for (const revocation of added) table.add(revocation, NOW);
          const later = NOW + ahead * 1_000;
          const filled = fill(table, 1_500, later);
          const known = strongest(added);
          expect(known.map(({ key }) => [key, table.find(key)])).toEqual(
            known.map(({ key, before, expiresAt }) => {
              const isOver = expiresAt !== null && expiresAt <= later;
              return [key, isOver ? undefined : before];
            }),
          );
          expect(filled.filter((key) => table.find(key) !== 1)).toEqual([]);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('does not grow for what has been over for long, however much goes through it', () => {
    const table = new RevocationTable();
    let most = 0;
    for (let index = 0; index < 200_000; index += 1) {
      const now = NOW + index * 1_000;
      table.add({ key: keyOf(index), before: FOR_EVER, expiresAt: now + 60_000 }, now);
      most = Math.max(most, table.size);
    }
    // The smallest table has 1024 places and is half full before it is looked through.
    expect(most).toBeLessThanOrEqual(512);
    expect(table.find(keyOf(199_999))).toBe(FOR_EVER);
  });

  it('a hundred thousand at once are all there', () => {
    const table = new RevocationTable();
    const filled = fill(table, 100_000, NOW);
    expect(table.size).toBe(100_000);
    expect(filled.every((key) => table.find(key) === 1)).toBe(true);
    expect(table.find(keyOf(100_001, 't'))).toBeUndefined();
  });

  it('never makes weaker what is there', () => {
    const table = new RevocationTable();
    const key = keyOf(1);
    table.add({ key, before: FOR_EVER, expiresAt: null }, NOW);
    table.add({ key, before: 5, expiresAt: NOW + 1_000 }, NOW);
    fill(table, 2_000, NOW + 2_000);
    expect(table.find(key)).toBe(FOR_EVER);
  });
});

/** A key that no other number has, in another place than its neighbours, as marks are. */
function keyOf(index: number, letter = 'h'): string {
  let text = '';
  for (let rest = index; text.length < 16; rest = Math.floor(rest / 64))
    text = (ALPHABET[rest % 64] ?? '') + text;
  return letter + text;
}

function fill(table: RevocationTable, count: number, now: number): readonly string[] {
  const all = Array.from({ length: count }, (_, index) => keyOf(index + 7, 'e'));
  for (const key of all) table.add({ key, before: 1, expiresAt: null }, now);
  return all;
}
