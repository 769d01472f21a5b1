import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import { KeySettings } from '../keys/key-store.js';
import { invalidFields } from './problem.js';

const MAX_LENGTH = 2048;

/**
 * Where the next page of a list begins, as a text that only this service can make: a position and
 * its HMAC under a key derived for this purpose alone. It is bound to its list, so that no cursor
 * is taken for another list or another search.
 */
@Injectable()
export class Cursors {
  readonly #key: Buffer;

  constructor(settings: KeySettings) {
    this.#key = Buffer.from(
      hkdfSync('sha256', settings.encryptionKey, '', 'nest-token-exchange admin cursor', 32),
    );
  }

  /** @param list names the list, with its filters; position is what the store goes on from */
  write(list: string, position: string): string {
    const text = Buffer.from(position, 'utf8').toString('base64url');
    return `${text}.${this.#mac(list, text).toString('base64url')}`;
  }

  /**
   * The position in a cursor; undefined when there is no cursor.
   * @throws Problem (400) when it is not ours or belongs to another list
   */
  read(list: string, cursor: string | undefined): string | undefined {
    if (cursor === undefined) return undefined;
    const [text, mac, ...rest] = cursor.length <= MAX_LENGTH ? cursor.split('.') : [];
    if (text === undefined || mac === undefined || rest.length > 0) throw notOurs();
    const right = this.#mac(list, text);
    const given = Buffer.from(mac, 'base64url');
    if (given.length !== right.length || !timingSafeEqual(given, right)) throw notOurs();
    return Buffer.from(text, 'base64url').toString('utf8');
  }

  #mac(list: string, text: string): Buffer {
    return createHmac('sha256', this.#key)
      .update(JSON.stringify([list, text]))
      .digest();
  }
}

function notOurs(): Error {
  return invalidFields([
    { field: 'cursor', problem: 'must be the value of "next" in an answer to the same search' },
  ]);
}
