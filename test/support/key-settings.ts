import { KeySettings } from '../../src/keys/key-store.js';

/** Keys that seal what tests keep. */
export const KEY_SETTINGS = new KeySettings({ encryptionKey: Buffer.alloc(32, 7) });
