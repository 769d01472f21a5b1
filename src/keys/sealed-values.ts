import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import type { Json } from '../oauth/claims.js';
import { KeySettings } from './key-store.js';

/** Characters of a sealed value: what is longer is never looked at. */
const MAX_LENGTH = 16_384;
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Seals values that leave this server and come back, so that nobody else can read, change or make
 * one: AES-256-GCM with a key for each purpose (HKDF-SHA-256), so that what is sealed for one opens
 * for no other. It knows no time: a value that must end says in itself when.
 */
@Injectable()
export class SealedValues {
  readonly #keys = new Map<string, Buffer>();

  constructor(private readonly settings: KeySettings) {}

  /**
   * A text in the alphabet of base64url that says nothing about the value but its length.
   * @throws Error when the text would be longer than 16 kB
   */
  seal(purpose: string, value: Json | object): string {
    const nonce = randomBytes(NONCE_LENGTH);
    const cipher = createCipheriv('aes-256-gcm', this.#key(purpose), nonce);
    const body = [cipher.update(JSON.stringify(value), 'utf8'), cipher.final()];
    const sealed = Buffer.concat([nonce, ...body, cipher.getAuthTag()]).toString('base64url');
    if (sealed.length > MAX_LENGTH) throw new Error('The value is too long to be sealed');
    return sealed;
  }

  /** What was sealed for this purpose; undefined when this is anything else, however little. */
  open(purpose: string, sealed: string): Json | undefined {
    const bytes = decode(sealed);
    if (bytes === undefined) return undefined;
    const nonce = bytes.subarray(0, NONCE_LENGTH);
    const decipher = createDecipheriv('aes-256-gcm', this.#key(purpose), nonce, {
      authTagLength: TAG_LENGTH,
    }).setAuthTag(bytes.subarray(-TAG_LENGTH));
    try {
      const body = decipher.update(bytes.subarray(NONCE_LENGTH, -TAG_LENGTH));
      return JSON.parse(utf8.decode(Buffer.concat([body, decipher.final()]))) as Json;
    } catch {
      return undefined;
    }
  }

  /** Purposes are words of the code, so that there are few. */
  #key(purpose: string): Buffer {
    const known = this.#keys.get(purpose);
    if (known !== undefined) return known;
    const info = `nest-token-exchange sealed value: ${purpose}`;
    const key = Buffer.from(hkdfSync('sha256', this.settings.encryptionKey, '', info, 32));
    this.#keys.set(purpose, key);
    return key;
  }
}

/** Only the one canonical spelling, so that no character of it can be changed. */
function decode(sealed: string): Buffer | undefined {
  if (sealed.length > MAX_LENGTH) return undefined;
  const bytes = Buffer.from(sealed, 'base64url');
  const isWhole = bytes.length > NONCE_LENGTH + TAG_LENGTH;
  return isWhole && bytes.toString('base64url') === sealed ? bytes : undefined;
}
