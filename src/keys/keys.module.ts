import { Module, type OnApplicationBootstrap } from '@nestjs/common';

import { KeyRing } from './key-ring.js';
import { SealedValues } from './sealed-values.js';

/**
 * The signing keys, of which it makes the first ones at start, and what else is sealed with a key of
 * ours. Needs the ports `KeyStore`, `KeySettings` and `Clock`.
 */
@Module({ providers: [KeyRing, SealedValues], exports: [KeyRing, SealedValues] })
export class KeysModule implements OnApplicationBootstrap {
  constructor(private readonly ring: KeyRing) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.ring.ensureKey();
  }
}
