import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { KeySettings } from '../../src/keys/key-store.js';
import { SubjectNames } from '../../src/tokens/subject-names.js';

function namesUnder(key: number): SubjectNames {
  return new SubjectNames(new KeySettings({ encryptionKey: Buffer.alloc(32, key) }));
}

describe('A pairwise name', () => {
  const names = namesUnder(1);

  it('is another for another person, another sector and another key', () => {
    const text = fc.string({ maxLength: 4 });
    fc.assert(
      fc.property(text, text, text, text, (sector, account, otherSector, otherAccount) => {
        fc.pre(sector !== otherSector || account !== otherAccount);
        expect(names.pairwise(sector, account)).not.toBe(names.pairwise(otherSector, otherAccount));
        expect(names.pairwise(sector, account)).not.toBe(namesUnder(2).pairwise(sector, account));
      }),
    );
    expect(names.pairwise('a.example', 'b')).not.toBe(names.pairwise('a.exampl', 'eb'));
    expect(names.pairwise('a","b', 'c')).not.toBe(names.pairwise('a', 'b","c'));
  });

  it('is always the same, and of 43 characters of base64url', () => {
    fc.assert(
      fc.property(fc.string(), fc.uuid(), (sector, account) => {
        const name = names.pairwise(sector, account);
        expect(name).toMatch(/^[A-Za-z0-9_-]{43}$/);
        expect(namesUnder(1).pairwise(sector, account)).toBe(name);
      }),
    );
    // Clients keep it for years, so that it must survive every new version.
    expect(names.pairwise('app.example', '0199aaaa-0000-7000-8000-0000000000aa')).toBe(
      'kTfluiCDwvJkPE-K_thqPhjq6Pbx-3tKvm4KhhBJoXk',
    );
  });
});
