import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const VERSION = 'v1';

/** A stored private key that cannot be opened. */
export class KeySealError extends Error {
  override readonly name = 'KeySealError';
}

/**
 * Seals private keys at rest: AES-256-GCM with a key derived for this purpose alone (HKDF-SHA-256),
 * bound to the key id, so that a sealed key cannot be moved to another row.
 */
export class KeySeal {
  readonly #key: Buffer;

  /**
   * @param encryptionKey 32 bytes from the configuration
   * @param purpose what kind of keys: what is sealed for one opens for no other
   */
  constructor(
    encryptionKey: Buffer,
    purpose: 'signing' | 'subject' | 'ledger' | 'sink' = 'signing',
  ) {
    const info = `nest-token-exchange ${purpose} key seal`;
    this.#key = Buffer.from(hkdfSync('sha256', encryptionKey, '', info, 32));
  }

  seal(kid: string, text: string): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(kid));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return [
      VERSION,
      nonce.toString('base64url'),
      sealed.toString('base64url'),
      cipher.getAuthTag().toString('base64url'),
    ].join('.');
  }

  /** @throws KeySealError when it was sealed with another key, for another `kid`, or changed */
  open(kid: string, sealed: string): string {
    const [version, nonce, body, tag] = sealed.split('.');
    if (version !== VERSION || nonce === undefined || body === undefined || tag === undefined) {
      throw new KeySealError(`The stored private key ${kid} is not in a form this version reads`);
    }
    const decipher = createDecipheriv('aes-256-gcm', this.#key, Buffer.from(nonce, 'base64url'), {
      authTagLength: 16,
    })
      .setAAD(Buffer.from(kid))
      .setAuthTag(Buffer.from(tag, 'base64url'));
    try {
      return Buffer.concat([
        decipher.update(Buffer.from(body, 'base64url')),
        decipher.final(),
      ]).toString('utf8');
    } catch {
      throw new KeySealError(
        `The stored private key ${kid} does not open with the configured encryption key`,
      );
    }
  }
}
