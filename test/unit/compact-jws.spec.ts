import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { normalType, readCompactJws } from '../../src/tokens/compact-jws.js';

const HEADER = { alg: 'ES256', kid: 'k1', typ: 'at+jwt' };
const CLAIMS = { iss: 'https://login.example', sub: 'alice' };
const SIGNATURE = Buffer.alloc(64, 7).toString('base64url');

function encode(value: unknown): string {
  const bytes =
    typeof value === 'string' || value instanceof Buffer ? value : JSON.stringify(value);
  return Buffer.from(bytes).toString('base64url');
}

function jws(header: unknown, claims: unknown = CLAIMS, signature = SIGNATURE): string {
  return `${encode(header)}.${encode(claims)}.${signature}`;
}

function padded(length: number): string {
  return jws(HEADER, { ...CLAIMS, pad: 'x'.repeat(length) });
}

/** Claims whose subject is these bytes. */
function bytes(...list: readonly number[]): Buffer {
  return Buffer.concat([Buffer.from('{"sub":"'), Buffer.from(list), Buffer.from('"}')]);
}

const GENUINE = jws(HEADER);

describe('a compact JWS is refused', () => {
  it('when it does not have exactly three parts, as a JWE has five', () => {
    const [header, claims, signature] = GENUINE.split('.');
    for (const token of [
      '',
      '.',
      '..',
      `${header}`,
      `${header}.${claims}`,
      `${header}.${claims}.`,
      `.${claims}.${signature}`,
      `${header}..${signature}`,
      `${GENUINE}.`,
      `.${GENUINE}`,
      `${header}.${SIGNATURE}.${SIGNATURE}.${claims}.${signature}`,
      '.'.repeat(16_384),
    ]) {
      expect(readCompactJws(token)).toBeUndefined();
    }
  });

  it('when it has a character that base64url has not', () => {
    for (const foreign of [
      ' ',
      '\n',
      '\t',
      '=',
      '+',
      '/',
      '~',
      '%',
      '\u0000',
      'é',
      '"',
      '{',
      ',',
    ]) {
      for (const place of [0, 5, GENUINE.indexOf('.') + 3, GENUINE.length]) {
        const token = GENUINE.slice(0, place) + foreign + GENUINE.slice(place);
        expect(readCompactJws(token)).toBeUndefined();
      }
    }
  });

  it('when it is the JSON serialization, or both at once', () => {
    const [header, payload, signature] = GENUINE.split('.');
    const flattened = JSON.stringify({
      protected: header,
      payload,
      signature,
      header: { kid: 'x' },
    });
    for (const token of [flattened, `${flattened}.${payload}.${signature}`, `{"a":"${GENUINE}"}`])
      expect(readCompactJws(token)).toBeUndefined();
  });

  it('when a part is not spelled in the one canonical way', () => {
    // 64 bytes leave four bits of the last character without a meaning.
    const last = SIGNATURE.slice(-1);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.split('');
    const accepted = alphabet.filter((end) => readCompactJws(GENUINE.slice(0, -1) + end));
    expect(accepted).toEqual(['A', 'Q', 'g', 'w']);
    expect(accepted).toContain(last);
    expect(readCompactJws(`${encode(HEADER)}.${encode(CLAIMS)}.A`)).toBeUndefined();
  });

  it('when it is longer than 16 kB', () => {
    expect(readCompactJws(padded(11_900))).toBeDefined();
    expect(readCompactJws(padded(12_300))).toBeUndefined();
  });

  it.each([[undefined], [null], [1], [['ES256']], [{ ES256: true }], [false]])(
    'when its alg is %j',
    (alg) => {
      expect(readCompactJws(jws({ ...HEADER, alg }))).toBeUndefined();
    },
  );

  it.each([
    ['crit', ['exp']],
    ['crit', []],
    ['crit', null],
    ['crit', ['b64']],
    ['crit', 'exp'],
    ['b64', false],
    ['b64', true],
    ['kid', null],
    ['kid', ['k1']],
    ['kid', 1],
    ['kid', {}],
    ['typ', null],
    ['typ', ['at+jwt']],
    ['typ', 1],
    ['typ', 'none'],
    ['typ', 'application/NONE'],
  ])('when its header has the %s %j', (name, value) => {
    expect(readCompactJws(jws({ ...HEADER, [name]: value }))).toBeUndefined();
  });

  it.each(['"x"', '[]', 'null', '123', '[{"sub":"a"}]', '{"sub":"a","sub":"b"}', '', '{'])(
    'when its header or its claims are %s',
    (text) => {
      expect(readCompactJws(jws(HEADER, text))).toBeUndefined();
      expect(readCompactJws(jws(text))).toBeUndefined();
    },
  );

  it('when a part is not UTF-8, or begins with a byte order mark', () => {
    for (const list of [[0xff], [0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]])
      expect(readCompactJws(jws(HEADER, bytes(...list)))).toBeUndefined();
    expect(readCompactJws(jws(HEADER, bytes(0xc3, 0xa9)))?.claims).toEqual({ sub: 'é' });
    expect(readCompactJws(jws(HEADER, `\ufeff${JSON.stringify(CLAIMS)}`))).toBeUndefined();
  });

  it('when ten thousand actors are nested in it', () => {
    const act = '{"act":'.repeat(1_700) + '{}' + '}'.repeat(1_700);
    expect(act.length).toBeLessThan(16_384);
    expect(readCompactJws(jws(HEADER, act))).toBeUndefined();
    expect(readCompactJws(jws(HEADER, '{"act":'.repeat(10_000)))).toBeUndefined();
  });
});

describe('a compact JWS is read', () => {
  it('with its algorithm, key id, type and claims', () => {
    const read = { algorithm: 'ES256', keyId: 'k1', type: 'at+jwt', claims: CLAIMS };
    expect(readCompactJws(GENUINE)).toEqual(read);
    expect(readCompactJws(jws({ alg: 'none' }))).toEqual({
      algorithm: 'none',
      keyId: undefined,
      type: 'none',
      claims: CLAIMS,
    });
  });

  it('with its type in lower case and without application/', () => {
    expect(
      ['AT+JWT', 'at+JWT', 'application/at+jwt', 'Application/AT+JWT'].map(normalType),
    ).toEqual(['at+jwt', 'at+jwt', 'at+jwt', 'at+jwt']);
    expect(normalType('x-application/at+jwt')).toBe('x-application/at+jwt');
    expect(readCompactJws(jws({ ...HEADER, typ: 'application/AT+JWT' }))?.type).toBe('at+jwt');
  });

  it('without looking at the keys that its header brings', () => {
    const jwk = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' };
    const header = { ...HEADER, jwk, jku: 'https://evil.example', x5u: 'https://evil.example' };
    const read = readCompactJws(jws({ ...header, x5c: ['MII'] }));
    expect(read).toEqual(readCompactJws(GENUINE));
  });

  it('or refused, whatever is sent, and nothing is ever thrown', () => {
    const json = fc.json().map(encode);
    const part = fc.oneof(json, fc.string(), fc.base64String(), fc.constant(encode(HEADER)));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const read = readCompactJws(parts.join('.'));
        if (read !== undefined) expect(parts.join('.').split('.')).toHaveLength(3);
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(fc.nat(GENUINE.length - 1), fc.string({ maxLength: 2 }), (place, noise) => {
        readCompactJws(GENUINE.slice(0, place) + noise + GENUINE.slice(place + 1));
        expect(readCompactJws(GENUINE.slice(0, GENUINE.lastIndexOf('.') + 1))).toBeUndefined();
      }),
    );
  });
});
