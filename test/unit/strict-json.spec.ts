import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { readStrictJson } from '../../src/tokens/strict-json.js';

function nested(levels: number): string {
  return '{"a":'.repeat(levels - 1) + '{}' + '}'.repeat(levels - 1);
}

function ofLength(length: number): string {
  return `{"a":"${'x'.repeat(length - 8)}"}`;
}

describe('JSON of a stranger is refused', () => {
  it.each(['', ' ', '"x"', '[]', '[{}]', 'null', '123', 'true', 'undefined', 'NaN'])(
    'when it is not an object: %j',
    (text) => {
      expect(readStrictJson(text)).toBeUndefined();
    },
  );

  it.each([
    '{"sub":"a","sub":"b"}',
    '{"sub":"a","sub":"a"}',
    '{"sub":"a","\\u0073ub":"b"}',
    '{"s\\u0075b":"a","su\\u0062":"b"}',
    '{"":1,"":2}',
    '{"act":{"sub":"a","sub":"b"}}',
    '{"act":[{"a":1},{"sub":"a","sub":"b"}]}',
    '{"a":{"b":{"c":[[{"d":1,"e":2,"d":3}]]}}}',
    '{"a\\"":1,"a\\"":2}',
    '{"a":{"a":1},"a":{}}',
  ])('when an object names a member twice: %s', (text) => {
    expect(readStrictJson(text)).toBeUndefined();
  });

  it('when it is nested deeper than 32 levels', () => {
    expect(readStrictJson(nested(32))).toBeDefined();
    expect(readStrictJson(nested(33))).toBeUndefined();
    expect(readStrictJson(`{"a":${'['.repeat(32)}${']'.repeat(32)}}`)).toBeUndefined();
    expect(readStrictJson('{"a":'.repeat(3000))).toBeUndefined();
    expect(readStrictJson(nested(10_000), 1_000_000)).toBeUndefined();
  });

  it('when it is longer than 16 kB, or than it was allowed to be', () => {
    expect(readStrictJson(ofLength(16_384))).toBeDefined();
    expect(readStrictJson(ofLength(16_385))).toBeUndefined();
    expect(readStrictJson(ofLength(16_385), 20_000)).toBeDefined();
    expect(readStrictJson(ofLength(101), 100)).toBeUndefined();
  });

  it.each(['1e309', '-1e309', 'Infinity', '[1,[2,1e999]]', '{"b":-1e400}'])(
    'when a number is not finite: %s',
    (number) => {
      expect(readStrictJson(`{"exp":${number}}`)).toBeUndefined();
    },
  );

  it.each([
    '{"sub":"a\\u0000b"}',
    '{"a\\u0000":1}',
    '{"sub":"\\ud800"}',
    '{"sub":["\\udfff"]}',
    '{"\\ud800x":1}',
  ])('when a text could not be kept as it is: %s', (text) => {
    expect(readStrictJson(text)).toBeUndefined();
  });

  it.each([
    '{"__proto__":{"admin":true}}',
    '{"\\u005f_proto__":{"admin":true}}',
    '{"act":{"__proto__":null}}',
  ])('when a member would become a prototype: %s', (text) => {
    expect(readStrictJson(text)).toBeUndefined();
    expect({}).not.toHaveProperty('admin');
  });

  it.each([
    '{"a":1',
    '{"a":1}}',
    '}{',
    '{"a":1}{"b":2}',
    '{"a":1,}',
    "{'a':1}",
    '{a:1}',
    '{"a"::1}',
    '{"a":"\n"}',
    '{"a":"\\',
    '{"a":"',
    '{"a":01}',
    '\ufeff{"a":1}',
    '{"a":1}//',
  ])('when it is not JSON: %j', (text) => {
    expect(readStrictJson(text)).toBeUndefined();
  });
});

describe('JSON of a stranger is read', () => {
  it('as the platform reads it, whatever its texts hold', () => {
    const member = fc.string({ unit: 'grapheme' }).filter((text) => text !== '__proto__');
    const { tree } = fc.letrec((tie) => ({
      leaf: fc.oneof(member, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean()),
      tree: fc.oneof(
        { maxDepth: 4 },
        tie('leaf'),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(member, tie('tree'), { maxKeys: 4, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(
        fc.dictionary(member, tree, { noNullPrototype: true }),
        fc.boolean(),
        (value, wide) => {
          const text = JSON.stringify(value, undefined, wide ? 2 : 0);
          fc.pre(text.length <= 16_384 && !text.includes('\\u0000'));
          expect(readStrictJson(text)).toEqual(JSON.parse(text));
        },
      ),
    );
  });

  it('or refused, and nothing is ever thrown', () => {
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"',
      '\\',
      'a',
      '1',
      'e9',
      '\\u0061',
      'null',
      ' ',
    ];
    const noise = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom(...pieces)).map((list) => list.join('')),
    );
    fc.assert(
      fc.property(noise, (text) => {
        const value = readStrictJson(text);
        if (value !== undefined) expect(value).toEqual(JSON.parse(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('with members that are called like those of every object', () => {
    const value = readStrictJson('{"constructor":1,"toString":"x","hasOwnProperty":null}');
    expect(value && Object.entries(value)).toEqual([
      ['constructor', 1],
      ['toString', 'x'],
      ['hasOwnProperty', null],
    ]);
  });
});
