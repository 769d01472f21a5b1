import { Module, type OnApplicationBootstrap } from '@nestjs/common';

import { KeyRing } from './key-ring.js';

/** The signing keys: makes the first one at start. Needs the ports `KeyStore`, `KeySettings` and `Clock`. */
@Module({ providers: [KeyRing], exports: [KeyRing] })
export class KeysModule implements OnApplicationBootstrap {
  constructor(private readonly ring: KeyRing) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.ring.ensureKey();
  }
}
