import { describe, expect, it } from '@jest/globals';

import { fact, termOf } from '../../src/audit/questions/facts.js';
import { RecentTerms } from '../../src/typeorm/recent-terms.js';

describe('The terms of the newest records', () => {
  it('are those of their facts, whether seen before or not', () => {
    const recent = new RecentTerms();
    const expected = [termOf(fact('client', 'a')), termOf(fact('issued_jti', 'a'))];
    for (let round = 0; round < 2; round += 1)
      expect(
        recent.terms((take) => {
          take('client', 'a');
          take('issued_jti', 'a');
        }),
      ).toEqual(expected);
  });

  it('are known by the place of the record, as long as few came after it', () => {
    const recent = new RecentTerms();
    recent.keep(7, [
      { time: 1, terms: [1] },
      { time: 2, terms: [2] },
    ]);
    expect([6, 7, 8, 9].map((place) => recent.at(place)?.time)).toEqual([
      undefined,
      1,
      2,
      undefined,
    ]);
    recent.keep(7 + 4_096, [{ time: 3, terms: [3] }]);
    expect(recent.at(7)).toBeUndefined();
    expect(recent.at(8)?.terms).toEqual([2]);
  });

  it('are forgotten when the log begins again before its end: the database was put back', () => {
    const recent = new RecentTerms();
    recent.keep(0, [
      { time: 1, terms: [1] },
      { time: 2, terms: [2] },
    ]);
    recent.keep(1, [{ time: 3, terms: [3] }]);
    expect([0, 1].map((place) => recent.at(place)?.time)).toEqual([undefined, 3]);
  });
});
