import { createHmac, hkdfSync } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import { KeySettings } from '../keys/key-store.js';

/**
 * Names under which clients know people (OpenID Connect Core section 8.1). They last as long as the
 * encryption key they are derived from.
 */
@Injectable()
export class SubjectNames {
  readonly #key: Buffer;

  constructor(settings: KeySettings) {
    this.#key = Buffer.from(
      hkdfSync('sha256', settings.encryptionKey, '', 'nest-token-exchange pairwise subject', 32),
    );
  }

  /**
   * The name of a person for the clients of one sector: always the same, and without the key nobody
   * can tell whose it is, or that it is the same person's as in another sector.
   */
  pairwise(sectorHost: string, accountId: string): string {
    return createHmac('sha256', this.#key)
      .update(JSON.stringify([sectorHost, accountId]))
      .digest('base64url');
  }
}
